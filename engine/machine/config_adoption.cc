// How a record of the cluster's configuration comes to be in force on this host (membership.h has the rules):
//
//     seen  ->  read  ->  kept in `run`, written to the own region  ->  published in the slot  ->  validated: in force
//
// The leader's own records begin with "kept".
#include "engine/base/mutant.h"
#include "engine/machine/engine_state.h"

namespace holdfast {

namespace {

bool is_sane(const ClusterConfig& config) {
    return is_safe(config.timing) && is_safe(config.timing_next) && !config.voters.empty() &&
           !config.members.empty() && config.blackout_limit > Duration::zero();
}

}  // namespace

void EngineState::read_missing_config() {
    if (membership.current() || phase == HostPhase::Leaving) return;
    const Instant again_at =
        config_asked_at == kNotYet ? kNotYet : config_asked_at + core.config.timing.interval / 2;
    if (core.now < again_at) return core.wake_at(again_at);
    const HostId host = membership.missing_from(peers, core.config.self);
    config_asked_at = core.now;
    core.wake_at(core.now + core.config.timing.interval / 2);
    for (std::uint8_t d = 0; d < core.config.datastores_count; ++d) {
        if ((config_asked & 1U << d) != 0) continue;
        config_asked = static_cast<std::uint8_t>(config_asked | 1U << d);
        core.emit(ReadConfig{d, core.new_request(), host});
    }
}

void EngineState::on(const ConfigRead& read) {
    if (read.datastore >= core.config.datastores_count) return;
    config_asked = static_cast<std::uint8_t>(config_asked & ~(1U << read.datastore));
    if (read.reading != RegionReading::Valid || read.config->writer != read.host) return;
    const ClusterConfig& config = read.config->config;
    const bool sane = is_sane(config) || planted(Mutant::UnsafeRecordTaken);
    if (config.number <= membership.number() || !sane) return;
    take_config(config);
    say_how_the_file_differs(read.host);
}

void EngineState::on(const ConfigWritten& written) {
    config_writer.take(core, written.datastore, written.request, written.status == IoStatus::Done);
}

void EngineState::on(const MembershipKept& kept) {
    membership.confirm(kept.serial);
}

void EngineState::take_config(const ClusterConfig& config) {
    const bool list_is_lost = config.list_lost > membership.held().list_lost;
    membership.take(config, core);
    note_maintenance();
    published_since = kNotYet;
    for (const HostId host : list_members()) core.emit(MemberListed{host});
    members_known = members_agree();
    for (Peer& peer : peers.all()) peer.vouched_issued = kNotYet;
    const VoterSet voters = voters_of(config.voters, core.config);
    if (list_is_lost) {
        voters_left.clear();
        go_by_new_list(voters);
    } else if (voters != core.quorum.voters()) {
        if (phase == HostPhase::Reading) {
            // A list that has changed while this host was away: its past is read by the list of today.
            core.quorum = Quorum{voters};
            begin_reading();
        } else {
            core.quorum.begin_change(voters);
        }
    }
    config_writer.touch();
    touch_slot();
}

void EngineState::note_maintenance() {
    const ClusterMember* self = membership.held().find(core.config.self);
    const bool before = core.in_maintenance;
    core.in_maintenance = self != nullptr && self->maintenance;
    if (core.in_maintenance != before) plan_due = true;
}

void EngineState::say_how_the_file_differs(HostId from) {
    const auto say = [this, from](ConfigDifference what, std::int64_t detail) {
        Trace line;
        line.code = TraceCode::ConfigDiffers;
        line.who.host = from;
        line.epoch = membership.number().epoch;
        line.number = membership.number().step;
        line.a = static_cast<std::int64_t>(what);
        line.b = detail;
        core.trace(line);
    };
    const ClusterConfig& held = membership.held();
    HostSet listed;
    for (const ClusterMember& member : held.members) {
        if (member.removed) continue;
        listed.insert(member.host);
        if (member.host != core.config.self && peers.find(member.host) == nullptr)
            say(ConfigDifference::MemberMissingHere, member.host.value());
    }
    for (const HostId host : core.config.members) {
        if (!listed.contains(host)) say(ConfigDifference::MemberMissingThere, host.value());
    }
    for (std::size_t i = 0; i < held.voters.size(); ++i) {
        bool here = false;
        for (const DatastoreName& name : core.config.datastores)
            here = here || name == held.voters[i];
        if (!here) say(ConfigDifference::DatastoreMissingHere, static_cast<std::int64_t>(i + 1));
    }
    if (held.timing == held.timing_next && timing_stage.differs_anew(held.timing))
        say(ConfigDifference::Timing, held.timing.lease.count());
}

// Whether this host reads everybody whose claims and ballots count, and everybody reads its own.  Who is out claims nothing.
bool EngineState::members_agree() const {
    bool listed = false;
    for (const ClusterMember& member : membership.held().members) {
        const bool self = member.host == core.config.self;
        listed = listed || (self && member.belongs());
        const bool needed = !member.out || member.joining;
        if (!self && needed && peers.find(member.host) == nullptr) return false;
    }
    return listed;
}

// Publishing: in the slot once the own region is on a majority, so that whoever reads the number finds the record.
void EngineState::publish_config() {
    const ConfigNumber number = membership.number();
    const bool written = !config_writer.dirty() && own_config.config.number == number &&
                         config_writer.on_majority(core) >= own_config.version;
    const bool kept = membership.is_kept() || planted(Mutant::NumberBeforeKept);
    if (own_slot.config >= number || !written || !kept) return;
    own_slot.config = number;
    config_sequence = next_sequence();
    touch_slot();
    doorbell = true;
}

void EngineState::settle_membership() {
    if (phase == HostPhase::Leaving) return;
    read_missing_config();
    const bool published =
        own_slot.config == membership.number() && !config_sequence.is_none() &&
        (planted(Mutant::RecordNotReadBack) ? slots.written_by_majority(core)
                                            : slots.validated_by_majority(core)) >= config_sequence;
    if (!membership.in_force() && published && membership.current() &&
        (!leadership.moved_beyond(membership.number().epoch) ||
         planted(Mutant::LaterEpochAdopted))) {
        membership.put_in_force();
        if (core.quorum.changing()) voters_changed_at = core.now;
        doorbell = true;
        plan_due = true;
        Trace line;
        line.code = TraceCode::ConfigInForce;
        line.epoch = membership.number().epoch;
        line.number = membership.number().step;
        core.trace(line);
    }
    if (core.quorum.changing() && membership.in_force() &&
        membership.published_by_all(peers, core.config.self)) {
        core.quorum.end_change();
    }
    if (membership.settle(core, peers)) {
        touch_slot();
        doorbell = true;
        Trace line;
        line.code = TraceCode::VoiceCounts;
        line.who = core.self_key();
        core.trace(line);
    }
    note_blackout();
    settle_timing();
    membership.set_lease(timing_stage.living());
    membership.keep(core);
}

// Vouching that is limited in time counts only once its beginning is known to the next agent as well.
void EngineState::note_blackout() {
    const Instant others = lease.renewed_otherwise();
    const bool lasts = membership.anybody_out() && others != kNotYet &&
                       core.now - others > 2 * core.config.timing.interval && lease.held(core.now);
    membership.set_renewed_at(lasts ? others : kNotYet);
}

LeaseTerms EngineState::lease_terms() const {
    LeaseTerms terms;
    terms.barred = membership.barred();
    terms.config_current = membership.current();
    terms.vouching_limited = membership.anybody_out();
    terms.blackout_limit = membership.held().blackout_limit;
    terms.blackout_kept = membership.is_kept() && membership.kept().renewed_at != kNotYet &&
                          membership.kept().renewed_at == lease.renewed_otherwise();
    return terms;
}

}  // namespace holdfast
