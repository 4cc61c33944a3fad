// What the trace says of live migrations.
#include "engine/machine/trace_writer.h"

// Ends in the code that is left.
#pragma GCC diagnostic ignored "-Wswitch-enum"

namespace holdfast {

void migration_text(const Trace& trace, TraceWriter& text) {
    text.vm(trace);
    const unsigned host = trace.who.host.value();
    switch (trace.code) {
        case TraceCode::TargetNamed: text.add(": may migrate to host %u", host); return;
        case TraceCode::TargetDropped:
            text.add(": its migration to host %u came to nothing; it stays here", host);
            return;
        case TraceCode::VmHandedOver:
            text.add(": gone from here, host %u has it or settles what becomes of it", host);
            return;
        case TraceCode::LeftBehind:
            text.add(": host %u has it; what is left of it here is destroyed", host);
            return;
        case TraceCode::ArrivalFailed:
            text.add(": its migration to this host came to nothing; the claim is given back");
            return;
        default:
            text.add(
                ": for %.3f s no host has claimed it for its migration to this one; proving that "
                "nothing of it is left here",
                in_seconds(trace.span));
    }
}

}  // namespace holdfast
