// EventEncoder and EventDecoder: events as bytes, each as what is new since the one before.
//
// Both sides remember the same things: the last event of each kind, the last beat of each sender, the last view of each slot
// (on whichever datastore: they mostly agree) and the last roster and orders.  A scan of slots that says nothing new costs a
// few bytes.  reset() makes both sides forget; what follows can be read without anything before it.
//
// Thread safety: one thread each.  put() neither allocates nor blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <tuple>
#include <variant>
#include <vector>

#include "engine/machine/event.h"
#include "engine/machine/trace.h"
#include "storage/flight/bytes.h"

namespace holdfast::flight {

using EventBody = decltype(Event::body);

inline constexpr std::size_t kEventKinds = std::variant_size_v<EventBody>;

// What events may point to.  A new kind does not compile until it stands here.
using Pointees = std::tuple<Roster, Orders, ConfigCopy>;

template <typename Variant>
struct TupleOf;

template <typename... T>
struct TupleOf<std::variant<T...>> {
    using Type = std::tuple<T...>;
};

// What one side remembers.  Large: lives on the heap.
struct EventMemory {
    EventMemory();
    void reset();

    std::int64_t now = 0;
    TupleOf<EventBody>::Type last;
    std::vector<SlotView> slots;      // by host id
    std::vector<BeatReceived> beats;  // by sender
    Pointees pointees;
};

class EventEncoder {
  public:
    EventEncoder();

    // Writes the event, without its kind: that is `event.body.index()`.
    void put_event(const Event& event, ByteWriter& out);
    void put_trace(const Trace& trace, Instant now, ByteWriter& out);

    void reset() { memory_->reset(); }

  private:
    std::unique_ptr<EventMemory> memory_;
};

class EventDecoder {
  public:
    EventDecoder();

    // Reads an event of `kind`.  What it points to belongs to the decoder and lives until the next call.  False when the
    // bytes are no event.
    [[nodiscard]] bool get_event(std::size_t kind, ByteReader& in, Event& event);
    [[nodiscard]] bool get_trace(Instant now, ByteReader& in, Trace& trace);

    void reset() { memory_->reset(); }

  private:
    std::unique_ptr<EventMemory> memory_;
};

// A number that differs when events or trace lines have another layout: a log of another layout cannot be read.
[[nodiscard]] std::uint64_t event_layout();

}  // namespace holdfast::flight
