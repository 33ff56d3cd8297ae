//! What is told of while it happens, and what was told to others.

use serde_json::{Value, json};

use crate::core::batch::{Notification, NotificationState};
use crate::core::id::{BatchId, JobId};
use crate::core::job::Attempt;
use crate::service::wire::result::evidence;
use crate::service::wire::status::paged;

/// A job that a worker took, or put back.
pub fn started(job: JobId) -> Value {
    json!({ "job_id": job.to_string() })
}

/// One attempt of a job that goes on.
pub fn attempted(job: JobId, attempt: &Attempt) -> Value {
    let mut body = evidence(attempt);
    body["job_id"] = json!(job.to_string());
    body
}

/// An event's delivery with every attempt.
pub fn delivery(notice: &Notification) -> Value {
    let attempts: Vec<Value> = notice
        .attempts
        .iter()
        .map(|it| {
            json!({
                "at": it.at.to_string(), "status_code": it.status, "error": it.error,
                "response_body": it.response_body,
            })
        })
        .collect();
    let next = (notice.state == NotificationState::Pending).then(|| notice.ready_at.to_string());
    json!({
        "delivery_id": notice.id.to_string(),
        "batch_id": notice.batch.to_string(),
        "event": notice.event.as_str(),
        "url": notice.url,
        "status": notice.state.as_str(),
        "attempts": attempts,
        "next_attempt_at": next,
        "payload": serde_json::from_str::<Value>(&notice.body).unwrap_or_default(),
    })
}

/// One page of deliveries, and where the next one begins.
pub fn deliveries(notices: &[Notification], next: Option<BatchId>) -> Value {
    paged("deliveries", notices.iter().map(delivery), next)
}
