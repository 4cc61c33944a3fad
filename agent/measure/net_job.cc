#include "agent/measure/net_job.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include <netinet/in.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/measure/datastore_job.h"
#include "agent/measure/measurement.h"
#include "net/beat_format.h"
#include "storage/block_target.h"
#include "storage/clock.h"

namespace holdfast::measure {

namespace {

// "holdfast bench", for everybody to know: it keeps strays out and nobody else.
constexpr const char* kPublicKey =
    "686f6c64666173742062656e63680001686f6c64666173742062656e63680002\n";
constexpr Duration kLostAfter = std::chrono::seconds{10};
constexpr std::size_t kInFlightMax = 16384;
constexpr int kLookAtStopMs = 100;
constexpr Duration kLookAtStopFor = std::chrono::milliseconds{kLookAtStopMs};

Unexpected<Error> failed(const std::string& what) {
    return Unexpected{Error{errno, what + ": " + std::strerror(errno) + ". [HF-5106]"}};
}

// SocketAddress is aligned for it, which its byte array does not say.
const sockaddr* kernel_address(const SocketAddress& address) {
    return static_cast<const sockaddr*>(static_cast<const void*>(address.bytes.data()));
}

sockaddr* kernel_address(SocketAddress& address) {
    return static_cast<sockaddr*>(static_cast<void*>(address.bytes.data()));
}

Result<OwnedFd> open_socket(const Address& own, bool v6, std::uint16_t port) {
    OwnedFd fd{::socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (fd.get() < 0) return failed("no UDP socket can be had");
    // As beats are sent, best effort.
    const int priority = 6;
    const int service = 0xc0;
    const int off = 0;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_PRIORITY, &priority, sizeof priority);
    if (v6) {
        ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_TCLASS, &service, sizeof service);
        ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    } else {
        ::setsockopt(fd.get(), IPPROTO_IP, IP_TOS, &service, sizeof service);
    }
    SocketAddress bound;
    if (!own.is_none()) {
        bound = to_socket_address(own, port);
    } else if (v6) {
        sockaddr_in6 any{};
        any.sin6_family = AF_INET6;
        any.sin6_port = htons(port);
        std::memcpy(bound.bytes.data(), &any, sizeof any);
        bound.size = sizeof any;
    } else {
        sockaddr_in any{};
        any.sin_family = AF_INET;
        any.sin_port = htons(port);
        std::memcpy(bound.bytes.data(), &any, sizeof any);
        bound.size = sizeof any;
    }
    if (::bind(fd.get(), kernel_address(bound), bound.size) != 0) {
        return failed("UDP port " + std::to_string(port) + " cannot be used");
    }
    return fd;
}

Beat beat_of(HostId from, HostId to, Incarnation incarnation, std::uint64_t number) {
    Beat beat;
    beat.from = from;
    beat.to = to;
    beat.host_uuid = kMeasuringCluster;
    beat.boot_id = kMeasuringCluster;
    beat.incarnation = incarnation;
    beat.number = BeatNumber{number};
    beat.watchdog_class = WatchdogClass::None;
    return beat;
}

using Datagram512 = std::array<std::uint8_t, kDatagramBytesMax>;

// A beat of a measurement, signed with one of our keys; nothing else is looked at.
bool read_beat(const Datagram512& bytes, ssize_t size, const BeatKeys& keys, Beat& beat) {
    if (size != static_cast<ssize_t>(kBeatBytes)) return false;
    const std::span<const std::uint8_t, kBeatBytes> view(bytes.data(), kBeatBytes);
    if (!check_envelope(view, kMeasuringCluster) || !keys.check(view)) return false;
    const auto decoded = decode_beat(view);
    if (!decoded) return false;
    beat = *decoded;
    return true;
}

class PeerMeter {
  public:
    PeerMeter(const NetJob& job, const BeatKeys& keys, TargetResult& result, int fd)
        : job_(job), keys_(keys), result_(result), fd_(fd) {
        std::uint32_t random = 1;
        [[maybe_unused]] const ssize_t got = ::getrandom(&random, sizeof random, 0);
        // Answers to an earlier measurement are not ours.
        incarnation_ = Incarnation{random | 1U, 1};
    }

    void run() {
        begun_ = boottime_now();
        result_.lease.begin(begun_);
        result_.begun_at.store(begun_.time_since_epoch().count());
        result_.state.store(TargetState::Measuring);
        Instant next = begun_;
        Instant now = begun_;
        const Instant end = begun_ + job_.duration;
        while (!result_.stop.load() && now < end) {
            if (now >= next) {
                result_.at(Operation::Wakeup).record(now - begun_, now - next);
                while (next <= now) next += job_.interval;
                send(now);
            }
            const Duration left = std::clamp(next - now, Duration::zero(), kLookAtStopFor);
            const timespec span{0, left.count()};
            pollfd entry{fd_, POLLIN, 0};
            ::ppoll(&entry, 1, &span, nullptr);
            receive();
            now = boottime_now();
        }
        result_.ended_at.store(now.time_since_epoch().count());
        result_.open_gap = result_.lease.open_gap(now);
        count_lost(now + kLostAfter);
    }

  private:
    struct Sent {
        std::uint64_t number = 0;  // 0: answered or lost
        Instant at = kNotYet;
    };

    void send(Instant now) {
        count_lost(now);
        const std::uint64_t number = ++number_;
        sent_[number % kInFlightMax] = {number, now};
        std::array<std::uint8_t, kBeatBytes> bytes{};
        encode_beat(beat_of(HostId{1}, HostId{2}, incarnation_, number),
                    kMeasuringCluster,
                    keys_.sending_id(),
                    bytes);
        keys_.sign(bytes);
        const SocketAddress to = to_socket_address(job_.peer, job_.port);
        const ssize_t done =
            ::sendto(fd_, bytes.data(), bytes.size(), 0, kernel_address(to), to.size);
        if (done < 0) result_.at(Operation::Roundtrip).last_errno = errno;
        result_.beats.fetch_add(1);
    }

    void receive() {
        Datagram512 bytes;
        for (;;) {
            const ssize_t size = ::recv(fd_, bytes.data(), bytes.size(), 0);
            if (size < 0) return;
            const Instant now = boottime_now();
            Beat beat;
            if (!read_beat(bytes, size, keys_, beat) || beat.answered_incarnation != incarnation_)
                continue;
            Sent& sent = sent_[beat.answered_number.value() % kInFlightMax];
            if (sent.number == 0 || sent.number != beat.answered_number.value()) continue;
            OperationSeen& seen = result_.at(Operation::Roundtrip);
            seen.record(sent.at - begun_, now - sent.at);
            result_.worst_ns.store(seen.worst.count());
            result_.lease.renewed(sent.at, now);
            sent.number = 0;
        }
    }

    // What was sent long ago and not answered.
    void count_lost(Instant now) {
        while (oldest_ <= number_) {
            Sent& sent = sent_[oldest_ % kInFlightMax];
            if (sent.number == oldest_) {
                if (now - sent.at < kLostAfter) return;
                ++result_.at(Operation::Roundtrip).errors;
                sent.number = 0;
            }
            ++oldest_;
        }
    }

    const NetJob& job_;
    const BeatKeys& keys_;
    TargetResult& result_;
    int fd_;
    Incarnation incarnation_;
    Instant begun_{};
    std::uint64_t number_ = 0;
    std::uint64_t oldest_ = 1;
    std::array<Sent, kInFlightMax> sent_{};
};

}  // namespace

Result<BeatKeys> measuring_keys(const std::string& key_file) {
    return key_file.empty() ? BeatKeys::parse(kPublicKey, "the public measuring key")
                            : BeatKeys::load(key_file);
}

void measure_peer(const NetJob& job, const BeatKeys& keys, TargetResult& result) {
    std::strncpy(result.medium.data(), kMediumNetwork, result.medium.size() - 1);
    const auto fd = open_socket(job.own, job.peer.family == AddressFamily::V6, 0);
    if (!fd) {
        std::strncpy(result.problem.data(), fd.error().text.c_str(), result.problem.size() - 1);
        result.state.store(TargetState::Failed);
        return;
    }
    const auto meter = std::make_unique<PeerMeter>(job, keys, result, fd->get());
    meter->run();
    if (result.at(Operation::Roundtrip).latency.count() > 0) {
        result.state.store(TargetState::Complete);
        return;
    }
    const std::string problem = to_string(job.peer) +
                                " never answered: is `holdfast bench net --listen` running there, "
                                "with the same key file, and is UDP port " +
                                std::to_string(job.port) + " open? [HF-5107]";
    std::strncpy(result.problem.data(), problem.c_str(), result.problem.size() - 1);
    result.state.store(TargetState::Failed);
}

Result<std::uint64_t> answer_beats(const Address& own,
                                   std::uint16_t port,
                                   const BeatKeys& keys,
                                   const std::function<bool()>& interrupted) {
    auto fd = open_socket(own, own.family != AddressFamily::V4, port);
    // A host without IPv6.
    if (!fd && own.is_none()) fd = open_socket(own, false, port);
    if (!fd) return Unexpected{fd.error()};
    std::uint64_t answered = 0;
    std::uint64_t number = 0;
    while (!interrupted()) {
        pollfd entry{fd->get(), POLLIN, 0};
        if (::poll(&entry, 1, kLookAtStopMs) <= 0) continue;
        Datagram512 bytes;
        SocketAddress from;
        from.size = static_cast<std::uint32_t>(from.bytes.size());
        const ssize_t size =
            ::recvfrom(fd->get(), bytes.data(), bytes.size(), 0, kernel_address(from), &from.size);
        Beat asked;
        // An answer is never answered: two listeners must not talk to each other for ever.
        if (!read_beat(bytes, size, keys, asked) || !asked.answered_incarnation.is_none()) continue;
        Beat answer = beat_of(asked.to, asked.from, Incarnation{1, 1}, ++number);
        answer.answered_incarnation = asked.incarnation;
        answer.answered_number = asked.number;
        std::array<std::uint8_t, kBeatBytes> out{};
        encode_beat(answer, kMeasuringCluster, keys.sending_id(), out);
        keys.sign(out);
        const ssize_t sent =
            ::sendto(fd->get(), out.data(), out.size(), 0, kernel_address(from), from.size);
        if (sent == static_cast<ssize_t>(out.size())) ++answered;
    }
    return answered;
}

}  // namespace holdfast::measure
