//! Schemas of sessions, without their secrets.

use serde_json::{Value, json};

use super::{SAMPLE_JOB, SAMPLE_TIME, id};
use crate::core::session::SessionStatus;
use crate::service::wire::openapi::schema::{
    Property, count, described, flag, list, number, object, or_null, property, record, reference,
    text, timestamp, within, word,
};

/// Returns the schema of a session.
pub(super) fn session() -> Value {
    let schema = record(identity().into_iter().chain(content()).chain(health()).collect());
    described(schema, "A stored session. Values of cookies and headers are never returned.")
}

fn identity() -> Vec<Property> {
    vec![
        property("id", id(), SAMPLE_JOB, "Id of the session, for `advanced.session_id`."),
        property("name", text(), "my shop", "Name of the session."),
        property("domain", text(), "example.com", "Domain whose pages may use it."),
        status(),
        property("notes", or_null(text()), "bought in spring", "Notes of the account."),
        property("created_at", timestamp(), SAMPLE_TIME, "Time of its creation."),
        property("updated_at", timestamp(), SAMPLE_TIME, "Time of its last change by the account."),
    ]
}

fn status() -> Property {
    property(
        "status",
        word(SessionStatus::ALL.map(SessionStatus::as_str)),
        "active",
        "`active`, `expired` after a login page or its expiry, `invalid` after several refusals in a row, or \
         `pending_validation` after a change that was not used yet.",
    )
}

fn content() -> Vec<Property> {
    vec![
        property("cookie_names", list(text()), json!(["sid"]), "Names of its cookies."),
        property("cookie_count", count(), 1, "Number of its cookies."),
        property(
            "header_names",
            or_null(list(text())),
            json!(["Authorization"]),
            "Names of its headers; null if it has none.",
        ),
        property(
            "storage_origins",
            list(text()),
            json!(["https://example.com"]),
            "Origins whose local storage it has.",
        ),
        property(
            "expires_at",
            or_null(timestamp()),
            SAMPLE_TIME,
            "Time from which it cannot be used.",
        ),
        property(
            "expiry_status",
            word(["none", "valid", "expired"]),
            "valid",
            "`none` without an expiry, `expired` once it cannot be used.",
        ),
    ]
}

fn health() -> Vec<Property> {
    vec![
        property(
            "last_validated_at",
            or_null(timestamp()),
            SAMPLE_TIME,
            "Time of the last validation; null if there was none.",
        ),
        property(
            "validation_confidence",
            or_null(within(0, 100)),
            95,
            "Confidence of the last validation.",
        ),
        property("consecutive_failures", count(), 0, "Failures since the last success."),
        property("last_used_at", or_null(timestamp()), SAMPLE_TIME, "Time of the last page."),
        property("total_requests", count(), 12, "Pages that were fetched with it."),
        property("successful_requests", count(), 12, "Pages that the site showed."),
        property("success_rate", number(), 1.0, "Share of these pages, 0 to 1."),
    ]
}

/// Returns the schema of a list.
pub(super) fn sessions() -> Value {
    let schema = record(vec![
        property("sessions", list(reference("Session")), json!([]), "The sessions, oldest first."),
        property("total", count(), 1, "Number of sessions in the list."),
    ]);
    described(schema, "The sessions of the account.")
}

/// Returns the schema of a removal.
pub(super) fn deleted() -> Value {
    let schema = record(vec![
        property("deleted", flag(), true, "Always `true`."),
        property("id", id(), SAMPLE_JOB, "Id of the session."),
    ]);
    described(schema, "The session and its secret were deleted.")
}

/// Returns the schema of a validation.
pub(super) fn validation() -> Value {
    let schema = record(vec![
        property("id", id(), SAMPLE_JOB, "Id of the session."),
        property("name", text(), "my shop", "Name of the session."),
        property("domain", text(), "example.com", "Domain of the session."),
        status(),
        property(
            "is_valid",
            flag(),
            true,
            "`true` if the site shows its start page and asks for no login.",
        ),
        property("valid", flag(), true, "Copy of `is_valid`."),
        property(
            "confidence",
            within(0, 100),
            95,
            "Confidence in the result; 0 if the site could not be reached.",
        ),
        property(
            "http_status",
            or_null(count()),
            200,
            "Status of the start page; null without a response.",
        ),
        property(
            "detected_user",
            or_null(text()),
            Value::Null,
            "Always null: rungs does not look for names.",
        ),
        property(
            "cookie_expiry_detected",
            or_null(timestamp()),
            SAMPLE_TIME,
            "Earliest expiry of a cookie; null if none is known.",
        ),
        property(
            "cookies_expiring_soon",
            flag(),
            false,
            "`true` if a cookie expires within 72 hours.",
        ),
        property(
            "indicators_found",
            object(),
            json!({ "logged_in": ["a link to log out"], "logged_out": [] }),
            "Signs on the start page, by what they show.",
        ),
        property("consecutive_failures", count(), 0, "Failures since the last success."),
        property(
            "details",
            text(),
            "the site treats the visitor as logged in",
            "Explanation of the result.",
        ),
        property(
            "reason",
            text(),
            "the site treats the visitor as logged in",
            "Copy of `details`.",
        ),
    ]);
    described(schema, "The result of a validation.")
}
