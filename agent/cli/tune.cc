// holdfast tune: the shortest safe timing for what was measured.
#include <cstdio>
#include <string>
#include <vector>

#include "agent/cli/agent_client.h"
#include "agent/cli/measure_options.h"
#include "agent/cli/measure_output.h"
#include "agent/cli/options.h"
#include "agent/cli/tune_agent.h"
#include "agent/measure/tune_report.h"
#include "agent/text.h"

namespace holdfast::cli {

namespace {

// Reads a wish that is a duration; false: a sentence was printed.
bool read_wish(const char* option, const std::string& text, std::optional<double>& wish) {
    if (text.empty()) return true;
    const auto span = parse_duration(text);
    if (!span || *span <= Duration::zero()) {
        std::fprintf(stderr,
                     "holdfast: %s takes a time such as 500ms or 30s, not '%s'.\n",
                     option,
                     text.c_str());
        return false;
    }
    wish = std::chrono::duration<double>(*span).count();
    return true;
}

bool read_wishes(const TuneOptions& options, measure::TuneWishes& wishes) {
    const auto rate = measure::parse_alarm_rate(options.false_alarms);
    if (!rate) {
        std::fprintf(stderr,
                     "holdfast: --false-alarms takes NUMBER/UNIT such as 1/century, with hour, "
                     "day, week, month, year, decade or "
                     "century, not '%s'.\n",
                     options.false_alarms.c_str());
        return false;
    }
    wishes.false_alarms_per_s = *rate;
    if (options.lease_from == "any") wishes.lease_from = measure::LeaseFrom::Any;
    return read_wish("--tolerate-outage", options.tolerate_outage, wishes.outage_s) &&
           read_wish("--watchdog", options.watchdog, wishes.watchdog_s) &&
           read_wish("--interval", options.interval, wishes.interval_s) &&
           read_wish("--landing", options.landing, wishes.landing_s) &&
           read_wish("--granularity", options.granularity, wishes.granularity_s) &&
           read_wish("--lease", options.lease, wishes.lease_s);
}

// Every measurement that was named; an exit code when one cannot be had.
int read_measurements(const TuneOptions& options, std::vector<measure::Measurement>& measurements) {
    for (const std::string& file : options.files) {
        auto measurement = measure::load_measurement(file);
        if (!measurement) {
            std::fprintf(stderr, "holdfast: %s\n", measurement.error().text.c_str());
            return kUsage;
        }
        measurements.push_back(std::move(*measurement));
    }
    if (!options.from_agent) return kYes;
    return ask_agent_for_measurements(options.config, measurements);
}

int refuse(const TuneOptions& options,
           const measure::TuneWishes& wishes,
           const measure::TuneBasis& basis,
           const measure::Refusal& refusal) {
    const auto carried = measure::strictest_carried(wishes, basis.facts);
    if (options.json) {
        std::printf("%s\n", measure::refusal_json(refusal, carried, basis.notes).c_str());
    } else {
        for (const std::string& note : basis.notes) std::printf("%s\n", note.c_str());
    }
    std::fflush(stdout);
    std::fprintf(stderr, "holdfast: %s\n", measure::refusal_text(refusal, carried).c_str());
    if (!options.svg.empty() && carried) {
        measure::TuneWishes weaker = wishes;
        weaker.false_alarms_per_s = carried->false_alarms_per_s;
        if (write_file(options.svg, measure::tune_chart(carried->proposal, weaker))) {
            std::fprintf(stderr,
                         "holdfast: %s shows what is enough for %s.\n",
                         options.svg.c_str(),
                         carried->false_alarms.c_str());
        }
    }
    return kNo;
}

}  // namespace

int run_tune(const TuneOptions& options) {
    if (!options.timing.empty()) return apply_given_timing(options.config, options.timing);
    measure::TuneWishes wishes;
    if (!read_wishes(options, wishes)) return kUsage;
    if (options.files.empty() && !options.from_agent) {
        std::fputs(
            "holdfast: tune needs measurements: files that `holdfast bench ... --save` wrote, or "
            "--from-agent.\n",
            stderr);
        return kUsage;
    }
    if (!options.svg.empty() && !can_write(options.svg)) return kUsage;
    std::vector<measure::Measurement> measurements;
    if (const int code = read_measurements(options, measurements); code != kYes) return code;
    auto basis = measure::tune_basis(measurements);
    if (!basis) {
        if (options.json) {
            std::printf("%s\n",
                        measure::refusal_json({basis.error().text, 0}, std::nullopt, {}).c_str());
        }
        std::fprintf(stderr, "holdfast: %s\n", basis.error().text.c_str());
        return kNo;
    }
    if (!options.peer.empty()) basis->peers.push_back(options.peer);
    basis->facts.around = measure::look_around("", basis->storage_names, basis->peers);
    const auto proposal = measure::Tuner(wishes, basis->facts).propose();
    if (!proposal) return refuse(options, wishes, *basis, proposal.error());
    const std::string text = options.json ? measure::proposal_json(*proposal, *basis, wishes) + "\n"
                                          : measure::proposal_text(*proposal, *basis, wishes);
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
    if (!options.svg.empty() && !write_file(options.svg, measure::tune_chart(*proposal, wishes)))
        return kNo;
    return options.apply ? apply_timing(options.config, proposal->proposal.timing) : kYes;
}

}  // namespace holdfast::cli
