#include "agent/daemon/datastore_loop.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "agent/daemon/clock.h"
#include "agent/text.h"

namespace holdfast {

namespace {

constexpr Duration kWaitMax = std::chrono::milliseconds{500};
constexpr Duration kPublishEvery = std::chrono::milliseconds{500};
constexpr std::size_t kCompletionsAtOnce = 16;
// What datastores are formatted for unless somebody asks for more; memory for 1,024 hosts is 2 MiB more of each datastore.
constexpr std::uint32_t kHostsMaxExpected = 64;

template <std::size_t N>
void copy_text(std::string_view text, std::array<char, N>& out) {
    const std::size_t length = std::min(text.size(), N - 1);
    std::copy_n(text.data(), length, out.data());
    out[length] = '\0';
}

// The reason names what is used before anything else: "using io_uring (…) because …".
std::string_view backend_name(std::string_view reason) {
    const std::size_t uring = reason.find("io_uring");
    const std::size_t aio = reason.find("libaio");
    if (uring == std::string_view::npos && aio == std::string_view::npos) return "other";
    return uring < aio ? "io_uring" : "libaio";
}

bool is_write(DatastoreRequestKind kind) {
    switch (kind) {
        case DatastoreRequestKind::WriteSlot:
        case DatastoreRequestKind::WriteRoster:
        case DatastoreRequestKind::WriteOrders:
        case DatastoreRequestKind::WriteConfig:
        case DatastoreRequestKind::WriteHeap:
        case DatastoreRequestKind::WriteRecorder: return true;
        case DatastoreRequestKind::ScanSlots:
        case DatastoreRequestKind::ReadRoster:
        case DatastoreRequestKind::ReadOrders:
        case DatastoreRequestKind::ReadConfig:
        case DatastoreRequestKind::ReadHeap:
        case DatastoreRequestKind::ReadRecorder:
        case DatastoreRequestKind::Release: break;
    }
    return false;
}

}  // namespace

DatastoreLoop::DatastoreLoop(DatastoreOptions options,
                             std::uint32_t hosts_scan_max,
                             const Wakers& wakers,
                             Opening opening)
    : options_(std::move(options)),
      hosts_scan_max_(hosts_scan_max),
      hosts_max_(std::max(hosts_scan_max, kHostsMaxExpected)),
      opening_(std::move(opening)),
      engine_(wakers.engine),
      vm_(wakers.vm),
      log_(wakers.log),
      sink_(64, wakers.control),
      reopen_every_(opening_.retry_every) {
    options_.wakeup_fd = wakeup_.fd();
    memories_.push_back(std::make_unique<DatastoreMemory>(hosts_scan_max_, hosts_max_));
    publish();
}

void DatastoreLoop::start() {
    thread_.start(("hf-" + options_.name).substr(0, 15).c_str(), Pace::BeatPath, [this] { run(); });
}

void DatastoreLoop::stop() {
    stopping_.store(true);
    wakeup_.signal();
    thread_.join();
}

void DatastoreLoop::run() {
    while (!stopping_.load()) {
        if (store_ == nullptr) try_open();
        serve();
        if (boottime_now() >= published_at_ + kPublishEvery) publish();
    }
    store_.reset();
}

void DatastoreLoop::try_open() {
    if (boottime_now() < reopen_at_) {
        timespec pause{0, 20'000'000};
        nanosleep(&pause, nullptr);
        return;
    }
    if (memories_.back()->abandoned()) {
        memories_.push_back(std::make_unique<DatastoreMemory>(hosts_scan_max_, hosts_max_));
    }
    auto opened = opening_.open(options_, *memories_.back());
    if (!opened && opened.error().system_errno == E2BIG && hosts_max_ < kHostsMax) {
        // Formatted for more hosts than most are.  Nobody was told of the smaller memory yet, and nothing is under way in it.
        hosts_max_ = kHostsMax;
        memories_.back() = std::make_unique<DatastoreMemory>(hosts_scan_max_, hosts_max_);
        opened = opening_.open(options_, *memories_.back());
    }
    if (opened) {
        store_ = std::move(opened.value());
        problem_.clear();
        heap_bytes_ = store_->superblock().geometry.heap_bytes();
        hosts_formatted_ = store_->superblock().geometry.hosts_max();
        for (DatastorePort* port : {&engine_, &vm_, &log_}) {
            port->memory.store(memories_.back().get(), std::memory_order_release);
        }
        sink_.say(MessageId::DatastoreOpened,
                  {options_.name, options_.path, store_->backend_reason()});
        if (store_->tainted()) {
            sink_.say(MessageId::DatastoreTainted, {options_.name, options_.path});
        }
    } else {
        put_off_open(opened.error());
    }
    publish();
}

void DatastoreLoop::put_off_open(const Error& error) {
    const bool hung = memories_.back()->abandoned();
    reopen_every_ = hung ? std::min(2 * reopen_every_, kReopenEveryMax) : opening_.retry_every;
    reopen_at_ = boottime_now() + reopen_every_;
    // The same reason is said once, however often it is met.
    if (problem_ == error.text) return;
    problem_ = error.text;
    sink_.say(MessageId::DatastoreUnusable,
              {options_.name, options_.path, problem_, duration_text(reopen_every_)});
}

void DatastoreLoop::serve() {
    take_requests(engine_);
    take_requests(vm_);
    take_requests(log_);
    if (store_ == nullptr) return;
    store_->submit();
    store_->wait(kWaitMax);
    std::array<DatastoreCompletion, kCompletionsAtOnce> completions;
    for (std::size_t count = store_->reap(completions); count > 0;
         count = store_->reap(completions)) {
        for (std::size_t i = 0; i < count; ++i) {
            note_renewal(completions[i]);
            answer(completions[i]);
        }
    }
    look_at_health();
}

void DatastoreLoop::take_requests(DatastorePort& port) {
    PortRequest asked;
    while (port.requests.try_pop(asked)) {
        const DatastoreRequest& request = asked.request;
        const bool foreign = is_write(request.kind) && asked.memory != memories_.back().get();
        if (store_ != nullptr && !foreign) {
            store_->push(request);
            continue;
        }
        if (request.kind == DatastoreRequestKind::Release) continue;
        DatastoreCompletion refused;
        refused.kind = request.kind;
        refused.request = request.request;
        refused.first = request.first;
        answer(refused);
    }
}

void DatastoreLoop::note_renewal(const DatastoreCompletion& completion) {
    if (completion.kind != DatastoreRequestKind::WriteSlot || completion.status != IoStatus::Done)
        return;
    const Instant now = boottime_now();
    if (latency_.begun == kNotYet) latency_.begun = now - completion.latency;
    latency_.lease.renewed(now - completion.latency, now);
}

void DatastoreLoop::answer(const DatastoreCompletion& completion) {
    DatastorePort& port = port_of(completion.kind);
    // The ring is larger than what may be in flight, so full is a bug and never load.
    HF_CHECK(port.completions.try_push(completion));
    port.asker.signal();
}

DatastorePort& DatastoreLoop::port_of(DatastoreRequestKind kind) {
    switch (kind) {
        case DatastoreRequestKind::WriteHeap:
        case DatastoreRequestKind::ReadHeap: return vm_;
        case DatastoreRequestKind::WriteRecorder:
        case DatastoreRequestKind::ReadRecorder: return log_;
        case DatastoreRequestKind::WriteSlot:
        case DatastoreRequestKind::ScanSlots:
        case DatastoreRequestKind::WriteRoster:
        case DatastoreRequestKind::ReadRoster:
        case DatastoreRequestKind::WriteOrders:
        case DatastoreRequestKind::ReadOrders:
        case DatastoreRequestKind::WriteConfig:
        case DatastoreRequestKind::ReadConfig:
        case DatastoreRequestKind::Release: break;
    }
    return engine_;
}

void DatastoreLoop::look_at_health() {
    const DatastoreHealth health = store_->health();
    if (health.late == late_said_) return;
    late_said_ = health.late;
    if (health.late) {
        sink_.say(MessageId::DatastoreLate,
                  {options_.name, options_.path, duration_text(health.oldest_age)});
    } else {
        sink_.say(MessageId::DatastoreInTime, {options_.name, options_.path});
    }
}

void DatastoreLoop::publish() {
    published_at_ = boottime_now();
    DatastoreLoopFacts facts;
    facts.open = store_ != nullptr;
    facts.late = late_said_;
    facts.heap_bytes = heap_bytes_;
    facts.hosts_max = hosts_formatted_;
    copy_text(problem_, facts.problem);
    if (store_ != nullptr) {
        copy_text(backend_name(store_->backend_reason()), facts.backend);
        const LatencyHistogram& latency = store_->latency(DatastoreRequestKind::WriteSlot);
        if (latency.count() > 0) {
            facts.latency_p50_us = to_us(latency.quantile(0.5));
            facts.latency_p99_us = to_us(latency.quantile(0.99));
        }
        latency_.write = latency;
        latency_.scan = store_->latency(DatastoreRequestKind::ScanSlots);
        if (latency_.scan.count() > 0) {
            facts.scan_p50_us = to_us(latency_.scan.quantile(0.5));
            facts.scan_p99_us = to_us(latency_.scan.quantile(0.99));
        }
    }
    facts_.store(facts);
    latency_.until = published_at_;
    published_latency_.store(latency_);
}

bool DatastoreLoop::latency(DatastoreLatency& latency) const {
    return published_latency_.try_load(latency) && latency.begun != kNotYet;
}

DatastoreLoopFacts DatastoreLoop::facts() const {
    DatastoreLoopFacts facts;
    if (!facts_.try_load(facts)) return DatastoreLoopFacts{};
    return facts;
}

}  // namespace holdfast
