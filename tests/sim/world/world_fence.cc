// Fence devices, and people who say that a host is dead.
//
// The call runs on the asking host, outside its agent: it goes on when the agent dies, and ends with the host.
#include "tests/sim/world/world.h"

namespace holdfast::sim {

void World::set_fence(HostId id, FenceMode mode) {
    at(id).fence_mode = mode;
    static constexpr const char* kModes[] = {"works", "fails", "hangs", "lies"};
    if (listening())
        say(id, text_of("its fence device %s", kModes[static_cast<std::size_t>(mode)]));
}

void World::carry_out(SimHost& host, const FenceHost& action) {
    if (host.now(now_) >= action.valid_until) {
        mail(host.id,
             host.life,
             FenceAnswered{action.host, action.request, FenceReply::NotRun, PowerState::Unknown});
        return;
    }
    if (action.task == FenceTask::Off) check_fence(at(action.host));
    const std::uint32_t index = fence_calls_.take();
    fence_calls_[index] = FenceCall{action, host.life, host.power_life, false, FenceReply::NotRun};
    fence_calls_[index].off_over = action.task == FenceTask::Prepare;
    const bool hangs = at(action.host).fence_mode == FenceMode::Hang;
    agenda_.put(now_ + (hangs ? config_.fence_limit
                              : chance_.between(config_.fence_call.low, config_.fence_call.high)),
                Wake::FenceMoves,
                host.id.value(),
                index);
}

void World::fence_moves(SimHost& asker, std::uint32_t index) {
    FenceCall& call = fence_calls_[index];
    SimHost& target = at(call.order.host);
    const FenceMode mode = target.fence_mode;
    if (!asker.powered || asker.power_life != call.power_life) return fence_calls_.give_back(index);
    if (!call.off_over) {
        call.off_over = true;
        call.off = mode == FenceMode::Fail   ? FenceReply::Failed
                   : mode == FenceMode::Hang ? FenceReply::NoAnswer
                                             : FenceReply::Ok;
        if (mode == FenceMode::Ok) {
            tally_.add(Count::HostsFenced);
            say(target.id, text_of("its power is cut by host %u", asker.id.value()));
            power_off(target.id);
            if (config_.fence_undone.high > Duration::zero()) {
                target.boot_planned = true;
                agenda_.put(
                    now_ + chance_.between(config_.fence_undone.low, config_.fence_undone.high),
                    Wake::HostBoots,
                    target.id.value(),
                    0,
                    target.power_life);
            }
        }
        const bool hangs = mode == FenceMode::Hang;
        agenda_.put(
            now_ + (hangs ? config_.fence_limit
                          : chance_.between(config_.fence_call.low, config_.fence_call.high)),
            Wake::FenceMoves,
            asker.id.value(),
            index);
        return;
    }
    FenceAnswered answer{call.order.host, call.order.request, call.off, PowerState::Unknown};
    if (mode == FenceMode::Ok || mode == FenceMode::Lie)
        answer.power = target.powered ? PowerState::On : PowerState::Off;
    mail(asker.id, call.life, answer);
    fence_calls_.give_back(index);
}

// L2: nobody's power is cut who holds a lease, or could have kept it.
void World::check_fence(const SimHost& target) {
    if (!target.powered || target.frozen || target.lease_end == kNotYet) return;
    // Who goes down renews no lease, and with nothing that runs there is nothing to harm.
    if (target.leaving && target.hypervisor->running_count() == 0) return;
    // What is read is up to an interval old: a host that was lost may have come back since.
    const Duration stale = 2 * config_.timing.interval;
    if (target.lease_since + stale > now_ && target.hypervisor->running_count() == 0) return;
    if (target.lease_end > target.now(now_)) {
        fail("L2",
             text_of("the power of host %u is to be cut while it holds its lease",
                     target.id.value()));
    } else if (const auto needless = lapse_without_need(target, target.lease_end)) {
        fail("L2",
             text_of("the power of host %u is to be cut for nothing: %s",
                     target.id.value(),
                     needless->c_str()));
    }
}

bool World::confirm_dead(HostId id) {
    const HostId judge = leader();
    if (judge.is_none() || judge == id) return false;
    const auto snapshot = std::make_unique<Snapshot>();
    host(judge).engine->fill(*snapshot);
    for (std::uint32_t i = 0; i < snapshot->hosts_count; ++i) {
        const HostSnapshot& seen = snapshot->hosts[i];
        if (seen.host != id || seen.incarnation.is_none()) continue;
        say(judge, text_of("a person says that host %u is dead", id.value()));
        mail(judge, host(judge).life, ConfirmDead{1, id, seen.incarnation});
        return true;
    }
    return false;
}

void World::carry_out(SimHost& host, const AnswerConfirm& answer) {
    static constexpr const char* kWords[] = {"invalid",
                                             "accepted",
                                             "not the leader",
                                             "it shows life",
                                             "another incarnation",
                                             "dead already",
                                             "never heard of"};
    say(host.id,
        text_of("answers about host %u: %s",
                answer.host.value(),
                kWords[static_cast<std::size_t>(answer.verdict)]));
}

}  // namespace holdfast::sim
