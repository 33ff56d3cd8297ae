//! A model of all small cases: two workers on one store, two or three jobs, expiring leases, commits that conflict or
//! lose their response, a crash, a cancel, a batch submitted twice, and the outbox. It visits every interleaving, using
//! the core's own functions.
//!
//! A commit takes two steps: it decides from the records that it read, and writes if the versions still match. Any other
//! action may happen in between. The clock, renewals, lost leases and conflicts are unlimited, because states that differ
//! only in their history are one state.
//!
//! `cargo nextest run --all-features --test it --no-capture model::` prints the number of states that each check visited.
//! With `--run-ignored only` it runs the large checks: up to 1.5 million states, about ten minutes and two gibibytes.

mod actions;
mod changes;
mod explore;
mod laws;
mod setup;
mod store;
mod world;

use crate::model::explore::{Graph, counterexample, explore};
use crate::model::setup::{Fault, Processes, Setup};

/// Every law holds in every state, and no state is a dead end.
fn holds(name: &str, setup: Setup) -> Graph {
    let graph = explore(name, setup);
    let end = graph.stuck(|_| true, |it| it.ended);
    assert_eq!(end, None, "{name}: the batch cannot end any more");
    let settled = graph.stuck(|_| true, |it| it.settled);
    assert_eq!(settled, None, "{name}: the event cannot be settled any more");
    let delivered = graph.stuck(|it| !it.hopeless, |it| it.delivered);
    assert_eq!(delivered, None, "{name}: the event cannot be delivered any more");
    graph
}

/// The law that a planted mistake breaks first.
fn broken_by(fault: Fault, setup: &Setup) -> &'static str {
    let (law, way) = counterexample(setup.with(fault)).expect("a law that does not hold");
    println!("{fault:?}: `{law}` does not hold after {way:?}");
    law
}

#[test]
fn two_engines_and_three_jobs_keep_every_law() {
    let graph = holds("three jobs", Setup::plain(3));
    assert!(graph.count(|it| it.delivered) > 0 && graph.count(|it| it.hopeless) > 0);
}

#[test]
fn two_engines_and_a_crash_keep_every_law() {
    holds("two jobs, a crash", Setup { crashes: 1, ..Setup::plain(2) });
}

#[test]
fn two_engines_and_a_cancel_keep_every_law() {
    holds("two jobs, a cancel", Setup { cancels: 1, ..Setup::plain(2) });
}

#[test]
fn two_engines_and_an_unheard_commit_keep_every_law() {
    holds("two jobs, an unheard commit", Setup { unheard: 1, ..Setup::plain(2) });
}

#[test]
fn a_batch_submitted_twice_is_accepted_and_held_once() {
    holds("two jobs, submitted twice", Setup { submissions: 2, ..Setup::plain(2) });
}

#[test]
fn a_crash_and_a_cancel_of_one_job_keep_every_law() {
    holds("one job, a crash and a cancel", Setup { crashes: 1, cancels: 1, ..Setup::plain(1) });
}

#[test]
fn retries_of_pages_and_of_webhooks_across_a_crash_keep_every_law() {
    let setup = Setup { crashes: 1, retries: 1, webhook_retries: 1, ..Setup::plain(1) };
    holds("one job, a crash and retries", setup);
}

#[test]
fn two_tasks_of_one_engine_keep_every_law() {
    let setup = Setup { cancels: 0, submissions: 1, ..Setup::everything(1) };
    holds("one engine, one job", Setup { processes: Processes::One, ..setup });
}

/// Marks a test that is run by hand.
macro_rules! large {
    ($($name:ident: $title:literal, $setup:expr;)+) => {$(
        #[test]
        #[ignore = "takes many minutes; see this file's first lines for the command"]
        fn $name() {
            holds($title, $setup);
        }
    )+};
}

large! {
    large_one_job_and_all_that_can_go_wrong: "one job, everything", Setup::everything(1);
    large_three_jobs_and_a_cancel: "three jobs, a cancel", Setup { cancels: 1, ..Setup::plain(3) };
    large_three_jobs_and_a_crash: "three jobs, a crash", Setup { crashes: 1, ..Setup::plain(3) };
    large_two_jobs_a_crash_and_a_cancel: "two jobs, a crash and a cancel",
        Setup { crashes: 1, cancels: 1, ..Setup::plain(2) };
    large_two_jobs_a_crash_and_retries: "two jobs, a crash and retries",
        Setup { crashes: 1, retries: 1, webhook_retries: 1, ..Setup::plain(2) };
}

#[test]
fn a_missing_fence_is_found() {
    assert_eq!(broken_by(Fault::NoFence, &Setup::plain(1)), "no step broke a law");
}

#[test]
fn a_fence_without_a_claim_number_is_found() {
    let setup = Setup { processes: Processes::One, retries: 1, ..Setup::plain(1) };
    assert_eq!(broken_by(Fault::WorkerAsFence, &setup), "no step broke a law");
}

#[test]
fn a_hold_settled_twice_is_found() {
    assert_eq!(broken_by(Fault::SettlesTwice, &Setup::plain(2)), "credits are conserved");
}

#[test]
fn a_forgotten_notification_is_found() {
    let law = "a batch that ended has one event, and no other has any";
    assert_eq!(broken_by(Fault::ForgetsEvent, &Setup::plain(1)), law);
}

#[test]
fn a_cancel_that_keeps_the_hold_is_found() {
    let setup = Setup { cancels: 1, ..Setup::plain(1) };
    assert_eq!(broken_by(Fault::KeepsHoldOfCancelled, &setup), "credits are conserved");
}

#[test]
fn a_commit_that_checks_no_version_is_found() {
    // Which law is the first to break depends on whose change is written over.
    broken_by(Fault::NoVersionCheck, &Setup::plain(2));
}

#[test]
fn an_idempotency_key_that_is_ignored_is_found() {
    let setup = Setup { submissions: 2, ..Setup::plain(1) };
    assert_eq!(broken_by(Fault::IgnoresKey, &setup), "one key, one batch, one hold");
}

#[test]
fn a_delivery_recorded_after_a_takeover_is_found() {
    let law = broken_by(Fault::BooksAnyDelivery, &Setup::plain(1));
    assert!(
        ["an event is booked as it was answered", "no step broke a law"].contains(&law),
        "{law}"
    );
}

#[test]
fn a_lease_that_is_never_taken_over_is_found() {
    let setup = Setup { fault: Fault::NeverReclaims, crashes: 1, ..Setup::plain(1) };
    let graph = explore("a planted dead end", setup);
    let way = graph.stuck(|_| true, |it| it.ended).expect("a state from which none can end");
    assert!(way.iter().any(|it| matches!(it, actions::Action::CrashWorker(_))), "{way:?}");
}
