//! Limits of spending, and features that could be turned on.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use crate::core::usage::{Budget, UsageTotals};
use crate::service::server::principal::Principal;
use crate::service::server::response;
use crate::service::server::state::Service;
use crate::service::wire::{self, Problem};

/// Handles `GET /account/limits`. An account has credits and no budget of its own.
pub(in crate::service::server) async fn of_account(
    State(service): State<Service>,
    principal: Principal,
) -> Result<Response, Problem> {
    limits(&service, &principal, None, None).await
}

/// Handles `GET /api-keys/{id}/limits`. The id is the name of a key of the same account.
pub(in crate::service::server) async fn of_key(
    State(service): State<Service>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let Some(key) = service.api_keys().named(principal.account(), &id) else {
        return Err(wire::api_key_not_found());
    };
    limits(&service, &principal, Some(&id), key.budget).await
}

async fn limits(
    service: &Service,
    principal: &Principal,
    label: Option<&str>,
    budget: Option<Budget>,
) -> Result<Response, Problem> {
    let today = service.engine().now().day();
    let first = budget.map_or(today.month(), |it| it.period.first(today));
    let days = service.engine().usage(principal.account(), first).await?;
    let used = days.iter().fold(UsageTotals::default(), |sums, it| sums.and(it.of(label)));
    Ok(response::json(StatusCode::OK, &wire::limits(label, budget, used, today)))
}

/// Handles `GET /beta-features`: there are none.
pub(in crate::service::server) async fn features() -> Response {
    response::json(StatusCode::OK, &wire::beta_features())
}

/// Handles `GET /beta-features/my`.
pub(in crate::service::server) async fn own_features() -> Response {
    response::json(StatusCode::OK, &wire::own_beta_features())
}

/// Handles `POST /beta-features/{slug}/enable` and `disable`.
pub(in crate::service::server) async fn unknown_feature() -> Problem {
    wire::beta_feature_not_found()
}
