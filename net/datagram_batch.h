// SendBatch and ReceiveBatch: many datagrams with one system call (sendmmsg, recvmmsg).
//
// All buffers are part of the objects; nothing is allocated after construction, nothing blocks.
// The objects hold pointers into themselves, so they do not move.
//
// Thread safety: owned by the net loop.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <sys/socket.h>

#include "net/address.h"
#include "net/beat_format.h"
#include "net/net_counters.h"

namespace holdfast {

class SendBatch {
  public:
    static constexpr std::size_t kCapacity = 64;

    SendBatch();
    SendBatch(const SendBatch&) = delete;
    SendBatch& operator=(const SendBatch&) = delete;
    SendBatch(SendBatch&&) = delete;
    SendBatch& operator=(SendBatch&&) = delete;
    ~SendBatch() = default;

    [[nodiscard]] bool empty() const { return count_ == 0; }

    [[nodiscard]] bool full() const { return count_ == kCapacity; }

    // Copies both.  REQUIRES: !full()
    void add(const SocketAddress& target, BeatBytesView bytes);

    // Sends all and becomes empty.  What cannot be sent now is dropped and counted, never kept: the
    // next beat replaces it.  One target that fails does not stop the others.
    void flush(int fd, LinkCounters& counters);

    void clear() { count_ = 0; }

  private:
    std::array<mmsghdr, kCapacity> headers_{};
    std::array<iovec, kCapacity> vectors_{};
    std::array<SocketAddress, kCapacity> targets_{};
    std::array<std::array<std::uint8_t, kBeatBytes>, kCapacity> bytes_{};
    std::size_t count_ = 0;
};

struct Datagram {
    std::span<const std::uint8_t>
        bytes;               // at most kDatagramBytesMax; valid until the next receive()
    bool truncated = false;  // it was longer than that
    Address source;
};

class ReceiveBatch {
  public:
    static constexpr std::size_t kCapacity = 32;

    ReceiveBatch();
    ReceiveBatch(const ReceiveBatch&) = delete;
    ReceiveBatch& operator=(const ReceiveBatch&) = delete;
    ReceiveBatch(ReceiveBatch&&) = delete;
    ReceiveBatch& operator=(ReceiveBatch&&) = delete;
    ~ReceiveBatch() = default;

    // Takes what is there, up to kCapacity datagrams, and returns how many.  0 when there is
    // nothing, or on an error, which is counted.  `overflow_seen` belongs to the socket: its drops
    // as last reported.
    std::size_t receive(int fd, LinkCounters& counters, std::uint32_t& overflow_seen);

    // REQUIRES: index < what receive() returned
    [[nodiscard]] Datagram datagram(std::size_t index) const;

  private:
    static constexpr std::size_t kControlBytes = CMSG_SPACE(sizeof(std::uint32_t));

    struct alignas(cmsghdr) Control {
        std::array<std::uint8_t, kControlBytes> bytes;
    };

    std::array<mmsghdr, kCapacity> headers_{};
    std::array<iovec, kCapacity> vectors_{};
    std::array<SocketAddress, kCapacity> sources_{};
    std::array<Control, kCapacity> controls_{};
    std::array<std::array<std::uint8_t, kDatagramBytesMax>, kCapacity> bytes_{};
    std::size_t count_ = 0;
};

}  // namespace holdfast
