//! Errors as responses.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::engine::{EngineError, SessionError};
use crate::service::wire::{self, Problem};

/// Puts the problem into the response's extensions. The `error_body` middleware, which knows the request's id, writes
/// the body.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(Box::new(self));
        response
    }
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Engine(error) => error.into(),
            error => {
                let problem = wire::session_error(&error);
                if problem.status == 500 {
                    let cause = &error as &dyn std::error::Error;
                    tracing::error!(error = cause, "a request for a session failed");
                }
                problem
            }
        }
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let problem = wire::engine_error(&error);
        if problem.status == 500 || error.is_unavailable() {
            // Only the operator can act on the cause, so the response does not contain it.
            tracing::error!(error = &error as &dyn std::error::Error, "request failed");
        }
        problem
    }
}
