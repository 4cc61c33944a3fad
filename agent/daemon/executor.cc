#include "agent/daemon/executor.h"

#include <algorithm>
#include <type_traits>

#include "agent/daemon/engine_setup.h"
#include "storage/config_convert.h"
#include "storage/orders_format.h"
#include "storage/roster_format.h"
#include "storage/slot_format.h"

namespace holdfast {

namespace {

DatastoreRequest make_request(DatastoreRequestKind kind, RequestId id) {
    DatastoreRequest request;
    request.kind = kind;
    request.request = id;
    return request;
}

template <typename... Alternatives>
struct Overloaded : Alternatives... {
    using Alternatives::operator()...;
};

template <typename... Alternatives>
Overloaded(Alternatives...) -> Overloaded<Alternatives...>;

}  // namespace

Executor::Executor(const Surroundings& surroundings)
    : around_(surroundings), record_(std::make_unique<ConfigRecord>()) {}

void Executor::execute(const Actions& actions, const Engine& engine) {
    touched_ = 0;
    bool beats = false;
    for (std::size_t i = 0; i < actions.size(); ++i) {
        const Action* next = i + 1 < actions.size() ? &actions[i + 1] : nullptr;
        std::visit(
            Overloaded{
                [&](const WriteSlot& action) {
                    const auto* scan = next != nullptr ? std::get_if<ScanSlots>(next) : nullptr;
                    carry_out(
                        action, engine, scan != nullptr && scan->datastore == action.datastore);
                },
                [&](const ScanSlots& action) { carry_out(action); },
                [&](const WriteRoster& action) { carry_out(action, engine); },
                [&](const ReadRoster& action) { carry_out(action); },
                [&](const WriteOrders& action) { carry_out(action, engine); },
                [&](const ReadOrders& action) { carry_out(action); },
                [&](const WriteConfig& action) { carry_out(action, engine); },
                [&](const ReadConfig& action) { carry_out(action); },
                [&](const KeepMembership& action) {
                    around_.kept->store(engine.kept());
                    HF_CHECK(around_.control.push(action));
                },
                [&](const MemberListed& action) { carry_out(action, engine); },
                [&](const AnswerChange& action) { HF_CHECK(around_.control.push(action)); },
                [&](const SendBeat& action) {
                    beats = around_.beats.ring.try_push(action.beat) || beats;
                },
                [&](const PersistIncarnation& action) { HF_CHECK(around_.control.push(action)); },
                [&](const ArmKeeper& action) {
                    arm_keeper(around_.keeper, action.arming, action.deadline);
                },
                [&](const MoveDeadline& action) { move_deadline(around_.keeper, action.deadline); },
                [&](const DisarmKeeper&) { disarm_keeper(around_.keeper); },
                [&](const StartVm& action) { carry_out(action); },
                [&](const ResumeVm& action) { carry_out(action); },
                [&](const DestroyVm& action) { command(action); },
                [&](const ShutdownVm& action) { command(action); },
                [&](const ResetHost&) {
                    // The keeper does it: a deadline that has passed is never fed again.
                    around_.sink.say(MessageId::HostReset, {"the engine asked for it."});
                    move_deadline(around_.keeper, around_.clock());
                },
                [&](const FenceHost& action) { carry_out(action); },
                [&](const AnswerConfirm& action) { HF_CHECK(around_.control.push(action)); },
                [&](const AnswerStart& action) { HF_CHECK(around_.control.push(action)); },
                [&](const ShutdownReady& action) {
                    shutdown_ready_ = true;
                    HF_CHECK(around_.control.push(action));
                },
                [&](const TraceLine& action) { around_.sink.trace(action.trace); },
            },
            actions[i]);
    }
    if (beats) around_.beats.reader.signal();
    for (std::size_t d = 0; d < around_.datastores.size(); ++d) {
        if ((touched_ >> d & 1U) != 0) around_.datastores[d].wakeup->signal();
    }
}

const DatastoreMemory* Executor::memory_of(DatastoreIndex datastore) const {
    HF_CHECK(datastore < around_.datastores.size());
    return around_.datastores[datastore].port->memory.load(std::memory_order_acquire);
}

void Executor::request(DatastoreIndex datastore,
                       const DatastoreRequest& request,
                       const DatastoreMemory* memory) {
    HF_CHECK(datastore < around_.datastores.size());
    // The engine's limits on what is unanswered keep this ring from ever being full.
    HF_CHECK(around_.datastores[datastore].port->requests.try_push({request, memory}));
    touched_ |= 1U << datastore;
}

void Executor::carry_out(const WriteSlot& action, const Engine& engine, bool with_next) {
    const SlotRecord& slot = engine.own_slot();
    DatastoreRequest asked = make_request(DatastoreRequestKind::WriteSlot, action.request);
    const DatastoreMemory* memory = memory_of(action.datastore);
    if (memory != nullptr) {
        encode_slot(slot, around_.cluster, memory->payload(asked.kind).first(kSlotCopyBytes));
    }
    asked.with_next = with_next;
    asked.number = slot.sequence.value();
    asked.incarnation = slot.incarnation;
    asked.length_bytes = static_cast<std::uint32_t>(kSlotCopyBytes);
    request(action.datastore, asked, memory);
}

void Executor::carry_out(const ScanSlots& action) {
    DatastoreRequest asked = make_request(DatastoreRequestKind::ScanSlots, action.request);
    asked.first = action.first;
    asked.last = action.last;
    request(action.datastore, asked);
    ++scans_unanswered_[action.datastore];
}

void Executor::scan_answered(DatastoreIndex datastore) {
    HF_CHECK(scans_unanswered_[datastore] > 0);
    --scans_unanswered_[datastore];
}

void Executor::carry_out(const WriteRoster& action, const Engine& engine) {
    const Roster& roster = engine.own_roster();
    DatastoreRequest asked = make_request(DatastoreRequestKind::WriteRoster, action.request);
    const DatastoreMemory* memory = memory_of(action.datastore);
    if (memory != nullptr) {
        const auto payload = memory->payload(asked.kind).first(kRosterCopyBytes);
        asked.length_bytes =
            static_cast<std::uint32_t>(encode_roster(roster, around_.cluster, payload));
    }
    asked.number = roster.version.value();
    asked.incarnation = roster.incarnation;
    request(action.datastore, asked, memory);
    remember_blobs(roster, action.request);
}

void Executor::carry_out(const ReadRoster& action) {
    DatastoreRequest asked = make_request(DatastoreRequestKind::ReadRoster, action.request);
    asked.first = action.host;
    request(action.datastore, asked);
}

void Executor::carry_out(const WriteOrders& action, const Engine& engine) {
    const Orders& orders = engine.own_orders();
    DatastoreRequest asked = make_request(DatastoreRequestKind::WriteOrders, action.request);
    const DatastoreMemory* memory = memory_of(action.datastore);
    if (memory != nullptr) {
        const auto payload = memory->payload(asked.kind).first(kOrdersCopyBytes);
        asked.length_bytes =
            static_cast<std::uint32_t>(encode_orders(orders, around_.cluster, payload));
    }
    asked.number = orders.version.value();
    asked.incarnation = orders.incarnation;
    request(action.datastore, asked, memory);
}

void Executor::carry_out(const ReadOrders& action) {
    DatastoreRequest asked = make_request(DatastoreRequestKind::ReadOrders, action.request);
    asked.first = action.host;
    request(action.datastore, asked);
}

void Executor::carry_out(const WriteConfig& action, const Engine& engine) {
    const ConfigCopy& config = engine.own_config();
    DatastoreRequest asked = make_request(DatastoreRequestKind::WriteConfig, action.request);
    const DatastoreMemory* memory = memory_of(action.datastore);
    if (memory != nullptr) {
        to_record(config, *around_.directory, *record_);
        const auto payload = memory->payload(asked.kind);
        asked.length_bytes =
            static_cast<std::uint32_t>(encode_config(*record_, around_.cluster, payload));
    }
    asked.number = config.version.value();
    asked.incarnation = config.incarnation;
    request(action.datastore, asked, memory);
}

void Executor::carry_out(const ReadConfig& action) {
    DatastoreRequest asked = make_request(DatastoreRequestKind::ReadConfig, action.request);
    asked.first = action.host;
    request(action.datastore, asked);
}

void Executor::carry_out(const MemberListed& action, const Engine& engine) {
    const ClusterMember* member = engine.kept().config.find(action.host);
    if (member == nullptr || around_.listed == nullptr) return;
    // Full means that many came at once; the record says it again with its next step.
    [[maybe_unused]] const bool pushed = around_.listed->push(member_of(*member));
}

void Executor::carry_out(const StartVm& action) {
    if (around_.clock() >= action.valid_until) {
        own_reports_.push(VmReport{VmStarted{action.spec.vm, action.claim, StartFailure::Lease}});
        return;
    }
    command(action);
}

void Executor::carry_out(const ResumeVm& action) {
    if (around_.clock() >= action.valid_until) {
        own_reports_.push(VmReport{VmResumed{action.vm, action.claim, StartFailure::Lease}});
        return;
    }
    command(action);
}

// Only the leader fences, and only while it is sure to be one.
void Executor::carry_out(const FenceHost& action) {
    if (around_.clock() >= action.valid_until) {
        own_reports_.push(VmReport{
            FenceAnswered{action.host, action.request, FenceReply::NotRun, PowerState::Unknown}});
        return;
    }
    command(action);
}

bool Executor::take_own_report(VmReport& report) {
    if (own_reports_.empty()) return false;
    report = own_reports_[0];
    own_reports_.remove_at(0);
    return true;
}

void Executor::command(const VmCommand& command) {
    if (waiting_.empty() && around_.vm.push(command)) return;
    waiting_.push(command);
}

void Executor::flush_waiting() {
    if (waiting_.empty()) return;
    std::size_t sent = 0;
    while (sent < waiting_.size() && around_.vm.push(waiting_[sent])) ++sent;
    // Order matters, so the rest moves up.
    std::rotate(waiting_.begin(), waiting_.begin() + sent, waiting_.end());
    for (; sent > 0; --sent) waiting_.remove_at(waiting_.size() - 1);
}

void Executor::remember_blobs(const Roster& roster, RequestId request) {
    RosterBlobs* found = nullptr;
    for (RosterBlobs& known : rosters_) {
        if (known.version == roster.version && !known.version.is_none()) found = &known;
    }
    if (found == nullptr) {
        found = rosters_[0].version < rosters_[1].version ? &rosters_[0] : &rosters_[1];
        *found = RosterBlobs{};
        found->version = roster.version;
        for (const Claim& claim : roster.claims) {
            if (claim.spec.xml.host == roster.host)
                found->blobs.push({claim.spec.vm, claim.spec.xml});
        }
    }
    found->requests.try_push(request);
}

void Executor::roster_written(const RosterWritten& written) {
    if (written.status != IoStatus::Done || written.datastore >= around_.voters_count) return;
    for (RosterBlobs& known : rosters_) {
        if (std::find(known.requests.begin(), known.requests.end(), written.request) ==
            known.requests.end()) {
            continue;
        }
        ++known.voters_done;
        if (known.committed || 2 * known.voters_done <= around_.voters_count) return;
        known.committed = true;
        name_blobs(known.blobs.span(), RosterCommitted{});
        return;
    }
}

void Executor::announce_roster(const Roster& roster) {
    for (const Claim& claim : roster.claims) {
        if (claim.spec.xml.host == roster.host) command(BlobNamed{claim.spec.vm, claim.spec.xml});
    }
    command(RosterKnown{});
}

// All or nothing: a list that is cut short would let the heap overwrite what the roster names.
void Executor::name_blobs(std::span<const BlobNamed> blobs, const VmCommand& last) {
    if (!waiting_.empty() || around_.vm.ring.writable() < blobs.size() + 1) return;
    for (const BlobNamed& blob : blobs) command(blob);
    command(last);
}

}  // namespace holdfast
