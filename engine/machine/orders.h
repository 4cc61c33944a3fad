// Orders, decoded: what a leader told others to do, with the evidence.  storage/orders_format.h is the form on disk.
#pragma once

#include "engine/base/fixed_list.h"
#include "engine/base/limits.h"
#include "engine/base/types.h"
#include "engine/machine/roster.h"

namespace holdfast {

// By what a host was proved dead (design: "Proofs of death").
enum class Proof : std::uint8_t {
    VerdictRead = 1,    // silent for `dead`, then a majority read, and an armed hardware watchdog
    NewerBoot = 2,      // it shows a newer boot id
    CleanShutdown = 3,  // it said that this incarnation is over
    PowerOff = 4,       // its power was verified off
    Operator = 5,       // a person confirmed it by typing
    AcceptedRisk =
        6,  // VerdictRead with a watchdog that is not hardware, which the configuration accepts
};

// The recorded proof that allows restarts: (host, incarnation) and every older incarnation of it is dead.
struct Certificate {
    HostKey dead;
    Proof proof = Proof::VerdictRead;
    Epoch epoch;                // in which the judging leader held office
    HostId judge;               // who judged
    Duration silence{};         // from the last evidence to the issue of the verdict read
    Duration dead_after{};      // what it had to reach
    Sequence last_sequence;     // the last slot seen of it
    BeatNumber last_beat;       // the last network beat of it
    std::uint8_t readings = 0;  // datastores whose read showed nothing newer
    std::uint8_t majority = 0;  // how many were needed
    WatchdogClass watchdog_class = WatchdogClass::None;  // as it published

    friend bool operator==(const Certificate&, const Certificate&) = default;
};

struct Order {
    OrderNumber number;  // unique within the epoch
    HostId target;
    VmSpec spec;
    ClaimNumber above;  // the target's claim number must be greater than this
    std::uint8_t attempt = 1;
    HostKey previous;  // whose claim or wish this order replaces

    friend bool operator==(const Order&, const Order&) = default;
};

struct Orders {
    HostId leader;
    Incarnation incarnation;
    Epoch epoch;
    Version version;
    FixedList<Certificate, kCertificatesMax> certificates;
    FixedList<Order, kOrdersMax> orders;

    friend bool operator==(const Orders&, const Orders&) = default;
};

}  // namespace holdfast
