//! Extractions from supplied documents, and their usage.

use serde_json::{Map, Value, json};

use crate::core::credits::Credits;
use crate::core::extraction::{ExtractionRecord, ExtractionState, ModelUse};
use crate::core::request::Format;
use crate::core::time::millis;
use crate::engine::ExtractionReport;
use crate::ports::extract::Extracted;
use crate::service::wire::warnings::Warnings;

/// The query parameter, and the field, with the largest number of entries of a page.
pub(crate) const PAGE_SIZE: &str = "page_size";

/// Serializes the result of an extraction.
pub(crate) fn extracted(report: ExtractionReport, warnings: &Warnings) -> Value {
    let cached = report.is_cached();
    let ExtractionReport { record, extracted, .. } = report;
    let model = model_of(&record);
    let answer = extracted.prompted.as_ref().map(|it| it.value.clone());
    let result = answer.clone().or_else(|| extracted.filtered_content.clone());
    let mut body = json!({
        "extract_id": record.id.to_string(),
        "formats": formats(&extracted, answer),
        "credits_used": record.charged(),
        "model_used": model.map(|it| it.model.as_str()),
        "extraction_method": method(model),
        "extraction_profile": record.profile.as_str(),
        "content_size_chars": record.content_chars,
        "cache_hit": cached,
        "extraction_metadata": metadata(model, cached),
        "title": extracted.title,
        "filtered_content": extracted.filtered_content,
        "extraction_result": result,
        "profile": extracted.profile,
        "evidence": extracted.evidence,
        "created_at": record.created_at.to_string(),
    });
    if !extracted.warnings.is_empty() {
        body["warning"] = json!(extracted.warnings.join("; "));
    }
    warnings.add_to(&mut body);
    body
}

/// Returns the formats. The answer of a model is the value of `json`, if that was requested.
fn formats(extracted: &Extracted, answer: Option<Value>) -> Map<String, Value> {
    let mut answer = answer;
    let value = |(format, value): (&Format, &Value)| {
        let value = match format {
            Format::Json => answer.take().unwrap_or_else(|| value.clone()),
            _ => value.clone(),
        };
        (format.as_str().to_owned(), value)
    };
    extracted.content.iter().map(value).collect()
}

fn model_of(record: &ExtractionRecord) -> Option<&ModelUse> {
    match &record.state {
        ExtractionState::Succeeded { model, .. } => model.as_ref(),
        ExtractionState::Running | ExtractionState::Failed => None,
    }
}

fn method(model: Option<&ModelUse>) -> String {
    model.map_or_else(|| "algorithmic".to_owned(), |it| format!("llm:{}", it.model))
}

fn metadata(model: Option<&ModelUse>, cached: bool) -> Value {
    json!({
        "mode": if model.is_some() { "byok" } else { "algorithmic" },
        "provider": model.map(|it| it.provider.as_str()),
        "model": model.map(|it| it.model.as_str()),
        "input_tokens": model.map_or(0, |it| it.input_tokens),
        "output_tokens": model.map_or(0, |it| it.output_tokens),
        "cost_microcents": model.and_then(|it| it.cost_microcents),
        "cached": cached,
        "latency_ms": model.map_or(0, |it| millis(it.latency)),
    })
}

/// Serializes the price of an extraction by its parts: base, prompt, large document.
pub(crate) fn extract_estimate(parts: [Credits; 3]) -> Value {
    let sum: Credits = parts.into_iter().sum();
    let [base, prompt, large] = parts;
    json!({
        "estimated_cost_microcents": sum,
        "estimated_cost_usd": sum.dollars(),
        "estimated_credits": sum,
        "breakdown": { "base": base, "prompt": prompt, "large_content": large },
    })
}

/// Serializes one page of the extractions of an account.
pub(crate) fn extract_usage(
    records: &[ExtractionRecord],
    total: usize,
    page: usize,
    page_size: usize,
) -> Value {
    json!({
        "items": records.iter().map(usage_item).collect::<Vec<_>>(),
        "total": total,
        "page": page,
        PAGE_SIZE: page_size,
        "has_more": page.saturating_mul(page_size) < total,
    })
}

fn usage_item(record: &ExtractionRecord) -> Value {
    let model = model_of(record);
    let (status, cached) = match record.state {
        ExtractionState::Running => ("processing", false),
        ExtractionState::Succeeded { cached, .. } => ("succeeded", cached),
        ExtractionState::Failed => ("failed", false),
    };
    json!({
        "extract_id": record.id.to_string(),
        "status": status,
        "credits_used": record.charged(),
        "cost_microcents": record.charged(),
        "extraction_profile": record.profile.as_str(),
        "extraction_method": method(model),
        "provider": model.map(|it| it.provider.as_str()),
        "model_used": model.map(|it| it.model.as_str()),
        "input_tokens": model.map_or(0, |it| it.input_tokens),
        "output_tokens": model.map_or(0, |it| it.output_tokens),
        "content_size_chars": record.content_chars,
        "cache_hit": cached,
        "created_at": record.created_at.to_string(),
    })
}

/// Serializes the sums of the extractions since `since`, or of all that are stored.
pub(crate) fn extract_usage_summary(records: &[ExtractionRecord], since: Option<&str>) -> Value {
    let sum: Credits = records.iter().map(ExtractionRecord::charged).sum();
    let hits = records.iter().filter(|it| usage_item(it)["cache_hit"] == true).count();
    json!({
        "total_requests": records.len(),
        "total_cost_microcents": sum,
        "cache_hits": hits,
        "usage_since": since,
    })
}
