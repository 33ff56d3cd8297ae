//! Counters and durations of requests.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;

use crate::service::server::state::Service;

/// Counts each request and records its duration, by the class of its status.
pub(in crate::service::server) async fn request_metrics(
    State(service): State<Service>,
    request: Request,
    next: Next,
) -> Response {
    let started_at = service.engine().now();
    let response = next.run(request).await;
    let elapsed = service.engine().now().since(started_at);
    let class = class(response.status());
    metrics::counter!("rungs_http_requests", "status" => class).increment(1);
    metrics::histogram!("rungs_http_request_seconds", "status" => class)
        .record(elapsed.as_secs_f64());
    response
}

/// Returns the status class. The full status would open a time series for every mistake that clients make.
fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}
