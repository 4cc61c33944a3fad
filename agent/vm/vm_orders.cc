// Start, Resume, Destroy and Shutdown: from holdfastd's order to an answer that is true.
#include <fmt/format.h>
#include <utility>

#include "agent/vm/domain_xml.h"
#include "agent/vm/log.h"
#include "agent/vm/vm_manager.h"
#include "agent/vm/xml_blob.h"

namespace holdfast {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// How long libvirt may take to end a QEMU in its own way before the kernel is asked.  libvirt itself would wait ten
// seconds, longer than a host's lease lasts.
constexpr Duration kPatience = milliseconds(300);
constexpr Duration kDestroyInterval = seconds(1);

// A guest that is booting, or busy, misses the first ACPI event.
constexpr Duration kAskInterval = seconds(5);

// How long after a new connection a domain must have been off before a start whose answer was lost counts as over.
// What libvirtd has begun by then shows as active; what it had only queued meets the qemu hook, which asks holdfastd.
constexpr Duration kSettleTime = seconds(5);

// After this a call without an answer is worth a line.
constexpr Duration kSlowCall = seconds(10);

const char* kind_name(CallKind kind) {
    switch (kind) {
        case CallKind::Start: return "start";
        case CallKind::Resume: return "resume";
        case CallKind::Destroy: return "destroy";
        case CallKind::Shutdown: return "shutdown";
    }
    return "call";
}

}  // namespace

void VmManager::obey(const vm_protocol::Start& order, Instant now) {
    VmRecord& record = record_of(order.spec.vm);
    if (record.content.spec.name.view().empty()) record.content.spec.name = order.spec.name;
    if (record.order && record.order->kind == CallKind::Start &&
        record.order->claim == order.claim) {
        return;
    }
    const auto refuse = [&](StartFailure failure, const std::string& text) {
        log_line(fmt::format(
            "{}: start of claim {} refused: {}", label(record), order.claim.value(), text));
        outbox_.send(vm_protocol::Started{order.spec.vm, order.claim, failure, text});
    };
    if (record.destruction) return refuse(StartFailure::Libvirt, "it is being destroyed");
    if (record.order) return refuse(StartFailure::Libvirt, "another order for it is under way");
    Result<std::string> xml = unpack_xml(order.spec.xml, order.xml);
    if (!xml) return refuse(StartFailure::Xml, xml.error().text);
    const Result<DomainDescription> parsed = parse_domain_xml(*xml);
    if (!parsed) return refuse(StartFailure::Xml, parsed.error().text);
    if (parsed->vm != order.spec.vm) {
        return refuse(StartFailure::Xml, "the XML is another domain's");
    }
    if (now >= order.valid_until) {
        return refuse(StartFailure::Lease, "the order ran out on its way");
    }
    if (!is_connected()) {
        return refuse(StartFailure::Libvirt, "no connection to libvirt: " + lost_text_);
    }
    if (record.state == VmRunState::Off && !marks_.set(order.spec.vm)) {
        return refuse(StartFailure::Libvirt, "cannot write a start mark below run/");
    }
    log_line(fmt::format("{}: starting, claim {}", label(record), order.claim.value()));
    record.order = VmOrder{.kind = CallKind::Start,
                           .claim = order.claim,
                           .session = session_,
                           .since = now,
                           .text = {}};
    record.touched_at = now;
    hypervisor_.start({order.spec.vm, order.claim, order.valid_until, std::move(*xml)});
}

void VmManager::obey(const vm_protocol::Resume& order, Instant now) {
    VmRecord& record = record_of(order.vm);
    if (record.order && record.order->kind == CallKind::Resume &&
        record.order->claim == order.claim) {
        return;
    }
    const auto refuse = [&](StartFailure failure, const std::string& text) {
        log_line(fmt::format(
            "{}: resume of claim {} refused: {}", label(record), order.claim.value(), text));
        outbox_.send(vm_protocol::Resumed{order.vm, order.claim, failure, text});
    };
    if (record.destruction) return refuse(StartFailure::Libvirt, "it is being destroyed");
    if (record.order) return refuse(StartFailure::Libvirt, "another order for it is under way");
    if (now >= order.valid_until) {
        return refuse(StartFailure::Lease, "the order ran out on its way");
    }
    if (!is_connected()) {
        return refuse(StartFailure::Libvirt, "no connection to libvirt: " + lost_text_);
    }
    record.order = VmOrder{.kind = CallKind::Resume,
                           .claim = order.claim,
                           .session = session_,
                           .since = now,
                           .text = {}};
    record.touched_at = now;
    hypervisor_.resume(order.vm, order.claim, order.valid_until);
}

void VmManager::obey(const vm_protocol::Destroy& order, Instant now) {
    VmRecord& record = record_of(order.vm);
    if (record.destruction && now >= record.destruction->grace_until) return;
    log_line(fmt::format("{}: destroying", label(record)));
    record.destruction = VmDestruction{.since = now, .next_call = now};
    record.touched_at = now;
    processes_.look();
    settle_destruction(record, now);
}

void VmManager::obey(const vm_protocol::Shutdown& order, Instant now) {
    VmRecord& record = record_of(order.vm);
    if (record.destruction) return;
    log_line(fmt::format("{}: asking its guest to shut down, for up to {} s",
                         label(record),
                         std::chrono::ceil<seconds>(order.until - now).count()));
    record.destruction = VmDestruction{
        .grace_until = order.until, .since = std::max(now, order.until), .next_call = now};
    record.touched_at = now;
    processes_.look();
    settle_destruction(record, now);
}

// The guest has time left: it is asked, and nothing is done to it.
void VmManager::ask_guest(VmRecord& record, Instant now) {
    VmDestruction& destruction = *record.destruction;
    if (!is_connected() || destruction.call_unanswered || now < destruction.next_call) return;
    destruction.call_unanswered = true;
    destruction.next_call = now + kAskInterval;
    hypervisor_.shutdown(record.vm);
}

void VmManager::take(const CallEnded& report, Instant now) {
    VmRecord& record = record_of(report.vm);
    record.touched_at = now;
    request_read(record, now);
    if (report.kind == CallKind::Destroy || report.kind == CallKind::Shutdown) {
        if (!record.destruction) return;
        record.destruction->call_unanswered = false;
        if (report.outcome != CallOutcome::Done) {
            log_line(fmt::format("{}: {}: {}", label(record), kind_name(report.kind), report.text));
        }
        return;
    }
    const bool is_its =
        record.order && record.order->kind == report.kind && record.order->claim == report.claim;
    if (!is_its) return;
    if (report.kind == CallKind::Start) {
        on_start_ended(record, report, now);
    } else {
        on_resume_ended(record, report, now);
    }
    // A start that won against the destruction is destroyed, too.
    if (record.destruction) {
        record.destruction->next_call = now;
        record.destruction->proved_off = false;
    }
}

void VmManager::on_start_ended(VmRecord& record, const CallEnded& report, Instant now) {
    VmOrder& order = *record.order;
    processes_.look();
    order.text = report.text;
    switch (report.outcome) {
        case CallOutcome::Done:
            if (!report.text.empty()) {
                order.phase = VmOrder::Phase::Verifying;
                return;
            }
            record.state = VmRunState::Paused;
            record.power = DomainPower::Paused;
            record.stop_cause.reset();
            return answer(record, StartFailure::None, "");
        case CallOutcome::Refused:
        case CallOutcome::Late:
            order.phase = VmOrder::Phase::Failing;
            order.failure =
                report.outcome == CallOutcome::Late ? StartFailure::Lease : StartFailure::Libvirt;
            return settle_order(record, now);
        case CallOutcome::Unknown:
            order.phase = VmOrder::Phase::Unknown;
            log_line(
                fmt::format("{}: libvirt was lost during its start: {}. Not known yet whether it "
                            "runs. [HF-6040]",
                            label(record),
                            report.text));
            return drop_connection(report.text, now);
    }
}

void VmManager::on_resume_ended(VmRecord& record, const CallEnded& report, Instant now) {
    switch (report.outcome) {
        case CallOutcome::Done:
            marks_.clear(record.vm);
            record.state = VmRunState::Running;
            record.power = DomainPower::Running;
            return answer(record, StartFailure::None, report.text);
        case CallOutcome::Refused: return answer(record, StartFailure::Libvirt, report.text);
        case CallOutcome::Late: return answer(record, StartFailure::Lease, report.text);
        case CallOutcome::Unknown:
            record.order->phase = VmOrder::Phase::Unknown;
            log_line(
                fmt::format("{}: libvirt was lost during its resume: {}. Not known yet whether it "
                            "runs. [HF-6041]",
                            label(record),
                            report.text));
            return drop_connection(report.text, now);
    }
}

// `text` is a copy: it usually lies in the order that ends here.
void VmManager::answer(VmRecord& record, StartFailure failure, std::string text) {
    const VmOrder order = *std::exchange(record.order, std::nullopt);
    const bool failed = failure != StartFailure::None;
    log_line(fmt::format("{}: {} of claim {} {}{}{}",
                         label(record),
                         kind_name(order.kind),
                         order.claim.value(),
                         failed ? "failed" : "done",
                         text.empty() ? "" : ": ",
                         text));
    if (record.destruction) return;  // only Gone tells the end of it
    if (order.kind == CallKind::Resume) {
        outbox_.send(vm_protocol::Resumed{record.vm, order.claim, failure, std::move(text)});
        return;
    }
    if (failed && record.power == DomainPower::Off) marks_.clear(record.vm);
    record.started_session = failed ? 0 : order.session;
    outbox_.send(vm_protocol::Started{record.vm, order.claim, failure, std::move(text)});
}

void VmManager::settle_order(VmRecord& record, Instant now) {
    VmOrder& order = *record.order;
    const bool lives = processes_.lives(record.vm);
    const bool is_active = record.power != DomainPower::Off;
    if (now - order.since >= kSlowCall && !std::exchange(order.delay_said, true)) {
        log_line(fmt::format("{}: no outcome of its {} after {} s [HF-6042]",
                             label(record),
                             kind_name(order.kind),
                             std::chrono::duration_cast<seconds>(now - order.since).count()));
    }
    switch (order.phase) {
        case VmOrder::Phase::Calling: return;
        case VmOrder::Phase::Failing:
            // Until its last process is gone a failed start has not ended.
            if (!lives) answer(record, order.failure, order.text);
            return;
        case VmOrder::Phase::Verifying:
        case VmOrder::Phase::Unknown: break;
    }
    // Only what was read since counts, and for a lost call only what was read on a later connection.
    if (record.reading || !is_connected() || record.read_connection != connection_) return;
    if (order.phase == VmOrder::Phase::Unknown && connected_at_ <= order.since) return;
    const bool is_settled_off =
        !is_active && !lives && (order.phase == VmOrder::Phase::Verifying || is_settled(now));
    if (order.kind == CallKind::Start) {
        if (is_active) {
            const bool is_half_started = is_paused(record.power) && marks_.has(record.vm);
            record.state = is_half_started ? VmRunState::Paused : run_state(record.power);
            if (!is_half_started) marks_.clear(record.vm);
            order.session = 0;  // so that the picture goes out before the answer
            announce(record);
            answer(record, StartFailure::None, order.text);
        } else if (is_settled_off) {
            answer(record, StartFailure::Libvirt, order.text);
        }
        return;
    }
    if (record.power == DomainPower::Running) {
        marks_.clear(record.vm);
        record.state = VmRunState::Running;
        answer(record, StartFailure::None, order.text);
    } else if (is_settled(now)) {
        answer(record, StartFailure::Libvirt, order.text);
    }
}

void VmManager::settle_destruction(VmRecord& record, Instant now) {
    VmDestruction& destruction = *record.destruction;
    const bool lives = processes_.lives(record.vm);
    if (now < destruction.grace_until && (lives || record.power != DomainPower::Off)) {
        return ask_guest(record, now);
    }
    if (destruction.grace_until != kNotYet && now >= destruction.grace_until) {
        log_line(fmt::format("{}: its guest did not shut down in time: destroying", label(record)));
        destruction.grace_until = kNotYet;
        destruction.next_call = now;
    }
    if (lives && (!is_connected() || now - destruction.since >= kPatience)) {
        const int count = processes_.kill(record.vm);
        if (count > 0 && !std::exchange(destruction.killed, true)) {
            log_line(fmt::format("{}: killed {} QEMU process(es) that libvirt did not end in time",
                                 label(record),
                                 count));
        }
    }
    const bool may_be_active = lives || record.power != DomainPower::Off || !destruction.proved_off;
    if (may_be_active && is_connected() && !destruction.call_unanswered &&
        now >= destruction.next_call) {
        destruction.call_unanswered = true;
        destruction.next_call = now + kDestroyInterval;
        hypervisor_.destroy(record.vm);
    }
    if (lives || record.order) {
        destruction.proved_off = false;
        return;
    }
    if (is_connected() && !destruction.proved_off) {
        if (!destruction.proof_wanted && !record.reading) {
            destruction.proof_wanted = true;
            request_read(record, now);
        }
        return;
    }
    // Without libvirtd nothing can be started.  One that only does not answer may still start something.
    if (!is_connected() && !refused_) return;
    if (is_connected() && marks_.is_inherited(record.vm) && !is_settled(now)) return;

    log_line(fmt::format("{}: gone", label(record)));
    record.destruction.reset();
    record.stop_pending = false;
    record.stop_cause.reset();
    record.state = VmRunState::Off;
    record.power = DomainPower::Off;
    record.started_session = 0;
    marks_.clear(record.vm);
    outbox_.send(vm_protocol::Gone{record.vm});
    if (record.is_known) announce(record);
}

bool VmManager::is_settled(Instant now) const {
    return is_connected() && now - connected_at_ >= kSettleTime;
}

}  // namespace holdfast
