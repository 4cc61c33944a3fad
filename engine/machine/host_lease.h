// HostLease: the right to run protected VMs (design section 5).
//
// Three things renew it: this host's slot write on a majority of the voting datastores; an answer of the leader to a beat; and
// vouching: an answer of every other counted member to a beat, of which the oldest counts.  All count from the Instant at which the
// engine issued them.  (Vouching: whoever leads now is among those who answered and has evidence of this host; whoever leads
// next has it too, or starts its clock later.)  A lease that has run out is never renewed: the engine
// asks ended() before it takes an event in, and starts over as a new incarnation.
#pragma once

#include <array>

#include "engine/machine/core.h"
#include "engine/machine/slot_io.h"

namespace holdfast {

enum class LeaseSource : std::uint8_t {
    None = 0,
    Storage = 1,
    Leader = 2,
    Inherited = 3,
    Vouching = 4
};

// What this host's membership makes of what could renew the lease; see membership.h.
struct LeaseTerms {
    bool barred = false;            // storage counts only where a scan proved it, and
    bool config_current = true;     // while no newer list of datastores may exist
    bool vouching_limited = false;  // somebody is out: at most blackout_limit, and
    bool blackout_kept = false;     // only once its beginning survives a restart of the agent
    Duration blackout_limit{};
};

class HostLease {
  public:
    // Continues a predecessor's lease that ends at `inherited_until`, and that something else than vouching renewed at
    // `renewed_otherwise`; kNotYet: there is none.
    HostLease(Instant inherited_until, Instant renewed_otherwise)
        : inherited_until_(inherited_until),
          stored_issued_(renewed_otherwise),
          ends_(inherited_until) {}

    // Notes that beat `number` was issued now.
    void beat_issued(BeatNumber number, Instant now) {
        beats_[number.value() % kBeatsKept] = {number, now};
    }

    // The leader answered beat `number`; ignored when that beat is too old to be remembered.
    void leader_answered(BeatNumber number);

    // When beat `number` was issued; kNotYet when that is too long ago to be remembered.
    [[nodiscard]] Instant issued_at(BeatNumber number) const;

    // Every other member answered a beat that was issued at `oldest` or later.
    void vouched(Instant oldest) { vouched_issued_ = std::max(vouched_issued_, oldest); }

    // Takes the newest state of storage and answers in.  REQUIRES: !ended(core.now)
    void update(Core& core, const SlotIo& slots, const LeaseTerms& terms);

    // The last renewal by storage or leader.
    [[nodiscard]] Instant renewed_otherwise() const {
        return std::max(stored_issued_, answered_issued_);
    }

    // When the lease ends; kNotYet when none is held.
    [[nodiscard]] Instant ends() const { return ends_; }

    // Whether a lease was held and is over.
    [[nodiscard]] bool ended(Instant now) const { return ends_ != kNotYet && now >= ends_; }

    [[nodiscard]] bool held(Instant now) const { return ends_ != kNotYet && now < ends_; }

    [[nodiscard]] LeaseSource source() const { return source_; }

    // The lease is over, with everything that could renew it.
    void drop();

  private:
    struct Issued {
        BeatNumber number;
        Instant at = kNotYet;
    };

    static constexpr std::size_t kBeatsKept =
        1024;  // more than a lease's worth of beats at any interval

    Instant inherited_until_;
    Instant stored_issued_ = kNotYet;    // when the newest write on a majority was issued
    Instant answered_issued_ = kNotYet;  // when the newest answered beat was issued
    Instant vouched_issued_ =
        kNotYet;  // the oldest beat of the newest round that everybody answered
    Instant vouched_counted_ = kNotYet;  // as far as the terms let it count
    Instant ends_;
    LeaseSource source_ = LeaseSource::None;
    std::array<Issued, kBeatsKept> beats_{};
};

}  // namespace holdfast
