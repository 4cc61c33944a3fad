#include "engine/machine/isolation.h"

#include "engine/base/check.h"

namespace holdfast {

// clang-format off
const std::array<FindingRow, kFindingRowsCount> kFindingTable{{
    //      cut   leads hears  leader
    //      off         leader moves
    {"%A", kYes, kAny, kAny, kAny, Finding::Isolated},
    {"%B", kNo,  kYes, kAny, kAny, Finding::Connected},    // others may be partitioned from it
    {"%C", kNo,  kNo,  kYes, kAny, Finding::Connected},
    {"%D", kNo,  kNo,  kNo,  kYes, Finding::Partitioned},
    {"%E", kNo,  kNo,  kNo,  kNo,  Finding::Connected},    // nobody leads, or the leader is in trouble
}};

// clang-format on

bool matches(const FindingRow& row, const FindingFacts& facts) {
    return fits(row.cut_off, facts.cut_off) && fits(row.leads, facts.leads) &&
           fits(row.hears_leader, facts.hears_leader) && fits(row.leader_moves, facts.leader_moves);
}

const FindingRow& judge_self(const FindingFacts& facts) {
    const FindingRow* found = nullptr;
    for (const FindingRow& row : kFindingTable) {
        if (!matches(row, facts)) continue;
        HF_CHECK(found == nullptr);
        found = &row;
    }
    HF_CHECK(found != nullptr);
    return *found;
}

const char* to_string(Finding finding) {
    switch (finding) {
        case Finding::Connected: return "connected";
        case Finding::Isolated: return "isolated";
        case Finding::Partitioned: return "partitioned";
    }
    return "invalid";
}

void Isolation::learn(const Core& core, const ProbeReport& report) {
    probed_at_ = core.now;
    if (report.answered) answered_at_ = core.now;
}

bool Isolation::cut_off(Core& core) const {
    if (core.config.members.size() < 2) return false;  // there is nobody to hear
    const Duration after = core.config.timing.isolation_after;
    const Instant sign = std::max({watching_since_, heard_at_, answered_at_});
    if (core.now < sign + after) {
        core.wake_at(sign + after);
        return false;
    }
    // Addresses that nobody could ask have not been silent.
    return !core.config.asks_isolation_addresses ||
           (probed_at_ > sign && core.now - probed_at_ < after);
}

bool Isolation::judge(Core& core, const PeerTable& peers, const Leadership& leadership) {
    // A host that stood still has heard nobody meanwhile, which says nothing: its inbox is read first.
    if (core.now - judged_at_ > 2 * core.config.timing.interval) watching_since_ = core.now;
    judged_at_ = core.now;
    FindingFacts facts;
    facts.cut_off = cut_off(core);
    const HostKey winner = leadership.winner();
    facts.leads = winner.host == core.config.self;
    if (const Peer* leader = peers.find(winner.host)) {
        const Duration silent = core.config.timing.silent;
        const Instant heard = std::max(leader->beat_at, watching_since_);
        facts.hears_leader = core.now - heard < silent;
        // A leader that has died was seen to write a moment after its last beat.
        facts.leader_moves = leader->slot_seen && core.now - leader->slot_moved_at < silent &&
                             leader->slot_moved_at - heard >= 2 * core.config.timing.interval;
    }
    const Finding finding = judge_self(facts).finding;
    if (finding == finding_) return false;
    Trace line;
    line.code = TraceCode::FindingChanged;
    line.a = static_cast<std::int64_t>(finding_);
    line.b = static_cast<std::int64_t>(finding);
    line.who = winner;
    finding_ = finding;
    found_at_ = core.now;
    core.trace(line);
    return true;
}

}  // namespace holdfast
