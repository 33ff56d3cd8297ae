//! Schemas of errors.

use serde_json::{Value, json};

use super::{SAMPLE_JOB, SAMPLE_URL, id, tier};
use crate::service::wire::error_codes::error_codes;
use crate::service::wire::openapi::schema::{
    anything, count, described, flag, number, properties, property, record, reference, text,
    with_optional,
};

const MESSAGE: &str = "timeout: must be 1 to 300 seconds";

/// Returns the schema of an error response.
pub(super) fn problem() -> Value {
    let always = record(vec![
        property("error", reference("ErrorCode"), "VALIDATION_ERROR", "Code for programs."),
        property("code", reference("ErrorCode"), "VALIDATION_ERROR", "Copy of `error`."),
        property(
            "message",
            text(),
            MESSAGE,
            "Explanation for people: what failed, and how to fix it.",
        ),
        property("detail", text(), MESSAGE, "Copy of `message`, which some clients print."),
        property(
            "details",
            anything(),
            json!([{ "loc": ["timeout"], "msg": "must be 1 to 300 seconds", "type": "value_error" }]),
            "Further facts: the location of a wrong field, or the job and its attempts. Null if there are none.",
        ),
        property("retryable", flag(), false, "`true` if the same request may succeed later."),
        property(
            "request_id",
            id(),
            SAMPLE_JOB,
            "Id of the request, as in the header `X-Request-Id` and the log.",
        ),
    ]);
    let more = properties(vec![
        property(
            "retry_after",
            count(),
            5,
            "Seconds to wait before a retry, as in the header `Retry-After`.",
        ),
        property(
            "field",
            text(),
            "urls[3].timeout",
            "Path of the wrong field or name of the parameter.",
        ),
        property("url", text(), SAMPLE_URL, "URL of the page that failed."),
        property("tier", tier(), "4", "Tier that the page needs, or the last one that ran."),
        property("balance_dollars", number(), 0.25, "Free credits of the account in dollars."),
        property("required_dollars", number(), 1.0, "Credits that the request needs, in dollars."),
    ]);
    described(with_optional(always, more), "An error response.")
}

/// Returns the schema of an error code, which explains every code.
pub(super) fn error_code() -> Value {
    let codes: Vec<Value> = error_codes()
        .iter()
        .map(|it| {
            json!({ "const": it.code, "description": format!("{} {}", it.meaning, it.remedy) })
        })
        .collect();
    json!({
        "description": "The code of an error. Later versions may add codes.",
        "type": "string",
        "oneOf": codes,
    })
}
