// What a snapshot says of itself, and what it becomes while nothing happens.
#include "engine/machine/snapshot.h"

#include <memory>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

// Why: the engine publishes with its beats, and people are shown ages as of now.
TEST(Snapshot, AgesGrowAndTheLeaseRunsDown) {
    const auto snapshot = std::make_unique<Snapshot>();
    snapshot->taken_at_ns = 1000;
    snapshot->lease_remaining_ns = 50;
    snapshot->datastores_count = 1;
    snapshot->datastores[0].write_age_ns = 3;
    snapshot->hosts_count = 2;
    snapshot->hosts[0].self = true;
    snapshot->hosts[0].slot_age_ns = 4;
    snapshot->hosts[0].beat_age_ns = 0;
    snapshot->hosts[1].slot_age_ns = -1;
    snapshot->hosts[1].beat_age_ns = 5;
    let_pass(*snapshot, 60);
    EXPECT_EQ(snapshot->taken_at_ns, 1060);
    EXPECT_EQ(snapshot->lease_remaining_ns, 0);
    EXPECT_EQ(snapshot->datastores[0].write_age_ns, 63);
    EXPECT_EQ(snapshot->datastores[0].scan_age_ns, -1) << "never stays never";
    EXPECT_EQ(snapshot->hosts[0].slot_age_ns, 64);
    EXPECT_EQ(snapshot->hosts[0].beat_age_ns, 0) << "nobody beats to itself";
    EXPECT_EQ(snapshot->hosts[1].slot_age_ns, -1);
    EXPECT_EQ(snapshot->hosts[1].beat_age_ns, 65);
}

// Why: lists that are not full are not copied to readers; a line too few would show an older one.
TEST(Snapshot, UsedPartsHoldEveryLineInUse) {
    const auto stored = std::make_unique<Snapshot>();
    const auto loaded = std::make_unique<Snapshot>();
    const auto seqlock = std::make_unique<Seqlock<Snapshot>>();
    stored->hosts_count = 3;
    stored->hosts[2].host = HostId{7};
    stored->hosts[2].claims_count = 9;
    stored->vms_count = 2;
    stored->vms[1].memory_mib = 4096;
    stored->vms[2].memory_mib = 1;
    seqlock->store_parts(*stored, used_parts(*stored));
    ASSERT_TRUE(seqlock->try_load(*loaded));
    EXPECT_EQ(loaded->hosts[2].host, HostId{7});
    EXPECT_EQ(loaded->hosts[2].claims_count, 9);
    EXPECT_EQ(loaded->vms[1].memory_mib, 4096U);
    EXPECT_EQ(loaded->vms[2].memory_mib, 0U);
}

}  // namespace
}  // namespace holdfast
