#include "storage/flight/flight_recorder.h"

#include <array>
#include <cstring>

#include "engine/base/check.h"

namespace holdfast::flight {

FlightRecorder::FlightRecorder(std::size_t ring_bytes)
    : ring_(ring_bytes), buffer_(kChunkBytesMax) {}

bool FlightRecorder::push(std::span<std::byte> chunk, std::size_t payload_bytes) {
    const auto size = static_cast<std::uint32_t>(payload_bytes);
    std::memcpy(chunk.data(), &size, kChunkHeadBytes);
    return ring_.try_push_all(chunk.first(kChunkHeadBytes + payload_bytes));
}

void FlightRecorder::record(const Event& event, const Actions& actions, const Engine& engine) {
    const std::uint64_t number = next_number_++;
    if (sync_asked_.load(std::memory_order_relaxed)) {
        sync_asked_.store(false, std::memory_order_relaxed);
        sync_due_ = true;
    }
    const std::span<std::byte> chunk(buffer_);
    if (sync_due_) {
        ByteWriter out(chunk.subspan(kChunkHeadBytes));
        out.byte(kSyncKind);
        out.varint(number);
        if (!push(chunk, out.size())) {
            lost_.fetch_add(1, std::memory_order_relaxed);
            return;
        }
        encoder_.reset();
        digest_.reset();
        sync_due_ = false;
    }
    ByteWriter out(chunk.subspan(kChunkHeadBytes));
    const bool outcome = !actions.empty();
    out.byte(static_cast<std::uint8_t>(event.body.index() | (outcome ? kWithOutcome : 0U)));
    encoder_.put_event(event, out);
    if (outcome) {
        digest_.add(actions, engine);
        out.u32(digest_.value());
        std::uint64_t lines = 0;
        for (const Action& action : actions) lines += std::holds_alternative<TraceLine>(action);
        out.varint(lines);
        for (const Action& action : actions) {
            const auto* line = std::get_if<TraceLine>(&action);
            if (line != nullptr) encoder_.put_trace(line->trace, event.now, out);
        }
    }
    if (out.overflowed() || !push(chunk, out.size())) {
        lost_.fetch_add(1, std::memory_order_relaxed);
        sync_due_ = true;
    }
}

std::span<const std::byte> FlightRecorder::take(std::span<std::byte> room) {
    HF_CHECK(room.size() >= kChunkBytesMax);
    std::array<std::byte, kChunkHeadBytes> head{};
    // A chunk becomes readable as a whole.
    if (ring_.pop_many(head) != head.size()) return {};
    std::uint32_t size = 0;
    std::memcpy(&size, head.data(), sizeof size);
    HF_CHECK(size <= room.size());
    HF_CHECK(ring_.pop_many(room.first(size)) == size);
    return room.first(size);
}

}  // namespace holdfast::flight
