//! Batches: submitted, looked at, cancelled.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::Value;

use crate::core::batch::BatchRecord;
use crate::core::id::BatchId;
use crate::core::job::Job;
use crate::engine::{Batch, BatchHandle, Engine, EngineError};
use crate::service::server::answer::{self, Pieces};
use crate::service::server::body;
use crate::service::server::gate::Caller;
use crate::service::server::problem::{Problem, no_batch, not_submitted, stopping};
use crate::service::server::routes::Service;
use crate::service::wire;

/// A submission's body, unless nothing more is taken.
pub(super) async fn submission(service: &Service, body: Body) -> Result<Value, Problem> {
    if service.stopping().is_cancelled() {
        return Err(stopping());
    }
    body::json(body, service.bounds()).await
}

/// Submits a batch in the caller's name. Its items came under the name `list`; those of a scrape, which
/// is one, under none.
pub(super) async fn submitted(
    service: &Service,
    caller: &Caller,
    headers: &HeaderMap,
    batch: Batch,
    webhook_url: Option<String>,
    list: Option<&'static str>,
) -> Result<BatchHandle, Problem> {
    let mut batch = caller.submitting(batch);
    if let Some(url) = webhook_url {
        batch = batch.webhook(url);
    }
    if let Some(key) = headers.get("idempotency-key") {
        // What is no text is no key either, which the engine says.
        batch = batch.idempotency_key(String::from_utf8_lossy(key.as_bytes()));
    }
    let engine = service.engine();
    engine.submit(batch).await.map_err(|it| not_submitted(it, list, engine.now()))
}

/// A body's batch, and the name that its items came under.
fn read(value: &Value) -> Result<(&'static str, wire::WireBatch), Problem> {
    let list = wire::list_name(value);
    let read = wire::read_batch(value)
        .map_err(|wrong| Problem::of_field(wrong.index.map(|index| (list, index)), &wrong.flaw))?;
    Ok((list, read))
}

/// `POST /batch`.
pub(super) async fn submit(
    State(service): State<Service>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let value = submission(&service, body).await?;
    let (list, read) = read(&value)?;
    let (batch, told) = (Batch::new(read.items), read.webhook_url);
    let handle = submitted(&service, &caller, &headers, batch, told, Some(list)).await?;
    let record = service.engine().batch(handle.id()).await?;
    Ok(answer::json(StatusCode::ACCEPTED, &wire::accepted(&record)))
}

/// `POST /batch/estimate`: what a batch would cost, and what is wrong with it; which costs nothing.
pub(super) async fn estimate(
    State(service): State<Service>,
    _: Caller,
    body: Body,
) -> Result<Response, Problem> {
    let value = body::json(body, service.bounds()).await?;
    let (list, read) = read(&value)?;
    let urls: Vec<_> = read.items.iter().map(|it| it.url.clone()).collect();
    let mut batch = Batch::new(read.items);
    if let Some(url) = read.webhook_url {
        batch = batch.webhook(url);
    }
    let engine = service.engine();
    let estimates = engine.estimate_batch(&batch);
    let estimates = estimates.map_err(|it| not_submitted(it, Some(list), engine.now()))?;
    let estimates: Vec<_> = urls.into_iter().zip(estimates).collect();
    Ok(answer::json(StatusCode::OK, &wire::batch_estimate(&estimates)))
}

/// The id of a batch in a path. What is no id is no batch.
fn parsed(id: &str) -> Result<BatchId, Problem> {
    id.parse().map_err(|_| no_batch())
}

/// A batch of the caller's.
pub(super) async fn owned(
    service: &Service,
    caller: &Caller,
    id: &str,
) -> Result<BatchRecord, Problem> {
    let batch = service.engine().batch(parsed(id)?).await?;
    if batch.account == *caller.account() { Ok(batch) } else { Err(no_batch()) }
}

/// `GET /batch/{id}`. `include_results=false` leaves the pages out.
pub(super) async fn status(
    State(service): State<Service>,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let results = body::switch(query.as_deref(), "include_results", true)?;
    let (batch, jobs) = service.engine().batch_with_jobs(parsed(&id)?).await?;
    if batch.account != *caller.account() {
        return Err(no_batch());
    }
    let pages = if results { Pages::With } else { Pages::Without };
    let (pieces, response) = answer::pieces("application/json", service.bounds().read_time);
    let engine = service.engine().clone();
    tokio::spawn(async move {
        let whole = write(&engine, &batch, jobs, pages, &pieces).await;
        if let Err(Cut::Failed(error)) = whole {
            tracing::error!(error = &error as &dyn std::error::Error, "a status broke off");
            pieces.abort().await;
        }
    });
    Ok(response)
}

/// Whether the pages are among the items.
#[derive(Clone, Copy)]
enum Pages {
    With,
    Without,
}

/// Why a status was not written to its end.
enum Cut {
    Gone,
    Failed(EngineError),
}

impl From<answer::Gone> for Cut {
    fn from(_: answer::Gone) -> Self {
        Self::Gone
    }
}

/// Writes a batch item by item: of all its pages, one is in memory at a time.
async fn write(
    engine: &Engine,
    batch: &BatchRecord,
    jobs: Vec<Job>,
    pages: Pages,
    pieces: &Pieces,
) -> Result<(), Cut> {
    let (head, tail) = wire::around_items(batch);
    pieces.write(head).await?;
    let mut comma = "";
    for job in jobs {
        let item = match pages {
            Pages::With => wire::item(&engine.with_page(job).await.map_err(Cut::Failed)?),
            Pages::Without => wire::bare_item(&job),
        };
        pieces.write(format!("{comma}{item}")).await?;
        comma = ",";
    }
    pieces.write(tail.to_owned()).await?;
    Ok(())
}

/// `DELETE /batch/{id}`.
pub(super) async fn cancel(
    State(service): State<Service>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let before = owned(&service, &caller, &id).await?;
    service.engine().cancel(before.id).await?;
    let after = service.engine().batch(before.id).await?;
    Ok(answer::json(StatusCode::OK, &wire::cancelled(&before, &after)))
}
