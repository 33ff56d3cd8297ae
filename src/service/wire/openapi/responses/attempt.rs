//! Schemas of attempts and of their price.

use serde_json::{Value, json};

use super::{SAMPLE_TIME, tier};
use crate::core::skipped::SkipReason;
use crate::service::wire::openapi::schema::{
    count, described, flag, list, number, or_null, property, record, reference, text, timestamp,
    word,
};

/// Returns the schema of a job's price.
pub(super) fn billing() -> Value {
    let schema = record(vec![
        property("total_credits", count(), 200, "Credits charged; 0 if the job failed."),
        property(
            "tier_used",
            or_null(tier()),
            "1",
            "Tier that fetched the page; null unless the job succeeded.",
        ),
        property(
            "tier_name",
            or_null(text()),
            "curl",
            "Name of that tier: `curl`, `http`, `stealth`, `lightjs` or `browser`.",
        ),
        property("cost_microcents", count(), 200, "Copy of `total_credits`."),
        property(
            "escalations",
            list(reference("Attempt")),
            json!([]),
            "The attempts, in order, and at their places the tiers that were skipped.",
        ),
        property(
            "savings",
            count(),
            3_800,
            "Credits of the estimate that were released instead of charged.",
        ),
        property(
            "byop_applied",
            flag(),
            false,
            "`true` if the discount for an own proxy was applied.",
        ),
        property(
            "byop_discount_percent",
            or_null(number()),
            20.0,
            "The discount in percent; null if there is none, and for a job without its page.",
        ),
        property(
            "original_cost_microcents",
            or_null(count()),
            250,
            "Price without the discount; null if there is none, and for a job without its page.",
        ),
        property(
            "byos_applied",
            flag(),
            false,
            "`true` if the page was fetched with a stored session.",
        ),
        property(
            "byos_session_name",
            or_null(text()),
            "my shop",
            "Name of that session; null without one.",
        ),
        property("final_cost_microcents", count(), 200, "Copy of `total_credits`."),
    ]);
    described(schema, "The price of a page. 1,000,000 credits are one dollar.")
}

/// Returns a price, for examples.
pub(super) fn sample_billing() -> Value {
    json!({
        "total_credits": 200, "tier_used": "1", "tier_name": "curl", "cost_microcents": 200, "escalations": [],
        "savings": 3_800, "byop_applied": false, "byop_discount_percent": null, "original_cost_microcents": null, "byos_applied": false, "byos_session_name": null, "final_cost_microcents": 200,
    })
}

/// Returns the schema of one attempt.
pub(super) fn attempt() -> Value {
    let schema = record(vec![
        property("tier", tier(), "1", "Tier of the attempt."),
        property("name", text(), "curl", "Name of the tier."),
        property(
            "result",
            word(["success", "failed", "skipped"]),
            "success",
            "`success` for the attempt whose page is the result, `skipped` for a tier that was not tried.",
        ),
        property("credits", count(), 200, "Credits charged for the attempt; 0 if it failed."),
        property(
            "duration_ms",
            or_null(count()),
            87,
            "Duration in milliseconds; null for a skipped tier.",
        ),
        property(
            "error",
            or_null(reference("ErrorCode")),
            Value::Null,
            "Code of the attempt's failure; null if there is none.",
        ),
        property(
            "verdict",
            text(),
            "usable",
            "Verdict on the response: `usable`, `other_document`, `blocked`, `needs_rendering`, `thin`, `transient`, \
             `permanent` or `no_response`; `skipped` for a skipped tier.",
        ),
        property(
            "signal",
            text(),
            "HTTP 403 with a Cloudflare challenge page",
            "Evidence for the verdict, in words.",
        ),
        property(
            "status_code",
            or_null(count()),
            200,
            "HTTP status of the site; null if there was no response.",
        ),
        property(
            "started_at",
            or_null(timestamp()),
            SAMPLE_TIME,
            "Time at which the attempt started; null for a skipped tier.",
        ),
        property(
            "reason",
            or_null(word(SkipReason::ALL.map(SkipReason::as_str))),
            Value::Null,
            "Reason for which the tier was skipped; null for an attempt.",
        ),
    ]);
    described(schema, "One attempt on one tier, or a tier that was skipped.")
}
