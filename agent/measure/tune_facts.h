// From measurements to what a timing is fitted to.  Pure.
#pragma once

#include <string>
#include <vector>

#include "agent/measure/measurement.h"
#include "agent/measure/proposal.h"
#include "engine/base/result.h"

namespace holdfast::measure {

struct TuneBasis {
    TuneFacts facts;
    std::vector<std::string> storage_names;  // for the look at mounts and routes
    std::vector<std::string> peers;
    std::vector<std::string> notes;  // sentences: what was used and how
};

// Several measurements of storage are of several hosts or times and are pooled; the datastores of one measurement vote
// together.  Of several back-ends the first counts.  Error: nothing to fit.
[[nodiscard]] Result<TuneBasis> tune_basis(const std::vector<Measurement>& measurements);

// "1/century", "3/year": per second.
[[nodiscard]] std::optional<double> parse_alarm_rate(const std::string& text);

}  // namespace holdfast::measure
