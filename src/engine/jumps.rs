//! Jumps of the wall clock, such as those of a resumed machine or a corrected clock.
//!
//! Records hold wall clock times, because they outlive the process. Within the process a jump must not use up a job's
//! time: leases are renewed after a jump before anything is claimed, and deadlines move with the clock.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::core::time::Timestamp;

/// The smallest difference between the clocks that counts as a jump, in milliseconds.
const MIN_JUMP_MS: i128 = 1_000;
/// Jumps that are remembered. Beyond them, the oldest are forgotten.
const MAX_JUMPS: usize = 64;

/// The forward jumps of the wall clock since the process started.
#[derive(Debug, Default)]
pub(super) struct ClockJumps {
    state: Mutex<State>,
    /// Notified of each jump.
    pub(super) jumped: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// The wall clock less the monotonic clock, in milliseconds.
    offset_ms: Option<i128>,
    jumps: Vec<Jump>,
}

#[derive(Clone, Copy, Debug)]
struct Jump {
    from: Timestamp,
    by: Duration,
}

impl ClockJumps {
    /// Compares the clocks. Returns `true`, and notifies, if the wall clock jumped forward since the last call.
    pub(super) fn observe(&self, now: Timestamp, monotonic: Duration) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let offset_ms = i128::from(now.as_millis()) - monotonic.as_millis().cast_signed();
        let jump_ms = state.offset_ms.map_or(0, |last| offset_ms - last);
        state.offset_ms = Some(offset_ms);
        if jump_ms < MIN_JUMP_MS {
            return false;
        }
        let jump_ms = u64::try_from(jump_ms).unwrap_or(u64::MAX);
        let from = Timestamp::from_millis(now.as_millis().saturating_sub(jump_ms));
        if state.jumps.len() == MAX_JUMPS {
            state.jumps.remove(0);
        }
        state.jumps.push(Jump { from, by: Duration::from_millis(jump_ms) });
        self.jumped.notify_waiters();
        true
    }

    /// Moves a deadline that was set at `set_at` by the jumps since then.
    pub(super) fn moved(&self, deadline: Timestamp, set_at: Timestamp) -> Timestamp {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let since = state.jumps.iter().filter(|it| set_at <= it.from);
        since.fold(deadline, |deadline, it| deadline.after(it.by))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn observed(jumps: &ClockJumps, wall: u64, monotonic: u64) -> bool {
        jumps.observe(at(wall), Duration::from_secs(monotonic))
    }

    #[test]
    fn clocks_that_run_alike_do_not_jump() {
        let jumps = ClockJumps::default();

        let any = (0..100).any(|it| observed(&jumps, 1_000 + it, it));

        assert!(!any);
        assert_eq!(jumps.moved(at(2_000), at(1_000)), at(2_000));
    }

    #[test]
    fn a_jump_moves_the_deadlines_that_were_set_before_it() {
        let jumps = ClockJumps::default();
        observed(&jumps, 1_000, 0);

        assert!(observed(&jumps, 4_610, 10), "an hour in ten seconds");
        assert!(!observed(&jumps, 4_620, 20));

        assert_eq!(jumps.moved(at(2_000), at(1_000)), at(5_600));
        assert_eq!(jumps.moved(at(9_000), at(4_615)), at(9_000), "set after the jump");
    }

    #[test]
    fn a_clock_that_is_put_back_moves_nothing() {
        let jumps = ClockJumps::default();
        observed(&jumps, 5_000, 0);

        assert!(!observed(&jumps, 1_400, 10));
        assert!(!observed(&jumps, 1_410, 20));

        assert_eq!(jumps.moved(at(6_000), at(5_000)), at(6_000));
    }

    #[test]
    fn jumps_are_remembered_up_to_a_limit() {
        let jumps = ClockJumps::default();
        for number in 0..200 {
            observed(&jumps, 1_000 + number * 100, number);
        }

        assert_eq!(jumps.state.lock().expect("not poisoned").jumps.len(), MAX_JUMPS);
    }
}
