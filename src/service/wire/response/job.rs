//! Jobs.

use serde_json::{Value, json};

use crate::core::job::{Job, JobState};
use crate::engine::JobSnapshot;
use crate::service::wire::response::scrape::{billing, scrape_object};

/// Serializes the response to a scrape whose page the client has to poll. `state` is the client's word for the job's
/// state.
pub(crate) fn job_accepted(job: &Job, state: &str) -> Value {
    json!({
        "job_id": job.id.to_string(),
        "status": state,
        "url": job.request.page().as_str(),
        "estimated_credits": job.hold,
        "created_at": job.created_at.to_string(),
    })
}

/// Serializes a job. One that succeeded has the fields of its page at the top, and once more in `result`.
pub(crate) fn job(report: &JobSnapshot, state: &str) -> Value {
    let job = report.job();
    let page = report.page().map(|it| scrape_object(job, it));
    let error = job.failure();
    let updated = job.ended_at.or(job.started_at).unwrap_or(job.created_at);
    let mut body = page.clone().unwrap_or_else(|| json!({ "billing": billing(job) }));
    let progress = match job.state {
        JobState::Queued => 0,
        JobState::Processing => 50,
        JobState::Succeeded | JobState::Failed => 100,
    };
    for (name, value) in [
        ("job_id", json!(job.id.to_string())),
        ("url", json!(job.request.page().as_str())),
        ("status", json!(state)),
        ("result", page.unwrap_or_default()),
        ("error", json!(error.map(|it| it.code.as_str()))),
        ("error_message", json!(error.map(|it| it.message.as_str()))),
        ("progress", json!(progress)),
        ("created_at", json!(job.created_at.to_string())),
        ("updated_at", json!(updated.to_string())),
    ] {
        body[name] = value;
    }
    body
}
