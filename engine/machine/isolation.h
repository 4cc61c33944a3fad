// Isolation: what a host finds of itself: connected, isolated or partitioned (design section 7).
//
// Isolated: for `isolation_after` it has heard no host on any link, and no isolation address has answered.  Partitioned: it is
// not isolated, and does not hear a leader that lives on storage.  A table, like the verdict about others; the unit test tries
// every combination of facts.  The finding is shown and said to others; what follows from it is in isolation_response.cc.
#pragma once

#include <array>
#include <cstdint>

#include "engine/machine/core.h"
#include "engine/machine/event.h"
#include "engine/machine/fact.h"
#include "engine/machine/leadership.h"
#include "engine/machine/peer_table.h"

namespace holdfast {

enum class Finding : std::uint8_t {
    Connected = 1,  // hears the leader, or leads, or there is none to hear
    Isolated,       // hears nobody at all
    Partitioned,    // hears somebody, but not the leader, which lives
};

struct FindingFacts {
    bool cut_off = false;  // no host heard and no isolation address answered for `isolation_after`
    bool leads = false;    // it is the leader itself
    bool hears_leader = false;  // the leader's last beat is younger than `silent`
    bool leader_moves = false;  // the leader's slot moved within `silent`
};

struct FindingRow {
    const char* label;
    Fact cut_off;
    Fact leads;
    Fact hears_leader;
    Fact leader_moves;
    Finding finding;
};

inline constexpr std::size_t kFindingRowsCount = 5;
extern const std::array<FindingRow, kFindingRowsCount> kFindingTable;

[[nodiscard]] bool matches(const FindingRow& row, const FindingFacts& facts);

// The one row that matches.  Checks that exactly one does.
[[nodiscard]] const FindingRow& judge_self(const FindingFacts& facts);

// "connected", "isolated", "partitioned"; never null.
[[nodiscard]] const char* to_string(Finding finding);

class Isolation {
  public:
    explicit Isolation(Instant started_at) : watching_since_(started_at), judged_at_(started_at) {}

    // A beat of a member arrived, whether or not it was news.
    void hear(const Core& core) { heard_at_ = core.now; }

    // What a round of asking the isolation addresses gave.
    void learn(const Core& core, const ProbeReport& report);

    // Looks again; to be called in every step.  True when the finding changed.
    bool judge(Core& core, const PeerTable& peers, const Leadership& leadership);

    // The short way of a beat: this host did not stand still, and judge() would find what it found.
    void looked(const Core& core) { judged_at_ = core.now; }

    [[nodiscard]] Finding finding() const { return finding_; }

    // Since when the finding is what it is.
    [[nodiscard]] Instant found_at() const { return found_at_; }

  private:
    [[nodiscard]] bool cut_off(Core& core) const;

    Finding finding_ = Finding::Connected;
    Instant found_at_ = kNotYet;
    Instant watching_since_;         // silence counts from here: a start, or a standstill
    Instant judged_at_;              // the last look
    Instant heard_at_ = kNotYet;     // the last beat of anybody
    Instant answered_at_ = kNotYet;  // when an isolation address last answered
    Instant probed_at_ = kNotYet;    // when a round of asking last ended, with or without an answer
};

}  // namespace holdfast
