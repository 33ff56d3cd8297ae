//! The reaper: removes expired records.
//!
//! * A batch expires [`Settings::retention`](crate::engine::Settings::retention) after its end. It is removed
//!   with its jobs, results, files, ledger, notification and idempotency key.
//! * A crawl expires as long after its end, with its batches and its URLs.
//! * A cache entry expires when its item's `cache.ttl` has passed.
//! * An extraction expires like a batch. The hold of one that never ended is released.
//! * A day of an account's usage expires after 62 days.
//!
//! Accounts and site profiles are never removed.
//!
//! A batch whose results cannot be removed stays due and is tried again in later rounds. It holds up nothing else.

use std::collections::HashSet;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::core::batch::BatchRecord;
use crate::core::crawl::CrawlRecord;
use crate::core::extraction::ExtractionRecord;
use crate::core::id::BatchId;
use crate::core::record::{Queue, Record};
use crate::engine::changes::{Expire, Forget};
use crate::engine::error::EngineError;
use crate::engine::extraction::ExpireExtraction;
use crate::engine::shared::Shared;

/// Records removed in one round.
const RECORDS_PER_ROUND: usize = 64;
/// Batches removed at the same time: an object store takes several requests for each.
const BATCHES_AT_ONCE: usize = 8;
/// Failures in a round after which the rest of the batches wait for the next one.
const MAX_FAILURES: usize = 8;
/// The maximum number of failed batches that a round reads in addition to `RECORDS_PER_ROUND`.
const MAX_FAILED: usize = 4_096;
/// The time between two rounds when nothing is due, or nothing could be removed.
const INTERVAL: Duration = Duration::from_secs(30);

/// Removes expired records until the engine stops.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut failed = HashSet::new();
    while !shared.lifecycle.stopping.is_cancelled() {
        let round = tokio::select! {
            biased;
            // An aborted removal is repeated: its record is removed last and stays due.
            () = shared.lifecycle.stopping.cancelled() => return,
            round = round(&shared, &mut failed) => round,
        };
        match round {
            Ok(removed) if removed > 0 => continue,
            Ok(_) => {}
            Err(error) => log(&error),
        }
        shared.sleep_unless_stopping(INTERVAL).await;
    }
}

fn log(error: &EngineError) {
    tracing::error!(error = error as &dyn Error, "removing expired records failed");
}

/// Removes due records and returns their number. `failed` contains the batches that could not be removed.
async fn round(shared: &Arc<Shared>, failed: &mut HashSet<BatchId>) -> Result<usize, EngineError> {
    // Claiming does not change expiring records, so failed batches are returned again. The limit grows by their number, so
    // that they cannot crowd out the others.
    let limit = RECORDS_PER_ROUND + failed.len().min(MAX_FAILED);
    let claim = shared.claim(Queue::Expiry, Duration::ZERO, limit);
    let due = shared.claim_due(claim).await?;
    let mut removed = 0;
    let mut batches = Vec::new();
    for found in due {
        match found.record {
            Record::Batch(batch) => batches.push(Expiring::Batch(batch)),
            Record::Extraction(it) => batches.push(Expiring::Extraction(it)),
            Record::Crawl(crawl) => batches.push(Expiring::Crawl(Box::new(crawl))),
            other => {
                shared.writer.apply(Forget(other.key())).await?;
                removed += 1;
            }
        }
    }
    let still_due: HashSet<_> = batches.iter().map(Expiring::id).collect();
    failed.retain(|it| still_due.contains(it));
    batches.sort_by_key(|it| failed.contains(&it.id()));
    Ok(removed + remove_batches(shared, batches, failed).await)
}

/// Removes batches, some of them at the same time, and returns how many were removed.
async fn remove_batches(
    shared: &Arc<Shared>,
    batches: Vec<Expiring>,
    failed: &mut HashSet<BatchId>,
) -> usize {
    let (mut removed, mut failures) = (0, 0);
    let mut waiting = batches.into_iter();
    let mut running = JoinSet::new();
    loop {
        while running.len() < BATCHES_AT_ONCE && failures < MAX_FAILURES {
            let Some(batch) = waiting.next() else { break };
            let shared = Arc::clone(shared);
            running.spawn(async move { (batch.id(), remove(&shared, batch).await) });
        }
        match running.join_next().await {
            None => return removed,
            Some(Ok((id, Ok(())))) => {
                failed.remove(&id);
                removed += 1;
            }
            Some(Ok((id, Err(error)))) => {
                log(&error);
                failed.insert(id);
                failures += 1;
            }
            // A panic of a store, which is reported on standard error.
            Some(Err(_)) => failures += 1,
        }
    }
}

/// An expired record whose results are removed with it.
enum Expiring {
    Batch(BatchRecord),
    Extraction(ExtractionRecord),
    Crawl(Box<CrawlRecord>),
}

impl Expiring {
    /// The batch under whose id the results are stored; for a crawl, a batch with the bytes of its id.
    fn id(&self) -> BatchId {
        match self {
            Self::Batch(it) => it.id,
            Self::Extraction(it) => it.id.bodies(),
            Self::Crawl(it) => BatchId::from_bytes(*it.id.as_bytes()),
        }
    }
}

/// Removes a batch that has expired, or that belongs to a crawl that has.
pub(super) async fn remove_batch(shared: &Shared, batch: BatchRecord) -> Result<(), EngineError> {
    // Bodies first: after a crash in between, the record is due again. In the other order, files without a record
    // would remain.
    shared.adapters.bodies.remove(batch.id).await?;
    let jobs = shared.job_ids(&batch).await?;
    shared.writer.apply(Expire { batch, jobs }).await
}

async fn remove(shared: &Shared, expiring: Expiring) -> Result<(), EngineError> {
    match expiring {
        Expiring::Batch(batch) => remove_batch(shared, batch).await,
        Expiring::Extraction(record) => {
            shared.adapters.bodies.remove(record.id.bodies()).await?;
            shared.writer.apply(ExpireExtraction(record)).await
        }
        Expiring::Crawl(crawl) => shared.remove_crawl(*crawl).await,
    }
}
