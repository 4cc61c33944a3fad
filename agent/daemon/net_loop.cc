#include "agent/daemon/net_loop.h"

#include <algorithm>
#include <string>
#include <utility>

#include <sys/epoll.h>
#include <unistd.h>

#include "agent/daemon/clock.h"
#include "agent/text.h"

namespace holdfast {

namespace {

constexpr std::uint64_t kWakeupKey = ~std::uint64_t{0};
constexpr std::uint64_t kProbeKey = kWakeupKey - 1;
constexpr Duration kRejectsEvery = std::chrono::seconds{10};
constexpr int kWaitMaxMs = 1000;
constexpr std::size_t kBeatsInMax = 4096;
constexpr Duration kLinksPublishedEvery = std::chrono::seconds{1};

void watch(int epoll, int fd, std::uint64_t key) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = key;
    HF_CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
}

// Rejects that happen in a healthy cluster: copies over a second link, and what is still under way after a restart.
bool is_ordinary(BeatReject reject) {
    return reject == BeatReject::Duplicate || reject == BeatReject::OlderIncarnation ||
           reject == BeatReject::TooOld;
}

}  // namespace

Result<std::unique_ptr<NetLoop>> NetLoop::make(const Config& config,
                                               BeatKeys keys,
                                               const Wakeup& engine,
                                               const Wakeup& control) {
    MemberTable members;
    LinkAddresses own{};
    for (const MemberConfig& entry : config.members) {
        Member member;
        member.host = entry.id;
        for (std::size_t link = 0; link < entry.addresses.size() && link < kLinksMax; ++link) {
            const Result<Address> address = parse_address(entry.addresses[link]);
            if (!address) return Unexpected{address.error()};
            member.addresses[link] = *address;
        }
        if (entry.id == config.self) own = member.addresses;
        const Result<Nothing> added = members.add(member);
        if (!added) return Unexpected{added.error()};
    }
    std::vector<Address> isolation_addresses;
    for (const std::string& text : config.isolation_addresses) {
        const Result<Address> address = parse_address(text);
        if (!address) return Unexpected{address.error()};
        isolation_addresses.push_back(*address);
    }
    if (isolation_addresses.size() > kIsolationAddressesMax) {
        return Unexpected{Error{0,
                                std::to_string(isolation_addresses.size()) +
                                    " isolation addresses are too many: at most " +
                                    std::to_string(kIsolationAddressesMax) + " are asked."}};
    }
    return std::unique_ptr<NetLoop>(new NetLoop(
        config, std::move(keys), std::move(members), own, isolation_addresses, engine, control));
}

NetLoop::NetLoop(const Config& config,
                 BeatKeys keys,
                 MemberTable members,
                 const LinkAddresses& own,
                 const std::vector<Address>& isolation_addresses,
                 const Wakeup& engine,
                 const Wakeup& control)
    : keys_(std::move(keys)),
      members_(std::move(members)),
      links_(own, config.port),
      sender_(config.cluster_uuid, config.port, keys_, members_, links_, counters_),
      receiver_(config.cluster_uuid, config.self, keys_, members_, links_, counters_),
      beats_out_(2 * kHostsMax, wakeup_),
      beats_in_(kBeatsInMax, engine),
      listed_(4 * kJoinersMax, wakeup_),
      probes_in_(16, engine),
      sink_(64, control),
      probe_(isolation_addresses),
      interval_(config.timing.interval),
      fresh_(config.timing.fresh),
      heard_at_(boottime_now()),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    HF_CHECK(epoll_ >= 0);
    for (const MemberConfig& member : config.members) of_file_.insert(member.id);
    watch(epoll_, wakeup_.fd(), kWakeupKey);
    for (const int fd : probe_.fds()) watch(epoll_, fd, kProbeKey);
}

NetLoop::~NetLoop() {
    stop();
    close(epoll_);
}

void NetLoop::start() {
    thread_.start("hf-net", Pace::BeatPath, [this] { run(); });
}

void NetLoop::stop() {
    stopping_.store(true);
    wakeup_.signal();
    thread_.join();
}

void NetLoop::run() {
    std::array<epoll_event, kLinksMax + 3> ready{};
    if (!probe_.error().empty()) sink_.say(MessageId::IsolationProbeFailed, {probe_.error()});
    while (!stopping_.load()) {
        open_links();
        const int count =
            epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), wait_ms());
        for (int i = 0; i < count; ++i) {
            const std::uint64_t key = ready[static_cast<std::size_t>(i)].data.u64;
            if (key == kWakeupKey) {
                wakeup_.drain();
            } else if (key == kProbeKey) {
                read_probe_answers();
            } else {
                receive(key);
            }
        }
        take_listed();
        send_queued();
        probe_if_due();
        report_rejects();
        publish_if_due();
    }
}

int NetLoop::wait_ms() const {
    if (probe_.fds().empty()) return kWaitMaxMs;
    const Instant due = std::max(heard_at_ + fresh_, probe_at_);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(due - boottime_now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, kWaitMaxMs));
}

// A round ends when the next one begins; one that an address has answered was reported at once.
void NetLoop::probe_if_due() {
    if (probe_.fds().empty()) return;
    const Instant now = boottime_now();
    if (now - heard_at_ < fresh_) {
        round_open_ = false;
        return;
    }
    if (now < probe_at_) return;
    if (round_open_ && !round_answered_) report_probe(false);
    probe_at_ = now + interval_;
    round_open_ = true;
    round_answered_ = false;
    probe_.send_probe();
}

void NetLoop::read_probe_answers() {
    if (probe_.on_readable() == 0 || round_answered_) return;
    round_answered_ = true;
    report_probe(true);
}

void NetLoop::report_probe(bool answered) {
    // Full means that the engine is far behind; the next round will do.
    [[maybe_unused]] const bool pushed = probes_in_.ring.try_push(ProbeReport{answered});
    probes_in_.reader.signal();
}

void NetLoop::open_links() {
    const Instant now = boottime_now();
    if (links_.next_attempt() > now) return;
    const std::uint32_t opened = links_.open_missing(now);
    for (std::size_t i = 0; i < links_.size(); ++i) {
        const std::uint32_t bit = 1U << i;
        if ((opened & bit) != 0) {
            watch(epoll_, links_[i].fd(), i);
            down_said_ &= ~bit;
            sink_.say(MessageId::LinkUp, {std::to_string(i), to_string(links_[i].own())});
        } else if (!links_[i].is_up() && !links_[i].error().empty() && (down_said_ & bit) == 0) {
            down_said_ |= bit;
            sink_.say(MessageId::LinkDown,
                      {std::to_string(i), to_string(links_[i].own()), links_[i].error()});
        }
    }
}

void NetLoop::take_listed() {
    Member member;
    while (listed_.ring.try_pop(member)) {
        if (of_file_.contains(member.host)) continue;
        members_.remove(member.host);
        const Result<Nothing> added = members_.add(member);
        if (added) {
            sink_.say(MessageId::MemberListed,
                      {std::to_string(member.host.value()), to_string(member.addresses[0])});
        } else {
            sink_.say(MessageId::MemberNotReached,
                      {std::to_string(member.host.value()), added.error().text});
        }
    }
}

void NetLoop::send_queued() {
    Beat beat;
    bool any = false;
    while (beats_out_.ring.try_pop(beat)) {
        if (!any) meter_.sent(beat, boottime_now());
        sender_.add(beat);
        any = true;
    }
    if (any) sender_.flush();
}

void NetLoop::receive(std::size_t link) {
    const auto beats = receiver_.receive(link);
    const Instant now = boottime_now();
    for (const BeatReceived& copy : receiver_.copies()) meter_.copied(copy.beat, copy.link, now);
    for (const BeatReceived& beat : beats) {
        meter_.received(beat.beat, beat.link, now);
        // Full means that the engine is far behind; its next beats will do.
        [[maybe_unused]] const bool pushed = beats_in_.ring.try_push(beat);
    }
    if (beats.empty()) return;
    heard_at_ = now;
    beats_in_.reader.signal();
}

void NetLoop::publish_if_due() {
    const Instant now = boottime_now();
    if (now < published_at_ + kLinksPublishedEvery) return;
    published_at_ = now;
    published_latency_.store(meter_.seen(now));
    std::uint32_t up = 0;
    for (std::size_t i = 0; i < links_.size(); ++i) up |= (links_[i].is_up() ? 1U : 0U) << i;
    links_up_.store(up);
}

std::array<LinkFacts, kLinksMax> NetLoop::links() const {
    std::array<LinkFacts, kLinksMax> facts;
    const auto latency = std::make_unique<BeatLatency>();
    const bool have = published_latency_.try_load(*latency);
    for (std::size_t i = 0; i < facts.size(); ++i) {
        facts[i].up = ((links_up_.load() >> i) & 1U) != 0;
        const LatencyHistogram& spacing = latency->spacing[i];
        if (!have || spacing.count() == 0) continue;
        facts[i].beats = spacing.count();
        facts[i].spacing_p50_us = to_us(spacing.quantile(0.5));
        facts[i].spacing_p99_us = to_us(spacing.quantile(0.99));
        facts[i].spacing_worst_us = to_us(spacing.max());
    }
    return facts;
}

bool NetLoop::latency(BeatLatency& latency) const {
    return published_latency_.try_load(latency) && latency.begun != kNotYet;
}

void NetLoop::report_rejects() {
    const Instant now = boottime_now();
    if (now < rejects_at_) return;
    rejects_at_ = now + kRejectsEvery;
    for (std::size_t i = 0; i < kBeatRejectCount; ++i) {
        const auto reject = static_cast<BeatReject>(i);
        if (is_ordinary(reject) || counters_.rejected[i] == rejected_said_[i]) continue;
        // The first one is news, and then each tenfold.
        const bool is_news =
            rejected_said_[i] == 0 || counters_.rejected[i] >= 10 * rejected_said_[i];
        if (!is_news) continue;
        rejected_said_[i] = counters_.rejected[i];
        const RejectNote& note = counters_.note_of(reject);
        sink_.say(MessageId::BeatsRejected,
                  {to_string(reject),
                   std::to_string(counters_.rejected[i]),
                   note.source.is_none() ? "unknown" : to_string(note.source),
                   std::to_string(note.host.value())});
    }
}

}  // namespace holdfast
