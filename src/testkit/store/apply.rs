//! `apply`: load, decide and commit in one call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{AnyStore, account, assert_conflict, get, job, put, sample, write};
use crate::core::credits::Credits;
use crate::core::record::{Key, Record};
use crate::core::time::Timestamp;
use crate::ports::BoxFuture;
use crate::ports::clock::{Clock, Entropy};
use crate::ports::store::{Retries, Store, StoreError, Versioned, Write};
use crate::testkit::kit::{MustBeThere, MustSucceed, at_once, breach, must, must_eq};

/// The time limit of a call of `apply` in the kit.
const LIMIT: Duration = Duration::from_mins(1);

/// Real time, and numbers that differ from call to call.
#[derive(Debug)]
pub(super) struct Waits {
    began: Instant,
    drawn: AtomicU64,
}

impl Default for Waits {
    fn default() -> Self {
        Self { began: Instant::now(), drawn: AtomicU64::new(1) }
    }
}

impl Clock for Waits {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(0).after(self.began.elapsed())
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(wait))
    }
}

impl Entropy for Waits {
    fn random_u64(&self) -> u64 {
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
        let here = std::ptr::from_ref(self).addr() as u64;
        (drawn ^ here).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// Applies `decide` to the records with these keys.
pub(super) async fn apply(
    store: &AnyStore,
    keys: Vec<Key>,
    decide: impl FnMut(Vec<Option<Versioned>>) -> Vec<Write> + Send,
) -> Result<(), StoreError> {
    let waits = Waits::default();
    let retries = Retries::new(&waits, &waits, LIMIT);
    store.apply(keys, Box::new(decide), retries).await
}

/// Returns the writes that grant each account one credit.
pub(super) fn one_more(found: Vec<Option<Versioned>>) -> Vec<Write> {
    let granted = found.into_iter().map(|it| {
        let it = it.must_be_there("a record with a key of `apply`");
        let Record::Account(mut account) = it.record else {
            breach!("the key of an account led to another record", "return the account")
        };
        assert!(account.grant(Credits(1)), "a few credits");
        write(Record::Account(account), Some(it.version))
    });
    granted.collect()
}

pub(super) fn named(name: &str, granted: u64) -> Record {
    Record::Account(sample::account(name, granted))
}

pub(super) async fn granted(store: &AnyStore, name: &str) -> u64 {
    match get(store, named(name, 0).key()).await.must_be_there("an account").record {
        Record::Account(it) => it.granted().0,
        other => breach!("the key of an account led to {other:?}", "return the account"),
    }
}

/// The decision gets the records in the order of the keys, and what it returns is committed.
pub async fn a_decision_gets_its_records_and_is_written(store: AnyStore) {
    put(&store, named("b", 2), None).await.must_succeed("a commit of a new record");
    put(&store, named("a", 1), None).await.must_succeed("a commit of a new record");
    let keys = vec![named("b", 0).key(), job(1).key(), named("a", 0).key()];
    let mut given = Vec::new();

    let applied = apply(&store, keys, |found| {
        given =
            found.iter().map(|it| it.as_ref().map(|it| (it.version, it.record.clone()))).collect();
        vec![write(job(1), None), write(named("a", 5), Some(1))]
    });
    applied.await.must_succeed("`apply` without another writer");

    let expected = vec![Some((1, named("b", 2))), None, Some((1, named("a", 1)))];
    must_eq!(given, expected, "the records that `apply` gave to the decision");
    must_eq!(granted(&store, "a").await, 5, "the credits of an account that `apply` wrote");
    must!(
        get(&store, job(1).key()).await.is_some(),
        "a new record of `apply` was not there",
        "commit what was decided"
    );
}

/// A decision to write nothing writes nothing.
pub async fn a_decision_without_writes_changes_nothing(store: AnyStore) {
    put(&store, account(1), None).await.must_succeed("a commit of a new record");

    let applied = apply(&store, vec![account(0).key()], |_| Vec::new());
    applied.await.must_succeed("`apply` of no writes");

    let found = get(&store, account(0).key()).await.must_be_there("the record");
    must_eq!((found.version, found.record), (1, account(1)), "the record after it");
}

/// Keys that were not loaded are compared like those of a commit, and nothing is written then.
pub async fn a_decision_that_stays_stale_conflicts(store: AnyStore) {
    put(&store, account(1), None).await.must_succeed("a commit of a new record");
    let waits = Waits::default();
    let retries = Retries::new(&waits, &waits, Duration::from_millis(20));
    let decide = |_| vec![write(job(1), None), write(account(2), None)];

    let result = store.apply(vec![job(1).key()], Box::new(decide), retries).await;

    assert_conflict("a decision that creates a record that exists", &result);
    must!(
        get(&store, job(1).key()).await.is_none(),
        "a refused decision left one of its records",
        "write nothing"
    );
}

/// Calls for one record succeed one after another, however many there are.
pub async fn concurrent_decisions_lose_no_update(store: AnyStore) {
    const TASKS: u64 = 16;
    const EACH: u64 = 8;
    put(&store, named("a", 0), None).await.must_succeed("a commit of a new record");

    let tasks = at_once((0..TASKS).map(|_| {
        let store = Arc::clone(&store);
        async move {
            for _ in 0..EACH {
                apply(&store, vec![named("a", 0).key()], one_more)
                    .await
                    .must_succeed("one of many calls of `apply` for one record");
            }
        }
    }));
    tasks.join_all().await;

    must_eq!(
        granted(&store, "a").await,
        TASKS * EACH,
        "the sum of 128 calls of `apply` that each added one"
    );
}

/// Calls that name the same records in another order end, and both are written.
pub async fn decisions_in_opposite_order_both_end(store: AnyStore) {
    for name in ["a", "b"] {
        put(&store, named(name, 0), None).await.must_succeed("a commit of a new record");
    }

    let tasks = at_once((0..8).map(|task| {
        let store = Arc::clone(&store);
        async move {
            for _ in 0..5 {
                let mut names = ["a", "b"];
                if task % 2 == 0 {
                    names.reverse();
                }
                let keys = names.map(|it| named(it, 0).key()).to_vec();
                apply(&store, keys, one_more).await.must_succeed("`apply` of two records");
            }
        }
    }));
    tasks.join_all().await;

    let sums = (granted(&store, "a").await, granted(&store, "b").await);
    must_eq!(sums, (40, 40), "the sums of 40 calls that added one to two records");
}
