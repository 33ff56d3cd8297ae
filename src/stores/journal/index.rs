//! The index in memory: where each record and body is in the log, and when records are due.
//!
//! Records stay on disk. An entry takes some 100 bytes, whatever the size of its record.
//!
//! # Invariants
//!
//! * `due` contains exactly the due times of the entries.
//! * `live` is the number of bytes of each segment that an entry names.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::core::claims::JobIndex;
use crate::core::record::{Claim, Key, Queue};
use crate::core::time::Timestamp;
use crate::ports::store::{ListQuery, Version};
use crate::stores::key_range::key_range;

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

#[derive(Debug, Default)]
pub(super) struct Index {
    records: BTreeMap<Box<[u8]>, Entry>,
    due: BTreeSet<(Queue, Timestamp, Box<[u8]>)>,
    /// The unfinished jobs. The owner of the index keeps them up to date, because they need decoded records.
    pub(super) jobs: JobIndex,
    /// The bodies of each batch by number.
    bodies: HashMap<[u8; 16], Vec<BodyEntry>>,
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

    pub(super) fn get(&self, key: &[u8]) -> Option<&Entry> {
        self.records.get(key)
    }

    fn set(&mut self, key: &[u8], entry: Entry) {
        self.count(entry.span);
        let old = match self.records.get_mut(key) {
            Some(found) => Some(std::mem::replace(found, entry)),
            None => self.records.insert(key.into(), entry),
        };
        if let Some(old) = old {
            self.uncount(old.span);
        }
        let old_due = old.and_then(|it| it.due);
        if old_due == entry.due {
            return;
        }
        if let Some((queue, at)) = old_due {
            self.due.remove(&(queue, at, key.into()));
        }
        if let Some((queue, at)) = entry.due {
            self.due.insert((queue, at, key.into()));
        }
    }

    fn remove(&mut self, key: &[u8]) {
        let Some((key, old)) = self.records.remove_entry(key) else { return };
        self.uncount(old.span);
        if let Some((queue, at)) = old.due {
            self.due.remove(&(queue, at, key));
        }
    }

    /// Adds a body, or moves it to where it was copied.
    fn add_body(&mut self, batch: [u8; 16], entry: BodyEntry) {
        self.next_body = self.next_body.max(entry.number.saturating_add(1));
        self.count(entry.span);
        let bodies = self.bodies.entry(batch).or_default();
        let old = match bodies.binary_search_by_key(&entry.number, |it| it.number) {
            Ok(at) => Some(std::mem::replace(&mut bodies[at], entry)),
            Err(at) => {
                bodies.insert(at, entry);
                None
            }
        };
        if let Some(old) = old {
            self.uncount(old.span);
        }
    }

    fn remove_bodies(&mut self, batch: [u8; 16]) {
        for body in self.bodies.remove(&batch).unwrap_or_default() {
            self.uncount(body.span);
        }
    }

    pub(super) fn has_bodies(&self, batch: [u8; 16]) -> bool {
        self.bodies.contains_key(&batch)
    }

    pub(super) fn body(&self, batch: [u8; 16], number: u64) -> Option<BodyEntry> {
        let bodies = self.bodies.get(&batch)?;
        let at = bodies.binary_search_by_key(&number, |it| it.number).ok()?;
        Some(bodies[at])
    }

    /// Returns the numbers below the next one of `other` whose bodies only this index has.
    pub(super) fn bodies_missing_in(&self, other: &Self) -> impl Iterator<Item = u64> {
        let all = self.bodies.iter();
        let all = all.flat_map(|(batch, bodies)| bodies.iter().map(|it| (*batch, it.number)));
        all.filter(|(batch, number)| {
            *number < other.next_body && other.body(*batch, *number).is_none()
        })
        .map(|(_, number)| number)
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
        let range = self.records.range::<[u8], _>((
            std::ops::Bound::Included(keys.start.as_slice()),
            std::ops::Bound::Excluded(keys.end.as_slice()),
        ));
        let entries = range.map(|(_, it)| *it);
        if list.descending {
            entries.rev().take(list.limit).collect()
        } else {
            entries.take(list.limit).collect()
        }
    }

    /// Returns the earliest time, not before `from`, at which a record of `queue` is due.
    pub(super) fn due(&self, queue: Queue, from: Timestamp) -> Option<Timestamp> {
        let first = (queue, from, Box::default());
        self.due.range(first..).next().filter(|it| it.0 == queue).map(|it| it.1)
    }

    /// Returns the keys of the first `limit` records that are due, earliest first.
    pub(super) fn due_until(&self, queue: Queue, now: Timestamp, limit: usize) -> Vec<Box<[u8]>> {
        let first = (queue, Timestamp::default(), Box::default());
        let due = self.due.range(first..);
        let due = due.take_while(|(of, at, _)| *of == queue && *at <= now).take(limit);
        due.map(|(_, _, key)| key.clone()).collect()
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
        assert_eq!(index.next_body, 5);

        index.apply(&Change::Removed { key: b"a" });
        index.apply(&Change::BodiesRemoved { batch: [1; 16] });
        assert_eq!((index.live(2), index.total_live(), index.due.len()), (0, 0, 0));
        assert!(index.records.is_empty() && index.bodies.is_empty());
    }
}
