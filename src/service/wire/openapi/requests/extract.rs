//! The schema of an extraction from a document in the body.

use serde_json::{Value, json};

use crate::core::request::{DocumentType, ExtractionCache, Format, Limits, Profile};
use crate::service::wire::openapi::schema::{
    Property, options, properties, property, seconds, within, word,
};

/// The fields of a page that an extraction has, too.
const SHARED: [&str; 7] = [
    "extraction_schema",
    "extraction_profile",
    "extraction_provider",
    "extraction_model",
    "evidence",
    "filter_content",
    "promote_schema_org",
];

/// Returns the schema of the body of `POST /extract`. `page` is the schema of a page.
pub(super) fn extract(limits: &Limits, page: &Value) -> Value {
    let mut schema = options(own_fields(limits));
    for name in SHARED {
        schema["properties"][name] = page["properties"][name].clone();
    }
    let content = property(
        "content",
        json!({ "type": "string", "minLength": 1 }),
        "<h1>Lamp</h1><p>49.50 EUR</p>",
        "The document, up to 5 MiB.",
    );
    schema["properties"]["content"] = properties(vec![content])["content"].take();
    schema["required"] = json!(["content"]);
    schema["description"] = json!("A document and the options of its extraction.");
    schema
}

fn own_fields(limits: &Limits) -> Vec<Property> {
    vec![
        property("content_type", words!(DocumentType), "markdown", "Type of the document.")
            .default("html"),
        property(
            "formats",
            json!({ "type": "array", "items": words!(Format), "minItems": 1 }),
            json!(["json", "markdown"]),
            "Formats of the result, as those of a page.",
        )
        .default(json!(["json"])),
        property(
            "source_url",
            json!({ "type": "string", "maxLength": 2_048 }),
            "https://example.com/shop",
            "URL of the document, which relative links are resolved against. It is not fetched.",
        ),
        property(
            "extraction_prompt",
            json!({ "type": "string", "maxLength": limits.prompt_chars }),
            "The delivery time in days",
            "Description of the data to extract, which a language model answers. Without a configured model the \
             extraction succeeds with a warning.",
        ),
        property(
            "extraction_template",
            words!(Profile),
            "product",
            "Another name of `extraction_profile`. Send one of them.",
        ),
        property("timeout", seconds(1, 300), 30, "Seconds that the language model may take.")
            .default(90),
        property(
            "cache",
            words!(ExtractionCache),
            "skip",
            "`auto` returns the cached result of the same document and options, free of charge, `skip` reads the \
             document anew, and `only` responds with 404 if there is no cached result.",
        )
        .default("auto"),
        property(
            "cache_ttl",
            within(1, 86_400),
            600,
            "Seconds for which the result is cached.",
        )
        .default(3_600),
        property(
            "cost_controls",
            max_credits(),
            json!({ "max_credits": 3_500 }),
            "Limit of the price.",
        ),
    ]
}

fn max_credits() -> Value {
    options(vec![property(
        "max_credits",
        json!({ "type": "number", "exclusiveMinimum": 0 }),
        3_500,
        "The most that the extraction may cost. A higher price is refused.",
    )])
}
