//! A store that fails like a full disk while it is told to.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rungs::core::id::BatchId;
use rungs::core::job::BodyRef;
use rungs::core::record::{Claim, Key, Queue};
use rungs::core::time::Timestamp;
use rungs::ports::BoxFuture;
use rungs::ports::store::{Bodies, ListQuery, Store, StoreError, Versioned, Write};
use rungs::stores::Memory;

/// A memory store with switches. Clones share store and switches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failing {
    inner: Memory,
    switches: Arc<Switches>,
}

#[derive(Debug, Default)]
struct Switches {
    reads: AtomicBool,
    writes: AtomicBool,
}

fn full() -> StoreError {
    let source = Box::new(io::Error::from(io::ErrorKind::StorageFull));
    StoreError::Backend { store: "failing", source }
}

impl Failing {
    /// Makes every load and list fail, or none.
    pub(crate) fn fail_reads(&self, fail: bool) {
        self.switches.reads.store(fail, Ordering::SeqCst);
    }

    /// Makes every claim, commit and stored body fail, or none.
    pub(crate) fn fail_writes(&self, fail: bool) {
        self.switches.writes.store(fail, Ordering::SeqCst);
    }

    fn read<T>(&self) -> Option<Result<T, StoreError>> {
        self.switches.reads.load(Ordering::SeqCst).then(|| Err(full()))
    }

    fn write<T>(&self) -> Option<Result<T, StoreError>> {
        self.switches.writes.load(Ordering::SeqCst).then(|| Err(full()))
    }
}

fn or_else<'a, T: Send + 'a>(
    failed: Option<Result<T, StoreError>>,
    inner: impl FnOnce() -> BoxFuture<'a, Result<T, StoreError>>,
) -> BoxFuture<'a, Result<T, StoreError>> {
    match failed {
        Some(failed) => Box::pin(async move { failed }),
        None => inner(),
    }
}

impl Store for Failing {
    fn load(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Versioned>>, StoreError>> {
        or_else(self.read(), || self.inner.load(keys))
    }

    fn list(&self, list: ListQuery) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        or_else(self.read(), || self.inner.list(list))
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        or_else(self.write(), || self.inner.claim(claim))
    }

    fn commit(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>> {
        or_else(self.write(), || self.inner.commit(writes))
    }

    fn due(
        &self,
        queue: Queue,
        from: Timestamp,
    ) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        or_else(self.read(), || self.inner.due(queue, from))
    }

    fn bodies(&self) -> Option<Arc<dyn Bodies>> {
        Some(Arc::new(self.clone()))
    }
}

impl Bodies for Failing {
    fn put(&self, batch: BatchId, body: Vec<u8>) -> BoxFuture<'_, Result<BodyRef, StoreError>> {
        or_else(self.write(), || Bodies::put(&self.inner, batch, body))
    }

    fn get(&self, body: BodyRef) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        or_else(self.read(), || Bodies::get(&self.inner, body))
    }

    fn remove(&self, batch: BatchId) -> BoxFuture<'_, Result<(), StoreError>> {
        or_else(self.write(), || Bodies::remove(&self.inner, batch))
    }
}
