//! Records of the principal's account.
//!
//! A record of another account and a malformed id get the same response as a record that does not exist.

use std::ops::RangeInclusive;

use crate::core::batch::BatchRecord;
use crate::core::id::BatchId;
use crate::core::job::Job;
use crate::service::server::principal::Principal;
use crate::service::server::query;
use crate::service::server::state::Service;
use crate::service::wire::{self, Problem};

/// Entries of one page of a list.
const PAGE_SIZES: RangeInclusive<usize> = 1..=100;
const DEFAULT_PAGE_SIZE: usize = 20;

/// Parses the id of a batch from a path.
pub(super) fn batch_id(id: &str) -> Result<BatchId, Problem> {
    id.parse().map_err(|_| wire::batch_not_found())
}

/// Loads a batch of the principal's account.
pub(super) async fn batch(
    service: &Service,
    principal: &Principal,
    id: &str,
) -> Result<BatchRecord, Problem> {
    let batch = service.engine().batch(batch_id(id)?).await?;
    if batch.account == *principal.account() { Ok(batch) } else { Err(wire::batch_not_found()) }
}

/// Loads a job of the principal's account.
pub(super) async fn job(
    service: &Service,
    principal: &Principal,
    id: &str,
) -> Result<Job, Problem> {
    let id = id.parse().map_err(|_| wire::job_not_found())?;
    let job = service.engine().job(id).await?;
    if job.account == *principal.account() { Ok(job) } else { Err(wire::job_not_found()) }
}

/// Parses the parameter `limit`.
pub(super) fn page_size(query: Option<&str>) -> Result<usize, Problem> {
    query::number(query, "limit", PAGE_SIZES, DEFAULT_PAGE_SIZE)
}

/// Lists up to `limit` batches of the account after `cursor`, newest first, and returns the next page's cursor.
pub(super) async fn batches(
    service: &Service,
    principal: &Principal,
    cursor: Option<BatchId>,
    limit: usize,
) -> Result<(Vec<BatchRecord>, Option<BatchId>), Problem> {
    // One more than requested shows whether there is a next page.
    let mut found =
        service.engine().account_batches(principal.account(), cursor, limit + 1).await?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().map(|it| it.id).filter(|_| has_more);
    Ok((found, next))
}
