//! Metrics for Prometheus.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::service::server::response;
use crate::service::server::state::Service;
use crate::service::wire::{self, Problem};

/// Handles `GET /metrics`. It covers all accounts, so it requires an API key with the scope for it, which Prometheus can
/// send.
pub(in crate::service::server) async fn metrics(
    State(service): State<Service>,
) -> Result<Response, Problem> {
    let recorder = service.recorder().ok_or_else(|| wire::problem_of_status(404))?;
    let media_type = "text/plain; version=0.0.4; charset=utf-8";
    Ok(response::typed(StatusCode::OK, media_type, recorder.text()))
}
