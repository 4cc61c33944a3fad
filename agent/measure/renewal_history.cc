#include "agent/measure/renewal_history.h"

#include <algorithm>

#include "engine/base/check.h"

namespace holdfast::measure {

namespace {

// The age of a lease just before `at`; 0: too young to be listed.
double age_at(const RenewalHistory& history, double at) {
    // The first gap that ends at or after it; gaps of one lease do not overlap.
    const auto it = std::lower_bound(
        history.gaps.begin(), history.gaps.end(), at, [](const GapPoint& gap, double when) {
            return gap.end_s < when;
        });
    if (it != history.gaps.end()) return std::max(at - (it->end_s - it->length_s), 0.0);
    const double open_since = history.observed_s - history.open_s;
    return history.open_s > 0 ? std::max(at - open_since, 0.0) : 0;
}

}  // namespace

RenewalHistory history_of(const GapReport& gaps,
                          double observed_s,
                          double interval_s,
                          double begun_s) {
    RenewalHistory history;
    history.begun_s = begun_s;
    history.interval_s = interval_s;
    history.observed_s = observed_s;
    history.count = gaps.count;
    history.gaps = gaps.worst;
    std::sort(history.gaps.begin(), history.gaps.end(), [](const GapPoint& a, const GapPoint& b) {
        return a.end_s < b.end_s;
    });
    history.complete_above_s = gaps.complete_above_s();
    if (gaps.open_s > 2 * interval_s) history.open_s = gaps.open_s;
    return history;
}

void lengthen_interval(RenewalHistory& history, double interval_s, double renewal_intervals) {
    const double longer = (interval_s - history.interval_s) * renewal_intervals;
    if (longer <= 0) return;
    history.interval_s = interval_s;
    for (GapPoint& gap : history.gaps) gap.length_s += longer;
    if (history.complete_above_s > 0) history.complete_above_s += longer;
    if (history.open_s > 0) history.open_s += longer;
}

RenewalHistory majority_history(const std::vector<RenewalHistory>& each, std::size_t majority) {
    HF_CHECK(majority >= 1 && majority <= each.size());
    if (each.size() == 1) return each.front();
    RenewalHistory joint;
    joint.interval_s = each.front().interval_s;
    joint.begun_s = each.front().begun_s;
    joint.observed_s = each.front().observed_s;
    joint.count = each.front().count;
    for (const RenewalHistory& one : each) {
        joint.observed_s = std::min(joint.observed_s, one.observed_s);
        joint.count = std::min(joint.count, one.count);
        joint.complete_above_s = std::max(joint.complete_above_s, one.complete_above_s);
    }
    std::vector<double> ages(each.size());
    const auto age_of_majority = [&](double at) {
        for (std::size_t i = 0; i < each.size(); ++i) ages[i] = age_at(each[i], at);
        std::nth_element(
            ages.begin(), ages.begin() + static_cast<std::ptrdiff_t>(majority) - 1, ages.end());
        return ages[majority - 1];
    };
    for (const RenewalHistory& one : each) {
        for (const GapPoint& gap : one.gaps) {
            const double age = age_of_majority(gap.end_s);
            // Only a renewal of one that the majority waited for ends a gap of the majority.
            if (age > 0 && gap.length_s >= age) joint.gaps.push_back({gap.end_s, age});
        }
    }
    std::sort(joint.gaps.begin(), joint.gaps.end(), [](const GapPoint& a, const GapPoint& b) {
        return a.end_s < b.end_s;
    });
    joint.open_s = age_of_majority(joint.observed_s);
    if (joint.open_s <= 2 * joint.interval_s) joint.open_s = 0;
    return joint;
}

std::vector<GapPoint> burst_maxima(const RenewalHistory& history,
                                   double threshold_s,
                                   double apart_s) {
    std::vector<GapPoint> maxima;
    double last_end = 0;
    for (const GapPoint& gap : history.gaps) {
        if (gap.length_s <= threshold_s) continue;
        const bool same = !maxima.empty() && gap.end_s - gap.length_s - last_end < apart_s;
        if (!same) {
            maxima.push_back(gap);
        } else if (gap.length_s > maxima.back().length_s) {
            maxima.back() = gap;
        }
        last_end = gap.end_s;
    }
    return maxima;
}

}  // namespace holdfast::measure
