//! A job's result as the wire shows it (CONTRACT: the scrape object of 6.1).

use serde_json::{Map, Value, json};

use crate::core::credits::Credits;
use crate::core::id::JobId;
use crate::core::job::{Attempt, Finding, Job, Outcome};
use crate::core::request::Format;
use crate::core::tier::Tier;
use crate::core::time::millis;
use crate::core::verdict::Verdict;
use crate::engine::{Artifact, JobReport, PRINT, Page, SCREENSHOT};
use crate::ports::extract::Extracted;
use crate::ports::fetch::ImageText;

/// The scrape object of a job that succeeded, `None` for any other.
pub fn scrape_object(report: &JobReport) -> Option<Value> {
    let Some(Ok(page)) = report.outcome() else { return None };
    let made = &page.extracted;
    let billing = billing(report);
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| {
        object.insert(name.to_owned(), value);
    };
    put("job_id", json!(report.id().to_string()));
    put("url", json!(report.url()));
    put("status_code", json!(page.status_code));
    put("content", content(made));
    put("credits_used", billing["total_credits"].clone());
    put("tier_used", billing["tier_used"].clone());
    put("billing", billing);
    put("title", json!(made.title));
    put("author", json!(made.author));
    put("published_at", json!(made.published_at));
    put("published_date", json!(made.published_at));
    put("description", json!(made.description));
    put("metadata", metadata(made));
    put("headers", page.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect());
    put("response_time_ms", json!(page.response_time_ms));
    put("size_bytes", json!(page.size_bytes));
    put("final_url", json!(page.final_url));
    put("redirected", json!(!page.redirects.is_empty()));
    put("redirect_chain", json!(page.redirects));
    put("proxy_used", json!(page.proxied));
    extraction(made, &mut put);
    put("text", json!(made.text));
    flatten(made, &mut put);
    cached(report, page, &mut put);
    if !made.warnings.is_empty() {
        put("warning", json!(made.warnings.join("; ")));
    }
    if !made.ocr_results.is_empty() {
        put("ocr_results", made.ocr_results.iter().map(on_image).collect());
    }
    if !page.actions.is_empty() {
        put("action_results", json!(page.actions));
    }
    files(report.id(), &page.artifacts, &mut put);
    Some(Value::Object(object))
}

/// Files beside the result, each with where it is served, from the address of the service on.
fn files(job: JobId, artifacts: &[Artifact], put: &mut impl FnMut(&str, Value)) {
    let at = |name: &str| format!("/api/v1/jobs/{job}/artifacts/{name}");
    for (field, name) in [("screenshot_url", SCREENSHOT), ("pdf_url", PRINT)] {
        let there = artifacts.iter().any(|it| it.name == name);
        put(field, json!(there.then(|| at(name))));
    }
    let list = artifacts.iter().map(|it| {
        json!({
            "name": it.name, "media_type": it.media_type, "size_bytes": it.size_bytes,
            "url": at(&it.name),
        })
    });
    put("artifacts", list.collect());
}

fn content(made: &Extracted) -> Value {
    made.content.iter().map(|(format, value)| (format.as_str().to_owned(), value.clone())).collect()
}

/// Who made the fields that were asked for, and what a model's answer took.
fn extraction(made: &Extracted, put: &mut impl FnMut(&str, Value)) {
    let Some(answer) = &made.prompted else {
        return put("extraction_method", json!("algorithmic"));
    };
    put("extraction_method", json!(format!("llm:{}", answer.model)));
    put("model_used", json!(answer.model));
    put(
        "extraction_metadata",
        json!({
            "mode": "byok", "provider": answer.provider, "model": answer.model,
            "input_tokens": answer.input_tokens, "output_tokens": answer.output_tokens,
            "cost_microcents": answer.cost_microcents, "latency_ms": millis(answer.latency),
        }),
    );
}

/// What stands on one image, each word with its place and how sure the reader is of it.
fn on_image(image: &ImageText) -> Value {
    json!({ "image_url": image.url, "text": image.read.text, "words": image.read.words })
}

/// What the page says of itself, with the language where it was found.
fn metadata(made: &Extracted) -> Value {
    let mut metadata: Map<String, Value> =
        made.metadata.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    if let Some(language) = &made.language {
        metadata.entry("language").or_insert_with(|| json!(language));
    }
    Value::Object(metadata)
}

/// Copies of the formats at the top level, where the guide's samples read them.
fn flatten(made: &Extracted, put: &mut impl FnMut(&str, Value)) {
    let names = [
        (Format::Html, "html"),
        (Format::Json, "json"),
        (Format::Markdown, "markdown"),
        (Format::Markdown, "markdown_content"),
    ];
    for (format, name) in names {
        if let Some(value) = made.content.get(&format) {
            put(name, value.clone());
        }
    }
    if let Some(raw) = &made.raw_html {
        put("raw_html", json!(raw));
    }
    if let Some(filtered) = &made.filtered_content {
        put("filtered_content", filtered.clone());
        put("extraction_result", filtered.clone());
    }
    if let Some(prompted) = &made.prompted {
        put("extraction_result", prompted.value.clone());
    }
    if let Some(evidence) = &made.evidence {
        put("evidence", evidence.clone());
    }
}

fn cached(report: &JobReport, page: &Page, put: &mut impl FnMut(&str, Value)) {
    let hit = matches!(report.job().outcome, Some(Outcome::Succeeded { cached: true, .. }));
    put("cached", json!(hit));
    put("cached_at", if hit { json!(page.fetched_at.to_string()) } else { Value::Null });
    put("expires_at", json!(page.cached_until.map(|it| it.to_string())));
}

/// What the job cost and how its tier was found.
pub fn billing(report: &JobReport) -> Value {
    let (charged, tier) = (report.charged(), report.tier());
    let escalations = escalations(report.job());
    let own = report.job().request.advanced.use_own_proxy;
    json!({
        "total_credits": charged,
        "tier_used": tier.map(Tier::number),
        "tier_name": tier.map(Tier::name),
        "cost_microcents": charged,
        "escalations": escalations,
        "savings": report.job().hold.saturating_sub(charged),
        "byop_applied": own && tier.is_some(),
        "final_cost_microcents": charged,
    })
}

/// A job's way up the ladder: each attempt with what it found, and which of them was charged.
pub(super) fn escalations(job: &Job) -> Vec<Value> {
    let (charged, tier) = (job.charged(), job.tier());
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

/// What an attempt found, and from what.
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
