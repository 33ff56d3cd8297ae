//! Errors of the API: status, code, message, and the body (CONTRACT 4.1).

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::core::credits::Credits;
use crate::core::failure::{ErrorCode, JobError};
use crate::core::job::Job;
use crate::core::ledger::Overdrawn;
use crate::core::request::ValidationError;
use crate::core::tier::Tier;
use crate::core::time::Timestamp;
use crate::engine::{EngineError, ExtractionError, SessionError, SubmitError};
use crate::ports::extract::ExtractError;
use crate::ports::session::SessionStoreError;
use crate::service::KeyScope;
use crate::service::wire::request::{ItemList, WireValidationError, json_path};
use crate::service::wire::response::{billing, job_accepted};
use crate::service::wire::warnings::Warnings;

/// Seconds after which a store or an engine that failed may work again.
const RETRY_SECS: u64 = 5;

/// An error response.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Problem {
    /// HTTP status.
    pub(crate) status: u16,
    /// Code for programs.
    pub(crate) code: &'static str,
    /// Explanation for people: what failed, and how to fix it.
    pub(crate) message: String,
    /// `true` if the same request may succeed later.
    pub(crate) retryable: bool,
    /// Seconds to wait before a retry.
    pub(crate) retry_after: Option<u64>,
    /// Path of the wrong field, with dots.
    pub(crate) field: Option<String>,
    /// URL of the page that failed.
    pub(crate) url: Option<String>,
    /// Tier that the page needs, or the last one that ran.
    pub(crate) tier: Option<Tier>,
    /// The free credits, and those that the request needed.
    pub(crate) balance: Option<(Credits, Credits)>,
    /// Further facts, such as the location of a wrong field; null if there are none.
    pub(crate) details: Value,
    /// Warnings of the request.
    pub(crate) warnings: Warnings,
}

impl Problem {
    /// Creates an error that a retry would reproduce.
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retryable: false,
            retry_after: None,
            field: None,
            url: None,
            tier: None,
            balance: None,
            details: Value::Null,
            warnings: Warnings::default(),
        }
    }

    /// Adds the warnings of the request, which may explain the error.
    pub(crate) fn with_warnings(self, warnings: &Warnings) -> Self {
        Self { warnings: warnings.clone(), ..self }
    }

    /// Marks the error as retryable after this many seconds.
    fn after(mut self, seconds: u64) -> Self {
        self.retryable = true;
        self.retry_after = Some(seconds);
        self
    }

    /// Creates the error for one field of the body.
    pub(crate) fn of_field(error: &ValidationError) -> Self {
        Self::of_path(None, json_path(error.field()), error.reason())
    }

    /// Creates the error for a batch's body.
    pub(crate) fn of_batch(error: &WireValidationError, list: ItemList) -> Self {
        let item = error.index.and_then(|index| Some((list.name()?, index)));
        Self::of_path(item, json_path(error.error.field()), error.error.reason())
    }

    /// Creates the error for a query parameter or a header.
    pub(crate) fn of_parameter(name: &str, reason: &str) -> Self {
        Self::of_path(None, name, reason)
    }

    fn of_path(item: Option<(&str, usize)>, path: &str, reason: &str) -> Self {
        let mut location: Vec<Value> = Vec::new();
        if let Some((list, index)) = item {
            location.extend([json!(list), json!(index)]);
        }
        location.extend(path.split('.').map(|it| json!(it)));
        let prefix = item.map(|(list, index)| format!("{list}[{index}].")).unwrap_or_default();
        Self {
            field: Some(format!("{prefix}{path}")),
            details: json!([{ "loc": location, "msg": reason, "type": "value_error" }]),
            ..Self::new(422, "VALIDATION_ERROR", format!("{prefix}{path}: {reason}"))
        }
    }
}

/// Creates the error for a request without a known API key.
pub(crate) fn unauthorized() -> Problem {
    let message = "missing or unknown API key: send a valid key in the header `X-API-Key`";
    Problem::new(401, "AUTHENTICATION_ERROR", message)
}

/// Creates the error for an API key that does not open the paths of this scope.
pub(crate) fn insufficient_scope(needed: KeyScope) -> Problem {
    let message = match needed {
        KeyScope::Metrics => {
            "this API key does not open /metrics: use one with `\"scope\": \"metrics\"`, from `rungs key NAME --metrics`"
        }
        KeyScope::Admin => {
            "this API key does not open the accounts: use one with `\"scope\": \"admin\"`, from `rungs key NAME --admin`"
        }
        KeyScope::Api => "this API key has a scope without this path: use one without a `scope`",
    };
    Problem::new(403, "INSUFFICIENT_SCOPE", message)
}

/// Creates the error for an account that has no credits and no batches yet.
pub(crate) fn account_not_found() -> Problem {
    let message = "account not found: check its name; a grant or the first batch opens it";
    Problem::new(404, "ACCOUNT_NOT_FOUND", message)
}

/// Creates the error for a request that a website made.
pub(crate) fn cross_site(message: &str) -> Problem {
    Problem::new(403, "CROSS_SITE_REQUEST", message)
}

/// Creates the error for a request beyond the API key's limits.
pub(crate) fn rate_limited(message: String, retry_after: Duration) -> Problem {
    Problem::new(429, "RATE_LIMIT_EXCEEDED", message).after(retry_after.as_secs())
}

/// Creates the error for a request on a connection beyond the limit.
pub(crate) fn too_many_connections() -> Problem {
    let message = "too many connections: close some, or retry after 1 s";
    Problem::new(503, "SERVICE_UNAVAILABLE", message).after(1)
}

/// Creates the error for a body that is not readable.
pub(crate) fn bad_request(message: impl Into<String>) -> Problem {
    Problem::new(400, "VALIDATION_ERROR", message)
}

/// Creates the error for a body that did not arrive in time.
pub(crate) fn body_timeout(timeout: Duration) -> Problem {
    let seconds = timeout.as_secs();
    let message = format!("the request body did not arrive within {seconds} s: send it again");
    Problem { retryable: true, ..Problem::new(408, "REQUEST_TIMEOUT", message) }
}

/// Creates the error for a body over the limit.
pub(crate) fn body_too_large(max_bytes: u64) -> Problem {
    let message =
        format!("the request body exceeds {max_bytes} bytes: split it into several batches");
    Problem::new(413, "CONTENT_TOO_LARGE", message)
}

/// Creates the error for a body of a type or encoding that the service does not accept.
pub(crate) fn unsupported_body(message: &str) -> Problem {
    Problem::new(415, "UNSUPPORTED_CONTENT_TYPE", message)
}

/// Creates the error for an unknown batch, and for another account's.
pub(crate) fn batch_not_found() -> Problem {
    let message = "batch not found: check the id; a batch expires 24 hours or more after its end";
    Problem::new(404, "BATCH_NOT_FOUND", message)
}

/// Creates the error for an unknown crawl, and for another account's.
pub(crate) fn crawl_not_found() -> Problem {
    let message = "crawl not found: check the id; a crawl expires 24 hours or more after its end";
    Problem::new(404, "CRAWL_NOT_FOUND", message)
}

/// Creates the error for an unknown job, and for another account's.
pub(crate) fn job_not_found() -> Problem {
    let message = "job not found: check the id; a job expires together with its batch";
    Problem::new(404, "JOB_NOT_FOUND", message)
}

/// Creates the error for an unknown file of a job.
pub(crate) fn artifact_not_found() -> Problem {
    let message = "artifact not found: use a name from `artifacts` of the job's result";
    Problem::new(404, "ARTIFACT_NOT_FOUND", message)
}

/// Creates the error for an unknown webhook delivery, and for another account's.
pub(crate) fn delivery_not_found() -> Problem {
    let message = "delivery not found: check the id; a delivery expires together with its batch";
    Problem::new(404, "DELIVERY_NOT_FOUND", message)
}

/// Creates the error for an unknown session, and for another account's.
pub(crate) fn session_not_found() -> Problem {
    let message = "session not found: check the id, or create the session again";
    Problem::new(404, "SESSION_NOT_FOUND", message)
}

/// Creates the error for the key with which clients would encrypt cookies.
pub(crate) fn no_public_key() -> Problem {
    let message = "cookies that the client encrypted are not supported: send them as they are over https, and the \
                   service encrypts them before it stores them";
    Problem::new(501, "NOT_IMPLEMENTED", message)
}

/// Converts the error of a call for a session.
pub(crate) fn session_error(error: &SessionError) -> Problem {
    match error {
        SessionError::Unavailable => {
            let message = "this service stores no sessions: start it with `--session-keys FILE`, a file with a key to \
                           encrypt them";
            Problem::new(501, "NOT_IMPLEMENTED", message)
        }
        SessionError::NotFound(_) => session_not_found(),
        SessionError::Invalid(error) => Problem::of_field(error),
        SessionError::TooMany { .. } => Problem::new(409, "TOO_MANY_SESSIONS", error.to_string()),
        SessionError::NotValidated(_) => {
            Problem::new(409, "SESSION_NOT_VALIDATED", error.to_string()).after(RETRY_SECS)
        }
        SessionError::Engine(error) => engine_error(error),
        SessionError::Store(source) if matches!(**source, SessionStoreError::Sealed) => {
            Problem::new(409, "SESSION_SEALED", source.to_string())
        }
        SessionError::Store(_) => problem_of_status(500).after(RETRY_SECS),
    }
}

/// Creates the error for an API key that the account does not have.
pub(crate) fn api_key_not_found() -> Problem {
    let message = "API key not found: use the name of a key of this account";
    Problem::new(404, "NOT_FOUND", message)
}

/// Creates the error for a feature that could be turned on.
pub(crate) fn beta_feature_not_found() -> Problem {
    let message = "beta feature not found: this service has none, and every feature is available";
    Problem::new(404, "NOT_FOUND", message)
}

/// Creates the error for a part of the API that rungs does not have.
pub(crate) fn not_implemented(reason: &str) -> Problem {
    Problem::new(501, "NOT_IMPLEMENTED", reason)
}

/// Creates the error for a grant that a repetition would make twice.
pub(crate) fn grant_without_key() -> Problem {
    let reason = "is missing; add a text that identifies the grant, such as `invoice-17`, or the header \
                  `Idempotency-Key`, so that a repeated request grants once";
    Problem::of_path(None, "key", reason)
}

/// Creates the error for requests during a shutdown.
pub(crate) fn shutting_down() -> Problem {
    let message = "the service is shutting down: retry in a few seconds";
    Problem::new(503, "SERVICE_UNAVAILABLE", message).after(RETRY_SECS)
}

/// Creates the error for a response of the router or of hyper, which has no JSON body.
pub(crate) fn problem_of_status(status: u16) -> Problem {
    let (code, message) = match status {
        404 => ("NOT_FOUND", "path not found: `/openapi.json` lists the paths"),
        405 => ("METHOD_NOT_ALLOWED", "method not allowed: the header `Allow` lists the methods"),
        400 => ("VALIDATION_ERROR", "malformed request: check the path, the query and the headers"),
        401..500 => ("VALIDATION_ERROR", "request refused: check the method and the headers"),
        _ => {
            let message = "internal error: retry later; the log has the cause under `request_id`";
            ("INTERNAL_ERROR", message)
        }
    };
    Problem { retryable: status >= 500, ..Problem::new(status, code, message) }
}

/// Creates the error for a store that cannot be reached.
fn store_unavailable() -> Problem {
    let message = "the store cannot be reached: retry in a few seconds";
    Problem::new(503, "SERVICE_UNAVAILABLE", message).after(RETRY_SECS)
}

/// Converts an error of the engine.
pub(crate) fn engine_error(error: &EngineError) -> Problem {
    match error {
        EngineError::BatchNotFound(_) => batch_not_found(),
        EngineError::JobNotFound(_) => job_not_found(),
        EngineError::NotificationNotFound(_) => delivery_not_found(),
        EngineError::ArtifactNotFound { .. } => artifact_not_found(),
        EngineError::AccountNotFound(_) => account_not_found(),
        EngineError::InvalidGrantKey => Problem::of_path(None, "key", &error.to_string()),
        EngineError::GrantKeyReused { .. } => {
            Problem::new(409, "IDEMPOTENCY_KEY_REUSED", error.to_string())
        }
        EngineError::BatchNotEnded(_) => Problem::new(409, "BATCH_NOT_ENDED", error.to_string()),
        EngineError::CrawlNotFound(_) => crawl_not_found(),
        EngineError::CrawlEnded(_) => Problem::new(409, "CRAWL_ENDED", error.to_string()),
        EngineError::TooMuch => Problem::of_path(None, "credits", &error.to_string()),
        EngineError::Stopped => shutting_down(),
        error if error.is_unavailable() => store_unavailable(),
        _ => problem_of_status(500).after(RETRY_SECS),
    }
}

/// Converts the refusal of a submission whose body names its items `list`.
pub(crate) fn submission_refused(error: SubmitError, list: ItemList, now: Timestamp) -> Problem {
    match error {
        SubmitError::Item { index, error } => {
            let item = list.name().map(|it| (it, index));
            Problem::of_path(item, json_path(error.field()), error.reason())
        }
        SubmitError::Empty | SubmitError::TooMany { .. } => {
            Problem::of_path(None, list.name().unwrap_or("urls"), &error.to_string())
        }
        SubmitError::Option(error) => {
            Problem::of_path(None, json_path(error.field()), error.reason())
        }
        SubmitError::NoNotifier => {
            let reason = "this service delivers no webhooks: fetch the batch's results instead";
            Problem::of_path(None, "webhook_url", reason)
        }
        SubmitError::Webhook(error) => Problem::of_path(None, "webhook_url", &error.to_string()),
        SubmitError::BadKey => Problem::of_parameter("Idempotency-Key", &error.to_string()),
        SubmitError::KeyReused { .. } | SubmitError::CrawlKeyReused { .. } => {
            Problem::new(409, "IDEMPOTENCY_KEY_REUSED", error.to_string())
        }
        // Below 500, where clients would repeat a request that can take a minute.
        SubmitError::SiteUnreadable { .. } => {
            Problem::new(422, "SITE_UNREADABLE", error.to_string())
        }
        SubmitError::AlreadyRetried { .. } => {
            Problem::new(409, "ALREADY_RETRIED", error.to_string())
        }
        SubmitError::NothingFailed { .. } => {
            Problem::new(409, "NOTHING_TO_RETRY", error.to_string())
        }
        SubmitError::OverBudget(over) => {
            let problem = Problem::new(429, "SPEND_LIMIT_EXCEEDED", error.to_string());
            // A client would retry at once after a wait of zero.
            let seconds = over.resets_at.since(now).as_secs().max(1);
            if over.fits_later() { problem.after(seconds) } else { problem }
        }
        SubmitError::Overdrawn(Overdrawn { needed, free, .. }) => Problem {
            balance: Some((free, needed)),
            ..Problem::new(402, "INSUFFICIENT_CREDITS", error.to_string())
        },
        SubmitError::Engine(error) => engine_error(&error),
    }
}

/// Converts the refusal or the failure of an extraction.
pub(crate) fn extraction_refused(error: ExtractionError, now: Timestamp) -> Problem {
    let message = error.to_string();
    match error {
        ExtractionError::Invalid(error) => Problem::of_field(&error),
        ExtractionError::TooExpensive { .. } => {
            Problem::new(402, ErrorCode::CostLimitExceeded.as_str(), message)
        }
        ExtractionError::Overdrawn(it) => {
            submission_refused(SubmitError::Overdrawn(it), ItemList::None, now)
        }
        ExtractionError::OverBudget(it) => {
            submission_refused(SubmitError::OverBudget(it), ItemList::None, now)
        }
        ExtractionError::BadKey => Problem::of_parameter("Idempotency-Key", &message),
        ExtractionError::KeyReused => Problem::new(409, "IDEMPOTENCY_KEY_REUSED", message),
        ExtractionError::InProgress => {
            Problem::new(409, "EXTRACTION_RUNNING", message).after(RETRY_SECS)
        }
        ExtractionError::Busy => {
            Problem::new(503, "SERVICE_UNAVAILABLE", message).after(RETRY_SECS)
        }
        ExtractionError::NotCached => Problem::new(404, "NOT_CACHED", message),
        ExtractionError::Failed(error) => match error {
            ExtractError::Empty => Problem::new(422, ErrorCode::EmptyContent.as_str(), message),
            ExtractError::Unsupported(_) => unsupported_body(&message),
            ExtractError::Abandoned => shutting_down(),
            _ => Problem::new(422, ErrorCode::ExtractionFailed.as_str(), message),
        },
        ExtractionError::Engine(error) => engine_error(&error),
    }
}

/// Converts the failure of a page that a client waited for.
pub(crate) fn scrape_failed(job: &Job, error: &JobError) -> Problem {
    let billing = billing(job);
    Problem {
        retryable: matches!(error.code, ErrorCode::Timeout | ErrorCode::TimeBudgetExpired),
        url: Some(job.request.page().as_str().to_owned()),
        tier: error.required_tier.or(job.trail.last().map(|it| it.tier)),
        details: json!({
            "job_id": job.id.to_string(),
            "required_tier": error.required_tier,
            "status_code": error.status,
            "escalations": billing["escalations"],
        }),
        ..Problem::new(status_of(error.code), error.code.as_str(), error.message.clone())
    }
}

/// Creates the error for a page that is not finished in time, for clients that cannot poll.
pub(crate) fn scrape_timeout(job: &Job) -> Problem {
    let message = "the page is not finished yet: poll the job in `details`, which continues";
    Problem {
        retryable: true,
        url: Some(job.request.page().as_str().to_owned()),
        details: job_accepted(job, job.state.as_str()),
        ..Problem::new(504, "TIMEOUT", message)
    }
}

/// Returns the HTTP status of a failed page.
///
/// Clients retry every status from 500 on. A failure that a retry would reproduce therefore has a status below 500.
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

/// Serializes the body of an error response. `detail` is a string, for a client that prints it.
pub(crate) fn problem_body(problem: &Problem, request_id: &str) -> Value {
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| {
        body.insert(name.to_owned(), value);
    };
    put("error", json!(problem.code));
    put("code", json!(problem.code));
    put("message", json!(problem.message));
    put("detail", json!(problem.message));
    put("details", problem.details.clone());
    put("retryable", json!(problem.retryable));
    put("request_id", json!(request_id));
    if let Some(seconds) = problem.retry_after {
        put("retry_after", json!(seconds));
    }
    if let Some(field) = &problem.field {
        put("field", json!(field));
    }
    if let Some(url) = &problem.url {
        put("url", json!(url));
    }
    if let Some(tier) = problem.tier {
        put("tier", json!(tier.number()));
    }
    if let Some((free, needed)) = problem.balance {
        put("balance_dollars", json!(free.dollars()));
        put("required_dollars", json!(needed.dollars()));
    }
    let mut body = Value::Object(body);
    problem.warnings.add_to(&mut body);
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_validation_error_names_its_location() {
        let error = WireValidationError {
            index: Some(3),
            error: ValidationError::new("cost_controls.max_tier", "is unknown"),
        };

        let body = problem_body(&Problem::of_batch(&error, ItemList::Urls), "id");

        assert_eq!(body["field"], "urls[3].cost_controls.max_tier");
        assert_eq!(body["details"][0]["loc"], json!(["urls", 3, "cost_controls", "max_tier"]));
        assert_eq!(body["detail"], "urls[3].cost_controls.max_tier: is unknown");
    }

    #[test]
    fn an_option_of_the_cache_is_named_as_the_field_of_the_item() {
        let error = ValidationError::new("cache.ttl", "is too long");

        assert_eq!(Problem::of_field(&error).field.as_deref(), Some("cache_ttl"));
    }

    #[test]
    fn an_absent_property_has_no_field() {
        let body = problem_body(&job_not_found(), "id");

        let names: Vec<&str> = body.as_object().expect("one").keys().map(String::as_str).collect();
        let always = ["code", "detail", "details", "error", "message", "request_id", "retryable"];
        assert_eq!(names, always);
        assert!(body["detail"].is_string());
    }

    #[test]
    fn money_is_in_dollars() {
        let overdrawn = Problem {
            balance: Some((Credits(250_000), Credits(1_000_000))),
            ..Problem::new(402, "INSUFFICIENT_CREDITS", "grant the difference")
        };

        let body = problem_body(&overdrawn.after(5), "id");

        assert_eq!(
            (&body["balance_dollars"], &body["required_dollars"]),
            (&json!(0.25), &json!(1.0))
        );
        assert_eq!((&body["retry_after"], &body["retryable"]), (&json!(5), &json!(true)));
    }
}
