//! What is told of a single job.

use serde_json::{Value, json};

use crate::core::job::{Job, JobState};
use crate::engine::JobReport;
use crate::service::wire::result::{billing, scrape_object};

/// The answer to a scrape that is not waited for. `word` is the client's for the job's state.
pub fn pending(job: &Job, word: &str) -> Value {
    json!({
        "job_id": job.id.to_string(),
        "status": word,
        "url": job.request.page().as_str(),
        "estimated_credits": job.hold,
        "created_at": job.created_at.to_string(),
    })
}

/// A job as it stands: a finished one is its page as well, at the top and once more as `result`.
pub fn job(report: &JobReport, word: &str) -> Value {
    let job = report.job();
    let page = scrape_object(report);
    let error = job.failure();
    let updated = job.ended_at.or(job.started_at).unwrap_or(job.created_at);
    let mut body = page.clone().unwrap_or_else(|| json!({ "billing": billing(report) }));
    let progress = match job.state {
        JobState::Queued => 0,
        JobState::Processing => 50,
        JobState::Succeeded | JobState::Failed => 100,
    };
    for (name, value) in [
        ("job_id", json!(job.id.to_string())),
        ("url", json!(report.url())),
        ("status", json!(word)),
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
