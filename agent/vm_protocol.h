// What holdfastd and holdfast-vm say to each other over `run/vm.sock` (SOCK_SEQPACKET, one message a packet).
//
// holdfastd listens, holdfast-vm connects and reconnects; both sides check that the peer is root (SO_PEERCRED).  After
// connecting holdfast-vm says Hello, LibvirtState, CapacitySeen, one DomainSeen for each domain and ListComplete, and
// then whatever changes.  It says the whole list again after each reconnection to libvirt and on Rescan.
//
// Answers are never lost to a restart of holdfastd: a Started, Resumed, Gone or Stopped that could not be handed over
// is said again after reconnecting.  An answer to an order may come twice; (vm, claim) tells which order it answers.
// An order whose outcome is not known has no answer yet: silence never means "failed".
//
// The form: a header of 16 bytes {magic, version, type, length of the whole, CRC32C of everything else}, then the
// fields in the order written below, little-endian, strings and byte strings with a 32-bit length in front.
// Any thread; encode allocates the packet, decode allocates what the message holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/types.h"
#include "engine/machine/action.h"
#include "engine/machine/event.h"
#include "engine/machine/roster.h"

namespace holdfast::vm_protocol {

inline constexpr std::uint16_t kVersion = 1;
inline constexpr std::size_t kMessageBytesMax = std::size_t{512} * 1024;
inline constexpr std::size_t kXmlCompressedBytesMax = std::size_t{256} * 1024;
inline constexpr std::size_t kXmlRawBytesMax =
    std::size_t{2} * 1024 * 1024;                   // what a decompressor may be asked for
inline constexpr std::size_t kTextBytesMax = 1024;  // longer texts are cut when encoding

// ---- holdfast-vm to holdfastd

struct Hello {
    std::uint32_t pid = 0;
    std::string software;  // version of the program, for people

    friend bool operator==(const Hello&, const Hello&) = default;
};

// A domain as libvirt shows it.  `spec.xml` carries length, raw size and CRC32C of `xml`; where it lies on the
// datastores (host, offset) is holdfastd's to fill in and does not travel.  A domain that is not protectable (or whose
// policy says disabled) carries the reason as a sentence and no XML.
struct DomainSeen {
    VmSpec spec;
    VmRunState state = VmRunState::Off;
    bool protectable = false;
    std::string reason;             // e.g. "disk /tmp/x is local to this host"
    std::vector<std::uint8_t> xml;  // zstd

    friend bool operator==(const DomainSeen&, const DomainSeen&) = default;
};

// libvirt no longer knows the domain, neither running nor defined.  Says nothing about a claim: that is Gone's to do.
struct DomainUndefined {
    VmId vm;

    friend bool operator==(const DomainUndefined&, const DomainUndefined&) = default;
};

struct ListComplete {
    friend bool operator==(const ListComplete&, const ListComplete&) = default;
};

// A VM that ran (or was paused) here has no QEMU any more; not said for one that was destroyed by order.
struct Stopped {
    VmId vm;
    StopCause cause = StopCause::Crashed;
    std::string text;  // what libvirt said, for the log

    friend bool operator==(const Stopped&, const Stopped&) = default;
};

// The answer to Start.  None: it exists, paused (or runs already; then a DomainSeen said so before).
struct Started {
    VmId vm;
    ClaimNumber claim;
    StartFailure failure = StartFailure::None;
    std::string text;

    friend bool operator==(const Started&, const Started&) = default;
};

// The answer to Resume.
struct Resumed {
    VmId vm;
    ClaimNumber claim;
    StartFailure failure = StartFailure::None;
    std::string text;

    friend bool operator==(const Resumed&, const Resumed&) = default;
};

// The answer to Destroy: no QEMU of the VM lives, and no call that could start one is unanswered.
struct Gone {
    VmId vm;

    friend bool operator==(const Gone&, const Gone&) = default;
};

struct CapacitySeen {
    Capacity capacity;

    friend bool operator==(const CapacitySeen&, const CapacitySeen&) = default;
};

// Not connected says nothing about VMs: their QEMUs live on without libvirt.
struct LibvirtState {
    bool connected = false;
    std::string text;

    friend bool operator==(const LibvirtState&, const LibvirtState&) = default;
};

// ---- holdfastd to holdfast-vm

// Create the VM paused; define it first where libvirt does not know it or knows another version.  `xml` is what
// `spec.xml` describes.  Answered by Started; failure Lease once CLOCK_BOOTTIME has passed valid_until.
struct Start {
    VmSpec spec;
    ClaimNumber claim;
    Instant valid_until;
    std::vector<std::uint8_t> xml;  // zstd

    friend bool operator==(const Start&, const Start&) = default;
};

// Answered by Resumed; failure Lease once CLOCK_BOOTTIME has passed valid_until.
struct Resume {
    VmId vm;
    ClaimNumber claim;
    Instant valid_until;

    friend bool operator==(const Resume&, const Resume&) = default;
};

// Destroy the VM, if there is one, and prove it gone.  Cancels a Start or Resume of it that has not begun.
// Answered by Gone as soon as that can be proved, possibly never.  Repeating it is harmless.
struct Destroy {
    VmId vm;

    friend bool operator==(const Destroy&, const Destroy&) = default;
};

// Ask the VM's guest to shut down, again and again; from `until` (CLOCK_BOOTTIME) on this is a Destroy, and a Destroy overtakes
// it.  Answered by Gone.  Repeating it is harmless.
struct Shutdown {
    VmId vm;
    Instant until;

    friend bool operator==(const Shutdown&, const Shutdown&) = default;
};

// Say everything again: DomainSeen for each domain, then ListComplete.
struct Rescan {
    friend bool operator==(const Rescan&, const Rescan&) = default;
};

// Use the fence device of another member: `off` and then `status`, or with Prepare `status` alone.  Answered by Fenced.  Not run,
// and answered so, once CLOCK_BOOTTIME has passed valid_until.  One at a time for each host: a newer one replaces one that waits.
struct Fence {
    HostId host;
    FenceTask task = FenceTask::Prepare;
    RequestId request;
    Instant valid_until;

    friend bool operator==(const Fence&, const Fence&) = default;
};

// The answer to Fence (of holdfast-vm).
struct Fenced {
    HostId host;
    RequestId request;
    FenceReply off = FenceReply::NotRun;
    PowerState power = PowerState::Unknown;
    std::string text;  // what the program wrote, without secrets

    friend bool operator==(const Fenced&, const Fenced&) = default;
};

// Its alternatives' order is their type number on the wire, from 1: append, never reorder.
using Message = std::variant<Hello,
                             DomainSeen,
                             DomainUndefined,
                             ListComplete,
                             Stopped,
                             Started,
                             Resumed,
                             Gone,
                             CapacitySeen,
                             LibvirtState,
                             Start,
                             Resume,
                             Destroy,
                             Rescan,
                             Shutdown,
                             Fence,
                             Fenced>;

enum class DecodeError : std::uint8_t {
    TooShort = 1,  // less than a header
    Foreign,       // another magic
    OtherVersion,  // whole and undamaged, but of another version: both programs must come from one release
    WrongLength,  // the header's length is not the packet's
    Damaged,      // checksum
    UnknownType,  //
    BadField,     // a value out of its range, or fields that do not fill the packet exactly
};

// A sentence fragment for the log.
[[nodiscard]] std::string_view describe(DecodeError error);

// REQUIRES: the XML of a DomainSeen or Start is at most kXmlCompressedBytesMax.
[[nodiscard]] std::vector<std::uint8_t> encode(const Message& message);

[[nodiscard]] Result<Message, DecodeError> decode(std::span<const std::uint8_t> packet);

}  // namespace holdfast::vm_protocol
