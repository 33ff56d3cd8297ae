//! Schemas of estimates.

use serde_json::{Value, json};

use super::SAMPLE_URL;
use crate::service::wire::openapi::schema::{
    count, described, list, number, property, record, reference, text, word,
};

const REASON: &str =
    "starts on tier 1 (curl) and escalates only if the page is blocked, empty or needs rendering";

/// Returns the schema of a page's estimate.
pub(super) fn estimate() -> Value {
    let schema = record(vec![
        property("url", text(), SAMPLE_URL, "URL of the page."),
        property(
            "estimated_tier",
            text(),
            "1",
            "Tier that the job would start on; empty if no fetcher can fetch the page.",
        ),
        property("estimated_credits", count(), 200, "Price if that tier succeeds, with add-ons."),
        property(
            "confidence",
            word(["low", "medium", "high"]),
            "medium",
            "`high` if only one tier is possible, `medium` if several are, `low` if none is.",
        ),
        property(
            "max_possible_credits",
            count(),
            4_000,
            "Most that the page can cost, which a submission holds.",
        ),
        property("reasoning", text(), REASON, "Explanation of the estimate."),
        property("tier_name", text(), "curl", "Name of the tier."),
        property("estimated_cost_dollars", number(), 0.0002, "`estimated_credits` in dollars."),
        property("min_cost_dollars", number(), 0.0002, "Copy of `estimated_cost_dollars`."),
        property("max_cost_dollars", number(), 0.004, "`max_possible_credits` in dollars."),
        property("reason", text(), REASON, "Copy of `reasoning`."),
    ]);
    described(schema, "The estimate of a page. Nothing is charged or held for it.")
}

/// Returns the schema of a batch's estimate.
pub(super) fn batch_estimate() -> Value {
    let schema = record(vec![
        property("total_urls", count(), 3, "Number of pages."),
        property("estimated_credits", count(), 600, "Sum of the pages' `estimated_credits`."),
        property(
            "max_possible_credits",
            count(),
            12_000,
            "Most that the batch can cost, which a submission holds.",
        ),
        property("estimated_cost_dollars", number(), 0.0006, "`estimated_credits` in dollars."),
        property("max_cost_dollars", number(), 0.012, "`max_possible_credits` in dollars."),
        property(
            "items",
            list(reference("Estimate")),
            json!([]),
            "The estimates of the pages, in the order of the request.",
        ),
    ]);
    described(schema, "The estimate of a batch. Nothing is charged or held for it.")
}
