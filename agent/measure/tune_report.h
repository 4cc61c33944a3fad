// What `holdfast tune` says: for people, as JSON, as a picture.  Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/measure/proposal.h"
#include "agent/measure/tune_facts.h"

namespace holdfast::measure {

[[nodiscard]] std::string proposal_text(const Proposal& proposal,
                                        const TuneBasis& basis,
                                        const TuneWishes& wishes);
[[nodiscard]] std::string proposal_json(const Proposal& proposal,
                                        const TuneBasis& basis,
                                        const TuneWishes& wishes);

// `carried`: what the facts are enough for instead, if anything.
[[nodiscard]] std::string refusal_text(const Refusal& refusal,
                                       const std::optional<Carried>& carried);
[[nodiscard]] std::string refusal_json(const Refusal& refusal,
                                       const std::optional<Carried>& carried,
                                       const std::vector<std::string>& basis);

// Lapses against the length of the lease: what was seen, the fit with its interval, the profiles and the proposal.
[[nodiscard]] std::string tune_chart(const Proposal& proposal, const TuneWishes& wishes);

// "53 min", "9 h": rounded up, for people and for --duration.
[[nodiscard]] std::string measuring_time(double seconds);

}  // namespace holdfast::measure
