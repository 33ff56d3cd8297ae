//! Result bodies on disk: one append-only file per batch, which is removed with the batch.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use crate::core::id::BatchId;
use crate::core::job::BodyRef;
use crate::ports::BoxFuture;
use crate::ports::store::{Bodies, StoreError};
use crate::stores::flush::SharedFlush;
use crate::stores::space::DiskSpace;
use crate::stores::{blocking, check_in_place, sync_dir};

const STORE: &str = "bodies";
const MAGIC: [u8; 4] = *b"rgp1";
/// The bytes of a frame's header: magic, length of the compressed body, first 8 bytes of its SHA-256.
const HEAD: usize = 16;
/// The most files kept open for appending.
const MAX_OPEN: usize = 64;
/// The compression level: the fastest, because bodies are read a few times and removed after a day.
const LEVEL: i32 = 1;

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
}

impl BodyFiles {
    /// Opens the directory, creating it if it is missing.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let dir = dir.into();
        fs::create_dir_all(&dir).map_err(failed)?;
        let space = DiskSpace::new(dir.clone());
        Ok(Self { shared: Arc::new(Shared { dir, open: Mutex::default(), space }) })
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
        let is_new = !path.exists();
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        if is_new {
            sync_dir(&self.dir)?;
        }
        let synced = file.try_clone()?;
        let body_file =
            Arc::new(BodyFile { file: Mutex::new(file), flush: SharedFlush::default(), synced });
        open.files.insert(batch, (now, Arc::clone(&body_file)));
        Ok(body_file)
    }

    fn put(&self, batch: BatchId, body: &[u8]) -> Result<BodyRef, StoreError> {
        let compressed = zstd::bulk::compress(body, LEVEL).map_err(failed)?;
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
        let offset = append(&mut locked(&body_file.file), &frame).map_err(failed)?;
        let ticket = body_file.flush.ticket();
        let flush = |_| {
            body_file.synced.sync_data()?;
            check_in_place(&body_file.synced, &self.path(batch))
        };
        body_file.flush.wait(ticket, flush).map_err(failed)?;
        Ok(BodyRef(format!("{batch}:{offset}:{length}:{:016x}", u64::from_be_bytes(sum))))
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
        zstd::decode_all(compressed).map(Some).map_err(|it| damaged(it.to_string()))
    }

    fn remove(&self, batch: BatchId) -> Result<(), StoreError> {
        locked(&self.open).files.remove(&batch);
        match fs::remove_file(self.path(batch)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        }
    }
}

fn append(file: &mut File, frame: &[u8]) -> io::Result<u64> {
    // Read each time: after a write that failed halfway, the end is not at the last known position.
    let offset = file.seek(SeekFrom::End(0))?;
    file.write_all(frame)?;
    Ok(offset)
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
