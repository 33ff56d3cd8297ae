//! The default of [`Store::apply`]: load, decide, commit, and again after a conflict.

use std::time::Duration;

use crate::core::backoff::Backoff;
use crate::core::record::Key;
use crate::ports::clock::{Clock, Entropy};
use crate::ports::store::{Store, StoreError, Versioned, Write};

/// Decides what [`Store::apply`] writes, from the records with its keys. No write is a decision too.
pub type Decide<'a> = Box<dyn FnMut(Vec<Option<Versioned>>) -> Vec<Write> + Send + 'a>;

/// The waits between the tries of [`Store::apply`]: none before the second try, then up to 2 ms, doubling up to 250 ms.
/// Each is random, so that writers that met once do not meet again.
#[derive(Debug)]
pub struct Retries<'a> {
    clock: &'a dyn Clock,
    entropy: &'a dyn Entropy,
    /// The time by [`Clock::monotonic`] after which no try begins.
    ends: Duration,
    tries: u32,
}

impl<'a> Retries<'a> {
    const WAITS: Backoff =
        Backoff::new(u32::MAX, Duration::from_millis(2), Duration::from_millis(250));

    /// Returns the waits of a call that begins now and gives up after `limit`.
    pub fn new(clock: &'a dyn Clock, entropy: &'a dyn Entropy, limit: Duration) -> Self {
        Self { clock, entropy, ends: clock.monotonic().saturating_add(limit), tries: 0 }
    }

    /// Waits before the next try. Returns `false` if there is no time left for one.
    pub async fn wait(&mut self) -> bool {
        if self.tries > 0 {
            let longest = Self::WAITS.exact(self.tries, 2).as_millis();
            let longest = u64::try_from(longest).unwrap_or(u64::MAX).saturating_add(1);
            let wait = Duration::from_millis(self.entropy.random_u64() % longest);
            self.clock.sleep(wait).await;
        }
        self.tries = self.tries.saturating_add(1);
        self.clock.monotonic() < self.ends
    }
}

/// Applies `decide` until its commit conflicts with no other.
pub(super) async fn until_no_conflict<S: Store + ?Sized>(
    store: &S,
    keys: Vec<Key>,
    mut decide: Decide<'_>,
    mut retries: Retries<'_>,
) -> Result<(), StoreError> {
    loop {
        let writes = decide(store.load(keys.clone()).await?);
        if writes.is_empty() {
            return Ok(());
        }
        match store.commit(writes).await {
            Err(StoreError::Conflict) if retries.wait().await => {}
            done => return done,
        }
    }
}
