#include "agent/measure/proposal.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "agent/measure/report_text.h"

namespace holdfast::measure {

namespace {

// Beats more often than this cost more than they bring.
constexpr std::array<double, 4> kIntervals{2.0, 1.0, 0.5, 0.25};
constexpr double kWatchdogUnknown = 3;
constexpr double kGranularityMin = 0.5;
constexpr double kLandingBlock = 0.5;
constexpr double kLandingNetwork = 2;
constexpr double kLeaseStep = 0.05;
constexpr double kDeadStep = 0.1;
// Reads and writes of storage between verdict and start: roster, orders; orders read; claim, slot, scan, changed rosters.
constexpr double kStepsToStart = 7;
constexpr double kLibvirtStart = 0.4;  // creating and resuming a VM, as seen in the lab
constexpr double kMeanExcessMax = 3600;
constexpr double kMeasureMin = 60;
// So many stalls settle whether a tail is heavy.
constexpr double kBurstsPlenty = 200;
constexpr double kEvidenceMax = 1 << 14;

Duration to_duration(double seconds) {
    return std::chrono::milliseconds{std::llround(std::ceil(seconds * 1000 - 1e-6))};
}

double round_up(double value, double step) {
    return std::ceil(value / step - 1e-9) * step;
}

std::string toml_duration(Duration span) {
    return "\"" +
           std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(span).count()) +
           "ms\"";
}

}  // namespace

Tuner::Tuner(TuneWishes wishes, TuneFacts facts) : wishes_(wishes), facts_(std::move(facts)) {
    for (const RenewalHistory& history : facts_.storage)
        interval_s_ = std::max(interval_s_, history.interval_s);
}

// A gap is the stall and what passed since the last renewal before it, at most one interval.  So with a shorter interval
// gaps can only be shorter, and with a longer one they are longer by the difference at most.
double Tuner::interval_shift(double interval_s) const {
    return std::max(interval_s - interval_s_, 0.0);
}

Timing Tuner::timing_for(double interval_s, double lease_s) const {
    Timing timing;
    timing.interval = to_duration(interval_s);
    timing.fresh = 3 * timing.interval;
    timing.silent = 4 * timing.interval;
    timing.isolation_after = 8 * timing.interval;
    timing.lease = to_duration(
        round_up(std::max(lease_s + interval_shift(interval_s), 4 * interval_s), kLeaseStep));
    timing.watchdog = to_duration(
        wishes_.watchdog_s.value_or(facts_.around.watchdog_min_s.value_or(kWatchdogUnknown)));
    timing.granularity = to_duration(wishes_.granularity_s.value_or(
        std::max(kGranularityMin, round_up(2 * facts_.wakeup_worst_s, kDeadStep))));
    const double floor = facts_.around.network_storage ? kLandingNetwork : kLandingBlock;
    timing.landing = to_duration(
        wishes_.landing_s.value_or(std::max(floor, round_up(2 * facts_.write_p9999_s, kDeadStep))));
    const Duration least =
        dead_min(timing.lease, timing.watchdog, timing.granularity, timing.landing);
    timing.dead = to_duration(round_up(in_seconds(least), kDeadStep));
    HF_CHECK(is_safe(timing));
    return timing;
}

// Of several intervals that give the same, the longest: it costs least.
Timing Tuner::shortest(double needed_s) const {
    if (wishes_.interval_s) return timing_for(*wishes_.interval_s, needed_s);
    Timing best = timing_for(kIntervals[0], needed_s);
    for (const double interval : kIntervals) {
        const Timing timing = timing_for(interval, needed_s);
        if (timing.dead < best.dead) best = timing;
    }
    return best;
}

RateInterval Tuner::together(const RateInterval& storage,
                             const TailFit& fit,
                             const TailFit& network,
                             double lease_s,
                             double evidence) const {
    // Two independent lapses meet when one begins while the other lasts.  Each peer's answers may be those that are needed.
    const auto peers = static_cast<double>(facts_.network.size());
    const double last = std::min(fit.mean_excess_s(lease_s), kMeanExcessMax) +
                        std::min(network.mean_excess_s(lease_s), kMeanExcessMax);
    const RateInterval answers = network.lapses(lease_s, evidence);
    return {storage.low * answers.low * peers * last,
            storage.expected * answers.expected * peers * last,
            storage.high * answers.high * peers * last};
}

std::optional<double> Tuner::lease_at(const TailFit& fit,
                                      const std::optional<TailFit>& network,
                                      Level level) const {
    const double wanted = wishes_.false_alarms_per_s;
    if (wishes_.lease_from == LeaseFrom::Storage || !network) {
        return level.upper ? fit.lease_safe(wanted, level.evidence) : fit.lease_expected(wanted);
    }
    const auto safe = [&](double lease) {
        const RateInterval rate =
            together(fit.lapses(lease, level.evidence), fit, *network, lease, level.evidence);
        return (level.upper ? rate.high : rate.expected) <= wanted;
    };
    double low = 4 * kIntervals.back();
    double high = kLeaseMax;
    if (!safe(high)) return std::nullopt;
    if (safe(low)) return low;
    for (int i = 0; i < 50; ++i) {
        const double middle = (low + high) / 2;
        (safe(middle) ? high : low) = middle;
    }
    return high;
}

Refusal Tuner::too_few(const std::string& reason) const {
    double observed = 0;
    for (const RenewalHistory& history : facts_.storage) observed += history.observed_s;
    const auto bursts = static_cast<double>(TailFit::most_bursts(facts_.storage));
    const double factor = std::max(2.0, 3.0 * kBurstsMin / std::max(1.0, bursts));
    const double period = 1 / wishes_.false_alarms_per_s;
    return {"Too little was measured: " + reason + ".",
            std::max({observed * factor, period / kExtrapolationMax, kMeasureMin})};
}

std::optional<Refusal> Tuner::too_little(const TailFit& fit,
                                         const std::optional<TailFit>& network) const {
    const double period = 1 / wishes_.false_alarms_per_s;
    if (fit.observed_s() * kExtrapolationMax < period) {
        return Refusal{"Too little was measured: one false alarm in " +
                           std::to_string(std::llround(period / 86400)) +
                           " days cannot be told from " + short_time(fit.observed_s()) + ".",
                       period / kExtrapolationMax};
    }
    if (wishes_.lease_s) return std::nullopt;
    // What no timing may go below anyway needs no telling apart.
    const double floor = std::max(4 * kIntervals.back(), 2 * interval_s_);
    if (fit.strange() && fit.longest_s() > floor / 2) {
        return Refusal{"The " + std::to_string(kStrangers) + " longest gaps, up to " +
                           short_time(fit.longest_s()) +
                           ", are of another kind than the rest: too few to tell how long that "
                           "kind gets and how often it comes.",
                       fit.observed_s() * kBurstsMin / kStrangers};
    }
    const auto expected = lease_at(fit, network, {false, 1});
    const auto wide = [&](double evidence) {
        const auto safe = lease_at(fit, network, {true, evidence});
        return !expected || !safe ||
               std::max(*safe, floor) > kSpreadMax * std::max(*expected, floor);
    };
    if (!wide(1)) return std::nullopt;
    const auto safe = lease_at(fit, network, {true, 1});
    Refusal refusal;
    refusal.reason = "Too little was measured for this tail: the lease would have to be " +
                     (expected ? short_time(*expected) : std::string("longer than a day")) +
                     " as far as one can tell, but up to " +
                     (safe ? short_time(*safe) : std::string("more than a day")) +
                     " cannot be ruled out.";
    for (double evidence = 2; evidence <= kEvidenceMax; evidence *= 2) {
        if (wide(evidence)) continue;
        refusal.measure_s = fit.observed_s() * evidence;
        return refusal;
    }
    if (static_cast<double>(fit.bursts()) < kBurstsPlenty) {
        refusal.reason +=
            " Only " + std::to_string(fit.bursts()) + " stalls tell how long stalls get.";
        refusal.measure_s =
            fit.observed_s() * 2 * kBurstsPlenty / static_cast<double>(fit.bursts());
        return refusal;
    }
    refusal.reason +=
        " Measuring longer will hardly help: stalls of this storage have no typical length. Mend "
        "it first, or let the network carry the lease (--lease-from any).";
    return refusal;
}

JudgedTiming Tuner::judge(const std::string& name,
                          const Timing& timing,
                          const TailFit& fit,
                          const std::optional<TailFit>& network) const {
    JudgedTiming judged;
    judged.name = name;
    judged.timing = timing;
    const double interval = in_seconds(timing.interval);
    const double lease = in_seconds(timing.lease) - interval_shift(interval);
    judged.storage_per_s = fit.lapses(std::max(lease, 0.0));
    if (network)
        judged.any_per_s = together(judged.storage_per_s, fit, *network, std::max(lease, 0.0));
    if (const auto office = TailFit::fit(facts_.office)) {
        // Office is renewed by a write and a scan of the round after, so an interval counts twice.
        judged.office_per_s = office->lapses(
            std::max(0.0, in_seconds(leader_lease(timing)) - 2 * interval_shift(interval)));
    }
    judged.headroom = fit.longest_s() > 0 ? lease / fit.longest_s() : 0;
    FailoverParts& parts = judged.failover;
    parts.lease_s = in_seconds(timing.lease);
    parts.watchdogs_s = 2 * in_seconds(timing.watchdog);
    parts.granularity_s = in_seconds(timing.granularity);
    const Duration span = timing.lease + 2 * timing.watchdog + timing.granularity;
    parts.drift_s = in_seconds(with_drift(span) - span);
    parts.landing_s = in_seconds(timing.landing);
    parts.rounding_s = in_seconds(
        timing.dead - dead_min(timing.lease, timing.watchdog, timing.granularity, timing.landing));
    parts.verdict_s = facts_.scan_p99_s;
    parts.orders_s = kStepsToStart * std::max(facts_.write_p99_s, facts_.scan_p99_s);
    parts.start_s = kLibvirtStart;
    return judged;
}

Result<Proposal, Refusal> Tuner::propose() const {
    auto fit = TailFit::fit(facts_.storage);
    if (!fit) return Unexpected{too_few(fit.error().text)};
    std::optional<TailFit> network;
    if (!facts_.network.empty()) {
        if (auto net = TailFit::fit(facts_.network)) network = *net;
    }
    if (wishes_.lease_from == LeaseFrom::Any && !network) {
        return Unexpected{
            Refusal{"--lease-from any needs a measurement of the network with enough stalls to "
                    "show a tail: add a file that `holdfast bench net` saved.",
                    0}};
    }
    if (wishes_.lease_from == LeaseFrom::Any && facts_.around.shared_interface.value_or(false)) {
        return Unexpected{
            Refusal{"Beats and storage share an interface, so their stalls are not independent and "
                    "--lease-from any would be a guess.",
                    0}};
    }
    if (auto refusal = too_little(*fit, network)) return Unexpected{*refusal};
    auto needed = wishes_.lease_s ? wishes_.lease_s : lease_at(*fit, network, {});
    // Whatever the fit says: a lease that would have lapsed in the measurement is not one for longer times.
    const bool rarer = wishes_.false_alarms_per_s * fit->observed_s() < 1;
    if (needed && !wishes_.lease_s && wishes_.lease_from == LeaseFrom::Storage && rarer)
        needed = std::max(*needed, fit->longest_s());
    if (!needed) {
        return Unexpected{Refusal{
            "No lease up to a day would do: stalls of this storage have no bound. Mend it first.",
            0}};
    }
    // The write after the outage comes an interval after its end at the latest, the one before it began an interval earlier.
    const double outage =
        wishes_.outage_s ? *wishes_.outage_s + 2 * interval_s_ + facts_.write_p9999_s : 0;
    Proposal proposal{{}, {}, {}, *fit, network, false};
    proposal.network_carries_outage = wishes_.outage_s && outage > *needed && network &&
                                      !facts_.around.shared_interface.value_or(true);
    const bool cover = outage > *needed && !proposal.network_carries_outage && !wishes_.lease_s;
    proposal.proposal = judge("proposal", shortest(cover ? outage : *needed), *fit, network);
    if (outage > *needed && !cover) {
        proposal.covering_outage = judge("outage", shortest(outage), *fit, network);
    } else if (cover) {
        proposal.covering_outage = judge("without", shortest(*needed), *fit, network);
    }
    proposal.profiles = {judge("fast", kTimingFast, *fit, network),
                         judge("standard", kTimingStandard, *fit, network),
                         judge("patient", kTimingPatient, *fit, network)};
    return proposal;
}

std::optional<Carried> strictest_carried(const TuneWishes& wishes, const TuneFacts& facts) {
    constexpr std::pair<const char*, double> kRates[] = {{"1/decade", 10 * kSecondsPerYear},
                                                         {"1/year", kSecondsPerYear},
                                                         {"1/month", kSecondsPerYear / 12},
                                                         {"1/week", 7 * 86400},
                                                         {"1/day", 86400},
                                                         {"1/hour", 3600}};
    for (const auto& [name, period] : kRates) {
        TuneWishes weaker = wishes;
        weaker.false_alarms_per_s = 1 / period;
        if (weaker.false_alarms_per_s <= wishes.false_alarms_per_s) continue;
        if (auto proposal = Tuner(weaker, facts).propose())
            return Carried{name, weaker.false_alarms_per_s, std::move(*proposal)};
    }
    return std::nullopt;
}

std::string timing_toml(const Timing& timing) {
    const std::pair<const char*, Duration> keys[] = {{"interval", timing.interval},
                                                     {"fresh", timing.fresh},
                                                     {"silent", timing.silent},
                                                     {"isolation_after", timing.isolation_after},
                                                     {"lease", timing.lease},
                                                     {"watchdog", timing.watchdog},
                                                     {"granularity", timing.granularity},
                                                     {"landing", timing.landing},
                                                     {"dead", timing.dead}};
    std::string text = "[timing]\n";
    for (const auto& [name, span] : keys)
        text += std::string(name) + " = " + toml_duration(span) + "\n";
    return text;
}

}  // namespace holdfast::measure
