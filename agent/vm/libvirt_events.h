// LibvirtEvents: what libvirt tells unasked on one connection, as reports.
//
// subscribe() and unsubscribe() block; callbacks run in libvirt's event thread and only put reports.
#pragma once

#include <memory>

#include <libvirt/libvirt.h>

#include "agent/vm/hypervisor.h"
#include "agent/vm/report_queue.h"

namespace holdfast {

class LibvirtEvents {
  public:
    LibvirtEvents(virConnect* handle, ConnectionNumber number, ReportQueue& reports);

    // False: libvirt refused, see its last error.
    [[nodiscard]] bool subscribe();

    void unsubscribe();

  private:
    int register_event(int event, virConnectDomainEventGenericCallback callback);

    virConnect* handle_;
    ConnectionNumber number_;
    ReportQueue& reports_;
    int lifecycle_ = -1;
    int metadata_ = -1;
    int agent_ = -1;
    bool close_ = false;
};

// Why a domain stopped, from the detail of VIR_DOMAIN_EVENT_STOPPED.
[[nodiscard]] StopCause cause_of_stop(int detail);

}  // namespace holdfast
