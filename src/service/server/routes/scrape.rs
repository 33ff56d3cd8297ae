//! Single pages: scraped, polled, estimated.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::core::job::Job;
use crate::engine::{Batch, BatchHandle, JobReport};
use crate::service::server::answer;
use crate::service::server::body;
use crate::service::server::client::Unfinished;
use crate::service::server::gate::Caller;
use crate::service::server::problem::{Problem, no_job, not_scraped};
use crate::service::server::routes::Service;
use crate::service::server::routes::batch::{submission, submitted};
use crate::service::wire;

/// `POST /scrape`: a batch of one page, waited for if its caller waits.
pub(super) async fn scrape(
    State(service): State<Service>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let value = submission(&service, body).await?;
    let read = wire::read_scrape(&value).map_err(|flaw| Problem::of_field(None, &flaw))?;
    let timeout = Duration::from_secs(read.item.timeout);
    let (batch, told) = (Batch::scrape(read.item), read.webhook_url);
    let handle = submitted(&service, &caller, &headers, batch, told, None).await?;
    if !read.sync {
        let job = only_job(&service, &handle).await?;
        return Ok(accepted(&caller, &job));
    }
    waited(&service, &caller, handle, timeout).await
}

async fn only_job(service: &Service, handle: &BatchHandle) -> Result<Job, Problem> {
    service.engine().jobs(handle.id()).await?.into_iter().next().ok_or_else(no_job)
}

fn accepted(caller: &Caller, job: &Job) -> Response {
    let word = caller.client.word(job.state);
    answer::json(StatusCode::ACCEPTED, &wire::pending(job, word))
}

/// The page, if it is there before the client's time is over.
async fn waited(
    service: &Service,
    caller: &Caller,
    mut handle: BatchHandle,
    timeout: Duration,
) -> Result<Response, Problem> {
    let hold = caller.client.hold(timeout, service.bounds().hold);
    tokio::select! {
        ended = handle.wait() => {
            ended?;
        }
        () = tokio::time::sleep(hold.most) => {}
        () = service.stopping().cancelled() => {}
    }
    let job = only_job(service, &handle).await?;
    if job.state.is_ended() {
        return finished(&service.engine().with_page(job).await?);
    }
    match hold.then {
        Unfinished::Accepted => Ok(accepted(caller, &job)),
        Unfinished::TimedOut => Err(late(&job)),
    }
}

fn finished(report: &JobReport) -> Result<Response, Problem> {
    match (report.outcome(), wire::scrape_object(report)) {
        (Some(Err(error)), _) => Err(not_scraped(report, error)),
        (_, Some(page)) => Ok(answer::json(StatusCode::OK, &page)),
        (_, None) => Err(no_job()),
    }
}

fn late(job: &Job) -> Problem {
    let message = "the page is not there yet; its job goes on and can be polled";
    Problem {
        retryable: true,
        url: Some(job.request.page().as_str().to_owned()),
        details: wire::pending(job, job.state.as_str()),
        ..Problem::new(504, "TIMEOUT", message)
    }
}

/// A job of the caller's. What is no id is no job.
pub(super) async fn owned_job(
    service: &Service,
    caller: &Caller,
    id: &str,
) -> Result<Job, Problem> {
    let id = id.parse().map_err(|_| no_job())?;
    let job = service.engine().job(id).await?;
    if job.account == *caller.account() { Ok(job) } else { Err(no_job()) }
}

/// `GET /jobs/{id}`.
pub(super) async fn job(
    State(service): State<Service>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let job = owned_job(&service, &caller, &id).await?;
    let report = service.engine().with_page(job).await?;
    let word = caller.client.word(report.job().state);
    Ok(answer::json(StatusCode::OK, &wire::job(&report, word)))
}

/// `POST /scrape/estimate`: what a page would cost, which costs nothing.
pub(super) async fn estimate(
    State(service): State<Service>,
    _: Caller,
    body: Body,
) -> Result<Response, Problem> {
    let value = body::json(body, service.bounds()).await?;
    let invalid = |flaw| Problem::of_field(None, &flaw);
    let read = wire::read_scrape(&value).map_err(invalid)?;
    let url = read.item.url.clone();
    let estimate = service.engine().estimate(read.item).map_err(invalid)?;
    Ok(answer::json(StatusCode::OK, &wire::estimate(&url, &estimate)))
}
