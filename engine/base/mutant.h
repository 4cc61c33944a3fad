// Mutants: faults that are planted in the rules on purpose, to prove that the tests would notice (design section 13).
//
// Each stands for one rule and is one line at the place where that rule is kept:
//
//     disk.written_issued = planted(Mutant::LeaseFromCompletion) ? core.now : disk.write_issued;
//
// In what is shipped planted() is a constant that is false, and nothing of the line is left.  Only the extra build
// with HF_MUTANTS (tests/mutants) can plant one, at run time; tests/mutants/catalogue.cc says which rule each of them
// breaks and what catches it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace holdfast {

enum class Mutant : std::uint8_t {
    None = 0,
    // the host lease
    LeaseFromCompletion,
    AnswerCountsFromReceipt,
    LapsedLeaseRenewed,
    LeaseFromMinority,
    FailedWriteTakenForDone,
    WritesOfThePastCount,
    AnswersToThePastCount,
    OldLeaderRenewsLease,
    VouchingWithoutUnanimity,
    VouchesBeforeInForce,
    BarredVouch,
    OldRecordSpares,
    BlackoutWithoutLimit,
    LimitNotKept,
    WhoIsOutVouches,
    AnyIncarnationCounted,
    ColdStartTooSoon,
    BarredLeaseWithoutScan,
    InheritedLeaseNotCut,
    LongerLeaseNotPublished,
    ShorterLeasePublishedAtOnce,
    // leadership
    TakeoverWithoutWaiting,
    TakeoverReadTooEarly,
    NoReadBackOnRenewal,
    OfficeWithoutEnd,
    OfficeComesBack,
    FirstOfficeFromCompletion,
    AnswersWithoutOffice,
    BallotWithoutIncarnation,
    AcceptedValueIgnored,
    UnreadableSlotsCount,
    PhaseOnMinority,
    GreaterBallotIgnored,
    LaterEpochAdopted,
    DatastoresInOneJump,
    LostListForgotten,
    LostListNotWaitedFor,
    ScanWithoutNewMember,
    JoinerCountedAtOnce,
    LiveHostRemoved,
    RemovedHostCountsAgain,
    LostStorageIsSatOut,
    ResignsInABlackout,
    RecordNotReadBack,
    NumberBeforeKept,
    StandsByOldRecord,
    JudgesBeforeRecord,
    UnsafeRecordTaken,
    SpareVotes,
    AbsentVoterNotCounted,
    OldListForgotten,
    ListChangesUnsettled,
    SickDatastoreVotes,
    PromiseForgotten,
    WinnerWithoutLeaseStays,
    IsolatedLeaderStays,
    // calling a host dead
    DeadWithoutDrift,
    DeadWithoutLanding,
    DeadByOwnValues,
    DeadAfterOneWatchdog,
    VerdictReadTooEarly,
    VerdictFromMinority,
    DeadWithoutWatchdog,
    DeadWithoutArming,
    NewerIncarnationIsReboot,
    RebootWithoutLanding,
    PreviousOfficeNotCounted,
    BeatIsNoEvidence,
    CertificateWithoutIncarnation,
    TheDeadAreAnswered,
    PillOfThePastTaken,
    NoVmsLies,
    NoVmsIsProof,
    ThirdHostIsEvidence,
    FencedWhileSlow,
    ReturnCodeIsProof,
    PowerOffWithoutLanding,
    ProofOutlivesBeat,
    FencedForNothing,
    PersonOverLife,
    RosterIsNoSign,
    // starting VMs
    ClaimSkipped,
    ClaimAfterStart,
    ClaimWithoutScan,
    ClaimOnMinority,
    VersionAnnouncedEarly,
    EpochNotChecked,
    OrderNotReadAgain,
    UnreadableRosterIsEmpty,
    StartingClaimIgnored,
    MembersDiffer,
    LateStopStrikes,
    KeeperArmedAfterClaim,
    StartOutlivesLease,
    OrderExecutedTwice,
    PersonStartsUnclaimed,
    HalfStartedIsRunning,
    NumberNotAboveAll,
    MaintenanceTakesVms,
    BeginsWhileLeaving,
    LeavesUnheard,
    RespondsWithoutRefuge,
    NewcomerIsRefuge,
    StoppedBeforeSaid,
    // live migration
    ArrivalNotNamed,
    ArrivalNameNotDurable,
    ArrivalNumberNotChecked,
    ArrivingIsRunning,
    HandedOverIsRevived,
    StartWhileHandedOver,
    ArrivalNotProvedGone,
    // restart plans
    RostersNotReadInOffice,
    DeadRosterNotReadAgain,
    StoppedVmRises,
    WishOverrulesStop,
    UnheldClaimDecides,
    WantsStartForgotten,
    BarredIsOrdered,
    PlacedWithoutDisks,
    ApartIgnored,
    CertificateEvicted,
    OlderRosterTaken,
    // when the lease ends, and coming back
    StruckBeforeProof,
    LapseLeavesVmsAlone,
    IncarnationReused,
    BeatsBeforeDurable,
    PastFromMinority,
    VersionsBeginAgain,
    ProvisionalIsNewerLife,
    ProvisionalNotSaid,
    ProvisionalWordForgotten,
    ProvisionalHidesPromises,
    ProvisionalWritesRegions,
    ProvisionalSaysFarewell,
    HiddenWriteCounts,
    HiddenWriteStillCounts,
    // what lies outside the engine: storage, network, and the simulator's models of the agent's processes
    NewestCopyOverwritten,
    TaintedDatastoreVotes,
    ReplayedBeatPasses,
    LateFeedNotNoticed,
    KeeperFeedsOn,
    Last_,
};

inline constexpr std::size_t kMutantsCount = static_cast<std::size_t>(Mutant::Last_);

#ifdef HF_MUTANTS
// Which one is planted; set before the first engine is made, and never while one runs.
extern Mutant planted_mutant;

// How often planted() was asked for each of them: whether a run came by the places where rules are kept.
extern std::array<std::uint64_t, kMutantsCount> rule_visits;

[[nodiscard]] inline bool planted(Mutant mutant) {
    ++rule_visits[static_cast<std::size_t>(mutant)];
    return planted_mutant == mutant;
}
#else
[[nodiscard]] consteval bool planted(Mutant) {
    return false;
}
#endif

}  // namespace holdfast
