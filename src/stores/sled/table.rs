//! Records and their index in one sled tree, so that one batch writes both or neither.
//!
//! `r` and a record's key lead to its value; `d`, a queue's byte, a moment (big endian) and a
//! record's key are an index entry.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ::sled::{Batch, Db, Error, IVec};

use crate::core::record::{Claim, Key, Queue, Record};
use crate::core::time::Timestamp;
use crate::ports::store::{List, StoreError, Versioned, Write};
use crate::stores::codec::{self, CodecError, Head};
use crate::stores::flush::SharedFlush;
use crate::stores::stretch::stretch;
use crate::stores::sync_dir;

use super::STORE;

const RECORDS: u8 = b'r';
const DUE: u8 = b'd';
/// Bytes of an index key before the record's key.
const DUE_HEAD: usize = 10;
/// Records rewritten at once when leases are released.
const RELEASE_AT_ONCE: usize = 256;

/// The open database.
pub(super) struct Table {
    dir: PathBuf,
    db: Db,
    /// The database's file, for an fsync of our own.
    file: File,
    /// Held from the check of versions until the batch is applied, but not while flushing.
    writing: Mutex<()>,
    flush: SharedFlush,
    /// Oversized values that sled put in files of their own, as far as they are on disk.
    blobs_synced: Mutex<HashSet<OsString>>,
}

pub(super) fn damaged(what: impl Into<String>) -> StoreError {
    StoreError::Damaged { store: STORE, what: what.into() }
}

pub(super) fn failed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Backend { store: STORE, source: source.into() }
}

pub(super) fn from_sled(error: Error) -> StoreError {
    match error {
        Error::Corruption { .. } => damaged(error.to_string()),
        other => failed(other),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "an argument of map_err")]
fn from_codec(error: CodecError) -> StoreError {
    damaged(error.to_string())
}

fn record_key(key: &[u8]) -> Vec<u8> {
    [&[RECORDS], key].concat()
}

fn due_key(queue: Queue, at: Timestamp, key: &[u8]) -> Vec<u8> {
    [&[DUE, queue as u8], at.as_millis().to_be_bytes().as_slice(), key].concat()
}

/// Puts a record, and its index entry, in the place of what `old` says is there.
fn replace(
    batch: &mut Batch,
    key: &[u8],
    old: Option<Head>,
    record: Option<Record>,
) -> Result<Option<Versioned>, StoreError> {
    if let Some((queue, at)) = old.and_then(|it| it.due) {
        batch.remove(due_key(queue, at, key));
    }
    let Some(record) = record else {
        batch.remove(record_key(key));
        return Ok(None);
    };
    let version = old.map_or(0, |it| it.version) + 1;
    if let Some((queue, at)) = record.due() {
        batch.insert(due_key(queue, at, key), &[]);
    }
    batch.insert(record_key(key), codec::encode(version, &record).map_err(from_codec)?);
    Ok(Some(Versioned { version, record }))
}

impl Table {
    pub(super) fn new(dir: PathBuf, db: Db) -> io::Result<Self> {
        let file = File::options().read(true).write(true).open(dir.join("db"))?;
        let writing = Mutex::default();
        let blobs_synced = Mutex::default();
        Ok(Self { dir, db, file, writing, flush: SharedFlush::default(), blobs_synced })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn db(&self) -> &Db {
        &self.db
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn value(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        self.db.get(record_key(key)).map_err(from_sled)
    }

    pub(super) fn load(&self, keys: &[Key]) -> Result<Vec<Option<Versioned>>, StoreError> {
        // No commit may fall between two keys.
        let values: Vec<_> = {
            let _writing = self.lock();
            keys.iter().map(|it| self.value(&it.to_bytes())).collect::<Result<_, _>>()?
        };
        let read = |value: Option<IVec>| value.map(|it| codec::decode(&it)).transpose();
        values.into_iter().map(|it| read(it).map_err(from_codec)).collect()
    }

    pub(super) fn list(&self, list: &List) -> Result<Vec<Versioned>, StoreError> {
        let keys = stretch(list);
        let range = self.db.range(record_key(&keys.start)..record_key(&keys.end));
        let read = |entry: Result<(IVec, IVec), Error>| {
            let (_, value) = entry.map_err(from_sled)?;
            codec::decode(&value).map_err(from_codec)
        };
        if list.descending {
            range.rev().take(list.limit).map(read).collect()
        } else {
            range.take(list.limit).map(read).collect()
        }
    }

    pub(super) fn due(&self, queue: Queue) -> Result<Option<Timestamp>, StoreError> {
        let first = self.db.scan_prefix([DUE, queue as u8]).keys().next();
        let Some(key) = first.transpose().map_err(from_sled)? else { return Ok(None) };
        let at = key.get(2..DUE_HEAD).and_then(|it| it.try_into().ok()).map(u64::from_be_bytes);
        at.map(Timestamp::from_millis).map(Some).ok_or_else(|| damaged("an index entry"))
    }

    pub(super) fn commit(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        let ticket = {
            let _writing = self.lock();
            let mut batch = Batch::default();
            for write in writes {
                let key = write.key.to_bytes();
                let old = self.value(&key)?;
                let old = old.map(|it| codec::head(&it)).transpose().map_err(from_codec)?;
                if old.map(|it| it.version) != write.expected {
                    return Err(StoreError::Conflict);
                }
                replace(&mut batch, &key, old, write.record)?;
            }
            self.apply(batch)?
        };
        self.durable(ticket)
    }

    pub(super) fn claim(&self, claim: &Claim) -> Result<Vec<Versioned>, StoreError> {
        let mut taken = Vec::new();
        let ticket = {
            let _writing = self.lock();
            let mut batch = Batch::default();
            let mut changes = false;
            for key in self.due_until(claim.queue, claim.now, claim.limit)? {
                let Some(value) = self.value(&key)? else { continue };
                let found = codec::decode(&value).map_err(from_codec)?;
                let Some(record) = found.record.claimed(claim) else {
                    taken.push(found);
                    continue;
                };
                changes = true;
                let old = codec::head(&value).map_err(from_codec)?;
                taken.extend(replace(&mut batch, &key, Some(old), Some(record))?);
            }
            if !changes {
                return Ok(taken);
            }
            self.apply(batch)?
        };
        self.durable(ticket)?;
        Ok(taken)
    }

    /// The keys of the first `limit` records that are due, earliest first.
    fn due_until(
        &self,
        queue: Queue,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let first = due_key(queue, Timestamp::default(), &[]);
        // Behind every key of that moment, which all begin with a kind.
        let last = due_key(queue, now, &[u8::MAX]);
        let keys = self.db.range(first..last).keys().take(limit);
        keys.map(|key| Ok(key.map_err(from_sled)?[DUE_HEAD..].to_vec())).collect()
    }

    /// Takes the leases of a process that is gone from all records.
    pub(super) fn release(&self, now: Timestamp) -> Result<(), StoreError> {
        let _writing = self.lock();
        let end_of_time = Timestamp::from_millis(u64::MAX);
        let mut batch = Batch::default();
        let mut size = 0;
        for queue in [Queue::Jobs, Queue::Notices] {
            for key in self.due_until(queue, end_of_time, usize::MAX)? {
                let Some(value) = self.value(&key)? else { continue };
                let found = codec::decode(&value).map_err(from_codec)?;
                let Some(record) = found.record.abandoned(now) else { continue };
                let old = codec::head(&value).map_err(from_codec)?;
                replace(&mut batch, &key, Some(old), Some(record))?;
                size += 1;
                if size == RELEASE_AT_ONCE {
                    self.apply(std::mem::take(&mut batch))?;
                    size = 0;
                }
            }
        }
        let ticket = self.apply(batch)?;
        self.durable(ticket)
    }

    pub(super) fn apply(&self, batch: Batch) -> Result<u64, StoreError> {
        self.db.apply_batch(batch).map_err(from_sled)?;
        Ok(self.flush.ticket())
    }

    /// Returns once everything up to `ticket` is on disk.
    pub(super) fn durable(&self, ticket: u64) -> Result<(), StoreError> {
        self.flush.wait(ticket, || self.flush_all()).map_err(failed)
    }

    fn flush_all(&self) -> io::Result<()> {
        self.db.flush().map_err(io::Error::other)?;
        self.sync_blobs()?;
        // sled's flush is no fsync. One through any descriptor covers the file, whoever wrote it.
        self.file.sync_data()
    }

    fn sync_blobs(&self) -> io::Result<()> {
        let dir = self.dir.join("blobs");
        let mut synced = self.blobs_synced.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = HashSet::new();
        let mut is_new = false;
        for entry in dir.read_dir()? {
            let name = entry?.file_name();
            if !synced.contains(&name) {
                is_new = true;
                match File::open(dir.join(&name)) {
                    Ok(file) => file.sync_all()?,
                    // sled has removed it in the meantime.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error),
                }
            }
            found.insert(name);
        }
        *synced = found;
        if is_new { sync_dir(&dir) } else { Ok(()) }
    }
}
