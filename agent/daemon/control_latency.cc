// What the control loop answers to `latency`: a measurement as `holdfast bench` writes it, from what the datastore loops have seen.
#include <algorithm>
#include <memory>
#include <vector>

#include "agent/daemon/clock.h"
#include "agent/daemon/control_loop.h"
#include "agent/daemon/net_loop.h"
#include "agent/measure/measurement.h"

namespace holdfast {

void ControlLoop::send_latency(Client& client) {
    measure::Measurement measurement;
    measurement.kind = "agent";
    measurement.host = around_.config.host_name(around_.config.self);
    measurement.interval_s = std::chrono::duration<double>(around_.config.timing.interval).count();
    measurement.hosts = around_.config.members.size();
    measurement.ended = "complete";
    // One clock for all datastores, because a majority of them renews the lease.
    std::vector<std::unique_ptr<DatastoreLatency>> all;
    Instant begun = kNever;
    for (const DatastoreLoop* loop : around_.datastores) {
        all.push_back(std::make_unique<DatastoreLatency>());
        if (loop->latency(*all.back())) {
            begun = std::min(begun, all.back()->begun);
        } else {
            all.back().reset();
        }
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (all[i] == nullptr) continue;
        const DatastoreLatency& seen = *all[i];
        measure::TargetReport target;
        target.name = around_.config.datastores[i].path;
        target.backend = around_.datastores[i]->facts().backend.data();
        target.state = "complete";
        target.duration_s = std::chrono::duration<double>(seen.until - begun).count();
        target.beats = seen.write.count();
        target.operations.push_back(measure::report_of(std::string("write"), seen.write));
        target.operations.push_back(measure::report_of(std::string("scan"), seen.scan));
        target.lease = measure::report_of(seen.lease, begun, seen.lease.open_gap(seen.until));
        measurement.targets.push_back(std::move(target));
    }
    add_answers(measurement);
    if (measurement.targets.empty()) {
        end(client, 1, "nothing was written to a datastore yet.");
        return;
    }
    send_data(client, measure::to_json(measurement) + "\n");
    end(client, 0, {});
}

// The leader's answers, as one target: what they renew beside the datastores.
void ControlLoop::add_answers(measure::Measurement& measurement) const {
    const auto seen = std::make_unique<BeatLatency>();
    if (around_.net == nullptr || !around_.net->latency(*seen)) return;
    measure::TargetReport target;
    target.name = "the leader";
    target.medium = measure::kMediumNetwork;
    target.state = "complete";
    target.duration_s = std::chrono::duration<double>(seen->observed).count();
    target.beats = seen->answers.count();
    const Duration open = seen->counting ? seen->answers.open_gap(seen->until) : Duration::zero();
    target.lease = measure::report_of(seen->answers, seen->begun, open);
    measurement.targets.push_back(std::move(target));
}

}  // namespace holdfast
