//! What every store must do, as checks a host runs against its own.
//!
//! Each check is one `async fn` that takes a fresh, empty store and panics with the promise that
//! was broken. [`crate::store_conformance!`] makes each a `#[test]` of its own; [`check_all`] runs
//! them without a test harness.

mod bodies;
mod claims;
mod records;
mod reopen;
pub mod sample;

pub use bodies::*;
pub use claims::*;
pub use records::*;
pub use reopen::*;

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::core::record::{Key, Record};
use crate::ports::store::{Store, StoreError, Version, Versioned, Write};

macro_rules! run_each {
    (($open:ident, $report:ident) [$($check:ident)*]) => {
        $(
            let outcome = if passes(|| $check($open())) { &mut $report.passed } else { &mut $report.failed };
            outcome.push(stringify!($check));
        )*
    };
}
/// Writes `record` where `expected` is now.
pub async fn put(
    store: &impl Store,
    record: Record,
    expected: Option<Version>,
) -> Result<(), StoreError> {
    store.commit(vec![Write { key: record.key(), expected, record: Some(record) }]).await
}

/// Loads one record.
pub async fn get(store: &impl Store, key: Key) -> Option<Versioned> {
    let mut found = store.load(vec![key]).await.expect("loading works");
    assert_eq!(found.len(), 1, "one key, one answer");
    found.remove(0)
}

/// What [`check_all`] found: each check's name, and what it said if it failed.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The checks that passed.
    pub passed: Vec<&'static str>,
    /// The checks that failed.
    pub failed: Vec<&'static str>,
}

/// Runs every check against a store that `open` makes anew for each.
///
/// A check that fails prints its panic as a test would.
pub fn check_all<S: Store + Clone + 'static>(open: impl Fn() -> S) -> Report {
    let mut report = Report::default();
    crate::each_store_check!(run_each, open, report);
    report
}

fn passes<F: Future<Output = ()>>(check: impl FnOnce() -> F) -> bool {
    catch_unwind(AssertUnwindSafe(|| super::run(check()))).is_ok()
}

/// Calls a macro with every check's name; for the macros of this kit.
#[doc(hidden)]
#[macro_export]
macro_rules! each_store_check {
    ($then:path, $($arg:tt)*) => {
        $then! { ($($arg)*) [
            a_fresh_store_is_empty
            a_committed_record_loads_back
            a_stale_commit_conflicts_and_writes_nothing
            a_new_record_conflicts_with_one_that_is_there
            a_removed_record_is_gone_and_begins_anew
            a_stale_removal_conflicts
            a_commit_writes_all_or_nothing
            loading_keeps_the_order_of_keys
            listing_goes_up_and_down
            listing_goes_on_behind_a_key
            listing_keeps_kinds_apart
            a_large_record_is_kept_whole
            keys_in_any_script_are_kept_apart
            of_concurrent_commits_one_wins
            what_is_due_is_claimed_earliest_first
            a_claim_takes_no_more_than_its_limit
            nothing_is_claimed_before_it_is_due
            no_two_claims_take_the_same_job
            a_lease_that_ran_out_is_claimed_again
            an_ended_job_is_never_claimed
            a_claim_is_kept_as_it_was_returned
            a_claimed_job_refuses_the_version_before
            notices_are_claimed_under_a_lease
            what_expires_is_handed_out_unchanged
            queues_are_kept_apart
            due_says_the_earliest_and_follows_commits
            concurrent_claims_take_each_job_once
            a_body_reads_back_until_its_batch_is_removed
            bodies_of_one_batch_are_kept_apart
            removing_bodies_that_are_not_there_is_no_error
        ] }
    };
}

/// Makes every store check a `#[test]` of its own, in a module named by the first argument.
///
/// The second is an expression for a fresh, empty store; it is evaluated once per check. The store
/// must be `Clone`, clones sharing what they keep: wrap it in an `Arc` otherwise.
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
                    $crate::testkit::run($crate::testkit::store::$check($open));
                }
            )*
        }
    };
}

/// Makes every check of what a durable store keeps over a reopening a `#[test]` of its own.
///
/// The second argument opens the store in a directory: a `Fn(&Path) -> impl Store`.
#[macro_export]
macro_rules! store_reopen_conformance {
    ($suite:ident, $open:expr) => {
        $crate::store_reopen_conformance!(@each $suite, $open, [
            acknowledged_commits_survive_a_reopening
            leases_are_released_at_a_reopening
            bodies_survive_a_reopening
            versions_go_on_after_a_reopening
        ]);
    };
    (@each $suite:ident, $open:expr, [$($check:ident)*]) => {
        mod $suite {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[test]
                fn $check() {
                    let scratch = $crate::testkit::store::Scratch::new();
                    $crate::testkit::run($crate::testkit::store::$check(scratch.path(), $open));
                }
            )*
        }
    };
}
