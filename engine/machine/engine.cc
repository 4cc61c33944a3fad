#include "engine/machine/engine.h"

#include "engine/base/mutant.h"
#include "engine/machine/engine_state.h"

namespace holdfast {

struct Engine::State : EngineState {
    using EngineState::EngineState;
};

Engine::Engine(const EngineConfig& config, Instant started_at)
    : state_(std::make_unique<State>(config, started_at)) {}

Engine::~Engine() = default;

void Engine::step(const Event& event, Actions& actions) {
    state_->step(event, actions);
}

Instant Engine::next_wakeup() const {
    return state_->core.wakeup;
}

const SlotRecord& Engine::own_slot() const {
    return state_->own_slot;
}

const Roster& Engine::own_roster() const {
    return state_->own_roster;
}

const Orders& Engine::own_orders() const {
    return state_->own_orders;
}

const ConfigCopy& Engine::own_config() const {
    return state_->own_config;
}

const KeptMembership& Engine::kept() const {
    return state_->membership.kept();
}

bool Engine::barred() const {
    return state_->membership.barred();
}

const Timing& Engine::timing() const {
    return state_->core.config.timing;
}

HostPhase Engine::phase() const {
    return state_->phase;
}

Instant Engine::lease_ends() const {
    return state_->lease.ends();
}

bool Engine::leading(Instant now) const {
    return state_->leadership.leading(now);
}

Epoch Engine::epoch() const {
    return state_->leadership.decided_epoch();
}

Instant Engine::feed_deadline() const {
    return state_->keeper.deadline;
}

void Engine::fill(Snapshot& snapshot) const {
    state_->fill(snapshot);
}

namespace {

// What is left of a predecessor's lease; not more than the lease that this agent publishes, for observers go by that.
Instant inherited_lease(const EngineConfig& config, Instant now) {
    if (planted(Mutant::InheritedLeaseNotCut)) return config.lease_inherited_until;
    return std::min(config.lease_inherited_until, now + config.timing.lease);
}

// When something else than vouching last renewed that lease.
Instant inherited_renewal(const EngineConfig& config, Instant now) {
    const Instant until = inherited_lease(config, now);
    if (until == kNotYet) return kNotYet;
    const Duration lease =
        config.kept ? std::max(config.timing.lease, config.kept->lease) : config.timing.lease;
    const Instant renewed = until - lease;
    return config.kept && config.kept->renewed_at != kNotYet
               ? std::min(renewed, config.kept->renewed_at)
               : renewed;
}

// Datastores that were given no names are called by their numbers.  The timing is what this host begins with.
EngineConfig as_started(const EngineConfig& config) {
    EngineConfig named = config;
    while (named.datastores.size() < named.datastores_count) {
        const auto digit = static_cast<char>('1' + named.datastores.size());
        named.datastores.push(DatastoreName{std::string_view{&digit, 1}});
    }
    named.timing = timing_at_start(config);
    return named;
}

}  // namespace

EngineState::EngineState(const EngineConfig& config, Instant now)
    : core(as_started(config), now),
      started_at(now),
      slots(config.datastores_count),
      peers(config),
      lease(inherited_lease(core.config, now), inherited_renewal(core.config, now)),
      isolation(now),
      rosters(config),
      membership(core.config, now),
      timing_stage(config, core.config.timing),
      next_beat_at(now),
      admission(PeerTable::peers_max(config) + 1) {
    HF_CHECK(is_safe(config.timing));
    HF_CHECK(config.voters_count == 1 || config.voters_count == 3 || config.voters_count == 5);
    HF_CHECK(config.datastores.empty() || config.datastores.size() == config.datastores_count);
    HF_CHECK(config.datastores_count >= config.voters_count &&
             config.datastores_count <= kDatastoresMax);
    plans.reserve(kOrdersMax);
    rooms.reserve(PeerTable::peers_max(config) + 1);
    awaited_names.reserve(kOrdersMax * kAfterMax);
    group_spots.reserve(kClaimsKnownMax + kRosterEntriesMax + kOrdersMax);
    circle_seen.reserve(kOrdersMax);
    circle_stack.reserve(kOrdersMax + 1);
    proofs.resize(PeerTable::peers_max(config));
    fences.resize(PeerTable::peers_max(config));
    core.incarnation = config.incarnation;
    persisted = {config.incarnation.boot(), std::max(1U, config.incarnation.restart())};
    keeper.arming = keeper.arming_last = config.arming_inherited;
    keeper.deadline =
        config.lease_inherited_until == kNotYet ? kNever : config.lease_inherited_until;
    core.wakeup = now;
    // What was in force had been published.
    if (membership.in_force()) own_slot.config = membership.number();
    core.quorum = Quorum{voters_of(membership.held().voters, core.config)};
    note_maintenance();
    static_cast<void>(list_members());
    members_known = members_agree();
    begin_reading();
}

void EngineState::step(const Event& event, Actions& actions) {
    actions.clear();
    core.actions = &actions;
    core.now = std::max(core.now, event.now);
    core.wakeup = kNever;
    ++steps_count;
    const auto* beat = std::get_if<BeatReceived>(&event.body);
    const bool quiet =
        rests && beat != nullptr && core.now < next_beat_at && repeats_itself(beat->beat);
    // What ended by the clock is over before anything that this event says can renew it.
    const bool led = leadership.role() == Leadership::Role::Leading;
    leadership.check_office(core);
    if (led && leadership.role() != Leadership::Role::Leading) touch_slot();
    if (lease.ended(core.now) && !planted(Mutant::LapsedLeaseRenewed)) lapse();
    note_beat_due();
    std::visit([this](const auto& body) { on(body); }, event.body);
    // A beat that led to anything at all is no quiet one.
    if (quiet && actions.empty() && phase == HostPhase::Member) return settle_quietly();
    settle();
    put_out();
    say_lost_lines();
    rests = at_rest();
}

void EngineState::say_lost_lines() {
    if (core.lines_lost == 0) return;
    Trace line;
    line.code = TraceCode::LimitReached;
    line.a = static_cast<std::int64_t>(kActionsMax);
    line.b = core.lines_lost;
    line.at = core.now;
    line.self = core.config.self;
    core.emit(TraceLine{line});
    core.lines_lost = 0;
}

void EngineState::note_beat_due() {
    if (core.now < next_beat_at) return;
    beat_due = true;
    next_beat_at += core.config.timing.interval;
    if (next_beat_at <= core.now) next_beat_at = core.now + core.config.timing.interval;
}

void EngineState::change_phase(PhaseInput input) {
    const HostPhase next = next_phase(phase, input);
    if (next == phase) return;
    Trace line;
    line.code = TraceCode::PhaseChanged;
    line.a = static_cast<std::int64_t>(phase);
    line.b = static_cast<std::int64_t>(next);
    phase = next;
    core.trace(line);
    touch_slot();
}

void EngineState::judge_peers() {
    const bool own_storage_ok = slots.sees_majority(core);
    for (Peer& peer : peers.all()) PeerTable::judge(core, peer, own_storage_ok && watches(peer.id));
}

void EngineState::settle() {
    if (phase == HostPhase::Refused) return;
    if (phase == HostPhase::Reading) settle_past();
    if (phase == HostPhase::Reading || phase == HostPhase::Writing || phase == HostPhase::Member) {
        if (beat_due) lease.vouched(membership.vouched_issued(core, peers));
        lease.update(core, slots, lease_terms());
    }
    if (phase == HostPhase::Writing) settle_writing();
    settle_isolation();
    rounds.note_complete(slots.completed_by_majority(core), core.now);
    settle_lost_storage();
    const bool may_stand = phase == HostPhase::Member && !departing() &&
                           slots.sees_majority(core) && !rounds.none_since_left() &&
                           slots.scanned_clean_since(core, past.since) && !membership.barred() &&
                           (membership.current() || planted(Mutant::StandsByOldRecord)) &&
                           members_known && !gives_way_to_connected();
    if (leadership.advance(core, peers, slots, next_sequence(), may_stand)) {
        touch_slot();
        doorbell = true;
        plan_due = true;
    }
    lead_config();
    settle_membership();
    if (beat_due) judge_peers();
    announce();
    watch_deaths();
    rosters.issue(core, peers);
    read_orders();
    settle_claims();
    plan_restarts();
    if (phase == HostPhase::Lapsed) settle_lapsed();
    settle_departure();
    if (phase == HostPhase::Reading || phase == HostPhase::Writing) destroy_strays();
    settle_keeper();
}

}  // namespace holdfast
