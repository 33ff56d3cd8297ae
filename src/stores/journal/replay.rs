//! Rebuilds the index from the files of a store.
//!
//! # Invariants
//!
//! * Only the last segment may have a torn end, and only behind the acknowledged position. Everything else that is not
//!   what was written is damage.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::core::record::{Queue, Record};
use crate::core::time::Timestamp;
use crate::ports::store::{StoreError, Versioned};
use crate::stores::{codec, sync_dir};

use super::frame::{Place, read_write};
use super::index::{Index, Span};
use super::mark::Acknowledged;
use super::scan::scan;
use super::segment::{self, HEADER, Position, Segment};
use super::{changed, checkpoint, damaged, failed};

/// The segments of a store and what they contain.
#[derive(Debug)]
pub(super) struct Replayed {
    /// The segments with their lengths.
    pub(super) segments: BTreeMap<u32, (Arc<Segment>, u64)>,
    pub(super) index: Index,
}

/// Reads all segments and drops a torn end of the last one. Everything that is left is on disk.
pub(super) fn replay(
    dir: &Path,
    store: u64,
    acknowledged: Acknowledged,
) -> Result<Replayed, StoreError> {
    let mut numbers = used_segments(dir, acknowledged)?;
    drop_unused(dir, store, acknowledged, &mut numbers)?;
    let last = numbers.last().copied().unwrap_or_default();
    let mut replayed = Replayed { segments: BTreeMap::new(), index: Index::default() };
    for number in numbers {
        let opened = Segment::open(dir, number, store).map_err(failed)?;
        let segment =
            opened.ok_or_else(|| damaged(format!("segment {number} has no valid header")))?;
        check_length_before(&replayed, &segment)?;
        let length = segment.length().map_err(failed)?;
        let end = read_segment(dir, &segment, length, &mut replayed.index, number == last)?;
        if number == last {
            check_end(acknowledged.position, number, end)?;
            if !segment.is_zero(end, length).map_err(failed)? {
                let torn = length - end;
                tracing::warn!(dir = %dir.display(), torn, "dropped the unfinished end of the log");
            }
            let position = acknowledged.position;
            let from = if position.segment() == number { position.offset() } else { 0 };
            segment.write_again(from, end).map_err(failed)?;
            // Also if nothing is torn: what was not acknowledged may not be on disk.
            segment.truncate(end).map_err(failed)?;
        } else if end != length {
            return Err(damaged(format!("segment {number} is damaged at byte {end}")));
        }
        replayed.segments.insert(number, (Arc::new(segment), end));
    }
    if replayed.segments.is_empty() {
        return Err(damaged("it has no segments"));
    }
    Ok(replayed)
}

/// Returns the numbers of the segments in use, after removing the ones that were dropped.
fn used_segments(dir: &Path, acknowledged: Acknowledged) -> Result<Vec<u32>, StoreError> {
    let first = acknowledged.first_segment;
    let mut used = Vec::new();
    for number in segment::numbers(dir).map_err(failed)? {
        if number < first {
            segment::remove(dir, number).map_err(failed)?;
        } else {
            used.push(number);
        }
    }
    let missing = (first..).zip(&used).find(|(expected, found)| expected != *found);
    if let Some((missing, _)) = missing {
        return Err(damaged(format!("segment {missing} is missing")));
    }
    match used.last() {
        Some(last) if *last >= acknowledged.position.segment() => Ok(used),
        _ => Err(damaged("its last segment is missing")),
    }
}

/// Removes the last segment if it is empty and does not continue the one before: its process was killed while it created
/// the file, or could neither complete nor remove it.
fn drop_unused(
    dir: &Path,
    store: u64,
    acknowledged: Acknowledged,
    numbers: &mut Vec<u32>,
) -> Result<(), StoreError> {
    let &[.., before, last] = numbers.as_slice() else { return Ok(()) };
    let length = |number| Segment::path(dir, number).metadata().map(|it| it.len()).map_err(failed);
    // The header is on disk before anything follows it. The acknowledged position alone does not tell, because it is not
    // synced.
    if length(last)? > HEADER || acknowledged.position.segment() >= last {
        return Ok(());
    }
    let opened = Segment::open(dir, last, store).map_err(failed)?;
    let written_before = length(before)?;
    if opened.is_some_and(|it| written_before <= u64::from(it.length_before)) {
        return Ok(());
    }
    segment::remove(dir, last).map_err(failed)?;
    sync_dir(dir).map_err(failed)?;
    numbers.pop();
    Ok(())
}

/// Applies the changes of a segment and returns the end of its last whole frame.
fn read_segment(
    dir: &Path,
    segment: &Segment,
    length: u64,
    index: &mut Index,
    is_last: bool,
) -> Result<u64, StoreError> {
    let place = Place { store: segment.store, segment: segment.number, offset: 0 };
    let mut apply = |change: &super::index::Change<'_>| index.apply(change);
    if !is_last && checkpoint::read(dir, place, length, &mut apply).map_err(from_scan)? {
        return Ok(length);
    }
    let file = File::open(Segment::path(dir, segment.number)).map_err(failed)?;
    scan(file, place, length, &mut apply).map_err(from_scan)
}

/// Checks the length of the segment before, unless that one was removed.
fn check_length_before(replayed: &Replayed, segment: &Segment) -> Result<(), StoreError> {
    let Some((number, (_, length))) = replayed.segments.last_key_value() else { return Ok(()) };
    if *length == u64::from(segment.length_before) {
        return Ok(());
    }
    let written = segment.length_before;
    Err(damaged(format!("segment {number} has {length} of {written} bytes")))
}

fn check_end(acknowledged: Position, number: u32, end: u64) -> Result<(), StoreError> {
    if acknowledged.segment() == number && end < acknowledged.offset() {
        let gone = acknowledged.offset() - end;
        return Err(damaged(format!(
            "its last {gone} acknowledged bytes are missing: segment {number} is damaged at byte {end}"
        )));
    }
    Ok(())
}

/// Errors of the system are failures; everything else is about the content.
fn from_scan(error: io::Error) -> StoreError {
    if error.kind() == io::ErrorKind::Other { damaged(error.to_string()) } else { failed(error) }
}

/// Reads the value of a record that is on disk.
pub(super) fn read_value(segment: &Segment, span: Span) -> Result<Versioned, StoreError> {
    let length = usize::try_from(span.length).map_err(|_| damaged("a length"))?;
    let bytes = segment.read(u64::from(span.offset), length);
    let bytes = bytes.map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged(format!("segment {} is too short", span.segment)),
        _ => failed(error),
    })?;
    decode_value(&bytes, span)
}

/// Decodes a write of the log.
pub(super) fn decode_value(bytes: &[u8], span: Span) -> Result<Versioned, StoreError> {
    let value = read_write(bytes).and_then(|it| it.value).ok_or_else(|| changed(span))?;
    codec::decode(value).map_err(|error| damaged(error.to_string()))
}

/// Indexes the unfinished jobs, and returns every record that may have a lease.
pub(super) fn index_jobs(replayed: &mut Replayed) -> Result<Vec<Versioned>, StoreError> {
    let mut leased = Vec::new();
    let end_of_time = Timestamp::from_millis(u64::MAX);
    for queue in [Queue::Jobs, Queue::Notifications, Queue::Crawls] {
        for key in replayed.index.due_until(queue, end_of_time, usize::MAX) {
            let Some(entry) = replayed.index.get(&key) else { continue };
            let segment = replayed.segments.get(&entry.span.segment);
            let (segment, _) = segment.ok_or_else(|| damaged("an entry without a segment"))?;
            let found = read_value(segment, entry.span)?;
            replayed.index.jobs.put(&found.record);
            if has_lease(&found.record) {
                leased.push(found);
            }
        }
    }
    Ok(leased)
}

fn has_lease(record: &Record) -> bool {
    record.abandoned(Timestamp::default()).is_some()
}
