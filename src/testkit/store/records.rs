//! Records and their keys are returned as they were written.

use super::{AnyStore, account, get, job, put, sample};
use crate::core::batch::Notification;
use crate::core::record::{Queue, Record, RecordKind};
use crate::core::time::Timestamp;
use crate::ports::store::{ListQuery, Store};
use crate::testkit::kit::{MustBeThere, MustSucceed, breach, must, must_eq};

/// A fresh store is empty for every kind of read.
pub async fn a_fresh_store_is_empty(store: AnyStore) {
    must_eq!(get(&store, account(0).key()).await, None, "a record of a fresh store");
    let list = ListQuery { kind: RecordKind::Batch, after: None, descending: false, limit: 10 };
    must!(
        store.list(list).await.must_succeed("a list").is_empty(),
        "a list of a fresh store returned a record",
        "return nothing"
    );
    for queue in Queue::ALL {
        must_eq!(
            store.due(queue, Timestamp::default()).await.must_succeed("`due`"),
            None,
            "the due moment of the queue {queue:?} of a fresh store"
        );
        let claimed = store.claim(sample::claim(queue, 1_000)).await.must_succeed("a claim");
        must!(
            claimed.is_empty(),
            "a claim from the queue {queue:?} of a fresh store returned a record",
            "return nothing"
        );
    }
}

/// A record is returned unchanged, with versions from 1 up.
pub async fn a_committed_record_loads_back(store: AnyStore) {
    let records = [account(1), job(1), Record::Batch(sample::batch(1, Some(sample::at(5))))];
    for record in records {
        put(&store, record.clone(), None).await.must_succeed("a commit of a new record");
        let found = get(&store, record.key()).await.must_be_there("a committed record");
        must_eq!(
            (found.version, &found.record),
            (1, &record),
            "a record that was written once, with its version,"
        );

        put(&store, record.clone(), Some(1)).await.must_succeed("a commit at the current version");
        let found = get(&store, record.key()).await.must_be_there("a committed record");
        must_eq!(
            (found.version, &found.record),
            (2, &record),
            "a record that was written twice, with its version,"
        );
    }
}

/// Writes all of them and compares what is read.
async fn comes_back(store: &AnyStore, records: Vec<Record>) {
    for record in &records {
        put(store, record.clone(), None)
            .await
            .must_succeed("a commit of a record whose key no other has");
    }
    for record in records {
        let found = get(store, record.key()).await;
        let key = record.key();
        let Some(found) = found else {
            breach!("the committed record {key:?} was missing", "be there")
        };
        must_eq!(found.record, record, "the committed record {key:?}");
    }
}

/// Every field of every kind is kept, including fractions and nested lists.
pub async fn every_kind_of_record_is_returned_unchanged(store: AnyStore) {
    comes_back(&store, sample::every_kind()).await;
}

/// Amounts and times up to the largest unsigned 64-bit number are kept.
pub async fn records_at_the_limits_of_their_ranges_are_kept(store: AnyStore) {
    let most = Timestamp::from_millis(u64::MAX);
    let batch = crate::core::batch::BatchRecord {
        charged: crate::core::credits::Credits::MAX,
        entries: u32::MAX,
        ended_at: Some(most),
        ..sample::batch(1, Some(Timestamp::default()))
    };
    let records = vec![
        account(u64::MAX),
        Record::Batch(batch),
        Record::LedgerEntry(sample::entry(1, u32::MAX)),
        Record::Job(sample::job(1, most)),
        Record::CacheEntry(sample::cached(u8::MAX, most)),
        Record::Usage(sample::usage("a", u64::from(u32::MAX))),
    ];

    comes_back(&store, records).await;
}

/// Text with zero bytes, quotes, line endings and characters of every Unicode plane is kept.
pub async fn text_of_any_kind_is_kept(store: AnyStore) {
    let texts =
        ["\0", "'; DROP TABLE jobs; --", "a\r\n\tb\\n", "\u{feff}é\u{301}\u{202e}\u{1f600}", ""];
    let notices = texts.into_iter().zip(1..).map(|(text, number)| {
        let body = text.to_owned();
        Record::Notification(Notification { body, ..sample::notice(number, sample::at(1)) })
    });

    comes_back(&store, notices.collect()).await;
}

/// A large record is kept: the list of 20,000 jobs is about 360 kB, and 800 kB as JSON.
pub async fn a_large_record_is_kept(store: AnyStore) {
    let record = Record::BatchJobs(sample::batch_jobs(1, 20_000));

    put(&store, record.clone(), None).await.must_succeed("a commit of a new record");
    put(&store, record.clone(), Some(1)).await.must_succeed("a commit at the current version");

    let found = get(&store, record.key()).await.must_be_there("a committed record");
    must!(
        found.record == record,
        "a batch of 20,000 jobs came back changed",
        "return what was committed"
    );
}

/// A load returns one entry per key, in the order of the keys: `None` for a missing record, and the record twice for a
/// key that is repeated.
pub async fn loading_keeps_the_order_of_keys(store: AnyStore) {
    put(&store, job(1), None).await.must_succeed("a commit of a new record");
    put(&store, job(3), None).await.must_succeed("a commit of a new record");

    let keys = [3, 2, 1, 3].map(|it| job(it).key());
    let found = store.load(keys.to_vec()).await.must_succeed("a load");

    let found: Vec<_> = found.into_iter().map(|it| it.map(|it| it.record.key())).collect();
    must_eq!(
        found,
        [Some(job(3).key()), None, Some(job(1).key()), Some(job(3).key())],
        "the answers to a load of jobs 3, 2, 1 and 3, of which 2 is not there,"
    );
    must!(
        store.load(Vec::new()).await.must_succeed("a load").is_empty(),
        "a load of no keys returned a record",
        "return nothing"
    );
}

/// Thousands of keys load in one call, as the engine's writer does.
pub async fn thousands_of_keys_load_in_one_call(store: AnyStore) {
    for number in [1, 4_999] {
        put(&store, job(number), None).await.must_succeed("a commit of a new record");
    }

    let keys = (0..5_000).map(|it| job(it).key()).collect();
    let found = store.load(keys).await.must_succeed("a load");

    must_eq!(found.len(), 5_000, "the number of answers to a load of 5,000 keys");
    let present: Vec<_> = (0..).zip(&found).filter(|(_, it)| it.is_some()).map(|it| it.0).collect();
    must_eq!(present, [1, 4_999], "the positions of the records that are there");
}

fn submission(account: &str, key: &str, batch: u64) -> Record {
    Record::IdempotencyRecord(sample::submission(account, key, batch))
}

/// Keys are compared as bytes, and a key that is a prefix of another is distinct.
pub async fn keys_in_any_script_are_kept_apart(store: AnyStore) {
    let records = vec![
        submission("a", "bc", 1),
        submission("ab", "c", 2),
        submission("ab", "", 3),
        submission("Ünï", "ключ\u{10ffff}", 4),
    ];

    comes_back(&store, records).await;
}

/// Keys are not case-folded, trimmed, normalized or matched as patterns.
pub async fn keys_that_begin_alike_are_kept_apart(store: AnyStore) {
    let names = ["a", "A", "a ", " a", "a\0", "a\0b", "a%", "a_", "ab", "é", "e\u{301}", ""];
    let sites = names.map(|it| Record::Site(sample::site(it)));

    comes_back(&store, sites.to_vec()).await;

    let removed = super::removal(sites[0].key(), Some(1));
    store.commit(vec![removed]).await.must_succeed("a commit at the current version");
    for site in &sites {
        let key = site.key();
        must_eq!(
            get(&store, site.key()).await.is_some(),
            *site != sites[0],
            "the presence of the site {key:?} after another one was removed"
        );
    }
}

/// Keys of the maximum length that differ only in their last byte are distinct.
pub async fn the_longest_keys_are_kept_apart(store: AnyStore) {
    let account = "n".repeat(128);
    let key = |last: &str| format!("{}{last}", "k".repeat(1_000));

    comes_back(
        &store,
        vec![submission(&account, &key("1"), 1), submission(&account, &key("2"), 2)],
    )
    .await;
}
