// VmLink: the one thread that talks to holdfast-vm, over `run/vm.sock`.
//
// It listens, accepts one connection at a time from its own user or root, and translates: what holdfast-vm says becomes reports to the
// engine, the engine's commands become messages.  A VM is reported as seen once its XML is on a majority of the datastores
// (xml_store.h); the list is complete once every VM of it went through.
//
// While holdfast-vm is away: fence devices are not used (NotRun); starts and resumes fail at once (Libvirt), destroys wait and are said again after reconnecting.  A start
// that a lost connection left unanswered is destroyed first and reported as failed when the VM is proved gone.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/config.h"
#include "agent/daemon/channels.h"
#include "agent/daemon/log_sink.h"
#include "agent/daemon/real_time.h"
#include "agent/daemon/xml_store.h"
#include "agent/seqpacket.h"
#include "agent/vm_protocol.h"

namespace holdfast {

class VmLink {
  public:
    // Error: the socket cannot be bound.
    [[nodiscard]] static Result<std::unique_ptr<VmLink>> make(
        const Config& config,
        std::vector<DatastoreLoop*> datastores,
        const Wakeup& wakeup,
        const Wakeup& engine,
        const Wakeup& control);
    ~VmLink();

    void start();
    void stop();

    [[nodiscard]] Channel<VmCommand>& commands() { return commands_; }

    [[nodiscard]] Channel<VmReport>& reports() { return reports_; }

    // Pushed as plain pointers that the taker owns.
    [[nodiscard]] Channel<const VmDirectory*>& directories() { return directories_; }

    [[nodiscard]] LogSink& sink() { return sink_; }

  private:
    struct Domain {
        vm_protocol::DomainSeen seen;
        XmlRef stored;  // none: not on a majority yet
        bool reported = false;
    };

    // A start under way: its XML is being fetched, or it was sent and is unanswered.
    struct Start {
        StartVm order;
        std::uint64_t ticket = 0;  // of the fetch; 0: sent
        bool fail_on_gone = false;
    };

    VmLink(const Config& config,
           SeqpacketListener listener,
           std::vector<XmlStore::Outlet> outlets,
           const Wakeup& wakeup,
           const Wakeup& engine,
           const Wakeup& control);

    void run();
    void accept_connection();
    void lose_connection();
    void take_messages();
    void take_commands();
    void take_store_results();
    void send(const vm_protocol::Message& message);
    void flush_outgoing();
    void report(const VmReport& report);
    void flush_reports();
    void publish_directory();

    void on(const vm_protocol::Hello& message);
    void on(vm_protocol::DomainSeen& message);
    void on(const vm_protocol::DomainUndefined& message);
    void on(const vm_protocol::ListComplete& message);
    void on(const vm_protocol::Stopped& message);
    void on(const vm_protocol::Started& message);
    void on(const vm_protocol::Resumed& message);
    void on(const vm_protocol::Gone& message);
    void on(const vm_protocol::CapacitySeen& message);
    void on(const vm_protocol::LibvirtState& message);
    void on(const vm_protocol::Fenced& message);

    void order(const StartVm& order);
    void order(const ResumeVm& order);
    void order(const DestroyVm& order);
    void order(const ShutdownVm& order);
    void order(const FenceHost& order);
    void send_start(const StartVm& order, std::vector<std::uint8_t> xml);
    void report_seen(Domain& domain);
    void complete_list_if_ready();

    SeqpacketListener listener_;
    const Wakeup& wakeup_;
    Channel<VmCommand> commands_;
    Channel<VmReport> reports_;
    Channel<const VmDirectory*> directories_;
    LogSink sink_;
    WorkerThread thread_;
    std::atomic<bool> stopping_{false};

    XmlStore store_;
    std::optional<Seqpacket> connection_;
    std::deque<std::vector<std::uint8_t>> outgoing_;
    std::deque<VmReport> reports_waiting_;
    std::map<VmId, Domain> domains_;
    std::set<VmId> listed_;  // in the list that is being said
    std::map<VmId, Start> starts_;
    std::map<VmId, ResumeVm> resumes_;
    std::set<VmId> destroys_;
    std::map<VmId, Instant> shutdowns_;   // and when each becomes a destroy
    std::map<HostId, RequestId> fences_;  // unanswered
    bool libvirt_connected_ = false;
    bool list_said_ = false;      // ListComplete came
    bool list_reported_ = false;  // and went on to the engine
    bool directory_changed_ = true;
};

}  // namespace holdfast
