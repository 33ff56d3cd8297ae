//! An account's balance, usage, batches, and the ledger of a batch.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use crate::core::time::Day;
use crate::core::usage::DailyUsage;
use crate::service::server::principal::Principal;
use crate::service::server::routes::lookup;
use crate::service::server::state::Service;
use crate::service::server::{query, response};
use crate::service::wire::{self, Balance, Problem};

/// Creates a response from the balance, and leaves the balance in its extensions for the headers that show it too.
fn with_balance(balance: Balance, body: &Value) -> Response {
    let mut response = response::json(StatusCode::OK, body);
    response.extensions_mut().insert(balance);
    response
}

/// Loads the usage since the start of the month or of the week, whichever is earlier.
async fn recent_usage(
    service: &Service,
    principal: &Principal,
) -> Result<(Day, Vec<DailyUsage>), Problem> {
    let today = service.engine().now().day();
    let first = today.month().min(today.week());
    Ok((today, service.engine().usage(principal.account(), first).await?))
}

/// Handles `GET /usage`.
pub(in crate::service::server) async fn usage(
    State(service): State<Service>,
    principal: Principal,
) -> Result<Response, Problem> {
    let balance = service.balance(principal.account()).await?;
    let (today, days) = recent_usage(&service, &principal).await?;
    Ok(with_balance(balance, &wire::usage(&balance, today, &days)))
}

/// Handles `GET /billing/balance`.
pub(in crate::service::server) async fn billing_balance(
    State(service): State<Service>,
    principal: Principal,
) -> Result<Response, Problem> {
    let balance = service.balance(principal.account()).await?;
    Ok(with_balance(balance, &wire::balance(&balance)))
}

/// Handles `GET /billing/usage`.
pub(in crate::service::server) async fn billing_usage(
    State(service): State<Service>,
    principal: Principal,
) -> Result<Response, Problem> {
    let balance = service.balance(principal.account()).await?;
    let (today, days) = recent_usage(&service, &principal).await?;
    Ok(with_balance(balance, &wire::billing_usage(&balance, today, &days)))
}

/// Handles `GET /batch/{id}/ledger`: the batch's hold, and the settlement of each part of it.
pub(in crate::service::server) async fn ledger(
    State(service): State<Service>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let batch = lookup::batch(&service, &principal, &id).await?;
    let entries = service.engine().ledger(batch.id).await?;
    Ok(response::json(StatusCode::OK, &wire::ledger(&batch, &entries)))
}

/// Handles `GET /batches`: the account's batches after `cursor`, newest first.
pub(in crate::service::server) async fn batches(
    State(service): State<Service>,
    principal: Principal,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = query.as_deref();
    let (limit, cursor) = (lookup::page_size(query)?, query::cursor(query)?);
    let (found, next) = lookup::batches(&service, &principal, cursor, limit).await?;
    let mut listed = Vec::with_capacity(found.len());
    for batch in found {
        // People recognize a batch by its first URL. The job may have been removed since the list was read.
        let ids = service.engine().job_ids(batch.id).await.unwrap_or_default();
        let first = match ids.first() {
            Some(id) => service.engine().job(*id).await.ok(),
            None => None,
        };
        listed.push((batch, first));
    }
    Ok(response::json(StatusCode::OK, &wire::batches(&listed, next)))
}
