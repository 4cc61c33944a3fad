// FaultDriver: carries a plan's faults out in a World, undoes them when their time is over, and heals everything at last.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/sim/fault/plan.h"
#include "tests/sim/world/world.h"

namespace holdfast::sim {

class FaultDriver {
  public:
    FaultDriver(const Plan& plan, World& world);

    // Plans the first fault of each kind, from `begin` on.
    void start(WorldTime begin, WorldTime end);
    // Ends every fault at once; nothing new begins.
    void heal();

    // The host that stays without power after heal(); none.
    [[nodiscard]] HostId dead_host() const { return dead_host_; }

  private:
    // What is put back when a fault ends.
    struct Undo {
        FaultKind kind = FaultKind::PowerOff;
        HostId host;
        HostId other;
        DatastoreIndex datastore = 0;
        std::uint8_t link = 0;
        bool done = false;
        WorldTime until{};  // of a story
    };

    void act(std::uint32_t index);
    void begin(FaultKind kind);
    void begin_on_host(FaultKind kind, HostId host);
    void begin_on_two();
    void trouble_leader();
    void begin_network(FaultKind kind);
    void begin_storage(FaultKind kind);
    void begin_people(FaultKind kind);
    void undo(Undo& what);
    // Faults that follow one another, because chance alone rarely lines them up (fault_driver_stories.cc).
    void begin_story(FaultKind kind);
    void begin_from_outside(FaultKind kind);
    void begin_change(FaultKind kind);
    [[nodiscard]] Timing another_timing();
    [[nodiscard]] DatastoreChange another_list(HostId host);
    [[nodiscard]] MemberChange another_member(HostId asked);
    [[nodiscard]] bool belongs(HostId asked, HostId host) const;
    void begin_migration(FaultKind kind);
    void trouble_migration(const Undo& scene);
    void next_scene(const Undo& scene);
    void begin_isolation(FaultKind kind);
    void answer_late(HostId host);
    void blind_leader();
    void lose_datastores();
    void cut_off_but_for(HostId host, HostId other, Duration lasts);

    void undo_after(Duration after, const Undo& what);
    std::uint32_t keep(const Undo& what);
    void strike_path(DatastoreIndex datastore,
                     HostId host,
                     const PathFault& fault,
                     Duration lasts,
                     FaultKind kind);
    void strike_wire(
        HostId from, HostId to, const LinkFault& fault, Duration lasts, FaultKind kind);
    [[nodiscard]] Duration around_a_lease();
    [[nodiscard]] HostId any_host();
    [[nodiscard]] VmIndex any_vm();
    [[nodiscard]] bool may_take_down(HostId host) const;

    const Plan& plan_;
    World& world_;
    Chance chance_;
    WorldTime end_{};
    bool healed_ = false;
    bool lost_ = false;  // datastores, for ever
    HostId dead_host_;
    std::vector<Undo> undos_;
    // When the last of several overlapping faults of one place ends.
    std::vector<WorldTime> path_until_;
    std::vector<WorldTime> wire_until_;
    std::vector<WorldTime> host_until_;
    std::vector<WorldTime> agent_until_;
    std::vector<WorldTime> libvirt_until_;
};

}  // namespace holdfast::sim
