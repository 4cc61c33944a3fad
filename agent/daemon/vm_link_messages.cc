// What holdfast-vm says, and what the engine orders: the translating half of VmLink.
#include <utility>

#include "agent/daemon/clock.h"
#include "agent/daemon/vm_link.h"
#include "agent/text.h"

namespace holdfast {

void VmLink::on(const vm_protocol::Hello& /*message*/) {
    list_said_ = false;
    list_reported_ = false;
    listed_.clear();
    directory_changed_ = true;
}

void VmLink::on(vm_protocol::DomainSeen& message) {
    const VmId vm = message.spec.vm;
    if (vm.is_none()) return;
    listed_.insert(vm);
    directory_changed_ = true;
    Domain& domain = domains_[vm];
    const XmlRef wanted = message.spec.xml;
    std::vector<std::uint8_t> xml = std::move(message.xml);
    domain.seen = std::move(message);
    domain.reported = false;
    if (!domain.seen.protectable) {
        domain.stored = XmlRef{};
        // A migration may bring it, or this host may claim it from the time when it was protected.
        VmSpec spec;
        spec.vm = vm;
        spec.name = domain.seen.spec.name;
        if (domain.seen.state != VmRunState::Off) report(VmSeen{spec, domain.seen.state, true});
        return;
    }
    // Kept until it is stored, and afterwards for a start of this VM on this host.
    domain.seen.xml = xml;
    store_.store(vm, wanted, std::move(xml));
}

void VmLink::on(const vm_protocol::DomainUndefined& message) {
    domains_.erase(message.vm);
    directory_changed_ = true;
}

void VmLink::on(const vm_protocol::ListComplete& /*message*/) {
    list_said_ = true;
    // A domain that the new list does not hold is not there any more.
    std::erase_if(domains_, [this](const auto& entry) { return !listed_.contains(entry.first); });
    listed_.clear();
    directory_changed_ = true;
}

void VmLink::on(const vm_protocol::Stopped& message) {
    report(VmStopped{message.vm, message.cause});
}

void VmLink::on(const vm_protocol::Started& message) {
    const auto found = starts_.find(message.vm);
    // One that is to fail when its VM is gone is answered by Gone.
    if (found != starts_.end() && found->second.fail_on_gone) return;
    if (found != starts_.end() && found->second.order.claim == message.claim) starts_.erase(found);
    if (message.failure != StartFailure::None) {
        sink_.say(MessageId::VmCallFailed,
                  {uuid_text(message.vm), "start: " + printable(message.text)});
    }
    report(VmStarted{message.vm, message.claim, message.failure});
}

void VmLink::on(const vm_protocol::Resumed& message) {
    const auto found = resumes_.find(message.vm);
    if (found != resumes_.end() && found->second.claim == message.claim) resumes_.erase(found);
    if (message.failure != StartFailure::None) {
        sink_.say(MessageId::VmCallFailed,
                  {uuid_text(message.vm), "resume: " + printable(message.text)});
    }
    report(VmResumed{message.vm, message.claim, message.failure});
}

void VmLink::on(const vm_protocol::Gone& message) {
    const bool ordered = destroys_.erase(message.vm) + shutdowns_.erase(message.vm) > 0;
    resumes_.erase(message.vm);
    const auto found = starts_.find(message.vm);
    if (found != starts_.end() && found->second.ticket == 0) {
        const ClaimNumber claim = found->second.order.claim;
        const bool lost = found->second.fail_on_gone;
        starts_.erase(found);
        if (lost) report(VmStarted{message.vm, claim, StartFailure::Libvirt});
        if (lost && !ordered) return;
    }
    report(VmGone{message.vm});
}

void VmLink::on(const vm_protocol::CapacitySeen& message) {
    report(CapacityReport{message.capacity});
}

void VmLink::on(const vm_protocol::LibvirtState& message) {
    if (message.connected != libvirt_connected_ || !message.connected) {
        if (message.connected) {
            sink_.say(MessageId::LibvirtUp, {});
        } else if (!message.text.empty()) {  // empty: holdfast-vm has not tried yet
            sink_.say(MessageId::LibvirtDown, {printable(message.text)});
        }
    }
    libvirt_connected_ = message.connected;
    directory_changed_ = true;
}

void VmLink::on(const vm_protocol::Fenced& message) {
    const auto found = fences_.find(message.host);
    if (found != fences_.end() && found->second == message.request) fences_.erase(found);
    if (!message.text.empty()) {
        sink_.say(MessageId::FenceProgramSaid,
                  {std::to_string(message.host.value()), printable(message.text)});
    }
    report(FenceAnswered{message.host, message.request, message.off, message.power});
}

void VmLink::order(const FenceHost& order) {
    if (!connection_) {
        report(FenceAnswered{order.host, order.request, FenceReply::NotRun, PowerState::Unknown});
        return;
    }
    fences_[order.host] = order.request;
    send(vm_protocol::Fence{order.host, order.task, order.request, order.valid_until});
}

void VmLink::order(const StartVm& order) {
    if (!connection_) {
        report(VmStarted{order.spec.vm, order.claim, StartFailure::Libvirt});
        return;
    }
    // The XML of a VM that libvirt knows here is at hand when it is the one that the order names.
    const auto known = domains_.find(order.spec.vm);
    if (known != domains_.end() && !known->second.seen.xml.empty() &&
        (order.spec.xml.is_none() || known->second.seen.spec.xml.crc32c == order.spec.xml.crc32c)) {
        send_start(order, known->second.seen.xml);
        return;
    }
    if (order.spec.xml.is_none()) {
        sink_.say(MessageId::XmlUnreadable,
                  {order.spec.name.view(), "no host", "the order names no XML."});
        report(VmStarted{order.spec.vm, order.claim, StartFailure::Xml});
        return;
    }
    const std::uint64_t ticket = store_.fetch(order.spec.xml, order.valid_until);
    starts_[order.spec.vm] = Start{order, ticket, false};
}

void VmLink::send_start(const StartVm& order, std::vector<std::uint8_t> xml) {
    if (boottime_now() >= order.valid_until) {
        report(VmStarted{order.spec.vm, order.claim, StartFailure::Lease});
        return;
    }
    if (!connection_) {
        report(VmStarted{order.spec.vm, order.claim, StartFailure::Libvirt});
        return;
    }
    starts_[order.spec.vm] = Start{order, 0, false};
    send(vm_protocol::Start{order.spec, order.claim, order.valid_until, std::move(xml)});
}

void VmLink::order(const ResumeVm& order) {
    if (!connection_) {
        report(VmResumed{order.vm, order.claim, StartFailure::Libvirt});
        return;
    }
    resumes_[order.vm] = order;
    send(vm_protocol::Resume{order.vm, order.claim, order.valid_until});
}

void VmLink::order(const DestroyVm& order) {
    // A start whose XML is still being fetched has not begun, and never will.
    const auto found = starts_.find(order.vm);
    if (found != starts_.end() && found->second.ticket != 0) starts_.erase(found);
    destroys_.insert(order.vm);
    shutdowns_.erase(order.vm);
    if (connection_) send(vm_protocol::Destroy{order.vm});
}

void VmLink::order(const ShutdownVm& order) {
    const Instant until = boottime_now() + order.limit;
    shutdowns_[order.vm] = until;
    if (connection_) send(vm_protocol::Shutdown{order.vm, until});
}

void VmLink::report_seen(Domain& domain) {
    VmSpec spec = domain.seen.spec;
    spec.xml = domain.stored;
    domain.reported = true;
    report(VmSeen{spec, domain.seen.state});
}

void VmLink::complete_list_if_ready() {
    if (!list_said_ || list_reported_) return;
    for (const auto& [vm, domain] : domains_) {
        if (domain.seen.protectable && !domain.reported) return;
    }
    list_reported_ = true;
    directory_changed_ = true;
    report(VmListComplete{});
}

}  // namespace holdfast
