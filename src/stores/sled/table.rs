//! Records and their index in one sled tree, so that one batch writes both or neither.
//!
//! The key of a value is `r` and the record's key. The key of an index entry is `d`, the byte of the queue, the time
//! (big endian) and the record's key. The order of due jobs comes from an index in memory, which is built when the
//! database is opened.
//!
//! # Invariants
//!
//! * The index in memory contains the jobs that the database has in its queue of jobs.
//! * A read returns only data that is on disk: it waits for the flush of the commits that it saw. No caller acts on
//!   a commit that a crash could still undo, and every read fails after a failed flush.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ::sled::{Batch, Db, Error, IVec};

use crate::core::claims::JobIndex;
use crate::core::record::{Claim, Key, Queue, Record};
use crate::core::time::Timestamp;
use crate::ports::store::{ListQuery, StoreError, Versioned, Write, has_duplicate_keys};
use crate::stores::check_in_place;
use crate::stores::codec::{self, CodecError, Header};
use crate::stores::flush::SharedFlush;
use crate::stores::key_range::key_range;
use crate::stores::space::DiskSpace;

use super::STORE;
use super::acknowledged::AcknowledgedCommits;
use super::blobs::Blobs;

const RECORDS: u8 = b'r';
const DUE: u8 = b'd';
/// The key of the number of commits, which each commit writes.
const COMMITS_KEY: &[u8] = b"meta/commits";
/// The file of the database.
pub(super) const DB: &str = "db";
/// The bytes of an index key before the record's key.
const DUE_HEAD: usize = 10;
/// The bytes that a written record is assumed to take, with the pages that change with it.
const RECORD_BYTES: u64 = 4_096;
/// The records rewritten per batch when leases are released.
const RELEASE_AT_ONCE: usize = 256;

/// The result of an operation that was applied in memory.
pub(super) struct Applied<T> {
    pub(super) value: T,
    /// The flush that covers what the operation saw. The value may be used once it has ended.
    pub(super) ticket: u64,
}

/// The open database.
pub(super) struct Table {
    dir: PathBuf,
    db: Db,
    /// The file of the database, which we sync ourselves.
    file: File,
    /// The unfinished jobs. Locked from the check of versions until the batch is applied, but not while
    /// flushing.
    jobs: Mutex<JobIndex>,
    /// The shared flush, whose tickets are the numbers of commits.
    flush: SharedFlush,
    acknowledged: AcknowledgedCommits,
    space: DiskSpace,
    /// The files of oversized values, which sled keeps apart.
    blobs: Mutex<Blobs>,
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
pub(super) fn from_codec(error: CodecError) -> StoreError {
    damaged(error.to_string())
}

fn record_key(key: &[u8]) -> Vec<u8> {
    [&[RECORDS], key].concat()
}

fn due_key(queue: Queue, at: Timestamp, key: &[u8]) -> Vec<u8> {
    [&[DUE, queue as u8], at.as_millis().to_be_bytes().as_slice(), key].concat()
}

/// Returns the number of commits of a database.
pub(super) fn commits(db: &Db) -> Result<u64, StoreError> {
    let found = db.get(COMMITS_KEY).map_err(from_sled)?;
    let number = found.map(|it| it.as_ref().try_into().map(u64::from_be_bytes)).transpose();
    number.map(Option::unwrap_or_default).map_err(|_| damaged("its count of commits"))
}

/// Replaces a record and its index entry; `old` is the header of the current value.
fn replace(
    batch: &mut Batch,
    key: &[u8],
    old: Option<Header>,
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
    /// Wraps an open database with `commits` commits.
    pub(super) fn new(
        dir: PathBuf,
        db: Db,
        acknowledged: AcknowledgedCommits,
        commits: u64,
    ) -> io::Result<Self> {
        let file = File::options().read(true).write(true).open(dir.join(DB))?;
        let flush = SharedFlush::behind(commits);
        let (jobs, blobs) = (Mutex::default(), Mutex::new(Blobs::new(dir.join("blobs"))));
        let space = DiskSpace::new(dir.clone());
        Ok(Self { dir, db, file, jobs, flush, acknowledged, space, blobs })
    }

    /// Returns `true` if a write failed halfway, so that nothing is known until the database is opened again.
    pub(super) fn has_failed(&self) -> bool {
        self.flush.has_failed()
    }

    /// Marks the table as failed.
    #[cfg(test)]
    pub(super) fn fail(&self, why: &str) {
        self.flush.fail(&why);
    }

    /// Returns a handle of the database's file, by which the file is known again.
    pub(super) fn identity(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Refuses a commit of this many records if the disk has no room for it.
    fn reserve(&self, records: usize) -> Result<(), StoreError> {
        let bytes = RECORD_BYTES.saturating_mul(records as u64);
        self.space.reserve(bytes).map_err(failed)
    }

    fn lock(&self) -> MutexGuard<'_, JobIndex> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn value(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        self.db.get(record_key(key)).map_err(from_sled)
    }

    pub(super) fn load(&self, keys: &[Key]) -> Result<Applied<Vec<Option<IVec>>>, StoreError> {
        // No commit may fall between two keys.
        let values: Vec<_> = {
            let _jobs = self.lock();
            keys.iter().map(|it| self.value(&it.to_bytes())).collect::<Result<_, _>>()?
        };
        Ok(self.seen(values))
    }

    pub(super) fn list(&self, list: &ListQuery) -> Result<Applied<Vec<IVec>>, StoreError> {
        let keys = key_range(list);
        let value = |entry: Result<(IVec, IVec), Error>| entry.map(|it| it.1).map_err(from_sled);
        // No commit may fall between two records: sled's iterator would show a part of it.
        let values: Vec<_> = {
            let _jobs = self.lock();
            let range = self.db.range(record_key(&keys.start)..record_key(&keys.end));
            if list.descending {
                range.rev().take(list.limit).map(value).collect::<Result<_, _>>()?
            } else {
                range.take(list.limit).map(value).collect::<Result<_, _>>()?
            }
        };
        Ok(self.seen(values))
    }

    pub(super) fn due(
        &self,
        queue: Queue,
        from: Timestamp,
    ) -> Result<Applied<Option<Timestamp>>, StoreError> {
        let end = [DUE, queue as u8 + 1].to_vec();
        let first = self.db.range(due_key(queue, from, &[])..end).keys().next();
        let first = first.transpose().map_err(from_sled)?;
        let Some(key) = first else { return Ok(self.seen(None)) };
        let at = key.get(2..DUE_HEAD).and_then(|it| it.try_into().ok()).map(u64::from_be_bytes);
        let at = at.map(Timestamp::from_millis).ok_or_else(|| damaged("an index entry"))?;
        Ok(self.seen(Some(at)))
    }

    /// Applies the writes. Returns `false` if they conflict: the other commit may itself be undone by a failed
    /// flush, so a conflict waits for the flush, too.
    pub(super) fn commit(&self, writes: Vec<Write>) -> Result<Applied<bool>, StoreError> {
        // A sled batch keeps only the last record of a key, but the index entries of both.
        if has_duplicate_keys(&writes) {
            return Ok(self.seen(false));
        }
        self.reserve(writes.len())?;
        let mut jobs = self.lock();
        let mut batch = Batch::default();
        let mut changed = Vec::new();
        for write in writes {
            let key = write.key.to_bytes();
            let old = self.value(&key)?;
            let old = old.map(|it| codec::header(&it)).transpose().map_err(from_codec)?;
            if old.map(|it| it.version) != write.expected {
                return Ok(self.seen(false));
            }
            let new = replace(&mut batch, &key, old, write.record)?;
            if let Key::Job(id) = write.key {
                changed.push((id, new));
            }
        }
        let ticket = self.apply(&jobs, batch)?;
        for (id, new) in changed {
            match new {
                Some(new) => jobs.put(&new.record),
                None => jobs.remove(id),
            }
        }
        Ok(Applied { value: true, ticket })
    }

    pub(super) fn claim(&self, claim: &Claim) -> Result<Applied<Vec<Versioned>>, StoreError> {
        let mut taken = Vec::new();
        {
            let mut jobs = self.lock();
            let mut batch = Batch::default();
            let mut changes = false;
            let keys = if claim.queue == Queue::Jobs {
                jobs.pick(claim).into_iter().map(|it| Key::Job(it).to_bytes()).collect()
            } else {
                self.due_until(claim.queue, claim.now, claim.limit)?
            };
            for key in keys {
                let Some(value) = self.value(&key)? else { continue };
                let found = codec::decode(&value).map_err(from_codec)?;
                let Some(record) = found.record.claimed(claim) else {
                    taken.push(found);
                    continue;
                };
                changes = true;
                let old = codec::header(&value).map_err(from_codec)?;
                taken.extend(replace(&mut batch, &key, Some(old), Some(record))?);
            }
            if changes {
                self.reserve(taken.len())?;
                self.apply(&jobs, batch)?;
                for claimed in &taken {
                    jobs.put(&claimed.record);
                }
            }
        }
        Ok(self.seen(taken))
    }

    /// Returns the keys of the first `limit` records that are due, earliest first.
    fn due_until(
        &self,
        queue: Queue,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let first = due_key(queue, Timestamp::default(), &[]);
        // Greater than every key of that time, because keys begin with a kind.
        let last = due_key(queue, now, &[u8::MAX]);
        let keys = self.db.range(first..last).keys().take(limit);
        keys.map(|key| Ok(key.map_err(from_sled)?[DUE_HEAD..].to_vec())).collect()
    }

    /// Releases the leases of a process that is gone, and indexes the unfinished jobs.
    pub(super) fn release(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut jobs = self.lock();
        let end_of_time = Timestamp::from_millis(u64::MAX);
        let mut batch = Batch::default();
        let mut size = 0;
        for queue in [Queue::Jobs, Queue::Notifications, Queue::Crawls] {
            for key in self.due_until(queue, end_of_time, usize::MAX)? {
                let Some(value) = self.value(&key)? else { continue };
                let found = codec::decode(&value).map_err(from_codec)?;
                let Some(record) = found.record.abandoned(now) else {
                    jobs.put(&found.record);
                    continue;
                };
                jobs.put(&record);
                let old = codec::header(&value).map_err(from_codec)?;
                replace(&mut batch, &key, Some(old), Some(record))?;
                size += 1;
                if size == RELEASE_AT_ONCE {
                    self.apply(&jobs, std::mem::take(&mut batch))?;
                    size = 0;
                }
            }
        }
        let ticket = self.apply(&jobs, batch)?;
        self.durable(ticket)
    }

    /// Indexes the unfinished jobs as they are.
    pub(super) fn index(&self) -> Result<(), StoreError> {
        let mut jobs = self.lock();
        let end_of_time = Timestamp::from_millis(u64::MAX);
        for key in self.due_until(Queue::Jobs, end_of_time, usize::MAX)? {
            let Some(value) = self.value(&key)? else { continue };
            jobs.put(&codec::decode(&value).map_err(from_codec)?.record);
        }
        Ok(())
    }

    /// Applies one batch durably.
    pub(super) fn write(&self, batch: Batch) -> Result<(), StoreError> {
        let ticket = self.apply(&self.lock(), batch)?;
        self.durable(ticket)
    }

    /// Applies one commit under the caller's lock and returns its number.
    fn apply(&self, _jobs: &MutexGuard<'_, JobIndex>, mut batch: Batch) -> Result<u64, StoreError> {
        let number = self.flush.written() + 1;
        batch.insert(COMMITS_KEY, &number.to_be_bytes());
        if let Err(error) = self.db.apply_batch(batch) {
            // sled applies key by key, so a part of the batch may be readable.
            self.flush.fail(&error);
            return Err(from_sled(error));
        }
        Ok(self.flush.ticket())
    }

    /// Returns a value that was read: it waits for the flush of everything that was applied so far.
    fn seen<T>(&self, value: T) -> Applied<T> {
        Applied { value, ticket: self.flush.written() }
    }

    /// Returns once everything up to `ticket` is on disk.
    pub(super) fn durable(&self, ticket: u64) -> Result<(), StoreError> {
        self.flush.wait(ticket, |upto| self.flush_all(upto)).map_err(failed)
    }

    fn flush_all(&self, upto: u64) -> io::Result<()> {
        self.db.flush().map_err(io::Error::other)?;
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner).sync()?;
        // sled's flush is not an fsync. An fsync through any descriptor covers the whole file.
        self.file.sync_data()?;
        check_in_place(&self.file, &self.dir.join(DB))?;
        self.acknowledged.write(upto)
    }
}
