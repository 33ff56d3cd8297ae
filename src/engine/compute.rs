//! Computation that must not hold up an async thread.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::engine::shared::Shared;
use crate::ports::extract::ExtractError;

impl Shared {
    /// Computes on the blocking pool, at most once per processor at the same time.
    ///
    /// Something short is done before a thread of the pool would wake up, so it may be computed at once.
    ///
    /// # Errors
    ///
    /// [`ExtractError::Panicked`] or [`ExtractError::Abandoned`].
    pub(super) async fn compute<T: Send + 'static>(
        &self,
        is_short: bool,
        compute: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ExtractError> {
        let (sender, receiver) = oneshot::channel();
        let work = Box::new(move || {
            // The receiver is gone if the caller gave up meanwhile. The value is dropped then.
            drop(sender.send(catch_unwind(AssertUnwindSafe(compute))));
        });
        let pool = &self.adapters.blocking_pool;
        if is_short {
            pool.run_short(work).await;
        } else {
            let _permit = self.scheduling.extraction_permits.acquire().await;
            pool.run(work).await;
        }
        match receiver.await {
            Ok(Ok(computed)) => Ok(computed),
            Ok(Err(_)) => Err(ExtractError::Panicked),
            Err(_) => Err(ExtractError::Abandoned),
        }
    }
}
