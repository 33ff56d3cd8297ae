//! Server-sent events.

use serde_json::{Value, json};

use crate::core::batch::BatchRecord;
use crate::core::job::Job;
use crate::engine::ProgressEvent;
use crate::service::wire::response::batch::{batch_summary, item_without_result};
use crate::service::wire::response::billing::evidence;

/// Returns the lines of an event in a stream, without its id.
pub(super) fn lines(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

/// Returns the lines of an event of a job; `None` for the end of a batch, whose event needs the batch.
pub(crate) fn event_lines(event: &ProgressEvent) -> Option<String> {
    let (name, data) = match event {
        ProgressEvent::JobStarted { job } => ("job.started", json!({ "job_id": job.to_string() })),
        ProgressEvent::JobRescheduled { job } => {
            ("job.rescheduled", json!({ "job_id": job.to_string() }))
        }
        ProgressEvent::Attempted { job, attempt } => {
            let mut data = evidence(attempt);
            data["job_id"] = json!(job.to_string());
            ("job.attempted", data)
        }
        ProgressEvent::JobEnded { job } => return Some(job_ended_lines(job)),
        ProgressEvent::BatchEnded { .. } => return None,
    };
    Some(lines(name, &data))
}

/// Returns the lines for the end of a job.
pub(crate) fn job_ended_lines(job: &Job) -> String {
    let name = if job.failure().is_some() { "job.failed" } else { "job.succeeded" };
    lines(name, &item_without_result(job))
}

/// Returns the lines for the end of a batch.
pub(crate) fn batch_completed_lines(batch: &BatchRecord) -> String {
    lines("batch.completed", &batch_summary(batch))
}
