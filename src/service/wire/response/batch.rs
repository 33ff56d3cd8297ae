//! Batches: the response to a submission, summaries, statuses, lists.

use serde_json::{Value, json};

use crate::core::batch::BatchRecord;
use crate::core::id::{BatchId, JobId};
use crate::core::job::{Job, JobState};
use crate::core::tier::Tier;
use crate::core::url::without_userinfo;
use crate::engine::{Cancellation, StoredResult};
use crate::service::wire::response::billing::escalations;
use crate::service::wire::response::scrape::{Field, Object, scrape_fields, size_of, to_json};

/// Serializes the response to a submission.
pub(crate) fn batch_accepted(batch: &BatchRecord, jobs: &[JobId]) -> Value {
    json!({
        "batch_id": batch.id.to_string(),
        "total_urls": batch.tally.total,
        "total_requests": batch.tally.total,
        // Constant, so that submitting again with the same idempotency key returns the same body.
        "status": "processing",
        "estimated_credits": batch.estimate,
        "job_ids": jobs.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// Serializes a batch without its items.
pub(crate) fn batch_summary(batch: &BatchRecord) -> Value {
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
        "retry_of": batch.retry_of.map(|it| it.to_string()),
        "webhook_url": batch.webhook.as_deref().map(without_userinfo),
        "created_at": batch.created_at.to_string(),
        "completed_at": batch.ended_at.map(|it| it.to_string()),
        "expires_at": batch.expires_at.map(|it| it.to_string()),
    })
}

/// Serializes a cancellation: the batch afterwards, and what this one request changed.
pub(crate) fn batch_cancelled(cancellation: &Cancellation) -> Value {
    let mut body = batch_summary(&cancellation.batch);
    body["cancelled_jobs"] = json!(cancellation.canceled_jobs);
    body["credits_refunded"] = json!(cancellation.released);
    body
}

/// Serializes the response of a health check.
pub(crate) fn health(status: &str) -> Value {
    json!({ "status": status, "version": env!("CARGO_PKG_VERSION") })
}

/// Serializes one page of an account's batches, each with its first job, and the next page's cursor.
pub(crate) fn batches(batches: &[(BatchRecord, Option<Job>)], next: Option<BatchId>) -> Value {
    let listed = batches.iter().map(|(batch, first)| {
        let mut body = batch_summary(batch);
        body["kind"] = json!(batch.form);
        body["first_url"] = json!(first.as_ref().map(|it| it.request.page().as_str()));
        body
    });
    paged("batches", listed, next)
}

/// Serializes one page of a list, and the next page's cursor.
pub(super) fn paged(
    name: &str,
    entries: impl Iterator<Item = Value>,
    next: Option<BatchId>,
) -> Value {
    json!({
        name: entries.collect::<Vec<_>>(),
        "next_cursor": next.map(|it| it.to_string()),
        "has_more": next.is_some(),
    })
}

/// Serializes one item of a batch, with its result if it has one.
pub(crate) fn item(job: &Job, result: StoredResult<'_>) -> String {
    let mut item = item_fields(job);
    match result {
        Some(Ok(page)) => {
            item.insert("result", Field::Object(scrape_fields(job, page)));
        }
        Some(Err(error)) => {
            // Also for a job that succeeded and whose page cannot be read.
            item.insert("status", Field::Text(JobState::Failed.as_str()));
            item.insert("error", Field::Text(error.code.as_str()));
            item.insert("error_message", Field::Text(&error.message));
        }
        None => {}
    }
    to_json(&item, size_of(result))
}

/// Serializes one item of a batch, without its result.
pub(crate) fn item_without_result(job: &Job) -> Value {
    json!(item_fields(job))
}

fn item_fields(job: &Job) -> Object<'_> {
    let error = job.failure();
    let values = [
        ("job_id", json!(job.id.to_string())),
        ("result", Value::Null),
        ("error", json!(error.map(|it| it.code.as_str()))),
        ("error_message", json!(error.map(|it| it.message.as_str()))),
        ("credits_used", json!(job.charged())),
        ("tier_used", json!(job.tier().map(Tier::number))),
        ("escalations", json!(escalations(job))),
        ("started_at", json!(job.started_at.map(|it| it.to_string()))),
        ("ended_at", json!(job.ended_at.map(|it| it.to_string()))),
    ];
    let mut item: Object<'_> =
        values.into_iter().map(|(name, value)| (name, Field::Value(value))).collect();
    item.insert("url", Field::Text(job.request.page().as_str()));
    item.insert("status", Field::Text(job.state.as_str()));
    item
}

/// Serializes the two parts of a batch's status, before and after its items.
pub(crate) fn around_items(batch: &BatchRecord) -> (String, &'static str) {
    let mut head = batch_summary(batch).to_string();
    head.pop();
    head.push_str(r#","items":["#);
    (head, "]}")
}
