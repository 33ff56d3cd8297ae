//! Values behind locks of their own, by key: one for each session, or one for each origin.

use std::borrow::Borrow;
use std::hash::Hash;
use std::sync::Arc;

use dashmap::DashMap;
use tokio::sync::Mutex;

/// Entries that are kept; beyond this number, those that nobody is using are dropped.
const MAX_ENTRIES: usize = 4_096;

/// A map of values, each behind a lock. The holder of one lock delays nobody who uses another key.
#[derive(Debug)]
pub(super) struct KeyedLocks<K: Eq + Hash, V> {
    entries: DashMap<K, Arc<Mutex<V>>>,
}

impl<K: Eq + Hash, V> Default for KeyedLocks<K, V> {
    fn default() -> Self {
        Self { entries: DashMap::default() }
    }
}

impl<K: Eq + Hash, V: Default> KeyedLocks<K, V> {
    /// Returns the lock of `key`. Its value is the default one if it is new.
    pub(super) fn of<Q>(&self, key: &Q) -> Arc<Mutex<V>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        if let Some(entry) = self.entries.get(key) {
            return Arc::clone(&entry);
        }
        if self.entries.len() >= MAX_ENTRIES {
            // Whoever uses a value holds its entry.
            self.entries.retain(|_, it| Arc::strong_count(it) > 1);
        }
        Arc::clone(&self.entries.entry(key.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_locks_that_nobody_uses_are_dropped() {
        let locks = KeyedLocks::<usize, u8>::default();
        let used = locks.of(&0);

        for key in 1..=MAX_ENTRIES {
            let _ = locks.of(&key);
        }

        assert!(Arc::ptr_eq(&used, &locks.of(&0)));
        assert_eq!(locks.entries.len(), 2);
    }
}
