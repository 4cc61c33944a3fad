#include "agent/daemon/beat_latency.h"

namespace holdfast {

BeatLatencyMeter::BeatLatencyMeter() : heard_((kHostsMax + 1) * kLinksMax, kNotYet) {}

void BeatLatencyMeter::sent(const Beat& beat, Instant now) {
    // Nobody answers a leader as its leader; its lease lives on storage and vouching.
    if (beat.leading) pause(now);
    incarnation_ = beat.incarnation;
    Sent& place = sent_[beat.number.value() % kSentKept];
    if (place.number != beat.number) place = {beat.number, now};
}

void BeatLatencyMeter::received(const Beat& beat, std::uint8_t link, Instant now) {
    note_spacing(beat, link, now);
    if (beat.leading && beat.answered_incarnation == incarnation_) note_answer(beat, now);
}

void BeatLatencyMeter::copied(const Beat& beat, std::uint8_t link, Instant now) {
    note_spacing(beat, link, now);
}

void BeatLatencyMeter::pause(Instant now) {
    if (counting_since_ == kNotYet) return;
    latency_.observed += now - counting_since_;
    counting_since_ = kNotYet;
}

void BeatLatencyMeter::note_answer(const Beat& beat, Instant now) {
    const Sent& answered = sent_[beat.answered_number.value() % kSentKept];
    if (beat.answered_number == BeatNumber{} || answered.number != beat.answered_number) return;
    if (latency_.begun == kNotYet) latency_.begun = answered.at;
    if (counting_since_ == kNotYet) {
        counting_since_ = answered.at;
        latency_.answers.begin(answered.at);
        return;
    }
    latency_.answers.renewed(answered.at, now);
}

void BeatLatencyMeter::note_spacing(const Beat& beat, std::uint8_t link, Instant now) {
    Instant& heard = heard_[beat.from.value() * kLinksMax + link];
    if (heard != kNotYet) latency_.spacing[link].record(now - heard);
    heard = now;
}

const BeatLatency& BeatLatencyMeter::seen(Instant now) {
    if (counting_since_ != kNotYet) {
        latency_.observed += now - counting_since_;
        counting_since_ = now;
    }
    latency_.until = now;
    latency_.counting = counting_since_ != kNotYet;
    return latency_;
}

}  // namespace holdfast
