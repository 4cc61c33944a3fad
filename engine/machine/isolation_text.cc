// What is said of isolation and of its consequences, and of what keeps a VM from being restarted.
#include <array>
#include <cstdint>

#include "engine/machine/isolation.h"
#include "engine/machine/trace_writer.h"

namespace holdfast {

void no_room_text(const Trace& trace, TraceWriter& text) {
    text.add(": none of %d hosts can take it", static_cast<int>(trace.a & 0xffff));
    const char* separator = ": ";
    const auto add = [&](std::int64_t word, unsigned place, const char* reason) {
        const auto count = static_cast<unsigned>(word >> 16U * place & 0xffff);
        if (count == 0) return;
        text.add("%s%u %s", separator, count, reason);
        separator = ", ";
    };
    add(trace.b, 0, "without the memory");
    add(trace.b, 1, "out of reach of its disks");
    add(trace.a, 1, "without its networks");
    add(trace.b, 2, "running what it is kept apart from");
    add(trace.b, 3, "with too few CPUs");
}

namespace {

void waiting_text(const Trace& trace, TraceWriter& text) {
    text.vm(trace);
    if (trace.code == TraceCode::StartWaits) {
        text.add(": waits for %d VM%s that it starts after",
                 static_cast<int>(trace.a),
                 trace.a == 1 ? "" : "s");
    } else if (trace.a == 1) {
        text.add(
            ": a VM that it starts after is stopped, or in no roster; it starts without waiting");
    } else if (trace.a == 2) {
        text.add(": VMs start after one another in a circle; this one begins");
    } else if (trace.a == 4) {
        text.add(": a VM whose guest agent it waits for has none; that it runs is enough");
    } else {
        text.add(": what it starts after has not come up in time; it starts without it");
    }
}

}  // namespace

void isolation_text(const Trace& trace, TraceWriter& text) {
    if (trace.code == TraceCode::StartWaits || trace.code == TraceCode::WaitGivenUp)
        return waiting_text(trace, text);
    if (trace.code == TraceCode::VmStopping) {
        const bool asks = static_cast<IsolationResponse>(trace.a) == IsolationResponse::Shutdown;
        text.vm(trace);
        text.add(asks ? ": this host is isolated: its guest is asked to shut down, "
                      : ": this host is isolated: it is powered off, ");
        if (asks) text.add("within %.0f s, ", in_seconds(trace.span));
        text.add("so that host %u can restart it elsewhere", trace.who.host.value());
        return;
    }
    if (trace.code == TraceCode::IsolationHeldBack) {
        text.add(
            "isolated, but no other leader is alive on storage and not isolated: %d VM%s on here, "
            "although the policy would have %s stopped",
            static_cast<int>(trace.a),
            trace.a == 1 ? " runs" : "s run",
            trace.a == 1 ? "it" : "them");
        return;
    }
    switch (static_cast<Finding>(trace.b)) {
        case Finding::Isolated:
            text.add(
                "isolated: hears no host on any link, and no isolation address answers. Check this "
                "host's network");
            return;
        case Finding::Partitioned:
            text.add("partitioned: does not hear the leader, host %u, which is alive on storage",
                     trace.who.host.value());
            return;
        case Finding::Connected: break;
    }
    text.add("connected again, was %s", to_string(static_cast<Finding>(trace.a)));
}

}  // namespace holdfast
