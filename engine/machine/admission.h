// Admission: which failures of hosts the cluster can absorb, and which VMs would find no room (design section 9).
//
// Plays the restart plan through for hosts that live: their VMs, by priority and size, are given to the hosts that are left, by the
// same place() that chooses when a host has died.  So it names what would happen, not what a cleverer packing could do.  Every
// single host is tried, then every pair, and so on while the sets of one size are no more than kSetsMax; what was not tried is
// not promised.
//
// A pure function in slices: add what is known, begin(), advance() until it is done.  VmSpecs must stay where they are until then.
#pragma once

#include <array>
#include <vector>

#include "engine/base/fixed_list.h"
#include "engine/machine/placement.h"

namespace holdfast {

// A VM that would find no room.
struct RoomlessVm {
    VmId vm;
    VmName name;
    HostId home;     // that fails; none: it waits for room already
    Hindrances why;  // of the hosts that would be left
};

struct Absorption {
    bool known = false;
    std::uint16_t hosts_count = 0;  // that could fail
    std::uint16_t absorbs = 0;      // any so many of them can fail at once,
    std::uint16_t tried = 0;        // and every set of so many was tried
    // The first set found that is not absorbed; empty: there is none, or a VM waits already.
    FixedList<HostId, 16> beyond;
    std::uint32_t roomless_count =
        0;  // of all single failures together; or of `beyond`, when single ones are absorbed
    FixedList<RoomlessVm, 32> roomless;  // the first of them
};

class Admission {
  public:
    // Sets of one size that are tried at most: all pairs of 64 hosts.
    static constexpr std::uint64_t kSetsMax = 2048;

    Admission(std::size_t hosts_max, std::size_t vms_max);

    // Forgets what was added, and what was under way; the last result stays.
    void clear();

    // And the last result.
    void forget();

    // A host that can take VMs, with what is free on it.
    void add_room(const Room& room);

    // A host that could fail, and then its VMs.  Before all others, with host none, the VMs that wait for room.  REQUIRES: all
    // rooms were added.
    void add_home(HostId host);
    void add_vm(const VmSpec& spec);

    void begin();

    // Goes on for about so many looks at a host for a VM; true when it has come to an end.
    bool advance(std::size_t looks);

    [[nodiscard]] const Absorption& result() const { return result_; }

  private:
    struct Home {
        HostId host;
        std::uint32_t begin = 0;  // its VMs, the important ones first
        std::uint32_t end = 0;
        std::uint64_t demand_mib = 0;
        std::uint32_t largest_mib = 0;
        std::uint32_t free_mib = 0;
        bool has_room = false;
        bool plain = true;  // each of its VMs can live on any host with the memory
    };

    // A VM of a group, where it runs.
    struct Spot {
        std::uint32_t group = 0;
        HostId host;
        bool apart = false;  // else together
    };

    // The set that is being tried: its homes, and how far their VMs have come.
    struct Trial {
        FixedList<std::uint16_t, 16> homes;
        std::array<std::uint32_t, 16> next{};
        bool begun = false;
        std::uint32_t roomless_count = 0;
    };

    void look_at_rooms();
    void add_networks(const HostNetworks& networks);
    void end_home();
    void take_stock();
    [[nodiscard]] bool is_plain(const VmSpec& spec) const;
    [[nodiscard]] bool surely_absorbed() const;
    void begin_trial();
    [[nodiscard]] const VmSpec* next_vm(HostId& home);
    void give_room(const VmSpec& spec, HostId home);
    void add_spots(const VmSpec& spec, HostId host);
    void hosts_of(std::uint32_t group, bool apart, HostSet& hosts) const;
    void try_first_of(std::size_t size);
    [[nodiscard]] bool try_next();
    void end_trial();

    std::vector<Room> rooms_;
    std::vector<Room> left_;  // in the trial
    std::vector<Home> homes_;
    std::vector<const VmSpec*> vms_;
    std::vector<Spot> spots_;              // sorted by group; behind them those of the trial
    std::size_t spots_count_ = 0;          // without those of the trial
    bool spots_lost_ = false;              // more groups than there is room for: nothing is known
    std::uint32_t common_datastores_ = 0;  // of all rooms
    std::uint16_t fewest_cpus_ = 0;        // of any room
    HostNetworks common_networks_;         // of all rooms of which they are known
    std::uint64_t free_mib_ = 0;           // of all rooms
    Trial trial_;
    bool under_way_ = false;
    Absorption finding_;
    Absorption result_;
};

}  // namespace holdfast
