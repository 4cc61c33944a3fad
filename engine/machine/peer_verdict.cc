#include "engine/machine/peer_verdict.h"

#include "engine/base/check.h"

namespace holdfast {

// clang-format off
const std::array<PeerRow, kPeerRowsCount> kPeerTable{{
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

bool matches(const PeerRow& row, const PeerFacts& facts) {
    return fits(row.own_storage_ok, facts.own_storage_ok) && fits(row.net_fresh, facts.net_fresh) &&
           fits(row.slot_newer, facts.slot_newer) && fits(row.says_isolated, facts.says_isolated) &&
           fits(row.proved_dead, facts.proved_dead);
}

const PeerRow& judge_peer(const PeerFacts& facts) {
    const PeerRow* found = nullptr;
    for (const PeerRow& row : kPeerTable) {
        if (!matches(row, facts)) continue;
        HF_CHECK(found == nullptr);
        found = &row;
    }
    HF_CHECK(found != nullptr);
    return *found;
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
