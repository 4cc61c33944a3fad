// The blocking conversations with libvirt, each made by a worker.
//
// None of them touches an object of holdfast-vm: they take values and return values.  Any of them may hang.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <libvirt/libvirt.h>

#include "agent/vm/hypervisor.h"
#include "engine/base/result.h"

namespace holdfast {

// Every domain that libvirt knows, and what the host has.
[[nodiscard]] Result<DomainsListed> list_domains(virConnect* connection);

// What a paused domain is, by libvirt's reason for it (VIR_DOMAIN_PAUSED_...).
[[nodiscard]] DomainPower power_of_paused(int reason);

// The outer error: libvirt did not answer.  Empty: it does not know the domain.
[[nodiscard]] Result<std::optional<DomainSnapshot>> read_domain(virConnect* connection,
                                                                const VmId& vm);

// Has libvirt learn what its usual emulator can do, which it otherwise does when a domain is first defined: that takes it seconds on
// a busy machine, longer than a start may wait for (agent_stopped_longer_than_lease.scn in the lab).
void learn_emulator(virConnect* connection);

struct CallResult {
    CallOutcome outcome = CallOutcome::Done;
    std::string text;
};

// Defines the domain where it is unknown or differs, and creates it paused, ignoring a managed save.  Done when it is
// active already: what it then does is for the next reading to say.
[[nodiscard]] CallResult start_domain(virConnect* connection, const StartRequest& request);

[[nodiscard]] CallResult resume_domain(virConnect* connection, const VmId& vm, Instant valid_until);

// Asks the guest, by its agent or by ACPI as libvirt sees fit.  Done also when it was not active.
[[nodiscard]] CallResult shutdown_domain(virConnect* connection, const VmId& vm);

// Done also when it was not active.
[[nodiscard]] CallResult destroy_domain(virConnect* connection, const VmId& vm);

}  // namespace holdfast
