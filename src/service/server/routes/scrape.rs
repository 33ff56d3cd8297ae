//! Single pages: scrape, job, estimate.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::core::job::Job;
use crate::engine::{Batch, BatchHandle, StoredResult};
use crate::service::server::client_family::OnTimeout;
use crate::service::server::principal::Principal;
use crate::service::server::routes::{lookup, submission};
use crate::service::server::state::Service;
use crate::service::server::{request_body, response};
use crate::service::wire::{self, ItemList, KnownFields, Problem, Warnings};

/// Handles `POST /scrape`: submits a batch of one page, and waits for it unless `sync` is false.
pub(in crate::service::server) async fn scrape(
    State(service): State<Service>,
    principal: Principal,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let value = submission::read_body(&service, &headers, body).await?;
    let warnings = submission::warnings(&service, &principal, KnownFields::scrape(), &value);
    let scraped = async {
        let read = wire::read_scrape(&value).map_err(|error| Problem::of_field(&error))?;
        let (timeout, sync) = (read.item.timeout, read.sync);
        let batch = batch_of(read);
        let handle =
            submission::submit(&service, &principal, &headers, batch, ItemList::None).await?;
        if sync {
            wait(&service, &principal, handle, timeout, &warnings).await
        } else {
            let job = only_job(&service, &handle).await?;
            Ok(accepted(&principal, &job, &warnings))
        }
    };
    scraped.await.map_err(|problem| problem.with_warnings(&warnings))
}

fn batch_of(read: wire::WireScrape) -> Batch {
    let batch = Batch::scrape(read.item).priority(read.priority);
    match read.webhook_url {
        Some(url) => batch.webhook(url),
        None => batch,
    }
}

async fn only_job(service: &Service, handle: &BatchHandle) -> Result<Job, Problem> {
    let id = handle.job_ids().first().copied().ok_or_else(wire::job_not_found)?;
    Ok(service.engine().job(id).await?)
}

fn accepted(principal: &Principal, job: &Job, warnings: &Warnings) -> Response {
    let state = principal.family().state_word(job.state);
    let mut body = wire::job_accepted(job, state);
    warnings.add_to(&mut body);
    response::json(StatusCode::ACCEPTED, &body)
}

/// Waits for the page as long as the client does.
async fn wait(
    service: &Service,
    principal: &Principal,
    mut handle: BatchHandle,
    timeout: Duration,
    warnings: &Warnings,
) -> Result<Response, Problem> {
    let wait = principal.family().scrape_wait(timeout, service.settings().scrape_wait);
    tokio::select! {
        ended = handle.wait() => {
            ended?;
        }
        () = tokio::time::sleep(wait.longest) => {}
        () = service.shutdown().cancelled() => {}
    }
    let job = only_job(service, &handle).await?;
    if job.state.is_ended() {
        let ended = |result: StoredResult<'_>| ended(&job, result, warnings);
        return service.engine().read_stored(&job, ended).await?;
    }
    match wait.on_timeout {
        OnTimeout::Accepted => Ok(accepted(principal, &job, warnings)),
        OnTimeout::GatewayTimeout => Err(wire::scrape_timeout(&job)),
    }
}

fn ended(job: &Job, result: StoredResult<'_>, warnings: &Warnings) -> Result<Response, Problem> {
    match result {
        Some(Err(error)) => Err(wire::scrape_failed(job, error)),
        Some(Ok(page)) => {
            Ok(response::serialized(StatusCode::OK, wire::scraped(job, page, warnings)))
        }
        None => Err(wire::job_not_found()),
    }
}

/// Handles `GET /jobs/{id}`.
pub(in crate::service::server) async fn job(
    State(service): State<Service>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let job = lookup::job(&service, &principal, &id).await?;
    let state = principal.family().state_word(job.state);
    let body = service.engine().read_stored(&job, |it| wire::job(&job, it, state)).await?;
    Ok(response::serialized(StatusCode::OK, body))
}

/// Handles `POST /scrape/estimate`: prices a page without submitting it.
pub(in crate::service::server) async fn estimate(
    State(service): State<Service>,
    principal: Principal,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let value = request_body::json(&headers, body, service.settings()).await?;
    let warnings = submission::warnings(&service, &principal, KnownFields::scrape(), &value);
    let estimated = async {
        let read = wire::read_scrape(&value).map_err(|error| Problem::of_field(&error))?;
        let url = read.item.url.clone();
        let batch = batch_of(read);
        let found = submission::estimate(&service, &principal, batch, ItemList::None).await?;
        let estimate = found.into_iter().next().ok_or_else(|| wire::problem_of_status(500))?;
        Ok(wire::estimate(&url, &estimate))
    };
    let mut body = estimated.await.map_err(|problem: Problem| problem.with_warnings(&warnings))?;
    warnings.add_to(&mut body);
    Ok(response::json(StatusCode::OK, &body))
}
