//! Turns for other tasks during long loops.

use tokio::task::yield_now;

/// The steps after which other tasks get their turn. Each can take 5 ms with the most patterns.
const STEPS_PER_TURN: usize = 8;

/// The steps of a loop over URLs, each of which is compared with many patterns.
#[derive(Debug, Default)]
pub(super) struct Turns(usize);

impl Turns {
    /// Counts a step, and gives other tasks their turn after every few. Returns `true` if it did.
    pub(super) async fn step(&mut self) -> bool {
        self.0 += 1;
        let is_due = self.0.is_multiple_of(STEPS_PER_TURN);
        if is_due {
            yield_now().await;
        }
        is_due
    }
}
