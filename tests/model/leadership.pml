/* Leadership: Disk Paxos, one instance per epoch, and the leader lease between epochs (design section 6).
 *
 * What is here                         where the engine does it
 *   a host's ballot block and its write  engine/machine/slot.h, slot_io.cc      "write", "scan"
 *   two phases of an epoch               engine/machine/leadership.cc           "stand" ... "decide"
 *   the lease of the office              Leadership::renew, check_office        "renew", "validate", "tick"
 *   opening the next epoch               Leadership::winner_is_over             "look", may_open
 *   an agent that starts anew            engine/machine/past.cc                 "restart"
 *
 * Checked in every reachable state
 *   S2   never two hosts in office at once; never two winners of one epoch.
 *
 * Time is a small discrete clock.  A tick ages every lease; between two ticks anything may happen in any order, and a host that
 * is frozen, slow or cut off is one that takes no step.  Leases count from the issue, silence from the sight, as in the engine.  That
 * TAKEOVER ticks of the fastest clock are no less than LEASE ticks of the slowest is the arithmetic of with_drift() and
 * takeover_after() (engine/machine/timing.h), which tests/unit/engine/tables_test.cc holds; here both clocks run alike.
 *
 * A datastore takes the writes of one host in the order of their issue, or never: at most one is under way (storage/datastore.h),
 * so a write that hangs and lands late only keeps that datastore behind.  A read of a datastore happens at one instant.
 *
 * Planted faults: -DFAULT_...; each breaks one rule, and scripts/model demands that each is found.
 */
#ifndef N
#define N 2        /* hosts */
#endif
#ifndef RESTARTS
#define RESTARTS 1 /* agents that start anew, in all */
#endif
#define D 3        /* voting datastores */
#ifndef EPOCHS
#define EPOCHS 2
#endif
#ifndef SEQ_MAX
#define SEQ_MAX 6  /* a run ends when everybody has written so often */
#endif
#ifndef ROUND_MAX
#define ROUND_MAX 2
#endif
#define LEASE 2    /* leader lease in ticks */
#ifdef FAULT_TAKEOVER_TOO_SOON
#define TAKEOVER 1
#else
#define TAKEOVER LEASE
#endif

typedef Slot {         /* what a host says in its slot */
    unsigned seq : 3;
    unsigned inc : 1;
    unsigned epoch : 2; unsigned mbal : 5; unsigned bal : 5; unsigned value : 3; /* the ballot block */
    unsigned decided : 2; unsigned winner : 3; unsigned resigned : 2 }

typedef Host {
    Slot own;              /* its newest slot, written or not */
    unsigned role : 2;
    unsigned decided : 2; unsigned winner : 3; /* the newest epoch whose winner it knows */
    unsigned written : 3;  /* datastores that took the newest slot */
    unsigned age : 2;      /* ticks since its issue */
    unsigned office : 2;   /* ticks of the leader lease that are left */
    unsigned opened : 2; unsigned greatest : 5; /* the greatest epoch that anybody opened, the greatest ballot there */
    unsigned quiet : 2;    /* ticks until the winner's silence may be read */
    unsigned silent : 3 }  /* datastores that showed nothing newer after that */

#define FOLLOWER 0
#define PREPARING 1
#define ACCEPTING 2
#define LEADING 3

Slot disk[N * D];      /* disk[h * D + d]: host h's slot on datastore d */
Slot seen[N * N];      /* seen[h * N + p]: the newest slot of p that h has read */
Host host[N];
byte chosen[EPOCHS + 1]; /* ghost: the winner of an epoch, as somebody has decided it */
byte restarts;

#define MAJORITY(m) ((m) == 3 || (m) == 5 || (m) == 6 || (m) == 7)
#define HAS(m, d)   (((m) >> (d)) & 1)
#define KEY(h, i)   ((h) * 2 + (i) + 1)            /* (host, incarnation); 0 is nobody */
#define HOST_OF(k)  (((k) - 1) / 2)
#define INC_OF(k)   (((k) - 1) % 2)
#define ABOVE(b, h) ((((b) >> 3) + 1) << 3 | (h) << 1 | host[h].own.inc)  /* ballot_above(): no two candidates share one */

#define COPY(to, from) \
    to.seq = from.seq; to.inc = from.inc; to.epoch = from.epoch; to.mbal = from.mbal; to.bal = from.bal; \
    to.value = from.value; to.decided = from.decided; to.winner = from.winner; to.resigned = from.resigned

#ifdef FAULT_OFFICE_WITHOUT_LEASE
#define ACTS(h) (host[h].role == LEADING)
#else
#define ACTS(h) (host[h].role == LEADING && host[h].office > 0)
#endif

/* A new slot is issued: older writes of it no longer count. */
inline issue() {
    host[h].own.seq++; host[h].own.decided = host[h].decided; host[h].own.winner = host[h].winner; host[h].written = 0;
    host[h].age = (host[h].role == ACCEPTING || host[h].role == LEADING -> 0 : LEASE)  /* nothing else counts from it */
}

inline follow() { host[h].role = FOLLOWER; host[h].office = 0; host[h].age = LEASE }

inline learn_opened(EPOCH, BALLOT) {
    if
    :: EPOCH > host[h].opened -> host[h].opened = EPOCH; host[h].greatest = BALLOT; host[h].quiet = 0; host[h].silent = 0
    :: EPOCH == host[h].opened && BALLOT > host[h].greatest -> host[h].greatest = BALLOT
    :: else
    fi
}

/* Somebody else is known as winner of the newest epoch: its silence matters. */
#define OTHER(h) (host[h].winner != 0 && HOST_OF(host[h].winner) != h && host[h].opened <= host[h].decided)

inline learn_decided(EPOCH, WINNER) {
    if
    :: EPOCH > host[h].decided ->
        host[h].decided = EPOCH; host[h].winner = WINNER;
        follow(); host[h].quiet = (OTHER(h) -> TAKEOVER : 0); host[h].silent = 0
    :: else
    fi
}

/* Inlines speak of host h, the one that takes the step.  It reads datastore d: whatever is newer is learnt, and a newer sight of the winner starts its silence anew. */
inline read(DS) {
    p = 0;
    do
    :: p < N ->
        if
        :: p != h && disk[p * D + DS].seq > seen[h * N + p].seq ->
            COPY(seen[h * N + p], disk[p * D + DS]);
            learn_opened(seen[h * N + p].epoch, seen[h * N + p].mbal);
            learn_decided(seen[h * N + p].decided, seen[h * N + p].winner);
            if
            :: OTHER(h) && HOST_OF(host[h].winner) == p -> host[h].quiet = TAKEOVER; host[h].silent = 0
            :: else
            fi
        :: else
        fi;
        p++
    :: else -> break
    od;
#ifndef FAULT_READ_BEFORE_DUE
    if
    :: OTHER(h) && host[h].quiet == 0 -> host[h].silent = host[h].silent | (1 << DS)
    :: else
    fi;
#else
    host[h].silent = host[h].silent | (1 << DS);
#endif
    p = 0
}

#define WINNER_SLOT(h) seen[h * N + HOST_OF(host[h].winner)]

/* winner_is_over(): the winner said so, or came back as somebody else, or a majority was read in silence. */
#if defined(FAULT_SILENCE_OF_A_MINORITY)
#define SILENT(h) (host[h].quiet == 0 && host[h].silent != 0)
#elif defined(FAULT_NO_READ_OF_SILENCE)
#define SILENT(h) (host[h].quiet == 0)
#else
#define SILENT(h) (host[h].quiet == 0 && MAJORITY(host[h].silent))
#endif
#define WINNER_OVER(h) \
    (host[h].decided == 0 \
     || (HOST_OF(host[h].winner) == h && (INC_OF(host[h].winner) < host[h].own.inc \
                                              || host[h].own.resigned >= host[h].decided)) \
     || (HOST_OF(host[h].winner) != h && (WINNER_SLOT(h).inc > INC_OF(host[h].winner) \
                                              || WINNER_SLOT(h).resigned >= host[h].decided || SILENT(h))))
/* Somebody has opened an epoch whose winner is not known: join that instance. */
#define JOIN(h) (host[h].opened > host[h].decided)
#define NEXT(h) (JOIN(h) -> host[h].opened : host[h].decided + 1)

/* beaten(): a greater ballot or epoch was seen, or the epoch is decided. */
#define BEATEN(h) \
    (host[h].opened > host[h].own.epoch || (host[h].opened == host[h].own.epoch && host[h].greatest > host[h].own.mbal) \
     || host[h].decided >= host[h].own.epoch)

inline take_greatest_accepted() {
    best = host[h].own.bal; value = (best == 0 -> KEY(h, host[h].own.inc) : host[h].own.value);
#ifndef FAULT_PHASE_2_IGNORES_ACCEPTED
    p = 0;
    do
    :: p < N ->
        if
        :: p != h && seen[h * N + p].epoch == host[h].own.epoch && seen[h * N + p].bal > best ->
            best = seen[h * N + p].bal; value = seen[h * N + p].value
        :: else
        fi;
        p++
    :: else -> break
    od;
#endif
    host[h].own.bal = host[h].own.mbal; host[h].own.value = value;
    p = 0; best = 0; value = 0
}

/* Datastores are alike: of two in the same state only the first one is tried. */
#define ALIKE(a, b) \
    (disk[a].seq == disk[b].seq && disk[D + a].seq == disk[D + b].seq && \
     HAS(host[0].silent, a) == HAS(host[0].silent, b) && HAS(host[1].silent, a) == HAS(host[1].silent, b))

inline check_one_in_office() {
    p = 0;
    do
    :: p < N -> assert(p == h || !ACTS(p)); p++   /* S2: one in office */
    :: else -> break
    od;
    p = 0
}

#ifdef FAULT_PHASE_BY_A_MINORITY
#define PHASE_DONE(h) (host[h].written != 0)
#else
#define PHASE_DONE(h) MAJORITY(host[h].written)
#endif
#ifdef FAULT_PHASE_WITHOUT_SCAN
#define SCAN(d)
#else
#define SCAN(d) read(d)
#endif
#ifdef FAULT_OFFICE_FROM_COMPLETION
#define LEFT(h) LEASE
#else
#define LEFT(h) (host[h].age < LEASE -> LEASE - host[h].age : 0)
#endif

inline write(DSK) {
    COPY(disk[h * D + DSK], host[h].own); host[h].written = host[h].written | (1 << DSK); SCAN(DSK)
}

proctype Candidate(byte h) {
    byte d, p, best, value;
    do
    /* write: a datastore takes the newest slot, as late as it likes, and the scan issued after that validates it there */
    :: d_step { host[h].own.seq > disk[h * D].seq -> write(0) }
    :: d_step { host[h].own.seq > disk[h * D + 1].seq && !ALIKE(0, 1) -> write(1) }
    :: d_step { host[h].own.seq > disk[h * D + 2].seq && !ALIKE(0, 2) && !ALIKE(1, 2) -> write(2) }

    /* look: any other scan */
    :: d_step { read(0) }
    :: d_step { !ALIKE(0, 1) -> read(1) }
    :: d_step { !ALIKE(0, 2) && !ALIKE(1, 2) -> read(2) }

    /* stand */
    :: d_step { host[h].role == FOLLOWER && (JOIN(h) || WINNER_OVER(h)) && NEXT(h) <= EPOCHS && host[h].own.seq < SEQ_MAX &&
                (host[h].greatest >> 3) < ROUND_MAX ->
        p = NEXT(h);
        best = (host[h].opened == p -> host[h].greatest : 0);
        if
        :: host[h].own.epoch != p -> host[h].own.epoch = p; host[h].own.mbal = 0; host[h].own.bal = 0; host[h].own.value = 0
        :: else
        fi;
        host[h].own.mbal = ABOVE(best, h);
        learn_opened(host[h].own.epoch, host[h].own.mbal);
        host[h].role = PREPARING; host[h].quiet = 0; host[h].silent = 0; issue();
        p = 0; best = 0 }
    /* give way */
    :: d_step { (host[h].role == PREPARING || host[h].role == ACCEPTING) && BEATEN(h) -> follow() }
    /* phase 1 is over: propose what was accepted under the greatest ballot, or oneself */
    :: d_step { host[h].role == PREPARING && PHASE_DONE(h) && !BEATEN(h) && host[h].own.seq < SEQ_MAX ->
        take_greatest_accepted(); host[h].role = ACCEPTING; issue() }
    /* decide: phase 2 is over */
    :: d_step { host[h].role == ACCEPTING && PHASE_DONE(h) && !BEATEN(h) ->
        assert(chosen[host[h].own.epoch] == 0 || chosen[host[h].own.epoch] == host[h].own.value);  /* S2: one winner */
        chosen[host[h].own.epoch] = host[h].own.value;
        p = host[h].own.value; best = LEFT(h);
        learn_decided(host[h].own.epoch, p);
        if
        :: p == KEY(h, host[h].own.inc) && best > 0 ->
            host[h].role = LEADING; host[h].office = best; host[h].age = LEASE - best; check_one_in_office()
        :: else
        fi;
        p = 0; best = 0 }

    /* renew: the next slot, which says who won */
    :: d_step { ACTS(h) && host[h].own.seq < SEQ_MAX -> issue() }
    /* validate: taken by a majority, then scanned there, and nobody went on to another epoch */
    :: d_step { ACTS(h) && host[h].opened <= host[h].decided && MAJORITY(host[h].written) && LEFT(h) > host[h].office ->
        host[h].office = LEFT(h); check_one_in_office() }
    /* the office ends: somebody went on, or it is given up; it does not come back in that epoch */
    :: d_step { host[h].role == LEADING && host[h].opened > host[h].decided -> follow() }
    :: d_step { EPOCHS > 1 && host[h].winner == KEY(h, host[h].own.inc) && host[h].own.resigned < host[h].decided && host[h].own.seq < SEQ_MAX ->
        follow(); host[h].own.resigned = host[h].decided; issue() }

    /* restart: the agent starts anew and knows what it reads of itself from a majority, here without datastore d */
    :: atomic { h == 0 && restarts < RESTARTS && host[h].own.seq > 0 && host[h].own.seq < SEQ_MAX ->
        restarts++;
        if :: d = 0 :: d = 1 :: d = 2 fi;
        d_step {
            p = (disk[h * D + (d + 1) % D].seq > disk[h * D + (d + 2) % D].seq -> (d + 1) % D : (d + 2) % D);
            best = host[h].own.seq;
            COPY(host[h].own, disk[h * D + p]); host[h].decided = host[h].own.decided; host[h].winner = host[h].own.winner;
            host[h].own.seq = best; host[h].own.inc = 1;
#ifdef FAULT_RESTART_FORGETS
            host[h].own.epoch = 0; host[h].own.mbal = 0; host[h].own.bal = 0; host[h].own.value = 0;
#endif
            host[h].opened = host[h].own.epoch; host[h].greatest = host[h].own.mbal;
            follow(); host[h].silent = 0; host[h].quiet = (OTHER(h) -> TAKEOVER : 0);
            p = 0;
            do
            :: p < N -> seen[h * N + p].seq = 0; seen[h * N + p].inc = 0; seen[h * N + p].epoch = 0; seen[h * N + p].mbal = 0;
                seen[h * N + p].bal = 0; seen[h * N + p].value = 0; seen[h * N + p].decided = 0; seen[h * N + p].winner = 0;
                seen[h * N + p].resigned = 0; p++
            :: else -> break
            od;
            issue();
            d = 0; p = 0; best = 0 } }
    od
}

/* tick: every lease grows shorter, every silence longer */
proctype Clock() {
    byte h;
    do
    :: d_step {
        h = 0;
        do
        :: h < N ->
            if :: host[h].age < LEASE -> host[h].age++ :: else fi;
            if :: host[h].quiet > 0 -> host[h].quiet-- :: else fi;
#ifndef FAULT_OFFICE_WITHOUT_LEASE
            if :: host[h].office == 1 -> follow() :: else fi;  /* check_office() comes before anything else */
#endif
            if :: host[h].office > 0 -> host[h].office-- :: else fi;
            h++
        :: else -> break
        od;
        h = 0 }
    od
}

init {
    atomic {
#ifdef IN_OFFICE   /* host 0 has just won epoch 1, and host 1 knows it */
        host[0].own.seq = 1; host[0].own.epoch = 1; host[0].own.mbal = 8; host[0].own.bal = 8; host[0].own.value = 1;
        host[0].decided = 1; host[0].winner = 1; COPY(disk[0], host[0].own); COPY(disk[1], host[0].own);
        host[0].opened = 1; host[0].greatest = 8; chosen[1] = 1;
        host[0].written = 3; host[0].role = LEADING; host[0].office = LEASE;
        COPY(seen[N], host[0].own); host[1].decided = 1; host[1].winner = 1; host[1].opened = 1; host[1].greatest = 8;
        host[1].quiet = TAKEOVER;
#endif
#if EPOCHS > 1
        run Clock();
#endif
        run Candidate(0); run Candidate(1)
    }
}
