//! Schemas of jobs.

use serde_json::{Value, json};

use super::attempt::sample_billing;
use super::page::page;
use super::{SAMPLE_JOB, SAMPLE_TIME, SAMPLE_URL, error_code, error_message, id};
use crate::core::job::JobState;
use crate::service::wire::openapi::schema::{
    Property, count, described, or_null, property, record, reference, text, timestamp,
    with_optional, word,
};

/// The state of a job. Some client families have other words for the same states.
fn status() -> Property {
    let more = ["pending", "running", "completed"];
    property(
        "status",
        word(JobState::ALL.map(JobState::as_str).into_iter().chain(more)),
        "succeeded",
        "State of the job: `queued`, `processing`, `succeeded` or `failed`. Some official clients get the words that \
         they know instead: `pending`, `running`, `completed`.",
    )
}

/// Returns the schema of the response to a scrape that is not waited for.
pub(super) fn accepted() -> Value {
    let schema = record(vec![
        property("job_id", id(), SAMPLE_JOB, "Id of the job."),
        status(),
        property("url", text(), SAMPLE_URL, "URL of the page."),
        property(
            "estimated_credits",
            count(),
            4_000,
            "Credits held at submission: the most that the page can cost.",
        ),
        property("created_at", timestamp(), SAMPLE_TIME, "Time of the submission."),
    ]);
    described(schema, "A job that has not ended: poll it.")
}

/// Returns the schema of a job. One that succeeded has the fields of its page as well.
pub(super) fn job() -> Value {
    let always = record(vec![
        property("job_id", id(), SAMPLE_JOB, "Id of the job."),
        property("url", text(), SAMPLE_URL, "URL of the page."),
        status(),
        property(
            "result",
            or_null(reference("Page")),
            Value::Null,
            "The page; null unless the job succeeded.",
        ),
        error_code(),
        error_message(),
        property(
            "progress",
            json!({ "type": "integer", "minimum": 0, "maximum": 100 }),
            100,
            "0 while the job is queued, 50 while it runs, and 100 once it has ended.",
        ),
        property(
            "billing",
            reference("Billing"),
            sample_billing(),
            "The price of the page and the attempts.",
        ),
        property("created_at", timestamp(), SAMPLE_TIME, "Time of the submission."),
        property("updated_at", timestamp(), SAMPLE_TIME, "Time of the last change of the state."),
    ]);
    let page = page()["properties"].as_object().cloned();
    let schema = with_optional(always, page.unwrap_or_default());
    described(schema, "A job. One that succeeded has the fields of its page as well.")
}
