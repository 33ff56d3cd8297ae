//! What needs no key: whether the service lives and works.

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::service::server::answer;
use crate::service::server::problem::{Problem, of_status, stopping};
use crate::service::server::routes::{Service, both_slash_forms};
use crate::service::wire;

/// The routes.
pub(super) fn routes() -> Router<Service> {
    let routes = [
        ("/health", get(health)),
        ("/ready", get(ready)),
        ("/openapi.json", get(openapi)),
        ("/docs", get(docs)),
    ];
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

/// `/openapi.json`.
async fn openapi(State(service): State<Service>) -> Response {
    answer::json(StatusCode::OK, &wire::openapi(service.engine().limits()))
}

/// `/docs`: the same for people.
async fn docs(State(service): State<Service>) -> Response {
    let page = wire::page_of(&wire::openapi(service.engine().limits()));
    let mut response = answer::text(StatusCode::OK, "text/html; charset=utf-8", page);
    // It needs nothing from anywhere, and runs nothing.
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    response
}

/// Every other path.
pub(super) async fn nothing_here() -> Response {
    of_status(StatusCode::NOT_FOUND).into_response()
}
