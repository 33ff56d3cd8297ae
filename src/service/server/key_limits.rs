//! Limits of one API key: requests per minute, and requests and event streams at the same time.
//!
//! The rate is counted per minute of the clock, as the key's setting promises and as `X-RateLimit-Reset` can express.
//! A token bucket of the same size, such as that of `governor`, lets twice as many requests through in the first
//! minute, and has no moment at which it resets.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::core::time::Timestamp;

const MINUTE_MS: u64 = 60_000;
/// The value of a header for an absent limit: the largest number that every client can parse.
const NO_LIMIT: u32 = i32::MAX as u32;
/// Suggested wait for a concurrency permit. The time at which one becomes free is unknown.
const PERMIT_RETRY: Duration = Duration::from_secs(1);

/// The limits of one API key, and their current use.
#[derive(Debug, Default)]
pub(super) struct KeyLimits {
    per_minute: Option<u32>,
    concurrent: Option<u32>,
    window: Mutex<Window>,
    running: Arc<AtomicU32>,
    streams: Arc<AtomicU32>,
}

/// Requests counted in one minute of the clock.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    minute: u64,
    count: u32,
}

/// A snapshot of the limits for the response's headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) rate_limit: u32,
    pub(super) rate_remaining: u32,
    /// End of the current minute, in seconds since 1970.
    pub(super) rate_reset_secs: u64,
    pub(super) concurrency_limit: u32,
    pub(super) running: u32,
}

/// The limit that refused a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Too many requests at the same time.
    Concurrency,
    /// Too many requests in this minute.
    Rate,
}

impl Refusal {
    /// Returns the time that a client should wait before a retry, in whole seconds.
    pub(super) fn retry_after(self, now: Timestamp) -> Duration {
        match self {
            Self::Concurrency => PERMIT_RETRY,
            Self::Rate => {
                let rest = MINUTE_MS - now.as_millis() % MINUTE_MS;
                Duration::from_secs(rest.div_ceil(1_000))
            }
        }
    }
}

/// Permission for one request to run, or for one event stream. Dropping it makes room for another.
#[derive(Debug)]
pub(super) struct Permit {
    running: Arc<AtomicU32>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.running.fetch_sub(1, Ordering::AcqRel);
    }
}

impl KeyLimits {
    /// Creates limits. `None` means that there is no limit per minute, and that the service's limit of requests at the
    /// same time applies.
    pub(super) fn new(per_minute: Option<u32>, concurrent: Option<u32>) -> Self {
        Self { per_minute, concurrent, ..Self::default() }
    }

    /// Counts a request of this weight and lets it run. `concurrent` is the limit of keys without their own.
    pub(super) fn enter(
        &self,
        weight: u32,
        concurrent: u32,
        now: Timestamp,
    ) -> Result<Permit, Refusal> {
        let limit = self.concurrent.unwrap_or(concurrent);
        let permit = acquire(&self.running, limit).ok_or(Refusal::Concurrency)?;
        if self.count(weight, now) { Ok(permit) } else { Err(Refusal::Rate) }
    }

    /// Counts a message on an open connection as a request that reads.
    pub(super) fn count_message(&self, now: Timestamp) -> Result<(), Refusal> {
        if self.count(1, now) { Ok(()) } else { Err(Refusal::Rate) }
    }

    /// Lets an event stream begin, unless the key has this many.
    pub(super) fn enter_stream(&self, limit: u32) -> Result<Permit, Refusal> {
        acquire(&self.streams, limit).ok_or(Refusal::Concurrency)
    }

    /// Counts a request of this weight. Returns `false`, and counts nothing, if it exceeds the rate.
    fn count(&self, weight: u32, now: Timestamp) -> bool {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.as_millis() / MINUTE_MS;
        if window.minute != minute {
            *window = Window { minute, count: 0 };
        }
        let count = window.count.saturating_add(weight);
        // A limit below the weight of a request still lets one request through per minute.
        let fits = self.per_minute.is_none_or(|limit| count <= limit || window.count == 0);
        if fits {
            window.count = count;
        }
        fits
    }

    /// Returns the current use of the limits. `concurrent` is the limit of keys without their own.
    pub(super) fn standing(&self, concurrent: u32, now: Timestamp) -> Standing {
        let window = *self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.as_millis() / MINUTE_MS;
        let count = if window.minute == minute { window.count } else { 0 };
        let rate_limit = self.per_minute.unwrap_or(NO_LIMIT);
        Standing {
            rate_limit,
            rate_remaining: rate_limit.saturating_sub(count),
            rate_reset_secs: (minute + 1) * MINUTE_MS / 1_000,
            concurrency_limit: self.concurrent.unwrap_or(concurrent).min(NO_LIMIT),
            running: self.running.load(Ordering::Acquire),
        }
    }
}

fn acquire(running: &Arc<AtomicU32>, limit: u32) -> Option<Permit> {
    let increment = |running: u32| (running < limit).then(|| running + 1);
    let acquired = running.fetch_update(Ordering::AcqRel, Ordering::Acquire, increment);
    acquired.ok().map(|_| Permit { running: Arc::clone(running) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(90_000);

    #[test]
    fn the_rate_limit_resets_every_minute() {
        let limits = KeyLimits::new(Some(3), None);

        assert!(limits.count(2, NOW) && limits.count(1, NOW));
        assert!(!limits.count(1, NOW), "the fourth is one too many");
        let standing = limits.standing(u32::MAX, NOW);
        assert_eq!((standing.rate_limit, standing.rate_remaining), (3, 0));
        assert_eq!(standing.rate_reset_secs, 120);
        assert!(limits.count(1, Timestamp::from_millis(120_000)));
    }

    #[test]
    fn a_limit_below_a_weight_still_lets_one_request_through() {
        let limits = KeyLimits::new(Some(1), None);

        assert!(limits.count(2, NOW));
        assert!(!limits.count(2, NOW));
    }

    #[test]
    fn a_refused_request_is_not_counted() {
        let limits = KeyLimits::new(Some(3), None);
        assert!(limits.count(2, NOW));

        assert!(!limits.count(2, NOW));

        assert_eq!(limits.standing(u32::MAX, NOW).rate_remaining, 1);
    }

    #[test]
    fn a_dropped_permit_makes_room_for_another() {
        let limits = KeyLimits::new(None, Some(1));

        let permit = limits.enter(1, 9, NOW).expect("the only one");
        assert_eq!(limits.enter(1, 9, NOW).expect_err("full"), Refusal::Concurrency);
        drop(permit);

        assert!(limits.enter(1, 9, NOW).is_ok());
    }

    #[test]
    fn a_key_without_a_limit_of_its_own_has_the_services() {
        let limits = KeyLimits::new(None, None);

        let permits = [limits.enter(1, 2, NOW), limits.enter(1, 2, NOW)];

        assert!(permits.iter().all(Result::is_ok));
        assert_eq!(limits.enter(1, 2, NOW).expect_err("full"), Refusal::Concurrency);
        assert_eq!(limits.standing(2, NOW).concurrency_limit, 2);
    }

    #[test]
    fn streams_have_a_limit_of_their_own() {
        let limits = KeyLimits::new(None, None);

        let stream = limits.enter_stream(1).expect("the only one");
        assert_eq!(limits.enter_stream(1).expect_err("full"), Refusal::Concurrency);
        assert!(limits.enter(1, 1, NOW).is_ok(), "requests are counted apart");
        drop(stream);

        assert!(limits.enter_stream(1).is_ok());
    }

    #[test]
    fn an_absent_limit_is_shown_as_a_number_that_fits_32_bits() {
        let limits = KeyLimits::default();

        let standing = limits.standing(u32::MAX, NOW);

        let shown = (standing.rate_limit, standing.concurrency_limit);
        assert_eq!(shown, (i32::MAX as u32, i32::MAX as u32));
        assert!(limits.count(u32::MAX, NOW) && limits.count(u32::MAX, NOW));
    }
}
