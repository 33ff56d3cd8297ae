//! The reaper: removes expired records.
//!
//! * A batch expires [`Settings::retention`](crate::engine::Settings::retention) after its end. It is removed
//!   with its jobs, results, files, ledger, notification and idempotency key.
//! * A cache entry expires when its item's `cache.ttl` has passed.
//! * A day of an account's usage expires after 62 days.
//!
//! Accounts and site profiles are never removed.

use std::sync::Arc;
use std::time::Duration;

use crate::core::record::{Queue, Record};
use crate::engine::changes::{Expire, Forget};
use crate::engine::error::EngineError;
use crate::engine::shared::Shared;

/// Records removed in one round.
const RECORDS_PER_ROUND: usize = 64;
/// The time between two rounds when nothing is due.
const INTERVAL: Duration = Duration::from_secs(30);

/// Removes expired records until the engine stops.
pub(super) async fn run(shared: Arc<Shared>) {
    while !shared.lifecycle.stopping.is_cancelled() {
        match round(&shared).await {
            Ok(removed) if removed > 0 => continue,
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "removing expired records failed"),
        }
        tokio::select! {
            biased;
            () = shared.lifecycle.stopping.cancelled() => {}
            () = shared.sleep(INTERVAL) => {}
        }
    }
}

async fn round(shared: &Shared) -> Result<usize, EngineError> {
    let claim = shared.claim(Queue::Expiry, Duration::ZERO, RECORDS_PER_ROUND);
    let due = shared.claim_due(claim).await?;
    let count = due.len();
    for found in due {
        match found.record {
            Record::Batch(batch) => {
                // Bodies first: after a crash in between, the record is due again. In the other order, files
                // without a record would remain.
                shared.adapters.bodies.remove(batch.id).await?;
                let jobs = shared.job_ids(&batch).await?;
                shared.writer.apply(Expire { batch, jobs }).await?;
            }
            other => shared.writer.apply(Forget(other.key())).await?,
        }
    }
    Ok(count)
}
