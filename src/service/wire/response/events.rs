//! Server-sent events.

use serde_json::{Value, json};

use crate::core::batch::BatchRecord;
use crate::core::job::Job;
use crate::engine::ProgressEvent;
use crate::service::wire::response::batch::{batch_summary, item_without_result};
use crate::service::wire::response::scrape::evidence;

/// A server-sent event's name and data.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WireEvent {
    pub(crate) name: &'static str,
    pub(crate) data: Value,
}

impl WireEvent {
    /// Returns the lines of the event in a stream, without its id.
    pub(crate) fn to_lines(&self) -> String {
        format!("event: {}\ndata: {}\n\n", self.name, self.data)
    }
}

/// Returns the lines of an event of a job; `None` for the end of a batch, whose event needs the batch.
pub(crate) fn event_lines(event: &ProgressEvent) -> Option<String> {
    match event {
        ProgressEvent::JobEnded { job } => Some(job_ended_event(job).to_lines()),
        event => Some(progress_event(event)?.to_lines()),
    }
}

/// Serializes an event that shows the progress of a job; `None` for the ends of jobs and batches.
fn progress_event(event: &ProgressEvent) -> Option<WireEvent> {
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
        ProgressEvent::JobEnded { .. } | ProgressEvent::BatchEnded { .. } => return None,
    };
    Some(WireEvent { name, data })
}

/// Serializes the end of a job.
pub(crate) fn job_ended_event(job: &Job) -> WireEvent {
    let name = if job.failure().is_some() { "job.failed" } else { "job.succeeded" };
    WireEvent { name, data: item_without_result(job) }
}

/// Serializes the end of a batch.
pub(crate) fn batch_completed_event(batch: &BatchRecord) -> WireEvent {
    WireEvent { name: "batch.completed", data: batch_summary(batch) }
}
