//! What is told of a batch: that it was accepted, and how it stands.

use serde_json::{Value, json};

use crate::core::batch::BatchRecord;
use crate::core::id::BatchId;
use crate::core::job::Job;
use crate::core::tier::Tier;
use crate::engine::JobReport;
use crate::service::wire::result::{escalations, scrape_object};

/// The answer to a submission.
pub fn accepted(batch: &BatchRecord) -> Value {
    json!({
        "batch_id": batch.id.to_string(),
        "total_urls": batch.tally.total,
        "total_requests": batch.tally.total,
        // Whatever has become of it since: who submits again with the same key reads the same.
        "status": "processing",
        "estimated_credits": batch.estimate,
        "job_ids": batch.jobs.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// A batch without its items.
pub fn summary(batch: &BatchRecord) -> Value {
    let tally = batch.tally;
    json!({
        "batch_id": batch.id.to_string(),
        "status": batch.status().as_str(),
        "total": tally.total,
        "total_urls": tally.total,
        "total_requests": tally.total,
        "completed": tally.succeeded,
        "failed": tally.failed,
        "pending": tally.pending(),
        "estimated_credits": batch.estimate,
        "credits_used": batch.charged,
        "webhook_url": batch.webhook,
        "created_at": batch.created_at.to_string(),
        "completed_at": batch.ended_at.map(|it| it.to_string()),
        "expires_at": batch.expires_at.map(|it| it.to_string()),
    })
}

/// A batch that was cancelled, as it was before and as it is now.
pub fn cancelled(before: &BatchRecord, after: &BatchRecord) -> Value {
    let ended = before.tally.pending().saturating_sub(after.tally.pending());
    let mut body = summary(after);
    body["cancelled_jobs"] = json!(ended);
    body["credits_refunded"] = json!(after.estimate.saturating_sub(after.charged));
    body
}

/// That the service is there.
pub fn health(word: &str) -> Value {
    json!({ "status": word, "version": env!("CARGO_PKG_VERSION") })
}

/// One page of an account's batches, each with its first job, and where the next one begins.
pub fn batches(batches: &[(BatchRecord, Option<Job>)], next: Option<BatchId>) -> Value {
    let listed = batches.iter().map(|(batch, first)| {
        let mut body = summary(batch);
        body["first_url"] = json!(first.as_ref().map(|it| it.request.page().as_str()));
        body
    });
    paged("batches", listed, next)
}

/// One page of a list, and where the next one begins.
pub(super) fn paged(name: &str, of: impl Iterator<Item = Value>, next: Option<BatchId>) -> Value {
    json!({
        name: of.collect::<Vec<_>>(),
        "next_cursor": next.map(|it| it.to_string()),
        "has_more": next.is_some(),
    })
}

/// One item of a batch, with its result if it has one.
pub fn item(report: &JobReport) -> Value {
    let mut item = bare_item(report.job());
    item["result"] = scrape_object(report).unwrap_or_default();
    item
}

/// One item of a batch, without its result.
pub fn bare_item(job: &Job) -> Value {
    let error = job.failure();
    json!({
        "job_id": job.id.to_string(),
        "url": job.request.page().as_str(),
        "status": job.state.as_str(),
        "result": null,
        "error": error.map(|it| it.code.as_str()),
        "error_message": error.map(|it| it.message.as_str()),
        "credits_used": job.charged(),
        "tier_used": job.tier().map(Tier::number),
        "escalations": escalations(job),
        "started_at": job.started_at.map(|it| it.to_string()),
        "ended_at": job.ended_at.map(|it| it.to_string()),
    })
}

/// The two ends of a batch's status, between which its items come one after the other.
pub fn around_items(batch: &BatchRecord) -> (String, &'static str) {
    let mut head = summary(batch).to_string();
    head.pop();
    head.push_str(r#","items":["#);
    (head, "]}")
}
