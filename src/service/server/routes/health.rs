//! Liveness and readiness.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::service::server::response;
use crate::service::server::state::Service;
use crate::service::wire::{self, Problem};

/// Handles `GET /health`: the process responds.
pub(in crate::service::server) async fn health() -> Response {
    response::json(StatusCode::OK, &wire::health("ok"))
}

/// Handles `GET /ready`: the store responds too, and submissions are accepted.
pub(in crate::service::server) async fn ready(
    State(service): State<Service>,
) -> Result<Response, Problem> {
    if service.shutdown().is_cancelled() {
        return Err(wire::shutting_down());
    }
    service.engine().batches(None, 1).await?;
    Ok(response::json(StatusCode::OK, &wire::health("ready")))
}

/// Handles every other path.
pub(in crate::service::server) async fn not_found() -> Response {
    wire::problem_of_status(404).into_response()
}
