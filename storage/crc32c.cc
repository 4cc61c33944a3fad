#include "storage/crc32c.h"

#include <cstring>
#include <isa-l/crc.h>

#include "engine/base/check.h"

#ifdef __x86_64__
#include <nmmintrin.h>
#endif

namespace holdfast {

namespace {

constexpr std::size_t kChunkBytesMax = std::size_t{1} << 30U;  // crc32_iscsi() takes an int

#ifdef __x86_64__
// REQUIRES: a processor with SSE 4.2
[[gnu::target("sse4.2")]] std::array<std::uint32_t, 3> three_streams(const ThreeRuns& runs) {
    const auto word_at = [](std::span<const std::byte> run, std::size_t offset) {
        std::uint64_t word = 0;
        std::memcpy(&word, run.data() + offset, sizeof word);
        return word;
    };
    const std::size_t size = runs[0].size();
    std::uint64_t a = 0xffffffffU;
    std::uint64_t b = a;
    std::uint64_t c = a;
    std::size_t offset = 0;
    for (; offset + sizeof a <= size; offset += sizeof a) {
        a = _mm_crc32_u64(a, word_at(runs[0], offset));
        b = _mm_crc32_u64(b, word_at(runs[1], offset));
        c = _mm_crc32_u64(c, word_at(runs[2], offset));
    }
    std::array<std::uint32_t, 3> crcs{static_cast<std::uint32_t>(a),
                                      static_cast<std::uint32_t>(b),
                                      static_cast<std::uint32_t>(c)};
    for (; offset < size; ++offset) {
        for (std::size_t i = 0; i < runs.size(); ++i)
            crcs[i] = _mm_crc32_u8(crcs[i], static_cast<std::uint8_t>(runs[i][offset]));
    }
    for (std::uint32_t& crc : crcs) crc ^= 0xffffffffU;
    return crcs;
}
#endif

}  // namespace

std::uint32_t crc32c(std::span<const std::byte> bytes) {
    std::uint32_t crc = 0xffffffffU;
    while (!bytes.empty()) {
        const std::size_t chunk = bytes.size() < kChunkBytesMax ? bytes.size() : kChunkBytesMax;
        // ISA-L only reads, but its prototype does not say so.
        auto* memory = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(bytes.data()));
        crc = crc32_iscsi(memory, static_cast<int>(chunk), crc);
        bytes = bytes.subspan(chunk);
    }
    return crc ^ 0xffffffffU;
}

std::array<std::uint32_t, 3> crc32c_of_three(const ThreeRuns& runs) {
    HF_CHECK(runs[0].size() == runs[1].size() && runs[0].size() == runs[2].size());
#ifdef __x86_64__
    static const bool kHasInstruction = __builtin_cpu_supports("sse4.2") != 0;
    if (kHasInstruction) return three_streams(runs);
#endif
    return {crc32c(runs[0]), crc32c(runs[1]), crc32c(runs[2])};
}

}  // namespace holdfast
