//! A store of your own, checked by the conformance kit.
//!
//! Run it with `cargo run --example own_store --features testkit`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rungs::core::{
    claims::JobIndex,
    record::{Claim, Key, Queue, Record},
    time::Timestamp,
};
use rungs::ports::{
    BoxFuture,
    store::{ListQuery, Store, StoreError, Versioned, Write, has_duplicate_keys},
};

/// Everything in one map, and no index: what is due is looked for. Good for a few thousand records.
#[derive(Clone, Debug, Default)]
struct OneMap(Arc<Mutex<BTreeMap<Vec<u8>, Versioned>>>);

impl OneMap {
    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<Vec<u8>, Versioned>) -> T) -> T {
        work(&mut self.0.lock().expect("nothing panics under this lock"))
    }
}

fn due_in(queue: Queue, record: &Record) -> Option<Timestamp> {
    record.due().filter(|it| it.0 == queue).map(|it| it.1)
}

/// Returns the keys of what a claim takes: jobs by turns, anything else earliest first.
fn picked(map: &BTreeMap<Vec<u8>, Versioned>, claim: &Claim) -> Vec<Vec<u8>> {
    if claim.queue == Queue::Jobs {
        let mut jobs = JobIndex::default();
        for stored in map.values() {
            jobs.put(&stored.record);
        }
        return jobs.pick(claim).into_iter().map(|it| Key::Job(it).to_bytes()).collect();
    }
    let due = |it: &Versioned| due_in(claim.queue, &it.record).filter(|at| *at <= claim.now);
    let mut found: Vec<_> = map.iter().filter_map(|(key, it)| Some((due(it)?, key))).collect();
    found.sort_unstable();
    found.into_iter().take(claim.limit).map(|(_, key)| key.clone()).collect()
}

impl Store for OneMap {
    fn load(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Versioned>>, StoreError>> {
        Box::pin(async move {
            Ok(self.with(|map| keys.iter().map(|it| map.get(&it.to_bytes()).cloned()).collect()))
        })
    }

    fn list(&self, list: ListQuery) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        Box::pin(async move {
            let mut found: Vec<_> = self.with(|map| map.clone().into_iter().collect());
            if list.descending {
                found.reverse();
            }
            let after = list.after.map(|it| it.to_bytes());
            let is_behind = |key: &Vec<u8>| match &after {
                Some(after) if list.descending => key < after,
                Some(after) => key > after,
                None => true,
            };
            found.retain(|(key, it)| it.record.key().kind() == list.kind && is_behind(key));
            Ok(found.into_iter().map(|(_, it)| it).take(list.limit).collect())
        })
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        Box::pin(async move {
            Ok(self.with(|map| {
                let picked = picked(map, &claim);
                let take = |key: Vec<u8>| {
                    let it = map.get_mut(&key)?;
                    if let Some(record) = it.record.claimed(&claim) {
                        *it = Versioned { version: it.version + 1, record };
                    }
                    Some(it.clone())
                };
                picked.into_iter().filter_map(take).collect()
            }))
        })
    }

    fn commit(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.with(|map| {
                if has_duplicate_keys(&writes) {
                    return Err(StoreError::Conflict);
                }
                let version = |it: &Write| map.get(&it.key.to_bytes()).map(|it| it.version);
                if writes.iter().any(|it| version(it) != it.expected) {
                    return Err(StoreError::Conflict);
                }
                for write in writes {
                    let key = write.key.to_bytes();
                    let version = write.expected.unwrap_or(0) + 1;
                    match write.record {
                        Some(record) => map.insert(key, Versioned { version, record }),
                        None => map.remove(&key),
                    };
                }
                Ok(())
            })
        })
    }

    fn due(
        &self,
        queue: Queue,
        from: Timestamp,
    ) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(async move {
            let due = |it: &Versioned| due_in(queue, &it.record).filter(|at| *at >= from);
            Ok(self.with(|map| map.values().filter_map(due).min()))
        })
    }
}

fn main() {
    let report = rungs::testkit::store::check_all(OneMap::default);

    println!("{report}");
    assert!(report.failed.is_empty());
}
