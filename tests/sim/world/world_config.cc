// People who change the cluster's configuration, and what the checkers have to know of that.
#include <bit>

#include "tests/sim/world/world.h"

namespace holdfast::sim {

namespace {

std::string text_of_change(const ConfigChange& change) {
    if (const auto* timing = std::get_if<TimingChange>(&change))
        return text_of("a lease of %.3f s", in_seconds(timing->timing.lease));
    if (const auto* datastore = std::get_if<DatastoreChange>(&change)) {
        return text_of("datastore %s %s",
                       std::string(datastore->name.view()).c_str(),
                       datastore->without_majority ? "to be given up with all others that are lost"
                       : datastore->retire         ? "to vote no longer"
                                                   : "to vote");
    }
    if (const auto* member = std::get_if<MemberChange>(&change)) {
        return text_of(
            "host %u to become %s member", member->host.value(), member->remove ? "no" : "a");
    }
    const auto& maintenance = std::get<MaintenanceChange>(change);
    return text_of(
        "host %u %s maintenance", maintenance.host.value(), maintenance.on ? "in" : "out of");
}

// Every part of `into` becomes the `wanted` of both.
template <typename Wanted>
void widen(Timing& into, const Timing& other, Wanted wanted) {
    static constexpr Duration Timing::*kParts[] = {&Timing::interval,
                                                   &Timing::fresh,
                                                   &Timing::silent,
                                                   &Timing::isolation_after,
                                                   &Timing::lease,
                                                   &Timing::watchdog,
                                                   &Timing::granularity,
                                                   &Timing::landing,
                                                   &Timing::dead};
    for (Duration Timing::*part : kParts) into.*part = wanted(into.*part, other.*part);
}

const char* word_of(ChangeVerdict verdict) {
    static constexpr const char* kWords[] = {"invalid",
                                             "done",
                                             "not the leader",
                                             "unsafe",
                                             "unknown name",
                                             "nothing to do",
                                             "busy",
                                             "the last voter",
                                             "too many",
                                             "not reached",
                                             "the office ended",
                                             "the last host",
                                             "VMs are not settled",
                                             "a majority answers",
                                             "its life is not over"};
    return kWords[static_cast<std::size_t>(verdict)];
}

}  // namespace

void World::ask_change(HostId id, const ConfigChange& change) {
    SimHost& host = at(id);
    if (host.engine == nullptr) return;
    if (const auto* timing = std::get_if<TimingChange>(&change)) {
        widen(shortest_, timing->timing, [](Duration a, Duration b) { return std::min(a, b); });
        widen(longest_, timing->timing, [](Duration a, Duration b) { return std::max(a, b); });
        // Halfway between two timings the dead time may be longer than under either.
        longest_.dead = std::max(
            longest_.dead,
            dead_min(longest_.lease, longest_.watchdog, longest_.granularity, longest_.landing));
    }
    voters_changed_ = voters_changed_ || std::holds_alternative<DatastoreChange>(change);
    note_all_ways();
    if (listening()) say(id, "a person asks for " + text_of_change(change));
    change_answer_.reset();
    mail(id, host.life, ConfigChangeAsked{++changes_asked_, change});
}

void World::change_answered(HostId id, const AnswerChange& answer) {
    if (listening()) say(id, text_of("answers the person: %s", word_of(answer.verdict)));
    if (answer.token == changes_asked_) change_answer_ = answer;
}

std::uint8_t World::voters_of(HostId id) const {
    const SimHost& holder = host(id);
    const auto of_file = static_cast<std::uint8_t>((1U << config_.voters_count) - 1U);
    if (!voters_changed_ || holder.engine == nullptr) return of_file;
    std::uint8_t mask = 0;
    for (const DatastoreName& name : holder.engine->kept().config.voters)
        mask = static_cast<std::uint8_t>(mask | 1U << (name.view().front() - '1'));
    return mask;
}

bool World::in_maintenance(HostId id) const {
    for (const SimHost& host : hosts_) {
        if (host.engine == nullptr) continue;
        const ClusterMember* member = host.engine->kept().config.find(id);
        if (member != nullptr && member->maintenance) return true;
    }
    return false;
}

void World::end_maintenance() {
    const HostId leader = this->leader();
    if (leader.is_none()) {
        // Every time at another host: what is asked of one that is still behind comes to nothing.
        const auto turn = static_cast<std::uint16_t>(1 + ++end_turns_ / 32 % hosts_.size());
        if (end_turns_ % 32 == 0) give_up_lost_datastores(HostId{turn});
        return;
    }
    for (const ClusterMember& member : host(leader).engine->kept().config.members) {
        if (!member.maintenance) continue;
        ask_change(leader, MaintenanceChange{member.host, false});
        return;
    }
    restore_members();
}

// For ever, and for everybody.
void World::lose_datastore(DatastoreIndex datastore) {
    datastores_lost_ = static_cast<std::uint8_t>(datastores_lost_ | 1U << datastore);
    set_path(datastore, HostId{}, PathFault{});
    for (const SimHost& host : hosts_) set_path(datastore, host.id, PathFault{});
}

// A person sees that they are lost, and that every host that is on is heard by every other one.  Says so at one of them.
void World::give_up_lost_datastores(HostId at) {
    if (datastores_lost_ == 0 || !leader().is_none()) return;
    for (const SimHost& one : hosts_) {
        if (one.powered && !one.can_step()) return;
        for (const SimHost& other : hosts_) {
            const bool both = one.powered && other.powered && one.id != other.id;
            if (both && network_.whole_since(one.id, other.id) == kWorldNever) return;
        }
    }
    if (!host(at).powered) return;
    const auto digit =
        static_cast<char>('1' + std::countr_zero(static_cast<unsigned>(datastores_lost_)));
    ask_change(at, DatastoreChange{DatastoreName{std::string_view{&digit, 1}}, true, true});
}

void World::restore_members() {
    const HostId leader = this->leader();
    const holdfast::ClusterConfig& held = host(leader).engine->kept().config;
    for (const SimHost& host : hosts_) {
        const ClusterMember* member = held.find(host.id);
        if (!host.powered || (member != nullptr && !member->removed)) continue;
        ask_change(leader, member_added(host.id));
        return;
    }
}

MemberChange World::member_added(HostId host) {
    MemberChange change{host, false, {}};
    change.place.name = FixedText<64>{text_of("h%u", host.value())};
    change.place.addresses[0].family = 4;
    change.place.addresses[0].bytes[0] = 10;
    change.place.addresses[0].bytes[3] = static_cast<std::uint8_t>(host.value());
    return change;
}

}  // namespace holdfast::sim
