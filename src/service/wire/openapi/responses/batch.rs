//! Schemas of batches: submission, status, list, events.

use serde_json::{Value, json};

use super::{
    SAMPLE_BATCH, SAMPLE_JOB, SAMPLE_TIME, SAMPLE_URL, batch_id, credits_used, error_code,
    error_message, id, tier,
};
use crate::core::job::JobState;
use crate::service::wire::openapi::schema::{
    Property, count, described, extended, list, or_null, properties, property, record, reference,
    text, timestamp, with_optional, word,
};

/// The description of a list of batches.
pub(super) const LIST: &str = "The account's batches, newest first.";

/// The numbers of pages, which a submission and a summary share.
fn totals() -> [Property; 2] {
    [
        property("total_urls", count(), 3, "Number of pages."),
        property("total_requests", count(), 3, "Copy of `total_urls`, which some clients read."),
    ]
}

fn estimated_credits() -> Property {
    property(
        "estimated_credits",
        count(),
        12_000,
        "Credits held at submission: the most that the pages can cost. The unused rest is released as jobs end.",
    )
}

fn batch_id_field() -> Property {
    property("batch_id", batch_id(), SAMPLE_BATCH, "Id of the batch.")
}

/// Returns the schema of the response to a submission.
pub(super) fn accepted() -> Value {
    let [urls, requests] = totals();
    let schema = record(vec![
        batch_id_field(),
        urls,
        requests,
        property(
            "status",
            json!({ "const": "processing" }),
            "processing",
            "Always `processing`: a submission does not wait for its pages.",
        ),
        estimated_credits(),
        property(
            "job_ids",
            list(id()),
            json!([SAMPLE_JOB]),
            "Ids of the jobs, in the order of the request.",
        ),
    ]);
    described(schema, "The batch was accepted.")
}

/// Returns the schema of a batch without its items.
pub(super) fn summary() -> Value {
    let [urls, requests] = totals();
    let schema = record(vec![
        batch_id_field(),
        property(
            "status",
            word(["processing", "completed", "partial", "failed"]),
            "partial",
            "`processing` until every job has ended. Then `completed` if all succeeded, `failed` if none did, and \
             `partial` otherwise.",
        ),
        property("total", count(), 3, "Number of pages."),
        urls,
        requests,
        property("completed", count(), 2, "Number of jobs that succeeded."),
        property("failed", count(), 1, "Number of jobs that failed."),
        property("pending", count(), 0, "Number of jobs that are queued or running."),
        estimated_credits(),
        credits_used("Credits charged so far."),
        property(
            "retry_of",
            or_null(batch_id()),
            Value::Null,
            "Id of the batch whose failed jobs this one repeats; null if it is not a retry.",
        ),
        property(
            "webhook_url",
            or_null(text()),
            "https://example.com/hook",
            "URL that receives the batch's notification; null if there is none.",
        ),
        property("created_at", timestamp(), SAMPLE_TIME, "Time of the submission."),
        property(
            "completed_at",
            or_null(timestamp()),
            SAMPLE_TIME,
            "Time at which the last job ended; null before.",
        ),
        property(
            "expires_at",
            or_null(timestamp()),
            SAMPLE_TIME,
            "Time after which the batch may be deleted; null until its last job has ended.",
        ),
    ]);
    described(schema, "A batch without its pages.")
}

/// Returns the schema of a batch with its items.
pub(super) fn status() -> Value {
    let items = property(
        "items",
        list(reference("BatchItem")),
        json!([]),
        "The pages, in the order of the request.",
    );
    described(extended("BatchSummary", vec![items]), "A batch with its pages.")
}

/// Returns the schema of a canceled batch.
pub(super) fn cancelled() -> Value {
    let fields = vec![
        property("cancelled_jobs", count(), 1, "Number of jobs that this request ended."),
        property(
            "credits_refunded",
            count(),
            4_000,
            "Credits of the estimate that this request released: none if the batch had ended.",
        ),
    ];
    described(extended("BatchSummary", fields), "A batch after its cancellation.")
}

/// Returns the schema of a batch in a list.
pub(super) fn listed() -> Value {
    let first = property(
        "first_url",
        or_null(text()),
        SAMPLE_URL,
        "URL of the batch's first page; null if its job has expired.",
    );
    let kind = property(
        "kind",
        word(["batch", "scrape"]),
        "batch",
        "`scrape` for a single page that was submitted by `POST /api/v1/scrape`.",
    );
    described(extended("BatchSummary", vec![kind, first]), "A batch in a list.")
}

/// Returns the schema of one page of a batch.
pub(super) fn item() -> Value {
    let schema = record(vec![
        property("job_id", id(), SAMPLE_JOB, "Id of the job, for `GET /api/v1/jobs/{id}`."),
        property("url", text(), SAMPLE_URL, "URL of the page."),
        property(
            "status",
            word(JobState::ALL.map(JobState::as_str)),
            "succeeded",
            "State of the job.",
        ),
        property(
            "result",
            or_null(reference("Page")),
            Value::Null,
            "The page; null unless the job succeeded and results are included.",
        ),
        error_code(),
        error_message(),
        credits_used("Credits charged for the page; 0 if it failed."),
        property(
            "tier_used",
            or_null(tier()),
            "1",
            "Tier that fetched the page; null unless the job succeeded.",
        ),
        property(
            "escalations",
            list(reference("Attempt")),
            json!([]),
            "The attempts, in order, and at their places the tiers that were skipped.",
        ),
        property(
            "started_at",
            or_null(timestamp()),
            SAMPLE_TIME,
            "Time of the first attempt; null before.",
        ),
        property(
            "ended_at",
            or_null(timestamp()),
            SAMPLE_TIME,
            "Time at which the job ended; null before.",
        ),
    ]);
    described(schema, "One page of a batch.")
}

/// Returns the schema of a server-sent event.
pub(super) fn event() -> Value {
    let names = [
        "job.started",
        "job.attempted",
        "job.rescheduled",
        "job.succeeded",
        "job.failed",
        "batch.completed",
    ];
    event_of(
        property(
            "event",
            word(names),
            "job.succeeded",
            "Name of the event. Of these, the ends of jobs and of the batch are never lost.",
        ),
        "JSON. For the end of a job it is a `BatchItem` without its page, for the end of the batch a \
         `BatchSummary`, for an attempt an `Attempt` with its job's id, and otherwise the job's id.",
        "A server-sent event of a batch.",
    )
}

/// Returns the schema of a server-sent event with this name, and with data as described.
pub(super) fn event_of(name: Property, data: &'static str, description: &'static str) -> Value {
    let data =
        property("data", text(), "{\"job_id\": \"0191d2a4-5b6c-7000-8000-000000000002\"}", data);
    let id = property(
        "id",
        text(),
        "0001",
        "Id to send as `Last-Event-ID` after a reconnect; absent for events that only show progress.",
    );
    described(with_optional(record(vec![name, data]), properties(vec![id])), description)
}
