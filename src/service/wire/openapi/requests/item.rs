//! The schema of one item: its URL, formats, extraction and cost controls.

use serde_json::{Value, json};

use crate::core::request::{
    ContentType, Format, Limits, MAX_RESPONSE_BYTES, Method, Mode, PdfFormat, Profile, Provider,
};
use crate::service::wire::openapi::schema::{
    Property, anything, described, flag, list, options, properties, property, reference, seconds,
    string_map, text, within, word,
};

/// The longest URL in characters that the description allows.
const MAX_URL_CHARS: u64 = 8_192;

/// Returns the schema of an item.
pub(super) fn item(limits: &Limits) -> Value {
    let mut fields = output();
    fields.extend(reading());
    fields.extend(extraction(limits));
    fields.extend(request(limits));
    let mut schema = options(fields);
    let url = json!({ "type": "string", "format": "uri", "maxLength": MAX_URL_CHARS });
    let url = property("url", url, "https://example.com/", "URL of the page, http or https.");
    schema["required"] = json!(["url"]);
    schema["properties"]["url"] = properties(vec![url])["url"].take();
    schema
}

fn output() -> Vec<Property> {
    let mut formats = list(words!(Format));
    formats["minItems"] = json!(1);
    vec![
        property(
            "mode",
            words!(Mode),
            "js",
            "How the page is read. `auto` uses the cheapest tier that works, `html` never uses a browser, `js` always \
             does, `pdf` reads a PDF, and `ocr` reads the text in an image or a scan.",
        )
        .default("auto"),
        property(
            "formats",
            formats,
            json!(["markdown", "json"]),
            "Formats of the content. `text`, `html` and `markdown` hold the main content, `json` structured data, \
             `json_v2` the section tree with tables and links, `rag` chunks of markdown with token counts, `content` \
             markdown with its hash, images and links, and `raw` the response's body.",
        )
        .default(json!(["html", "json"])),
        property(
            "include_raw_html",
            flag(),
            true,
            "`true` adds the response's body as `raw_html`.",
        )
        .default(false),
        property(
            "cache",
            flag(),
            true,
            "`true` serves the page from the account's response cache, free of charge, or adds it there.",
        )
        .default(false),
        property(
            "cache_ttl",
            within(60, 86_400),
            600,
            "Seconds for which a cache entry is valid. Needs `cache`.",
        )
        .default(3_600),
        property(
            "force_refresh",
            flag(),
            true,
            "`true` fetches the page even if the cache has it, and replaces the entry.",
        )
        .default(false),
    ]
}

fn reading() -> Vec<Property> {
    vec![
        property(
            "timeout",
            seconds(1, 300),
            30,
            "Seconds that all attempts on the page may take together, rounded up to an integer.",
        )
        .default(90),
        property(
            "wait_for",
            text(),
            "#content",
            "CSS selector, up to 1,024 bytes, that a rendered page must match before it is read. If nothing matches \
             within 30 s, the page is used as it is, with a warning.",
        ),
        property(
            "pdf_format",
            words!(PdfFormat),
            "text",
            "Format of the content of a PDF.",
        )
        .default("markdown"),
        property(
            "ocr_language",
            text(),
            "deu+eng",
            "Tesseract codes of the languages in images, joined by `+`. The service needs their data files.",
        )
        .default("eng"),
        property(
            "max_response_bytes",
            within(0, MAX_RESPONSE_BYTES),
            10_485_760,
            "Largest body of a response in bytes; 0 stands for the maximum of 52,428,800. HTML and text above it is cut, \
             and labeled `content_truncated`; other documents, and any above 52,428,800, are refused.",
        )
        .default(5_242_880),
    ]
}

fn extraction(limits: &Limits) -> Vec<Property> {
    vec![
        property(
            "extraction_schema",
            anything(),
            json!({ "type": "object", "properties": { "price": { "type": "number" } } }),
            "Fields to fill: a JSON Schema, or its shorthand such as `{\"price\": \"number\"}`. Up to 64 KiB and 64 \
             levels unless the service has other limits.",
        ),
        property(
            "extraction_prompt",
            json!({ "type": "string", "maxLength": limits.prompt_chars }),
            "The delivery time in days",
            "Description of the data to extract, which a language model answers. Without a configured model the page \
             succeeds with a warning.",
        ),
        property(
            "extraction_profile",
            words!(Profile),
            "product",
            "Kind of thing that the page describes, for the structured data in `json`. `auto` detects it.",
        )
        .default("auto"),
        property(
            "evidence",
            flag(),
            true,
            "`true` adds the source of each extracted value. Needs `extraction_schema` or `extraction_prompt`.",
        )
        .default(false),
        property(
            "promote_schema_org",
            flag(),
            false,
            "`true` gives the page's own schema.org data precedence in `json`.",
        )
        .default(true),
        property(
            "filter_content",
            flag(),
            true,
            "`true` drops everything but the main content from `json` and the formats made from it.",
        )
        .default(false),
        property(
            "template",
            text(),
            "shop",
            "Name of a template of the service's own extractor, 1 to 128 characters. The built-in extractor has none.",
        ),
        property(
            "extraction_provider",
            words!(Provider),
            "openai",
            "Provider of the language model that answers the prompt. Defaults to the model that the operator chose.",
        ),
        property(
            "extraction_model",
            text(),
            "gpt-4o-mini",
            "The provider's name of the language model, 1 to 128 characters. Defaults to the configured model.",
        ),
    ]
}

fn request(limits: &Limits) -> Vec<Property> {
    let mut headers = string_map();
    headers["maxProperties"] = json!(limits.headers);
    vec![
        property(
            "cost_controls",
            reference("CostControls"),
            json!({ "max_tier": "3", "max_credits": 2_000 }),
            "Limits on tiers, credits and time. Defaults to none.",
        ),
        property(
            "advanced",
            reference("Advanced"),
            json!({ "render_js": true, "screenshot": true }),
            "Options of the browser, of proxies and of OCR. Defaults to none.",
        ),
        property(
            "method",
            words!(Method),
            "POST",
            "Method of the request. Other methods than GET cost one and a half times the price.",
        )
        .default("GET"),
        property("body", text(), "{\"page\": 2}", "Body of the request. Not allowed with GET."),
        property(
            "content_type",
            words!(ContentType),
            "application/x-www-form-urlencoded",
            "Media type of `body`.",
        )
        .default("application/json"),
        property(
            "headers",
            headers,
            json!({ "Accept-Language": "de" }),
            "Headers of the request: names of up to 256 bytes, values of up to 8,192. Headers that belong to the \
             connection, such as `Host`, are refused.",
        ),
        property(
            "location",
            location(),
            json!({ "country": "DE", "language": "de-DE" }),
            "Country and language that the request appears to come from. The country needs a proxy there.",
        ),
    ]
}

fn location() -> Value {
    options(vec![
        property("country", text(), "DE", "ISO 3166-1 alpha-2 code of the country."),
        property("language", text(), "de-DE", "Language tag of 2 to 5 characters."),
    ])
}

/// Returns the schema of the cost controls.
pub(super) fn cost_controls() -> Value {
    let controls = options(vec![
        property(
            "force_tier",
            reference("Tier"),
            "2",
            "The only tier to run. Must not be above `max_tier`.",
        ),
        max_tier(),
        property(
            "prefer_cost",
            flag(),
            true,
            "`true` minimizes the expected credits, which is the default. Excludes `prefer_speed`.",
        )
        .default(false),
        property(
            "prefer_speed",
            flag(),
            true,
            "`true` minimizes the expected time: the job starts on the tier that is likely to succeed.",
        )
        .default(false),
        property(
            "fail_fast",
            flag(),
            true,
            "`true` fails the job instead of escalating to the browser. The error names the tier that is needed.",
        )
        .default(false),
        max_credits(),
        property(
            "time_budget",
            seconds(5, 300),
            20,
            "Seconds of wall-clock time that all attempts may take together, rounded up to an integer.",
        ),
    ]);
    described(controls, "Limits on the tiers, credits and time of a page.")
}

/// The limits that a retry may change.
pub(super) fn retry_controls() -> Value {
    options(vec![max_tier(), max_credits()])
}

fn max_tier() -> Property {
    property("max_tier", reference("Tier"), "3", "Highest tier to run.")
}

fn max_credits() -> Property {
    property(
        "max_credits",
        json!({ "type": "number", "exclusiveMinimum": 0 }),
        2_000,
        "Most credits that the page may cost. An attempt that would exceed it does not run.",
    )
}
