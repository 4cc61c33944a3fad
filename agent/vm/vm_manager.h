// VmManager: keeps holdfastd's picture of this host's VMs true, and carries out its orders.
//
// Decides nothing about where VMs run.  What it promises to holdfastd (agent/vm_protocol.h) rests on three witnesses:
// libvirt's answers, the kernel's list of processes, and the marks of unfinished starts.  Libvirt that is away or
// silent proves nothing.  Has no thread and no clock: main() hands in reports, messages and the time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/config.h"
#include "agent/vm/domain_xml.h"
#include "agent/vm/hypervisor.h"
#include "agent/vm/qemu_process.h"
#include "agent/vm/start_marks.h"
#include "agent/vm/vm_record.h"
#include "agent/vm_protocol.h"
#include "engine/base/types.h"

namespace holdfast {

// Where messages to holdfastd go.
class Outbox {
  public:
    Outbox() = default;
    Outbox(const Outbox&) = delete;
    Outbox& operator=(const Outbox&) = delete;
    virtual ~Outbox() = default;
    virtual void send(vm_protocol::Message message) = 0;
};

class VmManager {
  public:
    struct Settings {
        std::string libvirt_uri;
        std::vector<PathConfig> vm_datastores;
        std::uint32_t memory_reserve_mib = 0;
    };

    // All references outlive the manager.
    VmManager(Settings settings,
              Hypervisor& hypervisor,
              QemuProcesses& processes,
              StartMarks& marks,
              Outbox& outbox);

    void handle(const Report& report, Instant now);
    void handle(const vm_protocol::Message& message, Instant now);
    // A new connection of holdfastd: everything is said again.
    void on_daemon_connected(Instant now);
    void on_datastores_probed(std::uint32_t reachable);

    // Does what is due; returns when to be called again at the latest.
    [[nodiscard]] Instant tick(Instant now);

  private:
    // vm_manager.cc: the connection to libvirt, and this host's capacity
    void take(const ConnectionOpened& report, Instant now);
    void take(const ConnectionLost& report, Instant now);
    void drop_connection(const std::string& text, Instant now);
    void keep_connected(Instant now);
    void request_list(Instant now);
    void announce_capacity();

    // vm_readings.cc: from libvirt's words to DomainSeen, Stopped and DomainUndefined
    void take(const DomainChanged& report, Instant now);
    void take(const DomainsListed& report, Instant now);
    void take(const DomainRead& report, Instant now);
    void request_read(VmRecord& record, Instant now);
    void apply(VmRecord& record, const DomainSnapshot* snapshot, Instant now);
    void note_power(VmRecord& record, Instant now);
    void describe(VmRecord& record, const DomainSnapshot& snapshot) const;
    static void describe_networks(VmRecord& record, const DomainDescription& parsed);
    void announce(VmRecord& record);
    void finish_stop(VmRecord& record, Instant now);

    // vm_orders.cc: Start, Resume, Destroy, Shutdown and their answers
    void take(const CallEnded& report, Instant now);
    void obey(const vm_protocol::Start& order, Instant now);
    void obey(const vm_protocol::Resume& order, Instant now);
    void obey(const vm_protocol::Destroy& order, Instant now);
    void obey(const vm_protocol::Shutdown& order, Instant now);
    void on_start_ended(VmRecord& record, const CallEnded& report, Instant now);
    void on_resume_ended(VmRecord& record, const CallEnded& report, Instant now);
    void answer(VmRecord& record, StartFailure failure, std::string text);
    void settle_order(VmRecord& record, Instant now);
    void settle_destruction(VmRecord& record, Instant now);
    void ask_guest(VmRecord& record, Instant now);
    [[nodiscard]] bool is_settled(Instant now) const;

    VmRecord& record_of(const VmId& vm);

    [[nodiscard]] bool is_connected() const { return connection_ != 0; }

    // A domain that libvirt and holdfastd have nothing open about can be forgotten.
    [[nodiscard]] static bool is_forgettable(const VmRecord& record);

    Settings settings_;
    Hypervisor& hypervisor_;
    QemuProcesses& processes_;
    StartMarks& marks_;
    Outbox& outbox_;
    std::map<VmId, VmRecord> records_;

    ConnectionNumber connection_ = 0;  // 0: none
    bool connecting_ = false;
    bool refused_ = false;  // nobody listens at libvirt's socket
    Instant connected_at_ = kNotYet;
    Instant next_connect_at_ = kNotYet;
    Instant attempted_at_{};
    std::string lost_text_;  // why there is no connection, as last said

    bool listing_ = false;
    bool list_again_ = false;
    bool full_list_owed_ = false;
    Instant listed_at_ = kNotYet;  // when the last list was asked for
    std::uint64_t session_ = 0;    // counts holdfastd's connections

    std::uint64_t memory_kib_ = 0;
    std::uint32_t cpus_ = 0;
    HostNetworks networks_;
    std::uint32_t reachable_ = 0;
    std::optional<Capacity> announced_capacity_;
};

// The name of a VM for the log.
[[nodiscard]] std::string label(const VmRecord& record);

}  // namespace holdfast
