//! The open log, shared by callers and threads.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::ports::store::StoreError;
use crate::stores::space::DiskSpace;

use super::failed;
use super::mark::Acknowledged;
use super::replay::{index_jobs, replay};
use super::segment;
use super::spare_file::SpareFile;
use super::state::{State, Synced};

/// The shortest time between two attempts to read a failed log again.
const ATTEMPT_INTERVAL: Duration = Duration::from_secs(1);
/// Segments grow with the store, so that there are about this many.
const MOST_SEGMENTS: u64 = 64;
/// The most bytes at which a segment is full.
const MAX_SEGMENT: u64 = 1 << 30;
/// The bytes that are left free by a write that makes room: the file system needs some itself.
const ROOM_MARGIN: u64 = 16 << 10;
/// The zeros that are written in advance: this part of a segment, and their bounds in bytes.
const ZEROS_PER_SEGMENT: u64 = 16;
const MIN_ZEROS: u64 = 4 << 10;
const MAX_ZEROS: u64 = 1 << 20;
/// The most bytes in a group before which zeros are written. A larger one takes long in any case.
const MAX_BESIDE_ZEROS: usize = 256 << 10;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) dir: PathBuf,
    pub(super) state: Mutex<State>,
    /// Wakes the thread that syncs.
    pub(super) wake: Condvar,
    pub(super) space: DiskSpace,
    pub(super) spare_file: SpareFile,
    /// The least bytes at which a segment is full.
    pub(super) segment_bytes: u64,
    /// The number of the next body.
    pub(super) next_body: AtomicU64,
    /// Wakes the thread that cleans.
    pub(super) clean: SyncSender<()>,
    /// `true` once nothing more is cleaned.
    pub(super) is_stopping: AtomicBool,
    /// `true` once nothing more is appended.
    pub(super) is_closing: AtomicBool,
    /// The lock of the directory, released with the file.
    pub(super) _lock: File,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }

    /// Returns the length at which a segment is full.
    pub(super) fn full_at(&self, state: &State) -> u64 {
        self.segment_bytes.max((state.total_bytes() / MOST_SEGMENTS).min(MAX_SEGMENT))
    }

    /// Refuses what would need the part of the disk that is kept free.
    pub(super) fn reserve(&self, state: &State, bytes: usize) -> Result<(), StoreError> {
        let bytes = bytes.saturating_add(state.waiting_bytes());
        self.space.reserve(bytes as u64).map_err(failed)
    }

    /// Makes room for a write that frees space: it may use the part of the disk that is kept free, and gives up the spare
    /// file if needed.
    pub(super) fn make_room(&self, state: &State, bytes: u64) -> io::Result<()> {
        let waiting = state.waiting_bytes() as u64;
        let needed = bytes.saturating_add(waiting).saturating_add(ROOM_MARGIN);
        if self.space.fits(needed).is_ok() {
            return Ok(());
        }
        self.spare_file.give_up()?;
        self.space.fits(needed)
    }

    /// Writes zeros behind the end of the log, so that the next syncs need not write the length of the file.
    pub(super) fn preallocate(&self, state: &mut State) {
        if state.preallocated > state.end || state.waiting_bytes() > MAX_BESIDE_ZEROS {
            return;
        }
        let most = (self.segment_bytes / ZEROS_PER_SEGMENT).min(MAX_ZEROS);
        let length = state.zeros.clamp(MIN_ZEROS.min(most), most);
        let end = state.end.saturating_add(length);
        // Zeros only make syncs faster: they need not be written.
        if end < state.full_at.min(u64::from(u32::MAX)) && self.space.reserve(2 * length).is_ok() {
            state.preallocate(end);
            // A process that writes little reserves little.
            state.zeros = 2 * length;
        }
    }

    /// Reads the log again after a failed write. The leases stay: the process that has them is this one.
    pub(super) fn recover(&self) -> Result<(), StoreError> {
        let mut state = self.lock();
        let Some(why) = state.failed.clone() else { return Ok(()) };
        let is_early = state.last_attempt.is_some_and(|at| at.elapsed() < ATTEMPT_INTERVAL);
        // The thread that syncs must not write behind the end at which the log is cut off.
        if is_early || state.writing.is_some() || state.has_ended {
            return Err(refusal(&why));
        }
        state.last_attempt = Some(Instant::now());
        match self.read_again(&mut state) {
            Ok(()) => {
                tracing::warn!(dir = %self.dir.display(), why, "the journal was read again after a failed write");
                Ok(())
            }
            Err(error) => {
                let cause = std::error::Error::source(&error);
                let why = cause.map_or_else(|| error.to_string(), ToString::to_string);
                tracing::error!(%why, dir = %self.dir.display(), "the journal cannot be read again yet");
                state.failed = Some(why.clone());
                Err(refusal(&why))
            }
        }
    }

    fn read_again(&self, state: &mut State) -> Result<(), StoreError> {
        state.cut_off().map_err(failed)?;
        // One whose header fits the end of the log would be taken for its last segment.
        segment::remove_unfinished(&self.dir, state.active.number).map_err(failed)?;
        let first_segment = state.mark.newest().first_segment;
        let acknowledged = Acknowledged { position: state.durable, first_segment };
        let mut replayed = replay(&self.dir, state.active.store, acknowledged)?;
        index_jobs(&mut replayed)?;
        state.restart(replayed)
    }

    /// Begins a new segment if the active one is full.
    pub(super) fn roll_if_full(&self, state: &mut State) {
        let is_forced = std::mem::take(&mut state.must_roll);
        if state.failed.is_some() || state.end < state.full_at && !is_forced {
            return;
        }
        let rolled = self.space.reserve(1).and_then(|()| state.roll(&self.dir));
        if let Err(error) = rolled {
            tracing::warn!(%error, dir = %self.dir.display(), "no new segment can be created yet");
            // Not with every commit: the segment can grow.
            state.full_at = state.end + self.segment_bytes / 16;
        } else {
            state.full_at = self.full_at(state);
        }
    }

    /// Blocks until everything that was appended is on disk.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        let receiver = {
            let mut state = self.lock();
            if let Some(why) = &state.failed {
                return Err(refusal(why));
            }
            let end = state.end_position();
            state.wait_for(end)
        };
        let Some(receiver) = receiver else { return Ok(()) };
        self.wake.notify_one();
        synced(receiver.blocking_recv())
    }
}

/// Returns the error for a call after a failed write.
pub(super) fn refusal(why: &str) -> StoreError {
    failed(format!(
        "an earlier write failed: free space or restore the directory, or open the store again ({why})"
    ))
}

/// Returns the result of a sync.
pub(super) fn synced(result: Result<Synced, oneshot::error::RecvError>) -> Result<(), StoreError> {
    match result {
        Ok(Ok(())) => Ok(()),
        Ok(Err(why)) => Err(failed(io::Error::other(why))),
        Err(_) => Err(failed("its thread has ended: open the store again")),
    }
}
