//! The directory of the keys with which this service's fetchers sign requests.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::http::header::HOST;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;

use crate::core::time::{Timestamp, millis};
use crate::service::server::response;
use crate::service::server::state::Service;
use crate::service::wire::{self, Problem};

/// The media type of a directory.
const MEDIA_TYPE: &str = "application/http-message-signatures-directory+json";

/// Handles `GET /.well-known/http-message-signatures-directory`.
pub(in crate::service::server) async fn directory(
    State(service): State<Service>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let keys = service.keys_to_publish().ok_or_else(|| wire::problem_of_status(404))?;
    let host = headers.get(HOST).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let directory = keys.directory(host, Timestamp::from_millis(millis(now)));
    let mut response = response::typed(StatusCode::OK, MEDIA_TYPE, directory.body);
    for (name, value) in directory.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    Ok(response)
}
