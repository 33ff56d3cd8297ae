//! Accounts for operators: balances, and grants of credits.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::core::id::AccountId;
use crate::engine::Grant;
use crate::service::server::routes::submission;
use crate::service::server::state::Service;
use crate::service::server::{request_body, response};
use crate::service::wire::{self, KnownFields, Problem, Warnings};

/// Maximum number of grants that a response lists.
const MAX_GRANTS: usize = 1_000;

fn account_id(name: &str) -> Result<AccountId, Problem> {
    AccountId::new(name).map_err(|error| Problem::of_parameter("account", &error.to_string()))
}

/// Handles `GET /accounts/{account}`: the balance and the grants.
pub(in crate::service::server) async fn account(
    State(service): State<Service>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let id = account_id(&name)?;
    let engine = service.engine();
    let account = engine.account(&id).await?;
    let grants = engine.grants(&id, MAX_GRANTS).await?;
    let limited = !engine.settings().unlimited_accounts;
    Ok(response::json(StatusCode::OK, &wire::account(&account, limited, grants)))
}

/// Handles `POST /accounts/{account}/grants`: adds credits, once per key.
pub(in crate::service::server) async fn grant(
    State(service): State<Service>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id = account_id(&name)?;
    let value = request_body::json(&headers, body, service.settings()).await?;
    let warnings = Warnings::of(KnownFields::grant(), &value);
    let granted = async {
        let read = wire::read_grant(&value).map_err(|error| Problem::of_field(&error))?;
        let header = submission::idempotency_key(&headers);
        let key = header.or(read.key).ok_or_else(wire::grant_without_key)?;
        let granted = service.engine().grant_once(Grant::new(id, read.credits, key)).await?;
        tracing::info!(account = %granted.record.account, credits = %granted.record.amount, "granted");
        Ok(granted)
    };
    let granted = granted.await.map_err(|problem: Problem| problem.with_warnings(&warnings))?;
    let limited = !service.engine().settings().unlimited_accounts;
    let mut body = wire::granted(&granted, limited);
    warnings.add_to(&mut body);
    Ok(response::json(StatusCode::OK, &body))
}
