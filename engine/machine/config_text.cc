// What the trace says of the cluster's configuration.
#include <cinttypes>

#include "engine/machine/trace_writer.h"

namespace holdfast {

namespace {

void step_text(const Trace& trace, TraceWriter& text) {
    text.add("configuration %" PRIu64 ".%" PRIu64 ": ", trace.epoch.value(), trace.number);
    switch (static_cast<ConfigStep>(trace.a)) {
        case ConfigStep::Counted:
            text.host(trace.who);
            text.add(" is counted");
            return;
        case ConfigStep::Out:
            text.host(trace.who);
            text.add(" is out: it has been silent for long");
            return;
        case ConfigStep::Dead:
            text.host(trace.who);
            text.add(" is out: it is proved dead");
            return;
        case ConfigStep::Timing:
            text.add("new timing%s, lease %.3f s",
                     trace.b != 0 ? " on the way" : "",
                     in_seconds(trace.span));
            return;
        case ConfigStep::Voters: text.add("%d datastores vote", static_cast<int>(trace.b)); return;
        case ConfigStep::Maintenance:
            text.host(trace.who);
            text.add(trace.b != 0 ? " goes into maintenance" : " comes out of maintenance");
            return;
        case ConfigStep::Joined:
            text.host(trace.who);
            text.add(
                " becomes a member: it is counted once it beats and every other member knows it");
            return;
        case ConfigStep::Removed:
            text.host(trace.who);
            text.add(" is no member any more");
            return;
        case ConfigStep::None: break;
    }
    text.add("nothing changes");
}

}  // namespace

void config_text(const Trace& trace, TraceWriter& text) {
    if (trace.code == TraceCode::ConfigStepMade) return step_text(trace, text);
    if (trace.code == TraceCode::VoiceCounts) {
        text.add("this host's voice counts: it may stand, judge and vouch");
        return;
    }
    if (trace.code == TraceCode::ListDropped) {
        text.add(
            "by a person's word %d voting datastores are lost for ever, and no host that is not "
            "heard here is on: goes by the other %d alone, and stands",
            static_cast<int>(trace.b),
            static_cast<int>(trace.a));
        return;
    }
    if (trace.code == TraceCode::TimingUsed) {
        text.add(trace.a == 1
                     ? "this host publishes a lease of %.3f s, and uses it once a majority "
                       "holds that (configuration %" PRIu64 ".%" PRIu64 ")"
                     : "this host goes by new timing, lease %.3f s (configuration %" PRIu64
                       ".%" PRIu64 ")",
                 in_seconds(trace.span),
                 trace.epoch.value(),
                 trace.number);
        return;
    }
    if (trace.code == TraceCode::ConfigInForce) {
        text.add(
            "configuration %" PRIu64 ".%" PRIu64 " is in force", trace.epoch.value(), trace.number);
        return;
    }
    text.add("the file of this host differs from configuration %" PRIu64 ".%" PRIu64
             " of the cluster, which counts (read from host %u): ",
             trace.epoch.value(),
             trace.number,
             trace.who.host.value());
    switch (static_cast<ConfigDifference>(trace.a)) {
        case ConfigDifference::MemberMissingHere:
            text.add(
                "member %d is missing here; until this file names it, this host neither leads nor "
                "starts VMs",
                static_cast<int>(trace.b));
            return;
        case ConfigDifference::MemberMissingThere:
            text.add(
                "member %d is no member of the cluster%s",
                static_cast<int>(trace.b),
                trace.b == trace.self.value() ? ", so this host neither leads nor starts VMs" : "");
            return;
        case ConfigDifference::DatastoreMissingHere:
            text.add("voting datastore %d is missing here", static_cast<int>(trace.b));
            return;
        case ConfigDifference::Timing: break;
    }
    text.add("other timing; the lease of the cluster is %.3f s", in_seconds(Duration{trace.b}));
}

}  // namespace holdfast
