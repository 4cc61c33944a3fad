#include <cstdio>
#include <ctime>
#include <string>

#include <unistd.h>

#include "agent/cli/agent_client.h"
#include "agent/cli/options.h"
#include "agent/cli/status_view.h"

namespace holdfast::cli {

namespace {

constexpr Duration kStatusPatience = std::chrono::seconds{5};

int show_once(const StatusOptions& options, const std::string& socket_path) {
    std::string json;
    const Result<ControlEnd> end =
        ask_agent(socket_path, StatusRequest{}, kStatusPatience, [&json](std::string_view part) {
            json += part;
        });
    if (!end) {
        std::fprintf(stderr, "holdfast: %s\n", end.error().text.c_str());
        return kUnreachable;
    }
    if (!end->text.empty()) std::fprintf(stderr, "holdfast: %s\n", end->text.c_str());
    if (options.json) {
        std::fputs(json.c_str(), stdout);
    } else if (!json.empty()) {
        std::fputs(status_view(json).c_str(), stdout);
    }
    std::fflush(stdout);
    return end->code;
}

}  // namespace

int run_status(const StatusOptions& options) {
    const Result<Config> config = load_config(options.config);
    if (!config) {
        std::fprintf(stderr, "%s\n", config.error().text.c_str());
        return kUsage;
    }
    const std::string socket_path = config->run_path("control.sock");
    int code = show_once(options, socket_path);
    while (options.watch) {
        const timespec second{1, 0};
        nanosleep(&second, nullptr);
        if (!options.json && isatty(STDOUT_FILENO) != 0) std::fputs("\033[H\033[2J", stdout);
        code = show_once(options, socket_path);
    }
    return code;
}

}  // namespace holdfast::cli
