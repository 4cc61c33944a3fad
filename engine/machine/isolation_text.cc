// What is said of isolation and of its consequences.
#include "engine/machine/isolation.h"
#include "engine/machine/trace_writer.h"

namespace holdfast {

void isolation_text(const Trace& trace, TraceWriter& text) {
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
