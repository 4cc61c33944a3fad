/* Claims, host leases and the verdict of death (design sections 5, 8 and 9), under leaders that change.
 *
 * What is here                           where the engine does it
 *   host lease, three ways to renew it     engine/machine/host_lease.cc, beats.cc     "by storage", "by an answer", "by vouching"
 *   its end, the watchdog, coming back     engine/machine/self_fence.cc, past.cc      "tick", "gone", "restart"
 *   claim, then scan, then start           engine/machine/claims.cc                   "claim" ... "resume"
 *   silence, verdict read, certificate     engine/machine/death_watch.cc              "read", "certify"
 *   a new leader reads, then orders        engine/machine/restart_plan.cc             "open", "office", "order"
 *
 * Checked in every reachable state
 *   S1   the VM is never resumed on a host while it runs on the other.
 *   S2   no start that an old epoch ordered goes on unknown to a new leader that has read all rosters.
 *
 * Two hosts may run the VM; leader 0 is in office in epoch 1, leader 1 may follow it in epoch 2.  That their offices do not overlap
 * is what leadership.pml shows; here an office simply ends at any moment.  A host that is frozen, hung or cut off takes no step:
 * the clock alone ends its lease and fires its watchdog.  WATCHDOG ticks stand for both periods of it with granularity, drift and
 * landing: the arithmetic of timing.h is not repeated.  Slot and roster are one record, as a slot names a roster version only once
 * that is on a majority; orders are one register, for the same reason.  Clocks and writes behave as in leadership.pml.
 *
 * Too large to be explored to the end so far, and therefore not claimed: a host that comes back as a new incarnation (-DRESTARTS=1),
 * a second order in one office, the lapse of both hosts.  The simulator and the planted faults of tests/mutants cover those.
 *
 * Planted faults: -DFAULT_...; each breaks one rule, and scripts/model demands that each is found.
 */
#ifndef SEQ_MAX
#define SEQ_MAX 3   /* a run ends when everybody has written so often */
#endif
#ifndef RESTARTS
#define RESTARTS 0  /* hosts that come back as a new incarnation, in all */
#endif
#ifndef HANDOVER
#define HANDOVER 1  /* leader 0's office may end, and leader 1 follow */
#endif
#ifndef RENEWALS
#define RENEWALS 1  /* with ordinary beats on storage */
#endif
#ifndef BEATS
#define BEATS 1     /* with beats on the network */
#endif
#define D 3         /* voting datastores */
#define LEASE 2     /* host lease in ticks */
#define WATCHDOG 1
#if defined(FAULT_DEAD_WITHOUT_WATCHDOG)
#define DEAD LEASE
#else
#define DEAD (LEASE + WATCHDOG)
#endif

typedef Slot { unsigned seq : 3; unsigned inc : 1; unsigned claim : 1 }

typedef Host {
    Slot own;             /* its newest slot, written or not */
    unsigned written : 3; /* datastores that took it */
    unsigned age : 2;     /* ticks since its issue */
    bool up;              /* a member; clear from the end of a lease to the next incarnation */
    bool fresh;           /* this incarnation has had no lease yet */
    bool runs;            /* its QEMU runs */
    unsigned lease : 2;   /* ticks that are left */
    unsigned grace : 1;   /* ... of the watchdog after that */
    bool beat; unsigned beat_age : 2; unsigned heard : 2; bool answered; /* its newest beat, who received it, a leader's answer */
    unsigned step : 2; unsigned scanned : 3; unsigned by : 2; bool epoch_moved; Slot saw } /* a start under way */

typedef Leader {
    byte office;          /* 0 not yet, 1 in office, 2 over */
    byte read;            /* datastores read since it took office */
    byte target;          /* the order: 1 + the host that shall start the VM */
    Slot know[2];         /* of each host: the newest slot read, */
    byte quiet[2];        /* ticks until its silence may be read, */
    byte silent[2];       /* datastores that showed nothing newer after that, */
    byte dead[2] }        /* the certificate: 1 + the incarnation */

#define IDLE 0
#define CLAIMING 1
#define SCANNING 2
#define CLEAN 3

Slot disk[2 * D];     /* disk[h * D + d]: host h's slot on datastore d */
unsigned opened : 3;  /* datastores that hold leader 1's block of epoch 2 */
Host host[2];
Leader leader[2];
byte restarts;

#define OTHER (1 - h)
#ifdef CLAIMS_ONLY
#define MORTAL(h) false
#define PERSON(h) (HANDOVER == 0)
#else
#define MORTAL(h) ((h) == 0)
#define PERSON(h) ((h) == 0)
#endif
#define MAJORITY(m) ((m) == 3 || (m) == 5 || (m) == 6 || (m) == 7)
#define HAS(m, d)   (((m) >> (d)) & 1)
#define LEFT(a)     ((a) < LEASE -> LEASE - (a) : 0)
#define COPY(to, from) to.seq = from.seq; to.inc = from.inc; to.claim = from.claim

/* Datastores are alike: of two in the same state only the first one is tried. */
#define SAME(x, a, b) (HAS(x, a) == HAS(x, b))
#define ALIKE(a, b) \
    (disk[a].seq == disk[b].seq && disk[D + a].seq == disk[D + b].seq && SAME(opened, a, b) && \
     SAME(host[0].scanned, a, b) && SAME(host[1].scanned, a, b) && SAME(leader[0].read, a, b) && SAME(leader[1].read, a, b) && \
     SAME(leader[0].silent[0], a, b) && SAME(leader[0].silent[1], a, b) && \
     SAME(leader[1].silent[0], a, b) && SAME(leader[1].silent[1], a, b))
#define FIRST(d) ((d) == 0 || ((d) == 1 && !ALIKE(0, 1)) || ((d) == 2 && !ALIKE(0, 2) && !ALIKE(1, 2)))

#ifdef FAULT_CLAIM_ON_A_MINORITY
#define CLAIM_STANDS (host[h].written != 0)
#elif defined(FAULT_SCAN_BEFORE_CLAIM)
#define CLAIM_STANDS true
#else
#define CLAIM_STANDS MAJORITY(host[h].written)
#endif
#ifdef FAULT_LEASE_FROM_COMPLETION
#define BY_STORAGE LEASE
#else
#define BY_STORAGE LEFT(host[h].age)
#endif
#define MAY_RENEW (host[h].up && (host[h].lease > 0 || host[h].fresh))
#ifdef FAULT_VOUCHED_BY_SOME
#define ALL_ANSWERED (host[h].heard != 0)
#else
#define ALL_ANSWERED (host[h].heard == 1 + 2 * HANDOVER)
#endif
#define CERTIFIED(l, p, i) (leader[l].dead[p] > (i))
#ifdef FAULT_EPOCH_NOT_CHECKED
#define EPOCH_MOVED false
#else
#define EPOCH_MOVED host[h].epoch_moved
#endif
/* check_claim(): the order stands, and nobody else claims the VM but an incarnation named dead in it */
#define WITHDRAW \
    ((host[h].by == 1 && EPOCH_MOVED) || (host[h].by != 0 && leader[host[h].by - 1].target != h + 1) || \
     (host[h].saw.claim && !(host[h].by != 0 && CERTIFIED(host[h].by - 1, OTHER, host[h].saw.inc))))

inline issue() { host[h].own.seq++; host[h].written = 0; host[h].age = 0 }

inline renew(TICKS) { host[h].lease = TICKS; host[h].up = true; host[h].fresh = false; host[h].grace = 0 }

inline end_start() {
    host[h].step = IDLE; host[h].scanned = 0; host[h].by = 0; host[h].epoch_moved = false;
    host[h].saw.seq = 0; host[h].saw.inc = 0; host[h].saw.claim = 0
}

proctype Member(byte h) {
    byte d;
    do
    /* write: a datastore takes the newest slot, as late as it likes, also after the host's death */
    :: atomic { if :: d = 0 :: d = 1 :: d = 2 fi;
        d_step { host[h].own.seq > disk[h * D + d].seq && FIRST(d) ->
            COPY(disk[h * D + d], host[h].own); host[h].written = host[h].written | (1 << d); d = 0 } }
    /* by storage: its slot is on a majority; the lease runs from the issue */
    :: d_step { MAY_RENEW && MAJORITY(host[h].written) && BY_STORAGE > host[h].lease -> renew(BY_STORAGE) }
    :: d_step { RENEWALS && MORTAL(h) && host[h].up && host[h].step == IDLE && host[h].own.seq < SEQ_MAX -> issue() }  /* an ordinary beat on storage */
    /* a beat on the network; by an answer: a leader in office received it; by vouching: all members did */
    :: d_step { BEATS && MORTAL(h) && host[h].up && (!host[h].beat || host[h].beat_age > 0) ->
        host[h].beat = true; host[h].beat_age = 0; host[h].heard = 0; host[h].answered = false }
    :: d_step { MAY_RENEW && host[h].beat && (host[h].answered || ALL_ANSWERED) && LEFT(host[h].beat_age) > host[h].lease ->
        renew(LEFT(host[h].beat_age)) }

    /* claim: by a leader's order, or because a person wants it */
    :: atomic { host[h].up && host[h].lease > 0 && !host[h].runs && host[h].step == IDLE && !host[h].own.claim &&
                host[h].own.seq < SEQ_MAX ->
        if
        :: leader[0].target == h + 1 -> host[h].by = 1
        :: leader[1].target == h + 1 -> host[h].by = 2
        :: PERSON(h) -> host[h].by = 0
        fi;
        host[h].own.claim = 1; issue();
#ifdef FAULT_NO_SCAN
        host[h].step = CLEAN
#else
        host[h].step = CLAIMING
#endif
    }
    /* then scan: issued after the claim stands on a majority */
    :: d_step { host[h].step == CLAIMING && CLAIM_STANDS -> host[h].step = SCANNING }
    :: atomic { host[h].step == SCANNING -> if :: d = 0 :: d = 1 :: d = 2 fi;
        d_step { !HAS(host[h].scanned, d) && FIRST(d) ->
            if :: disk[OTHER * D + d].seq > host[h].saw.seq -> COPY(host[h].saw, disk[OTHER * D + d]) :: else fi;
            host[h].epoch_moved = host[h].epoch_moved || HAS(opened, d);
            host[h].scanned = host[h].scanned | (1 << d); d = 0 } }
    /* then judge */
    :: d_step { host[h].step == SCANNING && MAJORITY(host[h].scanned) && MAJORITY(host[h].written) && !WITHDRAW -> host[h].step = CLEAN }
    :: d_step { host[h].step == SCANNING && MAJORITY(host[h].scanned) && WITHDRAW && host[h].own.seq < SEQ_MAX ->
        host[h].own.claim = 0; issue(); end_start() }
    /* resume: the executor looks at the clock right before */
    :: d_step { host[h].step == CLEAN && host[h].lease > 0 ->
        assert(!host[OTHER].runs);                                                              /* S1 */
        assert(!(host[h].by == 1 && MAJORITY(leader[1].read) && !leader[1].know[h].claim));     /* S2 */
        host[h].runs = true; end_start() }

    /* gone: after the lease the VM is destroyed and proved gone, if the watchdog does not come first */
    :: d_step { !host[h].up && host[h].runs -> host[h].runs = false; host[h].grace = 0 }
    /* restart: only then the host comes back, without claims, as a new incarnation */
    :: d_step { !host[h].up && host[h].own.seq < SEQ_MAX && restarts < RESTARTS && !host[h].runs ->
        restarts++; host[h].own.inc = 1; host[h].own.claim = 0; host[h].up = true; host[h].fresh = true; issue() }
    od
}

/* The slots on datastore DS are read at one instant: what is newer is evidence, what is not may count as silence. */
inline look(DS) {
    h = 0;
    do
    :: h < 2 ->
        if
        :: disk[h * D + DS].seq > leader[l].know[h].seq ->
            COPY(leader[l].know[h], disk[h * D + DS]);
            if :: MORTAL(h) -> leader[l].quiet[h] = DEAD; leader[l].silent[h] = 0 :: else fi
        :: else ->
#ifdef FAULT_VERDICT_READ_TOO_EARLY
            if
            :: MORTAL(h) && leader[l].office == 1 && leader[l].dead[h] <= leader[l].know[h].inc ->
                leader[l].silent[h] = leader[l].silent[h] | (1 << DS)
            :: else
            fi
#else
            if
            :: MORTAL(h) && leader[l].dead[h] <= leader[l].know[h].inc && leader[l].office == 1 && leader[l].quiet[h] == 0 -> leader[l].silent[h] = leader[l].silent[h] | (1 << DS)
            :: else
            fi
#endif
        fi;
        h++
    :: else -> break
    od;
    if :: leader[l].office == 1 -> leader[l].read = leader[l].read | (1 << DS) :: else fi;
    h = 0; d = 0
}

#if defined(FAULT_VERDICT_OF_A_MINORITY)
#define VERDICT(h) (leader[l].silent[h] != 0)
#elif defined(FAULT_NO_VERDICT_READ)
#define VERDICT(h) true
#else
#define VERDICT(h) MAJORITY(leader[l].silent[h])
#endif
#define VOID(p) (!leader[l].know[p].claim || leader[l].dead[p] > leader[l].know[p].inc)

#define READS(l) (leader[l].office < 2 && (l == 0 || leader[0].office == 2))

proctype Chief(byte l) {
    byte h, d;
    do
    /* read: whoever leads, or is about to, scans all the time */
    :: atomic { READS(l) -> if :: d = 0 :: d = 1 :: d = 2 fi; d_step { FIRST(d) -> look(d) } }
    /* hear: a beat is evidence before it is answered, and a certified incarnation gets no answer */
    :: d_step { host[0].beat && !HAS(host[0].heard, l) && leader[l].office < 2 ->
        host[0].heard = host[0].heard | (1 << l); leader[l].quiet[0] = DEAD; leader[l].silent[0] = 0;
        host[0].answered = host[0].answered || (leader[l].office == 1 && leader[l].dead[0] <= host[0].own.inc) }
    /* certify: a majority, read after the time, showed nothing newer */
    :: d_step { leader[l].office == 1 && leader[l].quiet[0] == 0 && VERDICT(0) && leader[l].dead[0] <= leader[l].know[0].inc &&
                MORTAL(0) ->
        leader[l].dead[0] = leader[l].know[0].inc + 1; leader[l].silent[0] = 0 }
    /* order, one in an office: all rosters were read in this office, and none holds the VM but those of certified incarnations */
    :: atomic { leader[l].office == 1 && MAJORITY(leader[l].read) && VOID(0) && VOID(1) -> if :: h = 0 :: h = 1 fi;
        d_step { leader[l].target == 0 && leader[l].dead[h] <= leader[l].know[h].inc -> leader[l].target = h + 1; h = 0 } }

    /* the first office ends; the next leader counts everybody's silence from then on at the earliest, as the old one may have
     * answered anybody until then */
    :: d_step { HANDOVER && l == 0 && leader[0].office == 1 -> leader[0].office = 2; leader[0].read = 0;
        leader[0].quiet[0] = 0; leader[0].quiet[1] = 0; leader[0].silent[0] = 0; leader[0].silent[1] = 0;  /* forgotten */
        leader[0].know[0].seq = 0; leader[0].know[1].seq = 0; leader[0].know[0].claim = 0; leader[0].know[1].claim = 0;
        leader[0].know[0].inc = 0; leader[0].know[1].inc = 0;
#ifndef FAULT_PREVIOUS_ANSWERS_FORGOTTEN
        leader[1].quiet[0] = (MORTAL(0) -> DEAD : 0)
#endif
        }
    /* open: the block of epoch 2; office: it is on a majority */
    :: atomic { l == 1 && leader[0].office == 2 -> if :: d = 0 :: d = 1 :: d = 2 fi;
        d_step { !HAS(opened, d) && FIRST(d) -> opened = opened | (1 << d); d = 0 } }
    :: d_step { l == 1 && leader[1].office == 0 && MAJORITY(opened) -> leader[1].office = 1 }
    od
}

proctype Clock() {
    byte h;
    do
    :: d_step {
        if :: host[0].age < LEASE -> host[0].age++ :: else fi;
        if :: host[0].beat && host[0].beat_age < LEASE -> host[0].beat_age++ :: else fi;
        if
        :: host[0].lease == 1 ->  /* lapse */
            host[0].lease = 0; host[0].up = false; host[0].beat = false; host[0].beat_age = 0; host[0].heard = 0;
            host[0].answered = false; host[0].grace = (host[0].runs -> WATCHDOG : 0); h = 0; end_start()
        :: host[0].lease > 1 -> host[0].lease--
        :: host[0].lease == 0 && host[0].grace == 1 -> host[0].grace = 0; host[0].runs = false  /* the watchdog fires */
        :: else
        fi;
        if :: leader[0].quiet[0] > 0 -> leader[0].quiet[0]-- :: else fi;
        if :: leader[1].quiet[0] > 0 -> leader[1].quiet[0]-- :: else fi }
    od
}

init {
    byte d;
    atomic {
        host[0].own.seq = 1; host[1].own.seq = 1;
#ifndef CLAIMS_ONLY
        host[0].own.claim = 1; host[0].runs = true;  /* the VM runs on host 0, which may die */
#endif
        do
        :: d < D -> COPY(disk[d], host[0].own); COPY(disk[D + d], host[1].own); d++
        :: else -> break
        od;
        host[0].written = 7; host[1].written = 7; host[0].up = true; host[1].up = true;
        host[0].lease = LEASE; host[1].lease = LEASE;
        COPY(leader[0].know[0], host[0].own); COPY(leader[0].know[1], host[1].own);
        COPY(leader[1].know[0], host[0].own); COPY(leader[1].know[1], host[1].own);
        leader[0].office = 1; d = 0;
#if HANDOVER && defined(CLAIMS_ONLY)
        leader[0].office = 2; leader[0].target = 2;  /* its last order is out, and its office over */
#endif
        run Member(1);
#if !defined(CLAIMS_ONLY)
        run Member(0); run Chief(0);
#elif !HANDOVER
        run Member(0);
#endif
#if HANDOVER
        run Chief(1);
#endif
#ifndef CLAIMS_ONLY
        leader[0].quiet[0] = DEAD; leader[1].quiet[0] = DEAD;
        run Clock()
#endif
    }
}
