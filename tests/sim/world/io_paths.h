// IoPaths: what the datastore loops, the fabric and the arrays do with the engine's I/O.
//
// Each request takes a random time.  A write reaches the medium either at its submission or at its completion, a read
// shows either moment: the extremes contain every order that a real array can produce.  A path (one host to one datastore)
// can hang, fail or be slow, for writes only if wanted.  Only a completion ends an I/O: what hangs stays in flight until
// its path heals, and what a dead host had in flight may be lost, torn, or land within `landing`; with late_writes it
// lands when the hung path heals, minutes later perhaps.  A write of a predecessor agent of the same boot keeps its
// datastore closed to the successor until it has ended (design section 11, "intents").
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "engine/machine/action.h"
#include "engine/machine/cluster_config.h"
#include "engine/machine/event.h"
#include "tests/sim/world/agenda.h"
#include "tests/sim/world/chance.h"
#include "tests/sim/world/cluster_config.h"
#include "tests/sim/world/medium.h"
#include "tests/sim/world/pool.h"
#include "tests/sim/world/tally.h"

namespace holdfast::sim {

enum class IoKind : std::uint8_t {
    WriteSlot,
    ScanSlots,
    WriteRoster,
    ReadRoster,
    WriteOrders,
    ReadOrders,
    WriteConfig,
    ReadConfig
};

enum class PathMode : std::uint8_t { Ok, Hang, Fail };

struct PathFault {
    PathMode mode = PathMode::Ok;
    Duration delay{};
    bool write_only = false;    // reads go on
    bool read_only = false;     // writes go on
    bool answers_late = false;  // with a delay: the array does all at once, its answer is late

    [[nodiscard]] bool touches(bool write) const {
        return !healthy() && (write ? !read_only : !write_only);
    }

    [[nodiscard]] bool healthy() const { return mode == PathMode::Ok && delay == Duration::zero(); }
};

// Who asks: an agent's life on a host.
struct Issuer {
    HostId host;
    std::uint32_t life = 0;
};

struct IoOp {
    IoKind kind = IoKind::WriteSlot;
    Issuer issuer;
    DatastoreIndex datastore = 0;
    RequestId request;
    HostId region;  // whose roster or orders is read; the first slot of a scan
    HostId last;    // of a scan
    IoStatus status = IoStatus::Done;
    RegionReading reading = RegionReading::Unusable;
    bool on_medium = false;          // a write that has been carried out
    bool sampled = false;            // a read that has seen its data
    bool abandoned = false;          // its host is dead, or the operation was lost for ever
    bool lost = false;               // its answer never comes, also when the path heals
    bool tears = false;              // a write that only half arrives
    std::size_t copy = 0;            // that a write goes to
    std::uint64_t version = 0;       // of a region that is written
    std::uint32_t block = kNoBlock;  // its content, or what a read of a region saw
    SlotRecord slot;                 // what WriteSlot writes
    std::vector<SlotView> views;     // what a scan saw at submission
};

class IoPaths {
  public:
    IoPaths(const ClusterConfig& config, Agenda& agenda, Chance& chance, Tally& tally);

    void write_slot(WorldTime now,
                    Issuer issuer,
                    const WriteSlot& action,
                    const SlotRecord& record);
    void scan(WorldTime now, Issuer issuer, const ScanSlots& action);
    // Copies what it is given once for all datastores that are asked for the same version.
    void write_roster(WorldTime now,
                      Issuer issuer,
                      const WriteRoster& action,
                      const Roster& roster);
    void write_orders(WorldTime now,
                      Issuer issuer,
                      const WriteOrders& action,
                      const Orders& orders);
    void write_config(WorldTime now,
                      Issuer issuer,
                      const WriteConfig& action,
                      const ConfigCopy& config);
    void read_config(WorldTime now, Issuer issuer, const ReadConfig& action);
    void read_roster(WorldTime now, Issuer issuer, const ReadRoster& action);
    void read_orders(WorldTime now, Issuer issuer, const ReadOrders& action);

    // The agenda says that `index` is due.  True: it is over, and the issuer hears of it; false: not yet, or never.
    // What is over must be given back after delivery.
    bool finish(WorldTime now, std::uint32_t index);
    void give_back(std::uint32_t index);
    // A dead host's write arrives.
    void land(std::uint32_t index);

    [[nodiscard]] const IoOp& op(std::uint32_t index) const { return ops_[index]; }

    // What a scan that is over shows.
    [[nodiscard]] std::span<const SlotView> views_of(const IoOp& op) const;

    [[nodiscard]] const Roster& roster_block(std::uint32_t block) const { return rosters_[block]; }

    [[nodiscard]] const Orders& orders_block(std::uint32_t block) const { return orders_[block]; }

    [[nodiscard]] const ConfigCopy& config_block(std::uint32_t block) const {
        return configs_[block];
    }

    // host none: the fault of the whole datastore, beside those of single hosts.
    void set_fault(WorldTime now, DatastoreIndex datastore, HostId host, PathFault fault);
    // The kernel of `host` is gone, with everything that was in flight.
    void host_died(WorldTime now, HostId host);

    // Since when `host` has had, without a break, healthy paths to one and the same majority; kWorldNever: it has not.
    [[nodiscard]] WorldTime majority_since(HostId host) const;
    // The same of every datastore, spares included.
    [[nodiscard]] WorldTime all_since(HostId host) const;

    [[nodiscard]] const Medium& medium(DatastoreIndex datastore) const { return media_[datastore]; }

    // What strikes the path, be it of the datastore or its own.
    [[nodiscard]] PathFault path(DatastoreIndex datastore, HostId host) const;

    // What set_fault() was last given.
    [[nodiscard]] const PathFault& fault(DatastoreIndex datastore, HostId host) const {
        return host.is_none() ? whole_faults_[datastore] : path_of(datastore, host).fault;
    }

  private:
    struct Path {
        PathFault fault;
        WorldTime healthy_since = kWorldStart;
        Duration last_delay{};
        bool lost_one = false;   // an answer is owed for ever
        WorldTime drained_at{};  // when the last answer of a slow time must have come
        std::vector<std::uint32_t> in_flight;
        std::vector<std::uint32_t> hung;
        std::vector<std::uint32_t> held;
    };

    IoOp& prepare(std::uint32_t index,
                  IoKind kind,
                  Issuer issuer,
                  DatastoreIndex datastore,
                  RequestId request);
    void submit(WorldTime now, std::uint32_t index);
    void fly(WorldTime now, std::uint32_t index);
    void fail(IoOp& op);
    void sample(IoOp& op);
    void carry_out(IoOp& op);
    void tear(IoOp& op);
    void retire(WorldTime now, std::uint32_t index);
    void free_op(std::uint32_t index);
    [[nodiscard]] static RegionKind region_kind(IoKind kind);
    // One more owner, or one less, of what an operation on a region carries.
    std::uint32_t hold(const IoOp& op, std::uint32_t block);
    void let_go(const IoOp& op);
    void lay_to_rest(WorldTime now, Path& path, std::uint32_t index, bool was_hung);
    void refresh_health(WorldTime now, DatastoreIndex datastore, HostId host);
    [[nodiscard]] bool blocked_by_predecessor(const IoOp& op) const;
    [[nodiscard]] bool half_written(const IoOp& read) const;
    [[nodiscard]] static bool is_write(IoKind kind);
    [[nodiscard]] Path& path_of(DatastoreIndex datastore, HostId host);
    [[nodiscard]] const Path& path_of(DatastoreIndex datastore, HostId host) const;

    const ClusterConfig& config_;
    Agenda& agenda_;
    Chance& chance_;
    Tally& tally_;
    Pool<IoOp> ops_;
    SharedPool<Roster> rosters_;
    SharedPool<Orders> orders_;
    SharedPool<ConfigCopy> configs_;
    std::vector<Medium> media_;
    std::vector<PathFault> whole_faults_;  // by datastore
    std::vector<Path> paths_;              // by datastore, then host

    // The last block made, so that one submission to several datastores shares it.
    struct LastBlock {
        Issuer issuer;
        std::uint64_t version = 0;
        std::uint32_t block = kNoBlock;
    };

    LastBlock last_roster_;
    LastBlock last_orders_;
    LastBlock last_config_;
};

}  // namespace holdfast::sim
