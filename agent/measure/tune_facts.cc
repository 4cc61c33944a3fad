#include "agent/measure/tune_facts.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <set>
#include <utility>

#include "agent/measure/report_text.h"

namespace holdfast::measure {

namespace {

double quantile_of(const TargetReport& target, const char* operation, double share) {
    const OperationReport* seen = target.find(operation);
    return seen == nullptr ? 0 : seen->quantile(share);
}

void raise(double& value, double other) {
    value = std::max(value, other);
}

void add_storage(const Measurement& measurement, TuneBasis& basis) {
    std::vector<RenewalHistory> lease;
    std::vector<RenewalHistory> office;
    std::string backend;
    std::string names;
    for (const TargetReport& target : measurement.targets) {
        if (target.medium == kMediumNetwork) continue;
        if (target.duration_s <= 0) {
            basis.notes.push_back(target.name + " is left out: " + target.state +
                                  ", nothing was measured.");
            continue;
        }
        if (lease.empty()) backend = target.backend;
        if (target.backend != backend && measurement.kind != "agent") continue;
        const auto begun = static_cast<double>(measurement.begun_unix_s);
        lease.push_back(history_of(target.lease, target.duration_s, measurement.interval_s, begun));
        office.push_back(
            history_of(target.office, target.duration_s, measurement.interval_s, begun));
        names += (names.empty() ? "" : ", ") + target.name;
        basis.storage_names.push_back(target.name);
        TuneFacts& facts = basis.facts;
        raise(facts.write_p9999_s, quantile_of(target, "write", 0.9999));
        raise(facts.write_p99_s, quantile_of(target, "write", 0.99));
        raise(facts.scan_p99_s, quantile_of(target, "scan", 0.99));
        if (const OperationReport* wakeup = target.find("wakeup"))
            raise(facts.wakeup_worst_s, wakeup->worst_s);
    }
    if (lease.empty()) return;
    // 1, 3 or 5 vote; of an even number the last one is a spare.
    const std::size_t voters =
        std::min<std::size_t>(lease.size() % 2 == 1 ? lease.size() : lease.size() - 1, 5);
    lease.resize(voters);
    office.resize(voters);
    const std::size_t majority = voters / 2 + 1;
    basis.facts.storage.push_back(majority_history(lease, majority));
    basis.facts.office.push_back(majority_history(office, majority));
    basis.notes.push_back(measurement.host + ": " + names +
                          (backend.empty() ? "" : " by " + backend) + ", " +
                          short_time(basis.facts.storage.back().observed_s) +
                          " at an interval of " + short_time(measurement.interval_s) +
                          (voters > 1 ? "; " + std::to_string(majority) + " of " +
                                            std::to_string(voters) + " renew the lease"
                                      : "") +
                          (measurement.load > 0 ? "; under competing load" : "") + ".");
}

void add_network(const Measurement& measurement, TuneBasis& basis) {
    for (const TargetReport& target : measurement.targets) {
        if (measurement.kind == "agent" && target.medium != kMediumNetwork) continue;
        if (target.duration_s <= 0 || target.lease.count == 0) {
            basis.notes.push_back("Peer " + target.name + " is left out: it never answered.");
            continue;
        }
        basis.facts.network.push_back(history_of(target.lease,
                                                 target.duration_s,
                                                 measurement.interval_s,
                                                 static_cast<double>(measurement.begun_unix_s)));
        // An agent's leader is no address to look up a route for.
        if (measurement.kind != "agent") basis.peers.push_back(target.name);
        basis.notes.push_back(measurement.host + ": answers of " + target.name + ", " +
                              short_time(target.duration_s) + ".");
    }
}

// Histories of different intervals are compared at the longest of them.
void take_one_interval(TuneBasis& basis) {
    TuneFacts& facts = basis.facts;
    double longest = 0;
    double shortest = std::numeric_limits<double>::infinity();
    for (const auto* histories : {&facts.storage, &facts.network}) {
        for (const RenewalHistory& history : *histories) {
            longest = std::max(longest, history.interval_s);
            shortest = std::min(shortest, history.interval_s);
        }
    }
    if (shortest >= longest) return;
    for (RenewalHistory& history : facts.storage) lengthen_interval(history, longest, 1);
    for (RenewalHistory& history : facts.office) lengthen_interval(history, longest, 2);
    for (RenewalHistory& history : facts.network) lengthen_interval(history, longest, 1);
    basis.notes.push_back(
        "Intervals differ, so what was measured with a shorter one than " + short_time(longest) +
        " is taken as if every gap had been longer by the difference: measure all with one "
        "interval, the shortest that you may want.");
}

// The same measurement twice would count as twice the evidence.
std::optional<std::string> named_twice(const std::vector<Measurement>& measurements) {
    std::set<std::string> seen;
    for (const Measurement& measurement : measurements) {
        std::string what = measurement.kind + " on " + measurement.host;
        for (const TargetReport& target : measurement.targets) what += ", " + target.name;
        if (!seen.insert(what + std::to_string(measurement.begun_unix_s)).second) return what;
    }
    return std::nullopt;
}

}  // namespace

Result<TuneBasis> tune_basis(const std::vector<Measurement>& measurements) {
    if (const auto twice = named_twice(measurements)) {
        return Unexpected{Error{0,
                                "one measurement (" + *twice +
                                    ") is given twice, which would count its stalls twice: name "
                                    "each file once. [HF-5104]"}};
    }
    TuneBasis basis;
    for (const Measurement& measurement : measurements) {
        if (measurement.kind != "net") add_storage(measurement, basis);
        if (measurement.kind != "datastore") add_network(measurement, basis);
    }
    if (basis.facts.storage.empty()) {
        return Unexpected{Error{0,
                                "there is no measurement of a datastore to go by: run `holdfast "
                                "bench datastore PATH --save FILE` first. [HF-5104]"}};
    }
    take_one_interval(basis);
    return basis;
}

std::optional<double> parse_alarm_rate(const std::string& text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string::npos) return std::nullopt;
    char* end = nullptr;
    const double number = std::strtod(text.c_str(), &end);
    if (end != text.c_str() + slash || !(number > 0) || number > 1e6) return std::nullopt;
    constexpr std::pair<const char*, double> kUnits[] = {{"hour", 3600},
                                                         {"day", 86400},
                                                         {"week", 7 * 86400},
                                                         {"month", kSecondsPerYear / 12},
                                                         {"year", kSecondsPerYear},
                                                         {"decade", 10 * kSecondsPerYear},
                                                         {"century", 100 * kSecondsPerYear}};
    for (const auto& [name, seconds] : kUnits) {
        if (text.substr(slash + 1) == name) return number / seconds;
    }
    return std::nullopt;
}

}  // namespace holdfast::measure
