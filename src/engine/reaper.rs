//! The reaper: removes what has served its time.

use std::sync::Arc;
use std::time::Duration;

use crate::core::record::{Claim, Queue, Record};
use crate::engine::Shared;
use crate::engine::changes::{Expire, Forget};
use crate::engine::error::EngineError;

/// Records removed in one round.
const AT_ONCE: usize = 64;
/// Between two rounds when nothing is due.
const ROUND: Duration = Duration::from_secs(30);

/// Removes until the engine stops.
pub(super) async fn run(shared: Arc<Shared>) {
    while !shared.stopping.is_cancelled() {
        match round(&shared).await {
            Ok(removed) if removed > 0 => continue,
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "removing expired records failed"),
        }
        tokio::select! {
            biased;
            () = shared.stopping.cancelled() => {}
            () = shared.clock.sleep(ROUND) => {}
        }
    }
}

async fn round(shared: &Shared) -> Result<usize, EngineError> {
    let now = shared.clock.now();
    let (queue, worker) = (Queue::Expiry, shared.worker);
    let claim = Claim { queue, worker, now, until: now, limit: AT_ONCE };
    let due = shared.store.claim(claim).await?;
    let count = due.len();
    for found in due {
        match found.record {
            Record::Batch(batch) => {
                // The bodies first: a crash in between leaves a record that is due again, and not
                // a file that nothing names.
                shared.bodies.remove(batch.id).await?;
                shared.writer.apply(Expire(batch)).await?;
            }
            other => shared.writer.apply(Forget(other.key())).await?,
        }
    }
    Ok(count)
}
