//! Schemas of extractions and their usage.

use serde_json::{Value, json};

use super::{SAMPLE_TIME, credits_used};
use crate::core::request::Profile;
use crate::service::wire::openapi::schema::{
    Property, anything, count, described, flag, list, number, object, or_null, properties,
    property, record, reference, text, timestamp, with_optional, word,
};

const ID: &str = "extract_0191d2a4-5b6c-7000-8000-000000000004";

/// The fields that a result and an entry of the usage share.
fn common() -> Vec<Property> {
    let profiles = Profile::ALL.iter().map(|it| it.as_str());
    vec![
        property("extract_id", text(), ID, "Id of the extraction."),
        credits_used("Credits charged; 0 for a result from the cache."),
        property(
            "model_used",
            or_null(text()),
            Value::Null,
            "Language model that answered the prompt; null if none did.",
        ),
        property(
            "extraction_method",
            text(),
            "algorithmic",
            "`algorithmic`, or `llm:` and the name of the model.",
        ),
        property("extraction_profile", word(profiles), "product", "Profile of the request."),
        property("content_size_chars", count(), 12_000, "Length of the document in characters."),
        property("cache_hit", flag(), false, "`true` if the result came from the cache."),
        property("created_at", timestamp(), SAMPLE_TIME, "Start of the extraction."),
    ]
}

/// Returns the schema of a result.
pub(super) fn extracted() -> Value {
    let mut fields = common();
    fields.extend([
        property(
            "formats",
            object(),
            json!({ "json": { "name": "Lamp" } }),
            "The content by format. The answer to a prompt takes the place of `json`.",
        ),
        property(
            "extraction_metadata",
            metadata(),
            json!({
                "mode": "algorithmic", "provider": null, "model": null, "input_tokens": 0,
                "output_tokens": 0, "cost_microcents": null, "cached": false, "latency_ms": 0,
            }),
            "Use of the language model.",
        ),
        property("title", or_null(text()), "Lamp", "Title of the document."),
        property(
            "filtered_content",
            anything(),
            json!({ "price": 49.5 }),
            "Values of the fields of `extraction_schema`; null without a schema.",
        ),
        property(
            "extraction_result",
            anything(),
            json!({ "price": 49.5 }),
            "The answer to the prompt, or else the values of the schema.",
        ),
        property("profile", anything(), Value::Null, "Fields of the requested profile alone."),
        property("evidence", anything(), Value::Null, "Source of each value, if requested."),
    ]);
    let warning = property(
        "warning",
        text(),
        "extraction_prompt was not answered: no language model is configured",
        "What was omitted or guessed. Absent if there is nothing.",
    );
    let schema = with_optional(record(fields), properties(vec![warning]));
    described(schema, "The result of an extraction.")
}

fn metadata() -> Value {
    record(vec![
        property(
            "mode",
            word(["byok", "algorithmic"]),
            "algorithmic",
            "`byok` if a language model answered the prompt.",
        ),
        property("provider", or_null(text()), "openai", "Provider of the model."),
        property("model", or_null(text()), "gpt-4o-mini", "Name of the model at the provider."),
        property("input_tokens", count(), 900, "Input tokens of all attempts."),
        property("output_tokens", count(), 30, "Output tokens of all attempts."),
        property(
            "cost_microcents",
            or_null(count()),
            1_200,
            "Cost of the model, if the price of a token is configured.",
        ),
        property("cached", flag(), false, "Copy of `cache_hit`."),
        property("latency_ms", count(), 412, "Duration of the model's answer in milliseconds."),
    ])
}

/// Returns the schema of an estimate.
pub(super) fn estimate() -> Value {
    let breakdown = record(vec![
        property("base", count(), 2_500, "Price of any extraction."),
        property("prompt", count(), 1_000, "Surcharge for an answered prompt."),
        property("large_content", count(), 0, "Surcharge above 500,000 characters."),
    ]);
    let schema = record(vec![
        property("estimated_cost_microcents", count(), 3_500, "The price in credits."),
        property("estimated_cost_usd", number(), 0.0035, "The price in dollars."),
        property("estimated_credits", count(), 3_500, "Copy of `estimated_cost_microcents`."),
        property(
            "breakdown",
            breakdown,
            json!({ "base": 2_500, "prompt": 1_000, "large_content": 0 }),
            "Parts of the price.",
        ),
    ]);
    described(schema, "The price of an extraction. Nothing is charged or held for it.")
}

/// Returns the schema of one page of the usage.
pub(super) fn usage() -> Value {
    let schema = record(vec![
        property(
            "items",
            list(reference("ExtractUsageItem")),
            json!([]),
            "The extractions that are still stored, newest first.",
        ),
        property("total", count(), 1, "Number of extractions in all pages, 10,000 at most."),
        property("page", count(), 1, "Number of this page."),
        property("page_size", count(), 50, "Largest number of entries of a page."),
        property("has_more", flag(), false, "`true` if there is another page."),
    ]);
    described(schema, "One page of the extractions of the account.")
}

/// Returns the schema of an entry of the usage.
pub(super) fn usage_item() -> Value {
    let mut fields = common();
    fields.extend([
        property(
            "status",
            word(["processing", "succeeded", "failed"]),
            "succeeded",
            "State of the extraction.",
        ),
        property("cost_microcents", count(), 2_500, "Copy of `credits_used`."),
        property("provider", or_null(text()), "openai", "Provider of the model."),
        property("input_tokens", count(), 900, "Input tokens of the model."),
        property("output_tokens", count(), 30, "Output tokens of the model."),
    ]);
    described(record(fields), "An extraction of the account.")
}

/// Returns the schema of the sums.
pub(super) fn summary() -> Value {
    let schema = record(vec![
        property("total_requests", count(), 7, "Number of extractions, 10,000 at most."),
        property("total_cost_microcents", count(), 15_000, "Credits charged for them."),
        property("cache_hits", count(), 1, "Number of results from the cache."),
        property(
            "usage_since",
            or_null(timestamp()),
            SAMPLE_TIME,
            "Start of the period; null for everything that is stored.",
        ),
    ]);
    described(schema, "The sums of the account's extractions that are still stored.")
}
