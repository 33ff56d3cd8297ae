//! The store in memory, which is also the reference for the other stores in tests.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::core::claims::JobIndex;
use crate::core::id::BatchId;
use crate::core::job::BodyRef;
use crate::core::record::{Claim, Key, Queue, Record};
use crate::core::slots::Slot;
use crate::core::time::Timestamp;
use crate::ports::BoxFuture;
use crate::ports::store::{
    Bodies, ListQuery, Store, StoreError, Version, Versioned, Write, has_duplicate_keys,
};
use crate::stores::key_range::key_range;

/// Keeps records and bodies in memory, for tests and for work that may be lost at the end of the process.
///
/// Clones share their records. It has no size limit: records and bodies are removed when their batch expires.
///
/// ```
/// use rungs::core::record::RecordKind;
/// use rungs::ports::store::{ListQuery, Store};
/// use rungs::stores::Memory;
///
/// # #[cfg(feature = "engine")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), rungs::Error> {
/// let store = Memory::default();
/// assert!(store.list(ListQuery::new(RecordKind::Batch, 10)).await?.is_empty());
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "engine"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, Default)]
pub struct Memory {
    shared: Arc<Mutex<Shared>>,
}

/// # Invariants
///
/// * `due` contains exactly the result of [`Record::due`] for each record.
/// * `jobs` contains exactly the jobs that have not ended.
#[derive(Debug, Default)]
struct Shared {
    records: BTreeMap<Vec<u8>, Versioned>,
    due: BTreeSet<(Queue, Timestamp, Vec<u8>)>,
    jobs: JobIndex,
    bodies: BTreeMap<BatchId, BTreeMap<u64, Vec<u8>>>,
    bodies_put: u64,
}

impl Memory {
    /// Returns an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // No code panics between the first and the last change of a commit, so a poisoned lock guards complete data.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn version(&self, key: &[u8]) -> Option<Version> {
        self.records.get(key).map(|it| it.version)
    }

    /// Replaces the record under `key`, and returns the new one with its version.
    fn replace(&mut self, key: Vec<u8>, record: Option<Record>) -> Option<Versioned> {
        let old = self.records.remove(&key);
        if let Some((queue, at)) = old.as_ref().and_then(|it| it.record.due()) {
            self.due.remove(&(queue, at, key.clone()));
        }
        if let Some(Record::Job(job)) = old.as_ref().map(|it| &it.record) {
            self.jobs.remove(job.id);
        }
        let new = Versioned { version: old.map_or(0, |it| it.version) + 1, record: record? };
        if let Some((queue, at)) = new.record.due() {
            self.due.insert((queue, at, key.clone()));
        }
        self.jobs.put(&new.record);
        self.records.insert(key, new.clone());
        Some(new)
    }

    fn commit(&mut self, writes: Vec<Write>) -> Result<(), StoreError> {
        if has_duplicate_keys(&writes) {
            return Err(StoreError::Conflict);
        }
        let mut checked = Vec::with_capacity(writes.len());
        for write in writes {
            let key = write.key.to_bytes();
            if self.version(&key) != write.expected {
                return Err(StoreError::Conflict);
            }
            checked.push((key, write.record));
        }
        for (key, record) in checked {
            self.replace(key, record);
        }
        Ok(())
    }

    /// Returns the keys of the records that a claim takes.
    fn picked(&self, claim: &Claim) -> Vec<Vec<u8>> {
        if claim.queue == Queue::Jobs {
            let jobs = self.jobs.pick(claim).into_iter();
            return jobs.map(|it| Key::Job(it).to_bytes()).collect();
        }
        let first = (claim.queue, Timestamp::default(), Vec::new());
        let due = self.due.range(first..);
        let due = due
            .take_while(|(queue, at, _)| *queue == claim.queue && *at <= claim.now)
            .map(|(_, _, key)| key.clone());
        if claim.slots.is_all() && claim.per_slot == usize::MAX {
            return due.take(claim.limit).collect();
        }
        let mut taken = HashMap::<Slot, usize>::new();
        due.filter(|key| {
            let Some(slot) = self.records.get(key).map(|it| it.record.slot()) else { return false };
            let of_slot = taken.entry(slot).or_default();
            let is_taken = claim.slots.contains(slot) && *of_slot < claim.per_slot;
            *of_slot += usize::from(is_taken);
            is_taken
        })
        .take(claim.limit)
        .collect()
    }

    fn claim(&mut self, claim: &Claim) -> Vec<Versioned> {
        let due = self.picked(claim);
        let mut taken = Vec::with_capacity(due.len());
        for key in due {
            let Some(found) = self.records.get(&key) else { continue };
            match found.record.claimed(claim) {
                Some(record) => taken.extend(self.replace(key, Some(record))),
                None => taken.push(found.clone()),
            }
        }
        taken
    }

    fn list(&self, list: &ListQuery) -> Vec<Versioned> {
        let range = self.records.range(key_range(list)).map(|(_, it)| it.clone());
        if list.descending {
            range.rev().take(list.limit).collect()
        } else {
            range.take(list.limit).collect()
        }
    }
}

impl Store for Memory {
    fn load(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Versioned>>, StoreError>> {
        Box::pin(async move {
            let shared = self.lock();
            Ok(keys.iter().map(|it| shared.records.get(&it.to_bytes()).cloned()).collect())
        })
    }

    fn list(&self, list: ListQuery) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        Box::pin(async move { Ok(self.lock().list(&list)) })
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        Box::pin(async move { Ok(self.lock().claim(&claim)) })
    }

    fn commit(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.lock().commit(writes) })
    }

    fn due(
        &self,
        queue: Queue,
        from: Timestamp,
    ) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(async move {
            let first = (queue, from, Vec::new());
            let shared = self.lock();
            Ok(shared.due.range(first..).next().filter(|it| it.0 == queue).map(|it| it.1))
        })
    }

    fn bodies(&self) -> Option<Arc<dyn Bodies>> {
        Some(Arc::new(self.clone()))
    }
}

impl Bodies for Memory {
    fn put(&self, batch: BatchId, body: Vec<u8>) -> BoxFuture<'_, Result<BodyRef, StoreError>> {
        Box::pin(async move {
            let mut shared = self.lock();
            // Counted over all batches, so that a name is never reused.
            shared.bodies_put += 1;
            let number = shared.bodies_put;
            shared.bodies.entry(batch).or_default().insert(number, body);
            Ok(BodyRef(format!("{batch}:{number}")))
        })
    }

    fn get(&self, body: BodyRef) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        Box::pin(async move {
            let named = body.0.split_once(':').and_then(|(batch, number)| {
                Some((batch.parse::<BatchId>().ok()?, number.parse::<u64>().ok()?))
            });
            let Some((batch, number)) = named else { return Ok(None) };
            Ok(self.lock().bodies.get(&batch).and_then(|it| it.get(&number)).cloned())
        })
    }

    fn remove(&self, batch: BatchId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.lock().bodies.remove(&batch);
            Ok(())
        })
    }
}
