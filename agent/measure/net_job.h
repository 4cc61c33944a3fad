// Measuring the way of beats to one peer and back: datagrams of a beat's size and form, signed, every interval, whether
// or not the one before was answered.  The peer runs answer_beats().
#pragma once

#include <functional>
#include <string>

#include "agent/measure/target_result.h"
#include "engine/base/result.h"
#include "net/address.h"
#include "net/beat_auth.h"

namespace holdfast::measure {

inline constexpr std::uint16_t kMeasuringPort = 7422;  // not 7420, where an agent may listen

struct NetJob {
    Address peer;
    Address own;  // none: any
    std::uint16_t port = kMeasuringPort;
    Duration interval = std::chrono::milliseconds{500};
    Duration duration = std::chrono::seconds{60};
};

// The cluster's keys, or, where `key_file` is empty, one that everybody knows: then any listener answers anybody.
[[nodiscard]] Result<BeatKeys> measuring_keys(const std::string& key_file);

// Until the duration is over or result.stop is set; all that is to be told lies in `result`.
void measure_peer(const NetJob& job, const BeatKeys& keys, TargetResult& result);

// Answers beats that one of the keys signed, each with one of the same size, until interrupted() says so.  Everything
// else is dropped.  Returns how many were answered; the error names the port.
[[nodiscard]] Result<std::uint64_t> answer_beats(const Address& own,
                                                 std::uint16_t port,
                                                 const BeatKeys& keys,
                                                 const std::function<bool()>& interrupted);

}  // namespace holdfast::measure
