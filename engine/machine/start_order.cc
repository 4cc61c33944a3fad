// In which order the leader restarts VMs, and what a start waits for (design section 9).
//
// Priority, then dependencies, then size: a VM that a more important one starts after takes over that one's priority.  A
// dependency delays, it never decides for good: what is in no roster, was stopped, waits in a circle, or does not come up for
// kAfterWaitMax is said and no longer waited for.
#include <algorithm>

#include "engine/machine/engine_state.h"
#include "engine/machine/trace_about.h"

namespace holdfast {

namespace {

constexpr Duration kAfterWaitMax = std::chrono::minutes{10};

enum class WaitEnd : std::uint8_t { Missing = 1, Circle, TimeOver, NoAgent };

// Whether `left` is to be started before `right`.
bool goes_before(const Plan& left, const Plan& right) {
    if (left.weight != right.weight) return left.weight > right.weight;
    return left.spec.memory_mib > right.spec.memory_mib;
}

}  // namespace

AwaitedName* EngineState::awaited(std::uint32_t name) {
    const auto found =
        std::lower_bound(awaited_names.begin(),
                         awaited_names.end(),
                         name,
                         [](const AwaitedName& a, std::uint32_t b) { return a.name < b; });
    return found != awaited_names.end() && found->name == name ? &*found : nullptr;
}

// Looks once through all rosters for the names that some plan waits for.
void EngineState::look_for_names() {
    awaited_names.clear();
    for (const Plan& plan : plans) {
        for (const std::uint32_t name : plan.spec.relations.after) {
            if (name == 0) continue;
            AwaitedName& found = awaited_names.emplace_back();
            found.name = name;
        }
    }
    if (awaited_names.empty()) return;
    const auto by_name = [](const AwaitedName& a, const AwaitedName& b) { return a.name < b.name; };
    std::sort(awaited_names.begin(), awaited_names.end(), by_name);
    const auto same = [](const AwaitedName& a, const AwaitedName& b) { return a.name == b.name; };
    awaited_names.erase(std::unique(awaited_names.begin(), awaited_names.end(), same),
                        awaited_names.end());
    const auto look = [this](const Claim& claim, bool dead) {
        AwaitedName* found = awaited(claim.spec.relations.name);
        if (found == nullptr || dead) return;
        if (claim.state == ClaimState::Running) {
            found->runs = true;
            found->agent = std::max(found->agent, claim.spec.agent);
        }
        found->coming = found->coming || claim.state == ClaimState::Starting ||
                        claim.state == ClaimState::Stopping || claim.state == ClaimState::Arriving;
    };
    for (const RosterTable::Known& known : rosters.all()) {
        const bool dead = peers.find(known.host)->is_dead(known.incarnation);
        rosters.for_each_of_host(known, [&](const Claim& claim) { look(claim, dead); });
    }
    for (const OwnVm& own : vms) {
        if (own.listed) look(own.claim, false);
    }
    for (std::size_t i = 0; i < plans.size(); ++i) {
        AwaitedName* found = awaited(plans[i].spec.relations.name);
        if (found != nullptr) found->plan = static_cast<std::uint16_t>(i);
    }
}

// The important ones first, and with them whatever they start after.
void EngineState::order_plans() {
    for (Plan& plan : plans) plan.weight = plan.spec.priority;
    look_for_names();
    bool changed = !awaited_names.empty();
    while (changed) {
        changed = false;
        for (const Plan& plan : plans) {
            for (const std::uint32_t name : plan.spec.relations.after) {
                const AwaitedName* found = name == 0 ? nullptr : awaited(name);
                if (found == nullptr || found->runs || found->plan == kNoPlan) continue;
                Plan& earlier = plans[found->plan];
                if (earlier.weight >= plan.weight) continue;
                earlier.weight = plan.weight;
                changed = true;
            }
        }
    }
    // In place and stable; they are nearly in order already.
    for (std::size_t i = 1; i < plans.size(); ++i) {
        for (std::size_t j = i; j > 0 && goes_before(plans[j], plans[j - 1]); --j)
            std::swap(plans[j], plans[j - 1]);
    }
    for (AwaitedName& found : awaited_names) found.plan = kNoPlan;
    for (std::size_t i = 0; i < plans.size(); ++i) {
        AwaitedName* found = awaited(plans[i].spec.relations.name);
        if (found != nullptr) found->plan = static_cast<std::uint16_t>(i);
    }
}

// Whether plan `first` waits, by others that come after it in the order, for itself.
bool EngineState::begins_circle(std::size_t first) {
    circle_seen.assign(plans.size(), 0);
    circle_stack.clear();
    circle_stack.push_back(static_cast<std::uint16_t>(first));
    while (!circle_stack.empty()) {
        const Plan& plan = plans[circle_stack.back()];
        circle_stack.pop_back();
        for (const std::uint32_t name : plan.spec.relations.after) {
            const AwaitedName* found = name == 0 ? nullptr : awaited(name);
            if (found == nullptr || found->runs || found->plan == kNoPlan) continue;
            if (found->plan == first) return true;
            if (found->plan < first || circle_seen[found->plan] != 0) continue;
            circle_seen[found->plan] = 1;
            circle_stack.push_back(found->plan);
        }
    }
    return false;
}

void EngineState::waits_no_longer(Plan& plan, std::uint8_t why) {
    if ((plan.wait_ends_said & 1U << why) != 0) return;
    plan.wait_ends_said = static_cast<std::uint8_t>(plan.wait_ends_said | 1U << why);
    Trace line = about(TraceCode::WaitGivenUp, plan);
    line.a = why;
    core.trace(line);
}

// Whether the plan at this place may be carried out now, as far as other VMs are concerned.
bool EngineState::may_start_now(std::size_t place) {
    Plan& plan = plans[place];
    std::int64_t awaits = 0;
    const VmRelations& relations = plan.spec.relations;
    for (std::size_t i = 0; i < relations.after.size(); ++i) {
        const AwaitedName* found = relations.after[i] == 0 ? nullptr : awaited(relations.after[i]);
        if (found == nullptr) continue;
        if (found->runs) {
            if ((relations.after_agent >> i & 1U) == 0 || found->agent == GuestAgent::Up) continue;
            if (found->agent == GuestAgent::Awaited) {
                ++awaits;
            } else {
                waits_no_longer(plan, static_cast<std::uint8_t>(WaitEnd::NoAgent));
            }
        } else if (found->plan != kNoPlan || found->coming) {
            ++awaits;
        } else {
            waits_no_longer(plan, static_cast<std::uint8_t>(WaitEnd::Missing));
        }
    }
    if (awaits == 0) {
        if (plan.waits_since == kNotYet) return true;
        const Duration delay = std::chrono::seconds{plan.spec.relations.after_delay_seconds};
        if (plan.ready_at == kNotYet) plan.ready_at = core.now + delay;
        if (core.now < plan.ready_at) core.wake_at(plan.ready_at);
        return core.now >= plan.ready_at;
    }
    plan.ready_at = kNotYet;
    if (begins_circle(place)) {
        waits_no_longer(plan, static_cast<std::uint8_t>(WaitEnd::Circle));
        return true;
    }
    if (plan.waits_since == kNotYet) {
        plan.waits_since = core.now;
        Trace line = about(TraceCode::StartWaits, plan);
        line.a = awaits;
        core.trace(line);
    }
    if (core.now - plan.waits_since < kAfterWaitMax) return false;
    waits_no_longer(plan, static_cast<std::uint8_t>(WaitEnd::TimeOver));
    return true;
}

// Where VMs of groups run or are about to: for hosts that could be chosen.
void EngineState::look_for_groups() {
    group_spots.clear();
    bool any = false;
    for (const Plan& plan : plans) {
        any = any || plan.spec.relations.apart != 0 || plan.spec.relations.together != 0;
    }
    if (!any) return;
    for (const Room& room : rooms) {
        if (room.host == core.config.self) {
            for (const OwnVm& own : vms) {
                if (own.listed && own.claim.holds()) add_group_spot(room.host, own.claim.spec);
            }
            continue;
        }
        rosters.for_each_of_host(*rosters.find(room.host), [&](const Claim& claim) {
            if (claim.holds()) add_group_spot(room.host, claim.spec);
        });
    }
    for (const Plan& plan : plans) {
        if (plan.given) add_group_spot(plan.target, plan.spec);
    }
}

void EngineState::add_group_spot(HostId host, const VmSpec& spec) {
    const VmRelations& relations = spec.relations;
    if (relations.apart == 0 && relations.together == 0) return;
    if (group_spots.size() == group_spots.capacity()) return;
    group_spots.push_back({host, relations.apart, relations.together});
}

// The hosts that run a VM of the same groups as `spec`.
void EngineState::hosts_of_groups(const VmSpec& spec, HostSet& apart, HostSet& together) const {
    for (const GroupSpot& spot : group_spots) {
        if (spot.apart != 0 && spot.apart == spec.relations.apart) apart.insert(spot.host);
        if (spot.together != 0 && spot.together == spec.relations.together)
            together.insert(spot.host);
    }
}

}  // namespace holdfast
