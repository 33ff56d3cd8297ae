//! The index in memory: where each record and body is in the log, and when records are due.
//!
//! Records and bodies stay on disk. The entry of a job that has ended takes some 20 bytes and that of its result 10,
//! whatever their sizes. An unfinished job takes some 200 bytes more.
//!
//! # Invariants
//!
//! * `due` contains exactly the due times of the entries.
//! * `live` is the number of bytes of each segment that an entry names.

use std::collections::BTreeMap;

use crate::core::claims::JobIndex;
use crate::core::record::{Claim, Key, Queue};
use crate::core::time::Timestamp;
use crate::ports::store::{ListQuery, Version};
use crate::stores::key_range::key_range;

use super::compact::{CompactMap, Packed, pack_number, unpack_number};

/// A piece of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) segment: u32,
    pub(super) offset: u32,
    pub(super) length: u32,
}

/// The entry of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) version: Version,
    pub(super) due: Option<(Queue, Timestamp)>,
    /// The write of the record: lengths, checksum, key and value.
    pub(super) span: Span,
}

impl Packed for Span {
    fn pack(self, to: &mut Vec<u8>) {
        for part in [self.segment, self.offset, self.length] {
            pack_number(part.into(), to);
        }
    }

    fn unpack(from: &mut &[u8]) -> Self {
        let mut part = || u32::try_from(unpack_number(from)).unwrap_or(u32::MAX);
        Self { segment: part(), offset: part(), length: part() }
    }
}

impl Packed for Entry {
    fn pack(self, to: &mut Vec<u8>) {
        pack_number(self.version, to);
        match self.due {
            None => to.push(0),
            Some((queue, at)) => {
                to.push(queue as u8);
                pack_number(at.as_millis(), to);
            }
        }
        self.span.pack(to);
    }

    fn unpack(from: &mut &[u8]) -> Self {
        let version = unpack_number(from);
        let queue = unpack_number(from);
        let queue = Queue::ALL.into_iter().find(|it| *it as u64 == queue);
        let due = queue.map(|it| (it, Timestamp::from_millis(unpack_number(from))));
        Self { version, due, span: Span::unpack(from) }
    }
}

/// The entry of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BodyEntry {
    pub(super) number: u64,
    /// The frame of the body.
    pub(super) span: Span,
}

/// A change of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change<'a> {
    Record { key: &'a [u8], entry: Entry },
    Removed { key: &'a [u8] },
    Body { batch: [u8; 16], entry: BodyEntry },
    BodiesRemoved { batch: [u8; 16] },
}

/// The bytes of a due time before the key of its record.
const DUE_HEAD: usize = 9;

/// Returns a due time as bytes that sort like it.
fn due_key((queue, at): (Queue, Timestamp), key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(DUE_HEAD + key.len());
    bytes.push(queue as u8);
    bytes.extend(at.as_millis().to_be_bytes());
    bytes.extend(key);
    bytes
}

/// Returns the time and the record's key of a due time.
fn parse_due(bytes: &[u8]) -> (Timestamp, &[u8]) {
    let (head, key) = bytes.split_at(DUE_HEAD.min(bytes.len()));
    let at = head.last_chunk().map_or(0, |it| u64::from_be_bytes(*it));
    (Timestamp::from_millis(at), key)
}

/// Returns the name of a body as bytes.
fn body_key(batch: [u8; 16], number: u64) -> [u8; 24] {
    let mut key = [0; 24];
    key[..16].copy_from_slice(&batch);
    key[16..].copy_from_slice(&number.to_be_bytes());
    key
}

fn parse_body_key(key: &[u8]) -> Option<([u8; 16], u64)> {
    Some((*key.first_chunk()?, u64::from_be_bytes(*key.last_chunk()?)))
}

#[derive(Debug, Default)]
pub(super) struct Index {
    records: CompactMap<Entry>,
    /// Queue, time and record of each due time.
    due: CompactMap<()>,
    /// The unfinished jobs. The owner of the index keeps them up to date, because they need decoded records.
    pub(super) jobs: JobIndex,
    /// The bodies by batch and number.
    bodies: CompactMap<Span>,
    live: BTreeMap<u32, u64>,
    total_live: u64,
    /// The number of the next body.
    pub(super) next_body: u64,
}

impl Index {
    pub(super) fn apply(&mut self, change: &Change<'_>) {
        match *change {
            Change::Record { key, entry } => self.set(key, entry),
            Change::Removed { key } => self.remove(key),
            Change::Body { batch, entry } => self.add_body(batch, entry),
            Change::BodiesRemoved { batch } => self.remove_bodies(batch),
        }
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<Entry> {
        self.records.get(key)
    }

    fn set(&mut self, key: &[u8], entry: Entry) {
        self.count(entry.span);
        let old = self.records.insert(key, entry);
        if let Some(old) = old {
            self.uncount(old.span);
        }
        let old_due = old.and_then(|it| it.due);
        if old_due == entry.due {
            return;
        }
        if let Some(due) = old_due {
            self.due.remove(&due_key(due, key));
        }
        if let Some(due) = entry.due {
            self.due.insert(&due_key(due, key), ());
        }
    }

    fn remove(&mut self, key: &[u8]) {
        let Some(old) = self.records.remove(key) else { return };
        self.uncount(old.span);
        if let Some(due) = old.due {
            self.due.remove(&due_key(due, key));
        }
    }

    /// Adds a body, or moves it to where it was copied.
    fn add_body(&mut self, batch: [u8; 16], entry: BodyEntry) {
        self.next_body = self.next_body.max(entry.number.saturating_add(1));
        self.count(entry.span);
        if let Some(old) = self.bodies.insert(&body_key(batch, entry.number), entry.span) {
            self.uncount(old);
        }
    }

    fn remove_bodies(&mut self, batch: [u8; 16]) {
        let mut found = Vec::new();
        self.each_body(batch, |key, span| {
            found.push((key.to_vec(), span));
            true
        });
        for (key, span) in found {
            self.bodies.remove(&key);
            self.uncount(span);
        }
    }

    /// Calls `each` with the bodies of a batch, until it returns `false`.
    fn each_body(&self, batch: [u8; 16], each: impl FnMut(&[u8], Span) -> bool) {
        let (first, last) = (body_key(batch, 0), body_key(batch, u64::MAX));
        self.bodies.scan(&first[..]..&last[..], each);
    }

    pub(super) fn has_bodies(&self, batch: [u8; 16]) -> bool {
        let mut has_any = false;
        self.each_body(batch, |_, _| {
            has_any = true;
            false
        });
        has_any
    }

    pub(super) fn body(&self, batch: [u8; 16], number: u64) -> Option<BodyEntry> {
        self.bodies.get(&body_key(batch, number)).map(|span| BodyEntry { number, span })
    }

    /// Returns the numbers of the bodies that only this index has.
    pub(super) fn bodies_missing_in(&self, other: &Self) -> Vec<u64> {
        let mut missing = Vec::new();
        self.bodies.scan(&[][..]..&[u8::MAX; 25][..], |key, _| {
            if other.bodies.get(key).is_none() {
                missing.extend(parse_body_key(key).map(|it| it.1));
            }
            true
        });
        missing
    }

    fn count(&mut self, span: Span) {
        *self.live.entry(span.segment).or_default() += u64::from(span.length);
        self.total_live += u64::from(span.length);
    }

    fn uncount(&mut self, span: Span) {
        if let Some(live) = self.live.get_mut(&span.segment) {
            *live = live.saturating_sub(u64::from(span.length));
        }
        self.total_live = self.total_live.saturating_sub(u64::from(span.length));
    }

    /// Returns the bytes of a segment that are in use.
    pub(super) fn live(&self, segment: u32) -> u64 {
        self.live.get(&segment).copied().unwrap_or_default()
    }

    /// Returns the bytes of all segments that are in use.
    pub(super) fn total_live(&self) -> u64 {
        self.total_live
    }

    /// Forgets a segment that was removed.
    pub(super) fn forget_segment(&mut self, segment: u32) {
        self.live.remove(&segment);
    }

    pub(super) fn list(&self, list: &ListQuery) -> Vec<Entry> {
        let keys = key_range(list);
        let range = keys.start.as_slice()..keys.end.as_slice();
        if list.descending {
            return self.records.last(range, list.limit);
        }
        let mut entries = Vec::new();
        if list.limit > 0 {
            self.records.scan(range, |_, entry| {
                entries.push(entry);
                entries.len() < list.limit
            });
        }
        entries
    }

    /// Calls `each` with the due times of a queue from `from` on and their keys, until it returns `false`.
    fn each_due(
        &self,
        queue: Queue,
        from: Timestamp,
        mut each: impl FnMut(Timestamp, &[u8]) -> bool,
    ) {
        let (first, end) = (due_key((queue, from), &[]), [queue as u8 + 1]);
        self.due.scan(first.as_slice()..&end[..], |it, ()| {
            let (at, key) = parse_due(it);
            each(at, key)
        });
    }

    /// Returns the earliest time, not before `from`, at which a record of `queue` is due.
    pub(super) fn due(&self, queue: Queue, from: Timestamp) -> Option<Timestamp> {
        let mut first = None;
        self.each_due(queue, from, |at, _| {
            first = Some(at);
            false
        });
        first
    }

    /// Returns the keys of the first `limit` records that are due, earliest first.
    pub(super) fn due_until(&self, queue: Queue, now: Timestamp, limit: usize) -> Vec<Box<[u8]>> {
        let mut keys = Vec::new();
        self.each_due(queue, Timestamp::default(), |at, key| {
            let is_taken = at <= now && keys.len() < limit;
            if is_taken {
                keys.push(key.into());
            }
            is_taken
        });
        keys
    }

    /// Returns the keys of the records that a claim takes.
    pub(super) fn picked(&self, claim: &Claim) -> Vec<Box<[u8]>> {
        if claim.queue == Queue::Jobs {
            let jobs = self.jobs.pick(claim).into_iter();
            return jobs.map(|it| Key::Job(it).to_bytes().into_boxed_slice()).collect();
        }
        self.due_until(claim.queue, claim.now, claim.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_entries_read_back() {
        let span = Span { segment: 3, offset: u32::MAX, length: 200 };
        for due in [None, Some((Queue::Expiry, Timestamp::from_millis(u64::MAX)))] {
            for version in [0, 1, u64::MAX] {
                let entry = Entry { version, due, span };
                let mut bytes = Vec::new();
                entry.pack(&mut bytes);
                let mut rest = bytes.as_slice();

                assert_eq!((Entry::unpack(&mut rest), rest), (entry, &[][..]));
            }
        }
    }

    fn entry(segment: u32, length: u32, at: Option<u64>) -> Entry {
        let due = at.map(|it| (Queue::Jobs, Timestamp::from_millis(it)));
        Entry { version: 1, due, span: Span { segment, offset: 0, length } }
    }

    #[test]
    fn live_bytes_and_due_times_follow_the_entries() {
        let mut index = Index::default();
        let record =
            |segment, length, at| Change::Record { key: b"a", entry: entry(segment, length, at) };
        let body = |segment| {
            let span = Span { segment, offset: 9, length: 50 };
            Change::Body { batch: [1; 16], entry: BodyEntry { number: 4, span } }
        };

        index.apply(&record(1, 10, Some(5)));
        index.apply(&body(1));
        assert_eq!((index.live(1), index.total_live()), (60, 60));
        assert_eq!(index.due(Queue::Jobs, Timestamp::default()).map(Timestamp::as_millis), Some(5));

        index.apply(&record(2, 20, Some(3)));
        index.apply(&body(2));
        assert_eq!((index.live(1), index.live(2), index.total_live()), (0, 70, 70));
        assert_eq!(index.due.len(), 1);
        assert_eq!(index.body([1; 16], 4).map(|it| it.span.segment), Some(2));
        assert!(index.has_bodies([1; 16]) && !index.has_bodies([0; 16]));
        assert_eq!(index.next_body, 5);

        index.apply(&Change::Removed { key: b"a" });
        index.apply(&Change::BodiesRemoved { batch: [1; 16] });
        assert_eq!((index.live(2), index.total_live(), index.due.len()), (0, 0, 0));
        assert_eq!((index.records.len(), index.bodies.len()), (0, 0));
    }
}
