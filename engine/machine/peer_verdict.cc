#include "engine/machine/peer_verdict.h"

#include "engine/base/check.h"

namespace holdfast {

// clang-format off
constexpr std::array<PeerRow, kPeerRowsCount> kPeerTable{{
    //      own   net   slot  says  proved
    //      disk  fresh newer isol. dead
    {"@A", kNo,  kAny, kAny, kAny, kNo,  PeerVerdict::Unknown},      // a blind host judges nobody
    {"@B", kYes, kYes, kYes, kAny, kNo,  PeerVerdict::Alive},        // a stale flag loses to beats
    {"@C", kYes, kYes, kNo,  kAny, kNo,  PeerVerdict::StorageLost},
    {"@D", kYes, kNo,  kYes, kYes, kNo,  PeerVerdict::Isolated},
    {"@E", kYes, kNo,  kYes, kNo,  kNo,  PeerVerdict::Partitioned},
    {"@F", kYes, kNo,  kNo,  kAny, kNo,  PeerVerdict::Silent},       // the flag is too old to trust
    {"@G", kAny, kAny, kAny, kAny, kYes, PeerVerdict::Dead},         // a proof stays a proof
}};

// clang-format on

namespace {

constexpr bool speaks_of(const PeerRow& row, const PeerFacts& facts) {
    return fits(row.own_storage_ok, facts.own_storage_ok) && fits(row.net_fresh, facts.net_fresh) &&
           fits(row.slot_newer, facts.slot_newer) && fits(row.says_isolated, facts.says_isolated) &&
           fits(row.proved_dead, facts.proved_dead);
}

constexpr std::size_t kCasesCount = 32;

constexpr std::size_t case_of(const PeerFacts& facts) {
    return (facts.own_storage_ok ? 1U : 0U) | (facts.net_fresh ? 2U : 0U) |
           (facts.slot_newer ? 4U : 0U) | (facts.says_isolated ? 8U : 0U) |
           (facts.proved_dead ? 16U : 0U);
}

// The row of every case, found while compiling: each beat judges every host.
constexpr auto kRowOf = [] {
    std::array<std::uint8_t, kCasesCount> rows{};
    for (std::size_t i = 0; i < kCasesCount; ++i) {
        const PeerFacts facts{
            (i & 1U) != 0, (i & 2U) != 0, (i & 4U) != 0, (i & 8U) != 0, (i & 16U) != 0};
        std::size_t found = 0;
        for (std::size_t row = 0; row < kPeerRowsCount; ++row) {
            if (!speaks_of(kPeerTable[row], facts)) continue;
            rows[i] = static_cast<std::uint8_t>(row);
            ++found;
        }
        HF_CHECK(found == 1);  // or this does not compile
    }
    return rows;
}();

}  // namespace

bool matches(const PeerRow& row, const PeerFacts& facts) {
    return speaks_of(row, facts);
}

const PeerRow& judge_peer(const PeerFacts& facts) {
    return kPeerTable[kRowOf[case_of(facts)]];
}

const char* to_string(PeerVerdict verdict) {
    switch (verdict) {
        case PeerVerdict::Unknown: return "unknown";
        case PeerVerdict::Alive: return "alive";
        case PeerVerdict::StorageLost: return "storage lost";
        case PeerVerdict::Isolated: return "isolated";
        case PeerVerdict::Partitioned: return "partitioned";
        case PeerVerdict::Silent: return "silent";
        case PeerVerdict::Dead: return "dead";
    }
    return "invalid";
}

}  // namespace holdfast
