#include "agent/vm/libvirt_events.h"

#include <array>
#include <fmt/format.h>
#include <string>
#include <utility>

#include "agent/vm/libvirt_handle.h"

namespace holdfast {
namespace {

// Owned by libvirt once registered, so that a late callback never meets a dead object.
struct Recipient {
    Recipient(ConnectionNumber its_connection, ReportQueue& its_reports)
        : connection(its_connection), reports(its_reports) {}

    ConnectionNumber connection;
    ReportQueue& reports;
};

void free_recipient(void* recipient) {
    delete static_cast<Recipient*>(recipient);
}

const char* event_name(int event) {
    static constexpr std::array<const char*, 10> kNames = {"Defined",
                                                           "Undefined",
                                                           "Started",
                                                           "Suspended",
                                                           "Resumed",
                                                           "Stopped",
                                                           "Shutdown",
                                                           "PMSuspended",
                                                           "Crashed",
                                                           "Unknown"};
    return event >= 0 && event < 9 ? kNames[static_cast<std::size_t>(event)] : kNames[9];
}

const char* stop_name(int detail) {
    static constexpr std::array<const char*, 8> kNames = {"Shutdown",
                                                          "Destroyed",
                                                          "Crashed",
                                                          "Migrated",
                                                          "Saved",
                                                          "Failed",
                                                          "From snapshot",
                                                          "unknown"};
    return detail >= 0 && detail < 7 ? kNames[static_cast<std::size_t>(detail)] : kNames[7];
}

void tell_change(virDomain* domain, Recipient& recipient, DomainChanged change) {
    const std::optional<VmId> vm = id_of(domain);
    if (!vm) return;
    change.connection = recipient.connection;
    change.vm = *vm;
    recipient.reports.put(std::move(change));
}

int on_lifecycle(
    virConnect* /*handle*/, virDomain* domain, int event, int detail, void* recipient) {
    DomainChanged change;
    change.text = event_name(event);
    change.started = event == VIR_DOMAIN_EVENT_STARTED;
    if (event == VIR_DOMAIN_EVENT_STOPPED) {
        change.stopped = cause_of_stop(detail);
        change.text = fmt::format("Stopped {}", stop_name(detail));
    }
    tell_change(domain, *static_cast<Recipient*>(recipient), std::move(change));
    return 0;
}

void on_metadata(
    virConnect* /*handle*/, virDomain* domain, int /*type*/, const char* /*uri*/, void* recipient) {
    DomainChanged change;
    change.text = "Metadata changed";
    tell_change(domain, *static_cast<Recipient*>(recipient), std::move(change));
}

void on_agent(
    virConnect* /*handle*/, virDomain* domain, int state, int /*reason*/, void* recipient) {
    DomainChanged change;
    change.text = state == VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED
                      ? "Guest agent connected"
                      : "Guest agent disconnected";
    tell_change(domain, *static_cast<Recipient*>(recipient), std::move(change));
}

void on_close(virConnect* /*handle*/, int reason, void* recipient) {
    const auto& to = *static_cast<Recipient*>(recipient);
    const char* text = reason == VIR_CONNECT_CLOSE_REASON_KEEPALIVE
                           ? "libvirtd does not answer keepalives"
                           : "libvirtd closed the connection";
    to.reports.put(ConnectionLost{to.connection, false, text});
}

}  // namespace

StopCause cause_of_stop(int detail) {
    switch (detail) {
        case VIR_DOMAIN_EVENT_STOPPED_CRASHED:
        case VIR_DOMAIN_EVENT_STOPPED_FAILED: return StopCause::Crashed;
        case VIR_DOMAIN_EVENT_STOPPED_MIGRATED: return StopCause::Migrated;
        default: return StopCause::ByUser;
    }
}

LibvirtEvents::LibvirtEvents(virConnect* handle, ConnectionNumber number, ReportQueue& reports)
    : handle_(handle), number_(number), reports_(reports) {}

bool LibvirtEvents::subscribe() {
    lifecycle_ =
        register_event(VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle));
    if (lifecycle_ < 0) return false;
    // Drivers without these are served by the reconciliation.
    metadata_ =
        register_event(VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(on_metadata));
    agent_ =
        register_event(VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_agent));
    auto recipient = std::make_unique<Recipient>(number_, reports_);
    close_ =
        virConnectRegisterCloseCallback(handle_, on_close, recipient.get(), free_recipient) == 0;
    if (close_) recipient.release();  // NOLINT(bugprone-unused-return-value): libvirt owns it now
    return true;
}

int LibvirtEvents::register_event(int event, virConnectDomainEventGenericCallback callback) {
    auto recipient = std::make_unique<Recipient>(number_, reports_);
    const int id = virConnectDomainEventRegisterAny(
        handle_, nullptr, event, callback, recipient.get(), free_recipient);
    if (id >= 0) recipient.release();  // NOLINT(bugprone-unused-return-value): libvirt owns it now
    return id;
}

void LibvirtEvents::unsubscribe() {
    if (lifecycle_ >= 0) virConnectDomainEventDeregisterAny(handle_, lifecycle_);
    if (metadata_ >= 0) virConnectDomainEventDeregisterAny(handle_, metadata_);
    if (agent_ >= 0) virConnectDomainEventDeregisterAny(handle_, agent_);
    if (close_) virConnectUnregisterCloseCallback(handle_, on_close);
}

}  // namespace holdfast
