//! The proof of the store kit: each of these stores has one mistake, and the checks named beside it
//! catch it. What is not named here may catch it too.

mod apply;
mod bodies;
mod disk;
mod fault;
mod model;
mod turns;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::support::checks::{self, failures};
use apply::Flawed;
use fault::Fault;
use model::Model;
use rungs::testkit::store::{
    CHECKS, REOPEN_CHECKS, SHARED_CHECKS, check_all_reopened, check_all_within, opener, reopened,
};
use tokio::time::timeout;

/// The time limit of a check, because some of these stores hang for ever.
const LIMIT: Duration = Duration::from_secs(10);

/// The time limit of a check with several handles. One of them waits 5 seconds for a wake-up.
const SHARED_LIMIT: Duration = Duration::from_mins(1);

/// The stores that panic. With any other store, a panic is a bug in the kit.
const PANICKING: [Fault; 3] =
    [Fault::PanicsAtStrangeNames, Fault::ReservesTheLimit, Fault::RoundsLeases];

/// Asserts that each of these checks of a store in memory fails.
fn assert_caught_in_memory(fault: Fault, by: &[&'static str]) {
    let checks = by.iter().map(|name| {
        let check = CHECKS.iter().find(|it| it.0 == *name).expect("a check of the kit").1;
        (*name, move || check(Arc::new(Model::new(fault))))
    });
    assert_caught(fault, failures(LIMIT, checks));
}

/// Asserts that each of these checks of several handles on a store fails.
fn assert_caught_shared(fault: Fault, by: &[&'static str]) {
    let checks = by.iter().map(|name| {
        let check = SHARED_CHECKS.iter().find(|it| it.0 == *name).expect("a check of the kit").1;
        (*name, move || {
            let first = Flawed::new(fault);
            check(opener(move || first.clone().open()))
        })
    });
    assert_caught(fault, failures(SHARED_LIMIT, checks));
}

/// Asserts that each of these checks of a store on disk fails.
fn assert_caught_on_disk(fault: Fault, by: &[&'static str]) {
    let checks = by.iter().map(|name| {
        let check = REOPEN_CHECKS.iter().find(|it| it.0 == *name).expect("a check of the kit").1;
        (*name, move || reopened(check, move |dir: &Path| Model::open(fault, dir)))
    });
    assert_caught(fault, failures(LIMIT, checks));
}

fn assert_caught(fault: Fault, failures: Vec<(&'static str, Option<String>)>) {
    checks::assert_caught(&format!("{fault:?}"), PANICKING.contains(&fault), failures);
}

#[test]
fn a_failure_names_the_versions_that_a_store_confused() {
    let report = check_all_within(LIMIT, || Model::new(Fault::IgnoresVersions));

    let check = "a_stale_commit_conflicts_and_writes_nothing";
    let failure = report.failed.iter().find(|it| it.check == check).expect("it failed");
    assert_eq!(
        failure.to_string(),
        "a_stale_commit_conflicts_and_writes_nothing: the store accepted a commit that expects version 1 \
         of a record at version 2; it must answer StoreError::Conflict and write nothing"
    );
    assert!(report.to_string().contains(&failure.to_string()), "{report}");
}

/// Runs each check on one thread, where tasks take turns in one order: whether two of them meet does not depend on how
/// busy the machine is.
fn assert_caught_in_turns(fault: Fault, by: &[&'static str]) {
    let check_in_turns = |name: &'static str| {
        let check = CHECKS.iter().find(|it| it.0 == name).expect("a check of the kit").1;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime needs nothing but threads");
        let ended = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async { timeout(LIMIT, check(Arc::new(Model::new(fault)))).await })
        }));
        assert!(!matches!(ended, Ok(Ok(()))), "{fault:?} passed `{name}`");
    };
    thread::scope(|scope| {
        for name in by {
            scope.spawn(move || check_in_turns(name));
        }
    });
}

/// A `#[test]` for each mistake, and the list of all checks that are named.
macro_rules! broken {
    ($named:ident, $assert_caught:expr, $($fault:ident: $($check:ident)+;)+) => {
        #[allow(non_upper_case_globals)]
        const $named: &[&str] = &[$($(stringify!($check)),+),+];

        mod $named {
            use super::*;

            $(
                #[test]
                #[allow(non_snake_case)]
                fn $fault() {
                    $assert_caught(Fault::$fault, &[$(stringify!($check)),+]);
                }
            )+
        }
    };
}

broken! {
    in_memory, assert_caught_in_memory,

    DecidesInTheOrderOfKeys: a_decision_gets_its_records_and_is_written;
    TouchesWhatItLocks: a_decision_without_writes_changes_nothing;
    AppliesUnchecked: a_decision_that_stays_stale_conflicts concurrent_decisions_lose_no_update;
    TriesOnce: concurrent_decisions_lose_no_update decisions_in_opposite_order_both_end;
    IgnoresVersions:
        a_stale_commit_conflicts_and_writes_nothing
        a_future_version_conflicts
        a_new_record_conflicts_with_an_existing_one;
    AcceptsOlderVersions:
        a_stale_commit_conflicts_and_writes_nothing
        one_of_concurrent_commits_succeeds
        a_claimed_job_refuses_its_previous_version;
    AcceptsNewerVersions:
        a_future_version_conflicts
        a_stale_removal_conflicts
        a_commit_writes_all_or_nothing;
    CreatesOverWhatIsThere: a_new_record_conflicts_with_an_existing_one a_stale_removal_conflicts;
    RemovesUnchecked: a_stale_removal_conflicts;
    FailsToRemoveNothing: removing_an_absent_record_changes_nothing;
    WritesUpToTheConflict:
        a_commit_writes_all_or_nothing
        a_commit_of_thousands_is_all_or_nothing
        one_of_concurrent_submissions_is_accepted;
    IndexesBeforeItChecks:
        a_commit_writes_all_or_nothing
        a_refused_commit_leaves_the_index_alone
        a_commit_of_thousands_is_all_or_nothing;
    KeepsVersionsOfTheRemoved: a_removed_record_can_be_created_anew;
    CountsOneVersionForAll:
        a_committed_record_loads_back
        a_version_counts_the_writes_of_its_own_record
        a_removed_record_can_be_created_anew;
    TakesTheLastOfTwo: a_commit_that_names_a_key_twice_is_refused;
    RefusesEmptyCommits: an_empty_commit_changes_nothing;
    ForgetsBeyondAThousand: a_commit_of_thousands_is_all_or_nothing;
    HangsAfterADroppedCommit: a_dropped_commit_is_all_or_nothing;
    WritesLater:
        a_committed_record_loads_back
        every_kind_of_record_is_returned_unchanged
        records_at_the_limits_of_their_ranges_are_kept;
    RemovesPastTheFirstNothing:
        a_refused_commit_leaves_the_index_alone
        a_commit_creates_changes_and_removes_together
        an_expired_batch_is_removed_with_its_records;
    TrimsText: text_of_any_kind_is_kept;
    SignsAmounts: records_at_the_limits_of_their_ranges_are_kept;
    DropsTheTrail: every_kind_of_record_is_returned_unchanged;
    CutsLongLists: a_large_record_is_kept;
    FoldsCase: keys_that_begin_alike_are_kept_apart keys_are_listed_in_the_order_of_their_bytes;
    CutsKeys: the_longest_keys_are_kept_apart;
    JoinsKeyParts: keys_in_any_script_are_kept_apart;
    LoadsInItsOwnOrder:
        loading_keeps_the_order_of_keys
        a_late_result_changes_nothing
        a_batch_that_many_workers_end_adds_up;
    LoadsAThousandAtMost: thousands_of_keys_load_in_one_call;
    ListsUpwardsOnly:
        an_accounts_batches_are_listed_newest_first
        an_acknowledged_commit_is_visible_at_once
        lists_are_ordered_in_both_directions
        every_kind_is_listed_to_its_last_key;
    ListsTheKeyItIsBehind: a_list_continues_after_a_key the_pages_of_a_list_contain_each_record_once;
    NeedsTheKeyItIsBehind: a_list_continues_after_a_key a_list_continues_after_a_removed_key;
    ListsAllButTheLastKey: every_kind_is_listed_to_its_last_key;
    ListsMoreThanItsLimit:
        lists_are_ordered_in_both_directions
        a_list_continues_after_a_key
        the_pages_of_a_list_contain_each_record_once;
    ReservesTheLimit: a_commit_of_thousands_is_all_or_nothing a_limit_above_the_number_of_records_is_accepted;
    ListsWhatWasFirstWritten:
        a_list_is_as_recent_as_a_load
        an_expired_batch_is_removed_with_its_records;
    SortsNumbersAsText: keys_are_listed_in_the_order_of_their_bytes;
    KeepsEntriesOfTheRemoved:
        rewriting_the_same_due_time_counts_once
        records_with_equal_due_times_are_all_kept
        a_removed_record_is_never_due;
    KeepsEntriesOfTheChanged:
        a_claim_takes_at_most_its_limit
        no_two_claims_take_the_same_job
        an_ended_job_is_never_claimed;
    AddsEntriesTwice:
        a_limit_above_the_number_of_records_is_accepted
        queues_are_kept_apart
        due_jobs_are_claimed_earliest_first;
    KeepsOneEntryAMoment:
        records_with_equal_due_times_are_all_kept
        concurrent_claims_take_each_job_once
        concurrent_claims_of_all_queues_take_each_record_once;
    ForgetsCachedAnswers: cache_entries_fall_due_for_expiry;
    ForgetsDays: days_of_usage_fall_due_for_expiry;
    IndexesOnlyTheNew: a_batch_that_ends_begins_to_expire the_end_of_a_job_is_one_commit;
    IndexesWhatEnded:
        records_without_a_due_time_are_in_no_queue
        a_delivered_notification_leaves_its_queue
        an_ended_job_is_never_claimed;
    SignsMoments: the_first_and_the_last_due_time_are_kept a_dropped_claim_loses_no_job;
    MixesQueues:
        queues_are_kept_apart
        a_removed_record_is_never_due
        a_claimed_record_is_the_one_that_the_core_returns;
    NeverLeases:
        a_claim_is_kept_as_it_was_returned
        a_claimed_job_refuses_its_previous_version
        an_ended_job_is_never_claimed;
    ClaimsInTheOrderOfKeys:
        cache_entries_fall_due_for_expiry
        due_jobs_are_claimed_earliest_first
        expired_leases_are_ordered_by_their_end;
    LimitsBeforeItSorts: a_limited_claim_takes_the_earliest;
    ClaimsTooEarly:
        nothing_is_claimed_before_it_is_due
        no_two_claims_take_the_same_job
        a_worker_cannot_claim_over_its_own_lease;
    ClaimsTooLate:
        a_batch_that_ends_begins_to_expire
        nothing_is_claimed_before_it_is_due
        expired_records_are_returned_unchanged;
    ClaimsBeyondItsLimit:
        a_claim_takes_at_most_its_limit
        a_limited_claim_takes_the_earliest
        a_claim_of_nothing_due_writes_nothing;
    ReturnsTheVersionBefore:
        a_claim_is_kept_as_it_was_returned
        a_claim_returns_the_version_to_commit_at
        a_job_returned_to_the_queue_is_due_at_its_time;
    KeepsTheVersionAtClaims:
        a_claim_is_kept_as_it_was_returned
        a_claimed_job_refuses_its_previous_version
        an_ended_job_is_never_claimed
        a_claim_and_a_concurrent_commit_agree;
    RoundsLeases:
        a_claimed_record_is_the_one_that_the_core_returns
        notifications_are_claimed_under_a_lease
        a_dropped_claim_loses_no_job;
    RenewsItsOwnLease:
        queues_are_kept_apart
        a_claim_takes_at_most_its_limit
        a_claimed_record_is_the_one_that_the_core_returns;
    NeverEndsALease:
        the_earliest_due_time_follows_commits
        a_job_with_an_expired_lease_is_claimed_again
        a_renewed_lease_blocks_claims_until_its_end;
    WritesWhatExpires: cache_entries_fall_due_for_expiry expired_records_are_returned_unchanged;
    TakesAllOfASite: a_claim_takes_no_more_of_a_site_than_its_share;
    TakesAllOfAnAccount: a_claim_takes_no_more_of_an_account_than_its_share;
    ServesOneAccountFirst: accounts_take_turns the_account_that_was_served_last_waits;
    ForgetsWhoWasServed: the_account_that_was_served_last_waits;
    WeighsAllAlike: a_heavier_account_gets_more_turns;
    IgnoresPriorities: urgent_jobs_of_an_account_come_first;
    ForgetsWhereToBegin: due_leaves_out_what_was_due_before;
    LosesADroppedClaim: expired_records_are_returned_unchanged a_dropped_claim_loses_no_job;
    PutsLostLeasesLast:
        the_earliest_due_time_follows_commits
        an_earlier_due_time_replaces_the_old_one
        a_job_with_an_expired_lease_is_claimed_again;
    RemovesNeighbours:
        a_body_reads_back_until_its_batch_is_removed
        bodies_of_many_batches_are_kept_apart;
    NamesBodiesByLength: bodies_of_one_batch_are_kept_apart concurrent_bodies_are_all_kept;
    KeepsRemovedBodies:
        a_body_reads_back_until_its_batch_is_removed
        a_body_is_whole_or_gone_while_its_batch_is_removed
        a_batch_may_have_bodies_again;
    BringsNewBodiesEachTime: every_handle_reads_the_same_bodies;
    FailsToRemoveNoBodies: removing_absent_bodies_succeeds;
    PanicsAtStrangeNames: a_foreign_reference_returns_no_body;
    CutsLargeBodies: a_large_body_is_kept;
    NamesBodiesAnew: a_batch_may_have_bodies_again;
    TearsBodiesInTwo: a_dropped_put_harms_no_other_body;
    FailsReadersOfTheRemoved:
        a_body_reads_back_until_its_batch_is_removed
        bodies_of_many_batches_are_kept_apart
        a_body_is_whole_or_gone_while_its_batch_is_removed;
    KeepsFewBatches: bodies_of_many_batches_are_kept_apart;
    ListsPastItsKind:
        a_list_contains_one_kind
        every_kind_is_listed_to_its_last_key
        a_late_result_changes_nothing;
    FillsAFreshStore: a_fresh_store_is_empty;
}

broken! {
    in_turns, assert_caught_in_turns,

    StopsHalfWay:
        retried_changes_lose_nothing
        a_load_never_shows_a_part_of_a_commit
        a_list_never_shows_a_part_of_a_commit;
    ChecksAndWritesApart: one_of_concurrent_commits_succeeds retried_changes_lose_nothing;
    ConflictsWithAnyOther:
        concurrent_commits_of_different_records_all_succeed
        a_dropped_commit_is_all_or_nothing;
    LocksRecordByRecord: commits_in_opposite_order_both_end a_dropped_commit_is_all_or_nothing;
    ClaimsInTwoSteps:
        concurrent_claims_take_each_job_once
        concurrent_claims_of_all_queues_take_each_record_once;
    NamesBodiesInTwoSteps: concurrent_bodies_are_all_kept;
}

broken! {
    shared, assert_caught_shared,

    DeniesThatItIsShared: handles_show_the_same_records;
    KeepsHandlesApart: handles_show_the_same_records an_opening_releases_no_lease;
    ReleasesLeasesOfTheLiving: an_opening_releases_no_lease;
    ClaimsLate: claimers_of_many_handles_get_disjoint_jobs;
    TrustsTheCallersClock:
        a_process_with_a_wrong_clock_steals_nothing
        a_process_with_a_slow_clock_keeps_its_leases;
    HasNoClock: a_process_with_a_wrong_clock_steals_nothing;
    ClaimsFromEverySlot: a_claim_takes_only_from_its_slots;
    TakesAllOfASlot: a_claim_takes_no_more_of_a_slot_than_its_limit;
    AppliesUnchecked: decisions_of_many_handles_lose_no_update;
    TriesOnce: decisions_of_many_handles_lose_no_update;
    NeverWakes: a_wake_up_crosses_handles;
    WakesForJobsOnly: a_wake_up_crosses_handles;
}

broken! {
    on_disk, assert_caught_on_disk,

    WritesOneCommitBehind:
        acknowledged_commits_survive_a_reopening
        versions_continue_after_a_reopening
        a_refused_commit_leaves_nothing_over_a_reopening;
    WritesWhenItIsClosed: the_files_of_a_killed_process_contain_every_acknowledged_commit;
    WritesBeforeItChecks: a_refused_commit_leaves_nothing_over_a_reopening;
    LosesVersions: versions_continue_after_a_reopening;
    LosesBeyondAThousand: thousands_of_records_survive_a_reopening;
    BringsBackTheRemoved:
        a_removed_record_stays_removed_over_a_reopening
        the_files_of_a_killed_process_contain_every_acknowledged_commit;
    ForgetsItsIndex:
        acknowledged_commits_survive_a_reopening
        a_removed_record_stays_removed_over_a_reopening
        commits_during_a_crash_are_all_or_nothing;
    KeepsLeases:
        leases_are_released_at_a_reopening
        accounts_take_turns_after_a_reopening
        a_released_lease_counts_as_lost_and_its_claim_is_stale
        reopening_again_releases_nothing_twice;
    ReleasesWithoutCounting:
        leases_are_released_at_a_reopening
        a_released_lease_counts_as_lost_and_its_claim_is_stale
        reopening_again_releases_nothing_twice;
    ReleasesWithoutAWrite: a_released_lease_counts_as_lost_and_its_claim_is_stale;
    TouchesWhatWaits:
        due_jobs_are_claimed_in_order_after_a_reopening
        a_reopening_changes_nothing_but_leases;
    ReleasesAtEachOpening: reopening_again_releases_nothing_twice;
    RevivesWhatEnded:
        every_kind_of_record_survives_a_reopening
        ended_records_stay_ended_over_a_reopening;
    LosesLedgerLines:
        due_jobs_are_claimed_in_order_after_a_reopening
        a_reopening_changes_nothing_but_leases
        the_ledger_adds_up_after_a_reopening;
    LosesBodies:
        bodies_survive_a_reopening
        removed_bodies_stay_removed
        the_files_of_a_killed_process_contain_every_acknowledged_commit;
    BringsBackBodies: removed_bodies_stay_removed;
    WritesHalfACommit:
        every_kind_of_record_survives_a_reopening
        lists_keep_their_order_over_a_reopening
        commits_during_a_crash_are_all_or_nothing;
    ReversesItsOrder:
        acknowledged_commits_survive_a_reopening
        versions_continue_after_a_reopening
        lists_keep_their_order_over_a_reopening;
}

#[test]
fn the_store_without_a_fault_passes_every_check() {
    let memory = check_all_within(LIMIT, || Model::new(Fault::Nothing));
    let disk = check_all_reopened(|dir| Model::open(Fault::Nothing, dir));

    assert!(memory.failed.is_empty() && disk.failed.is_empty(), "{memory}\n{disk}");
    assert_eq!((memory.passed.len(), disk.passed.len()), (CHECKS.len(), REOPEN_CHECKS.len()));
}

#[test]
fn every_check_of_the_kit_catches_some_store() {
    let named = in_memory.iter().chain(in_turns).chain(shared).chain(on_disk);
    let named: BTreeSet<_> = named.copied().collect();
    let all = CHECKS.iter().map(|it| it.0).chain(REOPEN_CHECKS.iter().map(|it| it.0));
    let all = all.chain(SHARED_CHECKS.iter().map(|it| it.0));

    let idle: Vec<_> = all.filter(|it| !named.contains(it)).collect();

    assert!(idle.is_empty(), "no broken store is caught by {idle:?}");
}
