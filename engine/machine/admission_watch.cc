// When the leader looks at what it could absorb.
//
// It costs what it costs in slices, in steps that no beat waits for, at most once a second, and only when something has changed.
#include "engine/machine/admission_watch.h"

#include <algorithm>

#include "engine/machine/engine_state.h"

namespace holdfast {

namespace {

constexpr Duration kLookEvery = seconds{1};
constexpr Duration kSteadyFor = seconds{10};     // an agent that restarts is no news
constexpr std::size_t kLooksOfStep = 16 * 1024;  // some ten microseconds

constexpr std::uint64_t kHashPrime = 0x100000001b3U;

void mix(std::uint64_t& hash, std::uint64_t value) {
    hash = (hash ^ value) * kHashPrime;
}

}  // namespace

AdmissionWatch::AdmissionWatch(std::size_t hosts_max)
    : rehearsal(hosts_max, kClaimsKnownMax + kRosterEntriesMax) {}

void AdmissionWatch::forget() {
    if (seen == 0) return;
    rehearsal.forget();
    gathering = playing = false;
    seen = 0;
    absorbs = true;
    differs_since = kNotYet;
}

// Which claims lie where; VMs that are looked at must not move meanwhile.
std::uint64_t EngineState::claims_known() const {
    return rosters.changes_count() + own_roster.version.value();
}

// Everything that the answer depends on, as one number.
std::uint64_t EngineState::admission_depends_on() const {
    std::uint64_t hash = 1;
    mix(hash, claims_known());
    for (const Room& room : rooms) {
        mix(hash, room.host.value() | std::uint64_t{room.cpus} << 32U);
        mix(hash, room.memory_free_mib | std::uint64_t{room.datastores} << 32U);
    }
    for (const Plan& plan : plans) {
        if (!plan.given) mix(hash, plan.above.value());
    }
    return hash;
}

void EngineState::begin_admission() {
    const std::uint64_t depends_on = admission_depends_on();
    const bool soon = admission.begun_at != kNotYet && core.now - admission.begun_at < kLookEvery;
    if (depends_on == admission.seen || soon) return;
    admission.gathering = admission.playing = false;
    admission.waiting.clear();
    for (const Plan& plan : plans) {
        // So many wait only while a large failure is being dealt with.
        if (!plan.given && !admission.waiting.try_push(plan.spec)) return;
    }
    admission.seen = depends_on;
    admission.claims_seen = claims_known();
    admission.begun_at = core.now;
    admission.gathering = true;
    admission.next_home = 0;
    admission.rehearsal.clear();
    for (const Room& room : rooms) admission.rehearsal.add_room(room);
    admission.rehearsal.add_home(HostId{});
    for (const VmSpec& spec : admission.waiting) admission.rehearsal.add_vm(spec);
}

// Adds the VMs of one host more: those that it runs, not those that are on their way from another.
std::size_t EngineState::gather_home() {
    const auto has_room = [this](HostId host) {
        return std::any_of(
            rooms.begin(), rooms.end(), [host](const Room& room) { return room.host == host; });
    };
    const auto add = [this](const Claim& claim) {
        if (claim.holds() && claim.state != ClaimState::Arriving)
            admission.rehearsal.add_vm(claim.spec);
    };
    if (admission.next_home == 0) {
        admission.next_home = 1;
        admission.rehearsal.add_home(core.config.self);
        for (const Claim& claim : own_roster.claims) add(claim);
        return 1 + own_roster.claims.size();
    }
    const RosterTable::Known& known = rosters.all()[admission.next_home++ - 1];
    const bool dead = peers.find(known.host)->is_dead(known.incarnation);
    if (!known.valid || dead) return 1;
    if (known.entries_count == 0 && !has_room(known.host)) return rooms.size();
    admission.rehearsal.add_home(known.host);
    rosters.for_each_of_host(known, add);
    return 1 + known.entries_count;
}

void EngineState::watch_admission() {
    if (beat_due) {
        begin_admission();
        return say_absorption();
    }
    if (admission.at_rest()) return;
    if (admission.claims_seen != claims_known()) {
        admission.gathering = admission.playing = false;
        return;
    }
    std::size_t looks = 0;
    while (admission.gathering && looks < kLooksOfStep) {
        looks += gather_home();
        if (admission.next_home <= rosters.all().size()) continue;
        admission.gathering = false;
        admission.playing = true;
        admission.rehearsal.begin();
    }
    if (admission.playing && looks < kLooksOfStep)
        admission.playing = !admission.rehearsal.advance(kLooksOfStep - looks);
}

void EngineState::say_absorption() {
    const Absorption& found = admission.rehearsal.result();
    if (!found.known) return;
    const bool absorbs = found.absorbs > 0;
    if (absorbs == admission.absorbs) {
        admission.differs_since = kNotYet;
        return;
    }
    if (admission.differs_since == kNotYet) admission.differs_since = core.now;
    if (core.now - admission.differs_since < kSteadyFor) return;
    admission.absorbs = absorbs;
    Trace line;
    line.code = absorbs ? TraceCode::FailureAbsorbed : TraceCode::FailureNotAbsorbed;
    line.epoch = own_orders.epoch;
    line.number = found.absorbs;
    line.b = found.roomless_count;
    if (!found.roomless.empty()) {
        const RoomlessVm& first = found.roomless[0];
        line.vm = first.vm;
        line.vm_name = first.name;
        line.who.host = first.home;
    }
    core.trace(line);
}

}  // namespace holdfast
