// What a story expects of its cluster.  What fails is told with file, line, what was seen and when.
#include <algorithm>

#include "tests/sim/check/violation.h"
#include "tests/sim/scenario/player.h"

namespace holdfast::sim {

namespace {

constexpr Duration kPoll = milliseconds{20};
constexpr Duration kWithinOtherwise = seconds{2};

bool at_once(const std::string& word) {
    return word == "expect no-reset" || word == "expect no-kill" || word == "expect never-two";
}

}  // namespace

// Looks until it holds or its time is over.
std::string Player::expect(const Statement& statement) {
    Duration within = at_once(statement.word) ? Duration::zero() : kWithinOtherwise;
    if (statement.has("within")) {
        const auto given = duration_in(statement, statement.keys.at("within"));
        if (!given) return given.error();
        within = *given;
    }
    const WorldTime until = world_.now() + within;
    while (true) {
        const Look seen = look(statement);
        if (!seen.wrong.empty()) return seen.wrong;
        if (seen.holds || world_.violation()) return {};
        if (world_.now() >= until) {
            return statement.file + ":" + std::to_string(statement.line) + ": " + statement.text +
                   text_of(": at %.3f s seen: ", in_seconds(world_.now() - formed_at_)) + seen.seen;
        }
        world_.run_until(std::min(until, world_.now() + kPoll));
    }
}

Player::Look Player::look(const Statement& statement) {
    const std::string& word = statement.word;
    if (word == "expect vm") return look_at_vm(statement);
    if (word == "expect leader") return look_at_leader(statement);
    if (word == "expect verdict") return look_at_verdict(statement);
    if (word == "expect order") return look_at_order(statement);
    if (word == "expect changed") return look_at_change(true);
    if (word == "expect unchanged") return look_at_change(false);
    if (word == "expect absorbs") return look_at_absorption(statement);
    if (word == "expect no-room") return look_at_roomless(statement);
    if (word == "expect lease") return look_at_lease(statement);
    if (word == "expect no-kill") return look_at_kills();
    if (word == "expect no-reset") {
        return {world_.resets_count() == 0,
                text_of("%llu resets", static_cast<unsigned long long>(world_.resets_count())),
                {}};
    }
    if (word == "expect never-two") return {!world_.violation(), {}, {}};
    if (word == "expect reset") {
        const auto host = number_in(statement, "host", world_.hosts_count());
        if (!host) return {false, {}, host.error()};
        return {world_.reset_at(HostId{*host}) != kWorldNever, "no reset", {}};
    }
    // expect refused
    const auto vm = story_.vm_of(statement);
    if (!vm) return {false, {}, vm.error()};
    const auto host = number_in(statement, "on", world_.hosts_count());
    if (!host) return {false, {}, host.error()};
    return {world_.refusals_of(*vm, HostId{*host}) > 0, "no refusal", {}};
}

std::string Player::where_text(VmIndex vm) const {
    const HostId host = world_.where(vm);
    return host.is_none() ? "it runs nowhere" : text_of("it runs on host %u", host.value());
}

Player::Look Player::look_at_vm(const Statement& statement) {
    const auto vm = story_.vm_of(statement);
    if (!vm) return {false, {}, vm.error()};
    const HostId host = world_.where(*vm);
    if (statement.flags.contains("stopped")) return {host.is_none(), where_text(*vm), {}};
    if (statement.flags.contains("on-any")) return {!host.is_none(), where_text(*vm), {}};
    const auto wanted = number_in(statement, "on", world_.hosts_count());
    if (!wanted) return {false, {}, wanted.error()};
    return {host == HostId{*wanted}, where_text(*vm), {}};
}

Player::Look Player::look_at_leader(const Statement& statement) {
    const HostId leader = world_.leader();
    const std::string seen = leader.is_none() ? "no leader" : text_of("leader %u", leader.value());
    if (statement.has("leader") && statement.keys.at("leader") == "any") {
        return {!leader.is_none(), seen, {}};
    }
    const auto wanted = number_in(statement, "leader", world_.hosts_count());
    if (!wanted) return {false, {}, wanted.error()};
    return {leader == HostId{*wanted}, seen, {}};
}

Player::Look Player::look_at_verdict(const Statement& statement) {
    const auto number = number_in(statement, "host", world_.hosts_count());
    if (!number) return {false, {}, number.error()};
    if (!statement.has("is")) return {false, {}, statement.wrong("needs is=…")};
    std::string wanted = statement.keys.at("is");
    std::replace(wanted.begin(), wanted.end(), '-', ' ');
    // The leader judges; a leader is alive to everybody else.
    HostId judge = world_.leader();
    for (std::uint16_t h = 1; judge.value() == *number && h <= world_.hosts_count(); ++h) {
        if (h != *number && world_.host(HostId{h}).can_step()) judge = HostId{h};
    }
    if (judge.is_none() || judge.value() == *number) return {false, "nobody judges", {}};
    world_.host(judge).engine->fill(*snapshot_);
    for (std::uint32_t i = 0; i < snapshot_->hosts_count; ++i) {
        const HostSnapshot& seen = snapshot_->hosts[i];
        if (seen.host.value() != *number) continue;
        const std::string verdict = to_string(seen.verdict);
        return {verdict == wanted, text_of("host %u says %s", judge.value(), verdict.c_str()), {}};
    }
    return {false, text_of("host %u does not know it", judge.value()), {}};
}

Player::Look Player::look_at_order(const Statement& statement) {
    const auto first = story_.vms.find(statement.names[0]);
    const auto second = story_.vms.find(statement.names[2]);
    if (statement.names[1] != "before" || first == story_.vms.end() || second == story_.vms.end()) {
        return {false, {}, statement.wrong("expect order NAME before NAME")};
    }
    const WorldTime one = world_.vms()[first->second].run_by_engine_at;
    const WorldTime other = world_.vms()[second->second].run_by_engine_at;
    return {
        one != kWorldNever && other != kWorldNever && one <= other,
        one == kWorldNever || other == kWorldNever ? "not both were started" : "the other order",
        {}};
}

// What the leader knows of failures; null: nobody knows.
const Absorption* Player::absorption() {
    const HostId leader = world_.leader();
    if (leader.is_none() || !world_.host(leader).can_step()) return nullptr;
    world_.host(leader).engine->fill(*snapshot_);
    return snapshot_->absorption.known ? &snapshot_->absorption : nullptr;
}

Player::Look Player::look_at_absorption(const Statement& statement) {
    const std::string& wanted = statement.keys.at("absorbs");
    const Absorption* found = absorption();
    if (found == nullptr) return {false, "nobody knows", {}};
    const std::string seen = std::to_string(found->absorbs);
    return {seen == wanted, "absorbs " + seen + " of " + std::to_string(found->hosts_count), {}};
}

Player::Look Player::look_at_roomless(const Statement& statement) {
    const auto vm = story_.vm_of(statement);
    if (!vm) return {false, {}, vm.error()};
    HostId host;
    if (statement.has("host")) {
        const auto number = number_in(statement, "host", world_.hosts_count());
        if (!number) return {false, {}, number.error()};
        host = HostId{*number};
    }
    const Absorption* found = absorption();
    if (found == nullptr) return {false, "nobody knows", {}};
    std::string seen;
    for (const RoomlessVm& one : found->roomless) {
        if (one.vm == vm_id_of(*vm) && one.home == host) return {true, {}, {}};
        seen += std::string(one.name.view()) + text_of(" if host %u fails; ", one.home.value());
    }
    return {false, seen.empty() ? "all find room" : seen, {}};
}

Player::Look Player::look_at_kills() const {
    for (VmIndex vm = 0; vm < world_.vms().size(); ++vm) {
        const Vm& what = world_.vms()[vm];
        if (excused_[vm]) continue;
        if (what.interruptions_count != interruptions_[vm]) {
            return {false, std::string(what.spec.name.view()) + " was interrupted", {}};
        }
    }
    return {true, {}, {}};
}

}  // namespace holdfast::sim
