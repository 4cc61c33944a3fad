// What a person asks the leader to change in the cluster's configuration (design sections 5 and 6).
//
// One change at a time.  A datastore begins or ceases to vote by itself, and the next one only when every counted member publishes
// the record of this one: until then every quorum needs a majority of both lists (quorum.h).
#include <bit>

#include "engine/base/mutant.h"
#include "engine/machine/engine_state.h"

namespace holdfast {

void EngineState::on(const ConfigChangeAsked& asked) {
    const auto refuse = [this, &asked](ChangeVerdict verdict) {
        const HostId leader = leadership.winner().host;
        const bool other = verdict == ChangeVerdict::NotLeading && leader != core.config.self;
        core.emit(AnswerChange{asked.token, verdict, other ? leader : HostId{}, {}});
    };
    const auto* list = std::get_if<DatastoreChange>(&asked.change);
    if (list != nullptr && list->without_majority) {
        const ChangeVerdict verdict = drop_list(*list);
        if (verdict != ChangeVerdict::Done) return refuse(verdict);
        change_token = asked.token;
        change_waits_for_all = false;
        return;
    }
    if (!leadership.leading(core.now) || phase != HostPhase::Member)
        return refuse(ChangeVerdict::NotLeading);
    if (!leads_in_force() || change_token != 0) return refuse(ChangeVerdict::Busy);
    begin_step();
    const ChangeVerdict verdict =
        std::visit([this](const auto& change) { return change_config(change); }, asked.change);
    if (verdict != ChangeVerdict::Done) return refuse(verdict);
    change_token = asked.token;
    change_waits_for_all = !std::holds_alternative<MaintenanceChange>(asked.change);
    take_config(config_step);
}

ChangeVerdict EngineState::change_config(const TimingChange& asked) {
    if (!is_safe(asked.timing)) return ChangeVerdict::Unsafe;
    if (config_step.timing != config_step.timing_next) return ChangeVerdict::Busy;
    if (asked.timing == config_step.timing) return ChangeVerdict::NothingToDo;
    const Timing half = between(config_step.timing, asked.timing);
    config_step.timing_next = asked.timing;
    config_step.timing = half == config_step.timing ? asked.timing : half;
    say_step(ConfigStep::Timing, {}, config_step.timing == config_step.timing_next ? 0 : 1);
    return ChangeVerdict::Done;
}

// A quorum of the counted hosts writes it, as this one reads there, and none of those lacks what this host has.
ChangeVerdict EngineState::may_vote(std::size_t datastore) const {
    if (!slots.disk(datastore).usable) return ChangeVerdict::NotReached;
    std::size_t counted = 0;
    std::size_t reached = 0;
    for (const ClusterMember& member : config_step.members) {
        if (member.out) continue;
        ++counted;
        const Peer* peer = peers.find(member.host);
        if (member.host == core.config.self) {
            ++reached;
        } else if (peer != nullptr && peer->spare_moved_at[datastore] != kNotYet &&
                   core.now - peer->spare_moved_at[datastore] < core.config.timing.silent &&
                   (peer->slot.storage_lost_mask & ~slots.lost_mask()) == 0) {
            ++reached;
        }
    }
    return reached > counted / 2 || planted(Mutant::SickDatastoreVotes) ? ChangeVerdict::Done
                                                                        : ChangeVerdict::NotReached;
}

// Rosters of hosts that do not write any more lie on the old list alone: what they say must have been done.
bool EngineState::settled_without_rosters() const {
    if (!plans.empty()) return false;
    for (const Peer& peer : peers.all()) {
        const bool writes = peer.verdict != PeerVerdict::Silent &&
                            peer.verdict != PeerVerdict::Dead &&
                            peer.verdict != PeerVerdict::Unknown;
        if (!writes && !settled_without_roster_of(peer)) return false;
    }
    return true;
}

ChangeVerdict EngineState::change_config(const DatastoreChange& asked) {
    auto& voters = config_step.voters;
    std::size_t place = 0;
    while (place < voters.size() && !(voters[place] == asked.name)) ++place;
    const bool votes = place < voters.size();
    std::size_t datastore = 0;
    while (datastore < core.config.datastores.size() &&
           !(core.config.datastores[datastore] == asked.name))
        ++datastore;
    const bool known = datastore < core.config.datastores.size();
    if (!known && !votes) return ChangeVerdict::UnknownName;
    if (votes != asked.retire) return ChangeVerdict::NothingToDo;
    const bool under_way =
        core.quorum.changing() || !membership.published_by_all(peers, core.config.self);
    if (under_way && !planted(Mutant::DatastoresInOneJump)) return ChangeVerdict::Busy;
    if (!settled_without_rosters() && !planted(Mutant::ListChangesUnsettled))
        return ChangeVerdict::Unsettled;
    if (asked.retire) {
        if (voters.size() == 1) return ChangeVerdict::LastVoter;
        voters.remove_at(place);
    } else {
        if (voters.size() == kVotersMax) return ChangeVerdict::TooMany;
        if (may_vote(datastore) != ChangeVerdict::Done) return ChangeVerdict::NotReached;
        voters.push(asked.name);
    }
    const auto usable = static_cast<std::uint8_t>(~slots.lost_mask());
    if (!voters_of(config_step.voters, core.config).holds(usable)) return ChangeVerdict::NotReached;
    say_step(ConfigStep::Voters, {}, static_cast<std::int64_t>(voters.size()));
    return ChangeVerdict::Done;
}

ChangeVerdict EngineState::change_config(const MaintenanceChange& asked) {
    ClusterMember* changed = nullptr;
    bool other_stays = false;
    for (ClusterMember& member : config_step.members) {
        if (member.host == asked.host) {
            changed = &member;
        } else {
            other_stays = other_stays || (!member.out && !member.maintenance);
        }
    }
    if (changed == nullptr) return ChangeVerdict::UnknownName;
    if (changed->maintenance == asked.on) return ChangeVerdict::NothingToDo;
    if (asked.on && !other_stays) return ChangeVerdict::LastHost;
    changed->maintenance = asked.on;
    say_step(ConfigStep::Maintenance, {asked.host, changed->counted}, asked.on ? 1 : 0);
    return ChangeVerdict::Done;
}

// Says what became of the change that is under way, once that is known.
void EngineState::answer_change() {
    AnswerChange answer{change_token, ChangeVerdict::Done, HostId{}, membership.number()};
    if (!leadership.leading(core.now)) {
        answer.verdict = ChangeVerdict::OfficeEnded;
        answer.number = {};
    } else {
        const ClusterConfig& held = membership.held();
        const bool everywhere = !change_waits_for_all || published_since != kNotYet;
        if (!leads_in_force() || !everywhere || held.timing != held.timing_next) return;
    }
    change_token = 0;
    core.emit(answer);
}

}  // namespace holdfast
