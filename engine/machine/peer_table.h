// PeerTable: what is known of every other host, from slots and beats, and when it was learned.
//
// Evidence of a host is anything newer than what was known: a beat, or a slot with a greater (incarnation, sequence), seen on
// any datastore; the first sight counts.  Evidence of an incarnation that is certified dead does not bring it back.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "engine/base/mutant.h"
#include "engine/machine/core.h"
#include "engine/machine/peer_verdict.h"

namespace holdfast {

// What the newest slot of a host said, as far as anybody asks later.  Much less than SlotRecord, because every scan copies it for
// every host.
struct SeenSlot {
    Uuid host_uuid;
    Incarnation incarnation;
    Sequence sequence;
    Duration lease{};
    Duration watchdog{};
    WatchdogClass watchdog_class = WatchdogClass::None;
    SlotFlags flags;
    std::uint32_t storage_lost_mask = 0;
    Ballot ballot;
    Epoch decided_epoch;
    HostKey winner;
    Epoch resigned_epoch;
    ConfigNumber config;
    Version roster_version;
    Version orders_version;
    HostSet heard;

    // Takes everything from `record`.
    void take(const SlotRecord& record);
};

// What is looked at for every peer in every beat comes first, within two cache lines.
struct Peer {
    HostId id;
    bool slot_seen = false;
    bool beat_seen = false;
    bool duplicate_said = false;  // another host beats with this id
    bool greeted = false;         // it answered a beat of this incarnation, see membership.h
    bool calls = false;           // it beats to this host of its own accord, see star.cc
    PeerVerdict verdict = PeerVerdict::Unknown;
    Instant slot_moved_at = kNotYet;    // when the slot last became newer
    Instant connected_since = kNotYet;  // since when its slots move and do not say isolated
    Instant beat_at = kNotYet;
    Instant evidence_at = kNotYet;  // the later of the two, for the newest incarnation
    BeatNumber answered;            // the newest beat of this host's present life that it answered
    Instant vouched_issued = kNotYet;  // when the newest beat was issued that it vouched for
    Instant told_at = kNotYet;         // when the newest beat to it was issued
    Incarnation incarnation;           // the newest seen
    BootId boot_id;                    // of that incarnation
    Instant booted_seen_at = kNotYet;  // when this boot id was first seen
    Incarnation last_of_old_boot;      // the newest incarnation of the boot before, if we saw it
    Incarnation certified_dead;        // this and every older incarnation is dead
    RequestId certified_after;         // the newest request when it was certified
    Incarnation returned;              // certified dead, and yet heard of
    std::array<RequestId, kDatastoresMax> read_request{};  // newest scan that could read its slot
    std::array<Instant, kDatastoresMax> read_issued{};     // and when that scan was issued
    // Of datastores that do not vote: its newest slot there, and when it became newer.
    std::array<Sequence, kDatastoresMax> spare_sequence{};
    std::array<Instant, kDatastoresMax> spare_moved_at{};
    SeenSlot slot;  // the newest seen on any datastore
    Beat beat;      // the newest received

    [[nodiscard]] bool known() const { return slot_seen || beat_seen; }

    // The promises that this host published last; the longer of slot and beat, for it may be lengthening them.
    [[nodiscard]] Duration lease() const;
    [[nodiscard]] Duration watchdog() const;
    [[nodiscard]] WatchdogClass watchdog_class() const;

    // The latest Instant such that a majority showed its slot in reads issued at or after it.
    [[nodiscard]] Instant read_by(const Quorum& quorum) const {
        return quorum.reached<Instant>([this](std::size_t d) { return read_issued[d]; });
    }

    // Its slot was read on a datastore that does not vote.
    void note_spare(DatastoreIndex datastore, Sequence sequence, Instant now) {
        if (spare_sequence[datastore] == sequence) return;
        spare_sequence[datastore] = sequence;
        spare_moved_at[datastore] = now;
    }

    // The configuration that it says it goes by, the greater of slot and beat.
    [[nodiscard]] ConfigNumber published_config() const;

    // Whether every claim made by `incarnation` of this host is proved void.
    [[nodiscard]] bool is_dead(Incarnation claimed_by) const {
        return !certified_dead.is_none() &&
               (claimed_by <= certified_dead || planted(Mutant::CertificateWithoutIncarnation));
    }
};

class PeerTable {
  public:
    explicit PeerTable(const EngineConfig& config);

    // How many there may ever be: those of the file, and some that join while the cluster runs.
    [[nodiscard]] static std::size_t peers_max(const EngineConfig& config);

    // Another member.  False, and nothing happens, when there is no room.  REQUIRES: it is not here yet
    bool add(HostId host);

    [[nodiscard]] bool full() const { return peers_.size() == peers_max_; }

    // Every member except this host.
    [[nodiscard]] std::span<Peer> all() { return peers_; }

    [[nodiscard]] std::span<const Peer> all() const { return peers_; }

    // Null when `host` is not another member.
    [[nodiscard]] Peer* find(HostId host);
    [[nodiscard]] const Peer* find(HostId host) const;

    // A slot read from a datastore.  True when it was news.
    bool learn_slot(const Core& core, const SlotRecord& record);

    // The slot of a boot whose incarnation may not be on a majority: if it never gets there, the next boot does not know of it and
    // may take the same number, or a lower one.  So it is no sign of a newer life.  What it carries over from the life before is
    // the owner's word all the same: its ballot, how far its roster had got, and what the life before had promised.
    bool learn_provisional(const Core& core, const SlotRecord& record);

    // True when it was news; false for an old incarnation or number.
    bool learn_beat(const Core& core, const Beat& beat);

    // A roster of an incarnation that neither slot nor beat has shown yet is a sign of life.
    void learn_roster(const Core& core, const Roster& roster);

    // This host starts over: no answer to the past counts.
    void forget_answers();

    // The facts for the verdict table.
    [[nodiscard]] static PeerFacts facts_of(const Core& core,
                                            const Peer& peer,
                                            bool own_storage_ok);

    // Judges a peer again, tracing a change.
    static void judge(Core& core, Peer& peer, bool own_storage_ok);

    // Bits of `heard` in this host's slot: who is fresh on the network.
    [[nodiscard]] HostSet heard(const Core& core) const;

  private:
    void learn_incarnation(const Core& core,
                           Peer& peer,
                           Incarnation incarnation,
                           const BootId& boot_id);

    std::size_t peers_max_;
    std::vector<Peer>
        peers_;  // never grows beyond what was reserved, so that a Peer stays where it is
    std::array<std::uint16_t, kHostsMax + 1> index_{};  // host id -> position + 1
};

}  // namespace holdfast
