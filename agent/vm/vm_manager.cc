#include "agent/vm/vm_manager.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <type_traits>
#include <utility>

#include "agent/text.h"
#include "agent/vm/log.h"

namespace holdfast {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kReconnectInterval = seconds(1);
constexpr Duration kUrgentInterval = milliseconds(100);
constexpr Duration kReconcileInterval = seconds(30);
constexpr Duration kIdleInterval = seconds(1);
constexpr Duration kBusyInterval = milliseconds(25);

}  // namespace

std::string label(const VmRecord& record) {
    const std::string_view name = record.content.spec.name.view();
    return name.empty() ? uuid_text(record.vm) : printable(name);
}

VmManager::VmManager(Settings settings,
                     Hypervisor& hypervisor,
                     QemuProcesses& processes,
                     StartMarks& marks,
                     Outbox& outbox)
    : settings_(std::move(settings)),
      hypervisor_(hypervisor),
      processes_(processes),
      marks_(marks),
      outbox_(outbox) {}

void VmManager::handle(const Report& report, Instant now) {
    std::visit([this, now](const auto& content) { take(content, now); }, report);
}

void VmManager::handle(const vm_protocol::Message& message, Instant now) {
    std::visit(
        [this, now](const auto& content) {
            using Content = std::decay_t<decltype(content)>;
            if constexpr (std::is_same_v<Content, vm_protocol::Rescan>) {
                full_list_owed_ = true;
                request_list(now);
            } else if constexpr (std::is_same_v<Content, vm_protocol::Start> ||
                                 std::is_same_v<Content, vm_protocol::Resume> ||
                                 std::is_same_v<Content, vm_protocol::Destroy> ||
                                 std::is_same_v<Content, vm_protocol::Shutdown>) {
                obey(content, now);
            } else {
                log_line("holdfastd sent a message that only holdfast-vm sends: ignored [HF-6020]");
            }
        },
        message);
}

void VmManager::on_daemon_connected(Instant now) {
    ++session_;
    outbox_.send(vm_protocol::LibvirtState{is_connected(),
                                           is_connected() ? settings_.libvirt_uri : lost_text_});
    announced_capacity_.reset();
    announce_capacity();
    full_list_owed_ = true;
    request_list(now);
}

void VmManager::on_datastores_probed(std::uint32_t reachable) {
    reachable_ = reachable;
    announce_capacity();
}

Instant VmManager::tick(Instant now) {
    keep_connected(now);
    if (is_connected() && now - listed_at_ >= kReconcileInterval) request_list(now);

    bool busy = false;
    for (const auto& [vm, record] : records_) {
        busy = busy || record.stop_pending || record.destruction || record.order;
    }
    if (!busy) return now + kIdleInterval;

    processes_.look();
    for (auto& [vm, record] : records_) {
        if (record.stop_pending) finish_stop(record, now);
        if (record.order) settle_order(record, now);
        if (record.destruction) settle_destruction(record, now);
    }
    std::erase_if(records_, [](const auto& entry) { return is_forgettable(entry.second); });
    return now + kBusyInterval;
}

void VmManager::take(const ConnectionOpened& report, Instant now) {
    connecting_ = false;
    refused_ = false;
    connection_ = report.connection;
    connected_at_ = now;
    lost_text_.clear();
    log_line(fmt::format("connected to libvirt at {}", settings_.libvirt_uri));
    outbox_.send(vm_protocol::LibvirtState{true, settings_.libvirt_uri});
    listing_ = false;
    full_list_owed_ = true;
    request_list(now);
}

void VmManager::take(const ConnectionLost& report, Instant now) {
    hypervisor_.forget(report.connection);
    const bool was_ours = is_connected() && report.connection == connection_;
    // Several calls may report the end of one connection.
    if (!was_ours && !connecting_) return;
    connecting_ = false;
    if (is_connected() && !was_ours) return;
    connection_ = 0;
    refused_ = report.refused;
    // At once after a connection that held: only a refused attempt says that there is no libvirtd.
    const bool did_hold = was_ours && now - connected_at_ >= kReconnectInterval;
    next_connect_at_ = did_hold ? now : now + kReconnectInterval;
    listing_ = false;
    list_again_ = false;
    for (auto& [vm, record] : records_) {
        record.reading = false;
        record.read_again = false;
        if (record.destruction) {
            record.destruction->proof_wanted = false;
            record.destruction->proved_off = false;
        }
    }
    if (report.text == lost_text_) return;
    lost_text_ = report.text;
    log_line(
        fmt::format("no libvirt at {}: {}. VMs that run go on; none can be started here. Trying "
                    "again every {} s. "
                    "[HF-6021]",
                    settings_.libvirt_uri,
                    report.text,
                    std::chrono::duration_cast<seconds>(kReconnectInterval).count()));
    outbox_.send(vm_protocol::LibvirtState{false, report.text});
}

void VmManager::drop_connection(const std::string& text, Instant now) {
    // A connection on which an answer was lost is no use, whether it knows already or not.
    if (is_connected()) take(ConnectionLost{connection_, false, text}, now);
}

void VmManager::keep_connected(Instant now) {
    if (is_connected() || connecting_) return;
    const bool is_awaited = std::any_of(records_.begin(), records_.end(), [](const auto& entry) {
        return entry.second.destruction.has_value();
    });
    // Whether libvirtd is gone or only silent decides about a proof, and the host's lease does not wait.
    const Instant due =
        is_awaited ? std::min(next_connect_at_, attempted_at_ + kUrgentInterval) : next_connect_at_;
    if (now < due) return;
    connecting_ = true;
    attempted_at_ = now;
    hypervisor_.connect();
}

void VmManager::request_list(Instant now) {
    if (!is_connected()) return;
    if (listing_) {
        list_again_ = true;
        return;
    }
    listing_ = true;
    list_again_ = false;
    listed_at_ = now;
    hypervisor_.list();
}

void VmManager::announce_capacity() {
    if (memory_kib_ == 0) return;
    Capacity capacity;
    const std::uint64_t memory_mib = memory_kib_ / 1024;
    const std::uint64_t for_vms =
        memory_mib > settings_.memory_reserve_mib ? memory_mib - settings_.memory_reserve_mib : 0;
    capacity.memory_mib = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(for_vms, std::numeric_limits<std::uint32_t>::max()));
    capacity.cpus = static_cast<std::uint16_t>(
        std::min<std::uint32_t>(cpus_, std::numeric_limits<std::uint16_t>::max()));
    capacity.datastores = reachable_;
    capacity.networks = networks_;
    if (announced_capacity_ == capacity) return;
    announced_capacity_ = capacity;
    outbox_.send(vm_protocol::CapacitySeen{capacity});
}

VmRecord& VmManager::record_of(const VmId& vm) {
    VmRecord& record = records_[vm];
    record.vm = vm;
    record.content.spec.vm = vm;
    return record;
}

bool VmManager::is_forgettable(const VmRecord& record) {
    return !record.is_known && !record.stop_pending && !record.order && !record.destruction &&
           !record.reading && record.state == VmRunState::Off && !record.announced;
}

}  // namespace holdfast
