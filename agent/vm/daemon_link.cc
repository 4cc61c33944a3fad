#include "agent/vm/daemon_link.h"

#include <algorithm>
#include <fmt/format.h>
#include <type_traits>
#include <utility>

#include <unistd.h>

#include "agent/vm/log.h"

namespace holdfast {
namespace {

constexpr Duration kConnectInterval = std::chrono::milliseconds(200);
constexpr std::size_t kQueueMax = 16384;  // a holdfastd that takes none of so many does not live
constexpr const char* kSoftware = "0.1.0";

bool is_answer(const vm_protocol::Message& message) {
    return std::visit(
        [](const auto& content) {
            using Content = std::decay_t<decltype(content)>;
            return std::is_same_v<Content, vm_protocol::Stopped> ||
                   std::is_same_v<Content, vm_protocol::Started> ||
                   std::is_same_v<Content, vm_protocol::Resumed> ||
                   std::is_same_v<Content, vm_protocol::Gone>;
        },
        message);
}

}  // namespace

void DaemonLink::send(vm_protocol::Message message) {
    if (!is_connected() && !is_answer(message)) return;
    queue_.push_back(std::move(message));
    if (queue_.size() > kQueueMax) disconnect("it does not read");
}

bool DaemonLink::connect(Instant now) {
    if (is_connected() || now < next_connect_at_) return false;
    next_connect_at_ = now + kConnectInterval;
    Result<Seqpacket> socket = Seqpacket::connect(path_, vm_protocol::kMessageBytesMax);
    std::string error = socket ? "" : socket.error().text;
    if (socket && socket->peer().value_or(Seqpacket::Peer{0, ~0U}).uid != ::geteuid()) {
        error = path_ + " is served by another user: not trusted [HF-6051]";
    }
    if (!error.empty()) {
        if (std::exchange(last_error_, error) != error) {
            log_line(fmt::format("waiting for holdfastd: {}", error));
        }
        return false;
    }
    last_error_.clear();
    log_line("connected to holdfastd");
    socket_.emplace(std::move(*socket));
    queue_.push_front(vm_protocol::Hello{static_cast<std::uint32_t>(::getpid()), kSoftware});
    return true;
}

std::vector<vm_protocol::Message> DaemonLink::receive() {
    std::vector<vm_protocol::Message> messages;
    while (is_connected()) {
        std::span<const std::uint8_t> packet;
        const ReceiveStatus status = socket_->receive(&packet);
        if (status == ReceiveStatus::Nothing) break;
        if (status == ReceiveStatus::Closed) {
            disconnect("it closed the connection");
        } else if (status == ReceiveStatus::TooLarge) {
            log_line("holdfastd sent a packet that is too large: dropped [HF-6050]");
        } else {
            Result<vm_protocol::Message, vm_protocol::DecodeError> message =
                vm_protocol::decode(packet);
            if (message) {
                messages.push_back(std::move(*message));
            } else {
                log_line(fmt::format("holdfastd sent {} bytes that are {}: dropped [HF-6050]",
                                     packet.size(),
                                     vm_protocol::describe(message.error())));
            }
        }
    }
    return messages;
}

void DaemonLink::flush() {
    while (wants_to_write()) {
        const SendStatus status = socket_->send(vm_protocol::encode(queue_.front()));
        if (status == SendStatus::WouldBlock) return;
        if (status == SendStatus::Closed) return disconnect("it closed the connection");
        if (status == SendStatus::TooLarge) {
            log_line("a message does not fit the socket's buffer: dropped [HF-6052]");
        }
        queue_.pop_front();
    }
}

void DaemonLink::disconnect(const std::string& why) {
    log_line(fmt::format("holdfastd is away: {}", why));
    socket_.reset();
    std::erase_if(queue_, [](const vm_protocol::Message& message) { return !is_answer(message); });
}

}  // namespace holdfast
