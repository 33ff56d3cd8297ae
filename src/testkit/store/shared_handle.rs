//! A store of one process that behaves like one that several processes share.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;

use crate::core::id::BatchId;
use crate::core::job::BodyRef;
use crate::core::record::{Claim, Key, Queue, Record};
use crate::core::time::{Timestamp, millis};
use crate::ports::BoxFuture;
use crate::ports::clock::Clock;
use crate::ports::store::{Bodies, ListQuery, Store, StoreError, Versioned, Write};

/// A handle on a store that has several, each as if it were opened by a process of its own.
///
/// Use it to test several engines on one store. [`SharedHandle::open`] returns another handle, and
/// [`SharedHandle::cut`] takes the connection of one away. A clone is the same handle.
///
/// The store below must honor slots, as [`Memory`](crate::stores::Memory) does.
///
/// ```
/// use rungs::ports::store::Store;
/// use rungs::stores::Memory;
/// use rungs::testkit::store::SharedHandle;
///
/// let here = SharedHandle::new(Memory::new());
/// let there = here.open();
///
/// there.cut();
/// assert!(here.is_shared() && there.is_shared());
/// ```
#[derive(Clone)]
pub struct SharedHandle {
    store: Arc<dyn Store>,
    clock: Option<Arc<dyn Clock>>,
    handles: Arc<Mutex<Vec<Arc<Handle>>>>,
    own: Arc<Handle>,
}

/// The state of one handle.
#[derive(Debug, Default)]
struct Handle {
    is_cut: AtomicBool,
    /// The wake-ups by other handles, one per queue.
    changed: [Notify; Queue::ALL.len()],
}

impl Handle {
    fn check(&self) -> Result<(), StoreError> {
        if self.is_cut.load(Ordering::SeqCst) {
            let source = Box::from("the connection was cut");
            return Err(StoreError::Unavailable { store: "shared", source });
        }
        Ok(())
    }
}

impl fmt::Debug for SharedHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedHandle").field("handle", &self.own).finish_non_exhaustive()
    }
}

impl SharedHandle {
    /// Returns the first handle on a store. The clock of the store is that of the machine.
    pub fn new(store: impl Store + 'static) -> Self {
        let own = Arc::<Handle>::default();
        let handles = Arc::new(Mutex::new(vec![Arc::clone(&own)]));
        Self { store: Arc::new(store), clock: None, handles, own }
    }

    /// Sets the clock of the store, for handles that are opened later too.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Returns another handle on the same store.
    #[must_use]
    pub fn open(&self) -> Self {
        let own = Arc::<Handle>::default();
        self.handles().push(Arc::clone(&own));
        Self { own, ..self.clone() }
    }

    /// Cuts the connection of this handle: its calls fail with [`StoreError::Unavailable`] until it is restored.
    pub fn cut(&self) {
        self.own.is_cut.store(true, Ordering::SeqCst);
    }

    /// Restores the connection of this handle.
    pub fn restore(&self) {
        self.own.is_cut.store(false, Ordering::SeqCst);
    }

    fn handles(&self) -> MutexGuard<'_, Vec<Arc<Handle>>> {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn time(&self) -> Timestamp {
        if let Some(clock) = &self.clock {
            return clock.now();
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(millis(since))
    }

    /// Wakes the other handles for what these records wake.
    fn wake<'a>(&self, records: impl Iterator<Item = &'a Record>) {
        let now = self.time();
        let mut wakes = [false; Queue::ALL.len()];
        for queue in records.filter_map(|it| it.wakes(now)) {
            wakes[place(queue)] = true;
        }
        for handle in self.handles().iter().filter(|it| !Arc::ptr_eq(it, &self.own)) {
            let woken = handle.changed.iter().zip(wakes).filter(|(_, wakes)| *wakes);
            woken.for_each(|(changed, _)| changed.notify_one());
        }
    }
}

fn place(queue: Queue) -> usize {
    match queue {
        Queue::Jobs => 0,
        Queue::Notifications => 1,
        Queue::Expiry => 2,
        Queue::Crawls => 3,
    }
}

impl Store for SharedHandle {
    fn load(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Versioned>>, StoreError>> {
        Box::pin(async move {
            self.own.check()?;
            self.store.load(keys).await
        })
    }

    fn list(&self, list: ListQuery) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        Box::pin(async move {
            self.own.check()?;
            self.store.list(list).await
        })
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        Box::pin(async move {
            self.own.check()?;
            self.store.claim(claim.at(self.time())).await
        })
    }

    fn commit(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.own.check()?;
            self.store.commit(writes.clone()).await?;
            self.wake(writes.iter().filter_map(|it| it.record.as_ref()));
            Ok(())
        })
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn changed(&self, queue: Queue) -> BoxFuture<'_, ()> {
        Box::pin(self.own.changed[place(queue)].notified())
    }

    fn now(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(async move {
            self.own.check()?;
            Ok(Some(self.time()))
        })
    }

    fn due(
        &self,
        queue: Queue,
        from: Timestamp,
    ) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(async move {
            self.own.check()?;
            self.store.due(queue, from).await
        })
    }

    fn bodies(&self) -> Option<Arc<dyn Bodies>> {
        let bodies = self.store.bodies()?;
        Some(Arc::new(SharedBodies { bodies, own: Arc::clone(&self.own) }))
    }
}

/// The bodies of a store as one handle reaches them.
#[derive(Debug)]
struct SharedBodies {
    bodies: Arc<dyn Bodies>,
    own: Arc<Handle>,
}

impl Bodies for SharedBodies {
    fn put(&self, batch: BatchId, body: Vec<u8>) -> BoxFuture<'_, Result<BodyRef, StoreError>> {
        Box::pin(async move {
            self.own.check()?;
            self.bodies.put(batch, body).await
        })
    }

    fn put_naming(
        &self,
        batch: BatchId,
        body: Vec<u8>,
        others: Vec<BodyRef>,
    ) -> BoxFuture<'_, Result<BodyRef, StoreError>> {
        Box::pin(async move {
            self.own.check()?;
            self.bodies.put_naming(batch, body, others).await
        })
    }

    fn get(&self, body: BodyRef) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        Box::pin(async move {
            self.own.check()?;
            self.bodies.get(body).await
        })
    }

    fn remove(&self, batch: BatchId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.own.check()?;
            self.bodies.remove(batch).await
        })
    }
}
