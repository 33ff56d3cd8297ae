//! What needs no key: whether the service lives and works.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::service::answer;
use crate::service::problem::{Problem, of_status, stopping};
use crate::service::routes::{Service, both_slash_forms};
use crate::service::wire;

/// The routes.
pub(super) fn routes() -> Router<Service> {
    let routes = [("/health", get(health)), ("/ready", get(ready))];
    routes.into_iter().fold(Router::new(), both_slash_forms)
}

/// The process answers.
async fn health() -> Response {
    answer::json(StatusCode::OK, &wire::health("ok"))
}

/// The store answers too, and work is taken.
async fn ready(State(service): State<Service>) -> Result<Response, Problem> {
    if service.stopping().is_cancelled() {
        return Err(stopping());
    }
    service.engine().batches(None, 1).await?;
    Ok(answer::json(StatusCode::OK, &wire::health("ready")))
}

/// `/metrics`, which needs a key: a scraper can send one.
pub(super) fn metrics_route() -> Router<Service> {
    both_slash_forms(Router::new(), ("/metrics", get(metrics)))
}

async fn metrics(State(service): State<Service>) -> Result<Response, Problem> {
    let counted = service.counted().ok_or_else(|| of_status(StatusCode::NOT_FOUND))?;
    Ok(answer::text(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", counted.text()))
}

/// Every other path.
pub(super) async fn nothing_here() -> Response {
    of_status(StatusCode::NOT_FOUND).into_response()
}
