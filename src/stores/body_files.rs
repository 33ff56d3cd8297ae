//! Result bodies on disk: one append-only file per batch, which is removed with the batch.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use crate::core::id::BatchId;
use crate::core::job::{BodyRef, Outcome};
use crate::core::record::Record;
use crate::ports::BoxFuture;
use crate::ports::store::{self, Bodies, StoreError};
use crate::stores::compress::BodyCodec;
use crate::stores::flush::SharedFlush;
use crate::stores::space::DiskSpace;
use crate::stores::{blocking, check_in_place, sync_ancestors, sync_dir};

const STORE: &str = "bodies";
const MAGIC: [u8; 4] = *b"rgp1";
/// The bytes of a frame's header: magic, length of the compressed body, first 8 bytes of its SHA-256.
const HEAD: usize = 16;
/// The most files kept open for appending.
const MAX_OPEN: usize = 64;
/// The size of a body, in bytes, up to which [`CoveredBodies`] leaves the sync to the next commit.
const COVERED_BYTES: usize = 65_536;

/// Keeps bodies in files, one per batch, compressed and checksummed.
///
/// A body is on disk before `put` returns; bodies of one batch that arrive together share an fsync.
/// A tail torn by a crash stays in place: later bodies are appended after it, and each
/// [`BodyRef`] contains the offset of its body.
#[derive(Clone, Debug)]
pub struct BodyFiles {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    open: Mutex<Open>,
    space: DiskSpace,
    codec: BodyCodec,
    unsynced: Mutex<Unsynced>,
}

/// The bodies that were put and are not on disk.
#[derive(Debug, Default)]
struct Unsynced {
    /// The files to sync before the next commit.
    files: HashMap<BatchId, Arc<BodyFile>>,
    /// The parts of files whose sync failed: nothing is known of the bodies in them.
    lost: HashMap<BatchId, Range<u64>>,
}

#[derive(Debug, Default)]
struct Open {
    files: HashMap<BatchId, (u64, Arc<BodyFile>)>,
    uses: u64,
}

/// # Invariants
///
/// A batch has at most one open file, whose `file` lock orders all appends.
#[derive(Debug)]
struct BodyFile {
    file: Mutex<File>,
    flush: SharedFlush,
    synced: File,
    /// `false` until the directory was synced after the file was opened: the process that created it may have been killed
    /// before that.
    is_in_directory: AtomicBool,
    /// `true` once its batch was removed: nothing in it has to be kept.
    is_removed: AtomicBool,
    /// The length of the file, and the part of it that is on disk.
    length: AtomicU64,
    synced_length: AtomicU64,
}

impl BodyFiles {
    /// Opens the directory, creating it if it is missing.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let dir = dir.into();
        // Also for a directory that exists: the process that created it may have been killed before it synced.
        fs::create_dir_all(&dir).and_then(|()| sync_ancestors(&dir)).map_err(failed)?;
        let space = DiskSpace::new(dir.clone());
        let (open, codec, unsynced) = Default::default();
        Ok(Self { shared: Arc::new(Shared { dir, open, space, codec, unsynced }) })
    }

    /// Returns the same bodies for a store that calls [`BodyFiles::cover`] with every commit.
    pub(super) fn covered(&self) -> CoveredBodies {
        CoveredBodies(self.clone())
    }

    /// Syncs the bodies that were put so far, before records name them.
    ///
    /// # Errors
    ///
    /// [`StoreError::Backend`] if the sync fails, or if an earlier one did and a record names a body that was lost.
    pub(super) fn cover(&self, writes: &[store::Write]) -> Result<(), StoreError> {
        self.shared.sync()?;
        let unsynced = locked(&self.shared.unsynced);
        if unsynced.lost.is_empty() {
            return Ok(());
        }
        let is_lost = |body: &BodyRef| {
            let location = BodyLocation::parse(&body.0);
            location.is_some_and(|it| {
                unsynced.lost.get(&it.batch).is_some_and(|lost| lost.contains(&it.offset))
            })
        };
        let names_lost = |write: &store::Write| match &write.record {
            Some(Record::Job(job)) => match &job.outcome {
                Some(Outcome::Succeeded { body, .. }) => is_lost(body),
                _ => false,
            },
            _ => false,
        };
        if writes.iter().any(names_lost) {
            let what = "a result was lost by a failed write: its page has to be fetched again";
            return Err(failed(io::Error::other(what)));
        }
        Ok(())
    }
}

fn failed(source: io::Error) -> StoreError {
    StoreError::Backend { store: STORE, source: Box::new(source) }
}

fn damaged(what: impl Into<String>) -> StoreError {
    StoreError::Damaged { store: STORE, what: what.into() }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn path(&self, batch: BatchId) -> PathBuf {
        self.dir.join(format!("{batch}.pack"))
    }

    fn file(&self, batch: BatchId) -> io::Result<Arc<BodyFile>> {
        let mut open = locked(&self.open);
        open.uses += 1;
        let now = open.uses;
        // After a failed flush nothing more is acknowledged through a handle: the next one starts anew.
        let is_failed = |it: &Arc<BodyFile>| it.flush.has_failed() && Arc::strong_count(it) == 1;
        if open.files.get(&batch).is_some_and(|(_, it)| is_failed(it)) {
            open.files.remove(&batch);
        }
        if let Some((used, file)) = open.files.get_mut(&batch) {
            *used = now;
            return Ok(Arc::clone(file));
        }
        if open.files.len() >= MAX_OPEN {
            // Only a file that no task appends to: a second handle would break the order of appends.
            let idle = open.files.iter().filter(|(_, (_, it))| Arc::strong_count(it) == 1);
            if let Some(oldest) = idle.min_by_key(|(_, (used, _))| *used).map(|(id, _)| *id) {
                open.files.remove(&oldest);
            }
        }
        let path = self.path(batch);
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let synced = file.try_clone()?;
        let length = file.metadata()?.len();
        let body_file = Arc::new(BodyFile {
            file: Mutex::new(file),
            flush: SharedFlush::default(),
            synced,
            is_in_directory: AtomicBool::new(false),
            is_removed: AtomicBool::new(false),
            length: AtomicU64::new(length),
            synced_length: AtomicU64::new(length),
        });
        open.files.insert(batch, (now, Arc::clone(&body_file)));
        Ok(body_file)
    }

    /// Appends a body to its file. It is on disk once the file's flush covers the ticket.
    fn append(&self, batch: BatchId, body: &[u8]) -> Result<Appended, StoreError> {
        let compressed = self.codec.compress(body).map_err(failed)?;
        let length = u32::try_from(compressed.len()).map_err(|_| {
            failed(io::Error::other("a body exceeds 4 GiB: lower `max_response_bytes`"))
        })?;
        let sum = checksum(&compressed);
        let mut frame = Vec::with_capacity(HEAD + compressed.len());
        frame.extend(MAGIC);
        frame.extend(length.to_be_bytes());
        frame.extend(sum);
        frame.extend(compressed);

        self.space.reserve(frame.len() as u64).map_err(failed)?;
        let body_file = self.file(batch).map_err(failed)?;
        let offset = body_file.append(&frame).map_err(failed)?;
        let ticket = body_file.flush.ticket();
        let body = BodyRef(format!("{batch}:{offset}:{length}:{:016x}", u64::from_be_bytes(sum)));
        Ok(Appended { body, file: body_file, ticket })
    }

    /// Stores a body durably.
    fn put(&self, batch: BatchId, body: &[u8]) -> Result<BodyRef, StoreError> {
        let Appended { body, file, ticket } = self.append(batch, body)?;
        self.flush(batch, &file, ticket).map_err(failed)?;
        Ok(body)
    }

    /// Stores a body that is on disk after the next [`Shared::sync`].
    fn put_unsynced(&self, batch: BatchId, body: &[u8]) -> Result<BodyRef, StoreError> {
        let Appended { body, file, .. } = self.append(batch, body)?;
        locked(&self.unsynced).files.insert(batch, file);
        Ok(body)
    }

    fn flush(&self, batch: BatchId, file: &BodyFile, ticket: u64) -> io::Result<()> {
        file.flush.wait(ticket, |_| match self.sync_file(batch, file) {
            // It was removed with its batch while the sync ran: a commit of other batches must not fail for it.
            Err(_) if file.is_removed.load(Ordering::Acquire) => Ok(()),
            synced => synced,
        })
    }

    fn sync_file(&self, batch: BatchId, file: &BodyFile) -> io::Result<()> {
        let length = file.length.load(Ordering::Acquire);
        file.synced.sync_data()?;
        if !file.is_in_directory.load(Ordering::Acquire) {
            sync_dir(&self.dir)?;
            file.is_in_directory.store(true, Ordering::Release);
        }
        check_in_place(&file.synced, &self.path(batch))?;
        file.synced_length.store(length, Ordering::Release);
        Ok(())
    }

    /// Syncs the files with bodies that are not on disk.
    fn sync(&self) -> Result<(), StoreError> {
        let files = std::mem::take(&mut locked(&self.unsynced).files);
        let mut result = Ok(());
        for (batch, file) in files {
            let Err(error) = self.flush(batch, &file, file.flush.written()) else { continue };
            // What was appended since the last sync may be gone, and no later sync would notice.
            let from = file.synced_length.load(Ordering::Acquire);
            let to = file.length.load(Ordering::Acquire);
            let mut unsynced = locked(&self.unsynced);
            let lost = unsynced.lost.entry(batch).or_insert(from..to);
            *lost = lost.start.min(from)..lost.end.max(to);
            result = Err(failed(error));
        }
        result
    }

    fn get(&self, body: &BodyRef) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(location) = BodyLocation::parse(&body.0) else {
            return Err(damaged(format!("`{}` names no body", body.0)));
        };
        let path = self.path(location.batch);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Without the directory, no batch can be told to have no bodies.
                self.dir.metadata().map_err(failed)?;
                return Ok(None);
            }
            Err(error) => return Err(failed(error)),
        };
        let size = HEAD as u64 + u64::from(location.length);
        let end = file.metadata().map_err(failed)?.len();
        if location.offset.saturating_add(size) > end {
            return Err(damaged(format!("{} is too short", path.display())));
        }
        let mut frame = Vec::new();
        file.seek(SeekFrom::Start(location.offset)).map_err(failed)?;
        file.take(size).read_to_end(&mut frame).map_err(failed)?;
        let compressed = location.check(&frame).ok_or_else(|| {
            damaged(format!("{} at {} is not what was written", path.display(), location.offset))
        })?;
        self.codec.decompress(compressed).map(Some).map_err(|it| damaged(it.to_string()))
    }

    fn remove(&self, batch: BatchId) -> Result<(), StoreError> {
        if let Some((_, file)) = locked(&self.open).files.remove(&batch) {
            // Before the file is gone, so that a sync that misses it knows why.
            file.is_removed.store(true, Ordering::Release);
        }
        {
            let mut unsynced = locked(&self.unsynced);
            unsynced.files.remove(&batch);
            unsynced.lost.remove(&batch);
        }
        match fs::remove_file(self.path(batch)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        }
    }
}

/// A body that is in its file.
struct Appended {
    body: BodyRef,
    file: Arc<BodyFile>,
    ticket: u64,
}

impl BodyFile {
    /// Appends a frame and returns its offset.
    fn append(&self, frame: &[u8]) -> io::Result<u64> {
        let mut file = locked(&self.file);
        // Read each time: after a write that failed halfway, the end is not at the last known position.
        let offset = file.seek(SeekFrom::End(0))?;
        file.write_all(frame)?;
        self.length.store(offset + frame.len() as u64, Ordering::Release);
        Ok(offset)
    }
}

fn checksum(compressed: &[u8]) -> [u8; 8] {
    let digest: [u8; 32] = Sha256::digest(compressed).into();
    let mut sum = [0; 8];
    sum.copy_from_slice(&digest[..8]);
    sum
}

/// The parts of a [`BodyRef`].
#[derive(Debug)]
struct BodyLocation {
    batch: BatchId,
    offset: u64,
    length: u32,
    sum: [u8; 8],
}

impl BodyLocation {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let location = Self {
            batch: parts.next()?.parse().ok()?,
            offset: parts.next()?.parse().ok()?,
            length: parts.next()?.parse().ok()?,
            sum: u64::from_str_radix(parts.next()?, 16).ok()?.to_be_bytes(),
        };
        parts.next().is_none().then_some(location)
    }

    /// Returns the compressed body within `frame`, if it matches this reference.
    fn check<'a>(&self, frame: &'a [u8]) -> Option<&'a [u8]> {
        let (head, compressed) = frame.split_at_checked(HEAD)?;
        let same = head[..4] == MAGIC
            && head[4..8] == self.length.to_be_bytes()
            && head[8..] == self.sum
            && checksum(compressed) == self.sum;
        same.then_some(compressed)
    }
}

/// The bodies of a store that calls [`BodyFiles::cover`] with every commit. A small body is put without a thread and
/// without a sync of its own.
#[derive(Clone, Debug)]
pub(super) struct CoveredBodies(BodyFiles);

impl Bodies for CoveredBodies {
    fn put(&self, batch: BatchId, body: Vec<u8>) -> BoxFuture<'_, Result<BodyRef, StoreError>> {
        if body.len() > COVERED_BYTES {
            return self.0.put(batch, body);
        }
        Box::pin(async move { self.0.shared.put_unsynced(batch, &body) })
    }

    fn get(&self, body: BodyRef) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        self.0.get(body)
    }

    fn remove(&self, batch: BatchId) -> BoxFuture<'_, Result<(), StoreError>> {
        self.0.remove(batch)
    }
}

impl Bodies for BodyFiles {
    fn put(&self, batch: BatchId, body: Vec<u8>) -> BoxFuture<'_, Result<BodyRef, StoreError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(blocking(STORE, move || shared.put(batch, &body)))
    }

    fn get(&self, body: BodyRef) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(blocking(STORE, move || shared.get(&body)))
    }

    fn remove(&self, batch: BatchId) -> BoxFuture<'_, Result<(), StoreError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(blocking(STORE, move || shared.remove(batch)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::credits::Credits;
    use crate::core::job::JobState;
    use crate::core::tier::Tier;
    use crate::testkit::store::{Scratch, sample};

    /// The commit that ends a job with this body.
    fn ended(body: &BodyRef) -> Vec<store::Write> {
        let mut job = sample::job(1, sample::at(1));
        job.state = JobState::Succeeded;
        let (tier, body) = (Tier::Curl, body.clone());
        job.outcome = Some(Outcome::Succeeded { tier, charged: Credits(1), body, cached: false });
        let record = Record::Job(job);
        vec![store::Write { key: record.key(), expected: Some(1), record: Some(record) }]
    }

    #[test]
    fn a_body_is_named_only_after_its_sync() {
        let scratch = Scratch::new();
        let bodies = BodyFiles::open(scratch.path()).expect("a directory");
        let shared = &bodies.shared;
        let batch = sample::batch_id(1);

        let body = shared.put_unsynced(batch, b"text").expect("there is room");
        assert_eq!(locked(&shared.unsynced).files.len(), 1, "it waits for a commit");
        bodies.cover(&ended(&body)).expect("synced");

        assert!(locked(&shared.unsynced).files.is_empty());
        assert_eq!(shared.get(&body).expect("readable").as_deref(), Some(&b"text"[..]));
    }

    #[test]
    fn a_sync_beside_the_removal_of_its_batch_succeeds() {
        let scratch = Scratch::new();
        let bodies = BodyFiles::open(scratch.path()).expect("a directory");
        let shared = &bodies.shared;
        let (batch, other) = (sample::batch_id(1), sample::batch_id(2));
        let kept = shared.put_unsynced(other, b"of another batch").expect("there is room");
        let Appended { file, ticket, .. } = shared.append(batch, b"text").expect("there is room");

        shared.remove(batch).expect("removed");
        // A sync that began before the removal has the file.
        locked(&shared.unsynced).files.insert(batch, Arc::clone(&file));

        bodies.cover(&ended(&kept)).expect("nothing of the other batch is lost");
        shared.flush(batch, &file, ticket).expect("there is nothing left to sync");
        assert!(locked(&shared.unsynced).lost.is_empty());
    }

    #[test]
    fn a_body_whose_sync_failed_is_never_named() {
        let scratch = Scratch::new();
        let bodies = BodyFiles::open(scratch.path()).expect("a directory");
        let shared = &bodies.shared;
        let batch = sample::batch_id(1);
        let first = shared.put(batch, b"on disk").expect("there is room");
        let lost = shared.put_unsynced(batch, b"not on disk").expect("there is room");
        let (path, aside) = (shared.path(batch), scratch.path().join("aside"));
        fs::rename(&path, &aside).expect("moved");

        bodies.cover(&[]).expect_err("its file is gone");
        fs::rename(&aside, &path).expect("moved back");

        assert!(bodies.cover(&ended(&lost)).is_err(), "nothing is known of it");
        bodies.cover(&ended(&first)).expect("that one was on disk");
        let again = shared.put_unsynced(batch, b"fetched again").expect("there is room");
        bodies.cover(&ended(&again)).expect("synced");
    }
}
