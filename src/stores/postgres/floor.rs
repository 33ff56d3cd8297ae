//! The time before which nothing is due, so that scans begin behind the entries of finished records.
//!
//! An index keeps the entries of old versions until vacuum removes them, which a long transaction prevents. A scan from
//! the beginning walks over all of them. It therefore begins at the earliest record that the scan before found.
//!
//! # Invariants
//!
//! * A floor is at least [`MARGIN`] old: processes whose commits overlap add records in another order than that of
//!   their times.
//! * At least every [`RESCAN`], a scan begins at the beginning, and finds what was added below the floor.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::core::record::Queue;

/// The least age of a floor.
const MARGIN: Duration = Duration::from_secs(10);
/// The longest time without a scan from the beginning.
const RESCAN: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug)]
struct Floor {
    at: i64,
    scanned_at: Instant,
}

/// The floors of all queues.
#[derive(Debug, Default)]
pub(super) struct Floors([Mutex<Option<Floor>>; Queue::ALL.len()]);

impl Floors {
    /// Returns the time at which a scan begins.
    pub(super) fn of(&self, queue: Queue) -> i64 {
        let floor = *self.floor(queue).lock().unwrap_or_else(PoisonError::into_inner);
        floor.filter(|it| it.scanned_at.elapsed() < RESCAN).map_or(i64::MIN, |it| it.at)
    }

    /// Records what a scan at the time `now` found, which began at `from`.
    pub(super) fn scanned(&self, queue: Queue, from: i64, first: Option<i64>, now: i64) {
        let margin = i64::try_from(MARGIN.as_millis()).unwrap_or(i64::MAX);
        let at = first.unwrap_or(now).min(now.saturating_sub(margin));
        let mut floor = self.floor(queue).lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *floor {
            Some(known) if from != i64::MIN => known.at = known.at.max(at),
            _ => *floor = Some(Floor { at, scanned_at: Instant::now() }),
        }
    }

    /// Lowers the floor for a record of this process that is due at `at`.
    pub(super) fn lower(&self, queue: Queue, at: i64) {
        let mut floor = self.floor(queue).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(floor) = &mut *floor {
            floor.at = floor.at.min(at);
        }
    }

    fn floor(&self, queue: Queue) -> &Mutex<Option<Floor>> {
        let place = Queue::ALL.iter().position(|it| *it == queue).unwrap_or_default();
        &self.0[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_floor_is_old_and_does_not_last() {
        let floors = Floors::default();
        assert_eq!(floors.of(Queue::Jobs), i64::MIN);

        floors.scanned(Queue::Jobs, i64::MIN, Some(70_000), 100_000);
        assert_eq!(floors.of(Queue::Jobs), 70_000);
        floors.scanned(Queue::Jobs, 70_000, Some(99_000), 100_000);
        assert_eq!(floors.of(Queue::Jobs), 90_000, "ten seconds before the scan");
        floors.scanned(Queue::Jobs, 90_000, None, 101_000);
        assert_eq!(floors.of(Queue::Jobs), 91_000);
        assert_eq!(floors.of(Queue::Expiry), i64::MIN, "queues have floors of their own");
        floors.lower(Queue::Jobs, 90_500);
        assert_eq!(floors.of(Queue::Jobs), 90_500, "this process added a record below it");

        tokio::time::advance(RESCAN).await;
        assert_eq!(floors.of(Queue::Jobs), i64::MIN);
        floors.scanned(Queue::Jobs, i64::MIN, Some(5), 110_000);
        assert_eq!(floors.of(Queue::Jobs), 5, "a scan from the beginning lowers it");
    }
}
