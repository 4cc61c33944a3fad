// Hypervisor: libvirt, QEMU and holdfast-vm of one host.
//
// Calls of one VM are carried out one after the other, as libvirt's domain lock does.  A call first begins (there the
// executor looks at valid_until) and later takes effect; between the two libvirt may be slow or hang, and the death of
// the agent that asked changes nothing.  A proof that a VM is gone is therefore a call like any other: it comes when all
// earlier calls have ended.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "engine/machine/action.h"
#include "engine/machine/event.h"
#include "tests/sim/world/agenda.h"
#include "tests/sim/world/chance.h"
#include "tests/sim/world/cluster_config.h"
#include "tests/sim/world/pool.h"
#include "tests/sim/world/tally.h"
#include "tests/sim/world/vm_world.h"

namespace holdfast::sim {

enum class DomainState : std::uint8_t {
    Absent,
    Off,
    Paused,  // has a QEMU that never ran since this start: half-started
    Running,
    Incoming,  // has a QEMU that waits for what a migration brings
    Handed,    // paused: everything is on the target of a migration
};

// Who makes a VM run.
enum class RunCause : std::uint8_t { Engine, Person, Migration };

enum class LibvirtMode : std::uint8_t {
    Ok,
    Slow,  // ten times its usual time
    Hang,  // nothing moves until it is healed
    Fail,  // says no; a destroy does not end
    Lie,   // may say no to what it has done
};

enum class EndCause : std::uint8_t {
    Destroyed,
    DestroyedUnseen,  // the agent could not know that it ran
    Crashed,
    ByUser,
    HostDied,
};

// What a hypervisor tells the world.
class HypervisorOwner {
  public:
    virtual ~HypervisorOwner() = default;
    // Queued for the agent of `life` in order; dropped when it is gone.
    virtual void mail(HostId host, std::uint32_t life, const decltype(Event::body)& body) = 0;
    virtual void vm_runs(HostId host, VmIndex vm, ClaimNumber claim, RunCause cause) = 0;
    // Its state is on the target of a migration: not running here, nothing of it in flight.
    virtual void vm_handed(HostId host, VmIndex vm) = 0;
    virtual void vm_ended(HostId host, VmIndex vm, EndCause cause) = 0;
    virtual void start_refused(HostId host, VmIndex vm, const char* why) = 0;
    // Whether an agent listens on this host's socket, be it stopped or not.
    [[nodiscard]] virtual bool agent_answers(HostId host) const = 0;
    [[nodiscard]] virtual Instant local_now(HostId host) const = 0;
};

class Hypervisor {
  public:
    Hypervisor(HostId host,
               const ClusterConfig& config,
               const std::vector<Vm>& vms,
               HypervisorOwner& owner,
               Agenda& agenda,
               Chance& chance,
               Tally& tally);

    // ---- the agent's wishes
    void start(WorldTime now, std::uint32_t life, const StartVm& action);
    void resume(WorldTime now, std::uint32_t life, const ResumeVm& action);
    void destroy(WorldTime now, std::uint32_t life, const DestroyVm& action);
    void shut_down(WorldTime now, std::uint32_t life, const ShutdownVm& action);
    void answer(WorldTime now, const AnswerStart& action);
    // A new agent connects: every domain is reported, then VmListComplete.
    void connect(WorldTime now, std::uint32_t life);
    void agent_died(WorldTime now, std::uint32_t life);

    // ---- people and fate
    // False: somebody is at it already.
    bool start_by_person(WorldTime now, VmIndex vm);
    bool stop_by_person(WorldTime now, VmIndex vm);
    // A migration to this host: libvirt asks its hook.  False: somebody is at it already.
    bool let_in(WorldTime now, VmIndex vm);
    // Its QEMU is started, to wait.  False: it was not let in, or somebody was faster.
    bool launch(WorldTime now, VmIndex vm);
    // Its other scenes; each does nothing when the domain is not in the state that it needs.
    bool hand_over(VmIndex vm);  // source: Running to Handed
    bool arrive(VmIndex vm);     // target: Incoming to Running

    void note_spent(VmIndex vm) { domains_[vm].spent = true; }  // source: the target runs it

    void keep(VmIndex vm);                     // source: Handed back to Running
    void depart(VmIndex vm, StopCause cause);  // source: Handed to Off
    void give_up(VmIndex vm);                  // target: Incoming to Off
    void crash(VmIndex vm);
    void guest_up(VmIndex vm);  // its guest agent has opened its channel
    void define(VmIndex vm, DomainState state);
    void host_died();
    void set_mode(WorldTime now, LibvirtMode mode);

    // The agenda's entry for a call.
    void move(WorldTime now, std::uint32_t index, std::uint32_t serial);

    [[nodiscard]] DomainState state(VmIndex vm) const {
        const Domain* domain = find(vm);
        return domain == nullptr ? DomainState::Absent : domain->state;
    }

    [[nodiscard]] LibvirtMode mode() const { return mode_; }

    [[nodiscard]] bool busy(VmIndex vm) const {
        const Domain* domain = find(vm);
        return domain != nullptr && !domain->calls.empty();
    }

    [[nodiscard]] std::size_t running_count() const { return running_count_; }

  private:
    enum class CallKind : std::uint8_t {
        Start,
        Resume,
        Destroy,
        ShutDown,
        PersonStart,
        PersonStop,
        LetIn,   // of a migration: the hook is asked
        Launch,  // its QEMU
        List
    };
    enum class Stage : std::uint8_t { Queued, Asking, Begun };

    struct Call {
        CallKind kind = CallKind::Start;
        Stage stage = Stage::Queued;
        VmIndex vm = 0;
        ClaimNumber claim;
        Instant valid_until;
        std::uint32_t life = 0;
        std::uint32_t serial = 0;  // of this use of the pool's place
        std::uint64_t token = 0;
        bool in_use = false;
        bool runs = false;       // Destroy: the VM ran when it was asked for
        Duration guest_takes{};  // ShutDown
    };

    struct Domain {
        DomainState state = DomainState::Absent;
        ClaimNumber claim;
        bool lied_about = false;    // it runs, and the agent was told that it does not
        std::uint32_t arrival = 0;  // of a migration that was let in
        bool spent = false;         // Handed, and the target has run it
        bool guest_up = false;
        std::deque<std::uint32_t> calls;
    };

    std::uint32_t enqueue(WorldTime now, CallKind kind, VmIndex vm, std::uint32_t life);
    void schedule(WorldTime now, std::uint32_t index, const Span& span);
    void begin(WorldTime now, std::uint32_t index);
    void begin_start(WorldTime now, std::uint32_t index);
    void begin_resume(WorldTime now, std::uint32_t index);
    void ask(WorldTime now, std::uint32_t index);
    void refuse(WorldTime now, std::uint32_t index, const char* why);
    void take_effect(WorldTime now, std::uint32_t index);
    void finish_start(Call& call);
    void finish_resume(Call& call);
    void finish_destroy(Call& call);
    void list(Call& call);
    void end(WorldTime now, std::uint32_t index);
    void set_state(VmIndex vm, DomainState state);

    [[nodiscard]] bool has_qemu(VmIndex vm) const { return state(vm) > DomainState::Off; }

    [[nodiscard]] const Domain* find(VmIndex vm) const {
        const auto found = domains_.find(vm);
        return found == domains_.end() ? nullptr : &found->second;
    }

    void report_change(VmIndex vm, std::uint32_t caller_life);
    [[nodiscard]] VmSeen seen(VmIndex vm) const;

    HostId host_;
    const ClusterConfig& config_;
    const std::vector<Vm>& vms_;
    HypervisorOwner& owner_;
    Agenda& agenda_;
    Chance& chance_;
    Tally& tally_;
    std::map<VmIndex, Domain> domains_;  // those that were ever touched here, and of List
    Pool<Call> calls_;
    std::vector<std::uint32_t> parked_;  // calls that wait for libvirt to move again
    LibvirtMode mode_ = LibvirtMode::Ok;
    std::uint32_t life_ = 0;         // of the agent that is connected, or was last
    std::uint32_t listed_life_ = 0;  // of the agent that has the whole list
    std::uint32_t next_serial_ = 1;
    std::uint64_t next_token_ = 1;
    std::size_t running_count_ = 0;
};

}  // namespace holdfast::sim
