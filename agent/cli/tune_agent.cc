#include "agent/cli/tune_agent.h"

#include <cstdio>

#include "agent/cli/agent_client.h"
#include "agent/cli/options.h"
#include "agent/cli/status_view.h"
#include "agent/timing_text.h"

namespace holdfast::cli {

namespace {

constexpr Duration kPatience = std::chrono::seconds{5};
// The leader answers when every counted host uses it, which takes as long as what is lengthened.
constexpr Duration kApplyPatience = std::chrono::minutes{5};

}  // namespace

int ask_agent_for_measurements(const std::string& config_file,
                               std::vector<measure::Measurement>& measurements) {
    const Result<Config> config = load_config(config_file);
    if (!config) {
        std::fprintf(stderr, "%s\n", config.error().text.c_str());
        return kUsage;
    }
    std::string json;
    const auto end = ask_agent(config->run_path("control.sock"),
                               LatencyRequest{},
                               kPatience,
                               [&json](std::string_view part) { json += part; });
    if (!end) {
        std::fprintf(stderr, "holdfast: %s\n", end.error().text.c_str());
        return kUnreachable;
    }
    if (end->code != kYes) {
        std::fprintf(stderr, "holdfast: the agent: %s\n", end->text.c_str());
        return end->code;
    }
    auto measurement = measure::parse_measurement(json, "what the agent answered");
    if (!measurement) {
        std::fprintf(stderr, "holdfast: %s\n", measurement.error().text.c_str());
        return kNo;
    }
    measurements.push_back(std::move(*measurement));
    return kYes;
}

int apply_given_timing(const std::string& config_file, const std::string& text) {
    const Result<Config> config = load_config(config_file);
    if (!config) {
        std::fprintf(stderr, "%s\n", config.error().text.c_str());
        return kUsage;
    }
    std::string status;
    const auto shown = ask_agent(config->run_path("control.sock"),
                                 StatusRequest{},
                                 kPatience,
                                 [&status](std::string_view part) { status += part; });
    const auto used = shown ? find_timing(status) : std::nullopt;
    if (!used) {
        std::fprintf(stderr, "holdfast: %s\n", (shown ? shown->text : shown.error().text).c_str());
        return kUnreachable;
    }
    const auto timing = parse_timing(text, *used);
    if (!timing) {
        std::fprintf(stderr, "holdfast: %s\n", timing.error().text.c_str());
        return kUsage;
    }
    return apply_timing(config_file, *timing);
}

int apply_timing(const std::string& config_file, const Timing& timing) {
    const Result<Config> config = load_config(config_file);
    if (!config) {
        std::fprintf(stderr, "%s\n", config.error().text.c_str());
        return kUsage;
    }
    const auto end = ask_agent(config->run_path("control.sock"),
                               ChangeRequest{ConfigChange{TimingChange{timing}}},
                               kApplyPatience,
                               [](std::string_view) {});
    if (!end) {
        std::fprintf(stderr, "holdfast: %s\n", end.error().text.c_str());
        return kUnreachable;
    }
    if (end->code != kYes) {
        std::fprintf(stderr, "holdfast: the timing was not changed: %s\n", end->text.c_str());
        return end->code;
    }
    std::fprintf(stderr, "%s\n", end->text.c_str());
    return kYes;
}

}  // namespace holdfast::cli
