//! Schemas of requests. Words come from the core's enums, and bounds are those that submission checks.

use serde_json::{Map, Value, json};

use crate::core::claims::Priority;
use crate::core::request::Limits;
use crate::core::tier::Tier;
use crate::service::wire::openapi::schema::{
    Property, count, described, flag, list, or_null, properties, property, reference, text, word,
};

/// The words of an enum of the core.
macro_rules! words {
    ($kind:ty) => {
        word(<$kind>::ALL.iter().map(|it| it.as_str()))
    };
}

mod advanced;
mod crawl;
mod extract;
mod item;
mod parameters;
mod session;

pub(super) use parameters::parameters;

const WEBHOOK: &str = "URL that receives one POST when the work has ended: https, or http in a network that the \
    operator allows. Without it, poll or follow the events.";

/// Returns the schemas by name.
pub(super) fn schemas(limits: &Limits) -> Map<String, Value> {
    let item = item::item(limits);
    let schemas = [
        ("BatchRequest", batch(limits)),
        ("ExtractRequest", extract::extract(limits, &item)),
        ("Item", described(item.clone(), "One page with its options.")),
        ("RetryRequest", retry()),
        ("CrawlRequest", crawl::crawl(item.clone())),
        ("MapRequest", crawl::map()),
        ("ScrapeRequest", scrape(item)),
        ("Tier", described(tier(), "A tier: its number or its name.")),
        ("CostControls", item::cost_controls()),
        ("Advanced", advanced::advanced()),
        ("GrantRequest", grant()),
    ];
    schemas
        .into_iter()
        .chain(session::schemas())
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

fn batch(limits: &Limits) -> Value {
    let bounded = |items: Value| {
        let mut schema = list(items);
        schema["minItems"] = json!(1);
        schema["maxItems"] = json!(limits.batch_items);
        schema
    };
    let url_or_item =
        json!({ "anyOf": [{ "type": "string", "format": "uri" }, reference("Item")] });
    let fields = properties(vec![
        property(
            "urls",
            bounded(url_or_item),
            json!(["https://example.com/", { "url": "https://example.com/shop", "mode": "js" }]),
            "The pages: objects with options, or bare URLs. A URL may occur more than once; each is a job of its own.",
        ),
        property(
            "requests",
            bounded(reference("Item")),
            json!([{ "url": "https://example.com/" }]),
            "Alias of `urls`, which some clients send instead. Send one of the two.",
        ),
        property("webhook_url", or_null(text()), "https://example.com/hook", WEBHOOK),
        property(
            "webhook_events",
            or_null(list(word(["batch.completed", "job.completed", "job.failed"]))),
            json!(["batch.completed", "job.failed"]),
            "Events that the webhook receives. `job.completed` and `job.failed` are posted at the end of each such job; \
             `batch.completed` is always posted. Needs `webhook_url`.",
        )
        .default(json!(["batch.completed"])),
        priority(),
    ]);
    json!({
        "description": "A batch: pages that are submitted, charged and reported together.",
        "type": "object",
        "properties": fields,
        "oneOf": [{ "required": ["urls"] }, { "required": ["requests"] }],
    })
}

fn priority() -> Property {
    property(
        "priority",
        or_null(word(Priority::ALL.map(Priority::as_str))),
        "low",
        "Urgency among the account's own pages: `high` goes before `normal`, and `normal` before `low`. Other accounts \
         are not affected.",
    )
    .default("normal")
}

/// The item's fields, and those that only a single scrape has.
fn scrape(item: Value) -> Value {
    let mut scrape = described(item, "One page with its options, as a request of its own.");
    let own = properties(vec![
        property(
            "sync",
            or_null(flag()),
            false,
            "`true` waits for the page. `false` responds with 202 and a job to poll.",
        )
        .default(true),
        property("webhook_url", or_null(text()), "https://example.com/hook", WEBHOOK),
        priority(),
    ]);
    for (name, schema) in own {
        scrape["properties"][name] = schema;
    }
    scrape
}

fn retry() -> Value {
    let controls = item::retry_controls();
    let fields = properties(vec![
        property(
            "cost_controls",
            or_null(controls),
            json!({ "max_tier": "4" }),
            "Limits of every page of the new batch. An absent one stays as it was.",
        ),
        property("webhook_url", or_null(text()), "https://example.com/hook", WEBHOOK),
    ]);
    json!({
        "description": "Options of a retry. Without a body, the jobs are repeated as they were.",
        "type": "object",
        "properties": fields,
    })
}

fn grant() -> Value {
    let mut credits = count();
    credits["minimum"] = json!(1);
    let fields = properties(vec![
        property("credits", credits, 5_000_000, "Credits to add; 1,000,000 are one dollar."),
        property(
            "key",
            or_null(text()),
            "invoice-17",
            "Key of the grant within the account, 1 to 255 printable ASCII characters. Repeating a grant with the same \
             key and amount adds nothing. Required unless the header `Idempotency-Key` has it.",
        ),
    ]);
    json!({
        "description": "Credits to add to an account.",
        "type": "object",
        "required": ["credits"],
        "properties": fields,
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
