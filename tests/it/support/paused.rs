//! A clock for tests in which a day takes no time.

use std::time::Duration;

use rungs::core::time::Timestamp;
use rungs::ports::BoxFuture;
use rungs::ports::clock::Clock;

/// tokio's paused time as a clock: a day of waiting takes no time.
#[derive(Clone, Debug)]
pub(crate) struct Paused(tokio::time::Instant);

impl Default for Paused {
    fn default() -> Self {
        Self(tokio::time::Instant::now())
    }
}

impl Clock for Paused {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_000_000).after(self.0.elapsed())
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(wait))
    }
}
