// What the trace says of fencing and of proofs from outside.
#include <algorithm>
#include <cstdio>

#include "engine/machine/action.h"
#include "engine/machine/event.h"
#include "engine/machine/trace_text.h"
#include "engine/machine/trace_writer.h"

// Ends in the code that is left.
#pragma GCC diagnostic ignored "-Wswitch-enum"

namespace holdfast {

namespace {

const char* name_of(FenceReply reply) {
    switch (reply) {
        case FenceReply::Ok: return "returned 0";
        case FenceReply::Failed: return "failed";
        case FenceReply::NoAnswer: return "did not end in time";
        case FenceReply::NotRun: return "was not run";
    }
    return "invalid";
}

const char* name_of(PowerState power) {
    switch (power) {
        case PowerState::Unknown: return "does not answer";
        case PowerState::On: return "says on";
        case PowerState::Off: return "says off";
    }
    return "invalid";
}

}  // namespace

std::size_t fencing_text(const Trace& trace, char* text, std::size_t text_bytes_max) {
    if (text_bytes_max == 0) return 0;
    const unsigned host = trace.who.host.value();
    const unsigned boot = trace.who.incarnation.boot();
    const unsigned restart = trace.who.incarnation.restart();
    const double span_s = in_seconds(trace.span);
    int length = 0;
    switch (trace.code) {
        case TraceCode::FenceAsked:
            length = std::snprintf(
                text,
                text_bytes_max,
                "cuts the power of host %u (incarnation %u.%u), attempt %d: silent for "
                "%.3f s, %d datastores show nothing newer",
                host,
                boot,
                restart,
                static_cast<int>(trace.a),
                span_s,
                static_cast<int>(trace.b));
            break;
        case TraceCode::FenceFailed:
            length = std::snprintf(
                text,
                text_bytes_max,
                "the power of host %u is not proved off: `off` %s, `status` %s; next try in "
                "%.0f s, and the dead time counts on",
                host,
                name_of(static_cast<FenceReply>(trace.a)),
                name_of(static_cast<PowerState>(trace.b)),
                span_s);
            break;
        case TraceCode::FenceNotReady:
            length = std::snprintf(
                text,
                text_bytes_max,
                "the fence device of silent host %u does not answer `status`: it may not "
                "shorten the wait. Check address and login of [member] fence",
                host);
            break;
        case TraceCode::ProvedOutside:
            length = std::snprintf(
                text,
                text_bytes_max,
                "host %u (incarnation %u.%u): %s; dead in %.3f s, when its last writes have "
                "landed",
                host,
                boot,
                restart,
                static_cast<Proof>(trace.a) == Proof::Operator
                    ? "a person confirmed that it is dead"
                    : "its power is verified off",
                span_s);
            break;
        case TraceCode::StartUnanswered:
            length = std::snprintf(
                text,
                text_bytes_max,
                trace.a != 0 ? "VM %.*s: allowed to start %.0f s ago and never seen; its claim "
                               "stays until it is proved gone"
                             : "VM %.*s: libvirt has not answered its start for %.0f s; its "
                               "claim stays until it is proved gone",
                static_cast<int>(trace.vm_name.view().size()),
                trace.vm_name.view().data(),
                span_s);
            break;
        default:
            length = std::snprintf(
                text,
                text_bytes_max,
                "host %u (incarnation %u.%u) shows life after it was called powered off: that "
                "proof is void. Check which machine its fence device controls",
                host,
                boot,
                restart);
    }
    const auto written = static_cast<std::size_t>(std::max(length, 0));
    return std::min(written, text_bytes_max - 1);
}

}  // namespace holdfast
