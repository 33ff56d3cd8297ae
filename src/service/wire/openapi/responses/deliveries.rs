//! Schemas of webhook deliveries.

use serde_json::{Value, json};

use super::{SAMPLE_BATCH, SAMPLE_JOB, SAMPLE_TIME, batch_id, id};
use crate::service::wire::openapi::schema::{
    count, described, list, object, or_null, property, record, text, timestamp, word,
};

/// The description of a list of deliveries.
pub(super) const LIST: &str = "Webhook deliveries, newest batch first.";

/// Returns the schema of a delivery.
pub(super) fn delivery() -> Value {
    let schema = record(vec![
        property(
            "delivery_id",
            id(),
            SAMPLE_JOB,
            "Id of the delivery, the same in every attempt. The receiver gets it in a header and can recognize \
             repetitions by it.",
        ),
        property(
            "batch_id",
            or_null(batch_id()),
            SAMPLE_BATCH,
            "Id of the batch; null for a crawl.",
        ),
        property("crawl_id", or_null(id()), Value::Null, "Id of the crawl; null for a batch."),
        property(
            "event",
            word(["batch.completed", "crawl.completed", "job.completed", "job.failed"]),
            "batch.completed",
            "Name of the event: that of a batch, of a crawl, or of a page.",
        ),
        property(
            "url",
            or_null(text()),
            "https://example.com/hook",
            "URL of the receiver; null if the batch has no webhook.",
        ),
        property(
            "status",
            word(["pending", "delivered", "failed", "unaddressed"]),
            "delivered",
            "`pending` until an attempt succeeds, `failed` after the last one or if the receiver refused for good, \
             `unaddressed` if the batch has no webhook.",
        ),
        property("attempts", list(attempt()), json!([]), "The delivery attempts, in order."),
        property(
            "next_attempt_at",
            or_null(timestamp()),
            SAMPLE_TIME,
            "Time of the next attempt; null unless the delivery is pending.",
        ),
        property(
            "payload",
            object(),
            json!({ "event": "batch.completed", "timestamp": SAMPLE_TIME, "data": {} }),
            "The JSON body that is sent.",
        ),
    ]);
    described(schema, "The delivery of a notification to a webhook.")
}

fn attempt() -> Value {
    record(vec![
        property("at", timestamp(), SAMPLE_TIME, "Time of the attempt."),
        property(
            "status_code",
            or_null(count()),
            204,
            "HTTP status of the receiver; null if there was no response.",
        ),
        property(
            "error",
            or_null(text()),
            "the receiver responded with 500",
            "The reason of the failure; null if the receiver accepted.",
        ),
        property(
            "response_body",
            or_null(text()),
            "{\"ok\": true}",
            "Beginning of the receiver's response, up to 4 KiB; null if it was empty.",
        ),
    ])
}
