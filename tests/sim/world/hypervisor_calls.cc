// Hypervisor: how a call begins, and what it does when it takes effect.
#include "tests/sim/world/hypervisor.h"

namespace holdfast::sim {

namespace {

// How long the qemu hook waits for the agent's word.
constexpr Duration kHookLimit = seconds{10};

}  // namespace

void Hypervisor::move(WorldTime now, std::uint32_t index, std::uint32_t serial) {
    const Call& call = calls_[index];
    if (!call.in_use || call.serial != serial) return;
    if (call.stage == Stage::Asking) {
        refuse(now, index, "the agent did not answer in time");
        return;
    }
    // Where libvirt fails, what has no QEMU is proved gone by the host's processes; what has one waits.
    const bool stuck = mode_ == LibvirtMode::Hang ||
                       (mode_ == LibvirtMode::Fail && call.kind == CallKind::Destroy &&
                        domains_[call.vm].state > DomainState::Off);
    if (stuck) {
        parked_.push_back(index);
        return;
    }
    if (call.stage == Stage::Queued) {
        begin(now, index);
    } else {
        take_effect(now, index);
    }
}

void Hypervisor::begin(WorldTime now, std::uint32_t index) {
    Call& call = calls_[index];
    switch (call.kind) {
        case CallKind::Start: begin_start(now, index); return;
        case CallKind::Resume: begin_resume(now, index); return;
        case CallKind::PersonStart:
        case CallKind::LetIn:
        case CallKind::Launch: ask(now, index); return;
        case CallKind::ShutDown:
            call.stage = Stage::Begun;
            schedule(now,
                     index,
                     domains_[call.vm].state == DomainState::Running
                         ? Span{call.guest_takes, call.guest_takes}
                         : config_.vm_destroy);
            return;
        case CallKind::Destroy:
        case CallKind::PersonStop:
        case CallKind::List: break;
    }
    call.stage = Stage::Begun;
    schedule(now, index, config_.vm_destroy);
}

void Hypervisor::begin_start(WorldTime now, std::uint32_t index) {
    Call& call = calls_[index];
    StartFailure failure = StartFailure::None;
    const DomainState state = domains_[call.vm].state;
    if (owner_.local_now(host_) >= call.valid_until) {
        failure = StartFailure::Lease;
        tally_.add(Count::VmStartsLate);
    } else if (mode_ == LibvirtMode::Fail || state == DomainState::Paused ||
               state == DomainState::Running) {
        failure = StartFailure::Libvirt;
        tally_.add(Count::VmStartsFailed);
    }
    if (failure != StartFailure::None) {
        owner_.mail(host_, call.life, VmStarted{vms_[call.vm].spec.vm, call.claim, failure});
        end(now, index);
        return;
    }
    tally_.add(Count::VmStarts);
    ask(now, index);
}

void Hypervisor::begin_resume(WorldTime now, std::uint32_t index) {
    Call& call = calls_[index];
    StartFailure failure = StartFailure::None;
    if (owner_.local_now(host_) >= call.valid_until) {
        failure = StartFailure::Lease;
        tally_.add(Count::VmStartsLate);
    } else if (mode_ == LibvirtMode::Fail || domains_[call.vm].state != DomainState::Paused) {
        failure = StartFailure::Libvirt;
        tally_.add(Count::VmStartsFailed);
    }
    if (failure != StartFailure::None) {
        owner_.mail(host_, call.life, VmResumed{vms_[call.vm].spec.vm, call.claim, failure});
        end(now, index);
        return;
    }
    call.stage = Stage::Begun;
    schedule(now, index, config_.vm_resume);
}

// The qemu hook asks before every start, also before those that the agent itself has ordered.
void Hypervisor::ask(WorldTime now, std::uint32_t index) {
    if (!owner_.agent_answers(host_)) {
        refuse(now, index, "no agent answers");
        return;
    }
    Call& call = calls_[index];
    call.stage = Stage::Asking;
    call.token = next_token_++;
    VmSpec spec = vms_[call.vm].spec;
    spec.xml.host = host_;
    StartAsked question{call.token, spec};
    question.incoming = call.kind == CallKind::LetIn;
    question.arrival = call.kind == CallKind::Launch ? domains_[call.vm].arrival : 0;
    owner_.mail(host_, life_, question);
    schedule(now, index, {kHookLimit, kHookLimit});
}

void Hypervisor::refuse(WorldTime now, std::uint32_t index, const char* why) {
    const Call& call = calls_[index];
    tally_.add(Count::StartsRefused);
    if (call.kind != CallKind::Start) {
        owner_.start_refused(host_, call.vm, why);
    } else {
        owner_.mail(
            host_, call.life, VmStarted{vms_[call.vm].spec.vm, call.claim, StartFailure::Libvirt});
    }
    end(now, index);
}

void Hypervisor::take_effect(WorldTime now, std::uint32_t index) {
    Call& call = calls_[index];
    const VmIndex vm = call.vm;
    switch (call.kind) {
        case CallKind::Start: finish_start(call); break;
        case CallKind::Resume: finish_resume(call); break;
        case CallKind::Destroy:
        case CallKind::ShutDown: finish_destroy(call); break;
        case CallKind::List: list(call); break;
        case CallKind::LetIn: break;
        case CallKind::Launch:
            if (mode_ != LibvirtMode::Fail) set_state(vm, DomainState::Incoming);
            report_change(vm, 0);
            break;
        case CallKind::PersonStart:
            if (mode_ == LibvirtMode::Fail) {
                owner_.start_refused(host_, vm, "libvirt failed after the agent's yes");
            } else {
                set_state(vm, DomainState::Running);
                owner_.vm_runs(host_, vm, ClaimNumber{}, RunCause::Person);
            }
            if (listed_life_ == life_) owner_.mail(host_, life_, seen(vm));
            break;
        case CallKind::PersonStop:
            if (domains_[vm].state == DomainState::Running) {
                set_state(vm, DomainState::Off);
                owner_.vm_ended(host_, vm, EndCause::ByUser);
                if (listed_life_ == life_)
                    owner_.mail(host_, life_, VmStopped{vms_[vm].spec.vm, StopCause::ByUser});
            }
            break;
    }
    end(now, index);
}

void Hypervisor::finish_start(Call& call) {
    set_state(call.vm, DomainState::Paused);
    domains_[call.vm].claim = call.claim;
    const bool lies = mode_ == LibvirtMode::Lie && chance_.permille(500);
    owner_.mail(
        host_,
        call.life,
        VmStarted{
            vms_[call.vm].spec.vm, call.claim, lies ? StartFailure::Libvirt : StartFailure::None});
    report_change(call.vm, call.life);
}

void Hypervisor::finish_resume(Call& call) {
    StartFailure failure = StartFailure::Libvirt;
    if (domains_[call.vm].state == DomainState::Paused) {
        set_state(call.vm, DomainState::Running);
        owner_.vm_runs(host_, call.vm, call.claim, RunCause::Engine);
        const bool lies = mode_ == LibvirtMode::Lie && chance_.permille(500);
        domains_[call.vm].lied_about = lies;
        if (!lies) failure = StartFailure::None;
    }
    owner_.mail(host_, call.life, VmResumed{vms_[call.vm].spec.vm, call.claim, failure});
    report_change(call.vm, call.life);
}

void Hypervisor::finish_destroy(Call& call) {
    const DomainState state = domains_[call.vm].state;
    if (state == DomainState::Running) {
        tally_.add(Count::VmsDestroyed);
        const bool unseen = domains_[call.vm].lied_about || !call.runs;
        const EndCause cause = unseen ? EndCause::DestroyedUnseen : EndCause::Destroyed;
        owner_.vm_ended(host_, call.vm, cause);
    }
    // One that its target has run is but a shell.
    if (state == DomainState::Handed && !domains_[call.vm].spent)
        owner_.vm_ended(host_, call.vm, EndCause::Destroyed);
    if (state != DomainState::Absent) set_state(call.vm, DomainState::Off);
    // To an agent that knows nothing of it, a guest that shuts down is one that its user has shut down.
    if (call.kind == CallKind::ShutDown && call.life != life_ && listed_life_ == life_ &&
        state == DomainState::Running) {
        owner_.mail(host_, life_, VmStopped{vms_[call.vm].spec.vm, StopCause::ByUser});
    }
    owner_.mail(host_, call.life, VmGone{vms_[call.vm].spec.vm});
}

void Hypervisor::list(Call& call) {
    for (const auto& [vm, domain] : domains_) {
        if (domain.state != DomainState::Absent) owner_.mail(host_, call.life, seen(vm));
    }
    owner_.mail(host_, call.life, VmListComplete{});
    listed_life_ = call.life;
}

void Hypervisor::end(WorldTime now, std::uint32_t index) {
    Domain& domain = domains_[calls_[index].vm];
    HF_CHECK(!domain.calls.empty() && domain.calls.front() == index);
    domain.calls.pop_front();
    calls_[index].in_use = false;
    calls_.give_back(index);
    if (!domain.calls.empty()) schedule(now, domain.calls.front(), config_.vm_call_begins);
}

}  // namespace holdfast::sim
