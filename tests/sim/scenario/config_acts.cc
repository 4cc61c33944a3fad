// Stories of people who change the cluster's configuration: what they ask the leader for, and what came of it.
#include "tests/sim/check/violation.h"
#include "tests/sim/scenario/player.h"

namespace holdfast::sim {

// Nobody leads: a person types it at one host, and says which datastores are lost for ever.
std::string Player::drop_list(const Statement& statement) {
    const auto number = number_in(statement, "ds", kDatastoresMax);
    if (!number) return number.error();
    const auto host = number_in(statement, "host", world_.hosts_count());
    if (!host) return host.error();
    const DatastoreName name{std::to_string(*number)};
    world_.ask_change(HostId{*host}, DatastoreChange{name, true, true});
    return {};
}

std::string Player::change(const Statement& statement) {
    if (statement.flags.contains("without-majority")) return drop_list(statement);
    const HostId leader = world_.leader();
    if (leader.is_none()) return statement.wrong("nobody leads who could be asked");
    if (statement.word == "timing") {
        static const std::map<std::string, Timing> kProfiles = {
            {"fast", kTimingFast}, {"standard", kTimingStandard}, {"patient", kTimingPatient}};
        const auto profile =
            kProfiles.find(statement.has("profile") ? statement.keys.at("profile") : "");
        if (profile == kProfiles.end())
            return statement.wrong("profile is fast, standard or patient");
        Timing timing = profile->second;
        if (statement.flags.contains("unsafe")) timing.dead = timing.lease;
        world_.ask_change(leader, TimingChange{timing});
        return {};
    }
    if (statement.flags.size() != 1) return statement.wrong("needs one of its two words");
    if (statement.word == "datastore") {
        const auto number = number_in(statement, "ds", kDatastoresMax);
        if (!number) return number.error();
        const DatastoreName name{std::to_string(*number)};
        world_.ask_change(leader, DatastoreChange{name, statement.flags.contains("retire")});
        return {};
    }
    const auto number = number_in(statement, "host", kHostsMax);
    if (!number) return number.error();
    if (statement.word == "member") {
        MemberChange asked = World::member_added(HostId{*number});
        asked.remove = statement.flags.contains("remove");
        world_.ask_change(leader, asked);
        return {};
    }
    world_.ask_change(leader, MaintenanceChange{HostId{*number}, statement.flags.contains("on")});
    return {};
}

Player::Look Player::look_at_change(bool wanted) const {
    const auto& answer = world_.change_answer();
    if (!answer) return {false, "no answer", {}};
    const bool done = answer->verdict == ChangeVerdict::Done;
    return {done == wanted, done ? "it was changed" : "it was refused", {}};
}

Player::Look Player::look_at_lease(const Statement& statement) const {
    const auto number = number_in(statement, "host", world_.hosts_count());
    if (!number) return {false, {}, number.error()};
    if (!statement.has("is")) return {false, {}, statement.wrong("needs is=…")};
    const auto wanted = duration_in(statement, statement.keys.at("is"));
    if (!wanted) return {false, {}, wanted.error()};
    const SimHost& host = world_.host(HostId{*number});
    if (host.engine == nullptr) return {false, "no agent", {}};
    const Duration used = host.engine->timing().lease;
    return {used == *wanted, text_of("it goes by a lease of %.3f s", in_seconds(used)), {}};
}

}  // namespace holdfast::sim
