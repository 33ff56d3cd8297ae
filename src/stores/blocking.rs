//! Blocking work, off the async threads.

use tokio::task::spawn_blocking;

use crate::ports::store::StoreError;

/// Runs `work` on a blocking thread. A panic is reported as a failure of `store`.
pub(super) async fn blocking<T: Send + 'static>(
    store: &'static str,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(StoreError::Backend { store, source: Box::new(error) }),
    }
}

/// Runs `work` on a blocking thread if it is long. Short work costs less than a change of threads.
pub(super) async fn blocking_if_long<T: Send + 'static>(
    is_long: bool,
    store: &'static str,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    if is_long { blocking(store, work).await } else { work() }
}
