#include "tests/sim/world/codecs.h"

#include <array>
#include <span>

#include "net/beat_format.h"
#include "storage/config_convert.h"
#include "storage/geometry.h"
#include "storage/orders_format.h"
#include "storage/record_frame.h"
#include "storage/reject.h"
#include "storage/roster_format.h"
#include "storage/slot_format.h"
#include "tests/sim/check/violation.h"

namespace holdfast::sim {

namespace {

std::string rejected(const char* what, HostId host, const Reject& reject) {
    return text_of("a %s of host %u does not decode: %s at byte %u, found %llu",
                   what,
                   host.value(),
                   to_string(reject.code),
                   reject.offset_bytes,
                   static_cast<unsigned long long>(reject.found));
}

std::string changed(const char* what, HostId host) {
    return text_of("a %s of host %u decodes to something else", what, host.value());
}

}  // namespace

Codecs::Codecs()
    : block_(kOrdersCopyBytes),
      record_(std::make_unique<ConfigRecord>()),
      directory_(std::make_unique<ConfigRecord>()) {
    cluster_.bytes[0] = 0xc1;
    cluster_.bytes[15] = 1;
}

std::optional<std::string> Codecs::carry(SlotRecord& slot) {
    const std::span<std::byte> block = std::span(block_).first(kSlotCopyBytes);
    encode_slot(slot, cluster_, block);
    const auto decoded = decode_slot(block, BlockContext{cluster_, slot.host});
    if (!decoded) return rejected("slot", slot.host, decoded.error());
    if (!(*decoded == slot)) return changed("slot", slot.host);
    slot = *decoded;
    return std::nullopt;
}

std::optional<std::string> Codecs::carry(const Roster& roster) {
    const std::span<std::byte> block = std::span(block_).first(kRosterCopyBytes);
    const std::size_t used = encode_roster(roster, cluster_, block);
    if (used > block.size() || used % kBlockBytes != 0) return changed("roster", roster.host);
    const auto decoded = decode_roster(block, BlockContext{cluster_, roster.host}, roster_);
    if (!decoded) return rejected("roster", roster.host, decoded.error());
    if (!(roster_ == roster)) return changed("roster", roster.host);
    return std::nullopt;
}

std::optional<std::string> Codecs::carry(const Orders& orders) {
    const std::span<std::byte> block = std::span(block_).first(kOrdersCopyBytes);
    const std::size_t used = encode_orders(orders, cluster_, block);
    if (used > block.size() || used % kBlockBytes != 0) return changed("orders", orders.leader);
    const auto decoded = decode_orders(block, BlockContext{cluster_, orders.leader}, orders_);
    if (!decoded) return rejected("orders", orders.leader, decoded.error());
    if (!(orders_ == orders)) return changed("orders", orders.leader);
    return std::nullopt;
}

std::optional<std::string> Codecs::carry(const ConfigCopy& config) {
    const std::span<std::byte> block = std::span(block_).first(
        kConfigHeaderBytes + round_up_to_block(config.config.members.size() * kConfigMemberBytes));
    to_record(config, *directory_, *record_);
    const std::size_t used = encode_config(*record_, cluster_, block);
    if (used > block.size()) return changed("configuration", config.writer);
    *record_ = ConfigRecord{};
    const auto decoded = decode_config(block, BlockContext{cluster_, config.writer}, *record_);
    if (!decoded) return rejected("configuration", config.writer, decoded.error());
    from_record(*record_, config_);
    if (!(config_ == config)) return changed("configuration", config.writer);
    return std::nullopt;
}

std::optional<std::string> Codecs::carry(Beat& beat) {
    std::array<std::uint8_t, kBeatBytes> bytes{};
    encode_beat(beat, cluster_, 1, BeatBytes(bytes));
    if (!check_envelope(bytes, cluster_)) return changed("beat", beat.from);
    const auto decoded = decode_beat(BeatBytesView(bytes));
    if (!decoded) return text_of("a beat of host %u does not decode", beat.from.value());
    if (!(*decoded == beat)) return changed("beat", beat.from);
    beat = *decoded;
    return std::nullopt;
}

}  // namespace holdfast::sim
