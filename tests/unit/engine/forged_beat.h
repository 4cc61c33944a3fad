// A beat that a test makes up: as if host `from` had sent it, with an answer to a beat of host `to`.
#pragma once

#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {

// What is said in it besides is what stands in the sender's slot; its number is above all that the sender sends by itself.
inline Beat forged_beat(MiniCluster& cluster, int from, int to, BeatNumber answered) {
    const SlotRecord& slot = cluster.host(from).engine->own_slot();
    Beat beat;
    beat.from = HostId{static_cast<std::uint16_t>(from)};
    beat.to = HostId{static_cast<std::uint16_t>(to)};
    beat.host_uuid = uuid_of(1, static_cast<std::uint8_t>(from));
    beat.boot_id = cluster.host(from).config.boot_id;
    beat.incarnation = slot.incarnation;
    beat.number = BeatNumber{100'000};
    beat.epoch = slot.decided_epoch;
    beat.winner = slot.winner;
    beat.config = slot.config;
    beat.answered_number = answered;
    beat.answered_incarnation = cluster.host(to).engine->own_slot().incarnation;
    return beat;
}

}  // namespace holdfast::testing
