//! Schemas of responses, one file per resource.

use serde_json::{Map, Value, json};

use crate::core::tier::Tier;
use crate::service::wire::openapi::schema::{
    Property, count, flag, list, object, or_null, properties, property, record, reference, text,
    with_optional, word,
};

mod account;
mod attempt;
mod batch;
mod crawl;
mod deliveries;
mod estimate;
mod extract;
mod job;
mod labels;
mod limits;
mod page;
mod problem;
mod session;

const BATCH_ID: &str = "^batch_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";

/// A batch's id, for examples.
const SAMPLE_BATCH: &str = "batch_0191d2a4-5b6c-7000-8000-000000000001";
/// A job's id, for examples.
const SAMPLE_JOB: &str = "0191d2a4-5b6c-7000-8000-000000000002";
/// A time, for examples.
const SAMPLE_TIME: &str = "2026-11-28T09:30:00.000Z";
/// A page's URL, for examples.
const SAMPLE_URL: &str = "https://example.com/";

/// Returns the schemas by name.
pub(super) fn schemas() -> Map<String, Value> {
    let schemas = [
        ("Problem", with_warnings(problem::problem())),
        ("ErrorCode", problem::error_code()),
        ("BatchAccepted", with_warnings(batch::accepted())),
        ("BatchSummary", batch::summary()),
        ("BatchStatus", batch::status()),
        ("BatchCancelled", batch::cancelled()),
        ("BatchList", paged("batches", "BatchListed", batch::LIST)),
        ("BatchListed", batch::listed()),
        ("BatchItem", batch::item()),
        ("Event", batch::event()),
        ("CrawlEvent", crawl::event()),
        ("CrawlAccepted", with_warnings(crawl::accepted())),
        ("CrawlStatus", crawl::status()),
        ("CrawlResult", crawl::result()),
        ("CrawlCancelled", crawl::cancelled()),
        ("SiteMap", with_warnings(crawl::site_map())),
        ("MappedUrl", crawl::mapped_url()),
        ("Page", with_warnings(page::page())),
        ("Artifact", page::artifact()),
        ("Billing", attempt::billing()),
        ("Attempt", attempt::attempt()),
        ("JobAccepted", with_warnings(job::accepted())),
        ("Job", job::job()),
        ("Estimate", with_warnings(estimate::estimate())),
        ("BatchEstimate", with_warnings(estimate::batch_estimate())),
        ("Extracted", with_warnings(extract::extracted())),
        ("ExtractEstimate", extract::estimate()),
        ("ExtractUsage", extract::usage()),
        ("ExtractUsageItem", extract::usage_item()),
        ("ExtractUsageSummary", extract::summary()),
        ("SpendLimits", limits::limits()),
        ("Features", limits::features()),
        ("OwnFeatures", limits::own_features()),
        ("Ledger", account::ledger()),
        ("LedgerEntry", account::ledger_entry()),
        ("Deliveries", paged("deliveries", "Delivery", deliveries::LIST)),
        ("Delivery", deliveries::delivery()),
        ("Usage", account::usage()),
        ("Balance", account::balance()),
        ("BillingUsage", account::billing_usage()),
        ("Account", account::account()),
        ("Granted", with_warnings(account::granted())),
        ("Grant", account::grant()),
        ("Session", with_warnings(session::session())),
        ("SessionList", session::sessions()),
        ("SessionDeleted", session::deleted()),
        ("SessionValidation", session::validation()),
        ("Description", description()),
        ("Health", health()),
        ("Warning", warning()),
    ];
    schemas.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

fn id() -> Value {
    json!({ "type": "string", "format": "uuid" })
}

fn batch_id() -> Value {
    json!({ "type": "string", "pattern": BATCH_ID })
}

fn tier() -> Value {
    word(Tier::ALL.map(Tier::number))
}

/// One page of a list. `description` is that of the list.
fn paged(name: &'static str, entry: &str, description: &'static str) -> Value {
    let mut schema = record(vec![
        property(name, list(reference(entry)), json!([]), description),
        property(
            "next_cursor",
            or_null(batch_id()),
            SAMPLE_BATCH,
            "The `cursor` of the next page; null if this is the last one.",
        ),
        property("has_more", flag(), true, "`true` if there is another page."),
    ]);
    schema["description"] = json!("One page of a list.");
    schema
}

/// The OpenAPI document itself.
fn description() -> Value {
    let mut schema = record(vec![
        property("openapi", text(), "3.1.0", "Version of OpenAPI."),
        property("info", object(), json!({ "title": "rungs" }), "Title, version and license."),
        property("paths", object(), json!({}), "Operations by path and method."),
        property("components", object(), json!({}), "Schemas and parameters by name."),
        property("security", list(object()), json!([{ "key": [] }]), "Ways to send the API key."),
    ]);
    schema["description"] = json!("The OpenAPI document.");
    schema
}

fn health() -> Value {
    let mut schema = record(vec![
        property(
            "status",
            word(["ok", "ready"]),
            "ok",
            "`ok` from `/health`, `ready` from `/ready`.",
        ),
        property("version", text(), "0.1.0", "Version of rungs."),
    ]);
    schema["description"] = json!("The health of the service.");
    schema
}

/// The warnings of a request, which its response lists if there are any.
fn with_warnings(schema: Value) -> Value {
    let warnings = property(
        "warnings",
        list(reference("Warning")),
        json!([{
            "code": "UNKNOWN_FIELD", "field": "urls[0].format", "suggestion": "urls[0].formats",
            "message": "unknown field `urls[0].format`: use `urls[0].formats`",
        }]),
        "What the request asked for and will not get, such as unknown fields. Absent if there is nothing.",
    );
    with_optional(schema, properties(vec![warnings]))
}

fn warning() -> Value {
    let mut schema = record(vec![
        property(
            "code",
            word(["UNKNOWN_FIELD", "UNSIGNED_WEBHOOK"]),
            "UNKNOWN_FIELD",
            "Kind of the warning. Later versions may add kinds.",
        ),
        property("field", text(), "urls[0].format", "Path of the field in the request."),
        property(
            "suggestion",
            or_null(text()),
            "urls[0].formats",
            "Path of the field that was probably meant: the nearest name, or the place where the field belongs. `[]` \
             stands for each element of a list. Null if no name is similar.",
        ),
        property(
            "message",
            text(),
            "unknown field `urls[0].format`: use `urls[0].formats`",
            "Explanation for people: what is wrong, and how to fix it.",
        ),
    ]);
    schema["description"] = json!("A part of a request that has no effect.");
    schema
}

/// The code of a job's failure, in a job and in an item of a batch.
fn error_code() -> Property {
    property(
        "error",
        or_null(reference("ErrorCode")),
        "BLOCKED_BY_ANTIBOT",
        "Code of the failure; null unless the job failed.",
    )
}

/// The message of a job's failure, in a job and in an item of a batch.
fn error_message() -> Property {
    property(
        "error_message",
        or_null(text()),
        "the site answered 404 Not Found; retrying cannot help",
        "The reason of the failure and the remedy; null unless the job failed.",
    )
}

/// The price of a job or of a batch, which several objects have.
fn credits_used(description: &'static str) -> Property {
    property("credits_used", count(), 200, description)
}
