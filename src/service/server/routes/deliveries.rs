//! Webhooks: what was sent, what came back, and sending it once more.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;

use crate::core::batch::{BatchRecord, Notification};
use crate::core::id::{BatchId, NotificationId};
use crate::service::server::answer;
use crate::service::server::body;
use crate::service::server::gate::Caller;
use crate::service::server::problem::{Problem, no_batch, no_delivery};
use crate::service::server::routes::Service;
use crate::service::server::routes::account::{cursor, listed, page_size};
use crate::service::server::routes::batch::owned;
use crate::service::server::routes::scrape::owned_job;
use crate::service::wire;

/// Batches that are looked through for one page of deliveries.
const LOOKED_THROUGH: usize = 500;
/// Batches that are read at once.
const STEP: usize = 50;

/// Which events are listed.
#[derive(Clone, Copy)]
enum Which {
    /// Those that go to somebody.
    Addressed,
    /// Those that nobody asked to be told of as well.
    All,
}

fn which(query: Option<&str>) -> Result<Which, Problem> {
    let all = body::switch(query, "unaddressed", false)?;
    Ok(if all { Which::All } else { Which::Addressed })
}

/// The event of a batch's end, once it is there and if it is one of those.
async fn event(
    service: &Service,
    batch: BatchId,
    which: Which,
) -> Result<Option<Notification>, Problem> {
    let notice = service.engine().batch_notification(batch).await?;
    Ok(notice.filter(|it| matches!(which, Which::All) || it.url.is_some()))
}

/// `GET /batch/{id}/deliveries`.
pub(super) async fn of_batch(
    State(service): State<Service>,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let batch = owned(&service, &caller, &id).await?;
    of_end(&service, batch.id, which(query.as_deref())?).await
}

/// `GET /jobs/{id}/deliveries`, for pages that were submitted by themselves.
pub(super) async fn of_job(
    State(service): State<Service>,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let job = owned_job(&service, &caller, &id).await?;
    of_end(&service, job.batch, which(query.as_deref())?).await
}

/// What was told of a batch's end, which is one delivery or none.
async fn of_end(service: &Service, batch: BatchId, which: Which) -> Result<Response, Problem> {
    let notice = event(service, batch, which).await?;
    Ok(answer::json(StatusCode::OK, &wire::deliveries(notice.as_slice(), None)))
}

/// `GET /deliveries`: those of the account's batches, newest first.
pub(super) async fn list(
    State(service): State<Service>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = query.as_deref();
    let (limit, which, mut after) = (page_size(query)?, which(query)?, cursor(query)?);
    let (mut found, mut looked) = (Vec::new(), 0);
    // Most batches may tell nobody, and a page without a delivery would look like the last one.
    loop {
        let (batches, next) = listed(&service, &caller, after, STEP).await?;
        let (taken, last) = taken(&service, &batches, which, limit - found.len()).await?;
        found.extend(taken);
        looked += batches.len();
        // Where the page is full before the step is through, the next begins within the step.
        after = if last < batches.len() { batches.get(last - 1).map(|it| it.id) } else { next };
        if after.is_none() || found.len() == limit || looked >= LOOKED_THROUGH {
            return Ok(answer::json(StatusCode::OK, &wire::deliveries(&found, after)));
        }
    }
}

/// Up to `most` deliveries of these batches, and how many of the batches were looked at for them.
async fn taken(
    service: &Service,
    batches: &[BatchRecord],
    which: Which,
    most: usize,
) -> Result<(Vec<Notification>, usize), Problem> {
    let mut found = Vec::new();
    for (at, batch) in batches.iter().enumerate() {
        if found.len() == most {
            return Ok((found, at));
        }
        if matches!(which, Which::Addressed) && batch.webhook.is_none() {
            continue;
        }
        match event(service, batch.id, which).await {
            Ok(notice) => found.extend(notice),
            // It was removed since it was listed.
            Err(gone) if gone.status == no_batch().status => {}
            Err(failed) => return Err(failed),
        }
    }
    Ok((found, batches.len()))
}

/// `POST /deliveries/{id}/redeliver`: the same event with the same id, once more.
pub(super) async fn redeliver(
    State(service): State<Service>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id: NotificationId = id.parse().map_err(|_| no_delivery())?;
    let notice = service.engine().notification(id).await?;
    if notice.account != *caller.account() || notice.url.is_none() {
        return Err(no_delivery());
    }
    let notice = service.engine().redeliver(id).await?;
    Ok(answer::json(StatusCode::ACCEPTED, &wire::delivery(&notice)))
}
