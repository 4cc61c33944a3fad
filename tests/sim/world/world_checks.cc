// The checkers' part of World: what is looked at after each step, at each change of a VM, and five times a second.
#include <algorithm>
#include <bit>

#include "tests/sim/world/world.h"

namespace holdfast::sim {

namespace {

// A way that was open for this long within a lease's time would have renewed it, also after a restart of the agent.
Duration way_needed(const Timing& timing) {
    return 5 * timing.interval + milliseconds{150};
}

std::string describe(DatastoreIndex datastore, const PathFault& fault) {
    const char* mode = fault.mode == PathMode::Hang   ? "hangs"
                       : fault.mode == PathMode::Fail ? "fails"
                                                      : "answers";
    std::string text = text_of("datastore %u %s", datastore + 1U, mode);
    if (fault.write_only) text += " for writes";
    if (fault.read_only) text += " for reads";
    if (fault.delay > Duration::zero()) text += text_of(", %.3f s late", in_seconds(fault.delay));
    return text;
}

std::string describe(HostId from, HostId to, std::uint8_t link, const LinkFault& fault) {
    std::string text =
        text_of("link %c from host %u to host %u: ", 'a' + link, from.value(), to.value());
    if (fault.healthy()) return text + "whole";
    if (fault.cut) return text + "cut";
    return text + text_of("loss %u, doubled %u of 1000, up to %.3f s late",
                          fault.loss_permille,
                          fault.double_permille,
                          in_seconds(fault.delay_max));
}

const Claim* find_claim(const Roster& roster, const VmId& vm) {
    for (const Claim& claim : roster.claims) {
        if (claim.spec.vm == vm) return &claim;
    }
    return nullptr;
}

}  // namespace

// ---- S2 and the ways of keeping a lease

void World::check_step(SimHost& host) {
    const Instant local = host.now(now_);
    const bool leads = host.engine->leading(local);
    const bool led = leaders_.leading_since(host.id) != kWorldNever;
    if (leads) host.led_last_at = now_;
    if (leads || led) {
        if (const auto broken = leaders_.stepped(host.id, leads, host.engine->epoch(), now_))
            fail("S2", *broken);
        if (leads != led) note_all_ways();
    }
    const Instant lease_end = host.engine->lease_ends();
    if (lease_end != kNotYet) {
        if (host.lease_end == kNotYet || host.lease_end <= local) host.lease_since = now_;
        host.lease_end = lease_end;
    }
    // A clock jump of the agent's making: nothing may hold a lease for longer than it published.
    if (lease_end != kNotYet && lease_end != kNever && lease_end > local + longest_.lease) {
        fail("S1",
             text_of("host %u holds a lease for %.3f s ahead, longer than a lease lasts",
                     host.id.value(),
                     in_seconds(lease_end - local)));
    }
}

void World::note_all_ways() {
    for (const SimHost& host : hosts_) note_ways(host.id);
}

void World::note_ways(HostId id) {
    SimHost& host = at(id);
    const WorldTime agent = host.can_step() ? host.agent_since : kWorldNever;
    // Which datastores vote is the cluster's affair once people have changed it: then only all of them are surely enough.
    const WorldTime reads = voters_changed_ ? io_.all_since(id) : io_.majority_since(id);
    host.storage_way.note(now_, std::max(agent, reads));
    WorldTime by_leader = kWorldNever;
    const HostId leader = leaders_.leader();
    if (!leader.is_none() && leader != id) {
        const SimHost& other = this->host(leader);
        const WorldTime answers = other.can_step() ? other.agent_since : kWorldNever;
        by_leader = std::max(
            {agent, answers, network_.whole_since(id, leader), leaders_.leading_since(leader)});
    }
    host.leader_way.note(now_, by_leader);
}

void World::set_path(DatastoreIndex datastore, HostId host, PathFault fault) {
    if ((datastores_lost_ >> datastore & 1U) != 0) {
        fault = PathFault{};
        fault.mode = PathMode::Fail;
    }
    const PathFault before = io_.fault(datastore, host);
    io_.set_fault(now_, datastore, host, fault);
    if (listening() && !(before.healthy() && fault.healthy()))
        say(host, describe(datastore, fault));
    note_all_ways();
}

void World::set_link(HostId from, HostId to, std::uint8_t link, const LinkFault& fault) {
    if (listening() && !(fault.healthy() && network_.fault(from, to, link).healthy())) {
        say(HostId{}, describe(from, to, link, fault));
    }
    network_.set_fault(now_, from, to, link, fault);
    note_all_ways();
}

// ---- L2: harm without need

std::optional<std::string> World::lapse_without_need(const SimHost& host, Instant end) const {
    const WorldTime to = host.clock.when(end);
    const WorldTime from = to - shortest_.lease * 98 / 100;
    const Duration needed = way_needed(longest_);
    const Duration by_storage = host.storage_way.longest(from, to);
    if (by_storage >= needed) {
        return text_of(
            "a majority of the datastores answered host %u for %.3f s of the lease that ended at "
            "%.3f",
            host.id.value(),
            in_seconds(by_storage),
            in_seconds(to));
    }
    const Duration by_leader = host.leader_way.longest(from, to);
    if (by_leader >= needed) {
        return text_of("the leader could answer host %u for %.3f s of the lease that ended at %.3f",
                       host.id.value(),
                       in_seconds(by_leader),
                       in_seconds(to));
    }
    return std::nullopt;
}

void World::check_reset(SimHost& host, const char* why) {
    // A host that stood still is the watchdog's business.
    const Duration memory = longest_.lease + 3 * longest_.watchdog;
    const bool stood_still =
        host.frozen || (host.frozen_last_at != kWorldStart && now_ - host.frozen_last_at < memory);
    if (stood_still) return;
    // The keeper knows only what reached it: a step may have been interrupted before that.
    if (host.keeper.armed()) host.lease_end = std::min(host.lease_end, host.keeper.deadline());
    if (host.lease_end > host.now(now_)) {
        fail("L2", text_of("host %u is reset while it holds its lease: %s", host.id.value(), why));
        return;
    }
    if (const auto needless = lapse_without_need(host, host.lease_end)) {
        fail("L2",
             text_of(
                 "host %u is reset for nothing (%s): %s", host.id.value(), why, needless->c_str()));
    }
}

// ---- VMs

void World::vm_runs(HostId host_id, VmIndex index, ClaimNumber claim, RunCause cause) {
    const bool by_person = cause != RunCause::Engine;
    Vm& vm = vms_[index];
    tally_.add(by_person ? Count::VmRunsByPeople : Count::VmRunsByEngine);
    say(host_id,
        text_of("VM %s runs%s",
                std::string(vm.spec.name.view()).c_str(),
                cause == RunCause::Person      ? ", started by a person"
                : cause == RunCause::Migration ? ", as it migrates"
                                               : ""));
    if (const auto broken = runs_.runs(index, host_id, now_)) fail("S1", *broken);
    if (!(by_person && claim.is_none() && config_.vms[index].runs_before_agent &&
          vm.last_host.is_none())) {
        check_claim(host_id, index);
    }
    // Whoever scanned after the stop was on a majority has seen it.
    const bool stop_was_there = vm.stop_durable_at < vm.scan_began_at;
    if (!by_person && !vm.wanted && !vm.asked_since_stop && stop_was_there) {
        fail("L2",
             text_of("VM %u rises on host %u although host %u recorded that people stopped it",
                     index + 1,
                     host_id.value(),
                     vm.last_host.value()));
    }
    vm.stop_durable_at = kWorldNever;
    vm.wanted = true;
    ++vm.runs_count;
    const Duration agent_after = config_.vms[index].agent_after;
    if (agent_after > Duration::zero()) {
        const Duration takes = cause == RunCause::Migration ? milliseconds{10} : agent_after;
        agenda_.put(now_ + takes, Wake::GuestUp, host_id.value(), index, vm.runs_count);
    }
    if (vm.lost_with_host) {
        vm.lost_with_host = false;
        if (host_id != vm.last_host) {
            const Duration took = now_ - vm.died_at;
            ++tally_.failovers_count;
            tally_.failover_sum += took;
            tally_.failover_max = std::max(tally_.failover_max, took);
        }
    }
    vm.last_host = host_id;
    if (!by_person) vm.run_by_engine_at = now_;
}

// A host's write has been answered: is what people stopped there on a majority by now, and the doorbell with it?
void World::note_stops(HostId host_id) {
    for (Vm& vm : vms_) {
        if (vm.wanted || vm.last_host != host_id || vm.stop_durable_at != kWorldNever) continue;
        std::size_t shown_count = 0;
        for (DatastoreIndex d = 0; d < config_.datastores_count; ++d) {
            if (!voters_changed_ && d >= config_.voters_count) continue;
            const Medium::RegionView view = io_.medium(d).view(RegionKind::Roster, host_id);
            const SlotView& slot = io_.medium(d).views()[host_id.value() - 1U];
            if (view.reading != RegionReading::Valid || slot.reading != SlotReading::Valid)
                continue;
            const Roster& roster = io_.roster_block(view.block);
            const Claim* entry = find_claim(roster, vm.spec.vm);
            const bool stopped = entry != nullptr && entry->state == ClaimState::Stopped;
            if (stopped && slot.record.roster_version >= roster.version) ++shown_count;
        }
        // Whichever list counts by now, all of them are enough.
        const std::size_t enough = voters_changed_ ? config_.datastores_count : config_.majority();
        if (shown_count >= enough) vm.stop_durable_at = now_;
    }
}

// Every start goes through a claim that a majority of the voting datastores shows, or that nobody can read.
void World::check_claim(HostId host_id, VmIndex index) {
    if (config_.late_writes) return;  // an old roster may have landed on top of it
    std::size_t shown_count = 0;
    const std::uint8_t voters = voters_of(host_id);
    for (DatastoreIndex d = 0; d < config_.datastores_count; ++d) {
        if ((voters & 1U << d) == 0) continue;
        const Medium::RegionView view = io_.medium(d).view(RegionKind::Roster, host_id);
        if (view.reading == RegionReading::Unusable) ++shown_count;
        if (view.reading != RegionReading::Valid) continue;
        const Claim* claim = find_claim(io_.roster_block(view.block), vms_[index].spec.vm);
        if (claim != nullptr && claim->holds()) ++shown_count;
    }
    std::size_t needed = config_.majority();
    if (voters_changed_) {
        // What was on a majority of a list is on all but one of a majority of the next.
        const auto count = static_cast<std::size_t>(std::popcount(static_cast<unsigned>(voters)));
        needed = std::max<std::size_t>(count / 2, 1);
    }
    if (shown_count < needed) {
        fail("S1",
             text_of("VM %u runs on host %u, but only %zu of %u voting datastores show its claim",
                     index + 1,
                     host_id.value(),
                     shown_count,
                     config_.voters_count));
    }
}

void World::vm_ended(HostId host_id, VmIndex index, EndCause cause) {
    // What is left of a VM that was handed over: nothing ends while it runs elsewhere.
    if (const HostId other = runs_.where(index); !other.is_none() && other != host_id) return;
    Vm& vm = vms_[index];
    SimHost& host = at(host_id);
    runs_.ended(index, host_id, now_, cause != EndCause::HostDied);
    ++vm.interruptions_count;
    const bool was_allowed = vm.stop_allowed_on == host_id;
    vm.stop_allowed_on = HostId{};
    const std::string name(vm.spec.name.view());
    switch (cause) {
        case EndCause::HostDied:
            tally_.add(Count::VmsLostWithHost);
            vm.lost_with_host = vm.wanted;
            vm.died_at = now_;
            say(host_id, text_of("VM %s dies with its host", name.c_str()));
            return;
        case EndCause::ByUser:
            if (host.leaving && host.engine != nullptr) {
                // Stopped with its host, which said so before: it should run elsewhere.
                vm.lost_with_host = vm.wanted;
                vm.died_at = now_;
                say(host_id, text_of("VM %s is stopped, as its host goes down", name.c_str()));
                return;
            }
            vm.wanted = false;
            vm.stop_durable_at = kWorldNever;
            stops_pending_ = true;
            vm.asked_since_stop = false;
            for (const SimHost& other : hosts_) {
                const bool asked = other.id != host_id && other.hypervisor->busy(index);
                vm.asked_since_stop = vm.asked_since_stop || asked;
            }
            say(host_id, text_of("VM %s is stopped by a person", name.c_str()));
            return;
        case EndCause::Crashed: say(host_id, text_of("VM %s crashes", name.c_str())); return;
        case EndCause::DestroyedUnseen:
        case EndCause::Destroyed: break;
    }
    ++kills_count_;
    say(host_id, text_of("VM %s is destroyed", name.c_str()));
    vm.lost_with_host = vm.wanted;
    vm.died_at = now_;
    // A call that libvirt kept for too long is undone when it comes to light.
    const bool libvirt_failed =
        host.libvirt_troubled_at != kWorldNever && now_ - host.libvirt_troubled_at < seconds{60};
    if (was_allowed) return;  // looked at when it was decided
    if (cause == EndCause::DestroyedUnseen || (libvirt_failed && host.lease_end > host.now(now_)))
        return;
    if (host.lease_end > host.now(now_)) {
        fail("L2",
             text_of("VM %u is destroyed on host %u while the host holds its lease",
                     index + 1,
                     host_id.value()));
    } else if (const auto needless = lapse_without_need(host, host.lease_end)) {
        fail("L2",
             text_of("VM %u is destroyed on host %u for nothing: %s",
                     index + 1,
                     host_id.value(),
                     needless->c_str()));
    }
}

void World::start_refused(HostId host, VmIndex vm, const char* why) {
    ++refusals_[{vm, host}];
    say(host,
        text_of("VM %s is not started: %s", std::string(vms_[vm].spec.name.view()).c_str(), why));
}

bool World::start_by_person(VmIndex vm, HostId host_id) {
    SimHost& host = at(host_id);
    if (!host.powered || host.frozen) return false;
    if (host.engine != nullptr) vms_[vm].asked_since_stop = true;
    return host.hypervisor->start_by_person(now_, vm);
}

bool World::stop_by_person(VmIndex vm) {
    const HostId host = runs_.where(vm);
    return !host.is_none() && !at(host).frozen && at(host).hypervisor->stop_by_person(now_, vm);
}

void World::crash_vm(VmIndex vm) {
    const HostId host = runs_.where(vm);
    if (!host.is_none() && !at(host).frozen) at(host).hypervisor->crash(vm);
}

void World::set_libvirt(HostId id, LibvirtMode mode) {
    SimHost& host = at(id);
    const LibvirtMode before = host.hypervisor->mode();
    if (mode == before) return;
    host.libvirt_troubled_at = now_;
    host.hypervisor->set_mode(now_, mode);
    static constexpr const char* kModes[] = {"works", "is slow", "hangs", "fails", "lies"};
    if (listening()) say(id, text_of("libvirt %s", kModes[static_cast<std::size_t>(mode)]));
}

// ---- five times a second

// A VM may not outlive its host's lease by more than the keeper and the watchdog take.
void World::check_regularly() {
    if (config_.watchdog_class == WatchdogClass::None) return;
    const Timing& timing = config_.timing;
    const Duration allowed = with_drift(2 * timing.watchdog + timing.granularity);
    for (SimHost& host : hosts_) {
        if (!host.powered || host.hypervisor->running_count() == 0 || host.lease_end == kNotYet)
            continue;
        const Instant local = host.now(now_);
        if (local > host.lease_end + allowed) {
            fail("S1",
                 text_of("host %u still runs VMs %.3f s after its lease ended",
                         host.id.value(),
                         in_seconds(local - host.lease_end)));
        }
    }
}

}  // namespace holdfast::sim
