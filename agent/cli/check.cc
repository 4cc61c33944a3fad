#include <cstdio>
#include <string>

#include "agent/cli/options.h"
#include "agent/json_writer.h"
#include "agent/text.h"

namespace holdfast::cli {

namespace {

void print_json(const Result<Config>& config) {
    JsonWriter json;
    json.begin_object().key("ok").flag(config.has_value()).key("findings").begin_array();
    if (!config) {
        std::string rest = config.error().text;
        while (!rest.empty()) {
            const std::size_t end = rest.find('\n');
            json.text(rest.substr(0, end));
            rest.erase(0, end == std::string::npos ? end : end + 1);
        }
    }
    json.end_array().end_object();
    std::printf("%s\n", json.str().c_str());
}

}  // namespace

int run_check(const CheckOptions& options) {
    const Result<Config> config = load_config(options.config);
    if (options.json) {
        print_json(config);
    } else if (!config) {
        std::fprintf(stderr, "%s\n", config.error().text.c_str());
    } else {
        const Timing& timing = config->timing;
        std::printf(
            "%s: host %u of %zu, %zu heartbeat datastores (%u vote), profile %s: lease %s, "
            "watchdog %s, dead %s (at least %s needed).\n",
            options.config.c_str(),
            static_cast<unsigned>(config->self.value()),
            config->members.size(),
            config->datastores.size(),
            static_cast<unsigned>(config->voters_count),
            config->profile.c_str(),
            duration_text(timing.lease).c_str(),
            duration_text(timing.watchdog).c_str(),
            duration_text(timing.dead).c_str(),
            duration_text(
                dead_min(timing.lease, timing.watchdog, timing.granularity, timing.landing))
                .c_str());
    }
    return config ? kYes : kUsage;
}

}  // namespace holdfast::cli
