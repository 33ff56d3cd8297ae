//! The time of a store that several processes share.
//!
//! Leases and due times are compared by the clock of the store. So the engine takes its time from there: a process whose
//! own clock is wrong, or jumps, neither steals nor loses a lease.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::core::time::{Timestamp, millis};
use crate::ports::BoxFuture;
use crate::ports::clock::Clock;
use crate::ports::store::{Store, StoreError};

/// The offset while the time of the store is unknown.
const UNKNOWN: i64 = i64::MIN;

/// Shows the time of the store, advanced by the monotonic clock of the process.
#[derive(Debug)]
pub(super) struct StoreClock {
    own: Arc<dyn Clock>,
    /// The time of the store minus the monotonic clock, in milliseconds.
    offset_ms: AtomicI64,
}

impl StoreClock {
    /// Returns a clock that shows the time of `own` until it is set.
    pub(super) fn new(own: Arc<dyn Clock>) -> Self {
        Self { own, offset_ms: AtomicI64::new(UNKNOWN) }
    }

    /// Reads the time of the store. A store without a clock leaves the engine its own.
    pub(super) async fn set(&self, store: &dyn Store) -> Result<(), StoreError> {
        let asked = self.own.monotonic();
        let Some(time) = store.now().await? else { return Ok(()) };
        let responded = self.own.monotonic();
        // The store looked at its clock somewhere in between.
        let read = asked.saturating_add(responded.saturating_sub(asked) / 2);
        let offset = i128::from(time.as_millis()) - i128::from(millis(read));
        self.offset_ms.store(i64::try_from(offset).unwrap_or(UNKNOWN), Ordering::Relaxed);
        Ok(())
    }
}

impl Clock for StoreClock {
    fn now(&self) -> Timestamp {
        match self.offset_ms.load(Ordering::Relaxed) {
            UNKNOWN => self.own.now(),
            offset => {
                let monotonic = millis(self.own.monotonic());
                Timestamp::from_millis(monotonic.saturating_add_signed(offset))
            }
        }
    }

    fn monotonic(&self) -> Duration {
        self.own.monotonic()
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()> {
        self.own.sleep(wait)
    }
}
