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

/// Serializes an event that shows the progress of a job; `None` for the ends of jobs and batches.
pub(crate) fn progress_event(event: &ProgressEvent) -> Option<WireEvent> {
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
