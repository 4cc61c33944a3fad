// OwnVms: the VMs of this host: what its roster says of them, and how far each start or stop has come.
//
// A claim is struck only when the VM is proved gone, or when nothing was ever asked of libvirt for it.
#pragma once

#include "engine/base/fixed_list.h"
#include "engine/machine/core.h"

namespace holdfast {

// Who wants a VM to run here.
enum class StartKind : std::uint8_t {
    None = 0,
    Order,   // the leader
    Person,  // a person or a tool, through the qemu hook
    Adopt,   // it runs here already, without a claim
    Revive,  // its QEMU ended by itself under an unbroken lease
};

// How far a start has come: claim, then scan, then start (design section 9).
enum class StartStep : std::uint8_t {
    Idle = 0,
    Arming,   // waits for the keeper
    Roster,   // the claim is being written to a majority
    Slot,     // the roster's version is being announced on a majority
    Scan,     // a read of all slots on a majority is under way
    Refresh,  // rosters whose version changed are being read again
    Create,   // libvirt creates the VM paused
    Resume,   // libvirt resumes it
    Appear,   // allowed by the hook, not seen running yet
    Destroy,  // the start failed: being proved gone
};

struct OwnVm {
    Claim claim;
    Claim before;         // what a start that is given up leaves in place
    bool listed = false;  // the claim is part of the roster
    bool listed_before = false;
    ClaimNumber number_floor;    // numbers up to this one were used, and perhaps withdrawn again
    bool qemu_seen = false;      // libvirt showed a QEMU of it
    bool off_seen = false;       // a listing showed it off although its claim says running
    bool half_started = false;   // its QEMU never ran
    bool crash_pending = false;  // its QEMU ended while this host was no member
    bool destroying = false;     // DestroyVm or ShutdownVm is out, VmGone is not in
    bool shutting_down = false;  // it was ShutdownVm: a DestroyVm may still overtake it
    StartKind kind = StartKind::None;
    StartStep step = StartStep::Idle;
    Version needs_version;    // step Roster: the roster version that carries the claim
    Sequence needs_sequence;  // step Slot: the first slot that announces it
    RequestId scan_after;     // step Scan: scans must be issued after this
    Instant step_since = kNotYet;
    Instant allowed_again_at = kNotYet;  // a start was allowed under a claim that was held already
    Instant retry_at = kNotYet;
    Epoch order_epoch;  // kind Order
    Order order;
    StartFailure failure = StartFailure::None;  // step Destroy: why
    std::uint64_t token = 0;                    // kind Person
    std::uint8_t crashes_count = 0;
    Instant crashed_at = kNotYet;

    [[nodiscard]] bool under_way() const { return step != StartStep::Idle; }
};

// How long an allowed start may take to show up, and libvirt to answer one of ours, before the VM is to be proved gone: a VM
// with hundreds of GiB of huge pages needs a minute.
inline constexpr Duration kAppearWithin = std::chrono::minutes{2};

class OwnVms {
  public:
    [[nodiscard]] OwnVm* find(VmId vm);

    // The entry of `spec.vm`, made when there is none; null when there is no room.
    [[nodiscard]] OwnVm* find_or_add(const VmSpec& spec);

    void remove(VmId vm);

    [[nodiscard]] OwnVm* begin() { return vms_.begin(); }

    [[nodiscard]] OwnVm* end() { return vms_.end(); }

    [[nodiscard]] const OwnVm* begin() const { return vms_.begin(); }

    [[nodiscard]] const OwnVm* end() const { return vms_.end(); }

    [[nodiscard]] std::size_t size() const { return vms_.size(); }

    // Whether any VM is claimed, may have a QEMU here, or is on its way to either.
    [[nodiscard]] bool any_held() const;

    // Fills the claims of `roster` with the listed entries.
    void write_to(Roster& roster) const;

  private:
    FixedList<OwnVm, kRosterEntriesMax> vms_;
};

}  // namespace holdfast
