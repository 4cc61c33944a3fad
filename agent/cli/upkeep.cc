// `holdfast maintenance`, `holdfast datastore` and `holdfast member`: changes of a running cluster's configuration, made by its leader.
#include <cstdio>
#include <iostream>
#include <string>

#include "agent/cli/agent_client.h"
#include "agent/cli/options.h"
#include "agent/json_writer.h"
#include "agent/text.h"
#include "net/address.h"

namespace holdfast::cli {

namespace {

// A little longer than the agent's own limit, so that its sentence arrives.
constexpr Duration kChangePatience = std::chrono::seconds{125};

int say_end(bool as_json, int code, const std::string& text) {
    if (as_json) {
        JsonWriter json;
        json.begin_object();
        json.key("changed").flag(code == kYes);
        json.key("reason").text(text);
        json.end_object();
        std::printf("%s\n", json.str().c_str());
    } else {
        std::fprintf(code == kYes ? stdout : stderr,
                     "%s%s\n",
                     code == kYes ? "" : "holdfast: nothing is changed: ",
                     text.c_str());
    }
    return code;
}

int ask_leader(const Config& config, const ConfigChange& change, std::string& text) {
    const Result<ControlEnd> end = ask_agent(config.run_path("control.sock"),
                                             ChangeRequest{change},
                                             kChangePatience,
                                             [](std::string_view) {});
    text = end ? end->text : end.error().text;
    return end ? end->code : kUnreachable;
}

// None: no such host.
HostId find_member(const Config& config, const std::string& name) {
    for (const MemberConfig& member : config.members) {
        if (member.name == name || std::to_string(member.id.value()) == name) return member.id;
    }
    return HostId{};
}

// A person's word, typed, with what it risks said before.
bool is_typed(const DatastoreOptions& options) {
    if (!options.typed.empty()) return options.typed == options.name;
    std::fprintf(
        stderr,
        "Without a majority of the voting datastores nobody can lead. This host will give up "
        "%s and every other one that does not answer it, and lead by the rest.\n"
        "If any host can still write to one of them, now or later, or if a host that this "
        "one does not hear is on, VMs will run on two hosts at once and their disks will be "
        "destroyed.\n"
        "VMs that were started, moved or stopped in the last seconds may be forgotten.\n"
        "Go and look: what you give up must be destroyed, or disconnected from every host. "
        "Then type the datastore's name: ",
        printable(options.name).c_str());
    std::string line;
    return std::getline(std::cin, line) && line == options.name;
}

}  // namespace

int run_maintenance(const MaintenanceOptions& options) {
    const Result<Config> config = load_config(options.config);
    if (!config) {
        std::fprintf(stderr, "%s\n", config.error().text.c_str());
        return kUsage;
    }
    const HostId host = find_member(*config, options.host);
    if (host.is_none()) {
        std::fprintf(stderr,
                     "holdfast: %s is not a member of this cluster.\n",
                     printable(options.host).c_str());
        return kUsage;
    }
    std::string text;
    const int code = ask_leader(*config, MaintenanceChange{host, options.state == "on"}, text);
    return say_end(options.json, code, text);
}

int run_datastore(const DatastoreOptions& options) {
    const Result<Config> config = load_config(options.config);
    if (!config) {
        std::fprintf(stderr, "%s\n", config.error().text.c_str());
        return kUsage;
    }
    for (const std::string& name : {options.name, options.by}) {
        if (name.size() <= kDatastoreNameMax) continue;
        std::fprintf(stderr, "holdfast: a datastore's name has at most 48 bytes.\n");
        return kUsage;
    }
    std::string text;
    if (options.without_majority) {
        if (!is_typed(options))
            return say_end(options.json, kNo, "that is not the datastore's name.");
        const int code =
            ask_leader(*config, DatastoreChange{DatastoreName{options.name}, true, true}, text);
        return say_end(options.json, code, text);
    }
    if (options.act != "replace") {
        const int code = ask_leader(
            *config, DatastoreChange{DatastoreName{options.name}, options.act == "retire"}, text);
        return say_end(options.json, code, text);
    }
    // Two steps: at every moment a majority is one of a list that everybody knows.
    const int added = ask_leader(*config, DatastoreChange{DatastoreName{options.by}, false}, text);
    if (added != kYes) return say_end(options.json, added, text);
    const int retired =
        ask_leader(*config, DatastoreChange{DatastoreName{options.name}, true}, text);
    if (retired != kYes)
        text = options.by + " votes now, and " + options.name + " still does: " + text;
    return say_end(options.json, retired, text);
}

int run_member(const MemberOptions& options) {
    const Result<Config> config = load_config(options.config);
    if (!config) {
        std::fprintf(stderr, "%s\n", config.error().text.c_str());
        return kUsage;
    }
    MemberChange change{HostId{options.id}, options.act == "remove", {}};
    const auto wrong = [](const std::string& text) {
        std::fprintf(stderr, "holdfast: %s\n", text.c_str());
        return kUsage;
    };
    if (!change.remove) {
        const std::size_t links = config->members.front().addresses.size();
        if (options.name.empty() || options.name.size() > 64 ||
            options.name.find_first_of(" \t\n") != std::string::npos)
            return wrong("a host's name has 1 to 64 bytes, and no blanks.");
        if (options.addresses.size() != links)
            return wrong("every host has " + std::to_string(links) +
                         " addresses, one for each link.");
        change.place.name = FixedText<64>{options.name};
        for (std::size_t link = 0; link < links; ++link) {
            const Result<Address> address = parse_address(options.addresses[link]);
            if (!address) return wrong(address.error().text);
            change.place.addresses[link] = {static_cast<std::uint8_t>(address->family),
                                            address->bytes};
        }
    }
    std::string text;
    const int code = ask_leader(*config, change, text);
    return say_end(options.json, code, text);
}

}  // namespace holdfast::cli
