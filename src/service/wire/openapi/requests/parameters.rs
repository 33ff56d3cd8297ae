//! Parameters: path segments, query parameters and headers.

use serde_json::{Value, json};

use crate::core::session::SessionStatus;
use crate::service::wire::openapi::schema::{flag, text, within, word};

const BATCH: &str = "batch_0191d2a4-5b6c-7000-8000-000000000001";
const JOB: &str = "0191d2a4-5b6c-7000-8000-000000000002";

/// Returns the parameters, by the names that operations use for them.
pub(in crate::service::wire::openapi) fn parameters() -> Value {
    let key = json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$" });
    let mut unaddressed = flag();
    unaddressed["default"] = json!(false);
    let mut results = flag();
    results["default"] = json!(true);
    let mut limit = within(1, 100);
    limit["default"] = json!(20);
    let mut all = json!({
        "batch": parameter(("path", "id"), text(), BATCH, "Id of the batch, from the response to its submission."),
        "crawl": parameter(("path", "id"), text(), JOB, "Id of the crawl, from the response to its submission."),
        "pages": parameter(
            ("query", "include_results"), unaddressed.clone(), true,
            "`true` lists the pages with their results.",
        ),
        "account": parameter(("path", "account"), text(), "acme", "Name of the account."),
        "job": parameter(("path", "id"), text(), JOB, "Id of the job, from the response to its submission."),
        "delivery": parameter(
            ("path", "id"), text(), "0191d2a4-5b6c-7000-8000-000000000003",
            "Id of the delivery, from the list of deliveries.",
        ),
        "file": parameter(
            ("path", "name"), text(), "screenshot.png",
            "Name of the artifact, as the result lists it.",
        ),
        "session": parameter(
            ("path", "id"), text(), "0191d2a4-5b6c-7000-8000-000000000004",
            "Id of the session, from the response to its creation.",
        ),
        "domain": parameter(
            ("query", "domain"), text(), "example.com",
            "Lists the sessions of this domain only.",
        ),
        "session_status": parameter(
            ("query", "status"), word(SessionStatus::ALL.map(SessionStatus::as_str)), "active",
            "Lists the sessions with this status only.",
        ),
        "unaddressed": parameter(
            ("query", "unaddressed"), unaddressed, true,
            "`true` includes the notifications of batches that have no webhook.",
        ),
        "results": parameter(
            ("query", "include_results"), results, false,
            "`false` leaves `result` of every item null.",
        ),
        "limit": parameter(("query", "limit"), limit, 50, "Largest number of entries in the response."),
        "cursor": parameter(
            ("query", "cursor"), text(), BATCH,
            "The `next_cursor` of the previous page. Defaults to the newest entry.",
        ),
        "idempotency": parameter(
            ("header", "Idempotency-Key"), key, "order-4711",
            "Key of the submission, chosen by the client. Submitting the same body with the same key again returns \
             the same batch or grant. Another body with the same key is refused.",
        ),
        "traceparent": parameter(
            ("header", "traceparent"), text(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "Trace of the submission, by W3C Trace Context, with `tracestate` if there is one. Its jobs and its \
             notification belong to it. A malformed header is ignored.",
        ),
        "last": parameter(
            ("header", "Last-Event-ID"), text(), "0001",
            "Id of the last event that was received. The stream resumes after it.",
        ),
    });
    if let (Value::Object(all), Value::Object(more)) = (&mut all, of_extractions()) {
        all.extend(more);
    }
    all
}

/// The parameters of extractions, their usage, and limits.
fn of_extractions() -> Value {
    let prompted = defaulted(flag(), false);
    let page = defaulted(within(1, 10_000), 1);
    let page_size = defaulted(within(1, 200), 50);
    json!({
        "key": parameter(("path", "id"), text(), "ci", "Name of an API key of the account."),
        "chars": required(parameter(
            ("query", "content_length"), within(1, 5_000_000), 12_000,
            "Length of the document in characters.",
        )),
        "prompted": parameter(
            ("query", "has_extraction_prompt"), prompted, true,
            "`true` if a language model is to answer an `extraction_prompt`.",
        ),
        "page": parameter(("query", "page"), page, 2, "Number of the page of the list, from 1."),
        "pageSize": parameter(
            ("query", "page_size"), page_size, 100, "Largest number of entries in the response.",
        ),
        "from": parameter(
            ("query", "date_from"), text(), "2026-11-01",
            "First day, or first time in UTC, of the entries.",
        ),
        "to": parameter(
            ("query", "date_to"), text(), "2026-11-30T12:00:00Z",
            "Last day, or last time in UTC, of the entries.",
        ),
        "hours": parameter(
            ("query", "hours"), within(1, 8_760), 24,
            "Hours up to now. Defaults to everything that is stored. Excludes `days`.",
        ),
        "days": parameter(
            ("query", "days"), within(1, 365), 7,
            "Days up to now. Defaults to everything that is stored. Excludes `hours`.",
        ),
    })
}

fn defaulted(mut schema: Value, default: impl Into<Value>) -> Value {
    schema["default"] = default.into();
    schema
}

/// Marks a query parameter that may not be absent.
fn required(mut parameter: Value) -> Value {
    parameter["required"] = json!(true);
    parameter
}

fn parameter(
    (place, name): (&str, &str),
    schema: Value,
    example: impl Into<Value>,
    description: &str,
) -> Value {
    let mut parameter = json!({
        "name": name, "in": place, "example": example.into(), "description": description,
    });
    parameter["schema"] = schema;
    if place == "path" {
        parameter["required"] = json!(true);
    }
    parameter
}
