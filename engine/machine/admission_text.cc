// What the trace says of failures that could be absorbed.
#include "engine/machine/trace_writer.h"

namespace holdfast {

void admission_text(const Trace& trace, TraceWriter& text) {
    if (trace.code == TraceCode::FailureAbsorbed) {
        text.add("every VM would find room again if any %d host%s failed",
                 static_cast<int>(trace.number),
                 trace.number == 1 ? "" : "s");
        return;
    }
    text.vm(trace);
    if (trace.who.host.is_none()) {
        text.add(" finds no room already");
    } else {
        text.add(" would find no room if host %u failed", trace.who.host.value());
    }
    if (trace.b > 1)
        text.add(", nor would %d more when their hosts fail", static_cast<int>(trace.b - 1));
    text.add("; see `holdfast status` at the leader");
}

}  // namespace holdfast
