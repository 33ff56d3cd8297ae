//! What an account has, has spent, and has submitted.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use crate::core::batch::BatchRecord;
use crate::core::id::{AccountId, BatchId};
use crate::core::request::ValidationError;
use crate::core::time::Day;
use crate::core::usage::DailyUsage;
use crate::engine::EngineError;
use crate::service::server::answer;
use crate::service::server::body;
use crate::service::server::gate::Caller;
use crate::service::server::problem::Problem;
use crate::service::server::routes::Service;
use crate::service::server::routes::batch::owned;
use crate::service::wire::{self, Balance};

/// Batches of one page of a list.
const BATCHES: std::ops::RangeInclusive<usize> = 1..=100;
const USUAL_BATCHES: usize = 20;

/// How an account stands.
pub(in crate::service::server) async fn balance(
    service: &Service,
    account: &AccountId,
) -> Result<Balance, EngineError> {
    let account = match service.engine().account(account).await {
        Ok(account) => Some(account),
        Err(EngineError::AccountNotFound(_)) => None,
        Err(error) => return Err(error),
    };
    Ok(Balance::of(account.as_ref(), service.engine().settings().unlimited_accounts))
}

/// An answer that was made from the balance, for the headers that show it too.
fn with_balance(balance: Balance, body: &Value) -> Response {
    let mut response = answer::json(StatusCode::OK, body);
    response.extensions_mut().insert(balance);
    response
}

/// The days since the month, or the week if that is earlier, began.
async fn recent(service: &Service, caller: &Caller) -> Result<(Day, Vec<DailyUsage>), Problem> {
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
    Ok(with_balance(balance, &wire::usage(&balance, today, &days)))
}

/// `GET /billing/balance`.
pub(super) async fn billing_balance(
    State(service): State<Service>,
    caller: Caller,
) -> Result<Response, Problem> {
    let balance = balance(&service, caller.account()).await?;
    Ok(with_balance(balance, &wire::balance(&balance)))
}

/// `GET /billing/usage`.
pub(super) async fn billing_usage(
    State(service): State<Service>,
    caller: Caller,
) -> Result<Response, Problem> {
    let balance = balance(&service, caller.account()).await?;
    let (today, days) = recent(&service, &caller).await?;
    Ok(with_balance(balance, &wire::billing_usage(&balance, today, &days)))
}

/// `GET /batch/{id}/ledger`: what was held for a batch, and how each hold ended.
pub(super) async fn ledger(
    State(service): State<Service>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let batch = owned(&service, &caller, &id).await?;
    let entries = service.engine().ledger(batch.id).await?;
    Ok(answer::json(StatusCode::OK, &wire::ledger(&batch, &entries)))
}

/// `GET /batches`: newest first, from behind `cursor`.
pub(super) async fn batches(
    State(service): State<Service>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let (found, next) = page(&service, &caller, query.as_deref()).await?;
    let mut listed = Vec::with_capacity(found.len());
    for batch in found {
        // What a person knows a batch by. It may have been removed since it was listed.
        let first = match batch.jobs.first() {
            Some(id) => service.engine().job(*id).await.ok(),
            None => None,
        };
        listed.push((batch, first));
    }
    Ok(answer::json(StatusCode::OK, &wire::batches(&listed, next)))
}

/// One page of the account's batches, and where the next one begins.
async fn page(
    service: &Service,
    caller: &Caller,
    query: Option<&str>,
) -> Result<(Vec<BatchRecord>, Option<BatchId>), Problem> {
    let limit = page_size(query)?;
    listed(service, caller, cursor(query)?, limit).await
}

/// How many the pages of a list have.
pub(super) fn page_size(query: Option<&str>) -> Result<usize, Problem> {
    body::number(query, "limit", BATCHES, USUAL_BATCHES)
}

/// So many of the account's batches behind `after`, and where those behind them begin.
pub(super) async fn listed(
    service: &Service,
    caller: &Caller,
    after: Option<BatchId>,
    limit: usize,
) -> Result<(Vec<BatchRecord>, Option<BatchId>), Problem> {
    // One more than is shown says whether there are more.
    let mut found = service.engine().account_batches(caller.account(), after, limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().map(|it| it.id).filter(|_| more);
    Ok((found, next))
}

/// Where the last page of a list ended.
pub(super) fn cursor(query: Option<&str>) -> Result<Option<BatchId>, Problem> {
    let Some(cursor) = body::parameter(query, "cursor") else { return Ok(None) };
    let id = cursor.parse().map_err(|_| {
        let reason = "must be the `next_cursor` of the page before".to_owned();
        Problem::of_field(None, &ValidationError { field: "cursor", reason })
    })?;
    Ok(Some(id))
}
