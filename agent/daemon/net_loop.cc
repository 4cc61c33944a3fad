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
constexpr Duration kRejectsEvery = std::chrono::seconds{10};
constexpr int kWaitMaxMs = 1000;
constexpr std::size_t kBeatsInMax = 4096;

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
    return std::unique_ptr<NetLoop>(
        new NetLoop(config, std::move(keys), std::move(members), own, engine, control));
}

NetLoop::NetLoop(const Config& config,
                 BeatKeys keys,
                 MemberTable members,
                 const LinkAddresses& own,
                 const Wakeup& engine,
                 const Wakeup& control)
    : keys_(std::move(keys)),
      members_(std::move(members)),
      links_(own, config.port),
      sender_(config.cluster_uuid, config.port, keys_, members_, links_, counters_),
      receiver_(config.cluster_uuid, config.self, keys_, members_, links_, counters_),
      beats_out_(2 * kHostsMax, wakeup_),
      beats_in_(kBeatsInMax, engine),
      sink_(64, control),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    HF_CHECK(epoll_ >= 0);
    watch(epoll_, wakeup_.fd(), kWakeupKey);
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
    std::array<epoll_event, kLinksMax + 1> ready{};
    while (!stopping_.load()) {
        open_links();
        const int count =
            epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), kWaitMaxMs);
        for (int i = 0; i < count; ++i) {
            const std::uint64_t key = ready[static_cast<std::size_t>(i)].data.u64;
            if (key == kWakeupKey) {
                wakeup_.drain();
            } else {
                receive(key);
            }
        }
        send_queued();
        report_rejects();
    }
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

void NetLoop::send_queued() {
    Beat beat;
    bool any = false;
    while (beats_out_.ring.try_pop(beat)) {
        sender_.add(beat);
        any = true;
    }
    if (any) sender_.flush();
}

void NetLoop::receive(std::size_t link) {
    const auto beats = receiver_.receive(link);
    for (const BeatReceived& beat : beats) {
        // Full means that the engine is far behind; its next beats will do.
        [[maybe_unused]] const bool pushed = beats_in_.ring.try_push(beat);
    }
    if (!beats.empty()) beats_in_.reader.signal();
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
