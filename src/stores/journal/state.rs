//! The log in memory: what was appended, what is on disk, and who waits for it.
//!
//! # Invariants
//!
//! * Bytes are appended under one lock, in the order of their positions.
//! * A commit is acknowledged, and a read returns, after a sync that began after everything they saw was written.
//! * After a failed write or sync nothing is acknowledged until the log was cut off at its last acknowledged position
//!   and read again.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use crate::core::record::Record;
use crate::ports::store::{StoreError, Version};
use crate::stores::codec::{self, Header};

use super::frame::{FrameKind, HEAD, Head, MAX_PAYLOAD, Place, WRITE_HEAD, push_write};
use super::index::{Change, Entry, Index, Span};
use super::mark::Mark;
use super::replay::Replayed;
use super::segment::{HEADER, Position, Segment};
use super::{damaged, failed};

/// The most bytes that wait to be written. Callers beyond it wait for room.
pub(super) const MAX_PENDING: usize = 32 << 20;
/// The capacity of a buffer that is kept for the next group.
const KEPT_BUFFER: usize = 1 << 20;

/// The bytes of most writes, which a new commit has room for, and the number of writes of a large one.
const WRITE_BYTES: usize = 512;
const MOST_EXPECTED: usize = 1_024;

/// The end of a sync: the reason if it failed.
pub(super) type Synced = Result<(), String>;

/// The writes of one commit as they are in the log, encoded before the lock is taken.
#[derive(Debug, Default)]
pub(super) struct Commit {
    pub(super) payload: Vec<u8>,
    pub(super) writes: Vec<CommitWrite>,
}

/// One write: its key, and the entry with an offset in the payload.
#[derive(Debug)]
pub(super) struct CommitWrite {
    key: Range<usize>,
    entry: Option<Entry>,
}

impl Commit {
    /// Returns an empty commit with room for some writes.
    pub(super) fn with_capacity(writes: usize) -> Self {
        let payload = Vec::with_capacity(writes.min(MOST_EXPECTED) * WRITE_BYTES);
        Self { payload, writes: Vec::with_capacity(writes) }
    }

    /// Adds a record, or the removal of one.
    pub(super) fn push(
        &mut self,
        key: &[u8],
        version: Version,
        record: Option<&Record>,
    ) -> Result<(), StoreError> {
        self.push_encoded(key, |payload| {
            let encoded = record.map(|it| codec::encode_to(payload, version, it)).transpose();
            encoded.map_err(failed)
        })
    }

    /// Adds a record that is encoded already.
    pub(super) fn push_value(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.push_encoded(key, |payload| {
            payload.extend_from_slice(value);
            codec::header(value).map(Some).map_err(|error| damaged(error.to_string()))
        })
    }

    fn push_encoded(
        &mut self,
        key: &[u8],
        value: impl FnOnce(&mut Vec<u8>) -> Result<Option<Header>, StoreError>,
    ) -> Result<(), StoreError> {
        let at = self.payload.len();
        let (length, header) = push_write(&mut self.payload, key, value)?;
        if self.payload.len() > MAX_PAYLOAD {
            return Err(failed("a commit exceeds 1 GiB: submit fewer pages at once"));
        }
        let short = |it: usize| u32::try_from(it).map_err(failed);
        let span = Span { segment: 0, offset: short(at)?, length: short(length)? };
        let entry = header.map(|it| Entry { version: it.version, due: it.due, span });
        let key_at = at + WRITE_HEAD;
        self.writes.push(CommitWrite { key: key_at..key_at + key.len(), entry });
        Ok(())
    }

    /// Returns the keys of the writes in order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.writes.iter().map(|it| &self.payload[it.key.clone()])
    }
}

/// A group of frames that is being written and synced.
#[derive(Clone, Debug)]
pub(super) struct Group {
    segment: Arc<Segment>,
    offset: u64,
    bytes: Arc<Vec<u8>>,
    pub(super) upto: Position,
}

impl Group {
    pub(super) fn write_and_sync(&self) -> io::Result<()> {
        if !self.bytes.is_empty() {
            self.segment.write(&self.bytes, self.offset)?;
        }
        self.segment.sync()
    }
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) index: Index,
    /// The full segments and the active one, with the lengths of the full ones.
    pub(super) segments: BTreeMap<u32, (Arc<Segment>, u64)>,
    pub(super) active: Arc<Segment>,
    /// The bytes of all full segments.
    full_bytes: u64,
    /// The end of the active segment, with what was not written yet.
    pub(super) end: u64,
    /// The bytes before `end` that were not written yet.
    pending: Vec<u8>,
    /// The group that is being written.
    pub(super) writing: Option<Group>,
    /// The last group that was written: a claim often reads what was just committed.
    recent: Option<Group>,
    /// The end of the last change that reads wait for.
    pub(super) dirty: Position,
    pub(super) durable: Position,
    waiters: Vec<(Position, oneshot::Sender<Synced>)>,
    pub(super) mark: Mark,
    /// The reason of a failed write, after which the store has to be read again.
    pub(super) failed: Option<String>,
    pub(super) last_attempt: Option<Instant>,
    /// `true` once the thread that syncs has ended: nothing can be acknowledged again.
    pub(super) has_ended: bool,
    /// The times that the log was read again.
    pub(super) recoveries: u64,
    /// The numbers of bodies that a failed write lost.
    pub(super) lost_bodies: BTreeSet<u64>,
    /// The failure of the last write that lost bodies.
    pub(super) lost_because: String,
    spare: Vec<u8>,
    /// The length at which the active segment is full.
    pub(super) full_at: u64,
    /// `true` if a frame did not fit in the active segment, however full it may be.
    pub(super) must_roll: bool,
    /// The length of the active segment's file, if it ends with zeros that were written in advance.
    pub(super) preallocated: u64,
    /// The zeros to write in advance the next time.
    pub(super) zeros: u64,
    /// The last segment that has a checkpoint.
    pub(super) checkpointed: u32,
}

impl State {
    /// Returns the state of a log that was just read.
    pub(super) fn new(replayed: Replayed, mark: Mark, full_at: u64) -> Result<Self, StoreError> {
        let last = replayed.segments.last_key_value();
        let (_, (active, end)) = last.ok_or_else(|| damaged("it has no segments"))?;
        let (active, end) = (Arc::clone(active), *end);
        let lengths = replayed.segments.values().map(|it| it.1).sum::<u64>();
        let position = position(&active, end);
        Ok(Self {
            index: replayed.index,
            segments: replayed.segments,
            active,
            full_bytes: lengths - end,
            end,
            pending: Vec::new(),
            writing: None,
            recent: None,
            dirty: position,
            durable: position,
            waiters: Vec::new(),
            mark,
            failed: None,
            last_attempt: None,
            has_ended: false,
            recoveries: 0,
            lost_bodies: BTreeSet::new(),
            lost_because: String::new(),
            spare: Vec::new(),
            full_at,
            must_roll: false,
            preallocated: 0,
            zeros: 0,
            checkpointed: 0,
        })
    }

    /// Returns the bytes that wait to be written.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.pending.len() + self.writing.as_ref().map_or(0, |it| it.bytes.len())
    }

    /// Returns the position of the end of the log.
    pub(super) fn end_position(&self) -> Position {
        position(&self.active, self.end)
    }

    /// Returns the bytes of all segments.
    pub(super) fn total_bytes(&self) -> u64 {
        self.full_bytes + self.end
    }

    /// Appends a frame and returns its span. If the segment cannot grow so far, fails and requests a new one.
    pub(super) fn append(&mut self, head: Head, payload: &[u8]) -> Result<Span, StoreError> {
        let (store, segment) = (self.active.store, self.active.number);
        let place = Place { store, segment, offset: self.end };
        let length = HEAD + payload.len();
        let short = |it: u64| u32::try_from(it).ok();
        let offsets = (short(self.end), short(length as u64), short(self.end + length as u64));
        let (Some(offset), Some(length_of_span), Some(_)) = offsets else {
            self.must_roll = true;
            return Err(failed("a segment has 4 GiB, and no new one could be created yet"));
        };
        let span = Span { segment, offset, length: length_of_span };
        self.pending.extend_from_slice(&head.encode(place));
        self.pending.extend_from_slice(payload);
        self.end += length as u64;
        Ok(span)
    }

    /// Appends a commit whose versions were checked, and applies it to the index of records.
    pub(super) fn commit(&mut self, commit: &Commit) -> Result<Position, StoreError> {
        let head = Head::of(FrameKind::Commit, &commit.payload);
        let frame = self.append(head, &commit.payload)?;
        let begin = frame.offset + u32::try_from(HEAD).map_err(failed)?;
        for write in &commit.writes {
            let key = &commit.payload[write.key.clone()];
            match write.entry {
                None => self.index.apply(&Change::Removed { key }),
                Some(entry) => {
                    let at = entry.span;
                    let span = Span { segment: frame.segment, offset: begin + at.offset, ..at };
                    self.index.apply(&Change::Record { key, entry: Entry { span, ..entry } });
                }
            }
        }
        self.dirty = self.end_position();
        Ok(self.dirty)
    }

    /// Writes what was appended without a sync, so that a killed process does not lose it.
    pub(super) fn write_through(&mut self) -> Result<(), StoreError> {
        let offset = self.end - self.pending.len() as u64;
        if let Err(error) = self.active.write(&self.pending, offset) {
            self.fail(&error);
            return Err(failed(error));
        }
        self.pending.clear();
        Ok(())
    }

    /// Returns the bytes of a span, wherever they are.
    pub(super) fn bytes(&self, span: Span) -> Result<Vec<u8>, StoreError> {
        let (offset, length) = (u64::from(span.offset), span.length as usize);
        let part = |bytes: &[u8], begin: u64| {
            let from = usize::try_from(offset.checked_sub(begin)?).ok()?;
            bytes.get(from..from.checked_add(length)?).map(<[u8]>::to_vec)
        };
        let pending_at = self.end - self.pending.len() as u64;
        let pending = (self.active.number, self.pending.as_slice(), pending_at);
        let groups = [&self.writing, &self.recent].into_iter().flatten();
        let groups = groups.map(|it| (it.segment.number, it.bytes.as_slice(), it.offset));
        let mut in_memory = std::iter::once(pending).chain(groups);
        let found =
            in_memory.find_map(
                |(segment, bytes, begin)| {
                    if segment == span.segment { part(bytes, begin) } else { None }
                },
            );
        match found {
            Some(found) => Ok(found),
            None => self.segment(span)?.read(offset, length).map_err(failed),
        }
    }

    /// Returns `true` if a span is not in its file yet.
    pub(super) fn is_in_memory(&self, span: Span) -> bool {
        let offset = u64::from(span.offset);
        let is_written_now = self.writing.as_ref().is_some_and(|it| {
            (it.offset..it.offset.saturating_add(it.bytes.len() as u64)).contains(&offset)
        });
        let is_pending = offset >= self.end - self.pending.len() as u64;
        span.segment == self.active.number && (is_pending || is_written_now)
    }

    /// Returns the segment of a span.
    pub(super) fn segment(&self, span: Span) -> Result<Arc<Segment>, StoreError> {
        let found = self.segments.get(&span.segment);
        found.map(|it| Arc::clone(&it.0)).ok_or_else(|| damaged("an entry without a segment"))
    }

    /// Returns a receiver for the sync that covers `position`, `None` if it is on disk.
    pub(super) fn wait_for(&mut self, position: Position) -> Option<oneshot::Receiver<Synced>> {
        if self.durable >= position {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        match &self.failed {
            // No sync comes that could answer it.
            Some(why) => drop(sender.send(Err(why.clone()))),
            None => self.waiters.push((position, sender)),
        }
        Some(receiver)
    }

    /// Returns `true` if somebody waits for a sync.
    pub(super) fn is_wanted(&self) -> bool {
        self.failed.is_none() && (!self.waiters.is_empty() || self.must_roll)
    }

    /// Returns `true` if something is not on disk.
    pub(super) fn is_behind(&self) -> bool {
        self.failed.is_none() && self.durable < self.end_position()
    }

    /// Takes everything that was appended, to be written and synced.
    pub(super) fn take_group(&mut self) -> Group {
        let offset = self.end - self.pending.len() as u64;
        let bytes = std::mem::replace(&mut self.pending, std::mem::take(&mut self.spare));
        let segment = Arc::clone(&self.active);
        let group = Group { segment, offset, bytes: Arc::new(bytes), upto: self.end_position() };
        self.writing = Some(group.clone());
        group
    }

    /// Records the end of a group, and returns the callers that it covers.
    pub(super) fn finish_group(
        &mut self,
        group: Group,
        written: io::Result<()>,
    ) -> Vec<(oneshot::Sender<Synced>, Synced)> {
        self.writing = None;
        if let Err(error) = written.and_then(|()| self.mark.advance(group.upto)) {
            self.fail(&error);
        } else {
            self.durable = group.upto;
            self.keep(group);
        }
        self.answered()
    }

    /// Keeps a group that was written for reads, and the buffer of the one before for the next group.
    fn keep(&mut self, group: Group) {
        if group.bytes.is_empty() || group.bytes.capacity() > KEPT_BUFFER {
            return;
        }
        if let Some(old) = self.recent.replace(group)
            && let Ok(mut bytes) = Arc::try_unwrap(old.bytes)
        {
            bytes.clear();
            self.spare = bytes;
        }
    }

    /// Takes the callers whose positions are on disk.
    pub(super) fn answered(&mut self) -> Vec<(oneshot::Sender<Synced>, Synced)> {
        let mut answered = Vec::new();
        for (position, sender) in std::mem::take(&mut self.waiters) {
            if position <= self.durable {
                answered.push((sender, Ok(())));
            } else {
                self.waiters.push((position, sender));
            }
        }
        answered
    }

    /// Records a failed write: nothing more is acknowledged.
    ///
    /// Answers every caller that waits. Reading the log again reuses their positions for other commits, so none of them
    /// may wait for its position any longer.
    pub(super) fn fail(&mut self, why: &impl ToString) {
        let why = self.failed.get_or_insert_with(|| why.to_string());
        for (position, sender) in std::mem::take(&mut self.waiters) {
            let is_on_disk = position <= self.durable;
            // The caller may no longer wait.
            let _ = sender.send(if is_on_disk { Ok(()) } else { Err(why.clone()) });
        }
    }

    /// Puts everything on disk while the lock is held, and begins a new segment.
    pub(super) fn roll(&mut self, dir: &std::path::Path) -> io::Result<()> {
        self.sync_now()?;
        let number = self.active.number + 1;
        // The next attempt may succeed, and until then the active segment grows.
        let length = u32::try_from(self.end).map_err(io::Error::other)?;
        self.drop_preallocated()?;
        let new = Arc::new(Segment::create(dir, number, self.active.store, length)?);
        self.segments.insert(self.active.number, (Arc::clone(&self.active), self.end));
        self.segments.insert(number, (Arc::clone(&new), HEADER));
        self.full_bytes += self.end;
        (self.active, self.end) = (new, HEADER);
        self.durable = self.end_position();
        self.dirty = self.durable;
        let advanced = self.mark.advance(self.durable);
        advanced.inspect_err(|error| self.fail(error))
    }

    /// Writes zeros from the end of the log to `end`.
    pub(super) fn preallocate(&mut self, end: u64) {
        let from = self.preallocated.max(self.end);
        // Some of them may be written though the write fails.
        self.preallocated = end;
        if let Err(error) = self.active.write_zeros(from, end) {
            tracing::debug!(%error, "the journal has no room to write in advance");
        }
    }

    /// Ends the file of the active segment at the end of the log, which is on disk.
    pub(super) fn drop_preallocated(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.preallocated) > self.end {
            self.active.truncate(self.end)?;
        }
        Ok(())
    }

    /// Writes and syncs everything while the lock is held.
    pub(super) fn sync_now(&mut self) -> io::Result<()> {
        if self.durable == self.end_position() {
            return Ok(());
        }
        let group = self.take_group();
        let written = group.write_and_sync();
        self.writing = None;
        if let Err(error) = written.and_then(|()| self.mark.advance(group.upto)) {
            self.fail(&error);
            return Err(error);
        }
        self.durable = group.upto;
        Ok(())
    }

    /// Cuts the log off at its last acknowledged position. What follows was never acknowledged, and nothing is known
    /// of it.
    pub(super) fn cut_off(&mut self) -> io::Result<()> {
        self.active.check_in_place()?;
        self.preallocated = 0;
        self.active.truncate(self.durable.offset())
    }

    /// Continues with a log that was read again.
    pub(super) fn restart(&mut self, replayed: Replayed) -> Result<(), StoreError> {
        let last = replayed.segments.last_key_value().map(|(number, it)| (*number, it.1));
        let read_to = last.and_then(|(it, end)| Some(Position::new(it, u32::try_from(end).ok()?)));
        if read_to != Some(self.durable) {
            return Err(damaged("acknowledged commits are missing"));
        }
        let lengths = replayed.segments.values().map(|it| it.1).sum::<u64>();
        // The open file stays: it is the one that is known to be in its place.
        self.segments = replayed.segments;
        self.segments.insert(self.active.number, (Arc::clone(&self.active), self.durable.offset()));
        self.end = self.durable.offset();
        self.full_bytes = lengths - self.end;
        // Not all numbers that the log lacks: a removed batch may have had them, and records may still name its bodies.
        self.lost_bodies.extend(self.index.bodies_missing_in(&replayed.index));
        self.index = replayed.index;
        self.pending.clear();
        // What follows it is written again, with other content.
        self.recent = None;
        self.dirty = self.durable;
        self.lost_because = self.failed.take().unwrap_or_default();
        self.recoveries += 1;
        Ok(())
    }

    /// Forgets the first segment, whose changes are all in later ones.
    pub(super) fn forget_segment(&mut self, number: u32) {
        if let Some((_, length)) = self.segments.remove(&number) {
            self.full_bytes = self.full_bytes.saturating_sub(length);
        }
        self.index.forget_segment(number);
    }
}

fn position(segment: &Segment, offset: u64) -> Position {
    Position::new(segment.number, u32::try_from(offset).unwrap_or(u32::MAX))
}
