//! Bodies of one batch that arrive together share an object.
//!
//! A provider bills each request, and each takes tens of milliseconds. While one object of a batch is being written,
//! the bodies that arrive wait for it, and the next object contains all of them. A body that arrives alone is
//! written at once.
//!
//! # Invariants
//!
//! * An entry in `open` has a task that writes its bodies. The task removes the entry when it ends, however it ends.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::core::id::BatchId;
use crate::stores::objects::location::{Compressed, Location, ObjectName};
use crate::stores::objects::{Bucket, ObjectsError};

/// The size of a compressed body, in bytes, from which on it has an object of its own.
const LARGE_BYTES: usize = 256 << 10;
/// The size of the bodies that wait for the next object of a batch, in bytes, from which on others do not join them.
const MAX_WAITING_BYTES: usize = 4 << 20;
/// The number of bodies that wait for the next object of a batch, from which on others do not join them.
const MAX_WAITING: usize = 256;

/// A compressed body, and the caller that waits for its location.
#[derive(Debug)]
struct Waiting {
    compressed: Compressed,
    stored: oneshot::Sender<Result<Location, ObjectsError>>,
}

/// The bodies that wait for the next object of their batch.
#[derive(Debug, Default)]
struct Queue {
    bodies: Vec<Waiting>,
    bytes: usize,
}

/// The batches with an object that is being written.
#[derive(Debug, Default)]
pub(super) struct Packs {
    open: Mutex<HashMap<BatchId, Queue>>,
}

/// The place of a body that wants to share an object.
enum Joined {
    /// Nothing of its batch is being written: the caller starts the task that writes it.
    First,
    /// The body waits for the next object.
    Waits,
    /// Enough bodies wait already.
    Full(Waiting),
}

impl Packs {
    fn lock(&self) -> MutexGuard<'_, HashMap<BatchId, Queue>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self, batch: BatchId, waiting: Waiting) -> Joined {
        let mut open = self.lock();
        let is_first = !open.contains_key(&batch);
        let queue = open.entry(batch).or_default();
        if queue.bytes >= MAX_WAITING_BYTES || queue.bodies.len() >= MAX_WAITING {
            return Joined::Full(waiting);
        }
        queue.bytes += waiting.compressed.bytes.len();
        queue.bodies.push(waiting);
        if is_first { Joined::First } else { Joined::Waits }
    }

    /// Returns the bodies of the next object. If there are none, the batch's entry is removed.
    fn next(&self, batch: BatchId) -> Option<Vec<Waiting>> {
        let mut open = self.lock();
        let queue = open.get_mut(&batch).map(std::mem::take).unwrap_or_default();
        if queue.bodies.is_empty() {
            open.remove(&batch);
            return None;
        }
        Some(queue.bodies)
    }
}

/// The task that writes the bodies of one batch. If it panics, or ends with its runtime, the bodies that still wait
/// fail, and the next one starts a new task.
struct Writer {
    bucket: Arc<Bucket>,
    batch: BatchId,
    is_done: bool,
}

impl Writer {
    async fn run(mut self) {
        while let Some(bodies) = self.bucket.packs.next(self.batch) {
            self.bucket.store_together(self.batch, bodies).await;
        }
        self.is_done = true;
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The entry of a task that is done may be that of another task by now.
        if !self.is_done {
            self.bucket.packs.lock().remove(&self.batch);
        }
    }
}

impl Bucket {
    /// Stores a compressed body, alone or together with others of its batch.
    pub(super) async fn store(
        self: &Arc<Self>,
        batch: BatchId,
        compressed: Compressed,
    ) -> Result<Location, ObjectsError> {
        if compressed.bytes.len() >= LARGE_BYTES {
            return self.store_alone(batch, compressed).await;
        }
        let (stored, receiver) = oneshot::channel();
        match self.packs.join(batch, Waiting { compressed, stored }) {
            Joined::First => {
                let writer = Writer { bucket: Arc::clone(self), batch, is_done: false };
                tokio::spawn(writer.run());
            }
            Joined::Waits => {}
            Joined::Full(waiting) => return self.store_alone(batch, waiting.compressed).await,
        }
        receiver.await.unwrap_or_else(|_| Err(self.interrupted()))
    }

    async fn store_alone(
        &self,
        batch: BatchId,
        compressed: Compressed,
    ) -> Result<Location, ObjectsError> {
        let object = self.next_name();
        let location = located(batch, object, 0, &compressed).ok_or_else(|| self.too_large())?;
        let compressed = Bytes::from(compressed.bytes);
        self.put_object(batch, object, compressed.clone()).await?;
        self.recent.add(location.clone(), compressed);
        Ok(location)
    }

    async fn store_together(&self, batch: BatchId, mut bodies: Vec<Waiting>) {
        // A caller that went away has no use for its body.
        bodies.retain(|it| !it.stored.is_closed());
        let object = self.next_name();
        let mut bytes = Vec::with_capacity(bodies.iter().map(|it| it.compressed.bytes.len()).sum());
        let mut parts = Vec::with_capacity(bodies.len());
        for Waiting { compressed, stored } in bodies {
            let location = located(batch, object, bytes.len() as u64, &compressed);
            parts.push((stored, location, bytes.len()..bytes.len() + compressed.bytes.len()));
            bytes.extend_from_slice(&compressed.bytes);
        }
        if bytes.is_empty() {
            return;
        }
        let bytes = Bytes::from(bytes);
        let written = self.put_object(batch, object, bytes.clone()).await;
        for (stored, location, range) in parts {
            let location = written.clone().and(location.ok_or_else(|| self.too_large()));
            if let Ok(location) = &location {
                self.recent.add(location.clone(), bytes.slice(range));
            }
            let _ = stored.send(location);
        }
    }

    pub(super) fn next_name(&self) -> ObjectName {
        let number = self.objects_put.fetch_add(1, Ordering::Relaxed);
        ObjectName { writer: self.writer, number }
    }
}

fn located(
    batch: BatchId,
    object: ObjectName,
    offset: u64,
    compressed: &Compressed,
) -> Option<Location> {
    let length = u32::try_from(compressed.bytes.len()).ok()?;
    Some(Location { batch, object, offset, length, sum: compressed.sum })
}
