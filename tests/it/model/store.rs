//! A minimal store: records with versions, and commits of all or nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use rungs::core::record::{Claim, Key, Record};
use rungs::ports::store::{StoreError, Versioned, Write};

/// Records by key. Copies share the records, so that a million states are affordable.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    records: BTreeMap<Key, Arc<Versioned>>,
}

impl Store {
    /// The record with this key.
    pub(crate) fn get(&self, key: &Key) -> Option<&Record> {
        self.records.get(key).map(|it| &it.record)
    }

    /// All records, in the order of their keys.
    pub(crate) fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.values().map(|it| &it.record)
    }

    /// Reads for a change that will be committed later.
    pub(crate) fn draft(&self) -> Draft<'_> {
        Draft { store: self, puts: BTreeMap::new() }
    }

    fn version(&self, key: &Key) -> Option<u64> {
        self.records.get(key).map(|it| it.version)
    }

    /// Returns `true` if every version that `writes` expects is current.
    pub(crate) fn is_fresh(&self, writes: &[Write]) -> bool {
        writes.iter().all(|it| self.version(&it.key) == it.expected)
    }

    /// Writes all changes, or none if a version differs.
    pub(crate) fn commit(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        if !self.is_fresh(writes) {
            return Err(StoreError::Conflict);
        }
        self.overwrite(writes);
        Ok(())
    }

    /// Writes all changes without looking at versions: no store may do this.
    pub(crate) fn overwrite(&mut self, writes: &[Write]) {
        for write in writes {
            let version = self.version(&write.key).unwrap_or_default() + 1;
            match &write.record {
                Some(record) => {
                    let record = Arc::new(Versioned { version, record: record.clone() });
                    self.records.insert(write.key.clone(), record);
                }
                None => drop(self.records.remove(&write.key)),
            }
        }
    }

    /// Returns `true` if the record is due in the claim's queue.
    pub(crate) fn is_due(&self, key: &Key, claim: &Claim) -> bool {
        let due = self.get(key).and_then(Record::due);
        due.is_some_and(|(queue, at)| queue == claim.queue && at <= claim.now)
    }

    /// Gives a record that is due to the claimer.
    pub(crate) fn claim(&mut self, key: &Key, claim: &Claim) -> Option<Record> {
        let claimed = self.is_due(key, claim).then(|| self.get(key)?.claimed(claim)).flatten()?;
        self.put(claimed.clone());
        Some(claimed)
    }

    /// Writes one record without a version check, as a store does when it claims.
    pub(crate) fn put(&mut self, record: Record) {
        let key = record.key();
        let expected = self.version(&key);
        self.overwrite(&[Write { key, expected, record: Some(record) }]);
    }
}

/// The records that a change read, and its writes.
pub(crate) struct Draft<'a> {
    store: &'a Store,
    puts: BTreeMap<Key, Record>,
}

impl Draft<'_> {
    /// The record as this change has it so far.
    pub(crate) fn get(&self, key: &Key) -> Option<&Record> {
        self.puts.get(key).or_else(|| self.store.get(key))
    }

    /// Writes a record.
    pub(crate) fn put(&mut self, record: Record) {
        self.puts.insert(record.key(), record);
    }

    /// The writes, each with the version that was read.
    pub(crate) fn writes(self) -> Vec<Write> {
        let store = self.store;
        let puts = self.puts.into_iter();
        puts.map(|(key, record)| Write { expected: store.version(&key), key, record: Some(record) })
            .collect()
    }
}
