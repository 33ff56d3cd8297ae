//! Commits, loads and lists.

use super::{get, put, sample};
use crate::core::id::AccountId;
use crate::core::record::{Key, Kind, Queue, Record, Submission};
use crate::ports::store::{List, Store, StoreError, Write};

fn account(granted: u64) -> Record {
    Record::Account(sample::account("a", granted))
}

fn job(number: u64) -> Record {
    Record::Job(sample::job(number, sample::at(1)))
}

fn batches(after: Option<Key>, descending: bool, limit: usize) -> List {
    List { kind: Kind::Batch, after, descending, limit }
}

async fn listed(store: &impl Store, list: List) -> Vec<Key> {
    store.list(list).await.expect("listing works").iter().map(|it| it.record.key()).collect()
}

async fn with_batches(store: &impl Store) -> [Key; 3] {
    for number in [2, 3, 1] {
        put(store, Record::Batch(sample::batch(number, None)), None).await.expect("new");
    }
    [1, 2, 3].map(|it| Key::Batch(sample::batch_id(it)))
}

fn assert_conflict(result: &Result<(), StoreError>) {
    assert!(matches!(result, Err(StoreError::Conflict)), "expected a conflict, got {result:?}");
}

/// Nothing to load, list, claim or wait for.
pub async fn a_fresh_store_is_empty(store: impl Store) {
    assert_eq!(get(&store, account(0).key()).await, None);
    assert!(listed(&store, batches(None, false, 10)).await.is_empty());
    for queue in Queue::ALL {
        assert_eq!(store.due(queue).await.expect("due"), None, "{queue:?}");
        let claimed = store.claim(sample::claim(queue, 1_000)).await.expect("claim");
        assert!(claimed.is_empty(), "{queue:?}");
    }
}

/// A record comes back equal, with versions from 1 up.
pub async fn a_committed_record_loads_back(store: impl Store) {
    let records = [account(1), job(1), Record::Batch(sample::batch(1, Some(sample::at(5))))];
    for record in records {
        put(&store, record.clone(), None).await.expect("new");
        let found = get(&store, record.key()).await.expect("present");
        assert_eq!((found.version, &found.record), (1, &record));

        put(&store, record.clone(), Some(1)).await.expect("fresh");
        let found = get(&store, record.key()).await.expect("present");
        assert_eq!((found.version, &found.record), (2, &record));
    }
}

/// Two writers that read the same version: one wins, the other is told so.
pub async fn a_stale_commit_conflicts_and_writes_nothing(store: impl Store) {
    put(&store, account(1), None).await.expect("new");
    put(&store, account(2), Some(1)).await.expect("fresh");

    let stale = put(&store, account(3), Some(1)).await;

    assert_conflict(&stale);
    let found = get(&store, account(0).key()).await.expect("present");
    assert_eq!((found.version, found.record), (2, account(2)), "a refused commit writes nothing");
}

/// `expected: None` means that there must be none; a version, that there must be one.
pub async fn a_new_record_conflicts_with_one_that_is_there(store: impl Store) {
    assert_conflict(&put(&store, account(1), Some(1)).await);
    put(&store, account(1), None).await.expect("new");

    assert_conflict(&put(&store, account(2), None).await);
}

/// A removed record is not there, nor in the index; made again, it begins at version 1.
pub async fn a_removed_record_is_gone_and_begins_anew(store: impl Store) {
    put(&store, job(1), None).await.expect("new");

    let remove = Write { key: job(1).key(), expected: Some(1), record: None };
    store.commit(vec![remove]).await.expect("fresh");

    assert_eq!(get(&store, job(1).key()).await, None);
    assert_eq!(store.due(Queue::Jobs).await.expect("due"), None, "the index follows");
    put(&store, job(1), None).await.expect("new again");
    assert_eq!(get(&store, job(1).key()).await.map(|it| it.version), Some(1));
}

/// Removing is checked as writing is.
pub async fn a_stale_removal_conflicts(store: impl Store) {
    put(&store, account(1), None).await.expect("new");
    put(&store, account(2), Some(1)).await.expect("fresh");

    for expected in [Some(1), Some(3), None] {
        let remove = Write { key: account(0).key(), expected, record: None };
        assert_conflict(&store.commit(vec![remove]).await);
    }

    assert!(get(&store, account(0).key()).await.is_some());
}

/// One stale change of many stops them all, wherever it stands.
pub async fn a_commit_writes_all_or_nothing(store: impl Store) {
    put(&store, account(1), None).await.expect("new");
    let new = |number| Write { key: job(number).key(), expected: None, record: Some(job(number)) };
    let stale = Write { key: account(0).key(), expected: Some(9), record: Some(account(9)) };

    assert_conflict(&store.commit(vec![new(1), stale, new(2)]).await);

    for number in [1, 2] {
        assert_eq!(get(&store, job(number).key()).await, None, "job {number} was written");
    }
    assert_eq!(store.due(Queue::Jobs).await.expect("due"), None, "nor indexed");
    let fresh = Write { key: account(0).key(), expected: Some(1), record: Some(account(9)) };
    store.commit(vec![new(1), fresh, new(2)]).await.expect("all fresh");
    assert!(get(&store, job(2).key()).await.is_some());
}

/// Answers stand where their keys stood, with gaps for what is missing.
pub async fn loading_keeps_the_order_of_keys(store: impl Store) {
    put(&store, job(1), None).await.expect("new");
    put(&store, job(3), None).await.expect("new");

    let keys = [3, 2, 1, 3].map(|it| job(it).key());
    let found = store.load(keys.to_vec()).await.expect("load");

    let found: Vec<_> = found.into_iter().map(|it| it.map(|it| it.record.key())).collect();
    assert_eq!(found, [Some(job(3).key()), None, Some(job(1).key()), Some(job(3).key())]);
    assert!(store.load(Vec::new()).await.expect("load").is_empty());
}

/// In the order of keys, both ways, up to the limit.
pub async fn listing_goes_up_and_down(store: impl Store) {
    let [one, two, three] = with_batches(&store).await;

    assert_eq!(listed(&store, batches(None, false, 2)).await, [one.clone(), two.clone()]);
    assert_eq!(listed(&store, batches(None, true, 2)).await, [three, two]);
    assert!(listed(&store, batches(None, true, 0)).await.is_empty());
}

/// `after` is not listed again, and need not be there.
pub async fn listing_goes_on_behind_a_key(store: impl Store) {
    let [one, two, three] = with_batches(&store).await;
    let missing = Some(Key::Batch(sample::batch_id(9)));

    assert_eq!(listed(&store, batches(Some(one.clone()), false, 9)).await, [two, three.clone()]);
    assert_eq!(listed(&store, batches(missing.clone(), true, 1)).await, vec![three.clone()]);
    assert!(listed(&store, batches(missing, false, 9)).await.is_empty());
    assert!(listed(&store, batches(Some(one), true, 9)).await.is_empty());
    assert!(listed(&store, batches(Some(three), false, 9)).await.is_empty());
}

/// A list holds one kind, even where `after` names another.
pub async fn listing_keeps_kinds_apart(store: impl Store) {
    let keys = with_batches(&store).await;
    put(&store, account(1), None).await.expect("new");
    put(&store, job(1), None).await.expect("new");

    assert_eq!(listed(&store, batches(None, false, 9)).await, keys);
    assert_eq!(listed(&store, batches(Some(account(0).key()), false, 9)).await, keys);
    assert!(listed(&store, batches(Some(job(1).key()), false, 9)).await.is_empty());
    assert!(listed(&store, batches(Some(account(0).key()), true, 9)).await.is_empty());
}

/// A batch of 20,000 jobs is about 800 kB of JSON.
pub async fn a_large_record_is_kept_whole(store: impl Store) {
    let mut batch = sample::batch(1, None);
    batch.jobs = (0..20_000).map(sample::job_id).collect();
    let record = Record::Batch(batch);

    put(&store, record.clone(), None).await.expect("new");
    put(&store, record.clone(), Some(1)).await.expect("again");

    let found = get(&store, record.key()).await.expect("present");
    assert!(found.record == record, "the record came back changed");
}

/// Names are bytes to a store, and none is the beginning of another's key.
pub async fn keys_in_any_script_are_kept_apart(store: impl Store) {
    let submission = |account: &str, key: &str, batch| {
        let account = AccountId::new(account).expect("a valid name");
        let batch = sample::batch_id(batch);
        Record::Submission(Submission { account, key: key.to_owned(), digest: [7; 32], batch })
    };
    let records = [
        submission("a", "bc", 1),
        submission("ab", "c", 2),
        submission("ab", "", 3),
        submission("Ünï", "ключ\u{10ffff}", 4),
    ];

    for record in &records {
        put(&store, record.clone(), None).await.expect("no two of them share a key");
    }

    for record in &records {
        let found = get(&store, record.key()).await.expect("present");
        assert_eq!(&found.record, record);
    }
}

/// Of writers that all read the same version, exactly one succeeds.
pub async fn of_concurrent_commits_one_wins(store: impl Store + Clone + 'static) {
    put(&store, account(1), None).await.expect("new");
    let mut writers = tokio::task::JoinSet::new();
    for granted in 10..26 {
        let store = store.clone();
        writers.spawn(async move { (granted, put(&store, account(granted), Some(1)).await) });
    }

    let mut winners = Vec::new();
    for (granted, result) in writers.join_all().await {
        match result {
            Ok(()) => winners.push(granted),
            Err(StoreError::Conflict) => {}
            Err(other) => panic!("a writer was told {other:?}"),
        }
    }

    assert_eq!(winners.len(), 1, "who won: {winners:?}");
    let found = get(&store, account(0).key()).await.expect("present");
    assert_eq!((found.version, found.record), (2, account(winners[0])));
}
