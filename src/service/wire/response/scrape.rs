//! The result of a page: the scrape object of CONTRACT 6.1.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::core::id::JobId;
use crate::core::job::{Job, Outcome};
use crate::core::request::Format;
use crate::core::tier::Tier;
use crate::core::time::millis;
use crate::engine::{
    Artifact, ExtractedParts, PRINT, Page, PageParts, SCREENSHOT, StoredPage, StoredResult,
};
use crate::ports::fetch::{ActionResult, ImageText, Redirect};
use crate::service::wire::response::billing::{escalations, page_billing};
use crate::service::wire::warnings::Warnings;

/// An object whose large values are those of a stored page, so that they are copied as they are.
pub(crate) type Object<'a> = BTreeMap<&'static str, Field<'a>>;

/// A value of an [`Object`].
pub(crate) enum Field<'a> {
    Value(Value),
    Stored(&'a RawValue),
    Text(&'a str),
    Formats(&'a BTreeMap<Format, &'a RawValue>),
    Named(BTreeMap<&'a str, &'a RawValue>),
    Object(Object<'a>),
}

impl From<Value> for Field<'_> {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

impl Serialize for Field<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::Stored(value) => value.serialize(serializer),
            Self::Text(text) => text.serialize(serializer),
            Self::Formats(formats) => {
                serializer.collect_map(formats.iter().map(|(format, it)| (format.as_str(), it)))
            }
            Self::Named(values) => values.serialize(serializer),
            Self::Object(object) => object.serialize(serializer),
        }
    }
}

/// Serializes the page of a job that succeeded.
pub fn scrape_object(job: &Job, page: &Page) -> Value {
    let stored = serde_json::to_vec(page).expect("the keys of every map are strings");
    let page = StoredPage::parse(&stored).expect("the JSON of a page");
    json!(scrape_fields(job, &page))
}

/// Serializes the response to a scrape that succeeded, with the warnings of its request.
pub(crate) fn scraped(job: &Job, page: &StoredPage<'_>, warnings: &Warnings) -> String {
    let mut object = scrape_fields(job, page);
    object.extend(warnings.list().map(|it| ("warnings", Field::Value(it))));
    to_json(&object, size_of(Some(Ok(page))))
}

/// Returns the fields of [`scrape_object`].
pub(super) fn scrape_fields<'a>(job: &Job, page: &'a StoredPage<'_>) -> Object<'a> {
    let page = page.parts();
    let extracted = &page.extracted;
    let billing = page_billing(job, page);
    let mut object = Object::new();
    let mut put = |name: &'static str, value: Value| {
        object.insert(name, Field::Value(value));
    };
    put("job_id", json!(job.id.to_string()));
    put("url", json!(job.request.page().as_str()));
    put("status_code", json!(page.status_code));
    put("credits_used", billing["total_credits"].clone());
    put("tier_used", billing["tier_used"].clone());
    put("billing", billing);
    put("response_time_ms", json!(page.response_time_ms));
    put("size_bytes", json!(page.size_bytes));
    put("redirected", json!(!page.redirects.is_empty()));
    put("redirect_chain", page.redirects.iter().map(redirect).collect());
    put("proxy_used", json!(page.proxied));
    put("content_hash", json!(page.content_hash));
    put("unchanged", json!(page.unchanged));
    extraction(extracted, &mut put);
    cache_fields(job, page, &mut put);
    labels(page, &mut put);
    if !extracted.warnings.is_empty() {
        put("warning", json!(extracted.warnings.join("; ")));
    }
    if !extracted.ocr_results.is_empty() {
        put("ocr_results", extracted.ocr_results.iter().map(image_text).collect());
    }
    if !page.actions.is_empty() {
        put("action_results", page.actions.iter().map(action_result).collect());
    }
    artifacts(job.id, &page.artifacts, &mut put);
    object.extend(about(page));
    object.extend(formats(extracted));
    object
}

/// Returns the page's title, author, dates, description and metadata, and the response's URL and headers.
fn about<'a>(page: &'a PageParts<'_>) -> impl Iterator<Item = (&'static str, Field<'a>)> {
    let extracted = &page.extracted;
    let declared = [
        ("title", extracted.title),
        ("author", extracted.author),
        ("published_at", extracted.published_at),
        ("published_date", extracted.published_at),
        ("description", extracted.description),
    ];
    let declared = declared.into_iter().map(|(name, value)| (name, stored_or_null(value)));
    let headers = page.headers.iter().map(|(name, value)| (name.as_str(), *value));
    declared.chain([
        ("final_url", Field::Text(&page.final_url)),
        ("headers", Field::Named(headers.collect())),
        ("metadata", Field::Named(metadata(extracted))),
    ])
}

fn stored_or_null(value: Option<&RawValue>) -> Field<'_> {
    value.map_or(Field::Value(Value::Null), Field::Stored)
}

/// Adds the artifacts, each with its URL relative to the service.
fn artifacts(job: JobId, files: &[Artifact], put: &mut impl FnMut(&'static str, Value)) {
    let url = |name: &str| format!("/api/v1/jobs/{job}/artifacts/{name}");
    for (field, name) in [("screenshot_url", SCREENSHOT), ("pdf_url", PRINT)] {
        let exists = files.iter().any(|it| it.name == name);
        put(field, json!(exists.then(|| url(name))));
    }
    let list = files.iter().map(|it| {
        json!({
            "name": it.name, "media_type": it.media_type, "size_bytes": it.size_bytes,
            "url": url(&it.name),
        })
    });
    put("artifacts", list.collect());
}

/// Adds the extractor of the requested fields: rungs itself, or a language model with its usage.
fn extraction(extracted: &ExtractedParts<'_>, put: &mut impl FnMut(&'static str, Value)) {
    let Some(model) = &extracted.prompted else {
        return put("extraction_method", json!("algorithmic"));
    };
    put("extraction_method", json!(format!("llm:{}", model.model)));
    put("model_used", json!(model.model));
    put(
        "extraction_metadata",
        json!({
            "mode": "byok", "provider": model.provider, "model": model.model,
            "input_tokens": model.input_tokens, "output_tokens": model.output_tokens,
            "cost_microcents": model.cost_microcents, "latency_ms": millis(model.latency),
        }),
    );
}

/// Serializes the text of one image, each word with its position and confidence.
fn image_text(image: &ImageText) -> Value {
    let words = image
        .read
        .words
        .iter()
        .map(|it| json!({ "text": it.text, "bbox": it.bbox, "confidence": it.confidence }));
    json!({
        "image_url": image.url, "text": image.read.text, "words": words.collect::<Vec<_>>(),
    })
}

fn redirect(redirect: &Redirect) -> Value {
    json!({ "url": redirect.url, "status_code": redirect.status_code })
}

fn action_result(action: &ActionResult) -> Value {
    json!({ "type": action.kind, "success": action.success, "result": action.result })
}

/// Returns the page's own metadata, with the detected language.
fn metadata<'a>(extracted: &'a ExtractedParts<'_>) -> BTreeMap<&'a str, &'a RawValue> {
    let named = extracted.metadata.iter().map(|(name, value)| (name.as_str(), *value));
    let mut metadata: BTreeMap<_, _> = named.collect();
    if let Some(language) = extracted.language {
        metadata.entry("language").or_insert(language);
    }
    metadata
}

/// Returns the formats, those of [`TOP_LEVEL`] also at the top, and the fields.
fn formats<'a>(
    extracted: &'a ExtractedParts<'_>,
) -> impl Iterator<Item = (&'static str, Field<'a>)> {
    let top = TOP_LEVEL.into_iter();
    let top = top.map(|(format, name)| (name, extracted.content.get(&format).copied()));
    let fields = [
        ("raw_html", extracted.raw_html),
        ("filtered_content", extracted.filtered_content),
        ("profile", extracted.profile),
        ("evidence", extracted.evidence),
        ("content_parts", extracted.content_parts),
    ];
    let stored = top.chain(fields);
    let stored = stored.filter_map(|(name, value)| Some((name, Field::Stored(value?))));
    let answer = extracted.prompted.as_ref().map(|it| Field::Value(it.value.clone()));
    let result = answer.or_else(|| extracted.filtered_content.map(Field::Stored));
    let result = result.map(|it| ("extraction_result", it));
    let text = extracted.text.map_or(Field::Text(""), Field::Stored);
    stored.chain(result).chain([("content", Field::Formats(&extracted.content)), ("text", text)])
}

/// The formats that the samples of the batch guide read at the top level, and their names there.
const TOP_LEVEL: [(Format, &str); 4] = [
    (Format::Html, "html"),
    (Format::Json, "json"),
    (Format::Markdown, "markdown"),
    (Format::Markdown, "markdown_content"),
];

/// Adds the state of the response cache: a hit or not, the time of the entry, and its expiry.
fn cache_fields(job: &Job, page: &PageParts<'_>, put: &mut impl FnMut(&'static str, Value)) {
    let hit = matches!(job.outcome, Some(Outcome::Succeeded { cached: true, .. }));
    put("cached", json!(hit));
    put("cached_at", if hit { json!(page.fetched_at.to_string()) } else { Value::Null });
    put("expires_at", json!(page.cached_until.map(|it| it.to_string())));
}

/// Serializes an object to a string, for which `size` bytes are reserved.
pub(super) fn to_json(object: &Object<'_>, size: usize) -> String {
    let mut json = Vec::with_capacity(size);
    serde_json::to_writer(&mut json, object).expect("the keys of every object are strings");
    String::from_utf8(json).expect("JSON is UTF-8")
}

/// Estimates the JSON size of a result in bytes: a format appears up to three times, so a stored page counts twice.
pub(super) fn size_of(result: StoredResult<'_>) -> usize {
    const WITHOUT_PAGE: usize = 2_048;
    WITHOUT_PAGE + result.and_then(Result::ok).map_or(0, |it| it.size_bytes() * 2)
}

/// Adds the labels of the page's content and of its site.
fn labels(page: &PageParts<'_>, put: &mut impl FnMut(&'static str, Value)) {
    put("time_budget_expired", json!(page.time_budget_expired));
    if let Some(truncation) = &page.content_truncated {
        let truncated = json!({
            "truncated": true, "truncated_at_bytes": truncation.kept_bytes,
            "original_size_bytes": truncation.original_bytes, "truncation_reason": "response_body_cap",
        });
        put("content_truncated", truncated);
    }
    if let Some(quality) = &page.quality_warning {
        put("quality_warning", json!(quality));
    }
    if let Some(difficulty) = &page.domain_difficulty {
        put("domain_difficulty", json!(difficulty));
        put("domain_warning", json!(difficulty.warning()));
    }
    if let Some(cap) = &page.tier_cap_warning {
        // Numbers, as the official client reads them; the obstacle is one of the two controls.
        let mut warning = json!({ "domain_min_tier": tier_number(cap.domain_min_tier) });
        let given = [("your_max_tier", cap.max_tier), ("your_force_tier", cap.force_tier)];
        for (name, tier) in given.into_iter().filter_map(|(name, tier)| Some((name, tier?))) {
            warning[name] = tier_number(tier);
        }
        put("tier_cap_warning", warning);
    }
}

/// Returns a tier as a JSON number, such as 4 or 3.5.
fn tier_number(tier: Tier) -> Value {
    serde_json::from_str(tier.number()).expect("the number of a tier is one in JSON, too")
}

/// Serializes a job that has ended as one line of a results file, without the line feed. `files` are the files that the
/// formats of the page were written to, if there are any.
pub fn result_line(job: &Job, result: StoredResult<'_>, files: Option<&[PathBuf]>) -> String {
    let mut line = Object::new();
    line.insert("job_id", json!(job.id.to_string()).into());
    line.insert("batch_id", json!(job.batch.to_string()).into());
    line.insert("url", Field::Text(job.request.page().as_str()));
    line.insert("status", Field::Text(job.state.as_str()));
    match result {
        Some(Err(error)) => {
            line.insert("error", Field::Text(error.code.as_str()));
            line.insert("error_message", Field::Text(&error.message));
            line.insert("escalations", json!(escalations(job)).into());
        }
        Some(Ok(page)) => {
            line.insert("result", Field::Object(scrape_fields(job, page)));
        }
        None => {
            line.insert("result", Value::Null.into());
        }
    }
    if let Some(files) = files {
        line.insert("files", json!(files).into());
    }
    to_json(&line, size_of(result))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::fixtures::job;

    /// A page whose values need every kind of escape.
    fn page() -> Page {
        let headers = vec![("b".to_owned(), "2\t".to_owned()), ("a".to_owned(), "1".to_owned())];
        let mut page = Page { status_code: 200, headers, ..Page::default() };
        let text = "A \"quoted\" line\nand \\ \u{1} \u{2028} é 🦀 </script>";
        let extracted = &mut page.extracted;
        extracted.text = text.to_owned();
        extracted.content.insert(Format::Markdown, text.into());
        extracted
            .content
            .insert(Format::Json, json!({ "z": 1.5e300, "a": [null, -0.0, u64::MAX] }));
        extracted.title = Some("A \"title\"".to_owned());
        extracted.language = Some("en".to_owned());
        extracted.metadata.insert("og\"name".to_owned(), json!({ "b": 1, "a": "x\n" }));
        extracted.warnings = vec!["one".to_owned(), "two".to_owned()];
        page
    }

    fn sent(page: &Page) -> Value {
        let line = result_line_of(page);
        serde_json::from_str(&line).expect("JSON")
    }

    fn result_line_of(page: &Page) -> String {
        let stored = serde_json::to_vec(page).expect("plain data");
        let stored = StoredPage::parse(&stored).expect("a page");
        assert_eq!(stored.decode().expect("a page"), *page);
        result_line(&job(), Some(Ok(&stored)), None)
    }

    #[test]
    fn a_stored_page_is_sent_with_the_values_that_it_has() {
        let page = page();

        let result = &sent(&page)["result"];

        for name in ["text", "markdown", "markdown_content"] {
            assert_eq!(result[name], page.extracted.text, "{name}");
        }
        assert_eq!(result["content"]["json"], page.extracted.content[&Format::Json]);
        assert_eq!(result["json"], page.extracted.content[&Format::Json]);
        assert_eq!(result["title"], "A \"title\"");
        assert_eq!(result["headers"], json!({ "a": "1", "b": "2\t" }));
        assert_eq!(result["warning"], "one; two");
        assert_eq!(
            result["metadata"],
            json!({ "language": "en", "og\"name": { "a": "x\n", "b": 1 } })
        );
        for name in ["author", "published_at", "published_date", "description"] {
            assert_eq!(result[name], Value::Null, "{name}");
        }
        for name in ["html", "filtered_content", "content_parts", "raw_html", "evidence"] {
            assert!(result.get(name).is_none(), "{name}");
        }
    }

    #[test]
    fn a_sent_page_is_the_json_that_its_values_serialize_to() {
        let line = result_line_of(&page());

        // The values are copied as they are stored, in the order and with the escapes of any other response.
        let again = serde_json::from_str::<Value>(&line).expect("JSON").to_string();
        assert_eq!(line, again);
    }

    #[test]
    fn a_page_without_some_fields_stays_readable() {
        let old = br#"{"status_code":200,"extracted":{"title":null,"content":{}}}"#;
        let page = StoredPage::parse(old).expect("a page");

        let line = result_line(&job(), Some(Ok(&page)), None);

        let result = &serde_json::from_str::<Value>(&line).expect("JSON")["result"];
        assert_eq!(result["text"], "");
        assert_eq!(result["metadata"], json!({}));
        assert_eq!(result["title"], Value::Null);
    }
}
