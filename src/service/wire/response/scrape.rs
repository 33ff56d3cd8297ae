//! The result of a page: the scrape object of CONTRACT 6.1.

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

/// Serializes the page of a job that succeeded.
pub fn scrape_object(job: &Job, page: &Page) -> Value {
    let extracted = &page.extracted;
    let billing = billing(job);
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| {
        object.insert(name.to_owned(), value);
    };
    put("job_id", json!(job.id.to_string()));
    put("url", json!(job.request.page().as_str()));
    put("status_code", json!(page.status_code));
    put("content", content(extracted));
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
    put("text", json!(extracted.text));
    top_level_formats(extracted, &mut put);
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
    Value::Object(object)
}

/// Adds the artifacts, each with its URL relative to the service.
fn artifacts(job: JobId, files: &[Artifact], put: &mut impl FnMut(&str, Value)) {
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

fn content(extracted: &Extracted) -> Value {
    extracted
        .content
        .iter()
        .map(|(format, value)| (format.as_str().to_owned(), value.clone()))
        .collect()
}

/// Adds the extractor of the requested fields: rungs itself, or a language model with its usage.
fn extraction(extracted: &Extracted, put: &mut impl FnMut(&str, Value)) {
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

/// Adds copies of the formats at the top level, where the samples of the batch guide read them.
fn top_level_formats(extracted: &Extracted, put: &mut impl FnMut(&str, Value)) {
    let names = [
        (Format::Html, "html"),
        (Format::Json, "json"),
        (Format::Markdown, "markdown"),
        (Format::Markdown, "markdown_content"),
    ];
    for (format, name) in names {
        if let Some(value) = extracted.content.get(&format) {
            put(name, value.clone());
        }
    }
    if let Some(raw) = &extracted.raw_html {
        put("raw_html", json!(raw));
    }
    if let Some(filtered) = &extracted.filtered_content {
        put("filtered_content", filtered.clone());
        put("extraction_result", filtered.clone());
    }
    if let Some(profile) = &extracted.profile {
        put("profile", profile.clone());
    }
    if let Some(prompted) = &extracted.prompted {
        put("extraction_result", prompted.value.clone());
    }
    if let Some(evidence) = &extracted.evidence {
        put("evidence", evidence.clone());
    }
}

/// Adds the state of the response cache: a hit or not, the time of the entry, and its expiry.
fn cache_fields(job: &Job, page: &Page, put: &mut impl FnMut(&str, Value)) {
    let hit = matches!(job.outcome, Some(Outcome::Succeeded { cached: true, .. }));
    put("cached", json!(hit));
    put("cached_at", if hit { json!(page.fetched_at.to_string()) } else { Value::Null });
    put("expires_at", json!(page.cached_until.map(|it| it.to_string())));
}

/// Serializes a job that has ended as one line of a results file.
pub fn result_line(report: &JobSnapshot) -> Value {
    let job = report.job();
    let mut line = json!({
        "job_id": job.id.to_string(),
        "batch_id": job.batch.to_string(),
        "url": job.request.page().as_str(),
        "status": job.state.as_str(),
    });
    match report.result() {
        Some(Err(error)) => {
            line["error"] = json!(error.code.as_str());
            line["error_message"] = json!(error.message);
            line["escalations"] = json!(escalations(job));
        }
        Some(Ok(page)) => line["result"] = scrape_object(job, page),
        None => line["result"] = Value::Null,
    }
    line
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
