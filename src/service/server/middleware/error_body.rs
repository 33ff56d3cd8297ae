//! Error bodies.

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_LENGTH, RETRY_AFTER};
use axum::middleware::Next;
use axum::response::Response;

use crate::service::server::middleware::request_id::RequestId;
use crate::service::server::response;
use crate::service::wire::{self, Problem};

/// Gives every error response a JSON body with the request's id, including those of the router and of hyper.
pub(in crate::service::server) async fn error_body(request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().cloned();
    let mut response = next.run(request).await;
    let status = response.status();
    let reported = response.extensions_mut().remove::<Box<Problem>>();
    let is_error = status.is_client_error() || status.is_server_error();
    let Some(problem) =
        reported.or_else(|| is_error.then(|| Box::new(wire::problem_of_status(status.as_u16()))))
    else {
        return response;
    };
    let id = id.map(|it| it.0).unwrap_or_default();
    write_body(&mut response, &problem, &id);
    response
}

/// Gives an error response the body of its problem.
pub(super) fn write_body(response: &mut Response, problem: &Problem, id: &str) {
    let written = response::json(response.status(), &wire::problem_body(problem, id));
    let (head, body) = written.into_parts();
    *response.body_mut() = body;
    response.headers_mut().remove(CONTENT_LENGTH);
    response.headers_mut().extend(head.headers);
    if let Some(seconds) = problem.retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
}
