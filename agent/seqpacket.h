// SOCK_SEQPACKET Unix sockets that never block: a listener, and a connection that carries whole packets.
//
// One thread per object; the descriptors may be given to epoll.  Both ends are close-on-exec.  A connection can carry
// packets up to the `packet_bytes_max` it was made with, where the kernel grants the buffer (SO_SNDBUFFORCE as root).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <sys/types.h>

#include "engine/base/result.h"

namespace holdfast {

enum class SendStatus : std::uint8_t {
    Sent = 1,
    WouldBlock,  // the peer does not read; nothing was sent, try again when writable
    TooLarge,    // the kernel's buffer will never take it
    Closed,      // the peer is gone
};

enum class ReceiveStatus : std::uint8_t {
    Received = 1,
    Nothing,   // no packet is waiting
    TooLarge,  // a packet longer than packet_bytes_max came and was dropped
    Closed,    // the peer is gone
};

class Seqpacket {
  public:
    // Connects; system_errno ENOENT or ECONNREFUSED when nobody listens, EAGAIN when its backlog is full.
    [[nodiscard]] static Result<Seqpacket> connect(const std::string& path,
                                                   std::size_t packet_bytes_max);

    // Takes over a connected descriptor (socketpair in tests).
    Seqpacket(int descriptor, std::size_t packet_bytes_max);
    Seqpacket(Seqpacket&& other) noexcept;
    Seqpacket& operator=(Seqpacket&& other) noexcept;
    Seqpacket(const Seqpacket&) = delete;
    Seqpacket& operator=(const Seqpacket&) = delete;
    ~Seqpacket();

    [[nodiscard]] SendStatus send(std::span<const std::uint8_t> packet);

    // On Received, `packet` is valid until the next receive.
    [[nodiscard]] ReceiveStatus receive(std::span<const std::uint8_t>* packet);

    // Who opened the other end.
    struct Peer {
        pid_t pid = 0;
        uid_t uid = 0;
    };

    [[nodiscard]] std::optional<Peer> peer() const;

    [[nodiscard]] int descriptor() const { return descriptor_; }

  private:
    int descriptor_ = -1;
    std::vector<std::uint8_t> buffer_;
};

class SeqpacketListener {
  public:
    // Binds `path` with mode 0600, replacing the socket of a predecessor.  The caller makes sure that there is only
    // one of it.
    [[nodiscard]] static Result<SeqpacketListener> listen(const std::string& path,
                                                          std::size_t packet_bytes_max);

    SeqpacketListener(SeqpacketListener&& other) noexcept;
    SeqpacketListener& operator=(SeqpacketListener&& other) noexcept;
    SeqpacketListener(const SeqpacketListener&) = delete;
    SeqpacketListener& operator=(const SeqpacketListener&) = delete;
    ~SeqpacketListener();

    // A waiting connection, if there is one.
    [[nodiscard]] std::optional<Seqpacket> accept();

    [[nodiscard]] int descriptor() const { return descriptor_; }

  private:
    SeqpacketListener(int descriptor, std::size_t packet_bytes_max)
        : descriptor_(descriptor), packet_bytes_max_(packet_bytes_max) {}

    int descriptor_ = -1;
    std::size_t packet_bytes_max_ = 0;
};

}  // namespace holdfast
