#include "agent/measure/tune_report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "agent/json_writer.h"
#include "agent/measure/report_text.h"
#include "agent/text.h"

namespace holdfast::measure {

namespace {

constexpr double kCentury = 100 * kSecondsPerYear;
constexpr double kUnevenWorthSaying = 2;

// A number that may be tiny or huge.
std::string figure(double value) {
    std::array<char, 32> text{};
    if (value == 0) return "0";
    if (value >= 0.01 && value < 1e5) {
        std::snprintf(text.data(), text.size(), value < 10 ? "%.2g" : "%.0f", value);
    } else {
        std::snprintf(text.data(), text.size(), value < 1e-12 ? "<1e-12" : "%.0e", value);
    }
    return text.data();
}

std::string alarms(const RateInterval& per_s) {
    return figure(per_s.expected * kCentury) + " (" + figure(per_s.low * kCentury) + " to " +
           figure(per_s.high * kCentury) + ")";
}

std::string seconds(double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.2f s", value);
    return text.data();
}

std::string tail_text(const TailFit& fit, const char* what) {
    const RateInterval shape = fit.shape_interval();
    std::string text = text_line(
        "%s: %zu independent stalls beyond %s in %s, the longest %s; %.1f long gaps for each.",
        what,
        fit.bursts(),
        short_time(fit.threshold_s()).c_str(),
        short_time(fit.observed_s()).c_str(),
        short_time(fit.longest_s()).c_str(),
        fit.gaps_per_burst());
    text += text_line(
        "  Peaks over threshold, generalised Pareto by maximum likelihood: shape %.2f (%.2f to "
        "%.2f), scale %s; Anderson-Darling %.2f%s.",
        fit.shape(),
        shape.low,
        shape.high,
        short_time(fit.scale_s()).c_str(),
        fit.anderson_darling(),
        fit.poor() ? ", a poor fit: take the answer with care" : "");
    const Dispersion uneven = fit.dispersion();
    if (std::max(uneven.count, uneven.length) >= kUnevenWorthSaying) {
        text += text_line(
            "  Stalls come in company beyond single bursts: their number varies %.1f times and "
            "their "
            "lengths %.1f times as much as by chance, so the intervals are as wide as with so many "
            "times fewer.",
            uneven.count,
            uneven.length);
    }
    return text;
}

std::string parts_text(const FailoverParts& parts) {
    return text_line("A VM of a dead host runs again %s after the host's last sign of life:",
                     seconds(parts.total_s()).c_str()) +
           text_line("  %8s  its lease", seconds(parts.lease_s).c_str()) +
           text_line("  %8s  its watchdog, twice: one feed may be frozen at the last instant",
                     seconds(parts.watchdogs_s).c_str()) +
           text_line("  %8s  clocks that differ by 1 %%", seconds(parts.drift_s).c_str()) +
           text_line("  %8s  timers that are noticed late", seconds(parts.granularity_s).c_str()) +
           text_line("  %8s  its writes that are still on their way",
                     seconds(parts.landing_s).c_str()) +
           text_line("  %8s  rounding up to the configured `dead`",
                     seconds(parts.rounding_s).c_str()) +
           text_line("  %8s  the verdict read (99 %% of scans)", seconds(parts.verdict_s).c_str()) +
           text_line("  %8s  roster, orders, claim: seven steps of storage (99 %% of each)",
                     seconds(parts.orders_s).c_str()) +
           text_line("  %8s  libvirt creates and resumes the VM (not measured here)",
                     seconds(parts.start_s).c_str());
}

// Whether a timing meets the wish at both ends of the interval, at one, or at neither.
const char* verdict(const RateInterval& per_s, double wanted) {
    if (per_s.high <= wanted * 1.0001) return "yes";
    return per_s.low > wanted ? "no" : "perhaps";
}

std::string row_text(const JudgedTiming& judged, const TuneWishes& wishes, bool network) {
    const bool any = wishes.lease_from == LeaseFrom::Any && judged.any_per_s;
    std::string text = text_line(
        "%-10s %9s %9s %9s %9.1fx  %-8s %-30s %-18s%s%s",
        judged.name.c_str(),
        seconds(std::chrono::duration<double>(judged.timing.lease).count()).c_str(),
        seconds(std::chrono::duration<double>(judged.timing.dead).count()).c_str(),
        seconds(judged.failover.total_s()).c_str(),
        judged.headroom,
        verdict(any ? *judged.any_per_s : judged.storage_per_s, wishes.false_alarms_per_s),
        alarms(judged.storage_per_s).c_str(),
        judged.office_per_s ? figure(judged.office_per_s->expected * kSecondsPerYear).c_str() : "-",
        network ? "  " : "",
        network && judged.any_per_s ? alarms(*judged.any_per_s).c_str() : "");
    return text;
}

std::string outage_text(const Proposal& proposal, const TuneWishes& wishes) {
    if (!wishes.outage_s) return {};
    const std::string span = short_time(*wishes.outage_s);
    const auto lease = [](const JudgedTiming& judged) {
        return seconds(std::chrono::duration<double>(judged.timing.lease).count());
    };
    if (!proposal.covering_outage)
        return "An outage of " + span + " is shorter than the proposed lease: it fences nobody.\n";
    const JudgedTiming& other = *proposal.covering_outage;
    if (proposal.network_carries_outage) {
        return "An outage of " + span +
               " is carried by the answers on the network, which leave by another interface. If "
               "storage alone had to, the lease would be " +
               lease(other) + " and failover " + seconds(other.failover.total_s()) + ".\n";
    }
    if (other.name == "without") {
        return "The lease covers an outage of " + span +
               ". It need not where leader or all members answer meanwhile: then " + lease(other) +
               " would do, with failover after " + seconds(other.failover.total_s()) +
               ". For that, measure the network (`holdfast bench net`) and keep it on another "
               "interface than storage.\n";
    }
    return "A lease of " + lease(other) + " would cover an outage of " + span +
           ", with failover after " + seconds(other.failover.total_s()) + ".\n";
}

void write_interval(JsonWriter& json, const char* key, const RateInterval& per_s) {
    json.key(key).begin_object();
    // As text-free numbers that keep their size: tiny rates must not become zero.
    const auto put = [&json](const char* name, double value) {
        json.key(name).decimal(value * kCentury, 12);
    };
    put("low", per_s.low);
    put("expected", per_s.expected);
    put("high", per_s.high);
    json.end_object();
}

void write_judged(JsonWriter& json, const JudgedTiming& judged) {
    const Timing& t = judged.timing;
    const std::pair<const char*, Duration> spans[] = {{"interval_ms", t.interval},
                                                      {"fresh_ms", t.fresh},
                                                      {"silent_ms", t.silent},
                                                      {"isolation_after_ms", t.isolation_after},
                                                      {"lease_ms", t.lease},
                                                      {"watchdog_ms", t.watchdog},
                                                      {"granularity_ms", t.granularity},
                                                      {"landing_ms", t.landing},
                                                      {"dead_ms", t.dead}};
    json.begin_object().key("name").text(judged.name);
    json.key("timing").begin_object();
    for (const auto& [name, span] : spans) {
        json.key(name).number(
            std::int64_t{std::chrono::duration_cast<std::chrono::milliseconds>(span).count()});
    }
    json.end_object();
    const FailoverParts& parts = judged.failover;
    const std::pair<const char*, double> times[] = {{"lease_s", parts.lease_s},
                                                    {"watchdogs_s", parts.watchdogs_s},
                                                    {"drift_s", parts.drift_s},
                                                    {"granularity_s", parts.granularity_s},
                                                    {"landing_s", parts.landing_s},
                                                    {"rounding_s", parts.rounding_s},
                                                    {"verdict_s", parts.verdict_s},
                                                    {"orders_s", parts.orders_s},
                                                    {"start_s", parts.start_s},
                                                    {"total_s", parts.total_s()}};
    json.key("failover").begin_object();
    for (const auto& [name, value] : times) json.key(name).decimal(value, 3);
    json.end_object();
    json.key("headroom").decimal(judged.headroom, 2);
    write_interval(json, "false_alarms_per_century", judged.storage_per_s);
    json.key("false_alarms_per_century_with_network");
    if (judged.any_per_s) {
        json.begin_object().key("expected").decimal(judged.any_per_s->expected * kCentury, 12);
        json.key("high").decimal(judged.any_per_s->high * kCentury, 12).end_object();
    } else {
        json.null();
    }
    json.end_object();
}

void write_texts(JsonWriter& json, const char* key, const std::vector<std::string>& texts) {
    json.key(key).begin_array();
    for (const std::string& text : texts) json.text(text);
    json.end_array();
}

}  // namespace

std::string measuring_time(double seconds) {
    std::array<char, 32> text{};
    if (seconds <= 180) {
        std::snprintf(text.data(), text.size(), "%.0fs", std::ceil(seconds));
    } else if (seconds <= 180 * 60) {
        std::snprintf(text.data(), text.size(), "%.0fmin", std::ceil(seconds / 60));
    } else {
        std::snprintf(text.data(), text.size(), "%.0fh", std::ceil(seconds / 3600));
    }
    return text.data();
}

std::string proposal_text(const Proposal& proposal,
                          const TuneBasis& basis,
                          const TuneWishes& wishes) {
    std::string text;
    for (const std::string& note : basis.notes) text += note + "\n";
    text += "\n" + tail_text(proposal.fit, "Storage");
    if (proposal.network_fit) text += tail_text(*proposal.network_fit, "Network");
    text +=
        "\nThe shortest safe timing with at most " + figure(wishes.false_alarms_per_s * kCentury) +
        " false alarms per host and century:\n\n" + timing_toml(proposal.proposal.timing) +
        "\nAdd --apply, on the leader's host, to have it staged in the whole cluster, and write it "
        "into every host's configuration file.\n\n";
    text += parts_text(proposal.proposal.failover) + "\n";
    const bool network = proposal.network_fit.has_value();
    text += text_line("%-10s %9s %9s %9s %10s  %-8s %-30s %-18s%s",
                      "WHAT IF",
                      "LEASE",
                      "DEAD",
                      "FAILOVER",
                      "HEADROOM",
                      "ENOUGH",
                      "FALSE ALARMS A CENTURY (90 %)",
                      "OFFICE LOST A YEAR",
                      network ? "  WITH ANSWERS ON THE NETWORK" : "");
    for (const JudgedTiming& profile : proposal.profiles)
        text += row_text(profile, wishes, network);
    text += row_text(proposal.proposal, wishes, network);
    if (proposal.covering_outage) text += row_text(*proposal.covering_outage, wishes, network);
    text +=
        "Enough: whether the wished rate holds at the upper end of the interval; perhaps: only at "
        "the lower. Headroom: lease over the\n"
        "longest gap seen. False alarms: lost leases per host, if storage alone renewed them. "
        "Office lost: times that a healthy leader\n"
        "loses office, which moves the office and harms no VM.\n\n" +
        outage_text(proposal, wishes);
    for (const std::string& finding : basis.facts.around.findings) text += finding + "\n";
    return text + text_line(
                      "What happens more rarely than about once in %s cannot have shown in %s of "
                      "measuring: path failovers, snapshots, firmware. Use --tolerate-outage for "
                      "what you know of.",
                      short_time(proposal.fit.observed_s() / 3).c_str(),
                      short_time(proposal.fit.observed_s()).c_str());
}

std::string proposal_json(const Proposal& proposal,
                          const TuneBasis& basis,
                          const TuneWishes& wishes) {
    JsonWriter json;
    json.begin_object().key("ok").flag(true);
    json.key("false_alarms_per_century_wanted").decimal(wishes.false_alarms_per_s * kCentury, 6);
    json.key("toml").text(timing_toml(proposal.proposal.timing));
    json.key("fit").begin_object().key("method").text(
        "peaks over threshold, generalised Pareto, 90 % profile likelihood");
    json.key("observed_s").decimal(proposal.fit.observed_s(), 3);
    json.key("threshold_us").number(std::int64_t{std::llround(proposal.fit.threshold_s() * 1e6)});
    json.key("stalls").number(std::uint64_t{proposal.fit.bursts()});
    json.key("shape").decimal(proposal.fit.shape(), 3);
    json.key("shape_low").decimal(proposal.fit.shape_interval().low, 3);
    json.key("shape_high").decimal(proposal.fit.shape_interval().high, 3);
    json.key("scale_us").number(std::int64_t{std::llround(proposal.fit.scale_s() * 1e6)});
    json.key("poor").flag(proposal.fit.poor());
    json.key("dispersion_count").decimal(proposal.fit.dispersion().count, 2);
    json.key("dispersion_length").decimal(proposal.fit.dispersion().length, 2);
    json.key("longest_us")
        .number(std::int64_t{std::llround(proposal.fit.longest_s() * 1e6)})
        .end_object();
    json.key("proposal");
    write_judged(json, proposal.proposal);
    json.key("covering_outage");
    if (proposal.covering_outage) {
        write_judged(json, *proposal.covering_outage);
    } else {
        json.null();
    }
    json.key("what_if").begin_array();
    for (const JudgedTiming& profile : proposal.profiles) write_judged(json, profile);
    json.end_array();
    write_texts(json, "basis", basis.notes);
    write_texts(json, "findings", basis.facts.around.findings);
    return json.end_object().str();
}

std::string refusal_text(const Refusal& refusal, const std::optional<Carried>& carried) {
    std::string text = refusal.reason;
    if (refusal.measure_s > 0) {
        text += " Measure for about " + measuring_time(refusal.measure_s) +
                ": `holdfast bench datastore PATH --duration " + measuring_time(refusal.measure_s) +
                " --save FILE`.";
    }
    if (carried) {
        const JudgedTiming& judged = carried->proposal.proposal;
        text += " What was measured is enough for --false-alarms " + carried->false_alarms +
                ": a lease of " + short_time(in_seconds(judged.timing.lease)) +
                " with failover after " + seconds(judged.failover.total_s()) + ".";
    }
    return text + " [HF-5105]";
}

std::string refusal_json(const Refusal& refusal,
                         const std::optional<Carried>& carried,
                         const std::vector<std::string>& basis) {
    JsonWriter json;
    json.begin_object().key("ok").flag(false).key("reason").text(refusal.reason);
    json.key("measure_s").decimal(refusal.measure_s, 0);
    json.key("enough_for");
    if (carried) {
        json.begin_object().key("false_alarms").text(carried->false_alarms);
        json.key("toml").text(timing_toml(carried->proposal.proposal.timing));
        json.key("proposal");
        write_judged(json, carried->proposal.proposal);
        json.end_object();
    } else {
        json.null();
    }
    write_texts(json, "basis", basis);
    return json.end_object().str();
}

}  // namespace holdfast::measure
