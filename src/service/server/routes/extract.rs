//! Extractions from documents in the body, their price and their usage.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::core::extraction::ExtractionRecord;
use crate::core::id::ExtractionId;
use crate::core::time::Timestamp;
use crate::engine::Extraction;
use crate::service::server::principal::Principal;
use crate::service::server::routes::submission;
use crate::service::server::state::Service;
use crate::service::server::{query, request_body, response};
use crate::service::wire::{self, KnownFields, Problem, Warnings};

/// Extractions that usage counts, the newest ones. The others are few: extractions expire after a day by default.
const MAX_COUNTED: usize = 10_000;
/// Extractions that are read at once.
const READ_AT_ONCE: usize = 500;
/// The longest document in characters, for estimates.
const MAX_CHARS: usize = 5_000_000;

/// Handles `POST /extract`.
pub(in crate::service::server) async fn extract(
    State(service): State<Service>,
    principal: Principal,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    submission::check_open(&service)?;
    let options = service.settings();
    let max_bytes = options.max_body_bytes.max(options.max_document_body_bytes);
    let value = request_body::json_within(&headers, body, options, max_bytes).await?;
    let warnings = Warnings::of(KnownFields::extract(), &value);
    let extracted = async {
        let read = wire::read_extract(&value).map_err(|error| Problem::of_field(&error))?;
        drop(value);
        let mut extraction = principal.attribute_extraction(extraction_of(read));
        if let Some(key) = submission::idempotency_key(&headers) {
            extraction = extraction.idempotency_key(key);
        }
        let engine = service.engine();
        engine.extract(extraction).await.map_err(|error| extraction_refused(&service, error))
    };
    let report = extracted.await.map_err(|problem: Problem| problem.with_warnings(&warnings))?;
    Ok(response::json(StatusCode::OK, &wire::extracted(report, &warnings)))
}

fn extraction_refused(service: &Service, error: crate::engine::ExtractionError) -> Problem {
    match error {
        crate::engine::ExtractionError::Engine(error) => error.into(),
        error => wire::extraction_refused(error, service.engine().now()),
    }
}

fn extraction_of(read: wire::WireExtract) -> Extraction {
    let extraction = Extraction::new(read.document, read.document_type);
    let extraction = extraction.options(read.options).cache(read.cache);
    match read.cache_ttl {
        Some(ttl) => extraction.cache_ttl(ttl),
        None => extraction,
    }
}

/// Handles `GET /extract/estimate`.
pub(in crate::service::server) async fn estimate(
    State(service): State<Service>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = query.as_deref();
    let chars = query::required_number(query, "content_length", 1..=MAX_CHARS)?;
    let has_prompt = query::flag(query, "has_extraction_prompt", false)?;
    let parts = service.engine().prices().extraction(chars as u64, has_prompt);
    Ok(response::json(StatusCode::OK, &wire::extract_estimate(parts)))
}

/// Handles `GET /extract/usage`: the extractions of the account that are still stored, newest first.
pub(in crate::service::server) async fn usage(
    State(service): State<Service>,
    principal: Principal,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = query.as_deref();
    let page = query::number(query, "page", 1..=MAX_COUNTED, 1)?;
    let page_size = query::number(query, wire::PAGE_SIZE, 1..=200, 50)?;
    let (from, to) = (query::date(query, "date_from")?, query::date(query, "date_to")?);
    let within = |it: &ExtractionRecord| {
        let at = it.created_at.to_string();
        from.as_deref().is_none_or(|from| at.get(..from.len()).is_some_and(|at| at >= from))
            && to.as_deref().is_none_or(|to| at.get(..to.len()).is_some_and(|at| at <= to))
    };
    let records = stored(&service, &principal, within).await?;
    let first = (page - 1).saturating_mul(page_size).min(records.len());
    let listed = &records[first..records.len().min(first + page_size)];
    let body = wire::extract_usage(listed, records.len(), page, page_size);
    Ok(response::json(StatusCode::OK, &body))
}

/// Handles `GET /extract/usage/summary`.
pub(in crate::service::server) async fn usage_summary(
    State(service): State<Service>,
    principal: Principal,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = query.as_deref();
    let hours = query::number(query, "hours", 1..=8_760, 0)?;
    let days = query::number(query, "days", 1..=365, 0)?;
    if hours > 0 && days > 0 {
        return Err(Problem::of_parameter("days", "contradicts hours: send one of them"));
    }
    let period = Duration::from_hours((hours + days * 24) as u64);
    let now = service.engine().now();
    let since = (!period.is_zero()).then(|| {
        let millis =
            now.as_millis().saturating_sub(u64::try_from(period.as_millis()).unwrap_or(u64::MAX));
        Timestamp::from_millis(millis)
    });
    let within = |it: &ExtractionRecord| since.is_none_or(|since| it.created_at >= since);
    let records = stored(&service, &principal, within).await?;
    let body = wire::extract_usage_summary(&records, since.map(|it| it.to_string()).as_deref());
    Ok(response::json(StatusCode::OK, &body))
}

/// Loads the extractions of the account that `within` selects, among the newest [`MAX_COUNTED`].
async fn stored(
    service: &Service,
    principal: &Principal,
    within: impl Fn(&ExtractionRecord) -> bool,
) -> Result<Vec<ExtractionRecord>, Problem> {
    let mut found = Vec::new();
    let mut after: Option<ExtractionId> = None;
    for _ in 0..MAX_COUNTED / READ_AT_ONCE {
        let engine = service.engine();
        let read = engine.extractions(principal.account(), after, READ_AT_ONCE).await?;
        let is_last = read.len() < READ_AT_ONCE;
        after = read.last().map(|it| it.id);
        found.extend(read.into_iter().filter(&within));
        if is_last {
            break;
        }
    }
    Ok(found)
}
