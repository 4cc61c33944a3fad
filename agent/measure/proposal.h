// Proposal: the shortest safe timing for what was measured, or why none can be given and how long to measure.  Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/measure/surroundings.h"
#include "agent/measure/tail_fit.h"
#include "engine/machine/timing.h"

namespace holdfast::measure {

inline constexpr double kSecondsPerYear = 365.25 * 86400;
// No more than this many times the measured time is extrapolated, however well the tail fits: a century takes an hour.
// Not statistics but modesty: beyond it other causes than the measured ones decide.
inline constexpr double kExtrapolationMax = 1e6;
// The safe lease may be at most this many times the expected one; a wider interval means that the tail is not known.
inline constexpr double kSpreadMax = 2.0;

enum class LeaseFrom : std::uint8_t { Storage, Any };

struct TuneWishes {
    double false_alarms_per_s = 1 / (100 * kSecondsPerYear);
    LeaseFrom lease_from = LeaseFrom::Storage;
    std::optional<double> outage_s;
    std::optional<double> watchdog_s;
    std::optional<double> interval_s;
    std::optional<double> granularity_s;
    std::optional<double> landing_s;
    std::optional<double> lease_s;  // judge this one
};

struct TuneFacts {
    std::vector<RenewalHistory> storage;  // of the host lease, one for each measurement
    std::vector<RenewalHistory> office;   // of the leader lease
    std::vector<RenewalHistory> network;  // one for each peer
    double write_p9999_s = 0;
    double write_p99_s = 0;
    double scan_p99_s = 0;
    double wakeup_worst_s = 0;
    Surroundings around;
};

// Where the promised time goes.
struct FailoverParts {
    double lease_s = 0;
    double watchdogs_s = 0;
    double drift_s = 0;
    double granularity_s = 0;
    double landing_s = 0;
    double rounding_s = 0;  // dead beyond what is needed
    double verdict_s = 0;
    double orders_s = 0;
    double start_s = 0;

    [[nodiscard]] double total_s() const {
        return lease_s + watchdogs_s + drift_s + granularity_s + landing_s + rounding_s +
               verdict_s + orders_s + start_s;
    }
};

struct JudgedTiming {
    std::string name;
    Timing timing;
    FailoverParts failover;
    RateInterval storage_per_s;  // lapses if only storage renewed the lease
    std::optional<RateInterval>
        any_per_s;  // if answers on the network count, and fail independently
    std::optional<RateInterval> office_per_s;  // ends of office without need
    double headroom = 0;                       // lease over the longest gap seen
};

struct Proposal {
    JudgedTiming proposal;
    std::optional<JudgedTiming>
        covering_outage;  // where the proposal leaves the outage to the network
    std::vector<JudgedTiming> profiles;
    TailFit fit;
    std::optional<TailFit> network_fit;
    bool network_carries_outage = false;
};

struct Refusal {
    std::string reason;
    double measure_s = 0;  // this long would do; 0: longer does not help
};

// The strictest wish that the same facts do carry, where the wished one was refused.
struct Carried {
    std::string false_alarms;  // as --false-alarms takes it
    double false_alarms_per_s = 0;
    Proposal proposal;
};

[[nodiscard]] std::optional<Carried> strictest_carried(const TuneWishes& wishes,
                                                       const TuneFacts& facts);

class Tuner {
  public:
    Tuner(TuneWishes wishes, TuneFacts facts);

    [[nodiscard]] Result<Proposal, Refusal> propose() const;

    [[nodiscard]] JudgedTiming judge(const std::string& name,
                                     const Timing& timing,
                                     const TailFit& fit,
                                     const std::optional<TailFit>& network) const;

  private:
    // How the lease is judged: by the upper end of the interval, or as expected; `evidence` as in TailFit.
    struct Level {
        bool upper = true;
        double evidence = 1;
    };

    [[nodiscard]] std::optional<Refusal> too_little(const TailFit& fit,
                                                    const std::optional<TailFit>& network) const;
    [[nodiscard]] Refusal too_few(const std::string& reason) const;
    [[nodiscard]] std::optional<double> lease_at(const TailFit& fit,
                                                 const std::optional<TailFit>& network,
                                                 Level level) const;
    [[nodiscard]] Timing timing_for(double interval_s, double lease_s) const;
    [[nodiscard]] Timing shortest(double needed_s) const;
    [[nodiscard]] double interval_shift(double interval_s) const;
    [[nodiscard]] RateInterval together(const RateInterval& storage,
                                        const TailFit& fit,
                                        const TailFit& network,
                                        double lease_s,
                                        double evidence = 1) const;

    TuneWishes wishes_;
    TuneFacts facts_;
    double interval_s_ = 0;  // as measured
};

// As a [timing] table of the configuration.
[[nodiscard]] std::string timing_toml(const Timing& timing);

}  // namespace holdfast::measure
