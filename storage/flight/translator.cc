#include "storage/flight/translator.h"

#include <algorithm>
#include <utility>

namespace holdfast::flight {

namespace {

constexpr std::size_t kBeatsKept = 512;
// Two engines that do the same thing at the same time may find it due a little apart.
constexpr Duration kTogether = milliseconds{10};

}  // namespace

void Translator::note(Instant now, const Actions& actions, Requests& requests, Beats& beats) {
    const auto add = [&](Kind kind, DatastoreIndex datastore, HostId host, RequestId id) {
        requests[Place{kind, datastore, host}].push_back({id, now});
    };
    for (const Action& action : actions) {
        if (const auto* slot = std::get_if<WriteSlot>(&action))
            add(Kind::WriteSlot, slot->datastore, HostId{}, slot->request);
        if (const auto* scan = std::get_if<ScanSlots>(&action))
            add(Kind::ScanSlots, scan->datastore, scan->first, scan->request);
        if (const auto* roster = std::get_if<WriteRoster>(&action))
            add(Kind::WriteRoster, roster->datastore, HostId{}, roster->request);
        if (const auto* read = std::get_if<ReadRoster>(&action))
            add(Kind::ReadRoster, read->datastore, read->host, read->request);
        if (const auto* orders = std::get_if<WriteOrders>(&action))
            add(Kind::WriteOrders, orders->datastore, HostId{}, orders->request);
        if (const auto* orders_read = std::get_if<ReadOrders>(&action))
            add(Kind::ReadOrders, orders_read->datastore, orders_read->host, orders_read->request);
        if (const auto* config = std::get_if<WriteConfig>(&action))
            add(Kind::WriteConfig, config->datastore, HostId{}, config->request);
        if (const auto* config_read = std::get_if<ReadConfig>(&action))
            add(Kind::ReadConfig, config_read->datastore, config_read->host, config_read->request);
        if (const auto* send = std::get_if<SendBeat>(&action)) {
            std::deque<SentBeat>& sent = beats[send->beat.to];
            sent.push_back({send->beat.incarnation, send->beat.number, now});
            if (sent.size() > kBeatsKept) sent.pop_front();
        }
    }
}

void Translator::note_recorded(Instant now, const Actions& actions) {
    note(now, actions, recorded_requests_, recorded_beats_);
}

void Translator::note_other(Instant now, const Actions& actions) {
    note(now, actions, other_requests_, other_beats_);
    for (const Action& action : actions) {
        if (const auto* persist = std::get_if<PersistIncarnation>(&action)) {
            due_.push_back({now, IncarnationPersisted{persist->incarnation}});
        }
        if (const auto* arm = std::get_if<ArmKeeper>(&action)) {
            arming_ = arm->arming;
            KeeperReport report = keeper_;
            report.arming = arming_;
            due_.push_back({now, report});
        }
    }
}

template <typename Answer>
void Translator::answer(Instant now, Kind kind, HostId host, Answer body) {
    const Place place{kind, body.datastore, host};
    std::deque<Request>& asked = recorded_requests_[place];
    const auto found = std::find_if(
        asked.begin(), asked.end(), [&](const Request& one) { return one.id == body.request; });
    if (found == asked.end()) return;
    const Instant issued_at = found->issued_at + kTogether;
    asked.erase(asked.begin(), found + 1);
    std::deque<Request>& waiting = other_requests_[place];
    while (!waiting.empty() && waiting.front().issued_at <= issued_at) {
        body.request = waiting.front().id;
        waiting.pop_front();
        events_.push_back({now, body});
    }
}

void Translator::promise(SlotRecord& record) const {
    if (record.lease == recorded_.lease) record.lease = other_.lease;
    if (record.watchdog == recorded_.watchdog) record.watchdog = other_.watchdog;
    if (record.interval == recorded_.interval) record.interval = other_.interval;
}

void Translator::translate_one(Instant now, const SlotsRead& read) {
    slots_.assign(read.slots.begin(), read.slots.end());
    for (SlotView& view : slots_) promise(view.record);
    SlotsRead changed = read;
    changed.slots = slots_;
    answer(now, Kind::ScanSlots, read.first, changed);
}

const Translator::SentBeat* Translator::sent_instead(HostId host,
                                                     Incarnation incarnation,
                                                     BeatNumber number) {
    const std::deque<SentBeat>& recorded = recorded_beats_[host];
    const auto found = std::find_if(recorded.begin(), recorded.end(), [&](const SentBeat& one) {
        return one.number == number && one.incarnation == incarnation;
    });
    const SentBeat* instead = nullptr;
    if (found == recorded.end()) return instead;
    for (const SentBeat& one : other_beats_[host]) {
        if (one.at <= found->at + kTogether) instead = &one;
    }
    return instead;
}

void Translator::translate_one(Instant now, const BeatReceived& received) {
    BeatReceived changed = received;
    Beat& beat = changed.beat;
    if (beat.lease == recorded_.lease) beat.lease = other_.lease;
    if (beat.watchdog == recorded_.watchdog) beat.watchdog = other_.watchdog;
    const SentBeat* before_round =
        sent_instead(beat.from, beat.answered_incarnation, beat.round_after);
    beat.round_after = before_round == nullptr ? BeatNumber{} : before_round->number;
    const SentBeat* answered =
        sent_instead(beat.from, beat.answered_incarnation, beat.answered_number);
    beat.answered_incarnation = answered == nullptr ? Incarnation{} : answered->incarnation;
    beat.answered_number = answered == nullptr ? BeatNumber{} : answered->number;
    events_.push_back({now, changed});
}

void Translator::translate_one(Instant now, KeeperReport report) {
    // A device that took the recorded timeout takes the other one, too.
    report.watchdog += other_.watchdog - recorded_.watchdog;
    keeper_ = report;
    if (report.arming != 0) report.arming = std::max(arming_, report.arming);
    events_.push_back({now, report});
}

void Translator::retime(ClusterConfig& config) const {
    if (config.timing == recorded_) config.timing = other_;
    if (config.timing_next == recorded_) config.timing_next = other_;
}

void Translator::translate_one(Instant now, const ConfigRead& read) {
    ConfigRead changed = read;
    if (read.config != nullptr) {
        *config_ = *read.config;
        retime(config_->config);
        changed.config = config_.get();
    }
    answer(now, Kind::ReadConfig, read.host, changed);
}

const std::vector<Event>& Translator::translate(const Event& event) {
    events_.clear();
    std::swap(events_, due_);
    for (Event& one : events_) one.now = event.now;
    const Instant now = event.now;
    if (const auto* slot = std::get_if<SlotWritten>(&event.body)) {
        answer(now, Kind::WriteSlot, HostId{}, *slot);
    } else if (const auto* scan = std::get_if<SlotsRead>(&event.body)) {
        translate_one(now, *scan);
    } else if (const auto* roster = std::get_if<RosterWritten>(&event.body)) {
        answer(now, Kind::WriteRoster, HostId{}, *roster);
    } else if (const auto* read = std::get_if<RosterRead>(&event.body)) {
        answer(now, Kind::ReadRoster, read->host, *read);
    } else if (const auto* orders = std::get_if<OrdersWritten>(&event.body)) {
        answer(now, Kind::WriteOrders, HostId{}, *orders);
    } else if (const auto* orders_read = std::get_if<OrdersRead>(&event.body)) {
        answer(now, Kind::ReadOrders, orders_read->host, *orders_read);
    } else if (const auto* config = std::get_if<ConfigWritten>(&event.body)) {
        answer(now, Kind::WriteConfig, HostId{}, *config);
    } else if (const auto* config_read = std::get_if<ConfigRead>(&event.body)) {
        translate_one(now, *config_read);
    } else if (const auto* beat = std::get_if<BeatReceived>(&event.body)) {
        translate_one(now, *beat);
    } else if (const auto* keeper = std::get_if<KeeperReport>(&event.body)) {
        translate_one(now, *keeper);
    } else if (!std::holds_alternative<IncarnationPersisted>(event.body)) {
        events_.push_back(event);
    }
    return events_;
}

}  // namespace holdfast::flight
