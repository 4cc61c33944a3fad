// Which proofs of death stand in the orders and in the slot.
//
// Whoever executes an order reads there whose claims are void, so a certificate may not leave while an order rests on it.  When more hosts
// die at once than there is room for, orders wait for others to be done with.
#include "engine/base/mutant.h"
#include "engine/machine/engine_state.h"

namespace holdfast {

// The dead of whose rosters a newer version than the one known was announced.
void EngineState::look_for_unread_dead() {
    dead_unread.clear();
    rosters.for_each_due([this](HostId host) {
        const Peer& peer = *peers.find(host);
        if (peer.is_dead(peer.incarnation) && !rosters.current(peer)) dead_unread.insert(host);
    });
}

// Hosts whose claims must be void for an order to start `vm`; a roster that cannot be read may claim anything.
void EngineState::add_hosts_in_the_way(VmId vm, HostSet& hosts) const {
    rosters.for_each_of_vm(vm, [&hosts](const RosterTable::Known& known, const Claim& claim) {
        if (claim.holds()) hosts.insert(known.host);
    });
    dead_unread.for_each([&hosts](HostId host) { hosts.insert(host); });
}

// Hosts whose claims must be void for the orders that are out.
HostSet EngineState::hosts_orders_rest_on() const {
    HostSet hosts;
    for (const Plan& plan : plans) {
        if (plan.given) add_hosts_in_the_way(plan.spec.vm, hosts);
    }
    return hosts;
}

// REQUIRES: look_for_unread_dead() since anything was learned
// Whether the proof that this incarnation is dead stands in `orders`.
bool EngineState::certified(const Orders& orders, HostKey key) const {
    for (const Certificate& certificate : orders.certificates) {
        if (certificate.dead.host == key.host && key.incarnation <= certificate.dead.incarnation)
            return true;
    }
    return false;
}

// Sees to it that the proof of this death stands in the orders.  False: there is no room for it now.
bool EngineState::keep_certificate(const Peer& peer) {
    const Certificate& proof = proofs[static_cast<std::size_t>(&peer - peers.all().data())];
    if (proof.dead.host.is_none() || proof.epoch != own_orders.epoch) return false;
    for (Certificate& kept : own_orders.certificates) {
        if (kept.dead.host != peer.id) continue;
        if (!(kept == proof)) orders_writer.touch();
        kept = proof;
        return true;
    }
    if (own_orders.certificates.full()) {
        const HostSet needed =
            planted(Mutant::CertificateEvicted) ? HostSet{} : hosts_orders_rest_on();
        std::size_t oldest = 0;
        while (oldest < own_orders.certificates.size() &&
               needed.contains(own_orders.certificates[oldest].dead.host))
            ++oldest;
        if (oldest == own_orders.certificates.size()) return false;
        own_orders.certificates.remove_at(oldest);
    }
    own_orders.certificates.push(proof);
    orders_writer.touch();
    return true;
}

// Whether every proof that an order for this plan would rest on stands in the orders.
bool EngineState::certificates_for(const Plan& plan) {
    HostSet hosts;
    add_hosts_in_the_way(plan.spec.vm, hosts);
    bool all = true;
    hosts.for_each([this, &all](HostId host) {
        const Peer* peer = peers.find(host);
        all = all && (peer == nullptr || keep_certificate(*peer));
    });
    return all;
}

// Marks are pills for whoever hears nothing but storage, and tell others what to show; no order rests on them.
void EngineState::remember_mark(const Mark& mark) {
    if (marks.full()) {
        std::size_t oldest = 0;
        // Who showed life after its death needs its pill most.
        while (oldest + 1 < marks.size()) {
            const Peer* peer = peers.find(marks[oldest].who.host);
            if (peer == nullptr || peer->returned < marks[oldest].who.incarnation) break;
            ++oldest;
        }
        marks.remove_at(oldest);
    }
    marks.push(mark);
}

}  // namespace holdfast
