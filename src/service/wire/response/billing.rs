//! The price of a job: its attempts, the tiers that it skipped, and its discount.

use serde_json::{Value, json};

use crate::core::credits::Credits;
use crate::core::job::{Attempt, Finding, Job};
use crate::core::skipped::SkippedTier;
use crate::core::tier::Tier;
use crate::core::time::millis;
use crate::core::verdict::Verdict;
use crate::engine::PageParts;

/// Serializes the job's price and its attempts.
pub(crate) fn billing(job: &Job) -> Value {
    let charged = job.charged();
    let tier = job.tier();
    let own = job.request.advanced().use_own_proxy;
    json!({
        "total_credits": charged,
        "tier_used": tier.map(Tier::number),
        "tier_name": tier.map(Tier::name),
        "cost_microcents": charged,
        "escalations": escalations(job),
        "savings": job.hold.saturating_sub(charged),
        "byop_applied": own && charged > Credits::ZERO,
        "byop_discount_percent": null,
        "original_cost_microcents": null,
        "byos_applied": false,
        "byos_session_name": null,
        "final_cost_microcents": charged,
    })
}

/// Serializes the price of a page, with the facts that only its result has: its discount and its session.
pub(super) fn page_billing(job: &Job, page: &PageParts<'_>) -> Value {
    let mut billing = billing(job);
    billing["byos_applied"] = json!(page.session.is_some());
    billing["byos_session_name"] = json!(page.session);
    if let Some(discount) = page.own_proxy_discount {
        billing["byop_discount_percent"] = json!(discount.percent());
        billing["original_cost_microcents"] = json!(discount.original);
    }
    billing
}

/// Serializes a job's attempts, each with its verdict and its charge, and the tiers that it skipped at their places.
pub(super) fn escalations(job: &Job) -> Vec<Value> {
    let charged = job.charged();
    let accepted = job.accepted();
    let mut list = Vec::with_capacity(job.trail.len());
    for attempt in &job.trail {
        let worked = accepted.is_some_and(|it| std::ptr::eq(it, attempt));
        let all = attempt.skipped.iter().copied();
        let (below, above): (Vec<_>, Vec<_>) = all.partition(|it| it.tier < attempt.tier);
        list.extend(below.into_iter().map(skipped));
        list.push(escalation(attempt, worked, charged));
        list.extend(above.into_iter().map(skipped));
    }
    list
}

fn escalation(attempt: &Attempt, worked: bool, charged: Credits) -> Value {
    let mut body = evidence(attempt);
    body["result"] = json!(if worked { "success" } else { "failed" });
    body["credits"] = json!(if worked { charged } else { Credits::ZERO });
    body["reason"] = Value::Null;
    body
}

/// Serializes a tier that was not tried, with the fields of an attempt.
fn skipped(skipped: SkippedTier) -> Value {
    json!({
        "tier": skipped.tier.number(),
        "name": skipped.tier.name(),
        "result": "skipped",
        "credits": 0,
        "duration_ms": null,
        "error": null,
        "verdict": "skipped",
        "signal": skipped.reason.sentence(),
        "status_code": null,
        "started_at": null,
        "reason": skipped.reason.as_str(),
    })
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
