#include "tests/sim/run/picture.h"

#include "tests/sim/check/violation.h"
#include "tests/sim/run/number_text.h"

namespace holdfast::sim {

namespace {

const char* name_of(ClaimState state) {
    switch (state) {
        case ClaimState::Starting: return "starting";
        case ClaimState::Running: return "running";
        case ClaimState::WantsStart: return "wants start";
        case ClaimState::Stopped: return "stopped";
        case ClaimState::Failed: return "failed";
        case ClaimState::Stopping: return "stopping";
        case ClaimState::Arriving: return "arriving";
    }
    return "?";
}

std::string host_line(const World& world, const SimHost& host) {
    const char* power = !host.powered ? "no power" : host.frozen ? "frozen" : "powered";
    const char* agent = host.engine == nullptr ? "no agent"
                        : host.agent_stopped   ? "agent stopped"
                                               : to_string(host.engine->phase());
    return text_of(
        "host %u: %s, %s%s, keeper %s",
        host.id.value(),
        power,
        agent,
        host.engine != nullptr && host.engine->leading(host.now(world.now())) ? ", leads" : "",
        host.keeper.armed() ? "armed" : "not armed");
}

std::string slot_line(const SlotView& view) {
    if (view.reading != SlotReading::Valid) {
        return view.reading == SlotReading::Unwritten ? "slot unwritten" : "slot unusable";
    }
    const SlotRecord& slot = view.record;
    return text_of("slot %u.%u sequence %llu,%s%s%s epoch %llu by host %u, roster %llx",
                   slot.incarnation.boot(),
                   slot.incarnation.restart(),
                   ull(slot.sequence.value()),
                   slot.flags.armed ? " armed," : "",
                   slot.flags.no_vms ? " no VMs," : "",
                   slot.flags.clean_shutdown ? " goodbye," : "",
                   ull(slot.decided_epoch.value()),
                   slot.winner.host.value(),
                   ull(slot.roster_version.value()));
}

std::string claim_line(const Claim& claim) {
    return text_of("        %s: %s, claim %llu, order %llu of epoch %llu",
                   std::string(claim.spec.name.view()).c_str(),
                   name_of(claim.state),
                   ull(claim.number.value()),
                   ull(claim.order_number.value()),
                   ull(claim.order_epoch.value()));
}

}  // namespace

std::vector<std::string> picture_of(const World& world) {
    std::vector<std::string> lines;
    for (std::uint16_t h = 1; h <= world.hosts_count(); ++h) {
        lines.push_back(host_line(world, world.host(HostId{h})));
        std::string last;  // what several datastores show alike is told once
        for (DatastoreIndex d = 0; d < world.config().datastores_count; ++d) {
            const Medium& medium = world.io().medium(d);
            const Medium::RegionView view = medium.view(RegionKind::Roster, HostId{h});
            std::vector<std::string> part = {slot_line(medium.views()[h - 1U])};
            if (view.reading == RegionReading::Valid) {
                const Roster& roster = world.io().roster_block(view.block);
                part.push_back(text_of("      roster %llx of %u.%u",
                                       ull(roster.version.value()),
                                       roster.incarnation.boot(),
                                       roster.incarnation.restart()));
                for (const Claim& claim : roster.claims) part.push_back(claim_line(claim));
            }
            std::string text;
            for (const std::string& line : part) text += line;
            if (text == last) {
                lines.push_back(text_of("    datastore %u: the same", d + 1U));
                continue;
            }
            last = text;
            part.front() = text_of("    datastore %u: ", d + 1U) + part.front();
            lines.insert(lines.end(), part.begin(), part.end());
        }
    }
    return lines;
}

}  // namespace holdfast::sim
