#include "agent/keeper/stand_in_watchdog.h"

#include <cstdint>
#include <fmt/format.h>
#include <memory>
#include <span>
#include <sstream>
#include <string_view>
#include <utility>

#include <poll.h>

#include "agent/seqpacket.h"

namespace holdfast {
namespace {

constexpr std::size_t kPacketBytesMax = 256;
constexpr int kAnswerTimeoutMs = 2000;
constexpr std::int64_t kTimeoutMsMax = 600'000;

[[nodiscard]] bool say(Seqpacket& socket, std::string_view word) {
    const std::span<const char> text(word.data(), word.size());
    const auto bytes = std::as_bytes(text);
    return socket.send({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}) ==
           SendStatus::Sent;
}

class StandIn final : public WatchdogDevice {
  public:
    StandIn(std::shared_ptr<Seqpacket> socket, Duration timeout, WatchdogClass watchdog_class)
        : socket_(std::move(socket)), timeout_(timeout), class_(watchdog_class) {}

    [[nodiscard]] bool feed() override { return say(*socket_, "feed"); }

    [[nodiscard]] bool stop() override { return say(*socket_, "stop"); }

    [[nodiscard]] Duration timeout() const override { return timeout_; }

    [[nodiscard]] WatchdogClass watchdog_class() const override { return class_; }

    [[nodiscard]] std::string description() const override { return "stand-in"; }

  private:
    std::shared_ptr<Seqpacket> socket_;
    Duration timeout_;
    WatchdogClass class_;
};

class StandInReset final : public ResetDevice {
  public:
    explicit StandInReset(std::shared_ptr<Seqpacket> socket) : socket_(std::move(socket)) {}

    void reset() override {
        if (!say(*socket_, "reset")) return;
    }

  private:
    std::shared_ptr<Seqpacket> socket_;
};

Result<std::string> await_answer(Seqpacket& socket, const std::string& path) {
    pollfd readable{socket.descriptor(), POLLIN, 0};
    std::span<const std::uint8_t> packet;
    if (::poll(&readable, 1, kAnswerTimeoutMs) != 1 ||
        socket.receive(&packet) != ReceiveStatus::Received) {
        return Unexpected{
            Error{0,
                  fmt::format("stand-in watchdog {} did not answer within {} ms. [HF-6515]",
                              path,
                              kAnswerTimeoutMs)}};
    }
    return std::string(packet.begin(), packet.end());
}

}  // namespace

Result<Guard> open_stand_in(const std::string& path, Duration timeout) {
    Result<Seqpacket> connected = Seqpacket::connect(path, kPacketBytesMax);
    if (!connected) {
        return Unexpected{
            Error{connected.error().system_errno,
                  fmt::format("stand-in watchdog: {}. [HF-6514]", connected.error().text)}};
    }
    auto socket = std::make_shared<Seqpacket>(std::move(*connected));
    const auto wanted_ms = std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count();
    if (!say(*socket, fmt::format("open {}", wanted_ms))) {
        return Unexpected{Error{0, fmt::format("stand-in watchdog {} went away. [HF-6515]", path)}};
    }
    const Result<std::string> answer = await_answer(*socket, path);
    if (!answer) return Unexpected{answer.error()};

    // timeout REAL_MS class hardware|soft
    std::istringstream words(*answer);
    std::string timeout_word;
    std::string class_word;
    std::string class_name;
    std::int64_t real_ms = 0;
    words >> timeout_word >> real_ms >> class_word >> class_name;
    const bool understood = !words.fail() && timeout_word == "timeout" && class_word == "class" &&
                            real_ms > 0 && real_ms <= kTimeoutMsMax &&
                            (class_name == "hardware" || class_name == "soft");
    if (!understood) {
        return Unexpected{Error{0,
                                fmt::format("stand-in watchdog {} answered \"{}\", not \"timeout "
                                            "MS class hardware|soft\". [HF-6516]",
                                            path,
                                            *answer)}};
    }
    Guard guard;
    guard.watchdog = std::make_unique<StandIn>(
        socket,
        std::chrono::milliseconds(real_ms),
        class_name == "hardware" ? WatchdogClass::Hardware : WatchdogClass::Soft);
    guard.reset = std::make_unique<StandInReset>(socket);
    return guard;
}

}  // namespace holdfast
