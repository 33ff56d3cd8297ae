//! Jobs.

use serde_json::{Value, json};

use crate::core::job::{Job, JobState};
use crate::engine::StoredResult;
use crate::service::wire::response::billing::billing;
use crate::service::wire::response::scrape::{Field, Object, scrape_fields, size_of, to_json};

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
pub(crate) fn job(job: &Job, result: StoredResult<'_>, state: &str) -> String {
    let page = result.and_then(Result::ok);
    let fields = || page.map(|page| scrape_fields(job, page));
    let error = job.failure();
    let updated = job.ended_at.or(job.started_at).unwrap_or(job.created_at);
    let mut body = fields().unwrap_or_else(|| Object::from([("billing", billing(job).into())]));
    let progress = match job.state {
        JobState::Queued => 0,
        JobState::Processing => 50,
        JobState::Succeeded | JobState::Failed => 100,
    };
    let values = [
        ("job_id", json!(job.id.to_string())),
        ("url", json!(job.request.page().as_str())),
        ("status", json!(state)),
        ("error", json!(error.map(|it| it.code.as_str()))),
        ("error_message", json!(error.map(|it| it.message.as_str()))),
        ("progress", json!(progress)),
        ("created_at", json!(job.created_at.to_string())),
        ("updated_at", json!(updated.to_string())),
    ];
    body.extend(values.map(|(name, value)| (name, Field::Value(value))));
    body.insert("result", fields().map_or(Field::Value(Value::Null), Field::Object));
    to_json(&body, size_of(result) * 2)
}
