#include "agent/vm/libvirt_calls.h"

#include <memory>
#include <utility>

#include "agent/vm/boot_clock.h"
#include "agent/vm/domain_xml.h"
#include "agent/vm/host_networks.h"
#include "agent/vm/libvirt_handle.h"

namespace holdfast {
namespace {

constexpr unsigned kNextStartXml = VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_INACTIVE;
constexpr const char* kAgentChannel = "org.qemu.guest_agent.0";

// After a failed call: did libvirt say no, or did we only stop hearing it?
CallResult explain_failure(virConnect* connection) {
    CallResult result{CallOutcome::Refused, last_libvirt_error()};
    const virError* error = virGetLastError();
    const bool from_transport = error != nullptr && error->domain == VIR_FROM_RPC;
    if (from_transport || virConnectIsAlive(connection) != 1) result.outcome = CallOutcome::Unknown;
    return result;
}

DomainPower power_of(virDomain* domain) {
    // Not by virDomainGetJobInfo(): on the target of a migration that waits until it ends.
    if (virDomainIsActive(domain) != 1) return DomainPower::Off;
    int state = VIR_DOMAIN_NOSTATE;
    int reason = 0;
    if (virDomainGetState(domain, &state, &reason, 0) != 0) return DomainPower::Running;
    switch (state) {
        case VIR_DOMAIN_PAUSED: return power_of_paused(reason);
        case VIR_DOMAIN_SHUTOFF: return DomainPower::Off;
        default: return DomainPower::Running;
    }
}

std::optional<DomainSnapshot> snapshot_of(virDomain* domain) {
    const std::optional<VmId> vm = id_of(domain);
    if (!vm) return std::nullopt;
    DomainSnapshot snapshot;
    snapshot.vm = *vm;
    snapshot.name = virDomainGetName(domain);
    snapshot.persistent = virDomainIsPersistent(domain) == 1;
    snapshot.power = power_of(domain);
    if (snapshot.persistent) {
        const TextPtr xml(virDomainGetXMLDesc(domain, kNextStartXml));
        if (xml == nullptr) return std::nullopt;
        snapshot.xml = xml.get();
    }
    // Which of them have such a channel at all costs no second XML.
    if (snapshot.power == DomainPower::Running &&
        snapshot.xml.find(kAgentChannel) != std::string::npos) {
        const TextPtr live(virDomainGetXMLDesc(domain, 0));
        snapshot.guest_agent_up = live != nullptr && guest_agent_is_up(live.get());
    }
    return snapshot;
}

bool is_defined_as(virDomain* domain, const std::string& xml) {
    if (virDomainIsPersistent(domain) != 1) return false;
    const TextPtr here(virDomainGetXMLDesc(domain, kNextStartXml));
    return here != nullptr && xml == here.get();
}

HostNetworks networks_of_host(virConnect* connection) {
    virNetworkPtr* found = nullptr;
    const int count =
        virConnectListAllNetworks(connection, &found, VIR_CONNECT_LIST_NETWORKS_ACTIVE);
    if (count < 0) return {};
    const std::unique_ptr<virNetworkPtr, void (*)(void*)> list(found, std::free);
    std::vector<std::string> names;
    for (int i = 0; i < count; ++i) {
        names.emplace_back(virNetworkGetName(found[i]));
        virNetworkFree(found[i]);
    }
    return hash_networks(interfaces_of_host(), names);
}

}  // namespace

DomainPower power_of_paused(int reason) {
    switch (reason) {
        case VIR_DOMAIN_PAUSED_MIGRATION:
        case VIR_DOMAIN_PAUSED_STARTING_UP: return DomainPower::Moving;
        case VIR_DOMAIN_PAUSED_POSTCOPY:
        case VIR_DOMAIN_PAUSED_POSTCOPY_FAILED: return DomainPower::PostCopy;
        default: return DomainPower::Paused;
    }
}

Result<DomainsListed> list_domains(virConnect* connection) {
    virDomainPtr* found = nullptr;
    const int count = virConnectListAllDomains(connection, &found, 0);
    if (count < 0) return Unexpected{Error{0, last_libvirt_error()}};
    std::vector<DomainPtr> domains;
    domains.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) domains.emplace_back(found[i]);
    const std::unique_ptr<virDomainPtr, void (*)(void*)> list(found, std::free);

    DomainsListed listed;
    for (const DomainPtr& domain : domains) {
        std::optional<DomainSnapshot> snapshot = snapshot_of(domain.get());
        // One that went away between the list and the look is not there; everything else spoils the list.
        if (!snapshot && last_libvirt_code() != VIR_ERR_NO_DOMAIN) {
            return Unexpected{Error{0, last_libvirt_error()}};
        }
        if (snapshot) listed.domains.push_back(std::move(*snapshot));
    }
    virNodeInfo node{};
    if (virNodeGetInfo(connection, &node) != 0) return Unexpected{Error{0, last_libvirt_error()}};
    listed.memory_kib = node.memory;
    listed.cpus = node.cpus;
    listed.networks = networks_of_host(connection);
    return listed;
}

Result<std::optional<DomainSnapshot>> read_domain(virConnect* connection, const VmId& vm) {
    const DomainPtr domain = find_domain(connection, vm);
    if (domain != nullptr) {
        std::optional<DomainSnapshot> snapshot = snapshot_of(domain.get());
        if (snapshot) return snapshot;
    }
    if (last_libvirt_code() == VIR_ERR_NO_DOMAIN) return std::optional<DomainSnapshot>{};
    return Unexpected{Error{0, last_libvirt_error()}};
}

void learn_emulator(virConnect* connection) {
    const TextPtr unread(
        virConnectGetDomainCapabilities(connection, nullptr, nullptr, nullptr, nullptr, 0));
}

CallResult start_domain(virConnect* connection, const StartRequest& request) {
    DomainPtr domain = find_domain(connection, request.vm);
    if (domain == nullptr && last_libvirt_code() != VIR_ERR_NO_DOMAIN) {
        return {CallOutcome::Refused, last_libvirt_error()};
    }
    if (domain != nullptr && virDomainIsActive(domain.get()) == 1) {
        return {CallOutcome::Done, "was active already"};
    }
    if (domain == nullptr || !is_defined_as(domain.get(), request.xml)) {
        domain.reset(virDomainDefineXML(connection, request.xml.c_str()));
        // Defining starts nothing, so its outcome does not matter once it failed.
        if (domain == nullptr) {
            return {CallOutcome::Refused, "cannot define it: " + last_libvirt_error()};
        }
    }
    unsigned flags = VIR_DOMAIN_START_PAUSED;
    // The save was made by an older life of the VM; its disks have moved on since.
    if (virDomainHasManagedSaveImage(domain.get(), 0) == 1) flags |= VIR_DOMAIN_START_FORCE_BOOT;
    if (boot_now() >= request.valid_until) {
        return {CallOutcome::Late, "the order ran out before libvirt was asked"};
    }
    if (virDomainCreateWithFlags(domain.get(), flags) == 0) return {};
    CallResult failure = explain_failure(connection);
    if (failure.outcome == CallOutcome::Refused && virDomainIsActive(domain.get()) == 1) {
        return {CallOutcome::Done, "was started by somebody else: " + failure.text};
    }
    return failure;
}

CallResult resume_domain(virConnect* connection, const VmId& vm, Instant valid_until) {
    const DomainPtr domain = find_domain(connection, vm);
    if (domain == nullptr) return {CallOutcome::Refused, last_libvirt_error()};
    if (boot_now() >= valid_until) {
        return {CallOutcome::Late, "the order ran out before libvirt was asked"};
    }
    if (virDomainResume(domain.get()) == 0) return {};
    CallResult failure = explain_failure(connection);
    if (failure.outcome == CallOutcome::Refused && power_of(domain.get()) == DomainPower::Running) {
        return {CallOutcome::Done, "ran already"};
    }
    return failure;
}

CallResult shutdown_domain(virConnect* connection, const VmId& vm) {
    const DomainPtr domain = find_domain(connection, vm);
    if (domain == nullptr) {
        if (last_libvirt_code() == VIR_ERR_NO_DOMAIN) return {};
        return explain_failure(connection);
    }
    if (virDomainIsActive(domain.get()) == 0) return {};
    if (virDomainShutdown(domain.get()) == 0) return {};
    return explain_failure(connection);
}

CallResult destroy_domain(virConnect* connection, const VmId& vm) {
    const DomainPtr domain = find_domain(connection, vm);
    if (domain == nullptr) {
        if (last_libvirt_code() == VIR_ERR_NO_DOMAIN) return {};
        return explain_failure(connection);
    }
    if (virDomainIsActive(domain.get()) == 0) return {};
    if (virDomainDestroyFlags(domain.get(), VIR_DOMAIN_DESTROY_DEFAULT) == 0) return {};
    return explain_failure(connection);
}

}  // namespace holdfast
