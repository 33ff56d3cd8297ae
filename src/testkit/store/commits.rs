//! Commits: all or nothing, at the expected versions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::{JoinSet, yield_now};

use super::{
    AnyStore, abandoned_after, account, assert_conflict, at_once, get, job, job_at, put, removal,
    sample, write,
};
use crate::core::credits::Credits;
use crate::core::record::{Key, Queue, Record, RecordKind};
use crate::core::time::Timestamp;
use crate::ports::store::{ListQuery, Store, StoreError, Versioned, Write};
use crate::testkit::kit::{self, MustBeThere, MustSucceed, breach, must, must_eq};

/// Of two writers that read the same version, the second gets a conflict.
pub async fn a_stale_commit_conflicts_and_writes_nothing(store: AnyStore) {
    put(&store, account(1), None).await.must_succeed("a commit of a new record");
    put(&store, account(2), Some(1)).await.must_succeed("a commit at the current version");

    let stale = put(&store, account(3), Some(1)).await;

    assert_conflict("a commit that expects version 1 of a record at version 2", &stale);
    let found = get(&store, account(0).key()).await.must_be_there("a committed record");
    must_eq!(
        (found.version, found.record),
        (2, account(2)),
        "the record after a refused commit, with its version,"
    );
}

/// `expected: None` requires that the record is absent, a version that it is present.
pub async fn a_new_record_conflicts_with_an_existing_one(store: AnyStore) {
    let absent = put(&store, account(1), Some(1)).await;
    assert_conflict("a commit that expects version 1 of a record that is not there", &absent);
    put(&store, account(1), None).await.must_succeed("a commit of a new record");

    let present = put(&store, account(2), None).await;
    assert_conflict("a commit that expects no record where there is one", &present);
}

/// A removed record is absent, also from the index. A new record of the same key has version 1.
pub async fn a_removed_record_can_be_created_anew(store: AnyStore) {
    put(&store, job(1), None).await.must_succeed("a commit of a new record");

    let remove = Write { key: job(1).key(), expected: Some(1), record: None };
    store.commit(vec![remove]).await.must_succeed("a commit at the current version");

    must_eq!(get(&store, job(1).key()).await, None, "a removed record");
    must_eq!(
        store.due(Queue::Jobs, Timestamp::default()).await.must_succeed("`due`"),
        None,
        "the due moment of a queue whose one record was removed"
    );
    put(&store, job(1), None).await.must_succeed("a commit of a record that was removed");
    must_eq!(
        get(&store, job(1).key()).await.map(|it| it.version),
        Some(1),
        "the version of a record that was removed and made again"
    );
}

/// Removals are checked like writes.
pub async fn a_stale_removal_conflicts(store: AnyStore) {
    put(&store, account(1), None).await.must_succeed("a commit of a new record");
    put(&store, account(2), Some(1)).await.must_succeed("a commit at the current version");

    for expected in [Some(1), Some(3), None] {
        let remove = Write { key: account(0).key(), expected, record: None };
        let removed = store.commit(vec![remove]).await;
        let what = format!("a removal that expects version {expected:?} of a record at version 2");
        assert_conflict(&what, &removed);
    }

    must!(
        get(&store, account(0).key()).await.is_some(),
        "a stale removal removed the record",
        "answer StoreError::Conflict and write nothing"
    );
}

/// One stale change refuses the whole commit, wherever it is.
pub async fn a_commit_writes_all_or_nothing(store: AnyStore) {
    put(&store, account(1), None).await.must_succeed("a commit of a new record");
    let new = |number| Write { key: job(number).key(), expected: None, record: Some(job(number)) };
    let stale = Write { key: account(0).key(), expected: Some(9), record: Some(account(9)) };

    let refused = store.commit(vec![new(1), stale, new(2)]).await;
    assert_conflict("a commit of three changes, the second of which is stale", &refused);

    for number in [1, 2] {
        must_eq!(get(&store, job(number).key()).await, None, "job {number} of a refused commit");
    }
    must_eq!(
        store.due(Queue::Jobs, Timestamp::default()).await.must_succeed("`due`"),
        None,
        "the due moment that a refused commit left in the index"
    );
    let fresh = Write { key: account(0).key(), expected: Some(1), record: Some(account(9)) };
    store
        .commit(vec![new(1), fresh, new(2)])
        .await
        .must_succeed("a commit at the current versions");
    must!(
        get(&store, job(2).key()).await.is_some(),
        "the last record of a commit was not there",
        "write every change"
    );
}

/// Of concurrent writers that read the same version, exactly one succeeds.
pub async fn one_of_concurrent_commits_succeeds(store: AnyStore) {
    put(&store, account(1), None).await.must_succeed("a commit of a new record");
    let writers = at_once((10..26).map(|granted| {
        let store = store.clone();
        async move { (granted, put(&store, account(granted), Some(1)).await) }
    }));

    let mut winners = Vec::new();
    for (granted, result) in writers.join_all().await {
        match result {
            Ok(()) => winners.push(granted),
            Err(StoreError::Conflict) => {}
            Err(other) => breach!(
                "one of 16 racing commits was answered {other:?}",
                "accept one and answer the others StoreError::Conflict"
            ),
        }
    }

    must_eq!(
        winners.len(),
        1,
        "the number of commits accepted, of 16 that expected the same version,"
    );
    let found = get(&store, account(0).key()).await.must_be_there("a committed record");
    must_eq!(
        (found.version, found.record),
        (2, account(winners[0])),
        "the record after racing commits, with its version,"
    );
}

/// A version is compared for equality: a future one does not match.
pub async fn a_future_version_conflicts(store: AnyStore) {
    put(&store, account(1), None).await.must_succeed("a commit of a new record");

    for ahead in [2, u64::MAX] {
        let refused = put(&store, account(2), Some(ahead)).await;
        let what = format!("a commit that expects version {ahead} of a record at version 1");
        assert_conflict(&what, &refused);
    }

    let found = get(&store, account(0).key()).await.must_be_there("a committed record");
    must_eq!(
        (found.version, found.record),
        (1, account(1)),
        "the record after refused commits, with its version,"
    );
}

/// Versions count per record, in steps of 1.
pub async fn a_version_counts_the_writes_of_its_own_record(store: AnyStore) {
    for record in [account(1), job(1), job(2)] {
        put(&store, record, None).await.must_succeed("a commit of a new record");
    }

    for version in 1..=4 {
        put(&store, job(1), Some(version)).await.must_succeed("a commit at the current version");
    }

    let keys = [account(0).key(), job(1).key(), job(2).key()];
    let found = store.load(keys.to_vec()).await.must_succeed("a load");
    let versions: Vec<_> = found.into_iter().map(|it| it.map(|it| it.version)).collect();
    must_eq!(
        versions,
        [Some(1), Some(5), Some(1)],
        "the versions of three records of which the second was written five times"
    );
}

/// Removing a record that is absent, and expected to be absent, changes nothing.
pub async fn removing_an_absent_record_changes_nothing(store: AnyStore) {
    put(&store, account(1), None).await.must_succeed("a commit of a new record");

    store
        .commit(vec![removal(job(1).key(), None)])
        .await
        .must_succeed("a removal of a record that is not there");

    must_eq!(
        get(&store, job(1).key()).await,
        None,
        "a record that was removed and had never been there"
    );
    must_eq!(
        get(&store, account(0).key()).await.map(|it| it.version),
        Some(1),
        "the version of a record beside that removal"
    );
}

async fn due(store: &AnyStore) -> Option<u64> {
    store
        .due(Queue::Jobs, Timestamp::default())
        .await
        .must_succeed("`due`")
        .map(Timestamp::as_millis)
}

/// A refused commit does not change the index.
pub async fn a_refused_commit_leaves_the_index_alone(store: AnyStore) {
    for (number, at) in [(1, 50), (2, 60)] {
        put(&store, job_at(number, at), None).await.must_succeed("a commit of a new record");
    }

    let changes = vec![
        write(job_at(1, 10), Some(1)),
        removal(job(2).key(), Some(1)),
        write(job_at(3, 20), None),
        write(account(1), Some(7)),
    ];
    let refused = store.commit(changes).await;
    assert_conflict("a commit of four changes, the last of which is stale", &refused);

    must_eq!(due(&store).await, Some(50), "the next due moment after a refused commit");
    let claimed = store.claim(sample::claim(Queue::Jobs, 100)).await.must_succeed("a claim");
    let claimed: Vec<_> = claimed.iter().map(|it| it.record.key()).collect();
    must_eq!(
        claimed,
        [job(1).key(), job(2).key()],
        "the jobs that can be claimed after a refused commit"
    );
}

/// An empty commit succeeds.
pub async fn an_empty_commit_changes_nothing(store: AnyStore) {
    put(&store, account(1), None).await.must_succeed("a commit of a new record");

    store.commit(Vec::new()).await.must_succeed("an empty commit");

    must_eq!(
        get(&store, account(0).key()).await.map(|it| it.version),
        Some(1),
        "the version of a record after an empty commit"
    );
}

/// One commit may create, change and remove records of several kinds.
pub async fn a_commit_creates_changes_and_removes_together(store: AnyStore) {
    put(&store, account(1), None).await.must_succeed("a commit of a new record");
    put(&store, job_at(1, 5), None).await.must_succeed("a commit of a new record");

    let changes =
        vec![removal(job(1).key(), Some(1)), write(job_at(2, 7), None), write(account(2), Some(1))];
    store.commit(changes).await.must_succeed("a commit at the current versions");

    let keys = [account(0).key(), job(1).key(), job(2).key()];
    let found = store.load(keys.to_vec()).await.must_succeed("a load");
    let versions: Vec<_> = found.into_iter().map(|it| it.map(|it| it.version)).collect();
    must_eq!(
        versions,
        [Some(2), None, Some(1)],
        "the versions after one commit changed a record, removed one and made one"
    );
    must_eq!(due(&store).await, Some(7), "the next due moment after that commit");
}

/// A commit that names a key twice is refused, even if both changes are equal.
pub async fn a_commit_that_names_a_key_twice_is_refused(store: AnyStore) {
    put(&store, job_at(1, 50), None).await.must_succeed("a commit of a new record");
    let twice = [
        vec![write(job_at(1, 5), Some(1)), write(job_at(1, 6), Some(1))],
        vec![write(job_at(1, 5), Some(1)), write(job_at(1, 6), Some(2))],
        vec![write(job_at(1, 5), Some(1)), removal(job(1).key(), Some(1))],
        vec![write(job_at(2, 5), None), write(account(1), None), write(job_at(2, 5), None)],
    ];

    for changes in twice {
        let refused = store.commit(changes).await;
        assert_conflict("a commit that names a key twice", &refused);
    }

    let found = get(&store, job(1).key()).await.must_be_there("a committed record");
    must_eq!(
        (found.version, found.record),
        (1, job_at(1, 50)),
        "the record that refused commits named twice, with its version,"
    );
    must_eq!(
        get(&store, job(2).key()).await,
        None,
        "a new record that a refused commit named twice"
    );
    must_eq!(due(&store).await, Some(50), "the next due moment after the refused commits");
}

/// A commit of thousands of changes is all or nothing.
pub async fn a_commit_of_thousands_is_all_or_nothing(store: AnyStore) {
    const MANY: u64 = 2_500;
    let changes = |last: Write| -> Vec<Write> {
        (1..=MANY).map(|it| write(job_at(it, it), None)).chain([last]).collect()
    };
    let jobs =
        || ListQuery { kind: RecordKind::Job, after: None, descending: false, limit: usize::MAX };

    let refused = store.commit(changes(write(account(1), Some(3)))).await;
    assert_conflict("a commit of 2,501 changes, the last of which is stale", &refused);
    must!(
        store.list(jobs()).await.must_succeed("a list").is_empty(),
        "a refused commit of 2,501 changes left some of them",
        "write nothing"
    );
    must_eq!(
        due(&store).await,
        None,
        "the next due moment after a refused commit of 2,501 changes"
    );

    store.commit(changes(write(account(1), None))).await.must_succeed("a commit of new records");
    must_eq!(
        store.list(jobs()).await.must_succeed("a list").len() as u64,
        MANY,
        "the number of jobs after a commit of 2,501 changes"
    );
    must_eq!(due(&store).await, Some(1), "the next due moment after a commit of 2,501 changes");
}

/// An acknowledged commit is visible to every kind of read at once.
pub async fn an_acknowledged_commit_is_visible_at_once(store: AnyStore) {
    for number in 1..=20 {
        put(&store, job_at(number, 100 - number), None)
            .await
            .must_succeed("a commit of a new record");

        must!(
            get(&store, job(number).key()).await.is_some(),
            "a load after the acknowledged commit of job {number} did not find it",
            "show it at once"
        );
        let last = ListQuery { kind: RecordKind::Job, after: None, descending: true, limit: 1 };
        let last = store.list(last).await.must_succeed("a list");
        must_eq!(
            last.first().map(|it| it.record.key()),
            Some(job(number).key()),
            "the last job listed after the commit of job {number}"
        );
        must_eq!(
            due(&store).await,
            Some(100 - number),
            "the next due moment after the commit of job {number}"
        );
    }
}

/// Concurrent commits of different records do not conflict.
pub async fn concurrent_commits_of_different_records_all_succeed(store: AnyStore) {
    let writers = at_once((1..=32).map(|number| {
        let store = Arc::clone(&store);
        async move { put(&store, job(number), None).await }
    }));

    for result in writers.join_all().await {
        result.must_succeed("one of 32 commits of different records");
    }

    for number in 1..=32 {
        must!(
            get(&store, job(number).key()).await.is_some(),
            "job {number} of 32 committed at once was not there",
            "keep every commit that it acknowledged"
        );
    }
}

/// Returns the granted credits of a loaded account.
fn granted(found: &Versioned) -> u64 {
    match &found.record {
        Record::Account(it) => it.granted().0,
        other => breach!("the key of an account led to {other:?}", "return the account"),
    }
}

/// Grants each of the accounts one credit, retrying after conflicts.
async fn grant_one_more(store: &AnyStore, keys: Vec<Key>) {
    loop {
        let found = store.load(keys.clone()).await.must_succeed("a load");
        let changes = found.into_iter().flatten().map(|it| {
            let Record::Account(mut account) = it.record else {
                breach!("the key of an account led to another record", "return the account")
            };
            assert!(account.grant(Credits(1)));
            write(Record::Account(account), Some(it.version))
        });
        match store.commit(changes.collect()).await {
            Ok(()) => return,
            Err(StoreError::Conflict) => yield_now().await,
            Err(other) => breach!(
                "a commit that raced with others was answered {other:?}",
                "accept it or answer StoreError::Conflict"
            ),
        }
    }
}

fn pair() -> [Record; 2] {
    ["a", "b"].map(|it| Record::Account(sample::account(it, 0)))
}

async fn put_pair(store: &AnyStore) -> [Key; 2] {
    let changes = pair().map(|it| write(it, None));
    store.commit(changes.to_vec()).await.must_succeed("a commit of a new record");
    pair().map(|it| it.key())
}

/// Load, decide, commit, and again on a conflict: every change is there in the end.
pub async fn retried_changes_lose_nothing(store: AnyStore) {
    put(&store, account(0), None).await.must_succeed("a commit of a new record");
    let writers = at_once((0..6).map(|_| {
        let store = Arc::clone(&store);
        async move {
            for _ in 0..6 {
                grant_one_more(&store, vec![account(0).key()]).await;
            }
        }
    }));

    writers.join_all().await;

    let found = get(&store, account(0).key()).await.must_be_there("a committed record");
    must_eq!(
        (granted(&found), found.version),
        (36, 37),
        "the credits and the version after 36 changes that were each retried until accepted"
    );
}

/// A store that locks records as they come must not wait for itself.
pub async fn commits_in_opposite_order_both_end(store: AnyStore) {
    let [one, two] = put_pair(&store).await;
    let orders = [vec![one.clone(), two.clone()], vec![two, one.clone()]];
    let writers = at_once(orders.map(|keys| {
        let store = Arc::clone(&store);
        async move {
            for _ in 0..10 {
                grant_one_more(&store, keys.clone()).await;
            }
        }
    }));

    writers.join_all().await;

    must_eq!(
        get(&store, one).await.map(|it| granted(&it)),
        Some(20),
        "the credits after 20 changes in opposite order"
    );
}

/// Reads the pair as often as it can while commits change both, and compares.
async fn watched<F>(store: AnyStore, read: impl Fn(AnyStore) -> F + Clone + Send + 'static)
where
    F: Future<Output = Vec<u64>> + Send + 'static,
{
    let keys = put_pair(&store).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for _ in 0..2 {
        let (store, read, is_over) = (Arc::clone(&store), read.clone(), Arc::clone(&is_over));
        readers.spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                let seen = read(Arc::clone(&store)).await;
                must_eq!(seen.len(), 2, "the number of records of a pair that a read returned");
                must_eq!(
                    seen[0],
                    seen[1],
                    "the first of two records that always change together, beside the second,"
                );
                yield_now().await;
            }
        });
    }
    let writer = tokio::spawn(async move {
        for _ in 0..60 {
            grant_one_more(&store, keys.to_vec()).await;
        }
    });

    let written = writer.await;
    is_over.store(true, Ordering::Relaxed);
    kit::joined(written);
    readers.join_all().await;
}

/// Two records that always change together are never loaded apart.
pub async fn a_load_never_shows_a_part_of_a_commit(store: AnyStore) {
    let read = |store: AnyStore| async move {
        let found = store.load(pair().map(|it| it.key()).to_vec()).await.must_succeed("a load");
        found.into_iter().flatten().map(|it| granted(&it)).collect()
    };
    watched(store, read).await;
}

/// Nor listed apart.
pub async fn a_list_never_shows_a_part_of_a_commit(store: AnyStore) {
    let read = |store: AnyStore| async move {
        let list =
            ListQuery { kind: RecordKind::Account, after: None, descending: false, limit: 10 };
        store.list(list).await.must_succeed("a list").iter().map(granted).collect()
    };
    watched(store, read).await;
}

/// Wherever the caller goes away, all of its changes are made or none, and the store goes on.
pub async fn a_dropped_commit_is_all_or_nothing(store: AnyStore) {
    for polls in 0..6 {
        let first = polls as u64 * 10 + 1;
        let numbers = first..first + 3;
        let keys: Vec<_> = numbers.clone().map(|it| job(it).key()).collect();
        let new = numbers.clone().map(|it| write(job(it), None)).collect();
        abandoned_after(polls, store.commit(new)).await;

        // It may still be written behind our back, once; then the versions tell.
        loop {
            let found = store.load(keys.clone()).await.must_succeed("a load");
            let versions: Vec<_> =
                found.iter().map(|it| it.as_ref().map(|it| it.version)).collect();
            must!(
                versions.iter().all(|it| *it == versions[0]),
                "a commit that was dropped after {polls} polls left versions {versions:?}",
                "write all of a commit or nothing"
            );
            let again = numbers.clone().zip(versions).map(|(it, version)| write(job(it), version));
            match store.commit(again.collect()).await {
                Ok(()) => break,
                Err(StoreError::Conflict) => yield_now().await,
                Err(other) => breach!(
                    "the commit after a dropped one was answered {other:?}",
                    "accept it or answer StoreError::Conflict"
                ),
            }
        }
        must!(
            store.load(keys).await.must_succeed("a load").iter().all(Option::is_some),
            "a record was missing after the commit that followed a dropped one",
            "keep every record of it"
        );
    }
}
