//! The embedded store that is one log: records and result bodies are appended to the same files.
//!
//! # Files
//!
//! ```text
//! rungs-journal        format and id of the store; created last
//! lock                 locked by the process that has the store open
//! acknowledged         end of what was acknowledged, and the first segment in use
//! spare                space that is given up when the disk is full
//! 0000000001.log ...   segments: a header and frames
//! 0000000001.index ... checkpoints of full segments
//! ```
//!
//! The formats are described where they are written: segments in `segment.rs`, frames in `frame.rs`, checkpoints in
//! `checkpoint.rs`, the acknowledged position in `mark.rs`. A record in a frame has the format of [`codec`](crate::stores::codec). Each file
//! begins with its format or magic number; a later release reads earlier formats, and an earlier one refuses later
//! formats.
//!
//! # Invariants
//!
//! * One frame is one commit: a crash leaves all of it or nothing.
//! * Nothing is acknowledged before it is synced, except bodies: they are written at once and synced by the next commit,
//!   which comes after them in the log.
//! * No damage before the acknowledged position is ignored silently. Opening a store reads every frame of its
//!   last segment and checks the lengths of the others; a record or body is checked when it is read.
//! * The only unfinished frames are at the end of the last segment, where zeros may follow that were written in advance.
//!
//! # Memory
//!
//! The index keeps the key and the place of each record and body, about 50 bytes for a finished page. Records and bodies
//! are read from the files, which the system caches.

mod bodies;
mod checkpoint;
mod clean;
mod compact;
mod file;
mod frame;
mod index;
mod mark;
mod open;
mod replay;
mod scan;
mod segment;
mod shared;
mod spare_file;
mod state;
#[cfg(test)]
mod tests;
mod thread;

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use crate::core::record::{Claim, Key, Queue};
use crate::core::time::Timestamp;
use crate::ports::BoxFuture;
use crate::ports::store::{
    Bodies, ListQuery, Store, StoreError, Versioned, Write, has_duplicate_keys,
};
use crate::stores::compress::BodyCodec;
use crate::stores::opening::now;
use crate::stores::space::DiskSpace;
use crate::stores::{blocking, blocking_if_long};

use frame::HEAD;
use index::Span;
use replay::read_value;
use segment::{Position, Segment};
use shared::{Shared, synced};
use spare_file::SpareFile;
use state::{Commit, MAX_PENDING, State};

const STORE: &str = "journal";
/// The most records that are read on an async thread.
const READ_AT_ONCE: usize = 64;
/// The bytes at which a segment is full, at least; less on small disks.
const SEGMENT_BYTES: u64 = 64 << 20;
const MIN_SEGMENT_BYTES: u64 = 1 << 20;
/// A segment is full at this part of the disk.
const SEGMENTS_PER_DISK: u64 = 64;

fn damaged(what: impl Into<String>) -> StoreError {
    StoreError::Damaged { store: STORE, what: what.into() }
}

/// Returns the error for a piece of the log that fails its check.
fn changed(span: Span) -> StoreError {
    damaged(format!("segment {} at {} is not what was written", span.segment, span.offset))
}

fn failed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Backend { store: STORE, source: source.into() }
}

/// A store on disk: one append-only log of records and result bodies.
///
/// ```
/// use rungs::stores::Journal;
///
/// # let dir = std::env::temp_dir().join(format!("rungs-journal-doc-{}", std::process::id()));
/// let store = Journal::open(&dir)?;
///
/// let clone = store.clone(); // shares the open store
/// drop((store, clone)); // releases the directory
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), rungs::Error>(())
/// ```
///
/// A commit is one append, and it is on disk before it is acknowledged. Commits that arrive while a sync runs share the
/// next one. Only the index is in memory: about 50 bytes for a finished page.
///
/// Only one process can open a directory at a time. Clones share the open store, and dropping the last one releases
/// the directory.
///
/// # Size
///
/// Expired records and bodies stay in the log until the segment that contains them is removed. The oldest segment is
/// removed when nothing in it is live, or when more than half of the log and more than 128 MiB are dead; then its live
/// records are copied first.
///
/// # Full disk
///
/// An eighth of the disk, between 1 and 32 MiB, is kept free: a write that would need it is refused before it begins.
/// Reads still work, and writes work again as soon as there is room; nothing has to be restarted. If a write or a sync fails
/// nevertheless, reads fail too until the store has read its log again, which it tries with the next call at least a
/// second later. What was not acknowledged is then dropped.
#[derive(Clone)]
pub struct Journal {
    handle: Arc<Handle>,
}

/// The threads of an open store, which end with it.
struct Handle {
    shared: Arc<Shared>,
    codec: BodyCodec,
    writer: Option<JoinHandle<()>>,
    cleaner: Option<JoinHandle<()>>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("dir", &self.handle.shared.dir).finish_non_exhaustive()
    }
}

impl Journal {
    /// Opens the store in `dir`, creating it if it is missing.
    ///
    /// Blocks while the log is read: the checkpoints of full segments, the last segment, and the unfinished jobs. If
    /// another process has the store open, waits up to 3 s for its lock, because a killed process may hold it for a
    /// moment. Releases the leases of the previous process.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`] if another process keeps the store open, [`StoreError::Damaged`] if the data cannot be
    /// read, acknowledged commits are missing or a directory without a store contains files with the names of one,
    /// [`StoreError::Backend`] if the disk fails.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with(dir, now())
    }

    /// Opens the store like [`Journal::open`]. Leases of the previous process are released at `now`.
    ///
    /// # Errors
    ///
    /// As [`Journal::open`].
    pub fn open_with(dir: impl AsRef<Path>, now: Timestamp) -> Result<Self, StoreError> {
        let dir = dir.as_ref();
        let parent = dir.ancestors().find(|it| it.is_dir()).unwrap_or(dir);
        let disk = fs2::total_space(parent).unwrap_or(u64::MAX);
        let most = (disk / SEGMENTS_PER_DISK).clamp(MIN_SEGMENT_BYTES, SEGMENT_BYTES);
        Self::open_sized(dir, now, most)
    }

    /// Opens the store like [`Journal::open_with`], with segments that are full at `segment_bytes`.
    #[doc(hidden)]
    pub fn open_sized(
        dir: impl AsRef<Path>,
        now: Timestamp,
        segment_bytes: u64,
    ) -> Result<Self, StoreError> {
        let dir = dir.as_ref();
        let (state, lock) = open::open(dir, now, segment_bytes)?;
        let (clean, signals) = sync_channel(1);
        let shared = Arc::new(Shared {
            dir: dir.to_owned(),
            next_body: AtomicU64::new(state.index.next_body),
            state: Mutex::new(state),
            wake: Condvar::new(),
            space: DiskSpace::new(dir.to_owned()),
            spare_file: SpareFile::new(dir, segment_bytes),
            segment_bytes,
            clean,
            is_stopping: AtomicBool::new(false),
            is_closing: AtomicBool::new(false),
            _lock: lock,
        });
        let codec = BodyCodec::default();
        let (mut handle, cleaning) = (
            Handle { shared: Arc::clone(&shared), codec, writer: None, cleaner: None },
            Arc::clone(&shared),
        );
        let named = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let writing = Arc::clone(&shared);
        let writer = named("rungs-journal").spawn(move || thread::run(&writing)).map_err(failed)?;
        handle.writer = Some(writer);
        let cleaner = named("rungs-journal-cleaner");
        let cleaner = cleaner.spawn(move || clean::run(&cleaning, &signals)).map_err(failed)?;
        handle.cleaner = Some(cleaner);
        // What the last process left to do.
        let _ = shared.clean.try_send(());
        Ok(Self { handle: Arc::new(handle) })
    }

    /// Returns the size of all segments in bytes, without the zeros written ahead.
    #[doc(hidden)]
    pub fn log_bytes(&self) -> u64 {
        self.handle.shared.lock().total_bytes()
    }

    /// Runs `work` on the log, and returns its value once everything up to the position that it returns is on disk.
    async fn on_state<T: Send>(
        &self,
        work: impl FnOnce(&mut State) -> Result<(T, Position), StoreError> + Send,
    ) -> Result<T, StoreError> {
        self.on_state_with_room(usize::MAX, work).await
    }

    /// Runs `work` like [`Journal::on_state`], once at most `most_waiting` bytes wait to be written.
    async fn on_state_with_room<T: Send>(
        &self,
        most_waiting: usize,
        work: impl FnOnce(&mut State) -> Result<(T, Position), StoreError> + Send,
    ) -> Result<T, StoreError> {
        let shared = &self.handle.shared;
        let (value, receiver) = loop {
            let has_room = {
                let mut state = shared.lock();
                if state.failed.is_some() {
                    None
                } else if state.waiting_bytes() > most_waiting {
                    let end = state.end_position();
                    state.wait_for(end)
                } else {
                    let worked = work(&mut state);
                    if state.must_roll {
                        shared.wake.notify_one();
                    }
                    let (value, position) = worked?;
                    break (value, state.wait_for(position));
                }
            };
            if let Some(receiver) = has_room {
                shared.wake.notify_one();
                synced(receiver.await)?;
            } else {
                // What a failed write left in memory makes room only once the log is read again.
                let shared = Arc::clone(shared);
                blocking(STORE, move || shared.recover()).await?;
            }
        };
        if let Some(receiver) = receiver {
            shared.wake.notify_one();
            synced(receiver.await)?;
        }
        Ok(value)
    }

    /// Reads and decodes records that are on disk, many of them on a blocking thread.
    async fn values(
        &self,
        found: Vec<Option<(Arc<Segment>, Span)>>,
    ) -> Result<Vec<Option<Versioned>>, StoreError> {
        let are_many = found.len() > READ_AT_ONCE;
        let read = move || {
            let read = found.into_iter();
            read.map(|it| it.map(|(segment, span)| read_value(&segment, span)).transpose())
                .collect()
        };
        blocking_if_long(are_many, STORE, read).await
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // The cleaner first: it waits for the writer.
        self.shared.is_stopping.store(true, Ordering::Release);
        let _ = self.shared.clean.try_send(());
        if let Some(cleaner) = self.cleaner.take() {
            let _ = cleaner.join();
        }
        {
            // Under the lock, so that the writer does not miss it between its check and its sleep.
            let _state = self.shared.lock();
            self.shared.is_closing.store(true, Ordering::Release);
        }
        self.shared.wake.notify_all();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// Encodes the writes of a commit.
fn encoded(writes: &[Write]) -> Result<Commit, StoreError> {
    let mut commit = Commit::with_capacity(writes.len());
    for write in writes {
        let version = write.expected.map_or(1, |it| it.saturating_add(1));
        commit.push(&write.key.to_bytes(), version, write.record.as_ref())?;
    }
    Ok(commit)
}

/// Returns `true` if every record has the version that its write expects.
fn fits(state: &State, commit: &Commit, writes: &[Write]) -> bool {
    let mut both = commit.keys().zip(writes);
    both.all(|(key, write)| state.index.get(key).map(|it| it.version) == write.expected)
}

fn commit(
    shared: &Shared,
    state: &mut State,
    commit: &Commit,
    writes: &[Write],
) -> Result<(bool, Position), StoreError> {
    // The other commit may itself be undone by a failed sync, so a conflict waits for it, too.
    if !fits(state, commit, writes) {
        return Ok((false, state.dirty));
    }
    if writes.is_empty() {
        return Ok((true, state.dirty));
    }
    bodies::check_named(state, writes)?;
    // Removals are not refused on a full disk: this is how space becomes free.
    if writes.iter().any(|it| it.record.is_some()) {
        shared.reserve(state, HEAD + commit.payload.len())?;
    } else {
        // If there is none, the write itself fails.
        let _ = shared.make_room(state, (HEAD + commit.payload.len()) as u64);
    }
    let position = state.commit(commit)?;
    for write in writes {
        match (&write.key, &write.record) {
            (_, Some(record)) => state.index.jobs.put(record),
            (Key::Job(id), None) => state.index.jobs.remove(*id),
            _ => {}
        }
    }
    Ok((true, position))
}

fn claim(
    shared: &Shared,
    state: &mut State,
    claim: &Claim,
) -> Result<(Vec<Versioned>, Position), StoreError> {
    let picked = state.index.picked(claim);
    let mut taken = Vec::with_capacity(picked.len());
    let mut commit = Commit::with_capacity(picked.len());
    for key in picked {
        let Some(entry) = state.index.get(&key) else { continue };
        let found = replay::decode_value(&state.bytes(entry.span)?, entry.span)?;
        let Some(record) = found.record.claimed(claim) else {
            taken.push(found);
            continue;
        };
        let version = found.version + 1;
        commit.push(&key, version, Some(&record))?;
        taken.push(Versioned { version, record });
    }
    if commit.writes.is_empty() {
        return Ok((taken, state.dirty));
    }
    shared.reserve(state, HEAD + commit.payload.len())?;
    let position = state.commit(&commit)?;
    for claimed in &taken {
        state.index.jobs.put(&claimed.record);
    }
    Ok((taken, position))
}

impl Store for Journal {
    fn load(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Versioned>>, StoreError>> {
        Box::pin(async move {
            let find = |state: &mut State| {
                let located = keys.iter().map(|key| {
                    let entry = state.index.get(&key.to_bytes());
                    entry.map(|it| Ok((state.segment(it.span)?, it.span))).transpose()
                });
                Ok((located.collect::<Result<Vec<_>, StoreError>>()?, state.dirty))
            };
            let found = self.on_state(find).await?;
            self.values(found).await
        })
    }

    fn list(&self, list: ListQuery) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        Box::pin(async move {
            let find = |state: &mut State| {
                let entries = state.index.list(&list).into_iter();
                let located = entries.map(|it| Ok(Some((state.segment(it.span)?, it.span))));
                Ok((located.collect::<Result<Vec<_>, StoreError>>()?, state.dirty))
            };
            let found = self.on_state(find).await?;
            Ok(self.values(found).await?.into_iter().flatten().collect())
        })
    }

    fn claim(&self, queried: Claim) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        Box::pin(async move {
            let shared = &self.handle.shared;
            self.on_state(|state| claim(shared, state, &queried)).await
        })
    }

    fn commit(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            if has_duplicate_keys(&writes) {
                return Err(StoreError::Conflict);
            }
            let encoded = encoded(&writes)?;
            let shared = &self.handle.shared;
            let write = |state: &mut State| commit(shared, state, &encoded, &writes);
            let is_written = self.on_state_with_room(MAX_PENDING, write).await?;
            if is_written { Ok(()) } else { Err(StoreError::Conflict) }
        })
    }

    fn due(
        &self,
        queue: Queue,
        from: Timestamp,
    ) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(self.on_state(move |state| Ok((state.index.due(queue, from), state.dirty))))
    }

    fn bodies(&self) -> Option<Arc<dyn Bodies>> {
        Some(Arc::new(self.clone()))
    }
}
