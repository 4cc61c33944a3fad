#include "agent/cli/agent_client.h"

#include <cerrno>
#include <cstring>

#include <poll.h>

#include "agent/seqpacket.h"
#include "agent/text.h"

namespace holdfast::cli {

namespace {

Unexpected<Error> unreachable(const std::string& path, int number, const std::string& why) {
    return Unexpected{
        Error{number,
              "the agent does not answer on " + path + ": " + why +
                  ". Is holdfastd running? Try: systemctl status holdfastd [HF-5030]"}};
}

bool wait_readable(int descriptor, Duration patience) {
    pollfd entry{descriptor, POLLIN, 0};
    const bool for_ever = patience == Duration::max();
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
    return poll(&entry, 1, for_ever ? -1 : static_cast<int>(ms)) > 0;
}

}  // namespace

Result<ControlEnd> ask_agent(const std::string& socket_path,
                             const ControlRequest& request,
                             Duration patience,
                             const std::function<void(std::string_view)>& take) {
    auto socket = Seqpacket::connect(socket_path, kControlPacketBytesMax);
    if (!socket) {
        const int number = socket.error().system_errno;
        return unreachable(
            socket_path, number, number != 0 ? std::strerror(number) : socket.error().text);
    }
    const std::string packet = encode_request(request);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(packet.data());
    if (socket->send({bytes, packet.size()}) != SendStatus::Sent) {
        return unreachable(
            socket_path, 0, "it takes no request; only root and the agent's own user may ask");
    }
    while (true) {
        std::span<const std::uint8_t> answer;
        const ReceiveStatus status = socket->receive(&answer);
        if (status == ReceiveStatus::Nothing) {
            if (!wait_readable(socket->descriptor(), patience)) {
                return unreachable(
                    socket_path, ETIMEDOUT, "no answer within " + duration_text(patience));
            }
            continue;
        }
        if (status != ReceiveStatus::Received || answer.empty()) {
            return unreachable(
                socket_path,
                0,
                "it closed the connection; only root and the agent's own user may ask");
        }
        const std::string_view text(reinterpret_cast<const char*>(answer.data()), answer.size());
        if (text.front() == 'D') {
            take(text.substr(1));
        } else {
            return decode_end(text);
        }
    }
}

}  // namespace holdfast::cli
