#include <cstdio>

#include "agent/cli/agent_client.h"
#include "agent/cli/options.h"

namespace holdfast::cli {

int run_goodbye(const GoodbyeOptions& options) {
    const Result<Config> config = load_config(options.config);
    if (!config) {
        std::fprintf(stderr, "%s\n", config.error().text.c_str());
        return kUsage;
    }
    constexpr Duration kPatience = std::chrono::seconds{5};
    const Result<ControlEnd> end = ask_agent(
        config->run_path("control.sock"), GoodbyeRequest{}, kPatience, [](std::string_view) {});
    if (!end) {
        std::fprintf(stderr, "holdfast: %s\n", end.error().text.c_str());
        return kUnreachable;
    }
    std::printf("%s\n", end->text.c_str());
    return end->code;
}

}  // namespace holdfast::cli
