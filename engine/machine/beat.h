// A beat on the network, decoded.  net/beat_format.h is the form on the wire.
#pragma once

#include "engine/base/types.h"
#include "engine/machine/slot.h"

namespace holdfast {

struct Beat {
    HostId from;
    HostId to;
    Uuid host_uuid;  // of the sender: two hosts with one id are told apart by it
    BootId boot_id;
    Incarnation incarnation;
    BeatNumber number;  // grows with each beat that this incarnation sends, to whomever
    SlotFlags flags;
    Duration lease{};  // the sender's promises, as in its slot
    Duration watchdog{};
    WatchdogClass watchdog_class = WatchdogClass::None;
    Epoch epoch;  // the highest decided epoch that the sender knows, and its winner
    HostKey winner;
    bool leading = false;  // the sender held the leader lease of `epoch` when it answered
    Epoch resigned_epoch;
    // The answer: "I received beat `answered_number` of your incarnation `answered_incarnation`".  None: no answer.
    Incarnation answered_incarnation;
    BeatNumber answered_number;
    Incarnation pill;  // not none: this incarnation of the receiver is certified dead
    ConfigNumber config;
    Version roster_version;  // doorbells: something newer is on the datastores
    Version orders_version;
    // To the leader: the newest beat of it that the sender had received before its newest complete round of storage began (rounds.h).
    BeatNumber round_after;

    friend bool operator==(const Beat&, const Beat&) = default;
};

}  // namespace holdfast
