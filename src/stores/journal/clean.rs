//! The thread that keeps the log short: it writes checkpoints of full segments and removes the oldest ones.
//!
//! Only the oldest segment is removed, after its live records and bodies were appended again. So whatever a removal
//! in a later segment removes is never older than the log, and removals need not be copied. The oldest segment is
//! removed at once when nothing in it is live, and otherwise when more than half of the log is dead: what is copied is
//! never more than what becomes free in one round through the log.
//!
//! The copies may use the part of the disk that is kept free, and the spare file, so that a full disk does not prevent
//! the removal that frees it.

use std::collections::HashSet;
use std::fs::File;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use crate::ports::store::StoreError;
use crate::stores::sync_dir;

use super::frame::{Place, read_body, read_write};
use super::index::{BodyEntry, Change, Span};
use super::scan::scan;
use super::segment::{self, Segment};
use super::shared::{Shared, refusal};
use super::state::{Commit, State};
use super::{changed, checkpoint, damaged, failed};

/// The bytes that are copied at once.
const CHUNK: usize = 1 << 20;

/// Returns `true` if a segment has to be removed or lacks its checkpoint.
pub(super) fn is_due(state: &State, segment_bytes: u64) -> bool {
    let newest_full = state.segments.range(..state.active.number).next_back();
    newest_full.is_some_and(|(number, _)| *number > state.checkpointed)
        || oldest(state, segment_bytes).is_some()
}

/// Returns the segment to remove next.
fn oldest(state: &State, segment_bytes: u64) -> Option<Arc<Segment>> {
    let (number, (segment, _)) = state.segments.first_key_value()?;
    if *number == state.active.number {
        return None;
    }
    let live = state.index.total_live();
    let dead = state.total_bytes().saturating_sub(live);
    let is_due = state.index.live(*number) == 0 || dead > live.max(2 * segment_bytes);
    is_due.then(|| Arc::clone(segment))
}

/// Runs until the store is closed.
pub(super) fn run(shared: &Shared, signals: &Receiver<()>) {
    let mut failures: HashSet<u32> = HashSet::new();
    while signals.recv().is_ok() && !shared.is_stopping() {
        if let Err(error) = tidy(shared, &mut failures) {
            let why = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(%error, why, dir = %shared.dir.display(), "the journal was not shortened");
        }
    }
}

fn tidy(shared: &Shared, failures: &mut HashSet<u32>) -> Result<(), StoreError> {
    let rounds = shared.lock().segments.len();
    for _ in 0..rounds {
        let next = oldest(&shared.lock(), shared.segment_bytes);
        let Some(segment) = next.filter(|_| !shared.is_stopping()) else { break };
        if failures.contains(&segment.number) {
            // A damaged record is reported when it is read. Its segment stays.
            break;
        }
        match remove(shared, &segment) {
            Err(error @ StoreError::Damaged { .. }) => {
                failures.insert(segment.number);
                return Err(error);
            }
            removed => removed?,
        }
    }
    write_checkpoints(shared)?;
    let is_long = shared.lock().segments.len() > 1;
    if is_long { shared.spare_file.hold(&shared.space).map_err(failed) } else { Ok(()) }
}

fn write_checkpoints(shared: &Shared) -> Result<(), StoreError> {
    let full: Vec<Arc<Segment>> = {
        let state = shared.lock();
        let from = state.checkpointed + 1;
        let full = state.segments.range(from.min(state.active.number)..state.active.number);
        full.map(|(_, (segment, _))| Arc::clone(segment)).collect()
    };
    for segment in full {
        if shared.is_stopping() {
            break;
        }
        if !Segment::checkpoint_path(&shared.dir, segment.number).exists() {
            checkpoint::write(&shared.dir, &segment).map_err(failed)?;
        }
        shared.lock().checkpointed = segment.number;
    }
    Ok(())
}

/// A live record or body of a segment.
enum Live {
    Record { key: Vec<u8>, span: Span },
    Body { batch: [u8; 16], entry: BodyEntry },
}

impl Live {
    fn span(&self) -> Span {
        match self {
            Self::Record { span, .. } => *span,
            Self::Body { entry, .. } => entry.span,
        }
    }

    fn is_current(&self, state: &State) -> bool {
        match self {
            Self::Record { key, span } => state.index.get(key).is_some_and(|it| it.span == *span),
            Self::Body { batch, entry } => state.index.body(*batch, entry.number) == Some(*entry),
        }
    }
}

/// Copies what is live in the oldest segment, and removes it.
fn remove(shared: &Shared, segment: &Arc<Segment>) -> Result<(), StoreError> {
    let number = segment.number;
    let (live, recoveries) = {
        let state = shared.lock();
        let live = state.index.live(number);
        if live > 0 {
            // All of it or nothing: the segment takes its space until the last record is copied.
            shared.make_room(&state, live).map_err(failed)?;
        }
        (live, state.recoveries)
    };
    if live > 0 && !copy_live(shared, segment)? {
        return Ok(());
    }
    // Also if nothing was copied: what replaced its records may not be on disk.
    shared.sync()?;
    {
        let mut state = shared.lock();
        if let Some(why) = &state.failed {
            return Err(refusal(why));
        }
        if state.index.live(number) > 0 {
            if state.recoveries != recoveries {
                // The copies were cut off with a failed write. The next round copies again.
                return Ok(());
            }
            return Err(damaged(format!("segment {number} contains less than its entries")));
        }
        state.mark.begin_at(number + 1).map_err(failed)?;
        state.forget_segment(number);
    }
    segment::remove(&shared.dir, number).map_err(failed)?;
    sync_dir(&shared.dir).map_err(failed)?;
    tracing::debug!(number, dir = %shared.dir.display(), "removed the oldest segment of the journal");
    Ok(())
}

/// Appends what is live in a segment again. Returns `false` if the store is being closed.
fn copy_live(shared: &Shared, segment: &Arc<Segment>) -> Result<bool, StoreError> {
    let place = Place { store: segment.store, segment: segment.number, offset: 0 };
    let length = segment.length().map_err(failed)?;
    let mut live: Vec<Live> = Vec::new();
    let mut bytes = 0;
    let mut copied = Ok(());
    let mut each = |change: &Change<'_>| {
        if copied.is_err() || shared.is_stopping() {
            return;
        }
        let found = match *change {
            Change::Record { key, entry } => Live::Record { key: key.to_vec(), span: entry.span },
            Change::Body { batch, entry } => Live::Body { batch, entry },
            Change::Removed { .. } | Change::BodiesRemoved { .. } => return,
        };
        if found.is_current(&shared.lock()) {
            bytes += found.span().length as usize;
            live.push(found);
        }
        if bytes >= CHUNK {
            bytes = 0;
            copied = copy(shared, segment, std::mem::take(&mut live));
        }
    };
    if !checkpoint::read(&shared.dir, place, length, &mut each).map_err(failed)? {
        let file = File::open(Segment::path(&shared.dir, segment.number)).map_err(failed)?;
        scan(file, place, length, &mut each).map_err(failed)?;
    }
    copied?;
    if shared.is_stopping() {
        return Ok(false);
    }
    copy(shared, segment, live)?;
    Ok(true)
}

fn copy(shared: &Shared, segment: &Segment, live: Vec<Live>) -> Result<(), StoreError> {
    let mut read = Vec::with_capacity(live.len());
    for it in live {
        let span = it.span();
        let bytes = segment.read(u64::from(span.offset), span.length as usize).map_err(failed)?;
        read.push((it, bytes));
    }
    {
        let mut state = shared.lock();
        if let Some(why) = &state.failed {
            return Err(refusal(why));
        }
        let bytes = read.iter().map(|it| it.1.len() as u64).sum();
        shared.make_room(&state, bytes).map_err(failed)?;
        let mut commit = Commit::default();
        for (it, bytes) in read {
            if !it.is_current(&state) {
                continue;
            }
            match it {
                Live::Record { key, span } => {
                    let value = read_write(&bytes).and_then(|it| it.value);
                    let value = value.ok_or_else(|| changed(span))?;
                    commit.push_value(&key, value)?;
                }
                Live::Body { batch, entry } => copy_body(&mut state, batch, entry, &bytes)?,
            }
        }
        if !commit.writes.is_empty() {
            state.commit(&commit)?;
        }
    }
    shared.sync()
}

pub(super) fn copy_body(
    state: &mut State,
    batch: [u8; 16],
    entry: BodyEntry,
    frame: &[u8],
) -> Result<(), StoreError> {
    let span = entry.span;
    let place =
        Place { store: state.active.store, segment: span.segment, offset: u64::from(span.offset) };
    let (head, named, payload) = read_body(frame, place).ok_or_else(|| changed(span))?;
    if named.batch != batch || named.number != entry.number {
        return Err(changed(span));
    }
    let span = state.append(head, payload)?;
    state.index.apply(&Change::Body { batch, entry: BodyEntry { span, ..entry } });
    Ok(())
}
