//! Estimates.

use serde_json::{Value, json};

use crate::core::credits::Credits;
use crate::core::tier::Tier;
use crate::engine::Estimate;

/// Serializes the estimate of a batch: the totals, and each page with its URL.
pub(crate) fn batch_estimate(estimates: &[(String, Estimate)]) -> Value {
    let sum = |of: fn(&Estimate) -> Credits| {
        let all = estimates.iter().map(|(_, it)| of(it));
        all.fold(Credits::ZERO, Credits::saturating_add)
    };
    let (likely, most) = (sum(|it| it.credits), sum(|it| it.hold));
    json!({
        "total_urls": estimates.len(),
        "estimated_credits": likely,
        "max_possible_credits": most,
        "estimated_cost_dollars": likely.dollars(),
        "max_cost_dollars": most.dollars(),
        "items": estimates.iter().map(|(url, it)| estimate(url, it)).collect::<Vec<_>>(),
    })
}

/// Serializes the estimate of a page, with every field that a client reads (CONTRACT 1.6).
pub(crate) fn estimate(url: &str, estimate: &Estimate) -> Value {
    let tier = estimate.tier;
    let reasoning = match tier {
        Some(tier) if estimate.credits == estimate.hold => {
            format!("tier {tier} ({}) is the only tier that these options allow", tier.name())
        }
        Some(tier) if estimate.learned => format!(
            "starts on tier {tier} ({}), because cheaper tiers have failed on such pages of this site",
            tier.name()
        ),
        Some(tier) => format!(
            "starts on tier {tier} ({}) and escalates only if the page is blocked, empty or needs rendering",
            tier.name()
        ),
        None => "no fetcher that is configured can fetch this page: see `rungs doctor`".to_owned(),
    };
    // With one tier the price is certain. With several it depends on the page.
    let confidence = match tier {
        Some(_) if estimate.credits == estimate.hold => "high",
        Some(_) => "medium",
        None => "low",
    };
    json!({
        "url": url,
        "estimated_tier": tier.map(Tier::number).unwrap_or_default(),
        "estimated_credits": estimate.credits,
        "confidence": confidence,
        "max_possible_credits": estimate.hold,
        "reasoning": reasoning,
        "tier_name": tier.map(Tier::name).unwrap_or_default(),
        "estimated_cost_dollars": estimate.credits.dollars(),
        "min_cost_dollars": estimate.credits.dollars(),
        "max_cost_dollars": estimate.hold.dollars(),
        "reason": reasoning,
    })
}
