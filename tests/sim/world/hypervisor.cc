#include "tests/sim/world/hypervisor.h"

#include <algorithm>

namespace holdfast::sim {

Hypervisor::Hypervisor(HostId host,
                       const ClusterConfig& config,
                       const std::vector<Vm>& vms,
                       HypervisorOwner& owner,
                       Agenda& agenda,
                       Chance& chance,
                       Tally& tally)
    : host_(host),
      config_(config),
      vms_(vms),
      owner_(owner),
      agenda_(agenda),
      chance_(chance),
      tally_(tally) {}

// ---- wishes

std::uint32_t Hypervisor::enqueue(WorldTime now, CallKind kind, VmIndex vm, std::uint32_t life) {
    const std::uint32_t index = calls_.take();
    Call& call = calls_[index];
    call = Call{};
    call.kind = kind;
    call.vm = vm;
    call.life = life;
    call.serial = next_serial_++;
    call.in_use = true;
    call.runs = domains_[vm].state == DomainState::Running;
    Domain& domain = domains_[vm];
    domain.calls.push_back(index);
    if (domain.calls.size() == 1) schedule(now, index, config_.vm_call_begins);
    return index;
}

void Hypervisor::schedule(WorldTime now, std::uint32_t index, const Span& span) {
    const std::int64_t factor = mode_ == LibvirtMode::Slow ? 10 : 1;
    agenda_.put(now + factor * chance_.between(span.low, span.high),
                Wake::VmCallMoves,
                host_.value(),
                index,
                calls_[index].serial);
}

void Hypervisor::start(WorldTime now, std::uint32_t life, const StartVm& action) {
    Call& call = calls_[enqueue(now, CallKind::Start, vm_index_of(action.spec.vm), life)];
    call.claim = action.claim;
    call.valid_until = action.valid_until;
}

void Hypervisor::resume(WorldTime now, std::uint32_t life, const ResumeVm& action) {
    Call& call = calls_[enqueue(now, CallKind::Resume, vm_index_of(action.vm), life)];
    call.claim = action.claim;
    call.valid_until = action.valid_until;
}

void Hypervisor::destroy(WorldTime now, std::uint32_t life, const DestroyVm& action) {
    const VmIndex vm = vm_index_of(action.vm);
    // A shutdown that is under way is overtaken.
    for (const std::uint32_t index : domains_[vm].calls) {
        Call& call = calls_[index];
        if (call.kind != CallKind::ShutDown) continue;
        call.kind = CallKind::Destroy;
        call.life = life;
        if (call.stage != Stage::Begun) return;
        call.serial = next_serial_++;
        schedule(now, index, config_.vm_destroy);
        return;
    }
    enqueue(now, CallKind::Destroy, vm, life);
}

// The guest ends by itself, or is destroyed when its time is over.
void Hypervisor::shut_down(WorldTime now, std::uint32_t life, const ShutdownVm& action) {
    Call& call = calls_[enqueue(now, CallKind::ShutDown, vm_index_of(action.vm), life)];
    call.guest_takes =
        chance_.permille(config_.deaf_guest_permille)
            ? action.limit
            : std::min(action.limit,
                       chance_.between(config_.vm_shutdown.low, config_.vm_shutdown.high));
}

void Hypervisor::connect(WorldTime now, std::uint32_t life) {
    life_ = life;
    // One past the last VM stands for all of them.
    enqueue(now, CallKind::List, static_cast<VmIndex>(vms_.size()), life);
}

// A hook that waits for the agent's word sees its socket close.  holdfast-vm may live a moment longer: what it has not begun is
// dropped, or not.
void Hypervisor::agent_died(WorldTime now, std::uint32_t life) {
    for (const auto& [vm, domain] : domains_) {
        if (domain.calls.empty()) continue;
        const std::uint32_t first = domain.calls.front();
        if (calls_[first].stage == Stage::Asking) refuse(now, first, "the agent is gone");
    }
    if (chance_.permille(500)) return;
    for (auto& [vm, domain] : domains_) {
        for (std::size_t i = domain.calls.size(); i-- > 0;) {
            Call& call = calls_[domain.calls[i]];
            const bool agents = call.kind != CallKind::PersonStart &&
                                call.kind != CallKind::PersonStop && call.kind != CallKind::LetIn &&
                                call.kind != CallKind::Launch;
            // The first one may have begun; it ends in its own time.
            if (i == 0 || !agents || call.life != life) continue;
            call.in_use = false;
            calls_.give_back(domain.calls[i]);
            domain.calls.erase(domain.calls.begin() + static_cast<std::ptrdiff_t>(i));
        }
    }
}

bool Hypervisor::start_by_person(WorldTime now, VmIndex vm) {
    Domain& domain = domains_[vm];
    if (!domain.calls.empty() || has_qemu(vm)) return false;
    set_state(vm, DomainState::Off);
    enqueue(now, CallKind::PersonStart, vm, life_);
    return true;
}

bool Hypervisor::stop_by_person(WorldTime now, VmIndex vm) {
    if (!domains_[vm].calls.empty() || domains_[vm].state != DomainState::Running) return false;
    enqueue(now, CallKind::PersonStop, vm, life_);
    return true;
}

void Hypervisor::answer(WorldTime now, const AnswerStart& action) {
    const VmIndex vm = vm_index_of(action.vm);
    Domain& domain = domains_[vm];
    if (domain.calls.empty()) return;
    const std::uint32_t index = domain.calls.front();
    Call& call = calls_[index];
    if (call.stage != Stage::Asking || call.token != action.token) return;
    if (action.verdict != StartVerdict::Allowed) {
        refuse(now, index, "the agent says no");
        return;
    }
    if (call.kind == CallKind::LetIn) {
        domain.arrival = action.arrival;
        return end(now, index);
    }
    call.stage = Stage::Begun;
    call.serial = next_serial_++;  // the time limit no longer counts
    schedule(now, index, config_.vm_create);
}

// ---- fate

void Hypervisor::crash(VmIndex vm) {
    if (domains_[vm].state != DomainState::Running) return;
    set_state(vm, DomainState::Off);
    owner_.vm_ended(host_, vm, EndCause::Crashed);
    if (listed_life_ == life_)
        owner_.mail(host_, life_, VmStopped{vms_[vm].spec.vm, StopCause::Crashed});
}

void Hypervisor::guest_up(VmIndex vm) {
    if (domains_[vm].state != DomainState::Running) return;
    domains_[vm].guest_up = true;
    report_change(vm, 0);
}

void Hypervisor::define(VmIndex vm, DomainState state) {
    set_state(vm, state);
}

void Hypervisor::host_died() {
    for (const auto& [vm, domain] : domains_) {
        const DomainState before = domain.state;
        if (before == DomainState::Running) owner_.vm_ended(host_, vm, EndCause::HostDied);
        if (before > DomainState::Off) set_state(vm, DomainState::Off);
    }
    for (auto& [vm, domain] : domains_) {
        for (const std::uint32_t index : domain.calls) {
            calls_[index].in_use = false;
            calls_.give_back(index);
        }
        domain.calls.clear();
    }
    parked_.clear();
    listed_life_ = 0;
}

void Hypervisor::set_mode(WorldTime now, LibvirtMode mode) {
    mode_ = mode;
    if (mode == LibvirtMode::Hang) return;
    std::vector<std::uint32_t> parked;
    parked.swap(parked_);
    for (const std::uint32_t index : parked) schedule(now, index, config_.vm_call_begins);
}

// ---- what a domain is

void Hypervisor::set_state(VmIndex vm, DomainState state) {
    Domain& domain = domains_[vm];
    if (domain.state == DomainState::Running) --running_count_;
    domain.state = state;
    domain.lied_about = false;
    domain.spent = false;
    domain.guest_up = false;
    if (domain.state == DomainState::Running) ++running_count_;
}

// libvirt's events go to whoever is connected; the caller itself has its answer, and hears it twice if events are echoed.
void Hypervisor::report_change(VmIndex vm, std::uint32_t caller_life) {
    if (listed_life_ != life_) return;
    if (caller_life != life_ || config_.vm_changes_echoed) owner_.mail(host_, life_, seen(vm));
}

VmSeen Hypervisor::seen(VmIndex vm) const {
    VmSeen report;
    report.spec = vms_[vm].spec;
    report.spec.xml.host = host_;
    if (const Domain* domain = find(vm); domain != nullptr && domain->guest_up)
        report.spec.agent = GuestAgent::Up;
    switch (state(vm)) {
        case DomainState::Running: report.state = VmRunState::Running; break;
        case DomainState::Paused: report.state = VmRunState::Paused; break;
        case DomainState::Incoming:
        case DomainState::Handed: report.state = VmRunState::Moving; break;
        case DomainState::Absent:
        case DomainState::Off: report.state = VmRunState::Off; break;
    }
    return report;
}

}  // namespace holdfast::sim
