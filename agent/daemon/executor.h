// Executor: carries the engine's actions out, at once and in order, by handing them to the threads that do the work.
//
// Belongs to the engine loop's thread.  Neither blocks nor allocates: records are encoded into the memory that the
// datastore loops hold ready (a write to one that is not open goes out without, and fails), everything else is a value in a ring or a store into the keeper's page.
//
// An action that spends the lease is checked against this thread's clock right before it is handed over; one whose time has passed
// comes back as an event (failure Lease), see take_own_report().
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "agent/daemon/channels.h"
#include "agent/daemon/datastore_loop.h"
#include "agent/daemon/log_sink.h"
#include "agent/keeper_page.h"
#include "engine/base/fixed_list.h"
#include "engine/lockfree/seqlock.h"
#include "engine/machine/engine.h"
#include "storage/config_format.h"

namespace holdfast {

// A datastore as the executor needs it.
struct DatastoreOutlet {
    DatastorePort* port = nullptr;
    const Wakeup* wakeup = nullptr;
};

class Executor {
  public:
    using Clock = Instant (*)();

    struct Surroundings {
        ClusterUuid cluster;
        std::vector<DatastoreOutlet> datastores;
        std::uint8_t voters_count = 0;
        const ConfigRecord* directory;  // names and addresses of the members, for the record
        Seqlock<KeptMembership>* kept;  // where KeepMembership leaves what is to be kept
        Channel<VmCommand>& vm;
        Channel<ControlCommand>& control;
        Channel<Beat>& beats;
        KeeperPage& keeper;
        LogSink& sink;
        Clock clock;
        Channel<Member>* listed = nullptr;
    };

    explicit Executor(const Surroundings& surroundings);

    void execute(const Actions& actions, const Engine& engine);

    // What the executor itself answered: a start or resume that was too late or could not be handed over.
    [[nodiscard]] bool take_own_report(VmReport& report);

    // Tells the VM link which blobs the own roster names, once at the start.
    void announce_roster(const Roster& roster);

    // To be called with every RosterWritten: when a version is on a majority its blobs are announced.
    void roster_written(const RosterWritten& written);

    // To be called with every answer to a ScanSlots.
    void scan_answered(DatastoreIndex datastore);

    // Scans of a datastore that have not been answered.
    [[nodiscard]] std::uint32_t scans_unanswered(DatastoreIndex datastore) const {
        return scans_unanswered_[datastore];
    }

    // Commands to the VM link that did not fit its ring; to be called once a round.
    void flush_waiting();

    [[nodiscard]] bool shutdown_ready() const { return shutdown_ready_; }

  private:
    void carry_out(const WriteSlot& action, const Engine& engine, bool with_next);
    void carry_out(const ScanSlots& action);
    void carry_out(const WriteRoster& action, const Engine& engine);
    void carry_out(const ReadRoster& action);
    void carry_out(const WriteOrders& action, const Engine& engine);
    void carry_out(const ReadOrders& action);
    void carry_out(const WriteConfig& action, const Engine& engine);
    void carry_out(const ReadConfig& action);
    void carry_out(const MemberListed& action, const Engine& engine);
    void carry_out(const StartVm& action);
    void carry_out(const ResumeVm& action);
    void carry_out(const FenceHost& action);
    void request(DatastoreIndex datastore,
                 const DatastoreRequest& request,
                 const DatastoreMemory* memory = nullptr);
    [[nodiscard]] const DatastoreMemory* memory_of(DatastoreIndex datastore) const;
    void command(const VmCommand& command);
    void remember_blobs(const Roster& roster, RequestId request);
    void name_blobs(std::span<const BlobNamed> blobs, const VmCommand& last);

    // The blobs that one roster version names, and where it has been written.
    struct RosterBlobs {
        Version version;
        FixedList<BlobNamed, kRosterEntriesMax> blobs;
        FixedList<RequestId, 2 * kDatastoresMax> requests;
        std::uint8_t voters_done = 0;
        bool committed = false;
    };

    Surroundings around_;
    FixedList<VmReport, 1024> own_reports_;
    FixedList<VmCommand, 1024> waiting_;  // in order, when the ring was full
    std::array<RosterBlobs, 2> rosters_;
    std::unique_ptr<ConfigRecord> record_;  // scratch, too large for a stack
    std::uint32_t touched_ = 0;             // datastores to wake
    std::array<std::uint32_t, kDatastoresMax> scans_unanswered_{};
    bool shutdown_ready_ = false;
};

}  // namespace holdfast
