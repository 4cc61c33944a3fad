#include "agent/vm/libvirt_hypervisor.h"

#include <cerrno>
#include <fmt/format.h>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "agent/vm/libvirt_calls.h"
#include "agent/vm/libvirt_events.h"
#include "agent/vm/libvirt_handle.h"

namespace holdfast {
namespace {

constexpr std::size_t kWorkersMax = 24;
constexpr int kKeepaliveIntervalS = 5;
constexpr unsigned kKeepaliveCount = 3;

void run_event_loop_once_a_process() {
    static std::once_flag once;
    std::call_once(once, [] {
        virInitialize();
        virSetErrorFunc(nullptr,
                        [](void* /*data*/, virErrorPtr /*error*/) {});  // libvirt prints otherwise
        virEventRegisterDefaultImpl();
        std::thread([] {
            for (;;) virEventRunDefaultImpl();
        }).detach();
    });
}

}  // namespace

// Closed by a worker or whoever lets go last; what still runs on it ends with an error.
struct LibvirtHypervisor::Connection {
    Connection(virConnect* opened, ConnectionNumber its_number, ReportQueue& reports)
        : handle(opened), number(its_number), events(opened, its_number, reports) {}

    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    ~Connection() {
        events.unsubscribe();
        virConnectClose(handle);
    }

    virConnect* handle;
    ConnectionNumber number;
    LibvirtEvents events;
};

LibvirtHypervisor::LibvirtHypervisor(std::string uri, ReportQueue& reports)
    : uri_(std::move(uri)), reports_(reports), workers_(kWorkersMax) {
    run_event_loop_once_a_process();
}

LibvirtHypervisor::~LibvirtHypervisor() = default;

void LibvirtHypervisor::connect() {
    const ConnectionNumber number = ++last_number_;
    workers_.post([this, number] {
        std::string error;
        virResetLastError();
        ConnectionPtr opened = open(uri_, number, reports_, &error);
        if (opened == nullptr) {
            // libvirt passes on the errno of a socket that nobody serves.
            const virError* last = virGetLastError();
            const bool refused = last != nullptr && last->code == VIR_ERR_SYSTEM_ERROR &&
                                 (last->int1 == ECONNREFUSED || last->int1 == ENOENT);
            reports_.put(ConnectionLost{number, refused, error});
            return;
        }
        connection_.store(std::move(opened));
        reports_.put(ConnectionOpened{number});
    });
}

LibvirtHypervisor::ConnectionPtr LibvirtHypervisor::open(const std::string& uri,
                                                         ConnectionNumber number,
                                                         ReportQueue& reports,
                                                         std::string* error) {
    virConnect* handle = virConnectOpen(uri.c_str());
    if (handle == nullptr) {
        *error = last_libvirt_error();
        return nullptr;
    }
    auto connection = std::make_shared<Connection>(handle, number, reports);
    // Events first, then the list: nothing that happens in between is missed.
    if (!connection->events.subscribe()) {
        *error = "no events: " + last_libvirt_error();
        return nullptr;
    }
    // The test driver has no keepalive, and nothing to keep alive.
    virConnectSetKeepAlive(handle, kKeepaliveIntervalS, kKeepaliveCount);
    return connection;
}

void LibvirtHypervisor::forget(ConnectionNumber number) {
    ConnectionPtr connection = connection_.load();
    if (connection == nullptr || connection->number != number) return;
    connection_.store(nullptr);
    // Unsubscribing and closing talk to libvirtd, which may hang.
    workers_.post([held = std::move(connection)]() mutable { held.reset(); });
}

void LibvirtHypervisor::list() {
    workers_.post([this, connection = connection_.load()] {
        if (connection == nullptr) return;
        Result<DomainsListed> listed = list_domains(connection->handle);
        if (listed) {
            listed->connection = connection->number;
            reports_.put(std::move(*listed));
        } else {
            reports_.put(ConnectionLost{
                connection->number, false, "cannot list domains: " + listed.error().text});
        }
    });
}

void LibvirtHypervisor::read(const VmId& vm) {
    workers_.post([this, vm, connection = connection_.load()] {
        if (connection == nullptr) return;
        Result<std::optional<DomainSnapshot>> snapshot = read_domain(connection->handle, vm);
        if (snapshot) {
            reports_.put(DomainRead{connection->number, vm, std::move(*snapshot)});
        } else {
            reports_.put(ConnectionLost{
                connection->number, false, "cannot read a domain: " + snapshot.error().text});
        }
    });
}

void LibvirtHypervisor::start(StartRequest request) {
    const VmId vm = request.vm;
    const ClaimNumber claim = request.claim;
    call(CallKind::Start,
         vm,
         claim,
         [this, request = std::move(request)](const ConnectionPtr& connection) {
             CallResult result = start_domain(connection->handle, request);
             reports_.put(CallEnded{CallKind::Start,
                                    request.vm,
                                    request.claim,
                                    result.outcome,
                                    std::move(result.text)});
         });
}

void LibvirtHypervisor::resume(const VmId& vm, ClaimNumber claim, Instant valid_until) {
    call(CallKind::Resume,
         vm,
         claim,
         [this, vm, claim, valid_until](const ConnectionPtr& connection) {
             CallResult result = resume_domain(connection->handle, vm, valid_until);
             reports_.put(
                 CallEnded{CallKind::Resume, vm, claim, result.outcome, std::move(result.text)});
         });
}

void LibvirtHypervisor::destroy(const VmId& vm) {
    call(CallKind::Destroy, vm, ClaimNumber{}, [this, vm](const ConnectionPtr& connection) {
        CallResult result = destroy_domain(connection->handle, vm);
        reports_.put(CallEnded{
            CallKind::Destroy, vm, ClaimNumber{}, result.outcome, std::move(result.text)});
    });
}

void LibvirtHypervisor::call(CallKind kind,
                             const VmId& vm,
                             ClaimNumber claim,
                             std::function<void(const ConnectionPtr&)> body) {
    ConnectionPtr connection = connection_.load();
    if (connection == nullptr) {
        reports_.put(CallEnded{kind, vm, claim, CallOutcome::Refused, "no connection to libvirt"});
        return;
    }
    workers_.post(
        [connection = std::move(connection), body = std::move(body)] { body(connection); });
}

}  // namespace holdfast
