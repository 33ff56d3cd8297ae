//! The records that the writer keeps: those of running jobs, so that most commits load nothing.
//!
//! # Invariants
//!
//! * A kept record decides nothing by itself: the store compares its version in the commit, and the writer loads the
//!   records again before it refuses a change.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::core::batch::BatchStatus;
use crate::core::job::JobState;
use crate::core::record::{Key, Record};
use crate::ports::store::Versioned;

/// The most records of a generation. There are two, so that the records in use outlast those that are not.
const GENERATION: usize = 2_048;

/// The newest known state of records that change often.
#[derive(Debug, Default)]
pub(super) struct KeptRecords(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Key, Versioned>,
    old: HashMap<Key, Versioned>,
}

impl KeptRecords {
    /// Keeps a record that was read or written, if it is expected to change again soon.
    pub(super) fn put(&self, record: Versioned) {
        if !changes_again(&record.record) {
            return;
        }
        let key = record.record.key();
        let mut kept = self.lock();
        // A claim and a commit may report their records in any order.
        if kept.young.get(&key).is_some_and(|it| it.version > record.version) {
            return;
        }
        if kept.young.len() >= GENERATION {
            kept.old = std::mem::take(&mut kept.young);
        }
        kept.young.insert(key, record);
    }

    /// Takes a record out.
    pub(super) fn take(&self, key: &Key) -> Option<Versioned> {
        let mut kept = self.lock();
        let old = kept.old.remove(key);
        kept.young.remove(key).or(old)
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn changes_again(record: &Record) -> bool {
    match record {
        Record::Job(job) => job.state == JobState::Processing,
        Record::Batch(batch) => batch.status() == BatchStatus::Processing,
        Record::Account(_) | Record::Usage(_) => true,
        Record::Crawl(crawl) => crawl.ended_at.is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::AccountId;
    use crate::core::ledger::Account;

    fn account(name: u64, version: u64) -> Versioned {
        let id = AccountId::new(name.to_string()).expect("a valid name");
        Versioned { version, record: Record::Account(Account::limited(id)) }
    }

    #[test]
    fn the_newer_of_two_states_is_kept() {
        let kept = KeptRecords::default();
        for version in [1, 3, 2] {
            kept.put(account(1, version));
        }

        let taken = kept.take(&account(1, 0).record.key());

        assert_eq!(taken, Some(account(1, 3)));
        assert_eq!(kept.take(&account(1, 0).record.key()), None, "it was taken out");
    }

    #[test]
    fn a_bounded_number_of_records_is_kept() {
        let kept = KeptRecords::default();
        for name in 0..10 * GENERATION as u64 {
            kept.put(account(name, 1));
        }

        let last = account(10 * GENERATION as u64 - 1, 1);
        assert_eq!(kept.take(&last.record.key()), Some(last));
        let generations = kept.lock();
        assert!(generations.young.len() + generations.old.len() <= 2 * GENERATION);
    }
}
