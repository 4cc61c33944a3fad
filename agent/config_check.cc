#include "agent/config_check.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "agent/text.h"
#include "engine/base/limits.h"

namespace holdfast {

namespace {

constexpr Duration kTenth = std::chrono::milliseconds{100};
constexpr Duration kMillisecond = std::chrono::milliseconds{1};

// Rounded away from danger, so that the value that a message names can be copied into the file.
Duration round_up(Duration span) {
    const Duration unit = span < seconds{1} ? kMillisecond : kTenth;
    return (span + unit - Duration{1}) / unit * unit;
}

Duration round_down(Duration span) {
    const Duration unit = span < seconds{1} ? kMillisecond : kTenth;
    return span / unit * unit;
}

// The longest lease that satisfies the inequality with everything else as it is; zero or less: none does.
Duration lease_max(const Timing& timing) {
    const std::int64_t held =
        (timing.dead - timing.landing).count() / (1000 + kDriftPerMille) * (1000 - kDriftPerMille);
    return round_down(Duration{held} - 2 * timing.watchdog - timing.granularity);
}

int first_line(std::initializer_list<int> lines) {
    for (const int line : lines) {
        if (line > 0) return line;
    }
    return 0;
}

void check_dead(const Timing& timing, const ConfigLines& lines, ConfigReport& report) {
    const Duration needed =
        dead_min(timing.lease, timing.watchdog, timing.granularity, timing.landing);
    if (timing.dead >= needed) return;
    const Duration lease = lease_max(timing);
    std::string text = "lease = " + duration_text(timing.lease) +
                       " is unsafe with watchdog = " + duration_text(timing.watchdog) +
                       " and dead = " + duration_text(timing.dead) + ": dead must be at least " +
                       duration_text(round_up(needed)) + ". Raise dead";
    const bool lease_helps = lease >= 4 * timing.interval;
    text += lease_helps ? ", or lower lease to " + duration_text(lease) + "." : ".";
    const int line = first_line({lines.lease, lines.dead, lines.watchdog, lines.timing});
    report.add(line, "HF-1004", text);
}

// "NAME = SPAN is too short: it must be at least FACTOR OTHER = SPAN."
void check_at_least(int line,
                    const char* name,
                    Duration span,
                    const std::string& bound_name,
                    Duration bound,
                    ConfigReport& report) {
    if (span >= bound) return;
    report.add(line,
               "HF-1004",
               std::string(name) + " = " + duration_text(span) +
                   " is too short: it must be at least " + bound_name + " = " +
                   duration_text(bound) + ". Raise " + name + ".");
}

std::string member_label(const MemberConfig& member) {
    return "member " + std::to_string(member.id.value()) + " (" + printable(member.name) + ")";
}

void check_member_addresses(const Config& config, const ConfigLines& lines, ConfigReport& report) {
    std::map<std::string, std::string> owners;
    for (std::size_t i = 0; i < config.members.size(); ++i) {
        const MemberConfig& member = config.members[i];
        const int line = lines.members[i];
        if (member.addresses.empty() || member.addresses.size() > kLinksMax) {
            report.add(line,
                       "HF-1009",
                       member_label(member) + " has " + std::to_string(member.addresses.size()) +
                           " addresses: give one per link, 1 to " + std::to_string(kLinksMax) +
                           ".");
        } else if (member.addresses.size() != config.members.front().addresses.size()) {
            report.add(line,
                       "HF-1009",
                       member_label(member) + " has " + std::to_string(member.addresses.size()) +
                           " addresses but " + member_label(config.members.front()) + " has " +
                           std::to_string(config.members.front().addresses.size()) +
                           ": every member has one address on every link, in the same order.");
        }
        for (const std::string& address : member.addresses) {
            const auto [owner, added] = owners.emplace(address, member_label(member));
            if (added) continue;
            report.add(line,
                       "HF-1005",
                       "address " + printable(address) + " of " + member_label(member) +
                           " is already an address of " + owner->second + ".");
        }
    }
}

void check_unique_paths(const char* table,
                        const std::vector<PathConfig>& entries,
                        const std::vector<int>& lines,
                        ConfigReport& report) {
    std::set<std::string> names;
    std::set<std::string> paths;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (!names.insert(entries[i].name).second) {
            report.add(lines[i],
                       "HF-1005",
                       std::string(table) + " name \"" + printable(entries[i].name) +
                           "\" is used twice. Give each its own.");
        }
        if (!paths.insert(entries[i].path).second) {
            report.add(lines[i],
                       "HF-1005",
                       std::string(table) + " path " + printable(entries[i].path) +
                           " is used twice. One medium can only count once.");
        }
    }
}

}  // namespace

void check_timing(const Timing& timing, const ConfigLines& lines, ConfigReport& report) {
    const int line = lines.timing;
    const Duration shortest = kMillisecond;
    check_at_least(line, "interval", timing.interval, "the smallest step", shortest, report);
    check_at_least(line, "watchdog", timing.watchdog, "the smallest step", shortest, report);
    check_at_least(line, "granularity", timing.granularity, "the smallest step", shortest, report);
    check_at_least(line, "landing", timing.landing, "the smallest step", shortest, report);
    check_at_least(first_line({lines.fresh, lines.interval, line}),
                   "fresh",
                   timing.fresh,
                   "2 intervals",
                   2 * timing.interval,
                   report);
    check_at_least(first_line({lines.silent, lines.fresh, line}),
                   "silent",
                   timing.silent,
                   "fresh",
                   timing.fresh,
                   report);
    check_at_least(first_line({lines.isolation_after, lines.silent, line}),
                   "isolation_after",
                   timing.isolation_after,
                   "silent",
                   timing.silent,
                   report);
    check_at_least(first_line({lines.lease, lines.interval, line}),
                   "lease",
                   timing.lease,
                   "4 intervals",
                   4 * timing.interval,
                   report);
    check_dead(timing, lines, report);
    // What the messages above cannot name is still refused: is_safe() is the one that decides.
    if (report.empty() && !is_safe(timing)) {
        report.add(line, "HF-1004", "this timing is unsafe; see docs/TIMING.md.");
    }
}

void check_members(const Config& config, const ConfigLines& lines, ConfigReport& report) {
    std::set<HostId> ids;
    std::set<std::string> names;
    for (std::size_t i = 0; i < config.members.size(); ++i) {
        const MemberConfig& member = config.members[i];
        if (!ids.insert(member.id).second) {
            report.add(lines.members[i],
                       "HF-1005",
                       "host id " + std::to_string(member.id.value()) +
                           " is used twice. Ids are given out once and never reused.");
        }
        if (!names.insert(member.name).second) {
            report.add(lines.members[i],
                       "HF-1005",
                       "member name \"" + printable(member.name) + "\" is used twice.");
        }
    }
    if (config.members.empty()) {
        report.add(0,
                   "HF-1006",
                   "there is no [[member]]: list every host of the cluster, this one included.");
    } else if (!config.self.is_none() && !ids.contains(config.self)) {
        report.add(
            lines.host_id,
            "HF-1006",
            "host id " + std::to_string(config.self.value()) +
                " is not in the member list. Add a [[member]] with this id, or correct the id.");
    }
    if (!config.members.empty()) check_member_addresses(config, lines, report);
}

void check_datastores(const Config& config, const ConfigLines& lines, ConfigReport& report) {
    const std::size_t count = config.datastores.size();
    if (count == 0) {
        report.add(0, "HF-1007", "there is no [[datastore]]: give 1, 3 or 5 heartbeat datastores.");
    } else if (count > kDatastoresMax) {
        report.add(lines.datastores[kDatastoresMax],
                   "HF-1007",
                   std::to_string(count) + " heartbeat datastores are too many: at most " +
                       std::to_string(kVotersMax) + " vote and one is a spare. Remove " +
                       std::to_string(count - kDatastoresMax) + ".");
    }
    if (config.vm_datastores.size() > kVmDatastoresMax) {
        report.add(lines.vm_datastores[kVmDatastoresMax],
                   "HF-1007",
                   std::to_string(config.vm_datastores.size()) +
                       " VM datastores are too many: at most " + std::to_string(kVmDatastoresMax) +
                       ".");
    }
    check_unique_paths("datastore", config.datastores, lines.datastores, report);
    check_unique_paths("vm_datastore", config.vm_datastores, lines.vm_datastores, report);
}

}  // namespace holdfast
