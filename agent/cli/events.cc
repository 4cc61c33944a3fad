#include <cstdio>
#include <string>

#include "agent/cli/agent_client.h"
#include "agent/cli/options.h"
#include "agent/cli/status_view.h"

namespace holdfast::cli {

int run_events(const EventsOptions& options) {
    const Result<Config> config = load_config(options.config);
    if (!config) {
        std::fprintf(stderr, "%s\n", config.error().text.c_str());
        return kUsage;
    }
    EventsRequest request;
    request.since = Instant{Duration{static_cast<std::int64_t>(options.since_s * 1e9)}};
    request.follow = options.follow;
    std::string rest;  // a line may be cut between two packets
    const auto take = [&](std::string_view part) {
        rest += part;
        for (std::size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
            const std::string line = rest.substr(0, end);
            rest.erase(0, end + 1);
            std::fputs(options.json ? (line + "\n").c_str() : event_view(line).c_str(), stdout);
        }
        std::fflush(stdout);
    };
    const Duration patience = options.follow ? Duration::max() : Duration{std::chrono::seconds{5}};
    const Result<ControlEnd> end =
        ask_agent(config->run_path("control.sock"), request, patience, take);
    if (!end) {
        std::fprintf(stderr, "holdfast: %s\n", end.error().text.c_str());
        return kUnreachable;
    }
    if (!end->text.empty()) std::fprintf(stderr, "holdfast: %s\n", end->text.c_str());
    return end->code;
}

}  // namespace holdfast::cli
