//! The result of a page: the scrape object of CONTRACT 6.1.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::core::credits::Credits;
use crate::core::id::JobId;
use crate::core::job::{Attempt, Finding, Job, Outcome};
use crate::core::request::Format;
use crate::core::tier::Tier;
use crate::core::time::millis;
use crate::core::verdict::Verdict;
use crate::engine::{Artifact, JobSnapshot, PRINT, Page, SCREENSHOT};
use crate::ports::extract::Extracted;
use crate::ports::fetch::{ActionResult, ImageText, Redirect};

/// An object whose large values are borrowed from a page, so that it is serialized without copies of them.
pub(crate) type Object<'a> = BTreeMap<&'static str, Field<'a>>;

/// A value of an [`Object`].
pub(crate) enum Field<'a> {
    Value(Value),
    Borrowed(&'a Value),
    Text(&'a str),
    Formats(&'a BTreeMap<Format, Value>),
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
            Self::Borrowed(value) => value.serialize(serializer),
            Self::Text(text) => text.serialize(serializer),
            Self::Formats(formats) => {
                serializer.collect_map(formats.iter().map(|(format, it)| (format.as_str(), it)))
            }
            Self::Object(object) => object.serialize(serializer),
        }
    }
}

/// Serializes the page of a job that succeeded.
pub fn scrape_object(job: &Job, page: &Page) -> Value {
    json!(scrape_fields(job, page))
}

/// Returns the fields of [`scrape_object`].
pub(super) fn scrape_fields<'a>(job: &Job, page: &'a Page) -> Object<'a> {
    let extracted = &page.extracted;
    let billing = billing(job);
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
    put("title", json!(extracted.title));
    put("author", json!(extracted.author));
    put("published_at", json!(extracted.published_at));
    put("published_date", json!(extracted.published_at));
    put("description", json!(extracted.description));
    put("metadata", metadata(extracted));
    put("headers", page.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect());
    put("response_time_ms", json!(page.response_time_ms));
    put("size_bytes", json!(page.size_bytes));
    put("final_url", json!(page.final_url));
    put("redirected", json!(!page.redirects.is_empty()));
    put("redirect_chain", page.redirects.iter().map(redirect).collect());
    put("proxy_used", json!(page.proxied));
    extraction(extracted, &mut put);
    cache_fields(job, page, &mut put);
    if !extracted.warnings.is_empty() {
        put("warning", json!(extracted.warnings.join("; ")));
    }
    if !extracted.ocr_results.is_empty() {
        put("ocr_results", extracted.ocr_results.iter().map(image_text).collect());
    }
    if !extracted.content_parts.is_empty() {
        put("content_parts", json!(extracted.content_parts));
    }
    if !page.actions.is_empty() {
        put("action_results", page.actions.iter().map(action_result).collect());
    }
    artifacts(job.id, &page.artifacts, &mut put);
    object.insert("content", Field::Formats(&extracted.content));
    object.insert("text", Field::Text(&extracted.text));
    object.extend(top_level_formats(extracted));
    object
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
fn extraction(extracted: &Extracted, put: &mut impl FnMut(&'static str, Value)) {
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

/// Serializes the page's own metadata, with the detected language.
fn metadata(extracted: &Extracted) -> Value {
    let mut metadata: Map<String, Value> =
        extracted.metadata.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    if let Some(language) = &extracted.language {
        metadata.entry("language").or_insert_with(|| json!(language));
    }
    Value::Object(metadata)
}

/// Returns the formats under the names at the top level where the samples of the batch guide read them, and the fields.
fn top_level_formats(extracted: &Extracted) -> impl Iterator<Item = (&'static str, Field<'_>)> {
    let names = [
        (Format::Html, "html"),
        (Format::Json, "json"),
        (Format::Markdown, "markdown"),
        (Format::Markdown, "markdown_content"),
    ];
    let formats = names.map(|(format, name)| (name, extracted.content.get(&format)));
    let answer = extracted.prompted.as_ref().map(|it| &it.value);
    let fields = [
        ("filtered_content", extracted.filtered_content.as_ref()),
        ("extraction_result", answer.or(extracted.filtered_content.as_ref())),
        ("profile", extracted.profile.as_ref()),
        ("evidence", extracted.evidence.as_ref()),
    ];
    let values = formats.into_iter().chain(fields);
    let values = values.filter_map(|(name, value)| Some((name, Field::Borrowed(value?))));
    values.chain(extracted.raw_html.as_ref().map(|it| ("raw_html", Field::Text(it))))
}

/// Adds the state of the response cache: a hit or not, the time of the entry, and its expiry.
fn cache_fields(job: &Job, page: &Page, put: &mut impl FnMut(&'static str, Value)) {
    let hit = matches!(job.outcome, Some(Outcome::Succeeded { cached: true, .. }));
    put("cached", json!(hit));
    put("cached_at", if hit { json!(page.fetched_at.to_string()) } else { Value::Null });
    put("expires_at", json!(page.cached_until.map(|it| it.to_string())));
}

/// Serializes an object to a string.
pub(super) fn to_json(object: &Object<'_>) -> String {
    serde_json::to_string(object).expect("the keys of every object are strings")
}

/// Serializes a job that has ended as one line of a results file, without the line feed. `files` are the files that the
/// formats of the page were written to, if there are any.
pub fn result_line(report: &JobSnapshot, files: Option<&[PathBuf]>) -> String {
    let job = report.job();
    let mut line = Object::new();
    line.insert("job_id", json!(job.id.to_string()).into());
    line.insert("batch_id", json!(job.batch.to_string()).into());
    line.insert("url", Field::Text(job.request.page().as_str()));
    line.insert("status", Field::Text(job.state.as_str()));
    match report.result() {
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
    to_json(&line)
}

/// Reads the job's id from a line of a results file.
pub fn result_line_job(line: &Value) -> Option<&str> {
    line["job_id"].as_str()
}

/// Serializes the job's price and its attempts.
pub(crate) fn billing(job: &Job) -> Value {
    let charged = job.charged();
    let tier = job.tier();
    let escalations = escalations(job);
    let own = job.request.advanced().use_own_proxy;
    json!({
        "total_credits": charged,
        "tier_used": tier.map(Tier::number),
        "tier_name": tier.map(Tier::name),
        "cost_microcents": charged,
        "escalations": escalations,
        "savings": job.hold.saturating_sub(charged),
        "byop_applied": own && tier.is_some(),
        "final_cost_microcents": charged,
    })
}

/// Serializes a job's attempts, each with its verdict and its charge.
pub(super) fn escalations(job: &Job) -> Vec<Value> {
    let charged = job.charged();
    let tier = job.tier();
    let last = job.trail.len().saturating_sub(1);
    let attempts = job.trail.iter().enumerate();
    attempts
        .map(|(at, attempt)| {
            let worked = at == last && tier == Some(attempt.tier);
            escalation(attempt, worked, charged)
        })
        .collect()
}

fn escalation(attempt: &Attempt, worked: bool, charged: Credits) -> Value {
    let mut body = evidence(attempt);
    body["result"] = json!(if worked { "success" } else { "failed" });
    body["credits"] = json!(if worked { charged } else { Credits::ZERO });
    body
}

/// Serializes an attempt's verdict and the signal that led to it.
pub(super) fn evidence(attempt: &Attempt) -> Value {
    let (verdict, error) = match &attempt.finding {
        Finding::Transport { code, .. } => ("no_response", Some(code.as_str())),
        Finding::Judged(verdict) => match verdict {
            Verdict::Usable => ("usable", None),
            Verdict::Other(_) => ("other_document", None),
            Verdict::Blocked { .. } => ("blocked", Some("BLOCKED_BY_ANTIBOT")),
            Verdict::NeedsRendering => ("needs_rendering", None),
            Verdict::Thin => ("thin", None),
            Verdict::Transient { .. } => ("transient", None),
            Verdict::Permanent(code) => ("permanent", Some(code.as_str())),
        },
    };
    json!({
        "tier": attempt.tier.number(),
        "name": attempt.tier.name(),
        "duration_ms": millis(attempt.duration),
        "error": error,
        "verdict": verdict,
        "signal": attempt.signal,
        "status_code": attempt.status,
        "started_at": attempt.started_at.to_string(),
    })
}
