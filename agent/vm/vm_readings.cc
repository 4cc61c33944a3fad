// How libvirt's words become DomainSeen, Stopped and DomainUndefined.
#include <algorithm>
#include <fmt/format.h>
#include <type_traits>
#include <utility>

#include "agent/text.h"
#include "agent/vm/domain_xml.h"
#include "agent/vm/log.h"
#include "agent/vm/protection.h"
#include "agent/vm/vm_manager.h"
#include "agent/vm/xml_blob.h"
#include "engine/base/name_hash.h"

namespace holdfast {

void VmManager::take(const DomainChanged& report, Instant now) {
    if (report.connection != connection_) return;
    VmRecord& record = record_of(report.vm);
    record.touched_at = now;
    if (report.started) {
        record.stop_cause.reset();
        if (record.destruction) record.destruction->proved_off = false;
        processes_.look();  // so that its QEMU is known before it can die
    }
    if (report.stopped) {
        record.stop_cause = report.stopped;
        record.stop_text = report.text;
    }
    request_read(record, now);
}

void VmManager::take(const DomainsListed& report, Instant now) {
    if (report.connection != connection_) return;
    listing_ = false;
    memory_kib_ = report.memory_kib;
    cpus_ = report.cpus;
    networks_ = report.networks;
    announce_capacity();
    processes_.look();
    const bool is_full = std::exchange(full_list_owed_, false);
    if (is_full) {
        for (auto& [vm, record] : records_) record.announced.reset();
    }
    std::map<VmId, const DomainSnapshot*> snapshots;
    for (const DomainSnapshot& snapshot : report.domains) {
        snapshots[snapshot.vm] = &snapshot;
        record_of(snapshot.vm);
    }
    for (auto& [vm, record] : records_) {
        const auto found = snapshots.find(vm);
        // What happened since the list was asked for may be missing in it.
        if (record.touched_at > listed_at_) {
            request_read(record, now);
            if (is_full) announce(record);
        } else {
            apply(record, found == snapshots.end() ? nullptr : found->second, now);
        }
    }
    if (is_full) outbox_.send(vm_protocol::ListComplete{});
    std::erase_if(records_, [](const auto& entry) { return is_forgettable(entry.second); });
    if (list_again_) request_list(now);
}

void VmManager::take(const DomainRead& report, Instant now) {
    if (report.connection != connection_) return;
    VmRecord& record = record_of(report.vm);
    record.reading = false;
    if (record.read_again) {
        request_read(record, now);
        return;
    }
    apply(record, report.snapshot ? &*report.snapshot : nullptr, now);
    if (is_forgettable(record)) records_.erase(report.vm);
}

void VmManager::request_read(VmRecord& record, Instant now) {
    record.touched_at = now;
    if (!is_connected()) return;
    record.read_again = record.reading;
    if (record.reading) return;
    record.reading = true;
    hypervisor_.read(record.vm);
}

void VmManager::apply(VmRecord& record, const DomainSnapshot* snapshot, Instant now) {
    record.power = snapshot == nullptr ? DomainPower::Off : snapshot->power;
    record.read_connection = connection_;
    if (record.power != DomainPower::Off) marks_.settle(record.vm);
    if (snapshot != nullptr) describe(record, *snapshot);
    if (record.destruction && record.destruction->proof_wanted) {
        record.destruction->proof_wanted = false;
        record.destruction->proved_off = record.power == DomainPower::Off;
    }
    note_power(record, now);
    if (record.order) settle_order(record, now);
    if (record.destruction) settle_destruction(record, now);
    if (snapshot != nullptr) {
        record.is_known = true;
        announce(record);
        return;
    }
    // Unknown to libvirt.  Its end is told first; see finish_stop().
    if (std::exchange(record.is_known, false) || record.announced) {
        if (record.stop_pending) return;
        record.announced.reset();
        outbox_.send(vm_protocol::DomainUndefined{record.vm});
    }
}

void VmManager::note_power(VmRecord& record, Instant now) {
    // Between the order and its answer a domain comes and goes as libvirt tries; the answer tells the end of it.
    if (record.order && record.order->kind == CallKind::Start) return;
    if (record.power != DomainPower::Off) {
        record.stop_pending = false;
        const bool is_half_started = is_paused(record.power) && marks_.has(record.vm);
        record.state = is_half_started ? VmRunState::Paused : run_state(record.power);
        const bool is_resuming = record.order && record.order->kind == CallKind::Resume;
        if (!is_half_started && !is_resuming) marks_.clear(record.vm);
        return;
    }
    if (record.destruction || record.stop_pending) return;
    if (record.state == VmRunState::Off) {
        if (!processes_.lives(record.vm)) {
            // A predecessor's call may still be under way for a while; see is_settled().
            if (!marks_.is_inherited(record.vm) || is_settled(now)) marks_.clear(record.vm);
            return;
        }
        log_line(fmt::format(
            "{}: libvirt says off, but a QEMU of it lives: treated as running [HF-6030]",
            label(record)));
        record.state = VmRunState::Running;
    }
    record.stop_pending = true;
    record.stopped_at = now;
    finish_stop(record, now);
}

void VmManager::describe(VmRecord& record, const DomainSnapshot& snapshot) const {
    vm_protocol::DomainSeen& content = record.content;
    if (!snapshot.persistent) {
        record.xml.clear();
        content = {};
        content.spec.vm = record.vm;
        content.spec.name = VmName{snapshot.name};
        content.reason = "it is transient: libvirt forgets it when it stops";
        return;
    }
    if (content.spec.agent != GuestAgent::None)
        content.spec.agent = snapshot.guest_agent_up ? GuestAgent::Up : GuestAgent::Awaited;
    if (snapshot.xml == record.xml && record.is_known) return;
    record.xml = snapshot.xml;
    content = {};
    content.spec.vm = record.vm;
    content.spec.name = VmName{snapshot.name};
    const Result<DomainDescription> parsed = parse_domain_xml(snapshot.xml);
    if (!parsed) {
        content.reason = parsed.error().text;
        return;
    }
    content.spec.memory_mib = parsed->memory_mib;
    content.spec.cpus = parsed->cpus;
    content.spec.priority = parsed->policy.priority;
    content.spec.isolation = parsed->policy.isolation;
    content.spec.relations = parsed->policy.relations;
    if (parsed->guest_agent)
        content.spec.agent = snapshot.guest_agent_up ? GuestAgent::Up : GuestAgent::Awaited;
    describe_networks(record, *parsed);
    for (const std::string& problem : parsed->policy.problems) {
        log_line(fmt::format("{}: {} [HF-6003]", label(record), problem));
    }
    const Protection protection = judge_protection(*parsed, settings_.vm_datastores);
    content.spec.datastores = protection.datastores;
    content.reason = protection.reason;
    if (!protection.protectable) return;
    Result<XmlBlob> blob = pack_xml(snapshot.xml);
    if (!blob) {
        content.reason = blob.error().text;
        return;
    }
    content.protectable = true;
    content.spec.xml = blob->ref;
    content.xml = std::move(blob->compressed);
}

void VmManager::describe_networks(VmRecord& record, const DomainDescription& parsed) {
    auto& networks = record.content.spec.networks;
    const std::size_t count = std::min(parsed.networks.size(), networks.size());
    for (std::size_t i = 0; i < count; ++i) networks[i] = name_hash(parsed.networks[i]);
    if (count == parsed.networks.size()) return;
    log_line(
        fmt::format("{}: it has {} networks, and only the first {} are looked at when a host "
                    "is chosen for it [HF-6005]",
                    label(record),
                    parsed.networks.size(),
                    count));
}

void VmManager::announce(VmRecord& record) {
    // An order of the present holdfastd is told by its answer.
    if (record.order && record.order->session == session_) return;
    if (record.state == VmRunState::Paused && record.started_session == session_ && session_ != 0) {
        return;
    }
    record.content.state = record.state;
    if (record.announced == record.content) return;
    const bool is_new = !record.announced || record.announced->reason != record.content.reason;
    if (is_new && !record.content.protectable) {
        log_line(fmt::format(
            "{} is not protected: {}", label(record), printable(record.content.reason)));
    }
    record.announced = record.content;
    outbox_.send(record.content);
}

void VmManager::finish_stop(VmRecord& record, Instant now) {
    if (processes_.lives(record.vm)) {
        if (now - record.stopped_at < std::chrono::seconds(5)) return;
        record.stopped_at = now;
        log_line(fmt::format("{}: its QEMU has been told to end but still lives [HF-6031]",
                             label(record)));
        return;
    }
    record.stop_pending = false;
    record.state = VmRunState::Off;
    record.started_session = 0;
    marks_.clear(record.vm);
    const StopCause cause = record.stop_cause.value_or(StopCause::Crashed);
    const std::string text =
        record.stop_cause ? record.stop_text : "its QEMU ended while nobody watched";
    record.stop_cause.reset();
    log_line(fmt::format("{} stopped: {}", label(record), text));
    outbox_.send(vm_protocol::Stopped{record.vm, cause, text});
    if (record.is_known) {
        announce(record);
    } else if (record.announced) {
        record.announced.reset();
        outbox_.send(vm_protocol::DomainUndefined{record.vm});
    }
}

}  // namespace holdfast
