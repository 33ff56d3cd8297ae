//! Batches: submission, estimate, status, cancellation.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::Value;

use crate::core::batch::BatchRecord;
use crate::core::job::Job;
use crate::engine::{Batch, BatchHandle, Engine, EngineError, Retry};
use crate::service::server::principal::Principal;
use crate::service::server::response::{self, ChunkWriter, Disconnected};
use crate::service::server::routes::{lookup, submission};
use crate::service::server::state::Service;
use crate::service::server::{query, request_body};
use crate::service::wire::{self, ItemList, KnownFields, Problem, Warnings};

/// Handles `POST /batch`.
pub(in crate::service::server) async fn submit(
    State(service): State<Service>,
    principal: Principal,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let value = submission::read_body(&service, &headers, body).await?;
    let warnings = submission::warnings(&service, &principal, KnownFields::batch(), &value);
    let submitted = async {
        let (read, list) = read(&value)?;
        submission::submit(&service, &principal, &headers, batch_of(read), list).await
    };
    let handle = submitted.await.map_err(|problem| problem.with_warnings(&warnings))?;
    Ok(accepted(&handle, &warnings))
}

fn accepted(handle: &BatchHandle, warnings: &Warnings) -> Response {
    let mut body = wire::batch_accepted(handle.record(), handle.job_ids());
    warnings.add_to(&mut body);
    response::json(StatusCode::ACCEPTED, &body)
}

/// Handles `POST /batch/estimate`: prices a batch and reports its mistakes, without submitting it.
pub(in crate::service::server) async fn estimate(
    State(service): State<Service>,
    principal: Principal,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let value = request_body::json(&headers, body, service.settings()).await?;
    let warnings = submission::warnings(&service, &principal, KnownFields::batch(), &value);
    let estimated = async {
        let (read, list) = read(&value)?;
        let urls: Vec<_> = read.items.iter().map(|it| it.url.clone()).collect();
        let estimates = submission::estimate(&service, &principal, batch_of(read), list).await?;
        Ok(urls.into_iter().zip(estimates).collect::<Vec<_>>())
    };
    let priced = estimated.await.map_err(|problem: Problem| problem.with_warnings(&warnings))?;
    let mut body = wire::batch_estimate(&priced);
    warnings.add_to(&mut body);
    Ok(response::json(StatusCode::OK, &body))
}

fn read(value: &Value) -> Result<(wire::WireBatch, ItemList), Problem> {
    let list = ItemList::of(value);
    let batch = wire::read_batch(value).map_err(|error| Problem::of_batch(&error, list))?;
    Ok((batch, list))
}

fn batch_of(read: wire::WireBatch) -> Batch {
    let batch = Batch::new(read.items).priority(read.priority).item_events(read.item_events);
    match read.webhook_url {
        Some(url) => batch.webhook(url),
        None => batch,
    }
}

/// Handles `GET /batch/{id}`. With `include_results=false` the items come without their pages.
pub(in crate::service::server) async fn status(
    State(service): State<Service>,
    principal: Principal,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let include_results = query::flag(query.as_deref(), "include_results", true)?;
    let (batch, jobs) = service.engine().batch_with_jobs(lookup::batch_id(&id)?).await?;
    if batch.account != *principal.account() {
        return Err(wire::batch_not_found());
    }
    let results = if include_results { Results::Include } else { Results::Omit };
    let write_timeout = service.settings().write_timeout;
    let (writer, response) = response::streamed("application/json", write_timeout);
    let engine = service.engine().clone();
    tokio::spawn(async move {
        let written = write_status(&engine, &batch, jobs, results, &writer).await;
        if let Err(WriteError::Engine(error)) = written {
            tracing::error!(error = &error as &dyn std::error::Error, "batch status truncated");
            writer.abort().await;
        }
    });
    Ok(response)
}

/// The `include_results` parameter.
#[derive(Clone, Copy)]
enum Results {
    Include,
    Omit,
}

/// The reason why a status is incomplete.
enum WriteError {
    Disconnected,
    Engine(EngineError),
}

impl From<Disconnected> for WriteError {
    fn from(_: Disconnected) -> Self {
        Self::Disconnected
    }
}

/// Writes a batch item by item, so that only a few of its pages are in memory at a time.
async fn write_status(
    engine: &Engine,
    batch: &BatchRecord,
    jobs: Vec<Job>,
    results: Results,
    writer: &ChunkWriter,
) -> Result<(), WriteError> {
    let (head, tail) = wire::around_items(batch);
    writer.write(head).await?;
    let mut left = jobs.len();
    let mut separated = |mut item: String| {
        left = left.saturating_sub(1);
        if left > 0 {
            item.push(',');
        }
        item
    };
    match results {
        Results::Include => {
            let mut results = engine.stored_results(jobs);
            while let Some(item) = results.next(wire::item).await {
                writer.write(separated(item.map_err(WriteError::Engine)?)).await?;
            }
        }
        Results::Omit => {
            for job in &jobs {
                let item = wire::item_without_result(job).to_string();
                writer.write(separated(item)).await?;
            }
        }
    }
    writer.write(tail.to_owned()).await?;
    Ok(())
}

/// Handles `POST /batch/{id}/retry`.
pub(in crate::service::server) async fn retry(
    State(service): State<Service>,
    principal: Principal,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    submission::check_open(&service)?;
    let batch = lookup::batch(&service, &principal, &id).await?;
    let value = request_body::optional_json(&headers, body, service.settings()).await?;
    let mut warnings = Warnings::of(KnownFields::retry(), &value);
    let has_webhook = wire::has_webhook(&value) || batch.webhook.is_some();
    submission::warn_unsigned(&service, &principal, has_webhook, &mut warnings);
    let submitted = async {
        let read = wire::read_retry(&value).map_err(|error| Problem::of_field(&error))?;
        let retry = retry_of(&batch, read);
        let retry = retry.with_options(|it| submission::attributed(&principal, &headers, it));
        let retried = service.engine().retry(retry).await;
        retried.map_err(|error| submission::refused(&service, error, ItemList::Items))
    };
    let handle = submitted.await.map_err(|problem: Problem| problem.with_warnings(&warnings))?;
    Ok(accepted(&handle, &warnings))
}

fn retry_of(batch: &BatchRecord, read: wire::WireRetry) -> Retry {
    let mut retry = Retry::of(batch.id);
    if let Some(tier) = read.max_tier {
        retry = retry.max_tier(tier);
    }
    if let Some(credits) = read.max_credits {
        retry = retry.max_credits(credits);
    }
    match read.webhook_url {
        Some(url) => retry.webhook(url),
        None => retry,
    }
}

/// Handles `DELETE /batch/{id}`.
pub(in crate::service::server) async fn cancel(
    State(service): State<Service>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let batch = lookup::batch(&service, &principal, &id).await?;
    let cancellation = service.engine().cancel(batch.id).await?;
    Ok(response::json(StatusCode::OK, &wire::batch_cancelled(&cancellation)))
}
