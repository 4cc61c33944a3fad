// Live migrations, as libvirt does them: the target lets it in and starts a QEMU that waits, memory is copied, the source pauses and
// hands over, the target runs it, the source ends what it has.  Each step may fail, or take long; when one side is gone before the
// target runs it, the other one keeps what it has or gives it up.
#include "tests/sim/world/world.h"

namespace holdfast::sim {

namespace {

constexpr Span kLook{milliseconds{5}, milliseconds{60}};
constexpr Span kHandOver{milliseconds{1}, milliseconds{20}};
constexpr Span kSlowHandOver{milliseconds{100}, seconds{4}};
constexpr Span kNotice{milliseconds{500}, seconds{3}};  // until libvirt misses the other side
constexpr Span kHangs{seconds{10}, seconds{60}};
constexpr int kLooksMax = 4000;

}  // namespace

bool World::migrate(VmIndex vm, HostId to) {
    const HostId from = runs_.where(vm);
    if (from.is_none() || from == to || !at(to).powered || at(to).frozen || at(from).frozen)
        return false;
    if (at(from).hypervisor->busy(vm) || !at(to).hypervisor->let_in(now_, vm)) return false;
    say(from, text_of("VM %s is to migrate to host %u", name_of(vm).c_str(), to.value()));
    tally_.add(Count::Migrations);
    Migration move;
    move.vm = vm;
    move.from = from;
    move.to = to;
    move.from_life = at(from).power_life;
    move.to_life = at(to).power_life;
    // What goes wrong is drawn by stories and random runs alike; quiet worlds draw nothing.
    const std::uint32_t odds = config_.migrations_fail_permille;
    move.fails = odds > 0 && chance_.permille(odds);
    move.hangs = odds > 0 && chance_.permille(odds);
    move.slow = odds > 0 && chance_.permille(3 * odds);
    move.client_goes_on = odds > 0 && chance_.permille(500);
    move.forgotten = odds > 0 && chance_.permille(odds);
    move.ends_as_crash = odds > 0 && chance_.permille(odds);
    const std::uint32_t index = migrations_.take();
    migrations_[index] = move;
    put_migration(index, kLook);
    return true;
}

void World::put_migration(std::uint32_t index, const Span& span) {
    agenda_.put(now_ + chance_.between(span.low, span.high),
                Wake::MigrationMoves,
                migrations_[index].from.value(),
                index);
}

// Whether a side can take part: who stands still, or whose libvirt hangs, is waited for.
bool World::stands_still(const SimHost& host, std::uint32_t life) const {
    const bool there = host.powered && host.power_life == life;
    return there && (host.frozen || host.hypervisor->mode() == LibvirtMode::Hang);
}

void World::migration_moves(std::uint32_t index) {
    Migration& move = migrations_[index];
    if (stands_still(at(move.from), move.from_life) || stands_still(at(move.to), move.to_life))
        return put_migration(index, kLook);
    const std::optional<Span> next = next_scene(move);
    if (next) return put_migration(index, *next);
    migrations_.give_back(index);
}

// What happens now, and when to look again; none: it is over.
std::optional<Span> World::next_scene(Migration& move) {
    SimHost& from = at(move.from);
    SimHost& to = at(move.to);
    const bool source = from.powered && from.power_life == move.from_life;
    const bool target = to.powered && to.power_life == move.to_life;
    Hypervisor& target_side = *to.hypervisor;
    const bool waits = target && target_side.busy(move.vm) && ++move.looks < kLooksMax;
    const bool prepared = target && target_side.state(move.vm) == DomainState::Incoming;
    switch (move.scene) {
        case Scene::LettingIn:
            if (waits) return kLook;
            if (!target || !target_side.launch(now_, move.vm)) return std::nullopt;
            move.scene = Scene::Launching;
            return kLook;
        case Scene::Launching:
            if (waits) return kLook;
            if (!prepared) return std::nullopt;
            move.scene = Scene::Copying;
            return move.hangs ? kHangs : config_.vm_copy;
        case Scene::Copying:
            if (move.fails || !source || !prepared || from.hypervisor->busy(move.vm) ||
                !from.hypervisor->hand_over(move.vm)) {
                move.scene = Scene::GivingUp;
                return kNotice;
            }
            move.scene = Scene::HandedOver;
            return move.slow ? kSlowHandOver : kHandOver;
        case Scene::HandedOver:
            // All is on the target; whether it goes on without a source depends on who drives it.
            if (prepared && !target_side.busy(move.vm) && (source || move.client_goes_on) &&
                target_side.arrive(move.vm)) {
                from.hypervisor->note_spent(move.vm);
                move.scene = Scene::Leaving;
                return move.slow ? kSlowHandOver : kHandOver;
            }
            if (source) from.hypervisor->keep(move.vm);
            move.scene = Scene::GivingUp;
            return kNotice;
        case Scene::Leaving:
            if (source && !move.forgotten) {
                from.hypervisor->depart(
                    move.vm, move.ends_as_crash ? StopCause::Crashed : StopCause::Migrated);
            }
            return std::nullopt;
        case Scene::GivingUp:
            if (target && target_side.busy(move.vm)) return kLook;
            if (target) target_side.give_up(move.vm);
            return std::nullopt;
    }
    return std::nullopt;
}

void World::vm_handed(HostId host, VmIndex vm) {
    runs_.ended(vm, host, now_, true);
    say(host, text_of("VM %s is handed over", name_of(vm).c_str()));
}

}  // namespace holdfast::sim
