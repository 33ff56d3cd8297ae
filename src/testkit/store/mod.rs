//! Conformance kit for stores.
//!
//! [`crate::store_conformance!`] makes each check a `#[test]` of its own; [`check_all`] runs all of them
//! without a test harness. Durable stores are also checked over a reopening, by
//! [`crate::store_reopen_conformance!`] and [`check_all_reopened`], and those that several processes share with several
//! handles, by [`crate::shared_store_conformance!`] and [`check_all_shared`]. The checks themselves are not part of
//! the public API.

mod apply;
mod bodies;
mod bodies_alone;
mod claims;
mod commits;
mod crash;
mod index;
mod lists;
mod records;
mod reopen;
#[doc(hidden)]
pub mod sample;
mod scratch;
mod shared;
mod shared_handle;
mod shares;
mod steps;

#[doc(hidden)]
pub use apply::*;
#[doc(hidden)]
pub use bodies::*;
pub use bodies_alone::check_bodies;
#[doc(hidden)]
pub use claims::*;
#[doc(hidden)]
pub use commits::*;
#[doc(hidden)]
pub use crash::*;
#[doc(hidden)]
pub use index::*;
#[doc(hidden)]
pub use lists::*;
#[doc(hidden)]
pub use records::*;
#[doc(hidden)]
pub use reopen::*;
pub use scratch::Scratch;
pub use shared::*;
pub use shared_handle::SharedHandle;
#[doc(hidden)]
pub use shares::*;
#[doc(hidden)]
pub use steps::*;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::core::record::{Key, Record};
use crate::ports::store::{Store, StoreError, Version, Versioned, Write};
use crate::testkit::kit::{
    self, CHECK_LIMIT, KitReport, MustSucceed, abandoned_after, at_once, must_eq,
};

/// A store as the engine and the checks hold it.
#[doc(hidden)]
pub type AnyStore = Arc<dyn Store>;

/// Opens the store in a directory.
#[doc(hidden)]
pub type Open<'a> = &'a dyn Fn(&Path) -> AnyStore;

/// A running check.
#[doc(hidden)]
pub type Checking<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// A check of a fresh, empty store.
#[doc(hidden)]
pub type Check = fn(AnyStore) -> Checking<'static>;

/// A check of a durable store, in a directory of its own.
#[doc(hidden)]
pub type ReopenCheck = for<'a> fn(&'a Path, Open<'a>) -> Checking<'a>;

/// Writes `record`, whose current version is `expected`.
#[doc(hidden)]
pub async fn put(
    store: &impl Store,
    record: Record,
    expected: Option<Version>,
) -> Result<(), StoreError> {
    store.commit(vec![write(record, expected)]).await
}

/// Loads one record.
#[doc(hidden)]
pub async fn get(store: &impl Store, key: Key) -> Option<Versioned> {
    let mut found = store.load(vec![key]).await.must_succeed("a load");
    must_eq!(found.len(), 1, "the number of answers to a load of one key");
    found.remove(0)
}

/// Returns the change that writes a record.
fn write(record: Record, expected: Option<Version>) -> Write {
    Write { key: record.key(), expected, record: Some(record) }
}

/// Returns the change that removes a record.
fn removal(key: Key, expected: Option<Version>) -> Write {
    Write { key, expected, record: None }
}

fn account(granted: u64) -> Record {
    Record::Account(sample::account("a", granted))
}

fn job(number: u64) -> Record {
    job_at(number, 1)
}

fn job_at(number: u64, ready_at: u64) -> Record {
    Record::Job(sample::job(number, sample::at(ready_at)))
}

/// Checks that a store refused `what` as a conflict.
#[track_caller]
fn assert_conflict(what: &str, result: &Result<(), StoreError>) {
    const MUST: &str = "answer StoreError::Conflict and write nothing";
    match result {
        Err(StoreError::Conflict) => {}
        Ok(()) => kit::fail(format_args!("the store accepted {what}"), MUST),
        Err(error) => kit::fail(format_args!("the store answered {what} with `{error}`"), MUST),
    }
}

macro_rules! table {
    (() [$($check:ident)*]) => {
        /// Every check of a store by its name, in the order in which [`check_all`] runs them.
        #[doc(hidden)]
        pub const CHECKS: &[(&str, Check)] =
            &[$((stringify!($check), |store| Box::pin($check(store)))),*];
    };
}

macro_rules! reopen_table {
    (() [$($check:ident)*]) => {
        /// Every check of a durable store by its name.
        #[doc(hidden)]
        pub const REOPEN_CHECKS: &[(&str, ReopenCheck)] =
            &[$((stringify!($check), |dir, open| Box::pin($check(dir, open)))),*];
    };
}

crate::each_store_check!(table,);
crate::each_store_reopen_check!(reopen_table,);

/// Runs every check, each against a new store from `open`.
///
/// A check that fails prints its panic like a test.
pub fn check_all<S: Store + 'static>(open: impl Fn() -> S + Clone + Send + 'static) -> KitReport {
    check_all_within(CHECK_LIMIT, open)
}

/// Runs every check like [`check_all`], with this time limit for each.
pub fn check_all_within<S: Store + 'static>(
    limit: Duration,
    open: impl Fn() -> S + Clone + Send + 'static,
) -> KitReport {
    let checks = CHECKS.iter().map(|&(name, check)| {
        let open = open.clone();
        (name, move || check(Arc::new(open())))
    });
    kit::report(limit, checks)
}

/// Runs every check of a durable store, each in a new directory. `open` opens the store in a directory, which must
/// contain all of its data.
pub fn check_all_reopened<S: Store + 'static>(
    open: impl Fn(&Path) -> S + Clone + Send + 'static,
) -> KitReport {
    let checks = REOPEN_CHECKS.iter().map(|&(name, check)| {
        let open = open.clone();
        (name, move || reopened(check, open))
    });
    kit::report(CHECK_LIMIT, checks)
}

/// Runs one check of a durable store in a directory of its own.
#[doc(hidden)]
pub async fn reopened<S: Store + 'static>(check: ReopenCheck, open: impl Fn(&Path) -> S) {
    let scratch = Scratch::new();
    let open = |dir: &Path| -> AnyStore { Arc::new(open(dir)) };
    check(scratch.path(), &open).await;
}

/// Calls a macro with every check's name; for the macros of this kit.
#[doc(hidden)]
#[macro_export]
macro_rules! each_store_check {
    ($then:path, $($arg:tt)*) => {
        $then! { ($($arg)*) [
            a_fresh_store_is_empty
            a_committed_record_loads_back
            every_kind_of_record_is_returned_unchanged
            records_at_the_limits_of_their_ranges_are_kept
            text_of_any_kind_is_kept
            a_large_record_is_kept
            loading_keeps_the_order_of_keys
            thousands_of_keys_load_in_one_call
            keys_in_any_script_are_kept_apart
            keys_that_begin_alike_are_kept_apart
            the_longest_keys_are_kept_apart
            a_stale_commit_conflicts_and_writes_nothing
            a_future_version_conflicts
            a_new_record_conflicts_with_an_existing_one
            a_version_counts_the_writes_of_its_own_record
            a_removed_record_can_be_created_anew
            a_stale_removal_conflicts
            removing_an_absent_record_changes_nothing
            a_commit_writes_all_or_nothing
            a_refused_commit_leaves_the_index_alone
            an_empty_commit_changes_nothing
            a_commit_creates_changes_and_removes_together
            a_commit_that_names_a_key_twice_is_refused
            a_commit_of_thousands_is_all_or_nothing
            an_acknowledged_commit_is_visible_at_once
            one_of_concurrent_commits_succeeds
            concurrent_commits_of_different_records_all_succeed
            retried_changes_lose_nothing
            commits_in_opposite_order_both_end
            a_load_never_shows_a_part_of_a_commit
            a_list_never_shows_a_part_of_a_commit
            a_dropped_commit_is_all_or_nothing
            lists_are_ordered_in_both_directions
            a_list_continues_after_a_key
            a_list_continues_after_a_removed_key
            a_list_contains_one_kind
            every_kind_is_listed_to_its_last_key
            an_accounts_batches_are_listed_newest_first
            the_pages_of_a_list_contain_each_record_once
            a_limit_above_the_number_of_records_is_accepted
            keys_are_listed_in_the_order_of_their_bytes
            a_list_is_as_recent_as_a_load
            records_without_a_due_time_are_in_no_queue
            queues_are_kept_apart
            the_earliest_due_time_follows_commits
            an_earlier_due_time_replaces_the_old_one
            rewriting_the_same_due_time_counts_once
            records_with_equal_due_times_are_all_kept
            a_removed_record_is_never_due
            a_delivered_notification_leaves_its_queue
            a_batch_that_ends_begins_to_expire
            cache_entries_fall_due_for_expiry
            days_of_usage_fall_due_for_expiry
            the_first_and_the_last_due_time_are_kept
            due_jobs_are_claimed_earliest_first
            a_claim_takes_at_most_its_limit
            a_limited_claim_takes_the_earliest
            nothing_is_claimed_before_it_is_due
            a_claim_of_nothing_due_writes_nothing
            a_claimed_record_is_the_one_that_the_core_returns
            a_claim_is_kept_as_it_was_returned
            a_claimed_job_refuses_its_previous_version
            a_claim_returns_the_version_to_commit_at
            no_two_claims_take_the_same_job
            a_worker_cannot_claim_over_its_own_lease
            a_job_with_an_expired_lease_is_claimed_again
            expired_leases_are_ordered_by_their_end
            a_renewed_lease_blocks_claims_until_its_end
            a_job_returned_to_the_queue_is_due_at_its_time
            an_ended_job_is_never_claimed
            notifications_are_claimed_under_a_lease
            expired_records_are_returned_unchanged
            concurrent_claims_take_each_job_once
            concurrent_claims_of_all_queues_take_each_record_once
            a_claim_and_a_concurrent_commit_agree
            a_dropped_claim_loses_no_job
            a_claim_takes_no_more_of_a_site_than_its_share
            a_claim_takes_no_more_of_an_account_than_its_share
            accounts_take_turns
            the_account_that_was_served_last_waits
            a_heavier_account_gets_more_turns
            urgent_jobs_of_an_account_come_first
            due_leaves_out_what_was_due_before
            a_decision_gets_its_records_and_is_written
            a_decision_without_writes_changes_nothing
            a_decision_that_stays_stale_conflicts
            concurrent_decisions_lose_no_update
            decisions_in_opposite_order_both_end
            the_end_of_a_job_is_one_commit
            a_late_result_changes_nothing
            a_batch_that_many_workers_end_adds_up
            one_of_concurrent_submissions_is_accepted
            an_expired_batch_is_removed_with_its_records
            a_body_reads_back_until_its_batch_is_removed
            bodies_of_one_batch_are_kept_apart
            concurrent_bodies_are_all_kept
            a_large_body_is_kept
            bodies_of_many_batches_are_kept_apart
            every_handle_reads_the_same_bodies
            a_dropped_put_harms_no_other_body
            a_body_is_whole_or_gone_while_its_batch_is_removed
            a_batch_may_have_bodies_again
            a_foreign_reference_returns_no_body
            removing_absent_bodies_succeeds
        ] }
    };
}

/// Calls a macro with the name of every check of a durable store; for the macros of this kit.
#[doc(hidden)]
#[macro_export]
macro_rules! each_store_reopen_check {
    ($then:path, $($arg:tt)*) => {
        $then! { ($($arg)*) [
            acknowledged_commits_survive_a_reopening
            every_kind_of_record_survives_a_reopening
            thousands_of_records_survive_a_reopening
            versions_continue_after_a_reopening
            a_refused_commit_leaves_nothing_over_a_reopening
            a_removed_record_stays_removed_over_a_reopening
            lists_keep_their_order_over_a_reopening
            due_jobs_are_claimed_in_order_after_a_reopening
            leases_are_released_at_a_reopening
            accounts_take_turns_after_a_reopening
            a_released_lease_counts_as_lost_and_its_claim_is_stale
            a_reopening_changes_nothing_but_leases
            reopening_again_releases_nothing_twice
            ended_records_stay_ended_over_a_reopening
            the_ledger_adds_up_after_a_reopening
            bodies_survive_a_reopening
            removed_bodies_stay_removed
            commits_during_a_crash_are_all_or_nothing
            the_files_of_a_killed_process_contain_every_acknowledged_commit
        ] }
    };
}

/// Makes every store check a `#[test]` of its own, in a module named by the first argument.
///
/// The second is an expression for a fresh, empty store; it is evaluated once per check.
///
/// ```
/// use rungs::stores::Memory;
///
/// rungs::store_conformance!(memory, Memory::default());
/// ```
#[macro_export]
macro_rules! store_conformance {
    ($suite:ident, $open:expr) => {
        $crate::each_store_check!($crate::store_conformance, @each $suite, $open);
    };
    ((@each $suite:ident, $open:expr) [$($check:ident)*]) => {
        mod $suite {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[test]
                fn $check() {
                    $crate::testkit::must_pass(|| {
                        $crate::testkit::store::$check(::std::sync::Arc::new($open))
                    });
                }
            )*
        }
    };
}

/// Makes every check of a durable store a `#[test]` of its own.
///
/// The second argument opens the store in a directory: a `Fn(&Path) -> impl Store`. All data of the store must be in
/// that directory, because one check opens a copy of it.
#[macro_export]
macro_rules! store_reopen_conformance {
    ($suite:ident, $open:expr) => {
        $crate::each_store_reopen_check!($crate::store_reopen_conformance, @each $suite, $open);
    };
    ((@each $suite:ident, $open:expr) [$($check:ident)*]) => {
        mod $suite {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[test]
                fn $check() {
                    $crate::testkit::must_pass(|| {
                        $crate::testkit::store::reopened(
                            |dir, open| Box::pin($crate::testkit::store::$check(dir, open)),
                            $open,
                        )
                    });
                }
            )*
        }
    };
}
