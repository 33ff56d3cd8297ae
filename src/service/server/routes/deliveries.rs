//! Webhook deliveries: the list of notifications with their attempts and responses, and redelivery.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;

use crate::core::batch::{BatchRecord, Notification};
use crate::core::id::{BatchId, NotificationId};
use crate::service::server::principal::Principal;
use crate::service::server::routes::crawl::crawl;
use crate::service::server::routes::lookup;
use crate::service::server::state::Service;
use crate::service::server::{query, response};
use crate::service::wire::{self, Problem};

/// Maximum number of batches that are searched for one page of deliveries.
const MAX_SEARCHED: usize = 500;
/// Number of batches that are read in one step.
const SEARCH_STEP: usize = 50;

/// The notifications that are listed.
#[derive(Clone, Copy)]
enum Filter {
    /// Notifications with a webhook URL.
    Addressed,
    /// All notifications, of batches without a webhook as well.
    All,
}

impl Filter {
    fn lists(self, notification: &Notification) -> bool {
        matches!(self, Self::All) || notification.url.is_some()
    }
}

fn filter(query: Option<&str>) -> Result<Filter, Problem> {
    let all = query::flag(query, "unaddressed", false)?;
    Ok(if all { Filter::All } else { Filter::Addressed })
}

/// Lists a notification, if there is one and the filter lists it.
fn listed(found: Option<Notification>, filter: Filter) -> Response {
    let found = found.filter(|it| filter.lists(it));
    response::json(StatusCode::OK, &wire::deliveries(found.as_slice(), None))
}

/// Handles `GET /batch/{id}/deliveries`.
pub(in crate::service::server) async fn of_batch(
    State(service): State<Service>,
    principal: Principal,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let batch = lookup::batch(&service, &principal, &id).await?;
    delivery_of(&service, batch.id, filter(query.as_deref())?).await
}

/// Handles `GET /crawl/{id}/deliveries`.
pub(in crate::service::server) async fn of_crawl(
    State(service): State<Service>,
    principal: Principal,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let crawl = crawl(&service, &principal, &id).await?.record().id;
    let filter = filter(query.as_deref())?;
    Ok(listed(service.engine().crawl_notification(crawl).await?, filter))
}

/// Handles `GET /jobs/{id}/deliveries`: the notification of the job itself, or else that of its batch.
pub(in crate::service::server) async fn of_job(
    State(service): State<Service>,
    principal: Principal,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let job = lookup::job(&service, &principal, &id).await?;
    if let Some(own) = service.engine().job_notification(job.id).await? {
        return Ok(listed(Some(own), Filter::All));
    }
    delivery_of(&service, job.batch, filter(query.as_deref())?).await
}

/// Lists a batch's one delivery, or none.
async fn delivery_of(
    service: &Service,
    batch: BatchId,
    filter: Filter,
) -> Result<Response, Problem> {
    Ok(listed(service.engine().batch_notification(batch).await?, filter))
}

/// Handles `GET /deliveries`: those of the account's batches, newest first.
pub(in crate::service::server) async fn list(
    State(service): State<Service>,
    principal: Principal,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = query.as_deref();
    let (limit, filter) = (lookup::page_size(query)?, filter(query)?);
    let mut cursor = query::cursor(query)?;
    let mut found = Vec::new();
    let mut searched = 0;
    // Most batches may have no webhook, and a page without deliveries would look like the last one.
    loop {
        let (batches, next) = lookup::batches(&service, &principal, cursor, SEARCH_STEP).await?;
        let (some, count) = search(&service, &batches, filter, limit - found.len()).await?;
        found.extend(some);
        searched += batches.len();
        // If the page is full before the end of the step, the next one starts within the step.
        let within_step = count < batches.len();
        cursor = if within_step { batches.get(count - 1).map(|it| it.id) } else { next };
        if cursor.is_none() || found.len() == limit || searched >= MAX_SEARCHED {
            return Ok(response::json(StatusCode::OK, &wire::deliveries(&found, cursor)));
        }
    }
}

/// Loads up to `limit` notifications of these batches, and returns how many batches it searched.
async fn search(
    service: &Service,
    batches: &[BatchRecord],
    filter: Filter,
    limit: usize,
) -> Result<(Vec<Notification>, usize), Problem> {
    let mut found = Vec::new();
    for (index, batch) in batches.iter().enumerate() {
        if found.len() == limit {
            return Ok((found, index));
        }
        if matches!(filter, Filter::Addressed) && batch.webhook.is_none() {
            continue;
        }
        match service.engine().batch_notification(batch.id).await {
            Ok(notification) => found.extend(notification.filter(|it| filter.lists(it))),
            // The batch was removed since the list was read.
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok((found, batches.len()))
}

/// Handles `POST /deliveries/{id}/redeliver`: sends the same notification with the same id again.
pub(in crate::service::server) async fn redeliver(
    State(service): State<Service>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let not_found = wire::delivery_not_found;
    let id: NotificationId = id.parse().map_err(|_| not_found())?;
    let notification = service.engine().notification(id).await?;
    if notification.account != *principal.account() || notification.url.is_none() {
        return Err(not_found());
    }
    let notification = service.engine().redeliver(id).await?;
    Ok(response::json(StatusCode::ACCEPTED, &wire::delivery(&notification)))
}
