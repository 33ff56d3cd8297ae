//! The description of the API, for programs and for people.

use axum::extract::State;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;

use crate::service::server::response;
use crate::service::server::state::Service;
use crate::service::wire;

/// Content security policy of the HTML page, which loads nothing and runs nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// Handles `GET /openapi.json`.
pub(in crate::service::server) async fn openapi(State(service): State<Service>) -> Response {
    response::json(StatusCode::OK, &wire::openapi(service.engine().limits()))
}

/// Handles `GET /docs`: the same description as HTML.
pub(in crate::service::server) async fn docs(State(service): State<Service>) -> Response {
    let page = wire::openapi_html(&wire::openapi(service.engine().limits()));
    let mut response = response::typed(StatusCode::OK, "text/html; charset=utf-8", page);
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}
