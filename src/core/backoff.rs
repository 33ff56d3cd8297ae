//! Retry policies.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A retry policy: exponential backoff with a cap.
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

    /// The policy for transient failures of a page: two retries, from 500 ms to a minute.
    pub const PAGE: Self =
        Self { retries: 2, first: Duration::from_millis(500), longest: Duration::from_mins(1) };
    /// The policy for webhooks: attempts at 0, 2 and 8 seconds.
    pub const WEBHOOK: Self =
        Self { retries: 2, first: Duration::from_secs(2), longest: Duration::from_secs(8) };

    /// Returns the wait before retry `number`, from 1: it doubles from retry to retry, and
    /// `random` takes up to half of it away, so that jobs that failed together do not come back
    /// together.
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
    fn webhooks_are_attempted_at_0_2_and_8_seconds() {
        let waits = [1, 2].map(|it| Backoff::WEBHOOK.exact(it, 4));

        assert_eq!(waits, [Duration::from_secs(2), Duration::from_secs(8)]);
    }

    #[test]
    fn jitter_halves_a_wait_at_most() {
        let shortest = (0..1_000).map(|random| Backoff::PAGE.wait(1, random)).min();

        assert_eq!(shortest, Some(Duration::from_millis(250)));
    }
}
