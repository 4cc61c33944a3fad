// EngineSetup: what the engine is made with: the configuration, who this host is, and what a predecessor left in force.
#pragma once

#include <memory>

#include "agent/config.h"
#include "agent/daemon/host_identity.h"
#include "agent/keeper_page.h"
#include "engine/machine/engine.h"
#include "net/members.h"

namespace holdfast {

// The greatest host id that may join while this agent runs: there is memory for the slots of so many.
[[nodiscard]] HostId host_id_max(const Config& config);

// Where the record says that beats to a member go.
[[nodiscard]] Member member_of(const ClusterMember& listed);

// The watchdog class is the one that the configuration calls for: a keeper that has not spoken yet must not look like one without
// a device.  What the device really is comes with each KeeperReport.
[[nodiscard]] std::unique_ptr<EngineConfig> make_engine_config(const Config& config,
                                                               const HostIdentity& identity,
                                                               Incarnation incarnation,
                                                               const KeeperPage& keeper,
                                                               Instant now);

}  // namespace holdfast
