#include "agent/timing_text.h"

#include <sstream>

#include "agent/text.h"

namespace holdfast {

namespace {

Unexpected<Error> not_a_timing(const std::string& text) {
    return Unexpected{Error{0, "--timing: " + text}};
}

const Timing* find_profile(const std::string& name) {
    if (name == "fast") return &kTimingFast;
    if (name == "standard") return &kTimingStandard;
    return name == "patient" ? &kTimingPatient : nullptr;
}

}  // namespace

Result<Timing> parse_timing(const std::string& text, const Timing& base) {
    Timing timing = base;
    std::istringstream parts(text);
    for (std::string part; std::getline(parts, part, ',');) {
        if (const Timing* profile = find_profile(part); profile != nullptr) {
            timing = *profile;
            continue;
        }
        const std::size_t equals = part.find('=');
        const std::string name = part.substr(0, equals);
        const auto value =
            equals == std::string::npos ? std::nullopt : parse_duration(part.substr(equals + 1));
        Duration Timing::*member = nullptr;
        for (const TimingKey& key : kTimingKeys) {
            if (name == key.name) member = key.member;
        }
        if (member == nullptr) {
            return not_a_timing(
                "'" + printable(part) +
                "' is neither a profile (fast, standard, patient) nor key=value with a key of "
                "[timing].");
        }
        if (!value)
            return not_a_timing("'" + printable(part) + "' has no duration such as 250ms or 2s.");
        timing.*member = *value;
    }
    if (!is_safe(timing)) {
        return not_a_timing(
            "with " + timing_summary(timing) +
            " two copies of a VM could run: dead must be at least " +
            duration_text(
                dead_min(timing.lease, timing.watchdog, timing.granularity, timing.landing)) +
            ", lease 4 intervals, fresh 2 intervals, and silent and isolation_after not below "
            "fresh and silent (docs/TIMING.md).");
    }
    return timing;
}

std::string timing_summary(const Timing& timing) {
    return "lease " + duration_text(timing.lease) + ", watchdog " + duration_text(timing.watchdog) +
           ", dead " + duration_text(timing.dead) + ", interval " + duration_text(timing.interval);
}

}  // namespace holdfast
