//! The schema of a page: the result of a job that succeeded.

use serde_json::{Map, Value, json};

use super::attempt::sample_billing;
use super::labels::{labels, time_budget_expired};
use super::{SAMPLE_JOB, SAMPLE_TIME, SAMPLE_URL, credits_used, id, tier};
use crate::service::wire::openapi::SAMPLE_HASH;
use crate::service::wire::openapi::schema::{
    Property, anything, count, described, flag, list, object, or_null, properties, property,
    record, reference, text, timestamp, with_optional,
};

const SCREENSHOT: &str =
    "/api/v1/jobs/0191d2a4-5b6c-7000-8000-000000000002/artifacts/screenshot.png";
const PDF: &str = "/api/v1/jobs/0191d2a4-5b6c-7000-8000-000000000002/artifacts/page.pdf";

/// Returns the schema of a page.
pub(super) fn page() -> Value {
    let mut required = request_and_price();
    required.extend(document());
    required.extend(transfer());
    required.extend(files());
    required.push(time_budget_expired());
    described(with_optional(record(required), optional()), "A page.")
}

fn request_and_price() -> Vec<Property> {
    vec![
        property("job_id", id(), SAMPLE_JOB, "Id of the job."),
        property("url", text(), SAMPLE_URL, "URL of the request."),
        property("status_code", count(), 200, "HTTP status of the site's response."),
        property(
            "content",
            object(),
            json!({ "markdown": "# Example" }),
            "The content by format: exactly the requested formats that this kind of document has.",
        ),
        credits_used("Credits charged for the page."),
        property("tier_used", or_null(tier()), "1", "Tier that fetched the page."),
        property(
            "billing",
            reference("Billing"),
            sample_billing(),
            "The price of the page and the attempts.",
        ),
    ]
}

fn document() -> Vec<Property> {
    vec![
        property("title", or_null(text()), "Example", "Title of the page."),
        property("author", or_null(text()), "Ada Lovelace", "Author, if the page names one."),
        property(
            "published_at",
            or_null(text()),
            "2026-11-27",
            "Date of publication in ISO 8601, if the page names one.",
        ),
        property("published_date", or_null(text()), "2026-11-27", "Copy of `published_at`."),
        property("description", or_null(text()), "An example", "The page's own description."),
        property(
            "metadata",
            object(),
            json!({ "language": "en", "og:type": "article" }),
            "The page's own metadata by name, and the detected `language`.",
        ),
        property(
            "text",
            text(),
            "Example\n\nThis domain is for use in examples.",
            "Plain text of the main content, whatever the formats.",
        ),
        property(
            "content_hash",
            or_null(text()),
            SAMPLE_HASH,
            "SHA-256 of the main content in hexadecimal digits, stable against navigation, advertisements and times of \
             rendering; null for results of earlier releases.",
        ),
        property(
            "unchanged",
            flag(),
            false,
            "`true` if the page still has the hash of `advanced.if_changed_since_hash`. It then has no content.",
        ),
        property(
            "extraction_method",
            text(),
            "algorithmic",
            "`algorithmic`, or `llm:` and the model that answered the prompt.",
        ),
    ]
}

fn transfer() -> Vec<Property> {
    let hop = record(vec![
        property("url", text(), "http://example.com/", "URL that redirected."),
        property("status_code", count(), 301, "HTTP status of the redirect."),
    ]);
    vec![
        property(
            "headers",
            object(),
            json!({ "content-type": "text/html" }),
            "Headers of the response, by name in lower case.",
        ),
        property("response_time_ms", count(), 87, "Duration of the attempt in milliseconds."),
        property("size_bytes", count(), 1_256, "Size of the response's body in bytes."),
        property("final_url", text(), SAMPLE_URL, "URL after redirects."),
        property("redirected", flag(), true, "`true` if there were redirects."),
        property(
            "redirect_chain",
            list(hop),
            json!([{ "url": "http://example.com/", "status_code": 301 }]),
            "The redirects, in order.",
        ),
        property("proxy_used", flag(), false, "`true` if a proxy was used."),
        property("cached", flag(), false, "`true` if the page is from the response cache."),
        property(
            "cached_at",
            or_null(timestamp()),
            SAMPLE_TIME,
            "Time at which the cached page was fetched; null if it is not from the cache.",
        ),
        property(
            "expires_at",
            or_null(timestamp()),
            SAMPLE_TIME,
            "Time until which the cache serves the page; null if it is not cached.",
        ),
    ]
}

fn files() -> Vec<Property> {
    vec![
        property(
            "screenshot_url",
            or_null(text()),
            SCREENSHOT,
            "Path of the screenshot on this service; null if there is none.",
        ),
        property(
            "pdf_url",
            or_null(text()),
            PDF,
            "Path of the page as PDF on this service; null if there is none.",
        ),
        property(
            "artifacts",
            list(reference("Artifact")),
            json!([]),
            "Files that belong to the page.",
        ),
    ]
}

/// Fields that depend on the request or the page.
fn optional() -> Map<String, Value> {
    let mut fields = formats();
    fields.extend(extracted());
    fields.extend(labels());
    properties(fields)
}

fn formats() -> Vec<Property> {
    vec![
        property("markdown", text(), "# Example", "Copy of `content.markdown`."),
        property("markdown_content", text(), "# Example", "Copy of `content.markdown`."),
        property("html", text(), "<h1>Example</h1>", "Copy of `content.html`."),
        property("json", anything(), json!({ "@type": "Article" }), "Copy of `content.json`."),
        property(
            "raw_html",
            text(),
            "<!doctype html><h1>Example</h1>",
            "Body of the response, if `include_raw_html` was set.",
        ),
    ]
}

fn extracted() -> Vec<Property> {
    vec![
        property(
            "filtered_content",
            anything(),
            json!({ "price": 9.5 }),
            "The fields of `extraction_schema`.",
        ),
        property(
            "profile",
            object(),
            json!({ "name": "Blue pot", "price": 9.5, "currency": "EUR" }),
            "The fields of the requested `extraction_profile` alone.",
        ),
        property(
            "extraction_result",
            anything(),
            json!({ "price": 9.5 }),
            "The answer to `extraction_prompt`, or else a copy of `filtered_content`.",
        ),
        property(
            "evidence",
            object(),
            json!({ "price": { "value": 9.5, "source": "jsonld" } }),
            "The source of each extracted value, if `evidence` was set.",
        ),
        property(
            "model_used",
            text(),
            "gpt-4o-mini",
            "The language model that answered the prompt.",
        ),
        property(
            "extraction_metadata",
            model(),
            json!({
                "mode": "byok", "provider": "openai", "model": "gpt-4o-mini", "input_tokens": 1_200,
                "output_tokens": 40, "cost_microcents": null, "latency_ms": 900,
            }),
            "The usage of the language model.",
        ),
        property(
            "ocr_results",
            list(object()),
            json!([{ "image_url": "https://example.com/a.png", "text": "SALE", "words": [] }]),
            "The text of each image that was read, with the position and the confidence of each word.",
        ),
        property(
            "content_parts",
            list(object()),
            json!([{ "kept": false, "rule": "comments", "share": 0.12, "snippet": "I disagree" }]),
            "The kept and dropped parts of the page, if `advanced.explain_content` was set.",
        ),
        property(
            "action_results",
            list(object()),
            json!([{ "type": "click", "success": true, "result": null }]),
            "The result of each page action, in order.",
        ),
        property(
            "warning",
            text(),
            "wait_for was not met: nothing matched `#price` in time; check the selector",
            "Options that had no effect and limits that cut the page, joined by semicolons.",
        ),
    ]
}

/// The usage of a language model.
fn model() -> Value {
    record(vec![
        property("mode", text(), "byok", "Always `byok`: the operator's own key was used."),
        property("provider", text(), "openai", "The provider, or the host of the model's server."),
        property("model", text(), "gpt-4o-mini", "The provider's name of the model."),
        property("input_tokens", count(), 1_200, "Tokens of the request."),
        property("output_tokens", count(), 40, "Tokens of the answer."),
        property(
            "cost_microcents",
            or_null(count()),
            720,
            "Price of the tokens; null if the operator set no prices. It is not charged to the account.",
        ),
        property("latency_ms", count(), 900, "Duration of the calls in milliseconds."),
    ])
}

/// Returns the schema of a file that belongs to a page.
pub(super) fn artifact() -> Value {
    let schema = record(vec![
        property("name", text(), "screenshot.png", "Name of the file."),
        property("media_type", text(), "image/png", "Media type of the file."),
        property("size_bytes", count(), 48_213, "Size of the file in bytes."),
        property("url", text(), SCREENSHOT, "Path of the file on this service."),
    ]);
    described(
        schema,
        "A file that belongs to a page: a screenshot, a PDF, or a picture that an action took.",
    )
}
