// DaemonLink: holdfast-vm's end of `run/vm.sock`.
//
// Connects and reconnects; nothing here blocks.  While there is no connection, answers (Stopped, Started, Resumed, Gone)
// are kept and said after the next Hello; everything else is dropped, because it is said anew then.  One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "agent/seqpacket.h"
#include "agent/vm/vm_manager.h"
#include "agent/vm_protocol.h"
#include "engine/base/types.h"

namespace holdfast {

class DaemonLink final : public Outbox {
  public:
    explicit DaemonLink(std::string path) : path_(std::move(path)) {}

    void send(vm_protocol::Message message) override;

    // Tries to connect when it is time.  True once for each new connection.
    [[nodiscard]] bool connect(Instant now);

    // Everything that arrived, oldest first; damaged packets are logged and dropped.
    [[nodiscard]] std::vector<vm_protocol::Message> receive();

    // Hands over as much as the socket takes.
    void flush();

    [[nodiscard]] bool is_connected() const { return socket_.has_value(); }

    [[nodiscard]] bool wants_to_write() const { return is_connected() && !queue_.empty(); }

    // -1 without a connection.
    [[nodiscard]] int descriptor() const { return socket_ ? socket_->descriptor() : -1; }

  private:
    void disconnect(const std::string& why);

    std::string path_;
    std::optional<Seqpacket> socket_;
    std::deque<vm_protocol::Message> queue_;
    Instant next_connect_at_ = kNotYet;
    std::string last_error_;
};

}  // namespace holdfast
