// The scenes of a live migration in which each side does its part; world_migration.cc tells the story.
#include "tests/sim/world/hypervisor.h"

namespace holdfast::sim {

// libvirt asks its hook before it takes the domain's lock, and once more when it starts the QEMU: somebody else may come between.
bool Hypervisor::let_in(WorldTime now, VmIndex vm) {
    if (!domains_[vm].calls.empty() || has_qemu(vm)) return false;
    domains_[vm].arrival = 0;
    enqueue(now, CallKind::LetIn, vm, life_);
    return true;
}

bool Hypervisor::launch(WorldTime now, VmIndex vm) {
    if (!domains_[vm].calls.empty() || has_qemu(vm) || domains_[vm].arrival == 0) return false;
    enqueue(now, CallKind::Launch, vm, life_);
    return true;
}

bool Hypervisor::hand_over(VmIndex vm) {
    if (domains_[vm].state != DomainState::Running) return false;
    set_state(vm, DomainState::Handed);
    owner_.vm_handed(host_, vm);
    report_change(vm, 0);
    return true;
}

bool Hypervisor::arrive(VmIndex vm) {
    if (domains_[vm].state != DomainState::Incoming) return false;
    set_state(vm, DomainState::Running);
    owner_.vm_runs(host_, vm, ClaimNumber{}, RunCause::Migration);
    report_change(vm, 0);
    return true;
}

void Hypervisor::keep(VmIndex vm) {
    if (domains_[vm].state != DomainState::Handed) return;
    set_state(vm, DomainState::Running);
    owner_.vm_runs(host_, vm, ClaimNumber{}, RunCause::Migration);
    report_change(vm, 0);
}

void Hypervisor::depart(VmIndex vm, StopCause cause) {
    if (domains_[vm].state != DomainState::Handed) return;
    set_state(vm, DomainState::Off);
    if (listed_life_ == life_) owner_.mail(host_, life_, VmStopped{vms_[vm].spec.vm, cause});
}

void Hypervisor::give_up(VmIndex vm) {
    if (domains_[vm].state != DomainState::Incoming) return;
    set_state(vm, DomainState::Off);
    if (listed_life_ == life_)
        owner_.mail(host_, life_, VmStopped{vms_[vm].spec.vm, StopCause::Crashed});
}

}  // namespace holdfast::sim
