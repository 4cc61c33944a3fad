// Which failures the cluster can absorb: directed cases, and random small clusters against a search through every packing.
#include "engine/machine/admission.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "engine/base/prng.h"
#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

struct Case {
    struct Vm {
        VmSpec spec;
        std::uint16_t home = 0;  // 0: it waits
    };

    std::vector<Room> rooms;
    std::vector<std::uint16_t> homes;
    std::vector<Vm> vms;

    void add_host(std::uint16_t host, std::uint32_t free_mib) {
        Room room;
        room.host = HostId{host};
        room.memory_free_mib = free_mib;
        room.datastores = 3;
        room.cpus = 4;
        rooms.push_back(room);
        homes.push_back(host);
    }

    VmSpec& add_vm(std::uint16_t home, std::uint32_t memory_mib) {
        Vm vm;
        vm.spec = vm_spec(static_cast<std::uint8_t>(vms.size() + 1));
        vm.spec.memory_mib = memory_mib;
        vm.home = home;
        vms.push_back(vm);
        return vms.back().spec;
    }

    [[nodiscard]] Absorption play(std::size_t looks = 1'000'000) const {
        Admission admission(16, 256);
        for (const Room& room : rooms) admission.add_room(room);
        admission.add_home(HostId{});
        add_vms_of(0, admission);
        for (const std::uint16_t home : homes) {
            admission.add_home(HostId{home});
            add_vms_of(home, admission);
        }
        admission.begin();
        while (!admission.advance(looks)) continue;
        return admission.result();
    }

  private:
    void add_vms_of(std::uint16_t home, Admission& admission) const {
        for (const Vm& vm : vms) {
            if (vm.home == home) admission.add_vm(vm.spec);
        }
    }
};

std::string names_of(const Absorption& found) {
    std::string text;
    for (const RoomlessVm& vm : found.roomless)
        text += std::string(vm.name.view()) + "@" + std::to_string(vm.home.value()) + " ";
    return text;
}

TEST(Admission, CountsHowManyHostsMayFailAtOnce) {
    Case cluster;
    for (std::uint16_t host = 1; host <= 4; ++host) {
        cluster.add_host(host, 100);
        cluster.add_vm(host, 100);
    }
    const Absorption found = cluster.play();
    EXPECT_TRUE(found.known);
    EXPECT_EQ(found.hosts_count, 4);
    EXPECT_EQ(found.absorbs, 2);
    EXPECT_EQ(found.tried, 2);
    EXPECT_EQ(found.beyond.size(), 3U) << "three VMs do not fit one host";
    EXPECT_EQ(found.roomless_count, 2U);
}

TEST(Admission, NamesTheVmAndWhatStandsInItsWay) {
    Case cluster;
    for (std::uint16_t host = 1; host <= 4; ++host) cluster.add_host(host, host == 2 ? 50 : 500);
    cluster.rooms[2].datastores = 1;
    cluster.rooms[3].cpus = 1;
    VmSpec& picky = cluster.add_vm(1, 100);
    picky.datastores = 2;
    picky.cpus = 2;
    cluster.add_vm(4, 100);
    const Absorption found = cluster.play();
    EXPECT_EQ(found.absorbs, 0);
    EXPECT_EQ(names_of(found), "vm1@1 ");
    const Hindrances& why = found.roomless[0].why;
    EXPECT_EQ(why.memory, 1);
    EXPECT_EQ(why.datastores, 1);
    EXPECT_EQ(why.cpus, 1);
    ASSERT_EQ(found.beyond.size(), 1U);
    EXPECT_EQ(found.beyond[0], HostId{1});
}

TEST(Admission, TheImportantOneGetsTheRoom) {
    Case cluster;
    cluster.add_host(1, 100);
    cluster.add_host(2, 0);
    cluster.add_vm(2, 100).priority = Priority::Low;
    cluster.add_vm(2, 60).priority = Priority::High;
    EXPECT_EQ(names_of(cluster.play()), "vm1@2 ");
}

TEST(Admission, WhatWaitsForRoomComesFirst) {
    Case cluster;
    cluster.add_host(1, 100);
    cluster.add_host(2, 100);
    cluster.add_vm(1, 60);
    EXPECT_EQ(cluster.play().absorbs, 1);
    cluster.add_vm(0, 60);
    EXPECT_EQ(names_of(cluster.play()), "") << "it goes to host 1, which has the same room";
    cluster.add_vm(0, 90);
    const Absorption found = cluster.play();
    EXPECT_EQ(found.absorbs, 0);
    EXPECT_EQ(names_of(found), "vm1@1 ");
    cluster.add_vm(0, 200);
    EXPECT_EQ(names_of(cluster.play()).substr(0, 6), "vm4@0 ");
}

TEST(Admission, TheLastHostCannotFail) {
    Case cluster;
    cluster.add_host(1, 1000);
    EXPECT_EQ(cluster.play().absorbs, 1) << "nothing would be lost";
    cluster.add_vm(1, 10);
    const Absorption found = cluster.play();
    EXPECT_EQ(found.absorbs, 0);
    EXPECT_EQ(names_of(found), "vm1@1 ");
}

TEST(Admission, TriesNoMoreSetsThanItSays) {
    Case cluster;
    for (std::uint16_t host = 1; host <= 16; ++host) {
        cluster.add_host(host, 1000);
        cluster.add_vm(host, 10);
    }
    const Absorption found = cluster.play();
    EXPECT_EQ(found.tried, 4) << "1,820 sets of four, 4,368 of five";
    EXPECT_EQ(found.absorbs, 4);
    EXPECT_TRUE(found.beyond.empty());
}

// ---- random clusters

Case random_case(Prng& prng, bool alike) {
    Case cluster;
    const auto hosts = static_cast<std::uint16_t>(2 + prng.below(4));
    for (std::uint16_t host = 1; host <= hosts; ++host) {
        cluster.add_host(host, static_cast<std::uint32_t>(prng.below(alike ? 4 : 9)) * 10);
        if (alike) continue;
        cluster.rooms.back().datastores = prng.below(4) == 0 ? 1 : 3;
        cluster.rooms.back().cpus = static_cast<std::uint16_t>(prng.below(4));
        if (prng.below(8) == 0) cluster.rooms.pop_back();  // it takes none
    }
    for (std::uint64_t i = prng.below(9); i > 0; --i) {
        const auto home = static_cast<std::uint16_t>(1 + prng.below(hosts));
        VmSpec& vm =
            cluster.add_vm(home, alike ? 10 : 10 + static_cast<std::uint32_t>(prng.below(4)) * 10);
        if (alike) continue;
        vm.priority = static_cast<Priority>(2 + prng.below(5));
        vm.datastores = prng.below(4) == 0 ? 2 : 1;
        vm.cpus = static_cast<std::uint16_t>(1 + prng.below(2));
        vm.relations.apart = prng.below(3) == 0 ? 1 + static_cast<std::uint32_t>(prng.below(2)) : 0;
        vm.relations.together = prng.below(3) == 0 ? 7 : 0;
    }
    return cluster;
}

// Whether `vms` from here on can be given to the rooms in any way at all.
bool packs(const Case& cluster,
           std::vector<Room> rooms,
           std::vector<std::pair<std::uint16_t, std::uint32_t>> apart,
           const std::vector<const VmSpec*>& vms,
           std::size_t from) {
    if (from == vms.size()) return true;
    const VmSpec& vm = *vms[from];
    for (Room& room : rooms) {
        const std::pair<std::uint16_t, std::uint32_t> spot{room.host.value(), vm.relations.apart};
        const bool taken =
            vm.relations.apart != 0 && std::find(apart.begin(), apart.end(), spot) != apart.end();
        if (taken || room.memory_free_mib < vm.memory_mib) continue;
        if ((vm.datastores & ~room.datastores) != 0 || (room.cpus != 0 && vm.cpus > room.cpus))
            continue;
        room.memory_free_mib -= vm.memory_mib;
        apart.push_back(spot);
        if (packs(cluster, rooms, apart, vms, from + 1)) return true;
        apart.pop_back();
        room.memory_free_mib += vm.memory_mib;
    }
    return false;
}

bool packs_without(const Case& cluster, std::uint32_t failed) {
    const auto fails = [failed](std::uint16_t host) { return (failed >> host & 1U) != 0; };
    std::vector<Room> rooms;
    for (const Room& room : cluster.rooms) {
        if (!fails(room.host.value())) rooms.push_back(room);
    }
    std::vector<const VmSpec*> vms;
    std::vector<std::pair<std::uint16_t, std::uint32_t>> apart;
    for (const Case::Vm& vm : cluster.vms) {
        if (fails(vm.home))
            vms.push_back(&vm.spec);
        else
            apart.emplace_back(vm.home, vm.spec.relations.apart);
    }
    return packs(cluster, rooms, apart, vms, 0);
}

// Whether every set of `size` hosts can fail, by the search.
bool all_pack(const Case& cluster, int size) {
    for (std::uint32_t failed = 0; failed < 2U << cluster.homes.size(); failed += 2) {
        if (std::popcount(failed) == size && !packs_without(cluster, failed)) return false;
    }
    return true;
}

TEST(Admission, NeverPromisesWhatNoPackingKeeps) {
    int promises = 0;
    for (std::uint64_t seed = 1; seed <= 600; ++seed) {
        Prng prng(seed);
        const Case cluster = random_case(prng, false);
        const Absorption found = cluster.play();
        for (int size = 1; size <= found.absorbs; ++size) {
            EXPECT_TRUE(all_pack(cluster, size)) << "seed " << seed << ", " << size << " hosts";
            ++promises;
        }
    }
    EXPECT_GT(promises, 200) << "or the test proves nothing";
}

TEST(Admission, OfVmsThatAreAlikeItPromisesAllThatAnyPackingKeeps) {
    int refusals = 0;
    for (std::uint64_t seed = 1; seed <= 600; ++seed) {
        Prng prng(seed);
        const Case cluster = random_case(prng, true);
        const Absorption found = cluster.play();
        if (found.beyond.empty()) continue;
        EXPECT_FALSE(all_pack(cluster, found.absorbs + 1)) << "seed " << seed;
        ++refusals;
    }
    EXPECT_GT(refusals, 200);
}

TEST(Admission, SlicesMakeNoDifference) {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        Prng prng(seed);
        const Case cluster = random_case(prng, false);
        const Absorption whole = cluster.play();
        const Absorption sliced = cluster.play(1);
        EXPECT_EQ(whole.absorbs, sliced.absorbs) << "seed " << seed;
        EXPECT_EQ(whole.beyond, sliced.beyond) << "seed " << seed;
        EXPECT_EQ(names_of(whole), names_of(sliced)) << "seed " << seed;
    }
}

// What is decided without looking at VMs one by one must be what looking says: a VM that no host is plain for makes it look.
TEST(Admission, TheShortWayAgreesWithTheLongOne) {
    for (std::uint64_t seed = 1; seed <= 600; ++seed) {
        Prng prng(seed);
        Case cluster = random_case(prng, true);
        const Absorption quick = cluster.play();
        // Each VM in an apart group of its own: no hindrance, but nothing is plain any more.
        for (std::size_t i = 0; i < cluster.vms.size(); ++i)
            cluster.vms[i].spec.relations.apart = static_cast<std::uint32_t>(100 + i);
        const Absorption slow = cluster.play();
        EXPECT_EQ(quick.absorbs, slow.absorbs) << "seed " << seed;
        EXPECT_EQ(quick.beyond, slow.beyond) << "seed " << seed;
        EXPECT_EQ(names_of(quick), names_of(slow)) << "seed " << seed;
    }
}

// ---- in the engine

TEST(AdmissionWatch, TheLeaderKnowsAndSaysWhatItCannotAbsorb) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{3});
    VmSpec big = vm_spec(1);
    big.memory_mib = 900;  // of 1024 that each host has
    cluster.host(3).running[big.vm] = big;
    cluster.send(3, VmSeen{big, VmRunState::Running});
    cluster.run(seconds{3});
    auto snapshot = std::make_unique<Snapshot>();
    cluster.host(1).engine->fill(*snapshot);
    ASSERT_TRUE(snapshot->absorption.known);
    EXPECT_EQ(snapshot->absorption.hosts_count, 3);
    EXPECT_EQ(snapshot->absorption.absorbs, 2);
    VmSpec other = vm_spec(2);
    other.memory_mib = 200;
    for (const int id : {1, 2}) {
        cluster.host(id).running[other.vm] = other;
        cluster.send(id, VmSeen{other, VmRunState::Running});
        other = vm_spec(3);
        other.memory_mib = 200;
    }
    cluster.run(seconds{3});
    cluster.host(1).engine->fill(*snapshot);
    EXPECT_EQ(snapshot->absorption.absorbs, 0);
    EXPECT_EQ(names_of(snapshot->absorption), "vm1@3 ");
    EXPECT_FALSE(cluster.saw(1, TraceCode::FailureNotAbsorbed)) << "it may pass";
    cluster.run(seconds{12});
    EXPECT_TRUE(cluster.saw(1, TraceCode::FailureNotAbsorbed)) << cluster.story(1);
    EXPECT_FALSE(cluster.saw(2, TraceCode::FailureNotAbsorbed)) << "only the leader says it";
    cluster.host(3).running.clear();
    cluster.send(3, VmStopped{big.vm, StopCause::ByUser});
    cluster.run(seconds{15});
    EXPECT_TRUE(cluster.saw(1, TraceCode::FailureAbsorbed)) << cluster.story(1);
    cluster.host(2).engine->fill(*snapshot);
    EXPECT_FALSE(snapshot->absorption.known) << "a follower does not know";
}

}  // namespace
}  // namespace holdfast::testing
