//! Submissions, of batches and of single pages.

use axum::body::Body;
use axum::http::HeaderMap;
use serde_json::Value;

use crate::core::trace::TraceContext;
use crate::engine::{Batch, BatchHandle, Estimate, SubmitError};
use crate::service::server::principal::Principal;
use crate::service::server::request_body;
use crate::service::server::state::Service;
use crate::service::wire::{self, ItemList, KnownFields, Problem, Warnings};

/// Refuses a submission if the service is shutting down.
pub(super) fn check_open(service: &Service) -> Result<(), Problem> {
    if service.shutdown().is_cancelled() { Err(wire::shutting_down()) } else { Ok(()) }
}

/// Reads the body of a submission, unless the service is shutting down.
pub(super) async fn read_body(
    service: &Service,
    headers: &HeaderMap,
    body: Body,
) -> Result<Value, Problem> {
    check_open(service)?;
    request_body::json(headers, body, service.settings()).await
}

/// Attributes a batch to the principal, with the idempotency key and the trace of the request.
pub(super) fn attributed(principal: &Principal, headers: &HeaderMap, batch: Batch) -> Batch {
    let mut batch = principal.attribute(batch);
    if let Some(key) = idempotency_key(headers) {
        batch = batch.idempotency_key(key);
    }
    match trace_of(headers) {
        Some(context) => batch.trace(context),
        None => batch,
    }
}

/// Reads the header `Idempotency-Key`.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Option<String> {
    // The engine refuses what is not printable, the replacement character included.
    let key = headers.get("idempotency-key")?;
    Some(String::from_utf8_lossy(key.as_bytes()).into_owned())
}

/// Collects the warnings of a body: its unknown fields, and a webhook that is not signed.
pub(super) fn warnings(
    service: &Service,
    principal: &Principal,
    known: &KnownFields,
    body: &Value,
) -> Warnings {
    let mut warnings = Warnings::of(known, body);
    warn_unsigned(service, principal, wire::has_webhook(body), &mut warnings);
    warnings
}

/// Adds a warning if there is a webhook that nothing signs.
pub(super) fn warn_unsigned(
    service: &Service,
    principal: &Principal,
    has_webhook: bool,
    warnings: &mut Warnings,
) {
    if has_webhook && !service.engine().signs_webhooks(principal.account()) {
        warnings.add_unsigned_webhook();
    }
}

/// Submits a batch for the principal. `list` is the body's name for its items, for error messages.
pub(super) async fn submit(
    service: &Service,
    principal: &Principal,
    headers: &HeaderMap,
    batch: Batch,
    list: ItemList,
) -> Result<BatchHandle, Problem> {
    let batch = attributed(principal, headers, batch);
    let engine = service.engine();
    engine.submit(batch).await.map_err(|error| refused(service, error, list))
}

/// Returns the trace that the request belongs to. A malformed header does not refuse a request: W3C Trace Context requires
/// ignoring it.
pub(super) fn trace_of(headers: &HeaderMap) -> Option<TraceContext> {
    let mut parents = headers.get_all("traceparent").iter();
    let parent = parents.next().filter(|_| parents.next().is_none())?;
    let context: TraceContext = parent.to_str().ok()?.parse().ok()?;
    let states: Option<Vec<_>> =
        headers.get_all("tracestate").iter().map(|it| it.to_str().ok()).collect();
    Some(context.with_state(&states.unwrap_or_default().join(",")))
}

/// Prices a batch of the principal. `list` is the body's name for its items, for error messages.
pub(super) async fn estimate(
    service: &Service,
    principal: &Principal,
    batch: Batch,
    list: ItemList,
) -> Result<Vec<Estimate>, Problem> {
    let batch = principal.attribute(batch);
    let estimates = service.engine().estimate_batch(&batch).await;
    estimates.map_err(|error| refused(service, error, list))
}

/// Converts a submission error to a response.
pub(super) fn refused(service: &Service, error: SubmitError, list: ItemList) -> Problem {
    match error {
        SubmitError::Engine(error) => error.into(),
        error => wire::submission_refused(error, list, service.engine().now()),
    }
}
