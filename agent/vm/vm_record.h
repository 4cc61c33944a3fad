// VmRecord: what holdfast-vm knows of one domain.  A plain value of the main thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/vm/hypervisor.h"
#include "agent/vm_protocol.h"
#include "engine/base/types.h"

namespace holdfast {

// An order of holdfastd that has not been answered.
struct VmOrder {
    enum class Phase : std::uint8_t {
        Calling = 1,  // libvirt has not answered
        Verifying,    // libvirt says that it was active already: a reading decides
        Failing,      // refused; the answer waits until no QEMU of it lives
        Unknown,      // the connection was lost in the call: readings on the next one decide
    };

    CallKind kind = CallKind::Start;
    ClaimNumber claim;
    std::uint64_t session = 0;  // of holdfastd's connection that brought it
    Phase phase = Phase::Calling;
    Instant since;
    StartFailure failure = StartFailure::None;  // with Failing
    std::string text;
    bool delay_said = false;
};

// A Destroy or Shutdown that has not been answered.
struct VmDestruction {
    Instant grace_until = kNotYet;  // Shutdown: until then the guest is only asked
    Instant since;
    Instant next_call;
    bool call_unanswered = false;
    bool killed = false;
    bool proof_wanted = false;  // a reading was asked for after the last QEMU had gone
    bool proved_off = false;    // and said that the domain is not active
};

// Whether a QEMU that this agent began to start has not run yet.
[[nodiscard]] inline bool is_paused(DomainPower power) {
    return power == DomainPower::Paused || power == DomainPower::Moving;
}

// What a domain that is active, and not half-started, is to holdfastd.
[[nodiscard]] inline VmRunState run_state(DomainPower power) {
    if (power == DomainPower::Moving) return VmRunState::Moving;
    return power == DomainPower::PostCopy ? VmRunState::PostCopy : VmRunState::Running;
}

struct VmRecord {
    VmId vm;

    // From the last readings.
    bool is_known = false;  // libvirt knows it
    DomainPower power = DomainPower::Off;
    ConnectionNumber read_connection = 0;
    std::string xml;                  // as libvirt gave it
    vm_protocol::DomainSeen content;  // all but the state

    // What holdfastd should believe, and what it was told.
    VmRunState state = VmRunState::Off;
    std::optional<vm_protocol::DomainSeen> announced;

    bool reading = false;
    bool read_again = false;
    Instant touched_at = kNotYet;  // anything that may outdate a reading under way

    // Its QEMU ended: said once no process of it lives.
    bool stop_pending = false;
    Instant stopped_at;
    std::optional<StopCause> stop_cause;  // as libvirt's event had it; none: it told nothing
    std::string stop_text;

    std::optional<VmOrder> order;
    std::optional<VmDestruction> destruction;
    std::uint64_t started_session =
        0;  // holdfastd's connection that was told Started and knows it paused
};

}  // namespace holdfast
