// Hypervisor: what holdfast-vm asks of libvirt, and what comes back.
//
// Every request returns at once; its answer arrives later as a Report, or never: a call may hang inside libvirtd for as
// long as it likes, and then costs one worker.  Requests are made by the main thread; reports are taken by it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/base/types.h"
#include "engine/machine/event.h"
#include "engine/machine/roster.h"

namespace holdfast {

// Connections are numbered from 1: what an older one said about a domain may be outdated.
using ConnectionNumber = std::uint64_t;

enum class DomainPower : std::uint8_t {
    Off = 1,
    Paused,
    Running,
    Moving,    // paused by libvirt itself: being launched, or coming or going in a live migration
    PostCopy,  // left behind by a live migration that still fetches its memory
};

// A domain at some moment between the request and the report.
struct DomainSnapshot {
    VmId vm;
    std::string name;
    bool persistent = false;
    DomainPower power = DomainPower::Off;
    std::string xml;  // of its next start, with secrets; empty for a transient one
    bool guest_agent_up = false;
};

struct ConnectionOpened {
    ConnectionNumber connection = 0;
};

// Also said when the first attempt fails.  `refused`: nobody listens, so no libvirtd can be carrying out anything.
struct ConnectionLost {
    ConnectionNumber connection = 0;
    bool refused = false;
    std::string text;
};

// Something happened to a domain.  `stopped`: its QEMU ended, for this reason.  `started`: it has a new one.
struct DomainChanged {
    ConnectionNumber connection = 0;
    VmId vm;
    bool started = false;
    std::optional<StopCause> stopped;
    std::string text;
};

struct DomainsListed {
    ConnectionNumber connection = 0;
    std::vector<DomainSnapshot> domains;
    std::uint64_t memory_kib = 0;  // of the host
    std::uint32_t cpus = 0;
    HostNetworks networks{};
};

// snapshot is empty when libvirt does not know the domain.
struct DomainRead {
    ConnectionNumber connection = 0;
    VmId vm;
    std::optional<DomainSnapshot> snapshot;
};

enum class CallKind : std::uint8_t { Start = 1, Resume, Destroy, Shutdown };

enum class CallOutcome : std::uint8_t {
    Done = 1,
    Refused,  // libvirt said no; nothing is under way any more
    Late,     // valid_until had passed; libvirt was not asked
    Unknown,  // the connection was lost in the middle: libvirtd may still carry it out
};

struct CallEnded {
    CallKind kind = CallKind::Start;
    VmId vm;
    ClaimNumber claim;  // none for Destroy and Shutdown
    CallOutcome outcome = CallOutcome::Done;
    std::string text;
};

using Report = std::
    variant<ConnectionOpened, ConnectionLost, DomainChanged, DomainsListed, DomainRead, CallEnded>;

struct StartRequest {
    VmId vm;
    ClaimNumber claim;
    Instant valid_until;  // CLOCK_BOOTTIME
    std::string xml;      // to define where the domain is not known or differs
};

class Hypervisor {
  public:
    Hypervisor() = default;
    Hypervisor(const Hypervisor&) = delete;
    Hypervisor& operator=(const Hypervisor&) = delete;
    virtual ~Hypervisor() = default;

    // Answered by ConnectionOpened or ConnectionLost.
    virtual void connect() = 0;
    // Answered by DomainsListed, or not at all when the connection is lost.
    virtual void list() = 0;
    // Answered by DomainRead, or not at all when the connection is lost.
    virtual void read(const VmId& vm) = 0;
    // Each answered by one CallEnded; Refused at once without a connection.
    virtual void start(StartRequest request) = 0;
    virtual void resume(const VmId& vm, ClaimNumber claim, Instant valid_until) = 0;
    virtual void destroy(const VmId& vm) = 0;
    // Only asks the guest; that it has shut down is seen elsewhere.
    virtual void shutdown(const VmId& vm) = 0;

    // Lets go of a connection that was reported lost.
    virtual void forget(ConnectionNumber number) = 0;
};

}  // namespace holdfast
