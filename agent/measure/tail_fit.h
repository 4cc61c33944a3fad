// TailFit: how often a lease of a given length would have lapsed, told from the gaps between its renewals.
//
// Peaks over threshold (Pickands 1975; Davison and Smith 1990).  Gaps beyond a threshold are grouped into bursts, so
// that one bad moment counts once (runs declustering; Ferro and Segers 2003 discuss it).  Bursts come as a Poisson
// process; the excess of each burst's longest gap over the threshold has a generalised Pareto distribution, fitted by
// maximum likelihood.  The threshold is the lowest at which the fit passes an Anderson-Darling test (as Bader, Yan and
// Zhang 2018 choose it).  Every interval is a 90 % profile-likelihood interval over shape, scale and rate together, so
// an uncertain tail gives a wide interval and no false precision.  docs/TUNING.md says it in words.
//
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/measure/dispersion.h"
#include "agent/measure/pareto_tail.h"
#include "agent/measure/renewal_history.h"
#include "engine/base/result.h"

namespace holdfast::measure {

// Fewer bursts than this show no tail.
inline constexpr std::size_t kBurstsMin = 30;
// No lease beyond this is looked for, in seconds: a day.
inline constexpr double kLeaseMax = 86400;
// Twice the log-likelihood that the true values may lie below the best, with 90 % confidence (chi-squared, one degree).
inline constexpr double kDeviance90 = 2.7055;

struct RateInterval {
    double low = 0;
    double expected = 0;
    double high = 0;
};

class TailFit {
  public:
    // Error: too few bursts; the text says how many there were.
    [[nodiscard]] static Result<TailFit> fit(const std::vector<RenewalHistory>& histories);

    // The most independent stalls that any threshold shows.
    [[nodiscard]] static std::size_t most_bursts(const std::vector<RenewalHistory>& histories);

    // Lapses per second of a lease of `lease_s`.  `evidence`: how the interval would look after so many times the
    // measurement.
    [[nodiscard]] RateInterval lapses(double lease_s, double evidence = 1) const;

    // The shortest lease that lapses at most `per_s` times a second: as expected, and at the upper end of the interval.
    // nullopt: none up to a day.
    [[nodiscard]] std::optional<double> lease_expected(double per_s) const;
    [[nodiscard]] std::optional<double> lease_safe(double per_s, double evidence = 1) const;

    // How long a gap beyond `lease_s` outlasts it on average; infinite for the heaviest tails.
    [[nodiscard]] double mean_excess_s(double lease_s) const;

    [[nodiscard]] double threshold_s() const { return threshold_s_; }

    [[nodiscard]] double shape() const { return shape_; }

    [[nodiscard]] double scale_s() const { return scale_s_; }

    // The shape's own interval.
    [[nodiscard]] RateInterval shape_interval() const;

    [[nodiscard]] double observed_s() const { return observed_s_; }

    [[nodiscard]] std::size_t bursts() const { return bursts_; }

    // Gaps beyond the threshold for each burst; 1: they come alone.
    [[nodiscard]] double gaps_per_burst() const { return gaps_per_burst_; }

    // How much less the stalls say than as many that come by chance.
    [[nodiscard]] Dispersion dispersion() const { return dispersion_; }

    // At no threshold were the stalls generalised Pareto by upper_deviation(); the nearest was taken.
    [[nodiscard]] bool poor() const { return poor_; }

    // At no threshold were the longest stalls of one kind with the others (strangeness()).
    [[nodiscard]] bool strange() const { return strange_; }

    [[nodiscard]] double anderson_darling() const { return deviation_; }

    // The longest gap seen.
    [[nodiscard]] double longest_s() const { return longest_s_; }

    // Gaps that were seen, longest first; for pictures.
    [[nodiscard]] const std::vector<double>& seen() const { return seen_; }

  private:
    // Values that the measurement allows, and how much less likely than the best they are.
    struct Point {
        double shape;
        double scale_s;
        double deviance;
    };

    // Bursts' excesses over one threshold.
    struct Peaks {
        double threshold_s = 0;
        std::size_t gaps = 0;
        Excesses excesses;
        Dispersion dispersion;
    };

    [[nodiscard]] static Peaks peaks_over(const std::vector<RenewalHistory>& histories,
                                          double threshold_s);
    [[nodiscard]] static std::vector<Point> allowed(const Peaks& peaks);
    void take(const Peaks& peaks, const std::vector<Point>& points);

    double threshold_s_ = 0;
    double shape_ = 0;
    double scale_s_ = 0;
    double observed_s_ = 0;
    double longest_s_ = 0;
    double complete_above_s_ = 0;
    double gaps_per_burst_ = 1;
    Dispersion dispersion_;
    double deviation_ = 0;
    double misfit_ = 0;  // above 1: one of the tests failed
    std::size_t bursts_ = 0;
    bool poor_ = false;
    bool strange_ = false;
    std::vector<Point> points_;
    std::vector<double> seen_;
};

}  // namespace holdfast::measure
