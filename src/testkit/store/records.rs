//! Records and their keys: what is read is what was written.

use super::{AnyStore, account, get, job, put, sample};
use crate::core::batch::Notification;
use crate::core::record::{Kind, Queue, Record};
use crate::core::time::Timestamp;
use crate::ports::store::{ListQuery, Store};

/// Nothing to load, list, claim or wait for.
pub async fn a_fresh_store_is_empty(store: AnyStore) {
    assert_eq!(get(&store, account(0).key()).await, None);
    let list = ListQuery { kind: Kind::Batch, after: None, descending: false, limit: 10 };
    assert!(store.list(list).await.expect("listing works").is_empty());
    for queue in Queue::ALL {
        assert_eq!(store.due(queue).await.expect("due"), None, "{queue:?}");
        let claimed = store.claim(sample::claim(queue, 1_000)).await.expect("claim");
        assert!(claimed.is_empty(), "{queue:?}");
    }
}

/// A record comes back equal, with versions from 1 up.
pub async fn a_committed_record_loads_back(store: AnyStore) {
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

/// Writes all of them and compares what is read.
async fn comes_back(store: &AnyStore, records: Vec<Record>) {
    for record in &records {
        put(store, record.clone(), None).await.expect("no two of them share a key");
    }
    for record in records {
        let found = get(store, record.key()).await;
        let found = found.unwrap_or_else(|| panic!("{:?} is gone", record.key()));
        assert!(found.record == record, "{record:?} came back as {:?}", found.record);
    }
}

/// Every field of every kind, fractions and nested lists included.
pub async fn every_kind_of_record_comes_back_as_it_was_written(store: AnyStore) {
    comes_back(&store, sample::every_kind()).await;
}

/// Amounts and moments go up to the greatest of 64 bits, beyond what a signed number holds.
pub async fn records_at_the_ends_of_their_ranges_come_back(store: AnyStore) {
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
        Record::Entry(sample::entry(1, u32::MAX)),
        Record::Job(sample::job(1, most)),
        Record::Cached(sample::cached(u8::MAX, most)),
        Record::Usage(sample::usage("a", u64::from(u32::MAX))),
    ];

    comes_back(&store, records).await;
}

/// A zero byte, quotes, line ends and every plane of Unicode.
pub async fn text_of_any_kind_comes_back(store: AnyStore) {
    let texts =
        ["\0", "'; DROP TABLE jobs; --", "a\r\n\tb\\n", "\u{feff}é\u{301}\u{202e}\u{1f600}", ""];
    let notices = texts.into_iter().zip(1..).map(|(text, number)| {
        let body = text.to_owned();
        Record::Notification(Notification { body, ..sample::notice(number, sample::at(1)) })
    });

    comes_back(&store, notices.collect()).await;
}

/// A batch of 20,000 jobs is about 800 kB of JSON.
pub async fn a_large_record_is_kept_whole(store: AnyStore) {
    let mut batch = sample::batch(1, None);
    batch.jobs = (0..20_000).map(sample::job_id).collect();
    let record = Record::Batch(batch);

    put(&store, record.clone(), None).await.expect("new");
    put(&store, record.clone(), Some(1)).await.expect("again");

    let found = get(&store, record.key()).await.expect("present");
    assert!(found.record == record, "the record came back changed");
}

/// Answers stand where their keys stood, with gaps for what is missing, and twice for a key that
/// was asked for twice.
pub async fn loading_keeps_the_order_of_keys(store: AnyStore) {
    put(&store, job(1), None).await.expect("new");
    put(&store, job(3), None).await.expect("new");

    let keys = [3, 2, 1, 3].map(|it| job(it).key());
    let found = store.load(keys.to_vec()).await.expect("load");

    let found: Vec<_> = found.into_iter().map(|it| it.map(|it| it.record.key())).collect();
    assert_eq!(found, [Some(job(3).key()), None, Some(job(1).key()), Some(job(3).key())]);
    assert!(store.load(Vec::new()).await.expect("load").is_empty());
}

/// The engine's writer loads about 4,000 keys at once.
pub async fn thousands_of_keys_load_in_one_call(store: AnyStore) {
    for number in [1, 4_999] {
        put(&store, job(number), None).await.expect("new");
    }

    let keys = (0..5_000).map(|it| job(it).key()).collect();
    let found = store.load(keys).await.expect("load");

    assert_eq!(found.len(), 5_000);
    let present: Vec<_> = (0..).zip(&found).filter(|(_, it)| it.is_some()).map(|it| it.0).collect();
    assert_eq!(present, [1, 4_999]);
}

fn submission(account: &str, key: &str, batch: u64) -> Record {
    Record::Submission(sample::submission(account, key, batch))
}

/// Names are bytes to a store, and none is the beginning of another's key.
pub async fn keys_in_any_script_are_kept_apart(store: AnyStore) {
    let records = vec![
        submission("a", "bc", 1),
        submission("ab", "c", 2),
        submission("ab", "", 3),
        submission("Ünï", "ключ\u{10ffff}", 4),
    ];

    comes_back(&store, records).await;
}

/// No store folds case, trims blanks, composes accents or takes a sign for a wildcard.
pub async fn keys_that_begin_alike_are_kept_apart(store: AnyStore) {
    let names = ["a", "A", "a ", " a", "a\0", "a\0b", "a%", "a_", "ab", "é", "e\u{301}", ""];
    let sites = names.map(|it| Record::Site(sample::site(it)));

    comes_back(&store, sites.to_vec()).await;

    let removed = super::removal(sites[0].key(), Some(1));
    store.commit(vec![removed]).await.expect("fresh");
    for site in &sites {
        assert_eq!(get(&store, site.key()).await.is_some(), *site != sites[0], "{:?}", site.key());
    }
}

/// Names that differ only in their last byte, at the greatest length that a key can have.
pub async fn the_longest_keys_are_kept_apart(store: AnyStore) {
    let account = "n".repeat(128);
    let key = |last: &str| format!("{}{last}", "k".repeat(1_000));

    comes_back(
        &store,
        vec![submission(&account, &key("1"), 1), submission(&account, &key("2"), 2)],
    )
    .await;
}
