// Player: tells a story in a World: lets the cluster form, carries the acts out, and looks whether what is expected holds.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/machine/snapshot.h"
#include "tests/sim/scenario/story.h"
#include "tests/sim/world/log.h"
#include "tests/sim/world/world.h"

namespace holdfast::sim {

class Player : public Log {
  public:
    explicit Player(const Story& story);

    // What went wrong, with file, line, what was seen and when; nothing when all went as told.
    [[nodiscard]] std::string play();

    // What happened since the cluster had formed, line by line: the golden trace.
    [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }

    [[nodiscard]] const World& world() const { return world_; }

  private:
    // ---- Log
    void world(WorldTime at, HostId host, const std::string& text) override;
    void engine(WorldTime at, HostId host, const Trace& trace) override;

    [[nodiscard]] std::string form();
    // Each returns what went wrong.
    [[nodiscard]] std::string act(const Statement& statement);
    [[nodiscard]] std::string act_on_host(const Statement& statement);
    [[nodiscard]] std::string act_on_vm(const Statement& statement);
    void set_links(const std::string& link, HostId from, HostId to, const LinkFault& fault);
    [[nodiscard]] std::string cut(const Statement& statement);
    [[nodiscard]] std::string strike(const Statement& statement);
    [[nodiscard]] std::string libvirt(const Statement& statement);
    [[nodiscard]] std::string fence(const Statement& statement);
    // config_acts.cc
    [[nodiscard]] std::string change(const Statement& statement);
    [[nodiscard]] std::string drop_list(const Statement& statement);
    [[nodiscard]] std::string run(Duration span);
    [[nodiscard]] std::string broken(const Statement& statement) const;

    // ---- expectations (expectations.cc)
    struct Look {
        bool holds = false;
        std::string seen;
        std::string wrong;  // the statement itself
    };

    [[nodiscard]] std::string expect(const Statement& statement);
    [[nodiscard]] Look look(const Statement& statement);
    [[nodiscard]] Look look_at_vm(const Statement& statement);
    [[nodiscard]] Look look_at_leader(const Statement& statement);
    [[nodiscard]] Look look_at_verdict(const Statement& statement);
    [[nodiscard]] Look look_at_order(const Statement& statement);
    [[nodiscard]] Look look_at_kills() const;
    [[nodiscard]] Look look_at_change(bool wanted) const;
    [[nodiscard]] Look look_at_absorption(const Statement& statement);
    [[nodiscard]] Look look_at_roomless(const Statement& statement);
    [[nodiscard]] const Absorption* absorption();
    [[nodiscard]] Look look_at_lease(const Statement& statement) const;

    [[nodiscard]] std::string where_text(VmIndex vm) const;
    void excuse(HostId host);

    const Story& story_;
    World world_;
    WorldTime formed_at_ = kWorldNever;
    std::vector<std::string> lines_;
    std::vector<std::uint32_t> interruptions_;  // of each VM when the cluster had formed
    std::vector<bool> excused_;                 // VMs that the story itself interrupts
    std::unique_ptr<Snapshot> snapshot_;
};

}  // namespace holdfast::sim
