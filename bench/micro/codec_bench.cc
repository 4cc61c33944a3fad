// Encode, decode, checksum and judge: what a scan of 1,024 slots costs beside its I/O.
#include <memory>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/support/cluster_records.h"
#include "engine/machine/peer_table.h"
#include "storage/crc32c.h"
#include "storage/slot_format.h"

namespace holdfast::bench {
namespace {

constexpr std::uint16_t kHosts = 1024;

// Both copies of every slot, as one scan reads them.
const std::vector<std::byte>& scanned() {
    static const std::vector<std::byte> kBytes = [] {
        std::vector<std::byte> bytes(kHosts * kSlotBytes);
        for (std::uint16_t id = 1; id <= kHosts; ++id) {
            const std::span<std::byte> copies =
                std::span(bytes).subspan((id - 1U) * kSlotBytes, kSlotBytes);
            // Every host is one beat further than the others were: either copy is the newer one for half of them.
            const std::uint64_t last = 10U + id % 2;
            for (const std::uint64_t sequence : {last - 1, last}) {
                encode_slot(slot_of(HostId{id}, kHosts, Sequence{sequence}, kTimingStandard),
                            uuid_of(9, 1),
                            copies.subspan(sequence % 2 * kSlotCopyBytes, kSlotCopyBytes));
            }
        }
        return bytes;
    }();
    return kBytes;
}

void encode_one(benchmark::State& state) {
    const SlotRecord slot = slot_of(HostId{1}, kHosts, Sequence{1}, kTimingStandard);
    std::vector<std::byte> block(kSlotCopyBytes);
    for (auto _ : state) {
        encode_slot(slot, uuid_of(9, 1), block);
        benchmark::DoNotOptimize(block.data());
    }
}

// The floor: CRC32C over the first sector of both copies, and nothing else.
void checksum_1024(benchmark::State& state) {
    const std::vector<std::byte>& bytes = scanned();
    for (auto _ : state) {
        for (std::size_t offset = 0; offset < bytes.size(); offset += kSlotCopyBytes)
            benchmark::DoNotOptimize(crc32c(std::span(bytes).subspan(offset, kSectorBytes - 4)));
    }
}

void verify_1024(benchmark::State& state) {
    const std::vector<std::byte>& bytes = scanned();
    std::vector<SlotView> views(kHosts);
    RejectCounters rejects;
    const ClusterUuid cluster = uuid_of(9, 1);
    for (auto _ : state) {
        decode_scan(bytes, cluster, HostId{1}, views, rejects);
        benchmark::DoNotOptimize(views.data());
    }
    for (const SlotView& view : views) {
        if (view.reading != SlotReading::Valid) state.SkipWithError("a slot was not readable");
    }
}

// verify_1024, and then what the engine does with the records: is it news, and what does that make of the host.
void verify_and_judge_1024(benchmark::State& state) {
    std::vector<std::byte> bytes = scanned();
    std::vector<SlotView> views(kHosts);
    RejectCounters rejects;
    EngineConfig config;
    config.self = HostId{1};
    config.timing = kTimingStandard;
    config.voters_count = config.datastores_count = 3;
    for (std::uint16_t id = 1; id <= kHosts; ++id) config.members.push(HostId{id});
    const auto actions = std::make_unique<Actions>();
    Core core(config, Instant{std::chrono::seconds{1}});
    core.actions = actions.get();
    PeerTable peers(config);
    std::uint64_t round = 100;
    const ClusterUuid cluster = uuid_of(9, 1);
    for (auto _ : state) {
        ++round;
        decode_scan(bytes, cluster, HostId{1}, views, rejects);
        for (SlotView& view : views) {
            view.record.sequence = Sequence{round};  // as if it had been written since
            benchmark::DoNotOptimize(peers.learn_slot(core, view.record));
        }
        core.now += config.timing.interval;
        actions->clear();
        for (Peer& peer : peers.all()) PeerTable::judge(core, peer, true);
    }
}

BENCHMARK(encode_one);
BENCHMARK(checksum_1024)->Unit(benchmark::kMicrosecond);
BENCHMARK(verify_1024)->Unit(benchmark::kMicrosecond);
BENCHMARK(verify_and_judge_1024)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace holdfast::bench
