// Translator: makes recorded events fit an engine that has other timing, and so asks at other times under other numbers.
//
// An answer to a request that the recorded engine issued at t goes to what the other engine had asked of the same place by
// then: a read that was issued before and took longer.  An acknowledged beat is the last one that the other engine had sent by
// the time of the recorded one.  What this host, its keeper and its peers would have published with the other timing is put in
// place of what they did publish.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "engine/machine/engine.h"

namespace holdfast::flight {

class Translator {
  public:
    Translator(const Timing& recorded, const Timing& other) : recorded_(recorded), other_(other) {}

    // A record, or what is kept of one, with the other timing where it had the recorded one.
    void retime(ClusterConfig& config) const;

    // What either engine has just asked for.
    void note_recorded(Instant now, const Actions& actions);
    void note_other(Instant now, const Actions& actions);

    // The events for the other engine; what they point to lives until the next call.
    [[nodiscard]] const std::vector<Event>& translate(const Event& event);

  private:
    enum class Kind : std::uint8_t {
        WriteSlot,
        ScanSlots,
        WriteRoster,
        ReadRoster,
        WriteOrders,
        ReadOrders,
        WriteConfig,
        ReadConfig
    };

    // Kind, datastore, host: what a request is about.
    using Place = std::tuple<Kind, DatastoreIndex, HostId>;

    struct Request {
        RequestId id;
        Instant issued_at;
    };

    struct SentBeat {
        Incarnation incarnation;
        BeatNumber number;
        Instant at;
    };

    using Requests = std::map<Place, std::deque<Request>>;
    using Beats = std::map<HostId, std::deque<SentBeat>>;

    static void note(Instant now, const Actions& actions, Requests& requests, Beats& beats);
    template <typename Answer>
    void answer(Instant now, Kind kind, HostId host, Answer body);
    void promise(SlotRecord& record) const;
    void translate_one(Instant now, const SlotsRead& read);
    // What the other engine sent to `host` when the recorded one sent this; null: nothing.
    [[nodiscard]] const SentBeat* sent_instead(HostId host,
                                               Incarnation incarnation,
                                               BeatNumber number);
    void translate_one(Instant now, const BeatReceived& received);
    void translate_one(Instant now, KeeperReport report);
    void translate_one(Instant now, const ConfigRead& read);

    Timing recorded_;
    Timing other_;
    Requests recorded_requests_;
    Requests other_requests_;
    Beats recorded_beats_;
    Beats other_beats_;
    std::uint64_t arming_ = 0;  // the other engine's last
    KeeperReport keeper_;       // as recorded last
    std::vector<Event> due_;    // what the other engine's own deeds cause
    std::vector<Event> events_;
    std::vector<SlotView> slots_;
    std::unique_ptr<ConfigCopy> config_ = std::make_unique<ConfigCopy>();
};

}  // namespace holdfast::flight
