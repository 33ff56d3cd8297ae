//! Lists: one kind, ordered by key, page by page.

use super::{AnyStore, account, job, put, removal, sample, write};
use crate::core::record::{Key, Queue, Record, RecordKind};
use crate::ports::store::{ListQuery, Store};
use crate::testkit::kit::{MustSucceed, must, must_eq};

fn batches(after: Option<Key>, descending: bool, limit: usize) -> ListQuery {
    ListQuery { kind: RecordKind::Batch, after, descending, limit }
}

async fn listed(store: &impl Store, list: ListQuery) -> Vec<Key> {
    store.list(list).await.must_succeed("a list").iter().map(|it| it.record.key()).collect()
}

async fn with_batches(store: &impl Store) -> [Key; 3] {
    for number in [2, 3, 1] {
        put(store, Record::Batch(sample::batch(number, None)), None)
            .await
            .must_succeed("a commit of a new record");
    }
    [1, 2, 3].map(|it| Key::Batch(sample::batch_id(it)))
}

/// A list is ordered by key, ascending or descending, up to the limit.
pub async fn lists_are_ordered_in_both_directions(store: AnyStore) {
    let [one, two, three] = with_batches(&store).await;

    must_eq!(
        listed(&store, batches(None, false, 2)).await,
        [one.clone(), two.clone()],
        "the first two of three batches"
    );
    must_eq!(
        listed(&store, batches(None, true, 2)).await,
        [three, two],
        "the last two of three batches, descending,"
    );
    must!(
        listed(&store, batches(None, true, 0)).await.is_empty(),
        "a list with limit 0 returned a record",
        "return nothing"
    );
}

/// A list starts after `after`, which need not exist.
pub async fn a_list_continues_after_a_key(store: AnyStore) {
    let [one, two, three] = with_batches(&store).await;
    let missing = Some(Key::Batch(sample::batch_id(9)));

    must_eq!(
        listed(&store, batches(Some(one.clone()), false, 9)).await,
        [two, three.clone()],
        "the batches after the first"
    );
    must_eq!(
        listed(&store, batches(missing.clone(), true, 1)).await,
        vec![three.clone()],
        "the batch before a key that is greater than all"
    );
    must!(
        listed(&store, batches(missing, false, 9)).await.is_empty(),
        "a list after a key that is greater than all returned a record",
        "return nothing"
    );
    must!(
        listed(&store, batches(Some(one), true, 9)).await.is_empty(),
        "a descending list after the least key returned a record",
        "return nothing"
    );
    must!(
        listed(&store, batches(Some(three), false, 9)).await.is_empty(),
        "a list after the greatest key returned a record",
        "return nothing"
    );
}

/// A list contains one kind, even if `after` is a key of another.
pub async fn a_list_contains_one_kind(store: AnyStore) {
    let keys = with_batches(&store).await;
    put(&store, account(1), None).await.must_succeed("a commit of a new record");
    put(&store, job(1), None).await.must_succeed("a commit of a new record");

    must_eq!(listed(&store, batches(None, false, 9)).await, keys, "the list of batches");
    must_eq!(
        listed(&store, batches(Some(account(0).key()), false, 9)).await,
        keys,
        "the list of batches after an account, whose kind sorts before,"
    );
    must!(
        listed(&store, batches(Some(job(1).key()), false, 9)).await.is_empty(),
        "a list of batches after a job, whose kind sorts behind, returned a record",
        "return nothing"
    );
    must!(
        listed(&store, batches(Some(account(0).key()), true, 9)).await.is_empty(),
        "a descending list of batches after an account, whose kind sorts before, returned a record",
        "return nothing"
    );
}

/// The last key of a page may be removed before the next page is listed.
pub async fn a_list_continues_after_a_removed_key(store: AnyStore) {
    let [one, two, three] = with_batches(&store).await;

    store
        .commit(vec![removal(two.clone(), Some(1))])
        .await
        .must_succeed("a commit at the current version");

    must_eq!(
        listed(&store, batches(Some(two.clone()), false, 9)).await,
        [three],
        "the list after a key that was removed"
    );
    must_eq!(
        listed(&store, batches(Some(two), true, 9)).await,
        [one],
        "the descending list after a key that was removed"
    );
}

/// The smallest and the greatest key of a kind are listed with their kind.
pub async fn every_kind_is_listed_to_its_last_key(store: AnyStore) {
    let mut records = sample::every_kind();
    for byte in [0, u8::MAX] {
        records.push(Record::CacheEntry(sample::cached(byte, sample::at(5))));
    }
    for record in &records {
        put(&store, record.clone(), None).await.must_succeed("a commit of a new record");
    }

    for kind in RecordKind::ALL {
        let mut keys: Vec<_> = records.iter().map(Record::key).collect();
        keys.retain(|it| it.kind() == kind);
        keys.sort_unstable();
        let list = |descending| ListQuery { kind, after: None, descending, limit: 9 };
        must_eq!(listed(&store, list(false)).await, keys, "the list of the kind {kind:?}");
        keys.reverse();
        must_eq!(
            listed(&store, list(true)).await,
            keys,
            "the descending list of the kind {kind:?}"
        );
    }
}

/// The batches of an account are listed from its greatest key down. The check adds accounts with similar names and a
/// batch in two accounts.
pub async fn an_accounts_batches_are_listed_newest_first(store: AnyStore) {
    let owned = |name: &str, batch: u64| Record::AccountBatch(sample::owned(name, batch));
    for (name, batch) in [("a", 1), ("a", 2), ("a b", 3), ("ab", 1), ("ab", 9), ("b", 2)] {
        put(&store, owned(name, batch), None).await.must_succeed("a commit of a new record");
    }

    let behind = Some(owned("ab", u64::MAX >> 16).key());
    let list =
        ListQuery { kind: RecordKind::AccountBatch, after: behind, descending: true, limit: 9 };
    let order = [("ab", 9), ("ab", 1), ("a b", 3), ("a", 2), ("a", 1)];
    let keys = order.map(|(name, batch)| owned(name, batch).key());
    must_eq!(listed(&store, list).await, keys, "the descending list of the batches of accounts");
}

/// The pages of a list together contain every record exactly once, in both directions.
pub async fn the_pages_of_a_list_contain_each_record_once(store: AnyStore) {
    let new = (1..=50).map(|it| write(Record::Batch(sample::batch(it, None)), None)).collect();
    store.commit(new).await.must_succeed("a commit of a new record");

    for descending in [false, true] {
        let mut seen = Vec::new();
        loop {
            let page = listed(&store, batches(seen.last().cloned(), descending, 7)).await;
            if page.is_empty() {
                break;
            }
            must!(page.len() <= 7, "a list with limit 7 returned more", "return 7 records at most");
            seen.extend(page);
            must!(
                seen.len() <= 50,
                "pages of a list returned more than the 50 records there are",
                "return each record on one page only"
            );
        }
        let mut all: Vec<_> = (1..=50).map(|it| Key::Batch(sample::batch_id(it))).collect();
        if descending {
            all.reverse();
        }
        must_eq!(seen, all, "all pages of a list together");
    }
}

/// A limit is an upper bound and not a size to allocate.
pub async fn a_limit_above_the_number_of_records_is_accepted(store: AnyStore) {
    let keys = with_batches(&store).await;
    put(&store, job(1), None).await.must_succeed("a commit of a new record");

    must_eq!(
        listed(&store, batches(None, false, usize::MAX)).await,
        keys,
        "a list with the greatest limit"
    );
    let mut claim = sample::claim(Queue::Jobs, 10);
    claim.limit = usize::MAX;
    must_eq!(
        store.claim(claim).await.must_succeed("a claim").len(),
        1,
        "the number of jobs that a claim with the greatest limit took"
    );
}

/// Numbers are ordered by value and names by bytes, without collation.
pub async fn keys_are_listed_in_the_order_of_their_bytes(store: AnyStore) {
    let entries = [256, 2, 10, 65_536].map(|it| Record::LedgerEntry(sample::entry(1, it)));
    let sites = ["b", "é", "B", "a", "Z", "ab"].map(|it| Record::Site(sample::site(it)));
    for record in entries.iter().chain(&sites) {
        put(&store, record.clone(), None).await.must_succeed("a commit of a new record");
    }

    let list = |kind| ListQuery { kind, after: None, descending: false, limit: 9 };
    let found = listed(&store, list(RecordKind::LedgerEntry)).await;
    must_eq!(
        found,
        [2, 10, 256, 65_536].map(|it| Key::LedgerEntry(sample::batch_id(1), it)),
        "the order of ledger lines"
    );
    let found = listed(&store, list(RecordKind::Site)).await;
    must_eq!(
        found,
        ["B", "Z", "a", "ab", "b", "é"].map(|it| Key::Site(it.to_owned())),
        "the order of sites"
    );
}

/// A list is as recent as a load.
pub async fn a_list_is_as_recent_as_a_load(store: AnyStore) {
    let [_, two, three] = with_batches(&store).await;
    let newer = Record::Batch(sample::batch(2, Some(sample::at(9))));

    put(&store, newer.clone(), Some(1)).await.must_succeed("a commit at the current version");
    store
        .commit(vec![removal(three, Some(1))])
        .await
        .must_succeed("a commit at the current version");

    let found = store.list(batches(None, true, 9)).await.must_succeed("a list");
    must_eq!(found.len(), 2, "the number of batches listed after one of three was removed");
    must_eq!(
        (found[0].version, &found[0].record),
        (2, &newer),
        "the newest batch listed, with its version,"
    );
    must_eq!(found[0].record.key(), two, "the key of the batch that was changed last");
}
