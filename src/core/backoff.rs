//! Retry policies.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A retry policy: exponential backoff with a longest wait.
///
/// ```
/// use std::time::Duration;
///
/// use rungs::core::backoff::Backoff;
///
/// let policy = Backoff::new(3, Duration::from_secs(1), Duration::from_secs(3));
///
/// let waits = [1, 2, 3].map(|retry| policy.exact(retry, 2).as_secs());
/// assert_eq!(waits, [1, 2, 3]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Backoff {
    /// The number of retries after the first attempt.
    pub retries: u32,
    /// The wait before the first retry.
    pub first: Duration,
    /// The longest wait. A `Retry-After` may be longer, up to the job's timeout.
    pub longest: Duration,
}

impl Backoff {
    /// Returns a policy with this number of retries, first wait and longest wait.
    pub const fn new(retries: u32, first: Duration, longest: Duration) -> Self {
        Self { retries, first, longest }
    }

    /// Sets the number of retries after the first attempt.
    #[must_use]
    pub const fn with_retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Sets the wait before the first retry.
    #[must_use]
    pub const fn with_first(mut self, first: Duration) -> Self {
        self.first = first;
        self
    }

    /// Sets the longest wait.
    #[must_use]
    pub const fn with_longest(mut self, longest: Duration) -> Self {
        self.longest = longest;
        self
    }

    /// The policy for transient failures of a page: 2 retries, waits of 500 ms to 1 minute.
    pub const PAGE: Self =
        Self { retries: 2, first: Duration::from_millis(500), longest: Duration::from_mins(1) };

    /// Returns the wait before retry `number`, from 1, with jitter. It doubles from retry to retry. `random` removes
    /// up to half of it, so that jobs that failed together are not retried together.
    pub fn wait(&self, number: u32, random: u64) -> Duration {
        let whole = self.exact(number, 2);
        let half = u64::try_from(whole.as_millis() / 2).unwrap_or(u64::MAX);
        whole.saturating_sub(Duration::from_millis(random % half.saturating_add(1)))
    }

    /// Returns the wait without jitter, growing by `factor` from retry to retry.
    pub fn exact(&self, number: u32, factor: u32) -> Duration {
        let growth = factor.saturating_pow(number.saturating_sub(1));
        self.first.saturating_mul(growth).min(self.longest)
    }
}

/// The waits between the attempts to deliver a webhook, one per retry.
///
/// ```
/// use std::time::Duration;
///
/// use rungs::core::backoff::RetrySchedule;
///
/// let schedule = RetrySchedule::new(&[Duration::from_secs(5), Duration::from_mins(10)]);
/// assert_eq!(schedule.map(|it| it.waits().len()), Some(2));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetrySchedule {
    waits: [Duration; Self::MAX_RETRIES],
    count: usize,
}

impl RetrySchedule {
    /// The most retries.
    pub const MAX_RETRIES: usize = 32;
    /// The default for webhooks: 10 s, 1 min, 5 min, 30 min, 2 h, 5 h and 10 h. A notification is kept for 24 hours,
    /// within which all of them fit.
    pub const WEBHOOK: Self = {
        let mut waits = [Duration::ZERO; Self::MAX_RETRIES];
        waits[0] = Duration::from_secs(10);
        waits[1] = Duration::from_mins(1);
        waits[2] = Duration::from_mins(5);
        waits[3] = Duration::from_mins(30);
        waits[4] = Duration::from_hours(2);
        waits[5] = Duration::from_hours(5);
        waits[6] = Duration::from_hours(10);
        Self { waits, count: 7 }
    };

    /// Returns a schedule with these waits, `None` if there are more than [`RetrySchedule::MAX_RETRIES`].
    pub fn new(waits: &[Duration]) -> Option<Self> {
        let mut schedule = Self { waits: [Duration::ZERO; Self::MAX_RETRIES], count: waits.len() };
        schedule.waits.get_mut(..waits.len())?.copy_from_slice(waits);
        Some(schedule)
    }

    /// Returns the waits, without jitter.
    pub fn waits(&self) -> &[Duration] {
        self.waits.get(..self.count).unwrap_or(&self.waits)
    }

    /// Returns the wait before retry `number`, from 1; `None` if there is no such retry. `random` adds up to a tenth,
    /// so that notifications that failed together do not come back together.
    pub fn wait(&self, number: u32, random: u64) -> Option<Duration> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        let wait = *self.waits().get(index)?;
        let tenth = u64::try_from(wait.as_millis() / 10).unwrap_or(u64::MAX);
        Some(wait.saturating_add(Duration::from_millis(random % tenth.saturating_add(1))))
    }
}

impl From<Backoff> for RetrySchedule {
    /// Takes the waits of the backoff without its jitter, and [`RetrySchedule::MAX_RETRIES`] retries at most.
    fn from(backoff: Backoff) -> Self {
        let count = usize::try_from(backoff.retries).unwrap_or(usize::MAX).min(Self::MAX_RETRIES);
        let mut schedule = Self { waits: [Duration::ZERO; Self::MAX_RETRIES], count };
        for (number, wait) in (1..).zip(schedule.waits.iter_mut().take(count)) {
            *wait = backoff.exact(number, 2);
        }
        schedule
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let backoff = Backoff::PAGE;

        assert_eq!(backoff.wait(1, 0), Duration::from_millis(500));
        assert_eq!(backoff.wait(2, 0), Duration::from_secs(1));
        assert_eq!(backoff.wait(2, 500), Duration::from_millis(500));
        assert_eq!(backoff.wait(99, 0), backoff.longest);
    }

    #[test]
    fn webhooks_are_retried_for_most_of_a_day() {
        let schedule = RetrySchedule::WEBHOOK;

        let waits: Vec<u64> = schedule.waits().iter().map(Duration::as_secs).collect();
        assert_eq!(waits, [10, 60, 300, 1_800, 7_200, 18_000, 36_000]);
        let longest = |retry| schedule.wait(retry, u64::MAX).unwrap_or_default();
        let total: Duration = (1..=7).map(longest).sum();
        assert!(total < Duration::from_hours(24), "a batch may be kept no longer: {total:?}");
        assert_eq!((schedule.wait(0, 0), schedule.wait(8, 0)), (None, None));
    }

    #[test]
    fn a_schedule_adds_a_tenth_at_most() {
        let schedule = RetrySchedule::new(&[Duration::from_secs(10)]).expect("short enough");

        let waits = (0..5_000).filter_map(|random| schedule.wait(1, random));

        let range = waits.fold((Duration::MAX, Duration::ZERO), |(least, most), it| {
            (least.min(it), most.max(it))
        });
        assert_eq!(range, (Duration::from_secs(10), Duration::from_secs(11)));
    }

    #[test]
    fn a_schedule_has_a_limit() {
        let waits = [Duration::from_secs(1); RetrySchedule::MAX_RETRIES + 1];

        assert!(RetrySchedule::new(&waits[1..]).is_some());
        assert!(RetrySchedule::new(&waits).is_none());
        assert!(RetrySchedule::new(&[]).is_some_and(|it| it.wait(1, 0).is_none()));
    }

    #[test]
    fn a_backoff_becomes_the_schedule_of_its_waits() {
        let backoff = Backoff::new(3, Duration::from_secs(2), Duration::from_secs(8));

        let schedule = RetrySchedule::from(backoff);

        assert_eq!(schedule.waits(), [2, 4, 8].map(Duration::from_secs));
    }

    #[test]
    fn jitter_halves_a_wait_at_most() {
        let shortest = (0..1_000).map(|random| Backoff::PAGE.wait(1, random)).min();

        assert_eq!(shortest, Some(Duration::from_millis(250)));
    }
}
