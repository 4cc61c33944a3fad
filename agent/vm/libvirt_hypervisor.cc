#include "agent/vm/libvirt_hypervisor.h"

#include <cerrno>
#include <fmt/format.h>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

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

// A worker's own connection to libvirt, opened again whenever the one that stands for "connected" is another one.
class WorkerConnection {
  public:
    WorkerConnection() = default;
    WorkerConnection(const WorkerConnection&) = delete;
    WorkerConnection& operator=(const WorkerConnection&) = delete;

    ~WorkerConnection() { close(); }

    // Null, and the reason, where libvirt does not answer.
    virConnect* get(const std::string& uri, ConnectionNumber number, std::string* error) {
        if (handle_ != nullptr && (number != number_ || virConnectIsAlive(handle_) != 1)) close();
        if (handle_ == nullptr) handle_ = virConnectOpen(uri.c_str());
        if (handle_ == nullptr) *error = last_libvirt_error();
        number_ = number;
        return handle_;
    }

  private:
    void close() {
        if (handle_ != nullptr) virConnectClose(handle_);
        handle_ = nullptr;
    }

    virConnect* handle_ = nullptr;
    ConnectionNumber number_ = 0;
};

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
        converse(learn_emulator, [](const std::string& /*error*/) {});
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
    const ConnectionPtr connection = connection_.load();
    if (connection == nullptr) return;
    const auto lost = [this, number = connection->number](const std::string& error) {
        reports_.put(ConnectionLost{number, false, "cannot list domains: " + error});
    };
    converse(
        [this, lost, number = connection->number](virConnect* handle) {
            Result<DomainsListed> listed = list_domains(handle);
            if (!listed) return lost(listed.error().text);
            listed->connection = number;
            reports_.put(std::move(*listed));
        },
        lost);
}

void LibvirtHypervisor::read(const VmId& vm) {
    const ConnectionPtr connection = connection_.load();
    if (connection == nullptr) return;
    const auto lost = [this, number = connection->number](const std::string& error) {
        reports_.put(ConnectionLost{number, false, "cannot read a domain: " + error});
    };
    converse(
        [this, lost, vm, number = connection->number](virConnect* handle) {
            Result<std::optional<DomainSnapshot>> snapshot = read_domain(handle, vm);
            if (!snapshot) return lost(snapshot.error().text);
            reports_.put(DomainRead{number, vm, std::move(*snapshot)});
        },
        lost);
}

void LibvirtHypervisor::start(StartRequest request) {
    const VmId vm = request.vm;
    const ClaimNumber claim = request.claim;
    call(CallKind::Start, vm, claim, [request = std::move(request)](virConnect* handle) {
        return start_domain(handle, request);
    });
}

void LibvirtHypervisor::resume(const VmId& vm, ClaimNumber claim, Instant valid_until) {
    call(CallKind::Resume, vm, claim, [vm, valid_until](virConnect* handle) {
        return resume_domain(handle, vm, valid_until);
    });
}

void LibvirtHypervisor::destroy(const VmId& vm) {
    call(CallKind::Destroy, vm, ClaimNumber{}, [vm](virConnect* handle) {
        return destroy_domain(handle, vm);
    });
}

void LibvirtHypervisor::shutdown(const VmId& vm) {
    call(CallKind::Shutdown, vm, ClaimNumber{}, [vm](virConnect* handle) {
        return shutdown_domain(handle, vm);
    });
}

void LibvirtHypervisor::call(CallKind kind,
                             const VmId& vm,
                             ClaimNumber claim,
                             std::function<CallResult(virConnect*)> body) {
    const auto refused = [this, kind, vm, claim](const std::string& error) {
        reports_.put(CallEnded{kind, vm, claim, CallOutcome::Refused, error});
    };
    if (connection_.load() == nullptr) return refused("no connection to libvirt");
    converse(
        [this, kind, vm, claim, body = std::move(body)](virConnect* handle) {
            CallResult result = body(handle);
            reports_.put(CallEnded{kind, vm, claim, result.outcome, std::move(result.text)});
        },
        refused);
}

void LibvirtHypervisor::converse(std::function<void(virConnect*)> body,
                                 std::function<void(const std::string& error)> on_error) {
    const ConnectionPtr connection = connection_.load();
    const ConnectionNumber number = connection == nullptr ? 0 : connection->number;
    workers_.post([uri = uri_, number, body = std::move(body), on_error = std::move(on_error)] {
        thread_local WorkerConnection own;
        std::string error;
        virConnect* handle = own.get(uri, number, &error);
        if (handle == nullptr) return on_error(error);
        body(handle);
    });
}

}  // namespace holdfast
