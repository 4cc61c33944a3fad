// Agenda: what will happen in the world, in order of time; what is due at one time happens in the order it was put down.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "engine/base/check.h"
#include "tests/sim/world/time.h"

namespace holdfast::sim {

// What an entry is about; `index` and `life` of the entry mean what the comment says.
enum class Wake : std::uint8_t {
    IoDone = 1,      // index: operation
    WriteLands,      // index: operation of a host that is dead
    BeatArrives,     // index: beat; host: receiver
    MailArrives,     // index: mail; host: receiver; life: of the agent
    VmCallMoves,     // index: call; host
    WatchdogLooks,   // host; life: of the keeper's plan
    HostBoots,       // host; life: of the power state
    AgentStarts,     // host; life: of the agent
    PersonActs,      // index: of the person's wish
    Autostart,       // host, index: VM; life: of the power state
    FenceMoves,      // host: who asked; index: call of a fence device
    MigrationMoves,  // host: where from; index: migration
    FaultActs,       // index: meaning is the fault driver's
    GuestUp,         // host, index: VM; life: of its run
    ProbeRound,      // host; life: of the agent that asks the isolation address
};

struct AgendaEntry {
    WorldTime at;
    std::uint64_t order = 0;
    std::uint32_t index = 0;
    std::uint32_t life = 0;
    Wake wake = Wake::IoDone;
    std::uint16_t host = 0;
};

class Agenda {
  public:
    Agenda() { heap_.reserve(1024); }

    void put(
        WorldTime at, Wake wake, std::uint16_t host, std::uint32_t index, std::uint32_t life = 0) {
        heap_.push_back(AgendaEntry{at, next_order_++, index, life, wake, host});
        std::push_heap(heap_.begin(), heap_.end(), later);
    }

    [[nodiscard]] WorldTime next_at() const {
        return heap_.empty() ? kWorldNever : heap_.front().at;
    }

    // REQUIRES: next_at() != kWorldNever
    AgendaEntry take() {
        HF_CHECK(!heap_.empty());
        std::pop_heap(heap_.begin(), heap_.end(), later);
        const AgendaEntry entry = heap_.back();
        heap_.pop_back();
        return entry;
    }

    [[nodiscard]] std::size_t size() const { return heap_.size(); }

  private:
    static bool later(const AgendaEntry& left, const AgendaEntry& right) {
        return left.at != right.at ? left.at > right.at : left.order > right.order;
    }

    std::vector<AgendaEntry> heap_;
    std::uint64_t next_order_ = 0;
};

}  // namespace holdfast::sim
