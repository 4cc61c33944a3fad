// The beginning of a trace line: what it is about.
#pragma once

#include "engine/machine/engine_state.h"

namespace holdfast {

[[nodiscard]] inline Trace about(TraceCode code, const VmSpec& spec) {
    Trace line;
    line.code = code;
    line.vm = spec.vm;
    line.vm_name = spec.name;
    return line;
}

// A VM of this host, with the number of its claim.
[[nodiscard]] inline Trace about(TraceCode code, const OwnVm& own) {
    Trace line = about(code, own.claim.spec);
    line.number = own.claim.number.value();
    return line;
}

// A VM that the leader restarts, with the number of its order.
[[nodiscard]] inline Trace about(TraceCode code, const Plan& plan) {
    Trace line = about(code, plan.spec);
    line.number = plan.number.value();
    return line;
}

[[nodiscard]] inline Trace about(TraceCode code, const Peer& peer) {
    Trace line;
    line.code = code;
    line.who = {peer.id, peer.incarnation};
    return line;
}

}  // namespace holdfast
