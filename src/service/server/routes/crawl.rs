//! Crawls and maps.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::core::crawl::CrawlRecord;
use crate::core::id::BatchId;
use crate::core::job::Job;
use crate::engine::{Crawl, CrawlHandle, Engine, EngineError, Map, StoredResult, SubmitError};
use crate::service::server::principal::Principal;
use crate::service::server::query;
use crate::service::server::response::{self, ChunkWriter, Disconnected};
use crate::service::server::routes::submission;
use crate::service::server::state::Service;
use crate::service::wire::{self, ItemList, KnownFields, Problem};

/// Pause after which a comment is sent, so that no proxy takes a quiet stream for a dead one.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Wait before a client reconnects, in milliseconds.
const RETRY_MS: u64 = 2_000;
/// Suffix of the last event's id. After that event, there is nothing to reconnect for.
const END: &str = ".end";
/// The number of pages after which an event reports the progress.
const PROGRESS_PAGES: u32 = 10;

/// Handles `POST /crawl`.
pub(in crate::service::server) async fn submit(
    State(service): State<Service>,
    principal: Principal,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let value = submission::read_body(&service, &headers, body).await?;
    let warnings = submission::warnings(&service, &principal, KnownFields::crawl(), &value);
    let submitted = async {
        let read = wire::read_crawl(&value).map_err(|error| Problem::of_field(&error))?;
        let mut crawl = principal.attribute_crawl(Crawl::of(read.item).rules(read.rules));
        if let Some(url) = read.webhook_url {
            crawl = crawl.webhook(url);
        }
        if let Some(key) = submission::idempotency_key(&headers) {
            crawl = crawl.idempotency_key(key);
        }
        if let Some(trace) = submission::trace_of(&headers) {
            crawl = crawl.trace(trace);
        }
        service.engine().crawl(crawl).await.map_err(|error| refused(&service, error))
    };
    let handle = submitted.await.map_err(|problem: Problem| problem.with_warnings(&warnings))?;
    let estimate = service.engine().estimate_crawl(handle.record());
    let mut body = wire::crawl_accepted(handle.record(), estimate);
    warnings.add_to(&mut body);
    Ok(response::json(StatusCode::ACCEPTED, &body))
}

fn refused(service: &Service, error: SubmitError) -> Problem {
    submission::refused(service, error, ItemList::None)
}

/// Handles `POST /map`.
pub(in crate::service::server) async fn map(
    State(service): State<Service>,
    principal: Principal,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let value = submission::read_body(&service, &headers, body).await?;
    let warnings = submission::warnings(&service, &principal, KnownFields::map(), &value);
    let mapped = async {
        let read = wire::read_map(&value).map_err(|error| Problem::of_field(&error))?;
        let mut map = principal.attribute_map(Map::of(read.url).rules(read.rules));
        if let Some(words) = read.search {
            map = map.search(words);
        }
        if read.include_metadata {
            map = map.include_metadata();
        }
        service.engine().map(map).await.map_err(|error| refused(&service, error))
    };
    let found = mapped.await.map_err(|problem: Problem| problem.with_warnings(&warnings))?;
    let mut body = wire::site_map(&found);
    warnings.add_to(&mut body);
    Ok(response::json(StatusCode::OK, &body))
}

/// Returns a handle on a crawl of the principal's account.
pub(super) async fn crawl(
    service: &Service,
    principal: &Principal,
    id: &str,
) -> Result<CrawlHandle, Problem> {
    let id = id.parse().map_err(|_| wire::crawl_not_found())?;
    let handle = service.engine().crawl_handle(id).await?;
    let is_own = handle.record().account == *principal.account();
    if is_own { Ok(handle) } else { Err(wire::crawl_not_found()) }
}

/// Handles `GET /crawl/{id}`. With `include_results=true` it lists the pages with their results.
pub(in crate::service::server) async fn status(
    State(service): State<Service>,
    principal: Principal,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let include_results = query::flag(query.as_deref(), "include_results", false)?;
    let record = crawl(&service, &principal, &id).await?.record().clone();
    if !include_results {
        return Ok(response::json(StatusCode::OK, &wire::crawl_summary(&record)));
    }
    let engine = service.engine().clone();
    let batches = engine.crawl_batches(record.id).await?;
    let write_timeout = service.settings().write_timeout;
    let (writer, response) = response::streamed("application/json", write_timeout);
    tokio::spawn(async move {
        if let Err(Some(error)) = write_pages(&engine, &record, batches, &writer).await {
            tracing::error!(error = &error as &dyn std::error::Error, "crawl status truncated");
            writer.abort().await;
        }
    });
    Ok(response)
}

/// Writes a crawl page by page, so that only a few of its pages are in memory at a time. Fails without an error if the
/// client is gone.
async fn write_pages(
    engine: &Engine,
    record: &CrawlRecord,
    batches: Vec<BatchId>,
    writer: &ChunkWriter,
) -> Result<(), Option<EngineError>> {
    let gone = |_: Disconnected| None;
    let (head, between, tail) = wire::around_pages(record);
    writer.write(head).await.map_err(gone)?;
    let mut short = Vec::new();
    for batch in batches {
        // A crawl that is removed meanwhile ends in a truncated response, not in one without some of its pages.
        let jobs = engine.jobs(batch).await.map_err(Some)?;
        let mut results = engine.stored_results(jobs);
        while let Some(page) = results.next(page_of).await {
            let (result, mut item) = page.map_err(Some)?;
            if !short.is_empty() {
                item.insert(0, ',');
            }
            short.push(result);
            writer.write(item).await.map_err(gone)?;
        }
    }
    writer.write(between.to_owned()).await.map_err(gone)?;
    writer.write(short.join(",")).await.map_err(gone)?;
    writer.write(tail.to_owned()).await.map_err(gone)
}

/// Returns a page in its short form and with its result.
fn page_of(job: &Job, result: StoredResult<'_>) -> (String, String) {
    (wire::page_result(job, &result), wire::item(job, result))
}

/// Handles `DELETE /crawl/{id}`.
pub(in crate::service::server) async fn cancel(
    State(service): State<Service>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let handle = crawl(&service, &principal, &id).await?;
    let canceled = service.engine().cancel_crawl(handle.id()).await?;
    Ok(response::json(StatusCode::OK, &wire::crawl_cancelled(&canceled)))
}

/// Handles `GET /crawl/{id}/stream`.
///
/// The id of an event is the number of pages that were sent. The order of the ends never changes, so a client that reconnects
/// with its last id gets the rest, from whichever process it reaches.
pub(in crate::service::server) async fn stream(
    State(service): State<Service>,
    principal: Principal,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let handle = crawl(&service, &principal, &id).await?;
    let last = headers.get("last-event-id").and_then(|it| it.to_str().ok()).unwrap_or_default();
    if last.ends_with(END) {
        // The only response after which a browser does not reconnect.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let handle = handle.after(last.parse().unwrap_or_default());
    let permit =
        principal.begin_stream(service.settings().max_streams_per_key, service.engine().now())?;
    let write_timeout = service.settings().write_timeout;
    let (writer, response) = response::streamed("text/event-stream", write_timeout);
    tokio::spawn(async move {
        // The stream counts as a running request of the API key for as long as it lasts.
        let _permits = (permit, principal);
        let _ = follow(&service, handle, &writer).await;
    });
    Ok(response)
}

async fn follow(
    service: &Service,
    mut handle: CrawlHandle,
    writer: &ChunkWriter,
) -> Result<(), Disconnected> {
    writer.write(format!("retry: {RETRY_MS}\n\n")).await?;
    writer.write(progress(&handle)).await?;
    let shutdown = service.shutdown().clone();
    loop {
        let page = tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(()),
            () = writer.closed() => return Err(Disconnected),
            page = handle.next_page() => page,
            () = tokio::time::sleep(HEARTBEAT) => {
                writer.write(": heartbeat\n\n".to_owned()).await?;
                continue;
            }
        };
        match page {
            Ok(Some(job)) => {
                let lines = wire::page_ended_lines(&job);
                writer.write(format!("id: {}\n{lines}", handle.position())).await?;
                if handle.position().is_multiple_of(PROGRESS_PAGES) {
                    writer.write(progress(&handle)).await?;
                }
            }
            Ok(None) => {
                let lines = wire::crawl_lines(handle.record());
                return writer.write(format!("id: {}{END}\n{lines}", handle.position())).await;
            }
            // The client reconnects for the rest.
            Err(_) => return Ok(()),
        }
    }
}

/// Returns the event of the progress, or nothing at the end, which has an event of its own.
fn progress(handle: &CrawlHandle) -> String {
    let record = handle.record();
    if record.ended_at.is_some() { String::new() } else { wire::crawl_lines(record) }
}
