#include "tests/sim/scenario/player.h"

#include <array>

#include "tests/sim/check/violation.h"
#include "tests/sim/run/wholeness.h"

namespace holdfast::sim {

namespace {

constexpr Duration kFormsWithin = seconds{60};
// A supervisor starts an agent again.
constexpr Duration kAgentBack = milliseconds{300};

}  // namespace

Player::Player(const Story& story)
    : story_(story),
      world_(story.cluster, this),
      excused_(story.cluster.vms.size(), false),
      snapshot_(std::make_unique<Snapshot>()) {}

// ---- the trace

void Player::world(WorldTime at, HostId host, const std::string& text) {
    if (formed_at_ == kWorldNever) return;
    const double seconds_since = in_seconds(at - formed_at_);
    const std::string who = host.is_none() ? "" : text_of("host %u: ", host.value());
    lines_.push_back(text_of("%8.3f world  %s%s", seconds_since, who.c_str(), text.c_str()));
}

void Player::engine(WorldTime at, HostId host, const Trace& trace) {
    if (formed_at_ == kWorldNever || trace_level(trace) > TraceLevel::Notice) return;
    std::array<char, kTraceTextMax> text{};
    trace_text(trace, text.data(), text.size());
    lines_.push_back(
        text_of("%8.3f h%-5u %s", in_seconds(at - formed_at_), host.value(), text.data()));
}

// ---- playing

std::string Player::play() {
    std::string wrong = form();
    for (const Statement& statement : story_.acts) {
        if (!wrong.empty()) return wrong;
        const bool expectation = statement.word.starts_with("expect ");
        wrong = expectation ? expect(statement) : act(statement);
        if (wrong.empty()) wrong = broken(statement);
    }
    if (wrong.empty() && !story_.acts.empty()) {
        // A second copy would show itself soon.
        wrong = run(seconds{2});
        if (wrong.empty()) wrong = broken(story_.acts.back());
    }
    return wrong;
}

// Time begins when every host is a member, one leads, and every VM runs.
std::string Player::form() {
    world_.start();
    WorldTime whole_since = kWorldNever;
    while (!world_.violation() && world_.now() < kWorldStart + kFormsWithin) {
        world_.run_until(world_.now() + milliseconds{100});
        bool whole = !missing_for_wholeness(world_);
        for (std::uint16_t h = 1; h <= world_.hosts_count(); ++h) {
            const bool later = story_.cluster.hosts[h - 1U].joins_later;
            whole = whole && (later || world_.host(HostId{h}).powered);
        }
        for (VmIndex vm = 0; vm < world_.vms().size(); ++vm)
            whole = whole && !world_.where(vm).is_none();
        if (!whole) whole_since = kWorldNever;
        if (whole && whole_since == kWorldNever) whole_since = world_.now();
        if (whole && world_.now() - whole_since >= story_.cluster.timing.silent) {
            formed_at_ = world_.now();
            for (const Vm& vm : world_.vms()) interruptions_.push_back(vm.interruptions_count);
            return {};
        }
    }
    return "the cluster does not form: " +
           (world_.violation() ? world_.violation()->text
                               : missing_for_wholeness(world_).value_or("not every VM runs"));
}

std::string Player::run(Duration span) {
    world_.run_until(world_.now() + span);
    return {};
}

std::string Player::broken(const Statement& statement) const {
    if (!world_.violation()) return {};
    const Violation& violation = *world_.violation();
    return statement.file + ":" + std::to_string(statement.line) +
           text_of(": %s is broken at %.3f s: %s",
                   violation.promise.c_str(),
                   in_seconds(violation.at - formed_at_),
                   violation.text.c_str());
}

void Player::excuse(HostId host) {
    for (VmIndex vm = 0; vm < world_.vms().size(); ++vm) {
        if (world_.where(vm) == host) excused_[vm] = true;
    }
}

// ---- acts

std::string Player::act(const Statement& statement) {
    if (statement.word == "run") {
        const auto span = duration_in(statement, statement.names[0]);
        return span ? run(*span) : span.error();
    }
    if (statement.word == "net cut") return cut(statement);
    if (statement.word == "net heal") {
        for (std::uint16_t from = 1; from <= world_.hosts_count(); ++from) {
            for (std::uint16_t to = 1; to <= world_.hosts_count(); ++to) {
                if (from != to) set_links("all", HostId{from}, HostId{to}, LinkFault{});
            }
            world_.set_isolation_address(HostId{from}, true);
        }
        return {};
    }
    if (statement.word == "isolation-address") {
        const std::string& state = statement.names[0];
        if (state != "up" && state != "down")
            return statement.wrong("the isolation address is up or down");
        world_.set_isolation_address(HostId{}, state == "up");
        return {};
    }
    if (statement.word == "ds") return strike(statement);
    if (statement.word == "libvirt") return libvirt(statement);
    if (statement.word == "fence") return fence(statement);
    if (statement.word == "timing" || statement.word == "datastore" ||
        statement.word == "maintenance" || statement.word == "member")
        return change(statement);
    if (statement.word.starts_with("vm-")) return act_on_vm(statement);
    return act_on_host(statement);
}

std::string Player::act_on_host(const Statement& statement) {
    const auto number = number_in(statement, "host", world_.hosts_count());
    if (!number) return number.error();
    const HostId host{*number};
    const std::string& word = statement.word;
    if (word == "power-off" || word == "shut-down" || word == "freeze" || word == "agent-stop")
        excuse(host);
    if (word == "shut-down") world_.shut_down(host);
    if (word == "power-off") world_.power_off(host);
    if (word == "confirm-dead" && !world_.confirm_dead(host))
        return statement.wrong("nobody leads who knows this host");
    if (word == "power-on") world_.power_on(host);
    if (word == "freeze") world_.freeze(host);
    if (word == "thaw") world_.thaw(host);
    if (word == "agent-kill") world_.kill_agent(host, kAgentBack);
    if (word == "agent-stop") world_.stop_agent(host);
    if (word == "agent-continue") world_.continue_agent(host);
    if (word == "agent-upgrade") world_.upgrade_agent(host);
    if (word == "drift") {
        const std::string ppm = statement.has("ppm") ? statement.keys.at("ppm") : "";
        const long drift = std::strtol(ppm.c_str(), nullptr, 10);
        if (ppm.empty() || drift < -kDriftPpmMax || drift > kDriftPpmMax) {
            return statement.wrong("needs ppm= from -10000 to 10000");
        }
        world_.set_drift(host, drift);
    }
    return {};
}

std::string Player::act_on_vm(const Statement& statement) {
    const auto vm = story_.vm_of(statement);
    if (!vm) return vm.error();
    if (statement.has("by") && statement.keys.at("by") != "user") {
        return statement.wrong("by=user is all there is");
    }
    HostId host = world_.where(*vm);
    if (statement.word == "vm-start") {
        const auto on = number_in(statement, "on", world_.hosts_count());
        if (!on) return on.error();
        host = HostId{*on};
        if (!world_.start_by_person(*vm, host))
            return statement.wrong("cannot be asked of this host now");
    } else if (host.is_none()) {
        return statement.wrong("the VM runs nowhere");
    } else if (statement.word == "vm-migrate") {
        const auto to = number_in(statement, "to", world_.hosts_count());
        if (!to) return to.error();
        if (!world_.migrate(*vm, HostId{*to}))
            return statement.wrong("cannot be asked of these hosts now");
        return {};  // the copying goes on while the story does
    } else if (statement.word == "vm-stop") {
        excused_[*vm] = true;
        if (!world_.stop_by_person(*vm)) return statement.wrong("cannot be asked of this host now");
    } else {
        excused_[*vm] = true;
        world_.crash_vm(*vm);
    }
    // virsh returns when libvirt is done.
    for (int i = 0; i < 250 && world_.host(host).hypervisor->busy(*vm) && !world_.violation();
         ++i) {
        world_.run_until(world_.now() + milliseconds{50});
    }
    return {};
}

void Player::set_links(const std::string& link, HostId from, HostId to, const LinkFault& fault) {
    for (std::uint8_t i = 0; i < story_.cluster.links_count; ++i) {
        const bool meant = link == "all" || (link == "a") == (i == 0);
        if (meant) world_.set_link(from, to, i, fault);
    }
}

std::string Player::cut(const Statement& statement) {
    LinkFault fault;
    fault.cut = true;
    const std::string link = statement.has("link") ? statement.keys.at("link") : "all";
    if (link != "a" && link != "b" && link != "all") return statement.wrong("link is a, b or all");
    const std::uint64_t hosts_max = world_.hosts_count();
    if (statement.has("from") || statement.has("to")) {
        const auto from = number_in(statement, "from", hosts_max);
        if (!from) return from.error();
        const auto to = number_in(statement, "to", hosts_max);
        if (!to) return to.error();
        set_links(link, HostId{*from}, HostId{*to}, fault);
        set_links(link, HostId{*to}, HostId{*from}, fault);
        return {};
    }
    const auto number = number_in(statement, "host", hosts_max);
    if (!number) return number.error();
    const std::string direction = statement.has("dir") ? statement.keys.at("dir") : "both";
    if (direction != "in" && direction != "out" && direction != "both") {
        return statement.wrong("dir is in, out or both");
    }
    for (std::uint16_t other = 1; other <= hosts_max; ++other) {
        if (other == *number) continue;
        if (direction != "in") set_links(link, HostId{*number}, HostId{other}, fault);
        if (direction != "out") set_links(link, HostId{other}, HostId{*number}, fault);
    }
    // The isolation address lies on link a.
    if (link != "b") world_.set_isolation_address(HostId{*number}, false);
    return {};
}

std::string Player::strike(const Statement& statement) {
    PathFault fault;
    fault.write_only = statement.flags.contains("write-only");
    const std::string& what = statement.names[0];
    if (what == "hang") {
        fault.mode = PathMode::Hang;
    } else if (what == "eio") {
        fault.mode = PathMode::Fail;
    } else if (what.starts_with("delay=")) {
        const auto delay = duration_in(statement, what.substr(6));
        if (!delay) return delay.error();
        fault.delay = *delay;
    } else if (what != "ok") {
        return statement.wrong("a datastore can hang, eio, delay=300ms or ok here");
    }
    HostId host;
    if (statement.has("host")) {
        const auto number = number_in(statement, "host", world_.hosts_count());
        if (!number) return number.error();
        host = HostId{*number};
    }
    if (statement.has("ds") && statement.keys.at("ds") == "vms") {
        return statement.wrong("not in the simulator (it has no VM datastores)");
    }
    const std::uint8_t count = story_.cluster.datastores_count;
    if (statement.has("ds") && statement.keys.at("ds") == "all") {
        for (DatastoreIndex d = 0; d < count; ++d) world_.set_path(d, host, fault);
        return {};
    }
    const auto number = number_in(statement, "ds", count);
    if (!number) return number.error();
    world_.set_path(static_cast<DatastoreIndex>(*number - 1), host, fault);
    return {};
}

std::string Player::libvirt(const Statement& statement) {
    const auto number = number_in(statement, "host", world_.hosts_count());
    if (!number) return number.error();
    const std::string& what = statement.names[0];
    LibvirtMode mode = LibvirtMode::Ok;
    if (what == "hang") {
        mode = LibvirtMode::Hang;
    } else if (what == "fail") {
        mode = LibvirtMode::Fail;
    } else if (what != "ok") {
        return statement.wrong("libvirt can be ok, hang or fail");
    }
    world_.set_libvirt(HostId{*number}, mode);
    return {};
}

std::string Player::fence(const Statement& statement) {
    const auto number = number_in(statement, "host", world_.hosts_count());
    if (!number) return number.error();
    static const std::map<std::string, FenceMode> kModes = {{"ok", FenceMode::Ok},
                                                            {"fail", FenceMode::Fail},
                                                            {"hang", FenceMode::Hang},
                                                            {"lie", FenceMode::Lie}};
    const auto mode = kModes.find(statement.names[0]);
    if (mode == kModes.end()) return statement.wrong("a fence device can be ok, fail, hang or lie");
    world_.set_fence(HostId{*number}, mode->second);
    return {};
}

}  // namespace holdfast::sim
