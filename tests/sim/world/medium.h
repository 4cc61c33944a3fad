// Medium: what lies on one datastore: for each host two copies of its slot, its roster and its orders.
//
// A copy is all zero, valid or torn; a reader takes the valid copy that is newer (design section 3).  Rosters and orders
// are held by reference, because they are large and written to every datastore alike.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/limits.h"
#include "engine/base/types.h"
#include "engine/machine/cluster_config.h"
#include "engine/machine/event.h"
#include "engine/machine/orders.h"
#include "engine/machine/roster.h"
#include "engine/machine/slot.h"
#include "storage/copy_choice.h"
#include "tests/sim/world/cluster_config.h"
#include "tests/sim/world/pool.h"

namespace holdfast::sim {

enum class CopyState : std::uint8_t { Zero, Valid, Torn };

// The part of a region that decides which copy is written and which is read.
struct BlockVersion {
    std::uint64_t high = 0;  // a slot's incarnation
    std::uint64_t low = 0;   // a slot's sequence, or the version

    friend constexpr auto operator<=>(const BlockVersion&, const BlockVersion&) = default;
};

// Which region of a host's area.
enum class RegionKind : std::uint8_t { Roster, Orders, Config };

class Medium {
  public:
    Medium(const ClusterConfig& config,
           SharedPool<Roster>& rosters,
           SharedPool<Orders>& orders,
           SharedPool<ConfigCopy>& configs)
        : copies_by_parity_(config.copies_by_parity),
          hosts_(config.hosts.size()),
          views_(config.hosts.size()),
          rosters_(rosters),
          orders_(orders),
          configs_(configs) {
        for (SlotView& view : views_) view.reading = SlotReading::Unwritten;
    }

    // The copy that a write goes to, chosen at its submission: never the newest valid one, so that a torn write costs
    // nothing but itself; by parity of its number, if so configured, whatever lies there.
    [[nodiscard]] std::size_t slot_copy(const SlotRecord& record) const {
        const Area& area = hosts_[at(record.host)];
        if (copies_by_parity_) return record.sequence.value() % 2;
        // What lies there is learned once in a boot; from then on the copies take turns, whatever a boot before had left.
        for (const std::size_t copy : {0U, 1U}) {
            const bool mine = area.slot_states[copy] == CopyState::Valid &&
                              area.slots[copy].boot_id == record.boot_id;
            const bool other_is = area.slot_states[1 - copy] == CopyState::Valid &&
                                  area.slots[1 - copy].boot_id == record.boot_id;
            if (mine && !other_is) return 1 - copy;
        }
        return older_copy(area.slot_states, version_of(area.slots[0]) < version_of(area.slots[1]));
    }

    [[nodiscard]] std::size_t region_copy(RegionKind kind,
                                          HostId host,
                                          std::uint64_t version) const {
        const Region& region = region_of(kind, host);
        if (copies_by_parity_) return version % 2;
        return older_copy(region.states, region.versions[0] < region.versions[1]);
    }

    void write_slot(const SlotRecord& record, std::size_t copy) {
        Area& area = hosts_[at(record.host)];
        area.slots[copy] = record;
        area.slot_states[copy] = CopyState::Valid;
        look_again(record.host);
    }

    // The write of a slot stopped half-way.
    void tear_slot(HostId host, std::size_t copy) {
        hosts_[at(host)].slot_states[copy] = CopyState::Torn;
        look_again(host);
    }

    // What a reader gets, host 1 first; changes with the next write.
    [[nodiscard]] std::span<const SlotView> views() const { return views_; }

    // Takes over one ownership of `block`.
    void write_region(RegionKind kind,
                      HostId host,
                      std::uint64_t version,
                      std::size_t copy,
                      std::uint32_t block) {
        Region& region = region_of(kind, host);
        let_go(kind, region.blocks[copy]);
        region.blocks[copy] = block;
        region.versions[copy] = version;
        region.states[copy] = CopyState::Valid;
    }

    void tear_region(RegionKind kind, HostId host, std::size_t copy) {
        Region& region = region_of(kind, host);
        let_go(kind, region.blocks[copy]);
        region.blocks[copy] = kNoBlock;
        region.states[copy] = CopyState::Torn;
    }

    struct RegionView {
        RegionReading reading = RegionReading::Unusable;
        std::uint32_t block = kNoBlock;  // still owned by the medium
    };

    // `torn_copy`: this copy is being written, and this reader sees it half-done; negative for none.
    [[nodiscard]] RegionView view(RegionKind kind, HostId host, int torn_copy = -1) const {
        const Region& region = region_of(kind, host);
        std::array<CopyState, 2> states = region.states;
        if (torn_copy >= 0) states[static_cast<std::size_t>(torn_copy)] = CopyState::Torn;
        const bool first = states[0] == CopyState::Valid;
        const bool second = states[1] == CopyState::Valid;
        if (first || second) {
            const bool take_second = second && (!first || region.versions[0] < region.versions[1]);
            return {RegionReading::Valid, region.blocks[take_second ? 1 : 0]};
        }
        const bool zero = states[0] == CopyState::Zero && states[1] == CopyState::Zero;
        return {zero ? RegionReading::Unwritten : RegionReading::Unusable, kNoBlock};
    }

  private:
    struct Region {
        std::array<std::uint32_t, 2> blocks{kNoBlock, kNoBlock};
        std::array<std::uint64_t, 2> versions{};
        std::array<CopyState, 2> states{};
    };

    struct Area {
        std::array<SlotRecord, 2> slots{};
        std::array<CopyState, 2> slot_states{};
        Region roster;
        Region orders;
        Region config;

        [[nodiscard]] Region& of(RegionKind kind) {
            if (kind == RegionKind::Config) return config;
            return kind == RegionKind::Roster ? roster : orders;
        }
    };

    static std::size_t older_copy(const std::array<CopyState, 2>& states, bool first_is_older) {
        std::optional<Copy> newest;
        if (states[0] == CopyState::Valid) newest = Copy::A;
        if (states[1] == CopyState::Valid && (!newest || first_is_older)) newest = Copy::B;
        CopyChoice choice;  // the shipped rule
        choice.learn(newest);
        return static_cast<std::size_t>(*choice.next());
    }

    [[nodiscard]] std::size_t at(HostId host) const {
        HF_CHECK(host.value() >= 1 && host.value() <= hosts_.size());
        return host.value() - 1U;
    }

    [[nodiscard]] const Region& region_of(RegionKind kind, HostId host) const {
        return const_cast<Medium*>(this)->region_of(kind, host);
    }

    [[nodiscard]] Region& region_of(RegionKind kind, HostId host) {
        return hosts_[at(host)].of(kind);
    }

    void let_go(RegionKind kind, std::uint32_t block) {
        if (kind == RegionKind::Roster) {
            rosters_.let_go(block);
        } else if (kind == RegionKind::Config) {
            configs_.let_go(block);
        } else {
            orders_.let_go(block);
        }
    }

    static BlockVersion version_of(const SlotRecord& record) {
        return {record.incarnation.value(), record.sequence.value()};
    }

    void look_again(HostId host) {
        const Area& area = hosts_[at(host)];
        SlotView& view = views_[at(host)];
        const bool first = area.slot_states[0] == CopyState::Valid;
        const bool second = area.slot_states[1] == CopyState::Valid;
        if (!first && !second) {
            const bool zero =
                area.slot_states[0] == CopyState::Zero && area.slot_states[1] == CopyState::Zero;
            view.reading = zero ? SlotReading::Unwritten : SlotReading::Unusable;
            return;
        }
        view.reading = SlotReading::Valid;
        const bool take_second =
            second && (!first || version_of(area.slots[0]) < version_of(area.slots[1]));
        view.record = area.slots[take_second ? 1 : 0];
    }

    bool copies_by_parity_;
    std::vector<Area> hosts_;
    std::vector<SlotView> views_;
    SharedPool<Roster>& rosters_;
    SharedPool<Orders>& orders_;
    SharedPool<ConfigCopy>& configs_;
};

}  // namespace holdfast::sim
