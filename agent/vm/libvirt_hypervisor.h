// LibvirtHypervisor: the Hypervisor on libvirt's C API.
//
// Three kinds of threads: the main thread makes requests; workers hold the blocking conversations (libvirt_calls.h);
// one event thread runs libvirt's loop for the life of the process.  All of them only put reports into the queue.
//
// One connection carries events and keepalives; it stands for "connected".  Each worker talks on a connection of its
// own: the client of libvirt 9.0 was seen to crash (inside glib) when libvirtd was killed while several threads had
// calls on one connection.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include <libvirt/libvirt.h>

#include "agent/vm/hypervisor.h"
#include "agent/vm/libvirt_calls.h"
#include "agent/vm/report_queue.h"
#include "agent/vm/worker_pool.h"

namespace holdfast {

class LibvirtHypervisor final : public Hypervisor {
  public:
    // Registers libvirt's event loop and starts its thread, once a process.  `reports` outlives the process's threads.
    LibvirtHypervisor(std::string uri, ReportQueue& reports);
    LibvirtHypervisor(const LibvirtHypervisor&) = delete;
    LibvirtHypervisor& operator=(const LibvirtHypervisor&) = delete;
    ~LibvirtHypervisor() override;

    void connect() override;
    void list() override;
    void read(const VmId& vm) override;
    void start(StartRequest request) override;
    void resume(const VmId& vm, ClaimNumber claim, Instant valid_until) override;
    void destroy(const VmId& vm) override;
    void shutdown(const VmId& vm) override;
    void forget(ConnectionNumber number) override;

    [[nodiscard]] const WorkerPool& workers() const { return workers_; }

  private:
    struct Connection;
    using ConnectionPtr = std::shared_ptr<Connection>;

    static ConnectionPtr open(const std::string& uri,
                              ConnectionNumber number,
                              ReportQueue& reports,
                              std::string* error);
    void call(CallKind kind,
              const VmId& vm,
              ClaimNumber claim,
              std::function<CallResult(virConnect*)> body);
    // Runs `body` in a worker with its connection; `on_error` where there is none.
    void converse(std::function<void(virConnect*)> body,
                  std::function<void(const std::string& error)> on_error);

    std::string uri_;
    ReportQueue& reports_;
    WorkerPool workers_;
    ConnectionNumber last_number_ = 0;
    // Set by the worker that opened it, taken away by forget().
    std::atomic<ConnectionPtr> connection_;
};

}  // namespace holdfast
