//! Webhooks: what was sent, what came back, and sending it once more.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;

use crate::core::batch::Notice;
use crate::core::id::{BatchId, DeliveryId};
use crate::service::answer;
use crate::service::body;
use crate::service::gate::Caller;
use crate::service::problem::{Problem, no_batch, no_job};
use crate::service::routes::Service;
use crate::service::routes::account::cursor;
use crate::service::routes::batch::owned;
use crate::service::wire;

/// Deliveries of one page of the list.
const DELIVERIES: std::ops::RangeInclusive<usize> = 1..=100;
const USUAL_DELIVERIES: usize = 20;

fn no_delivery() -> Problem {
    let message = "there is no such delivery: it never was, or its batch's time is over";
    Problem::new(404, "DELIVERY_NOT_FOUND", message)
}

/// The event of a batch's end, if anybody is told of it.
async fn addressed(service: &Service, batch: BatchId) -> Result<Option<Notice>, Problem> {
    let notice = service.engine().notice(batch).await?;
    Ok(notice.filter(|it| it.url.is_some()))
}

/// `GET /batch/{id}/deliveries`.
pub(super) async fn of_batch(
    State(service): State<Service>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let batch = owned(&service, &caller, &id).await?;
    let notice = addressed(&service, batch.id).await?;
    let found: Vec<Notice> = notice.into_iter().collect();
    Ok(answer::json(StatusCode::OK, &wire::deliveries(&found, None)))
}

/// `GET /jobs/{id}/deliveries`, for pages that were submitted by themselves.
pub(super) async fn of_job(
    State(service): State<Service>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = id.parse().map_err(|_| no_job())?;
    let job = service.engine().job_record(id).await?;
    if job.account != *caller.account() {
        return Err(no_job());
    }
    let notice = addressed(&service, job.batch).await?;
    let found: Vec<Notice> = notice.into_iter().collect();
    Ok(answer::json(StatusCode::OK, &wire::deliveries(&found, None)))
}

/// `GET /deliveries`: those of the account's batches, newest first.
pub(super) async fn list(
    State(service): State<Service>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = query.as_deref();
    let limit = body::number(query, "limit", DELIVERIES, USUAL_DELIVERIES)?;
    // A page is so many batches, of which some told nobody.
    let mut batches =
        service.engine().batches_of(caller.account(), cursor(query)?, limit + 1).await?;
    let more = batches.len() > limit;
    batches.truncate(limit);
    let next = batches.last().map(|it| it.id).filter(|_| more);
    let mut found = Vec::new();
    for batch in batches.iter().filter(|it| it.webhook.is_some()) {
        match addressed(&service, batch.id).await {
            Ok(notice) => found.extend(notice),
            // It was removed since it was listed.
            Err(gone) if gone.status == no_batch().status => {}
            Err(failed) => return Err(failed),
        }
    }
    Ok(answer::json(StatusCode::OK, &wire::deliveries(&found, next)))
}

/// `POST /deliveries/{id}/redeliver`: the same event with the same id, once more.
pub(super) async fn redeliver(
    State(service): State<Service>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id: DeliveryId = id.parse().map_err(|_| no_delivery())?;
    let notice = service.engine().delivery(id).await?.ok_or_else(no_delivery)?;
    if notice.account != *caller.account() || notice.url.is_none() {
        return Err(no_delivery());
    }
    let notice = service.engine().redeliver(id).await?.ok_or_else(no_delivery)?;
    Ok(answer::json(StatusCode::ACCEPTED, &wire::delivery(&notice)))
}
