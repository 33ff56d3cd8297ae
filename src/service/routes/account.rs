//! What an account has, has spent, and has submitted.

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;

use crate::core::batch::Batch;
use crate::core::id::{AccountId, BatchId};
use crate::core::request::Flaw;
use crate::core::time::Day;
use crate::core::usage::Usage;
use crate::engine::EngineError;
use crate::service::answer;
use crate::service::body;
use crate::service::gate::Caller;
use crate::service::problem::Problem;
use crate::service::routes::Service;
use crate::service::wire::{self, Balance};

/// Batches of one page of a list.
const BATCHES: std::ops::RangeInclusive<usize> = 1..=100;
const USUAL_BATCHES: usize = 20;

/// How an account stands.
pub(in crate::service) async fn balance(
    service: &Service,
    account: &AccountId,
) -> Result<Balance, EngineError> {
    let account = service.engine().account(account).await?;
    Ok(Balance::of(account.as_ref(), service.engine().settings().unlimited_accounts))
}

/// The days since the month, or the week if that is earlier, began.
async fn recent(service: &Service, caller: &Caller) -> Result<(Day, Vec<Usage>), Problem> {
    let today = service.engine().now().day();
    let first = today.month().min(today.week());
    Ok((today, service.engine().usage(caller.account(), first).await?))
}

/// `GET /usage`.
pub(super) async fn usage(
    State(service): State<Service>,
    caller: Caller,
) -> Result<Response, Problem> {
    let balance = balance(&service, caller.account()).await?;
    let (today, days) = recent(&service, &caller).await?;
    Ok(answer::json(StatusCode::OK, &wire::usage(&balance, today, &days)))
}

/// `GET /billing/balance`.
pub(super) async fn billing_balance(
    State(service): State<Service>,
    caller: Caller,
) -> Result<Response, Problem> {
    let balance = balance(&service, caller.account()).await?;
    Ok(answer::json(StatusCode::OK, &wire::balance(&balance)))
}

/// `GET /billing/usage`.
pub(super) async fn billing_usage(
    State(service): State<Service>,
    caller: Caller,
) -> Result<Response, Problem> {
    let balance = balance(&service, caller.account()).await?;
    let (today, days) = recent(&service, &caller).await?;
    Ok(answer::json(StatusCode::OK, &wire::billing_usage(&balance, today, &days)))
}

/// `GET /batches`: newest first, from behind `cursor`.
pub(super) async fn batches(
    State(service): State<Service>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let (found, next) = page(&service, &caller, query.as_deref()).await?;
    Ok(answer::json(StatusCode::OK, &wire::batches(&found, next)))
}

/// One page of the account's batches, and where the next one begins.
pub(super) async fn page(
    service: &Service,
    caller: &Caller,
    query: Option<&str>,
) -> Result<(Vec<Batch>, Option<BatchId>), Problem> {
    let limit = body::number(query, "limit", BATCHES, USUAL_BATCHES)?;
    let after = cursor(query)?;
    // One more than is shown says whether there are more.
    let mut found = service.engine().batches_of(caller.account(), after, limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().map(|it| it.id).filter(|_| more);
    Ok((found, next))
}

/// Where the last page of a list ended.
fn cursor(query: Option<&str>) -> Result<Option<BatchId>, Problem> {
    let Some(cursor) = body::parameter(query, "cursor") else { return Ok(None) };
    let id = cursor.parse().map_err(|_| {
        let reason = "must be the `next_cursor` of the page before".to_owned();
        Problem::of_field(None, &Flaw { field: "cursor", reason })
    })?;
    Ok(Some(id))
}
