#include "tests/sim/scenario/story.h"

#include <algorithm>

namespace holdfast::sim {

namespace {

// Hosts that boot together and at once, without drift and without luck: a story is about what it says.
ClusterConfig quiet_cluster() {
    ClusterConfig cluster;
    cluster.first_boot = {Duration::zero(), Duration::zero()};
    cluster.agent_starts = {milliseconds{500}, milliseconds{500}};
    cluster.boot = {seconds{5}, seconds{5}};
    cluster.late_permille = 1000;
    cluster.joiners_boot = false;       // power-on does that
    cluster.boots_after_reset = false;  // as in the lab: it stays off until power-on
    return cluster;
}

std::string read_switch(const Statement& statement, const std::string& key, bool& target) {
    if (!statement.has(key)) return {};
    const std::string& value = statement.keys.at(key);
    if (value != "on" && value != "off") return statement.wrong(key + " is on or off");
    target = value == "on";
    return {};
}

std::string read_cluster(const Statement& statement, ClusterConfig& cluster) {
    const auto value = [&statement](const std::string& key, const std::string& otherwise) {
        return statement.has(key) ? statement.keys.at(key) : otherwise;
    };
    const std::string profile = value("profile", "fast");
    if (profile == "fast") {
        cluster.timing = kTimingFast;
    } else if (profile == "standard") {
        cluster.timing = kTimingStandard;
    } else if (profile == "patient") {
        cluster.timing = kTimingPatient;
    } else {
        return statement.wrong("profile is fast, standard or patient");
    }
    cluster.profile = profile;
    const std::string watchdog = value("watchdog", "hardware");
    if (watchdog != "hardware" && watchdog != "soft" && watchdog != "none") {
        return statement.wrong("watchdog is hardware, soft or none");
    }
    cluster.watchdog_class = watchdog == "hardware" ? WatchdogClass::Hardware
                             : watchdog == "soft"   ? WatchdogClass::Soft
                                                    : WatchdogClass::None;
    if (statement.has("block")) return statement.wrong("not in the simulator (it knows no LUNs)");
    const auto hosts = number_in(statement, "hosts", 64);
    if (!hosts) return hosts.error();
    const auto datastores = number_in(statement, "datastores", kDatastoresMax);
    if (!datastores) return datastores.error();
    cluster.hosts.resize(*hosts);
    if (statement.has("joiners")) {
        const auto joiners = number_in(statement, "joiners", kJoinersMax);
        if (!joiners) return joiners.error();
        HostConfig joiner;
        joiner.joins_later = true;
        cluster.hosts.resize(cluster.hosts.size() + *joiners, joiner);
    }
    cluster.datastores_count = static_cast<std::uint8_t>(*datastores);
    cluster.voters_count =
        static_cast<std::uint8_t>(*datastores % 2 == 1 ? *datastores : *datastores - 1);
    bool locks = true;  // nothing here relies on QEMU's locks, so either is the same
    for (const std::string& wrong : {read_switch(statement, "locks", locks),
                                     read_switch(statement, "late-writes", cluster.late_writes),
                                     read_switch(statement, "late-feeds", cluster.late_feeds)}) {
        if (!wrong.empty()) return wrong;
    }
    if (statement.has("seed")) {
        const auto seed = number_in(statement, "seed", 60'000);
        if (!seed) return seed.error();
        cluster.seed = *seed;
    }
    return {};
}

// The words of a setting, between commas.
std::vector<std::string> list_in(const Statement& statement, const std::string& key) {
    std::vector<std::string> words;
    if (!statement.has(key)) return words;
    const std::string& text = statement.keys.at(key);
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t comma = std::min(text.find(',', begin), text.size());
        words.push_back(text.substr(begin, comma - begin));
        begin = comma + 1;
    }
    return words;
}

std::string read_host(const Statement& statement, ClusterConfig& cluster) {
    Statement numbered = statement;
    numbered.keys["host"] = statement.names[0];
    const auto number = number_in(numbered, "host", cluster.hosts.size());
    if (!number) return number.error();
    HostConfig& host = cluster.hosts[*number - 1U];
    if (statement.has("networks")) cluster.networks_known = true;
    host.networks = list_in(statement, "networks");
    if (!statement.has("memory")) return {};
    const auto memory = mebibytes_in(statement, statement.keys.at("memory"));
    if (!memory) return memory.error();
    host.memory_mib = *memory;
    return {};
}

std::string read_relations(const Statement& statement, VmConfig& vm) {
    const auto value = [&statement](const char* key) {
        return statement.has(key) ? statement.keys.at(key) : std::string();
    };
    vm.apart = value("apart");
    vm.together = value("together");
    vm.after = list_in(statement, "after");
    vm.networks = list_in(statement, "networks");
    if (vm.after.size() > kAfterMax) return statement.wrong("after= names at most 4 VMs");
    if (vm.networks.size() > kVmNetworksMax)
        return statement.wrong("networks= names at most 4 networks");
    if (statement.has("agent")) {
        const auto takes = duration_in(statement, value("agent"));
        if (!takes) return takes.error();
        vm.agent_after = *takes;
    }
    if (!statement.has("isolation")) return {};
    static const std::vector<std::string> kNames = {"leave", "shutdown", "poweroff"};
    const auto found = std::find(kNames.begin(), kNames.end(), value("isolation"));
    if (found == kNames.end()) return statement.wrong("isolation is leave, shutdown or poweroff");
    vm.isolation = static_cast<IsolationResponse>(found - kNames.begin() + 1);
    return {};
}

std::string read_vm(const Statement& statement, Story& story) {
    if (statement.has("disk"))
        return statement.wrong("not in the simulator (it has no VM datastores)");
    VmConfig vm;
    vm.name = statement.names[0];
    const auto home = number_in(statement, "on", story.cluster.hosts.size());
    if (!home) return home.error();
    vm.home = HostId{*home};
    if (statement.has("memory")) {
        const auto memory = mebibytes_in(statement, statement.keys.at("memory"));
        if (!memory) return memory.error();
        vm.memory_mib = *memory;
    }
    if (statement.has("priority")) {
        static const std::vector<std::string> kNames = {
            "disabled", "lowest", "low", "medium", "high", "highest"};
        const auto found = std::find(kNames.begin(), kNames.end(), statement.keys.at("priority"));
        if (found == kNames.end()) {
            return statement.wrong("priority is highest, high, medium, low, lowest or disabled");
        }
        vm.priority = static_cast<Priority>(found - kNames.begin() + 1);
    }
    const std::string wrong = read_relations(statement, vm);
    if (!wrong.empty()) return wrong;
    const auto index = static_cast<VmIndex>(story.cluster.vms.size());
    if (!story.vms.emplace(vm.name, index).second)
        return statement.wrong("a second VM of this name");
    story.cluster.vms.push_back(vm);
    return {};
}

// Whose device a story speaks of has one from the beginning.
std::string read_fence(const Statement& statement, ClusterConfig& cluster) {
    const auto number = number_in(statement, "host", cluster.hosts.size());
    if (!number) return number.error();
    cluster.hosts[*number - 1U].fence_device = true;
    return {};
}

}  // namespace

Read<VmIndex> Story::vm_of(const Statement& statement) const {
    const auto found = vms.find(statement.names[0]);
    if (found == vms.end())
        return Unexpected{statement.wrong("no VM '" + statement.names[0] + "'")};
    return found->second;
}

Read<Story> read_story(const std::string& path) {
    const auto statements = read_statements(path);
    if (!statements) return Unexpected{statements.error()};
    Story story;
    story.cluster = quiet_cluster();
    // Two networks, as in the lab, where the story tells them apart.
    for (const Statement& statement : *statements) {
        if (statement.has("link")) story.cluster.links_count = 2;
    }
    for (const Statement& statement : *statements) {
        std::string wrong;
        if (statement.word == "cluster") {
            wrong = read_cluster(statement, story.cluster);
        } else if (statement.word == "host") {
            wrong = read_host(statement, story.cluster);
        } else if (statement.word == "vm") {
            wrong = read_vm(statement, story);
        } else {
            story.acts.push_back(statement);
            if (statement.word == "fence") wrong = read_fence(statement, story.cluster);
        }
        if (!wrong.empty()) return Unexpected{wrong};
    }
    return story;
}

}  // namespace holdfast::sim
