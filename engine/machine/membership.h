// Membership: the configuration that this host goes by, and whether its voice counts under it (design section 5, "Out, barred,
// counted"; section 6, "Configuration").
//
//   seen   the highest number published in anybody's slot or beat
//   held   the newest record read or made; it lies in this host's own region
//   in force  held, published in this host's slot on a majority, and *then* a majority read showed no later leadership epoch
//
// The rules that safety rests on
//   - Who stands reads after its ballot is on a majority; who adopts a record reads after its number is on a majority.  So either
//     the candidate finds the number, or the adopter finds the candidate and does not adopt.
//   - Whoever has published a number never answers under an older one again, also after a restart of the agent: the record is kept
//     in `run` first.  Between publishing and in force a host does not vouch at all.
//   - A host that has seen a number that it does not hold does not stand, and lives on vouching only while *everybody* vouches for it,
//     those included that its own record puts out (docs/decisions/0006-answers-under-an-older-record.md has the proof).
//   - A start of the agent that continues no unexpired lease is barred until (i) a record in force counts this very incarnation, (ii) every other
//     counted member has answered a beat of it under the record that this host holds, or (iii) every slot, those of barred
//     hosts apart, has been silent for as long as leases may live unseen.
#pragma once

#include "engine/base/mutant.h"
#include "engine/machine/cluster_config.h"
#include "engine/machine/core.h"
#include "engine/machine/peer_table.h"

namespace holdfast {

// The configuration that the file of this host describes: number (0, 0), everybody counted, nobody's incarnation known.
void config_of_file(const EngineConfig& file, ClusterConfig& config);

// Which of this host's datastores vote when these do.
[[nodiscard]] VoterSet voters_of(const VoterNames& voters, const EngineConfig& file);

class Membership {
  public:
    explicit Membership(const EngineConfig& file, Instant now);

    [[nodiscard]] const ClusterConfig& held() const { return kept_.config; }

    [[nodiscard]] ConfigNumber number() const { return kept_.config.number; }

    [[nodiscard]] ConfigNumber seen() const { return seen_; }

    // A number that somebody published, or that this host's own past shows.
    void note(ConfigNumber number, HostId by);

    // Whose region is to be read next for what is missing; none when nothing is.
    [[nodiscard]] HostId missing_from(const PeerTable& peers, HostId self);

    // Whether nobody is known to have published anything newer.
    [[nodiscard]] bool current() const { return number() >= seen_; }

    [[nodiscard]] bool in_force() const { return kept_.in_force; }

    // Takes a newer record, read or made by this host as the leader; it is not in force yet.
    void take(const ClusterConfig& config, const Core& core);

    // What was taken is in force from now on.
    void put_in_force() { kept_.in_force = true; }

    // ---- whether this host's voice counts

    [[nodiscard]] bool barred() const { return !kept_.entitled; }

    [[nodiscard]] bool self_counts(const Core& core) const {
        return held().counts(core.config.self);
    }

    // Another incarnation of this host begins, of which nobody has answered a beat.  Its voice it keeps: a lapse forgets nothing.
    static void forget_greetings(PeerTable& peers);

    // Looks whether one of the three ways out has been reached.  True when it has just been.
    [[nodiscard]] bool settle(const Core& core, const PeerTable& peers);

    // The host `from` answered a beat of this incarnation, under configuration `under`.
    void answered(Peer& from, ConfigNumber under) const;

    // Whether others' leases may live on this host's word; that it holds an older record than they do is no hindrance.
    [[nodiscard]] bool may_vouch() const {
        return kept_.entitled && (kept_.in_force || planted(Mutant::VouchesBeforeInForce));
    }

    // What vouching counts from: the oldest beat that every other counted member answered last; every other host, while a newer
    // record is known to exist.  kNotYet when somebody has answered none.  With everybody else out it is `now`: blackout_limit ends it.
    [[nodiscard]] Instant vouched_issued(const Core& core, const PeerTable& peers) const;

    // Whether every other counted member publishes at least the number held.
    [[nodiscard]] bool published_by_all(const PeerTable& peers, HostId self) const;

    // Whether every other member publishes at least the number held, those that are out included, or is proved dead: nobody
    // lives by a record that does not list `host`.
    [[nodiscard]] bool known_to_all(HostId host, const PeerTable& peers, HostId self) const;

    // Whether nothing is left to be done about the configuration.
    [[nodiscard]] bool at_rest() const { return may_vouch() && current() && is_kept(); }

    // Whether the configuration leaves somebody out.
    [[nodiscard]] bool anybody_out() const { return anybody_out_; }

    // ---- what survives a restart of the agent within the boot

    [[nodiscard]] const KeptMembership& kept() const { return kept_; }

    // While vouching carries a lease for a limited time: since when nothing else has renewed it.
    void set_renewed_at(Instant instant) { kept_.renewed_at = instant; }

    // The longest lease that this host may still live by.
    void set_lease(Duration lease) { kept_.lease = lease; }

    // Asks for the present state to be kept, when it is not yet.
    void keep(const Core& core);

    void confirm(std::uint64_t serial) { confirmed_ = serial > confirmed_ ? serial : confirmed_; }

    // Whether everything that was to be kept is.
    [[nodiscard]] bool is_kept() const { return confirmed_ == serial_; }

  private:
    [[nodiscard]] bool counted_now(const Core& core) const;
    [[nodiscard]] bool greeted_by_all(const Core& core, const PeerTable& peers) const;
    [[nodiscard]] bool silence_is_over(const Core& core, const PeerTable& peers) const;

    struct Told {
        ConfigNumber number;
        bool in_force = false;
        bool entitled = false;
        Instant renewed_at = kNotYet;
        Duration lease{};

        friend bool operator==(const Told&, const Told&) = default;
    };

    KeptMembership kept_;
    bool anybody_out_ = false;  // in kept_.config
    ConfigNumber seen_;
    HostId seen_by_;
    unsigned tries_ = 0;  // of reading what is missing
    Told told_;           // what KeepMembership was last asked for
    std::uint64_t serial_ = 0;
    std::uint64_t confirmed_ = 0;
    Instant since_;  // no silence is longer than this host has watched
};

}  // namespace holdfast
