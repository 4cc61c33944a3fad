// BeatLatencyMeter: how the beats on the network have fared since the start, for `holdfast status` and `holdfast tune --from-agent`.
//
// Two things are kept.  The renewals of the host lease by the leader's answers, as if nothing else renewed it: a gap runs from the
// sending of the answered beat before to the arrival of an answer.  And for each link the time between two beats of one
// host, copies included that came by another link before: a link that stalls or loses beats shows here although the other
// one carried them.
//
// Owned by the net loop: no allocation after construction, nothing blocks.  BeatLatency is a value for others.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "engine/base/limits.h"
#include "engine/base/types.h"
#include "engine/machine/beat.h"
#include "storage/gap_recorder.h"
#include "storage/latency_histogram.h"

namespace holdfast {

struct BeatLatency {
    Instant begun = kNotYet;  // the first answer of a leader
    Instant until = kNotYet;
    Duration observed{};    // of that, without the time in which this host led
    bool counting = false;  // now; not while this host leads
    GapRecorder answers;
    std::array<LatencyHistogram, kLinksMax> spacing;
};

static_assert(std::is_trivially_copyable_v<BeatLatency>);

class BeatLatencyMeter {
  public:
    BeatLatencyMeter();

    // A beat is sent now; once for each receiver is as good as once for all.
    void sent(const Beat& beat, Instant now);

    // A beat came by `link`: the first of its copies, or a later one.  REQUIRES: link < kLinksMax, an authentic beat
    void received(const Beat& beat, std::uint8_t link, Instant now);
    void copied(const Beat& beat, std::uint8_t link, Instant now);

    // What there is at `now`; valid until the next call.
    [[nodiscard]] const BeatLatency& seen(Instant now);

  private:
    static constexpr std::size_t kSentKept = 64;

    struct Sent {
        BeatNumber number;
        Instant at = kNotYet;
    };

    void pause(Instant now);
    void note_answer(const Beat& beat, Instant now);
    void note_spacing(const Beat& beat, std::uint8_t link, Instant now);

    BeatLatency latency_;
    std::array<Sent, kSentKept> sent_{};  // by number, the last ones
    Incarnation incarnation_;             // of this host, as it last said
    Instant counting_since_ = kNotYet;    // kNotYet: this host leads, or no leader has answered yet
    std::vector<Instant> heard_;          // by host and link
};

}  // namespace holdfast
