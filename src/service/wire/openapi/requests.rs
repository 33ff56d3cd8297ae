//! Schemas of requests. Words come from the core's enums, and bounds are those that submission checks.

use serde_json::{Map, Value, json};

use crate::core::request::{
    ActionKind, BlockKind, ContentType, Format, Limits, MAX_RESPONSE_BYTES, Method, Mode,
    PdfFormat, Profile, Provider, WaitCondition,
};
use crate::core::tier::Tier;
use crate::service::wire::openapi::schema::{
    anything, count, flag, list, options, or_null, properties, reference, text, within, word,
};

/// The words of an enum of the core.
macro_rules! words {
    ($kind:ty) => {
        word(<$kind>::ALL.iter().map(|it| it.as_str()))
    };
}

/// Returns the schemas by name.
pub(super) fn schemas(limits: &Limits) -> Map<String, Value> {
    let item = item(limits);
    let mut scrape = item.clone();
    scrape["properties"]["sync"] = or_null(flag());
    scrape["properties"]["webhook_url"] = or_null(text());
    properties([
        ("BatchRequest", batch(limits)),
        ("Item", item),
        ("ScrapeRequest", scrape),
        ("Tier", tier()),
        ("CostControls", controls()),
        ("Advanced", advanced()),
    ])
}

fn batch(limits: &Limits) -> Value {
    let one = json!({ "anyOf": [{ "type": "string", "format": "uri" }, reference("Item")] });
    let mut items = list(one);
    items["minItems"] = json!(1);
    items["maxItems"] = json!(limits.batch_items);
    json!({
        "type": "object",
        "properties": {
            "urls": items,
            "requests": {
                "description": "Alias of `urls`, which some clients send instead.",
                "type": "array", "items": { "$ref": "#/components/schemas/Item" },
                "minItems": 1, "maxItems": limits.batch_items,
            },
            "webhook_url": or_null(text()),
        },
        "oneOf": [{ "required": ["urls"] }, { "required": ["requests"] }],
    })
}

/// A tier's number or name.
fn tier() -> Value {
    let numbers = Tier::ALL.map(Tier::number);
    let names = Tier::ALL.map(Tier::name);
    json!({ "anyOf": [
        word(numbers.into_iter().chain(names)),
        { "type": "number", "enum": [1, 2, 3, 3.5, 4] },
    ] })
}

fn controls() -> Value {
    options([
        ("force_tier", reference("Tier")),
        ("max_tier", reference("Tier")),
        ("prefer_cost", flag()),
        ("prefer_speed", flag()),
        ("fail_fast", flag()),
        ("max_credits", json!({ "type": "number", "exclusiveMinimum": 0 })),
        ("time_budget", within(5, 300)),
    ])
}

fn item(limits: &Limits) -> Value {
    let mut formats = list(words!(Format));
    formats["minItems"] = json!(1);
    let headers = json!({
        "type": "object", "maxProperties": limits.headers,
        "additionalProperties": { "type": "string" },
    });
    let mut schema = options([
        ("mode", words!(Mode)),
        ("formats", formats),
        ("cost_controls", reference("CostControls")),
        ("extraction_schema", anything()),
        ("extraction_prompt", json!({ "type": "string", "maxLength": limits.prompt_chars })),
        ("extraction_profile", words!(Profile)),
        ("advanced", reference("Advanced")),
        ("include_raw_html", flag()),
        ("cache", flag()),
        ("cache_ttl", within(60, 86_400)),
        ("force_refresh", flag()),
        ("timeout", within(1, 300)),
        ("wait_for", text()),
        ("method", words!(Method)),
        ("body", text()),
        ("content_type", words!(ContentType)),
        ("headers", headers),
        ("location", options([("country", text()), ("language", text())])),
        ("evidence", flag()),
        ("promote_schema_org", flag()),
        ("filter_content", flag()),
        ("template", text()),
        ("extraction_provider", words!(Provider)),
        ("extraction_model", text()),
        ("pdf_format", words!(PdfFormat)),
        ("ocr_language", text()),
        ("max_response_bytes", within(0, MAX_RESPONSE_BYTES)),
    ]);
    schema["required"] = json!(["url"]);
    schema["properties"]["url"] = json!({ "type": "string", "format": "uri", "maxLength": 8_192 });
    schema
}

fn advanced() -> Value {
    let action = json!({
        "type": "object", "required": ["type"], "properties": { "type": words!(ActionKind) },
    });
    let mut actions = list(action);
    actions["maxItems"] = json!(20);
    let mut filter = options([
        ("min_content_blocks", count()),
        ("exclude_content_types", list(words!(BlockKind))),
        ("content_only", flag()),
    ]);
    filter["additionalProperties"] = json!(false);
    let pairs = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    options([
        ("render_js", json!({ "anyOf": [{ "type": "boolean" }, { "const": "auto" }] })),
        ("screenshot", flag()),
        ("generate_pdf", flag()),
        ("markdown", flag()),
        ("ocr", flag()),
        ("use_proxy", flag()),
        ("use_own_proxy", flag()),
        ("use_system_proxy", flag()),
        ("proxy_integration_id", text()),
        ("proxy_country", text()),
        ("remove_cookie_banners", flag()),
        ("wait_condition", words!(WaitCondition)),
        ("scroll_to_load", flag()),
        ("scroll_count", within(1, 10)),
        ("include_iframes", flag()),
        ("flatten_shadow_dom", flag()),
        ("block_images", flag()),
        ("section_filter", filter),
        ("session_headers", pairs.clone()),
        ("cookies", pairs),
        ("actions", actions),
    ])
}

/// Returns the parameters, by the names that operations use for them.
pub(super) fn parameters() -> Value {
    let path = |about: &str, schema: Value| {
        json!({
            "name": "id", "in": "path", "required": true, "schema": schema, "description": about,
        })
    };
    let query = |name: &str, schema: Value, about: &str| json!({ "name": name, "in": "query", "schema": schema, "description": about });
    let header = |name: &str, schema: Value, about: &str| json!({ "name": name, "in": "header", "schema": schema, "description": about });
    let key = json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$" });
    json!({
        "batch": path("The batch's id.", text()),
        "job": path("The job's id.", text()),
        "delivery": path("The delivery's id.", text()),
        "file": {
            "name": "name", "in": "path", "required": true, "schema": text(),
            "description": "The artifact's name, as listed in the result.",
        },
        "unaddressed": query("unaddressed", flag(), "Include notifications of batches without a webhook."),
        "results": query("include_results", flag(), "Include the items' results."),
        "limit": query("limit", within(1, 100), "Largest number of entries."),
        "cursor": query("cursor", text(), "The `next_cursor` of the previous page."),
        "idempotency": header("Idempotency-Key", key, "Submitting the same body with the same key returns the same batch."),
        "last": header("Last-Event-ID", text(), "The id of the last event received."),
    })
}
