// What `holdfast` and holdfastd say to each other over `run/control.sock` (SOCK_SEQPACKET).
//
// A request is one packet of ASCII: "holdfast/1 VERB [ARGUMENT…]", words separated by one space.  The answer is any number of
// data packets, then one end packet.  The first byte of an answer's packet is its kind: 'D' data (the next part of the
// text), 'E' end, followed by the exit code as one digit and a sentence for people (may be empty).
//
//   status                     one JSON object, docs/JSON.md
//   latency                    one JSON object, a measurement of kind "agent" (docs/JSON.md)
//   events SINCE_S FOLLOW      lines of JSON from SINCE_S (seconds of CLOCK_BOOTTIME) on; FOLLOW is 0 or 1, with 1 the answer
//                              ends only with the connection
//   confirm-dead HOST INCARNATION   a person says that this incarnation (BOOT.RESTART) is dead; exit code 0 accepted, 1 refused
//   guard UUID NAME            may this VM be started here?  exit code 0 yes, 1 no with the sentence
//   guard UUID NAME incoming   may a live migration bring it?  exit code 0 with the number of its arrival, 1 as above
//   guard UUID NAME NUMBER     may the QEMU of that arrival be started?
//   goodbye                    the host goes down: its VMs, once stopped, shall run elsewhere
//   change timing NS×9         a new timing for the whole cluster, in nanoseconds and in the order of struct Timing: interval fresh
//                              silent isolation_after lease watchdog granularity landing dead
//   change datastore add NAME  the datastore of that name begins to vote; also "change datastore retire NAME"
//   change maintenance HOST on the host of that id takes no VMs and does not lead; also "… off"
//
// A change is made by the leader.  Exit code 0: it is in force, or was so before; 1: it is not, and the sentence says why, or who
// leads: ask there.
//
// Pure functions; any thread; they allocate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "engine/base/result.h"
#include "engine/base/types.h"
#include "engine/machine/action.h"
#include "engine/machine/cluster_config.h"

namespace holdfast {

inline constexpr std::size_t kControlRequestBytesMax = 1024;
inline constexpr std::size_t kGuardNameMax = 512;
inline constexpr std::size_t kControlPacketBytesMax = 32768;

struct StatusRequest {};

struct LatencyRequest {};

struct EventsRequest {
    Instant since = Instant{};
    bool follow = false;
};

struct GuardRequest {
    VmId vm;
    std::string name;
    bool incoming = false;      // a live migration is about to bring it
    std::uint32_t arrival = 0;  // its QEMU, as the answer to that numbered it; 0: any other start
};

// The host goes down.
struct GoodbyeRequest {};

struct ChangeRequest {
    ConfigChange change;
};

struct ConfirmRequest {
    HostId host;
    Incarnation incarnation;
};

using ControlRequest = std::variant<StatusRequest,
                                    EventsRequest,
                                    GuardRequest,
                                    GoodbyeRequest,
                                    ChangeRequest,
                                    ConfirmRequest,
                                    LatencyRequest>;

[[nodiscard]] std::string encode_request(const ControlRequest& request);

// The error is a sentence that the client may show.
[[nodiscard]] Result<ControlRequest> decode_request(std::string_view packet);

// What the agent answers: `code` is the exit code of the command.
struct ControlEnd {
    int code = 0;
    std::string text;
};

// The sentence for the answer to a change; `leader` is the name of answer.leader.
[[nodiscard]] std::string change_sentence(const AnswerChange& answer, const std::string& leader);

[[nodiscard]] std::string encode_end(const ControlEnd& end);

// nullopt-like: an error when the packet is not an end packet of this form.
[[nodiscard]] Result<ControlEnd> decode_end(std::string_view packet);

}  // namespace holdfast
