//! Headers that keep account data out of caches and responses from being reinterpreted.

use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::response::Response;

/// Adds `Cache-Control: no-store`, unless the handler set another, and `X-Content-Type-Options: nosniff`.
pub(in crate::service::server) async fn security_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
