// MiniHost: one machine of a MiniCluster, with the switches for what a directed test needs.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/machine/engine.h"

namespace holdfast::testing {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline constexpr Duration kVmTime = milliseconds{1};
inline constexpr Duration kNetTime = milliseconds{1};

inline Uuid uuid_of(std::uint8_t kind, std::uint8_t number) {
    Uuid uuid;
    uuid.bytes[0] = kind;
    uuid.bytes[15] = number;
    return uuid;
}

inline VmSpec vm_spec(std::uint8_t number) {
    VmSpec spec;
    spec.vm = uuid_of(0xee, number);
    spec.name = VmName{"vm" + std::to_string(number)};
    spec.memory_mib = 64;
    spec.cpus = 1;
    spec.datastores = 1;
    return spec;
}

struct MiniDisk {
    std::map<int, SlotRecord> slots;  // by host
    std::map<int, Roster> rosters;
    std::map<int, Orders> orders;
    std::map<int, std::shared_ptr<const ConfigCopy>> configs;
};

struct MiniHost {
    std::unique_ptr<Engine> engine;
    EngineConfig config;
    bool powered = false;
    bool disks_hang = false;  // its I/O never answers
    bool net_out = true;      // its beats leave it
    bool net_in = true;       // beats reach it
    std::map<VmId, VmSpec> paused;
    std::map<VmId, VmSpec> running;
    std::map<VmId, VmSpec> moving;  // held by a migration, coming or going
    std::vector<DestroyVm> destroyed;
    std::vector<ShutdownVm> shut_down;
    bool guests_are_deaf = false;  // they do not shut down when asked
    std::vector<AnswerStart> answers;
    std::vector<FenceHost> fences;        // asked of this host; a test answers them
    std::vector<AnswerConfirm> confirms;  // answered by this host
    std::vector<AnswerChange> changes;
    std::vector<HostId> listed;          // by the record, see MemberListed
    std::optional<KeptMembership> kept;  // in /run
    std::vector<Trace> traces;
    bool reset_asked = false;
    bool shutdown_ready = false;
    bool vm_side_hangs = false;
    bool list_away = false;    // libvirt is slow: its list comes only with return_list()
    bool keeper_away = false;  // arming is acknowledged only after return_keeper()
    std::uint64_t arming = 0;
    Incarnation persisted;
    Instant deadline = kNever;
    Duration io_time = milliseconds{1};
    std::function<void(EngineConfig&)> adjust;   // changes what its agents are started with
    std::function<bool(const Action&)> swallow;  // sees every action; true: it is never carried out
};

}  // namespace holdfast::testing
