//! Stores of records and result bodies.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use crate::core::id::BatchId;
use crate::core::job::BodyRef;
use crate::core::record::{Claim, Key, Queue, Record, RecordKind};
use crate::core::time::Timestamp;
use crate::ports::BoxFuture;
use crate::ports::apply::until_no_conflict;

pub use crate::ports::apply::{Decide, Retries};

/// An error of a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another writer changed a record first. Nothing was written; reload and retry.
    #[error("the record changed since it was read")]
    Conflict,
    /// Another process has the store open. Nothing was changed.
    #[error("the {store} store is locked by another process: stop it or use another directory")]
    InUse {
        /// The name of the store.
        store: &'static str,
    },
    /// The directory has the data of another kind of store. Nothing was changed.
    #[error(
        "the directory has a {found} store: open it as that, or use another directory for the {store} store"
    )]
    OtherStore {
        /// The name of the store that was opened.
        store: &'static str,
        /// The name of the store in the directory.
        found: &'static str,
    },
    /// There is no store to open, and the call creates none.
    #[error("no {store} store in {place}: check the name, or start a process that creates it")]
    Missing {
        /// The name of the store.
        store: &'static str,
        /// The place where it was looked for.
        place: String,
    },
    /// The data on disk cannot be read.
    #[error(
        "the {store} store is damaged ({what}): restore it from a copy or start with an empty directory"
    )]
    Damaged {
        /// The name of the store.
        store: &'static str,
        /// The part that cannot be read.
        what: String,
    },
    /// A later release wrote the store. Nothing was changed.
    #[error(
        "the {store} store has format {found} of a later release, and this one reads format {reads}: use the release that wrote it"
    )]
    LaterFormat {
        /// The name of the store.
        store: &'static str,
        /// The format of the store.
        found: u64,
        /// The format that this release reads.
        reads: u64,
    },
    /// The store cannot be reached for now: a lost connection, or a failover. Nothing was written, and the same call may
    /// succeed later.
    ///
    /// A store that loses its connection during a commit finds out whether the commit was applied before it returns this
    /// error, or returns [`StoreError::Backend`].
    #[error("the {store} store cannot be reached: retry later")]
    Unavailable {
        /// The name of the store.
        store: &'static str,
        /// The error of the connection.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The backend failed. The write may or may not have been applied.
    #[error("the {store} store failed")]
    Backend {
        /// The name of the store.
        store: &'static str,
        /// The error of the backend.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The version of a record: 1 for a new record, plus 1 for every write.
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
    /// The key of the record.
    pub key: Key,
    /// The version that the record must have; `None` if it must not exist.
    pub expected: Option<Version>,
    /// The new record; `None` removes it.
    pub record: Option<Record>,
}

/// A query for records of one kind in the order of their keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListQuery {
    /// The kind of the records.
    pub kind: RecordKind,
    /// The key after which the list starts, in the order of the query.
    pub after: Option<Key>,
    /// `true` lists the greatest key first.
    pub descending: bool,
    /// The most records to return.
    pub limit: usize,
}

impl ListQuery {
    /// Returns a query for the first `limit` records of a kind, least key first.
    pub fn new(kind: RecordKind, limit: usize) -> Self {
        Self { kind, after: None, descending: false, limit }
    }

    /// Starts after this key, in the order of the query.
    #[must_use]
    pub fn after(mut self, key: Option<Key>) -> Self {
        self.after = key;
        self
    }

    /// Lists the greatest key first.
    #[must_use]
    pub fn descending(mut self) -> Self {
        self.descending = true;
        self
    }
}

/// Returns `true` if two changes of a commit name the same key. A store refuses such a commit with
/// [`StoreError::Conflict`].
pub fn has_duplicate_keys(writes: &[Write]) -> bool {
    let mut seen = HashSet::with_capacity(writes.len());
    !writes.iter().all(|it| seen.insert(&it.key))
}

/// Keeps records. A store makes no decisions: the core computes the new record, and the store writes it if the
/// versions still match.
///
/// # Contract
///
/// * **All or nothing.** A commit writes every change or none, even if its future is dropped. No load and no
///   list returns a part of it.
/// * **Versions.** A commit whose `expected` differs for any key fails with [`StoreError::Conflict`].
/// * **Each key once.** A commit that names a key twice ([`has_duplicate_keys`]) fails in the same way, because
///   the second change was not computed from the result of the first.
/// * **Durable.** An acknowledged commit of a durable store survives a crash of the process. Opening a store that one
///   process owns releases the leases of the process before ([`Record::abandoned`]).
/// * **Indexed.** The same commit updates a record and its index entry, which is [`Record::due`].
/// * **Keys are bytes.** [`Key::to_bytes`] distinguishes and orders keys, without case folding or trimming.
///
/// Run the kit in `rungs::testkit::store` against your implementation to check all six.
///
/// # Stores that several processes share
///
/// A store that several processes open at once returns `true` from [`Store::is_shared`], and must also guarantee:
///
/// * **Leases expire.** Opening the store releases no lease: its holder may be alive.
/// * **One clock.** A claim by [`ClaimClock::Store`](crate::core::record::ClaimClock) is carried out at the time that the
///   clock of the store shows ([`Claim::at`]), and [`Store::now`] returns that time. A process whose own clock is wrong
///   steals nothing.
/// * **Slots.** A claim takes only records in [`Claim::slots`], by [`Record::slot`], and at most
///   [`Claim::per_slot`] of each.
/// * **No lost update.** Concurrent calls of [`Store::apply`] for one record all succeed, one after another.
/// * **Wake-ups.** [`Store::changed`] resolves soon after another process wrote something to act on.
pub trait Store: fmt::Debug + Send + Sync {
    /// Loads the records with these keys, in the order of the keys.
    fn load(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Versioned>>, StoreError>>;

    /// Lists records of one kind.
    fn list(&self, list: ListQuery) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>>;

    /// Claims records that are due (`due <= claim.now`): replaces each record by the result of [`Record::claimed`] and
    /// returns that. Two claims never return the same lease.
    ///
    /// Jobs are taken in the order of [`JobIndex::pick`](crate::core::claims::JobIndex::pick), within the
    /// shares of their account and site. Other records are taken earliest first.
    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>>;

    /// Writes all changes or none.
    fn commit(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Loads the records with these keys, in the order of the keys, lets `decide` decide, and writes the result. If a
    /// record changed meanwhile, everything is done again; the last decision counts.
    ///
    /// A decision may also write keys that are not in `keys`, which are compared as in a commit. A write of a key
    /// that is in `keys` expects the version that the decision was given.
    ///
    /// The default tries again after a conflict. A store that can lock records does better to lock those with `keys`, in
    /// the order of their bytes: with many writers, those that are late wait instead of failing.
    ///
    /// Fails with [`StoreError::Conflict`] once `retries` are used up.
    fn apply<'a>(
        &'a self,
        keys: Vec<Key>,
        decide: Decide<'a>,
        retries: Retries<'a>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(until_no_conflict(self, keys, decide, retries))
    }

    /// Returns `true` if several processes may open the store at once. Defaults to `false`.
    fn is_shared(&self) -> bool {
        false
    }

    /// Resolves soon after another process wrote a record that wakes `queue` ([`Record::wakes`]). It is a hint: nothing is
    /// lost if it never resolves, which is the default, because the engine looks once a second.
    ///
    /// The engine has one task per queue that calls this again and again. A store may combine many wake-ups into one.
    fn changed(&self, queue: Queue) -> BoxFuture<'_, ()> {
        let _ = queue;
        Box::pin(std::future::pending())
    }

    /// Returns the time of the store's clock, which decides when leases begin and expire. `None`, the default, if the
    /// store has no clock: the engine's is used.
    fn now(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Returns the earliest time, not before `from`, at which a record of `queue` is due.
    fn due(
        &self,
        queue: Queue,
        from: Timestamp,
    ) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>>;

    /// Returns the store of bodies that belongs to this store, if there is one.
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

    fn due(
        &self,
        queue: Queue,
        from: Timestamp,
    ) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        (**self).due(queue, from)
    }

    fn apply<'a>(
        &'a self,
        keys: Vec<Key>,
        decide: Decide<'a>,
        retries: Retries<'a>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        (**self).apply(keys, decide, retries)
    }

    fn is_shared(&self) -> bool {
        (**self).is_shared()
    }

    fn changed(&self, queue: Queue) -> BoxFuture<'_, ()> {
        (**self).changed(queue)
    }

    fn now(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        (**self).now()
    }

    fn bodies(&self) -> Option<Arc<dyn Bodies>> {
        (**self).bodies()
    }
}

/// Keeps result bodies: large, written once, and removed with their batch.
///
/// # Contract
///
/// * A body that `put` acknowledged is as durable as the records of the store beside it: on disk once a later commit of
///   that store is acknowledged, and before a record that names it.
/// * `get` of an acknowledged body returns the same bytes until its batch is removed.
/// * `remove` of a batch without bodies succeeds, and a concurrent reader gets all of a body or nothing.
/// * `get` of a reference that `put` did not return fails or returns `None`, never another body.
pub trait Bodies: fmt::Debug + Send + Sync {
    /// Stores a body.
    fn put(&self, batch: BatchId, body: Vec<u8>) -> BoxFuture<'_, Result<BodyRef, StoreError>>;

    /// Stores a body that names `others`, bodies of the same batch that were put before. Fails if one of them was lost
    /// since, so that the caller puts all of them again.
    ///
    /// Defaults to [`Bodies::put`], which is right if a body is on disk when it is acknowledged.
    fn put_naming(
        &self,
        batch: BatchId,
        body: Vec<u8>,
        others: Vec<BodyRef>,
    ) -> BoxFuture<'_, Result<BodyRef, StoreError>> {
        drop(others);
        self.put(batch, body)
    }

    /// Returns a body, or `None` if its batch was removed.
    fn get(&self, body: BodyRef) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>>;

    /// Removes all bodies of a batch.
    fn remove(&self, batch: BatchId) -> BoxFuture<'_, Result<(), StoreError>>;
}

// Compile-time check: the engine holds both as `Arc<dyn ...>`.
const _: (Option<&dyn Store>, Option<&dyn Bodies>) = (None, None);
