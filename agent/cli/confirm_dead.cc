// `holdfast confirm-dead`: a person's word, typed, with what it risks said before.
#include <cstdio>
#include <iostream>
#include <string>

#include "agent/cli/agent_client.h"
#include "agent/cli/options.h"
#include "agent/cli/status_view.h"
#include "agent/json_writer.h"
#include "agent/text.h"

namespace holdfast::cli {

namespace {

// A little longer than the agent's own limit, so that its sentence arrives.
constexpr Duration kConfirmPatience = std::chrono::milliseconds{5500};

int finish(const ConfirmDeadOptions& options,
           const HostLook& host,
           int code,
           const std::string& text) {
    if (options.json) {
        JsonWriter json;
        json.begin_object();
        json.key("host").text(host.name);
        json.key("incarnation").text(incarnation_text(host.incarnation));
        json.key("accepted").flag(code == kYes);
        json.key("reason").text(text);
        json.end_object();
        std::printf("%s\n", json.str().c_str());
    } else if (code == kYes) {
        std::printf("%s (incarnation %s) is confirmed dead; its VMs start elsewhere.\n",
                    printable(host.name).c_str(),
                    incarnation_text(host.incarnation).c_str());
    }
    if (!text.empty()) std::fprintf(stderr, "holdfast: %s\n", text.c_str());
    return code;
}

// False: the person did not type the name.
bool is_typed(const ConfirmDeadOptions& options, const HostLook& host) {
    if (!options.typed.empty()) return options.typed == host.name;
    std::fprintf(
        stderr,
        "%s (incarnation %s) is %s, last heard of %s ago.\n"
        "If it is not without power now, and kept so until it boots anew, its VMs will run on two "
        "hosts at once and their disks will be destroyed.\n"
        "Go and look: the power must be off. Then type the host's name: ",
        printable(host.name).c_str(),
        incarnation_text(host.incarnation).c_str(),
        host.verdict.c_str(),
        host.heard.c_str());
    std::string line;
    return std::getline(std::cin, line) && line == host.name;
}

}  // namespace

int run_confirm_dead(const ConfirmDeadOptions& options) {
    const Result<Config> config = load_config(options.config);
    if (!config) {
        std::fprintf(stderr, "%s\n", config.error().text.c_str());
        return kUsage;
    }
    const std::string socket_path = config->run_path("control.sock");
    std::string status;
    const Result<ControlEnd> shown =
        ask_agent(socket_path, StatusRequest{}, kConfirmPatience, [&status](std::string_view part) {
            status += part;
        });
    if (!shown || status.empty()) {
        std::fprintf(stderr, "holdfast: %s\n", (shown ? shown->text : shown.error().text).c_str());
        return kUnreachable;
    }
    const HostLook host = find_host(status, options.host);
    if (host.id.is_none() || host.id == config->self) {
        std::fprintf(stderr,
                     "holdfast: %s is not another member of this cluster. [HF-5031]\n",
                     printable(options.host).c_str());
        return kUsage;
    }
    if (!is_typed(options, host))
        return finish(options, host, kNo, "that is not the host's name; nothing was done.");
    const Result<ControlEnd> end = ask_agent(socket_path,
                                             ConfirmRequest{host.id, host.incarnation},
                                             kConfirmPatience,
                                             [](std::string_view) {});
    if (!end) {
        std::fprintf(stderr, "holdfast: %s\n", end.error().text.c_str());
        return kUnreachable;
    }
    return finish(options, host, end->code, end->text);
}

}  // namespace holdfast::cli
