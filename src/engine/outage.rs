//! Outages: the time in which the store cannot be reached, such as a failover.
//!
//! A managed database needs 30 to 60 seconds for one. Finished pages wait that long, so that none is fetched again.

use std::time::Duration;

use crate::core::backoff::Backoff;
use crate::core::id::BatchId;
use crate::core::job::BodyRef;
use crate::engine::shared::Shared;
use crate::ports::store::StoreError;

/// The longest outage that finished work waits out.
pub(super) const LONGEST: Duration = Duration::from_mins(2);
/// The longest wait of a call whose caller can try again, such as a submission.
pub(super) const CALL_PATIENCE: Duration = Duration::from_secs(5);
/// The waits between the tries.
const WAITS: Backoff = Backoff::new(u32::MAX, Duration::from_millis(100), Duration::from_secs(1));

/// An ongoing outage.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outage {
    /// The time at which it was noticed, by the monotonic clock.
    began: Duration,
    tries: u32,
}

impl Outage {
    pub(super) fn new(now: Duration) -> Self {
        Self { began: now, tries: 0 }
    }

    pub(super) fn lasted(&self, now: Duration) -> Duration {
        now.saturating_sub(self.began)
    }

    /// Returns the wait before the next try.
    pub(super) fn next_wait(&mut self) -> Duration {
        self.tries = self.tries.saturating_add(1);
        WAITS.exact(self.tries, 2)
    }
}

impl Shared {
    /// Stores a body, and waits while the store of bodies cannot be reached.
    pub(super) async fn put_body(
        &self,
        batch: BatchId,
        bytes: Vec<u8>,
    ) -> Result<BodyRef, StoreError> {
        self.put_naming(batch, bytes, Vec::new()).await
    }

    /// Stores a body that names `others`, like [`Shared::put_body`].
    pub(super) async fn put_naming(
        &self,
        batch: BatchId,
        bytes: Vec<u8>,
        others: Vec<BodyRef>,
    ) -> Result<BodyRef, StoreError> {
        let is_outage = |error: &StoreError| matches!(error, StoreError::Unavailable { .. });
        let put = || self.adapters.bodies.put_naming(batch, bytes.clone(), others.clone());
        self.wait_out("storing a result", is_outage, put).await
    }

    /// Makes a call that writes nothing if it fails with an outage, and repeats it until the store can be reached, for
    /// [`LONGEST`] at most.
    pub(super) async fn wait_out<T, E, F>(
        &self,
        work: &'static str,
        is_outage: fn(&E) -> bool,
        mut call: impl FnMut() -> F,
    ) -> Result<T, E>
    where
        E: std::error::Error + 'static,
        F: Future<Output = Result<T, E>>,
    {
        let mut outage: Option<Outage> = None;
        loop {
            let error = match call().await {
                Err(error) if is_outage(&error) => error,
                done => return done,
            };
            let now = self.monotonic();
            let outage = outage.get_or_insert_with(|| {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "{work} waits for the store");
                Outage::new(now)
            });
            if outage.lasted(now) >= LONGEST {
                return Err(error);
            }
            drop(error);
            self.sleep(outage.next_wait()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waits_grow_to_a_second() {
        let mut outage = Outage::new(Duration::from_secs(10));

        let waits: Vec<_> = (0..6).map(|_| outage.next_wait().as_millis()).collect();

        assert_eq!(waits, [100, 200, 400, 800, 1_000, 1_000]);
        assert_eq!(outage.lasted(Duration::from_secs(13)), Duration::from_secs(3));
    }
}
