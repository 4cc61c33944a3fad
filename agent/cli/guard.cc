#include <cstdio>
#include <string>

#include "agent/cli/agent_client.h"
#include "agent/cli/options.h"
#include "agent/text.h"

namespace holdfast::cli {

int run_guard(const GuardOptions& options) {
    const Result<Config> config = load_config(options.config);
    if (!config) {
        std::fprintf(stderr, "%s\n", config.error().text.c_str());
        return kUsage;
    }
    const auto uuid = parse_uuid(options.uuid);
    if (!uuid) {
        std::fprintf(
            stderr, "holdfast: %s is not a uuid. [HF-5031]\n", printable(options.uuid).c_str());
        return kUsage;
    }
    // A little longer than the agent's own limit, so that its sentence arrives.
    constexpr Duration kPatience = std::chrono::milliseconds{5500};
    const Result<ControlEnd> end =
        ask_agent(config->run_path("control.sock"),
                  GuardRequest{*uuid, options.name, options.incoming, options.arrival},
                  kPatience,
                  [](std::string_view) {});
    if (!end) {
        std::fprintf(stderr, "holdfast: %s\n", end.error().text.c_str());
        return kUnreachable;
    }
    if (end->code == 0 && options.incoming) {
        std::printf("%s\n", end->text.c_str());
        return end->code;
    }
    if (!end->text.empty()) std::fprintf(stderr, "holdfast: %s\n", end->text.c_str());
    return end->code;
}

}  // namespace holdfast::cli
