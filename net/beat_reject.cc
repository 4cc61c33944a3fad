#include "net/beat_reject.h"

#include <array>

namespace holdfast {

namespace {

struct Words {
    BeatReject reject;
    std::string_view phrase;
    std::string_view label;
};

constexpr std::array<Words, kBeatRejectCount> kWords{{
    {BeatReject::TooShort, "too short for a beat", "too_short"},
    {BeatReject::NotABeat, "not a beat", "not_a_beat"},
    {BeatReject::OlderVersion, "older version", "older_version"},
    {BeatReject::NewerVersion, "newer version", "newer_version"},
    {BeatReject::BadLength, "wrong length", "bad_length"},
    {BeatReject::ForeignCluster, "another cluster's beat", "foreign_cluster"},
    {BeatReject::UnknownKey, "signed with an unknown key", "unknown_key"},
    {BeatReject::BadTag, "damaged or forged", "bad_tag"},
    {BeatReject::BadHost, "impossible sender or receiver", "bad_host"},
    {BeatReject::BadPromise, "impossible lease or watchdog", "bad_promise"},
    {BeatReject::BadLeadership, "contradictory epoch and winner", "bad_leadership"},
    {BeatReject::BadAnswer, "contradictory answer", "bad_answer"},
    {BeatReject::NotForThisHost, "addressed to another host", "not_for_this_host"},
    {BeatReject::NotAMember, "sender is no member", "not_a_member"},
    {BeatReject::Duplicate, "duplicate", "duplicate"},
    {BeatReject::TooOld, "behind the replay window", "too_old"},
    {BeatReject::OlderIncarnation, "older incarnation", "older_incarnation"},
}};

constexpr bool in_order() {
    for (std::size_t i = 0; i < kWords.size(); ++i) {
        if (static_cast<std::size_t>(kWords[i].reject) != i) return false;
    }
    return true;
}

static_assert(in_order(), "the table is indexed by the enum");

}  // namespace

std::string_view to_string(BeatReject reject) {
    const auto index = static_cast<std::size_t>(reject);
    return index < kWords.size() ? kWords[index].phrase : "unknown";
}

std::string_view label_of(BeatReject reject) {
    const auto index = static_cast<std::size_t>(reject);
    return index < kWords.size() ? kWords[index].label : "unknown";
}

}  // namespace holdfast
