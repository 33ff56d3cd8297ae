//! Webhooks: what was sent, what came back, and sending it once more.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;

use crate::core::batch::Notice;
use crate::core::id::{BatchId, DeliveryId};
use crate::service::answer;
use crate::service::gate::Caller;
use crate::service::problem::{Problem, no_batch};
use crate::service::routes::Service;
use crate::service::routes::account::page;
use crate::service::routes::batch::owned;
use crate::service::routes::scrape::owned_job;
use crate::service::wire;

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
    of_end(&service, batch.id).await
}

/// `GET /jobs/{id}/deliveries`, for pages that were submitted by themselves.
pub(super) async fn of_job(
    State(service): State<Service>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let job = owned_job(&service, &caller, &id).await?;
    of_end(&service, job.batch).await
}

/// What was told of a batch's end, which is one delivery or none.
async fn of_end(service: &Service, batch: BatchId) -> Result<Response, Problem> {
    let notice = addressed(service, batch).await?;
    Ok(answer::json(StatusCode::OK, &wire::deliveries(notice.as_slice(), None)))
}

/// `GET /deliveries`: those of the account's batches, newest first.
pub(super) async fn list(
    State(service): State<Service>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    // A page is so many batches, of which some told nobody.
    let (batches, next) = page(&service, &caller, query.as_deref()).await?;
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
