//! Schemas of responses.

use serde_json::{Map, Value, json};

use crate::core::job::JobState;
use crate::core::tier::Tier;
use crate::service::wire::openapi::schema::{
    anything, count, flag, list, number, object, or_null, properties, record, reference, text,
    timestamp, word,
};

const BATCH_ID: &str = "^batch_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";

fn id() -> Value {
    json!({ "type": "string", "format": "uuid" })
}

fn batch_id() -> Value {
    json!({ "type": "string", "pattern": BATCH_ID })
}

fn tier() -> Value {
    word(Tier::ALL.map(Tier::number))
}

fn state() -> Value {
    // Some client families have other words for the same states.
    let more = ["pending", "running", "completed"];
    word(JobState::ALL.map(JobState::as_str).into_iter().chain(more))
}

/// Returns the schemas by name.
pub(super) fn schemas() -> Map<String, Value> {
    properties([
        ("Problem", problem()),
        ("BatchAccepted", accepted()),
        ("BatchSummary", summary()),
        ("BatchStatus", extended("BatchSummary", [("items", list(reference("BatchItem")))])),
        (
            "BatchCancelled",
            extended("BatchSummary", [("cancelled_jobs", count()), ("credits_refunded", count())]),
        ),
        ("BatchList", paged("batches", "BatchListed")),
        ("BatchListed", extended("BatchSummary", [("first_url", or_null(text()))])),
        ("BatchItem", item()),
        ("Page", page()),
        ("Billing", billing()),
        ("Attempt", attempt()),
        ("JobAccepted", pending()),
        ("Job", job()),
        ("Artifact", artifact()),
        ("Estimate", estimate()),
        ("BatchEstimate", batch_estimate()),
        ("Ledger", ledger()),
        ("LedgerEntry", ledger_entry()),
        ("Deliveries", paged("deliveries", "Delivery")),
        ("Delivery", delivery()),
        ("Usage", usage()),
        ("Balance", balance()),
        ("BillingUsage", billing_usage()),
        ("Description", description()),
        ("Event", event()),
        ("Health", record([("status", word(["ok", "ready"])), ("version", text())])),
    ])
}

/// The OpenAPI document itself.
fn description() -> Value {
    record([
        ("openapi", text()),
        ("info", object()),
        ("paths", object()),
        ("components", object()),
        ("security", list(object())),
    ])
}

/// Another schema with additional required fields.
fn extended<const N: usize>(name: &str, fields: [(&str, Value); N]) -> Value {
    json!({ "allOf": [reference(name), record(fields)] })
}

fn paged(name: &str, entry: &str) -> Value {
    record([
        (name, list(reference(entry))),
        ("next_cursor", or_null(batch_id())),
        ("has_more", flag()),
    ])
}

/// Adds optional fields to an object's schema, unless it has them already.
fn with_optional(mut schema: Value, fields: Map<String, Value>) -> Value {
    if let Some(named) = schema["properties"].as_object_mut() {
        for (name, field) in fields {
            named.entry(name).or_insert(field);
        }
    }
    schema
}

fn problem() -> Value {
    let always = record([
        ("error", text()),
        ("code", text()),
        ("message", text()),
        ("detail", text()),
        ("details", anything()),
        ("retryable", flag()),
        ("request_id", id()),
    ]);
    let more = properties([
        ("retry_after", count()),
        ("field", text()),
        ("url", text()),
        ("tier", tier()),
        ("balance_dollars", number()),
        ("required_dollars", number()),
    ]);
    with_optional(always, more)
}

fn accepted() -> Value {
    record([
        ("batch_id", batch_id()),
        ("total_urls", count()),
        ("total_requests", count()),
        ("status", json!({ "const": "processing" })),
        ("estimated_credits", count()),
        ("job_ids", list(id())),
    ])
}

fn summary() -> Value {
    record([
        ("batch_id", batch_id()),
        ("status", word(["processing", "completed", "partial", "failed"])),
        ("total", count()),
        ("total_urls", count()),
        ("total_requests", count()),
        ("completed", count()),
        ("failed", count()),
        ("pending", count()),
        ("estimated_credits", count()),
        ("credits_used", count()),
        ("webhook_url", or_null(text())),
        ("created_at", timestamp()),
        ("completed_at", or_null(timestamp())),
        ("expires_at", or_null(timestamp())),
    ])
}

fn item() -> Value {
    record([
        ("job_id", id()),
        ("url", text()),
        ("status", word(JobState::ALL.map(JobState::as_str))),
        ("result", or_null(reference("Page"))),
        ("error", or_null(text())),
        ("error_message", or_null(text())),
        ("credits_used", count()),
        ("tier_used", or_null(tier())),
        ("escalations", list(reference("Attempt"))),
        ("started_at", or_null(timestamp())),
        ("ended_at", or_null(timestamp())),
    ])
}

fn page() -> Value {
    with_optional(page_required(), page_optional())
}

/// Fields of every page's result.
fn page_required() -> Value {
    record([
        ("job_id", id()),
        ("url", text()),
        ("status_code", count()),
        ("content", object()),
        ("credits_used", count()),
        ("tier_used", or_null(tier())),
        ("billing", reference("Billing")),
        ("title", or_null(text())),
        ("author", or_null(text())),
        ("published_at", or_null(text())),
        ("published_date", or_null(text())),
        ("description", or_null(text())),
        ("metadata", object()),
        ("headers", object()),
        ("response_time_ms", count()),
        ("size_bytes", count()),
        ("final_url", text()),
        ("redirected", flag()),
        ("redirect_chain", list(record([("url", text()), ("status_code", count())]))),
        ("proxy_used", flag()),
        ("extraction_method", text()),
        ("text", text()),
        ("cached", flag()),
        ("cached_at", or_null(timestamp())),
        ("expires_at", or_null(timestamp())),
        ("screenshot_url", or_null(text())),
        ("pdf_url", or_null(text())),
        ("artifacts", list(reference("Artifact"))),
    ])
}

/// Fields that depend on the request or the page.
fn page_optional() -> Map<String, Value> {
    properties([
        ("markdown", text()),
        ("markdown_content", text()),
        ("html", text()),
        ("json", anything()),
        ("raw_html", text()),
        ("filtered_content", anything()),
        ("extraction_result", anything()),
        ("evidence", object()),
        ("model_used", text()),
        ("extraction_metadata", model()),
        ("ocr_results", list(object())),
        ("action_results", list(object())),
        ("warning", text()),
    ])
}

/// The usage of a language model.
fn model() -> Value {
    record([
        ("mode", text()),
        ("provider", text()),
        ("model", text()),
        ("input_tokens", count()),
        ("output_tokens", count()),
        ("cost_microcents", or_null(count())),
        ("latency_ms", count()),
    ])
}

fn artifact() -> Value {
    record([("name", text()), ("media_type", text()), ("size_bytes", count()), ("url", text())])
}

fn ledger() -> Value {
    record([
        ("batch_id", batch_id()),
        ("entries", list(reference("LedgerEntry"))),
        ("held", count()),
        ("charged", count()),
        ("released", count()),
    ])
}

fn ledger_entry() -> Value {
    record([
        ("number", count()),
        ("job_id", or_null(id())),
        ("kind", word(["hold", "settle"])),
        ("held", count()),
        ("charged", count()),
        ("released", count()),
        ("at", timestamp()),
    ])
}

fn billing() -> Value {
    record([
        ("total_credits", count()),
        ("tier_used", or_null(tier())),
        ("tier_name", or_null(text())),
        ("cost_microcents", count()),
        ("escalations", list(reference("Attempt"))),
        ("savings", count()),
        ("byop_applied", flag()),
        ("final_cost_microcents", count()),
    ])
}

fn attempt() -> Value {
    record([
        ("tier", tier()),
        ("name", text()),
        ("result", word(["success", "failed"])),
        ("credits", count()),
        ("duration_ms", count()),
        ("error", or_null(text())),
        ("verdict", text()),
        ("signal", text()),
        ("status_code", or_null(count())),
        ("started_at", timestamp()),
    ])
}

fn pending() -> Value {
    record([
        ("job_id", id()),
        ("status", state()),
        ("url", text()),
        ("estimated_credits", count()),
        ("created_at", timestamp()),
    ])
}

/// A job. One that succeeded has the fields of its page as well.
fn job() -> Value {
    let always = record([
        ("job_id", id()),
        ("url", text()),
        ("status", state()),
        ("result", or_null(reference("Page"))),
        ("error", or_null(text())),
        ("error_message", or_null(text())),
        ("progress", json!({ "type": "integer", "minimum": 0, "maximum": 100 })),
        ("billing", reference("Billing")),
        ("created_at", timestamp()),
        ("updated_at", timestamp()),
    ]);
    let page = page()["properties"].as_object().cloned();
    with_optional(always, page.unwrap_or_default())
}

fn estimate() -> Value {
    record([
        ("url", text()),
        ("estimated_tier", text()),
        ("estimated_credits", count()),
        ("confidence", word(["low", "medium", "high"])),
        ("max_possible_credits", count()),
        ("reasoning", text()),
        ("tier_name", text()),
        ("estimated_cost_dollars", number()),
        ("min_cost_dollars", number()),
        ("max_cost_dollars", number()),
        ("reason", text()),
    ])
}

fn batch_estimate() -> Value {
    record([
        ("total_urls", count()),
        ("estimated_credits", count()),
        ("max_possible_credits", count()),
        ("estimated_cost_dollars", number()),
        ("max_cost_dollars", number()),
        ("items", list(reference("Estimate"))),
    ])
}

fn delivery() -> Value {
    let attempt = record([
        ("at", timestamp()),
        ("status_code", or_null(count())),
        ("error", or_null(text())),
        ("response_body", or_null(text())),
    ]);
    record([
        ("delivery_id", id()),
        ("batch_id", batch_id()),
        ("event", word(["batch.completed", "job.completed", "job.failed"])),
        ("url", or_null(text())),
        ("status", word(["pending", "delivered", "failed", "unaddressed"])),
        ("attempts", list(attempt)),
        ("next_attempt_at", or_null(timestamp())),
        ("payload", object()),
    ])
}

fn event() -> Value {
    let names = [
        "job.started",
        "job.attempted",
        "job.rescheduled",
        "job.succeeded",
        "job.failed",
        "batch.completed",
    ];
    let mut schema = record([("event", word(names)), ("data", text())]);
    schema["properties"]["id"] = text();
    schema
}

fn usage() -> Value {
    record([
        ("credits_available", count()),
        ("credits_used", count()),
        ("credits_held", count()),
        ("credits_limit", count()),
        ("requests_count", count()),
        ("subscription_tier", text()),
        ("billing_period_start", timestamp()),
        ("billing_period_end", timestamp()),
        ("credits_used_month", count()),
        ("plan", text()),
        ("period_start", timestamp()),
        ("period_end", timestamp()),
        ("balance_dollars", number()),
        ("requests_month", count()),
    ])
}

fn balance() -> Value {
    record([
        ("balance_microcents", count()),
        ("balance_display", text()),
        ("total_deposited_cents", count()),
        ("total_spent_cents", count()),
    ])
}

fn billing_usage() -> Value {
    let site = record([("domain", text()), ("credits_used", count()), ("requests", count())]);
    record([
        ("today_credits", count()),
        ("this_week_credits", count()),
        ("this_month_credits", count()),
        ("total_credits", count()),
        ("today_requests", count()),
        ("this_week_requests", count()),
        ("top_domains", list(site)),
        ("usage_since", or_null(timestamp())),
    ])
}
