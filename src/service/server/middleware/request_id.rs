//! Request ids.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use crate::core::id::NotificationId;
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
    let id = NotificationId::new(service.engine().now(), 0, SystemEntropy.random_u64()).to_string();
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
    }
    response
}
