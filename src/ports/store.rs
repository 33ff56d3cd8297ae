//! Keeping records and result bodies.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use crate::core::id::BatchId;
use crate::core::job::BodyRef;
use crate::core::record::{Claim, Key, Kind, Queue, Record};
use crate::core::time::Timestamp;
use crate::ports::BoxFuture;

/// A store could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another writer got there first; nothing was written. Load again and decide again.
    #[error("a record changed since it was read")]
    Conflict,
    /// Another process has the store open; nothing was changed.
    #[error("the {store} store is in use by another process; stop it, or use another directory")]
    InUse {
        /// Which store.
        store: &'static str,
    },
    /// What is on disk cannot be read.
    #[error(
        "the {store} store is damaged: {what}; restore it from a copy, or start with an empty directory"
    )]
    Damaged {
        /// Which store.
        store: &'static str,
        /// What cannot be read.
        what: String,
    },
    /// The backend failed; whether anything was written is not known.
    #[error("the {store} store failed")]
    Backend {
        /// Which store.
        store: &'static str,
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A record's version: 1 when it is new, one more with every write.
pub type Version = u64;

/// A record and the version it has in the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Versioned {
    /// The version.
    pub version: Version,
    /// The record.
    pub record: Record,
}

/// One change of a commit.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// Which record.
    pub key: Key,
    /// The version it must have now: `None` if there must be none.
    pub expected: Option<Version>,
    /// What it becomes: `None` removes it.
    pub record: Option<Record>,
}

/// A stretch of one kind of record, in the order of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    /// Which kind.
    pub kind: Kind,
    /// Begin behind this key, in the order asked for.
    pub after: Option<Key>,
    /// Greatest key first.
    pub descending: bool,
    /// How many at most.
    pub limit: usize,
}

/// Whether two changes of a commit are of one record: such a commit is [`StoreError::Conflict`].
pub fn has_duplicate_keys(writes: &[Write]) -> bool {
    let mut seen = HashSet::with_capacity(writes.len());
    !writes.iter().all(|it| seen.insert(&it.key))
}

/// Keeps records. It decides nothing: the core says what a record becomes, the store writes it, if
/// the versions still match.
///
/// # Contract
///
/// * **All or nothing.** A commit writes every change or none, wherever its caller stops waiting for
///   it, and no load and no list shows a part of it.
/// * **Versions.** A commit whose `expected` differs for any key is [`StoreError::Conflict`].
/// * **Each key once.** So is a commit that names a key twice ([`has_duplicate_keys`]): the second
///   change was not decided from what the first would leave.
/// * **Durable.** What a durable store has acknowledged survives a crash of the process. When it is
///   opened again, the leases of the process before are released ([`Record::abandoned`]).
/// * **Indexed.** [`Record::due`] of every record is kept in step with it, in the same commit.
/// * **Keys are bytes.** [`Key::to_bytes`] tells keys apart and orders them; no case is folded and
///   no name trimmed.
///
/// [`crate::testkit`] checks all of it, for a host's store as for ours.
pub trait Store: fmt::Debug + Send + Sync {
    /// The records with these keys, in the order of the keys.
    fn load(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Versioned>>, StoreError>>;

    /// A stretch of one kind of record.
    fn list(&self, list: ListQuery) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>>;

    /// Takes what is due (`due <= claim.now`), earliest first, under a lease: each record becomes
    /// what [`Record::claimed`] says and is returned so. No two claims get the same lease.
    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>>;

    /// Writes all changes, or none.
    fn commit(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The earliest moment at which something in `queue` is due.
    fn due(&self, queue: Queue) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>>;

    /// The store of bodies that belongs to it, if it brings one.
    fn bodies(&self) -> Option<Arc<dyn Bodies>> {
        None
    }
}

impl<S: Store + ?Sized> Store for Arc<S> {
    fn load(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Versioned>>, StoreError>> {
        (**self).load(keys)
    }

    fn list(&self, list: ListQuery) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        (**self).list(list)
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        (**self).claim(claim)
    }

    fn commit(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>> {
        (**self).commit(writes)
    }

    fn due(&self, queue: Queue) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        (**self).due(queue)
    }

    fn bodies(&self) -> Option<Arc<dyn Bodies>> {
        (**self).bodies()
    }
}

/// Keeps result bodies: large, written once, and removed with their batch.
///
/// # Contract
///
/// * A body that `put` acknowledged is as durable as the records of the store beside it.
/// * `get` of an acknowledged body gives the same bytes until its batch is removed.
/// * `remove` of a batch that has no bodies is no error, and who reads meanwhile gets all or nothing.
/// * A name that `put` did not give leads to an error or to nothing, never to another body.
pub trait Bodies: fmt::Debug + Send + Sync {
    /// Keeps a body.
    fn put(&self, batch: BatchId, body: Vec<u8>) -> BoxFuture<'_, Result<BodyRef, StoreError>>;

    /// A body, or `None` if its batch was removed.
    fn get(&self, body: BodyRef) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>>;

    /// Removes all bodies of a batch.
    fn remove(&self, batch: BatchId) -> BoxFuture<'_, Result<(), StoreError>>;
}

// Compile-time check: the engine holds both as `Arc<dyn ...>`.
const _: (Option<&dyn Store>, Option<&dyn Bodies>) = (None, None);
