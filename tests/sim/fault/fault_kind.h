// FaultKind: every kind of trouble that a run may have.
//
// A run draws from its seed which kinds it has, then how often, then when (FoundationDB's "buggify": runs that differ in
// kind find more than runs that differ in noise).
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdfast::sim {

enum class FaultKind : std::uint8_t {
    PowerOff,      // a host loses power and gets it back later
    QuickReset,    // a host reboots as fast as it can
    FreezeShort,   // a whole host stands still for less than its watchdog
    FreezeLong,    // for longer
    AgentStop,     // the agent's processes stand still, the keeper feeds on
    AgentKill,     // the agent dies and is restarted
    AgentUpgrade,  // the agent is asked to go and comes back
    TrapFreeze,    // a freeze between two actions of one step
    TrapAgentStop,
    TrapAgentKill,
    TrapPowerOff,
    LeaderTrouble,  // one of the above strikes the leader
    TwoAtOnce,      // two hosts lose power together
    Drift,          // a clock changes its rate
    NetCutHost,     // one host hears and is heard by nobody
    NetCutOneWay,   // one direction of one pair
    NetPartition,   // two groups
    NetLoss,
    NetDelay,
    NetDouble,
    DsHangOnePath,   // one host cannot reach one datastore
    DsHangHost,      // one host cannot reach a majority of them
    DsHangOne,       // one datastore hangs for everybody
    DsHangMajority,  // a majority hangs for everybody
    DsFailPath,      // I/O errors
    DsFailOne,
    DsSlow,       // late answers
    DsWriteOnly,  // writes hang, reads go on
    DsReadOnly,   // reads hang, writes go on
    DsFlap,       // hangs and heals again and again
    LibvirtSlow,
    LibvirtHang,
    LibvirtFail,
    LibvirtLie,
    VmCrash,
    PersonStops,
    PersonStarts,       // somewhere, whether it runs elsewhere or not
    PersonStartsTwice,  // on two hosts at the same moment
    PlannedShutdown,    // people shut a host down, and start its VMs elsewhere
    Lifeline,           // a host that lives on the leader's answers alone loses the leader
    Homecoming,  // a host returns while its VMs are being restarted, and people start them there
    IsolationAddressDown,  // it answers nobody
    NetIsolateHost,        // a host reaches neither another host nor the isolation address
    NetDeadForAll,         // nobody reaches anybody
    FenceTrouble,          // a host's fence device fails, hangs or lies
    OperatorConfirms,      // a person says of a host without power that it is dead
    LateAnswers,        // a majority of a host's datastores does what it is asked, and says so late
    ChangeTiming,       // people change the configuration at the wrong moment: another timing,
    ChangeDatastores,   // one datastore more or less that votes,
    ChangeMaintenance,  // a host in or out of maintenance
    PersonMigrates,     // a live migration, wherever to
    MigrationTrouble,  // something happens to one of its hosts, or to the leader, while it is under way
    LoseDatastores,  // a majority of them, for ever; a person says so
    ChangeMembers,   // people take a host out of the cluster, or back in
    LeaderBlind,     // the leader loses its storage, often while another host is gone
    Last_,
};

inline constexpr std::size_t kFaultKindsCount = static_cast<std::size_t>(FaultKind::Last_);

// As reports print it; never null.
[[nodiscard]] const char* name_of(FaultKind kind);

}  // namespace holdfast::sim
