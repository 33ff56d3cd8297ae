//! Request ids.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use crate::core::id::NotificationId;
use crate::core::time::Timestamp;
use crate::engine::SystemEntropy;
use crate::ports::clock::Entropy;
use crate::service::server::state::Service;

/// A request's id, a version 7 UUID.
#[derive(Clone, Debug)]
pub(super) struct RequestId(pub(super) String);

/// Gives each request an id, which the handlers below find in its extensions, and returns it as `X-Request-Id`.
pub(in crate::service::server) async fn request_id(
    State(service): State<Service>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = new_request_id(service.engine().now());
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    set_request_id(&mut response, id);
    response
}

/// Returns a new request id, a UUID.
pub(in crate::service::server) fn new_request_id(now: Timestamp) -> String {
    NotificationId::new(now, 0, SystemEntropy.random_u64()).to_string()
}

/// Sets the header with the request's id.
pub(in crate::service::server) fn set_request_id(response: &mut Response, id: String) {
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
    }
}
