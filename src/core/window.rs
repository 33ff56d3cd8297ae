//! Adaptive concurrency: how many requests a site gets at once, learned from its responses.

use crate::core::time::Timestamp;

/// The number of requests that a site gets at once.
///
/// It grows by one for each round of healthy responses and halves when the site is overloaded, as a TCP
/// connection's window does.
///
/// # Invariants
///
/// * The limit is at least 1 and at most the configured number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    limit: f64,
    most: f64,
    /// The time of the last reduction: a request that began before it says nothing new.
    reduced_at: Timestamp,
}

impl Window {
    /// Returns a window that is fully open: `most` requests at once.
    pub fn new(most: usize) -> Self {
        let most = f64::from(u32::try_from(most.max(1)).unwrap_or(u32::MAX));
        Self { limit: most, most, reduced_at: Timestamp::default() }
    }

    /// Returns the most requests at once.
    pub fn limit(&self) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number between 1 and u32::MAX"
        )]
        let limit = self.limit.floor() as usize;
        limit.max(1)
    }

    /// Returns `true` if the window is fully open.
    pub fn is_open(&self) -> bool {
        self.limit >= self.most
    }

    /// Records a healthy response.
    pub fn grow(&mut self) {
        self.limit = (self.limit + self.limit.recip()).min(self.most);
    }

    /// Records that the site was overloaded by a request that began at `started_at`.
    ///
    /// Requests of one round that fail together halve the window once.
    pub fn shrink(&mut self, started_at: Timestamp, now: Timestamp) {
        if started_at < self.reduced_at {
            return;
        }
        self.limit = (self.limit / 2.0).max(1.0);
        // A request that begins in this very millisecond may be of the same round.
        self.reduced_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn a_window_grows_by_one_for_each_round() {
        let mut window = Window::new(8);
        for second in 1..=3 {
            window.shrink(at(second), at(second));
        }
        assert_eq!(window.limit(), 1);

        let mut rounds = Vec::new();
        for _ in 0..9 {
            for _ in 0..window.limit() {
                window.grow();
            }
            rounds.push(window.limit());
        }

        assert!(rounds.windows(2).all(|it| it[1] <= it[0] + 1), "{rounds:?}");
        assert_eq!(rounds.last(), Some(&8), "never above the configured number: {rounds:?}");
    }

    #[test]
    fn failures_of_one_round_halve_the_window_once() {
        let mut window = Window::new(8);

        for _ in 0..8 {
            window.shrink(at(1), at(2));
        }
        assert_eq!(window.limit(), 4);

        window.shrink(at(2), at(3));
        assert_eq!(window.limit(), 2);
    }

    #[test]
    fn a_window_never_closes() {
        let mut window = Window::new(1);

        window.shrink(at(1), at(1));

        assert_eq!((window.limit(), window.is_open()), (1, true));
    }
}
