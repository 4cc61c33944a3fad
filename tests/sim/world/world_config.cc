// People who change the cluster's configuration, and what the checkers have to know of that.
#include "tests/sim/world/world.h"

namespace holdfast::sim {

namespace {

std::string text_of_change(const ConfigChange& change) {
    if (const auto* timing = std::get_if<TimingChange>(&change))
        return text_of("a lease of %.3f s", in_seconds(timing->timing.lease));
    if (const auto* datastore = std::get_if<DatastoreChange>(&change)) {
        return text_of("datastore %s %s",
                       std::string(datastore->name.view()).c_str(),
                       datastore->retire ? "to vote no longer" : "to vote");
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
                                             "VMs are not settled"};
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
    if (leader.is_none()) return;
    for (const ClusterMember& member : host(leader).engine->kept().config.members) {
        if (!member.maintenance) continue;
        ask_change(leader, MaintenanceChange{member.host, false});
        return;
    }
}

}  // namespace holdfast::sim
