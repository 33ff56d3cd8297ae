//! From what the engine says to what a client gets.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::core::failure::{ErrorCode, JobError};
use crate::core::ledger::Overdrawn;
use crate::core::time::Timestamp;
use crate::engine::{EngineError, JobReport, SubmitError};
use crate::service::wire;

pub(super) use crate::service::wire::Problem;

/// Seconds after which a store or an engine that failed may work again.
const SOON: u64 = 5;

/// The answer carries the problem itself; its body is written on the way out, where the request's id
/// is known.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(Box::new(self));
        response
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::BatchNotFound(_) => no_batch(),
            EngineError::JobNotFound(_) => no_job(),
            EngineError::NotificationNotFound(_) => no_delivery(),
            EngineError::ArtifactNotFound { .. } => no_file(),
            EngineError::Stopped => stopping(),
            other => {
                // What failed is for the operator; a client could do nothing with it.
                tracing::error!(error = &other as &dyn std::error::Error, "a request failed");
                Self::new(500, "INTERNAL_ERROR", "the service failed; the operator can see why")
                    .after(SOON)
            }
        }
    }
}

/// What is wrong with a submission whose items came under the name `list`; of a scrape, whose one
/// item is the body itself, without.
pub(super) fn not_submitted(
    error: SubmitError,
    list: Option<&'static str>,
    now: Timestamp,
) -> Problem {
    let invalid = |field: &'static str, reason: String| {
        Problem::of_field(None, &crate::core::request::ValidationError { field, reason })
    };
    match error {
        SubmitError::Item { index, flaw } => Problem::of_field(list.map(|it| (it, index)), &flaw),
        SubmitError::Empty | SubmitError::TooMany { .. } => {
            invalid(list.unwrap_or("urls"), error.to_string())
        }
        SubmitError::Webhook(reason) => invalid("webhook_url", reason),
        SubmitError::BadKey => invalid("Idempotency-Key", error.to_string()),
        SubmitError::KeyReused { .. } => {
            Problem::new(409, "IDEMPOTENCY_KEY_REUSED", error.to_string())
        }
        SubmitError::OverBudget(over) => {
            // Whatever the clock says: a wait of nothing would be tried again at once.
            let seconds = over.resets_at.since(now).as_secs().max(1);
            Problem::new(429, "SPEND_LIMIT_EXCEEDED", error.to_string()).after(seconds)
        }
        SubmitError::Overdrawn(Overdrawn { needed, free }) => Problem {
            balance: Some((free, needed)),
            ..Problem::new(402, "INSUFFICIENT_CREDITS", error.to_string())
        },
        SubmitError::Engine(error) => error.into(),
    }
}

/// What a page that failed is answered with, where the page itself was to be the answer.
pub(super) fn not_scraped(report: &JobReport, error: &JobError) -> Problem {
    let billing = wire::billing(report);
    Problem {
        retryable: matches!(error.code, ErrorCode::Timeout | ErrorCode::TimeBudgetExpired),
        url: Some(report.url().to_owned()),
        tier: error.required_tier.or(report.trail().last().map(|it| it.tier)),
        details: json!({
            "job_id": report.id().to_string(),
            "required_tier": error.required_tier,
            "status_code": error.status,
            "escalations": billing["escalations"],
        }),
        ..Problem::new(status_of(error.code), error.code.as_str(), error.message.clone())
    }
}

/// Clients send everything in the 500s once more. What was tried on every tier already is not among
/// it, and neither is what only another request can mend.
fn status_of(code: ErrorCode) -> u16 {
    match code {
        ErrorCode::BlockedByAntibot
        | ErrorCode::ChallengeDetected
        | ErrorCode::LoginRequired
        | ErrorCode::RobotsDisallowed
        | ErrorCode::PrivateAddressBlocked => 403,
        ErrorCode::PaywallDetected | ErrorCode::CostLimitExceeded => 402,
        ErrorCode::Timeout | ErrorCode::TimeBudgetExpired => 504,
        ErrorCode::UnsupportedContentType => 415,
        ErrorCode::ContentTooLarge => 413,
        ErrorCode::Cancelled => 409,
        ErrorCode::InternalError => 500,
        _ => 422,
    }
}

/// No such batch, or another account's.
pub(super) fn no_batch() -> Problem {
    let message = "there is no such batch: it never was, or its 24 hours are over";
    Problem::new(404, "BATCH_NOT_FOUND", message)
}

/// No such job, or another account's.
pub(super) fn no_job() -> Problem {
    let message = "there is no such job: it never was, or its time is over";
    Problem::new(404, "JOB_NOT_FOUND", message)
}

/// No such notification, or another account's.
pub(super) fn no_delivery() -> Problem {
    let message = "there is no such delivery: it never was, or its batch's time is over";
    Problem::new(404, "DELIVERY_NOT_FOUND", message)
}

/// No file of that name beside the job's page.
fn no_file() -> Problem {
    let message = "the job has no such file; its result names those that there are";
    Problem::new(404, "ARTIFACT_NOT_FOUND", message)
}

/// The service is being shut down.
pub(super) fn stopping() -> Problem {
    Problem::new(503, "SERVICE_UNAVAILABLE", "the service is being restarted").after(SOON)
}

/// What the router or the server itself refused: its status, with a code and a body of ours.
pub(super) fn of_status(status: StatusCode) -> Problem {
    let (code, message) = match status {
        StatusCode::NOT_FOUND => ("NOT_FOUND", "there is nothing at this path"),
        StatusCode::METHOD_NOT_ALLOWED => {
            ("METHOD_NOT_ALLOWED", "this path takes other methods; `Allow` names them")
        }
        StatusCode::BAD_REQUEST => ("VALIDATION_ERROR", "the request cannot be read"),
        _ if status.is_client_error() => ("VALIDATION_ERROR", "the request was refused"),
        _ => ("INTERNAL_ERROR", "the service failed; the operator can see why"),
    };
    Problem { retryable: status.is_server_error(), ..Problem::new(status.as_u16(), code, message) }
}
