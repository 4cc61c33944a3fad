#include "storage/flight/event_codec.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "engine/machine/engine.h"
#include "storage/flight/field_codec.h"
#include "storage/flight/layout.h"

namespace holdfast::flight {

namespace {

// Where nothing is pointed to.
struct NoPointees {
    template <typename T>
    void put_pointee(ByteWriter& /*out*/, const T* /*pointer*/) {}

    template <typename T>
    void get_pointee(ByteReader& in, const T*& pointer) {
        pointer = nullptr;
        in.fail();
    }
};

// What an event points to is written as its difference from the last one of its kind.
struct PointeeContext {
    Pointees& known;

    template <typename T>
    void put_pointee(ByteWriter& out, const T* pointer) {
        NoPointees none;
        T& base = std::get<T>(known);
        put(out, *pointer, base, none);
        base = *pointer;
    }

    template <typename T>
    void get_pointee(ByteReader& in, const T*& pointer) {
        NoPointees none;
        T& value = std::get<T>(known);
        get(in, value, none);
        pointer = &value;
    }
};

constexpr bool is_host(std::size_t host) {
    return host >= 1 && host <= kHostsMax;
}

// ---- one function a direction for each event that is not written field by field

void put_body(const SlotsRead& now, EventMemory& memory, ByteWriter& out) {
    SlotsRead& last = std::get<SlotsRead>(memory.last);
    NoPointees none;
    put(out, now.datastore, last.datastore, none);
    put(out, now.request, last.request, none);
    put(out, now.status, last.status, none);
    put(out, now.first, last.first, none);
    last = now;
    last.slots = {};
    out.varint(now.slots.size());
    // Only what changed, each with its distance from the one before; 0 ends.
    std::size_t written = 0;
    for (std::size_t i = 0; i < now.slots.size(); ++i) {
        const std::size_t host = now.first.value() + i;
        HF_CHECK(is_host(host));
        SlotView& known = memory.slots[host];
        const SlotView& view = now.slots[i];
        const bool same_view = view.reading == known.reading &&
                               (view.reading != SlotReading::Valid || view.record == known.record);
        if (same_view) continue;
        out.varint(i + 1 - written);
        written = i + 1;
        put(out, view.reading, known.reading, none);
        known.reading = view.reading;
        if (view.reading != SlotReading::Valid) continue;
        put(out, view.record, known.record, none);
        known.record = view.record;
    }
    out.varint(0);
}

void get_body(SlotsRead& now, EventMemory& memory, ByteReader& in) {
    SlotsRead& last = std::get<SlotsRead>(memory.last);
    NoPointees none;
    get(in, last.datastore, none);
    get(in, last.request, none);
    get(in, last.status, none);
    get(in, last.first, none);
    const std::uint64_t count = in.varint();
    const std::size_t first = last.first.value();
    if (count > kHostsMax || (count > 0 && !(is_host(first) && is_host(first + count - 1)))) {
        in.fail();
        return;
    }
    std::uint64_t position = 0;
    for (std::uint64_t step = in.varint(); step != 0 && !in.failed(); step = in.varint()) {
        if (step > count - position) {
            in.fail();
            return;
        }
        position += step;
        SlotView& view = memory.slots[first + position - 1];
        get(in, view.reading, none);
        if (view.reading == SlotReading::Valid) get(in, view.record, none);
    }
    now = last;
    if (count > 0) now.slots = std::span<const SlotView>(&memory.slots[first], count);
}

void put_body(const BeatReceived& now, EventMemory& memory, ByteWriter& out) {
    NoPointees none;
    const std::size_t from = now.beat.from.value();
    HF_CHECK(from <= kHostsMax);
    out.varint(from);
    BeatReceived& last = memory.beats[from];
    put(out, now, last, none);
    last = now;
}

void get_body(BeatReceived& now, EventMemory& memory, ByteReader& in) {
    NoPointees none;
    const std::uint64_t from = in.varint();
    if (from > kHostsMax) {
        in.fail();
        return;
    }
    get(in, memory.beats[from], none);
    now = memory.beats[from];
}

template <typename Body>
void put_body(const Body& now, EventMemory& memory, ByteWriter& out) {
    PointeeContext context{memory.pointees};
    Body& last = std::get<Body>(memory.last);
    put(out, now, last, context);
    last = now;
}

template <typename Body>
void get_body(Body& now, EventMemory& memory, ByteReader& in) {
    PointeeContext context{memory.pointees};
    Body& last = std::get<Body>(memory.last);
    get(in, last, context);
    now = last;
}

template <std::size_t... I>
bool get_kind(std::size_t kind,
              EventBody& body,
              EventMemory& memory,
              ByteReader& in,
              std::index_sequence<I...> /*kinds*/) {
    return ((kind == I && (get_body(body.emplace<I>(), memory, in), true)) || ...);
}

}  // namespace

EventMemory::EventMemory() : slots(kHostsMax + 1), beats(kHostsMax + 1) {
    reset();
}

void EventMemory::reset() {
    now = 0;
    last = {};
    std::fill(slots.begin(), slots.end(), fresh<SlotView>());
    std::fill(beats.begin(), beats.end(), fresh<BeatReceived>());
    std::apply(
        [](auto&... value) { ((value = fresh<std::remove_reference_t<decltype(value)>>()), ...); },
        pointees);
}

EventEncoder::EventEncoder() : memory_(std::make_unique<EventMemory>()) {}

void EventEncoder::put_event(const Event& event, ByteWriter& out) {
    const std::int64_t now = event.now.time_since_epoch().count();
    out.signed_varint(static_cast<std::uint64_t>(now) - static_cast<std::uint64_t>(memory_->now));
    memory_->now = now;
    std::visit([&](const auto& body) { put_body(body, *memory_, out); }, event.body);
}

void EventEncoder::put_trace(const Trace& trace, Instant now, ByteWriter& out) {
    NoPointees none;
    Trace base = fresh<Trace>();
    base.at = now;
    put(out, trace, base, none);
}

EventDecoder::EventDecoder() : memory_(std::make_unique<EventMemory>()) {}

bool EventDecoder::get_event(std::size_t kind, ByteReader& in, Event& event) {
    memory_->now =
        static_cast<std::int64_t>(static_cast<std::uint64_t>(memory_->now) + in.signed_varint());
    event.now = Instant{Duration{memory_->now}};
    return get_kind(kind, event.body, *memory_, in, std::make_index_sequence<kEventKinds>{}) &&
           !in.failed();
}

bool EventDecoder::get_trace(Instant now, ByteReader& in, Trace& trace) {
    NoPointees none;
    trace = fresh<Trace>();
    trace.at = now;
    get(in, trace, none);
    return !in.failed();
}

std::uint64_t event_layout() {
    static const std::uint64_t kLayout = [] {
        Layout layout;
        layout.add<EventBody>();
        layout.add<Trace>();
        layout.add<EngineConfig>();
        return layout.value();
    }();
    return kLayout;
}

}  // namespace holdfast::flight
