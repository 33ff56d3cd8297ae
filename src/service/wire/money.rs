//! What things would cost, and what was spent.

use serde_json::{Value, json};

use crate::core::tier::Tier;
use crate::engine::Estimate;

/// What a page would cost: the union of what its readers look for (CONTRACT 1.6).
pub fn estimate(url: &str, estimate: &Estimate) -> Value {
    let tier = estimate.tier;
    let reasoning = match tier {
        Some(tier) if estimate.credits == estimate.most => {
            format!("tier {tier} ({}) is the only one that these options let it use", tier.name())
        }
        Some(tier) => format!(
            "it starts on tier {tier} ({}) and climbs only if the page is blocked, empty or needs rendering",
            tier.name()
        ),
        None => "nothing here can get such a page; see `rungs doctor`".to_owned(),
    };
    // One tier is certain; several are a guess until the page was seen.
    let confidence = match tier {
        Some(_) if estimate.credits == estimate.most => "high",
        Some(_) => "medium",
        None => "low",
    };
    json!({
        "url": url,
        "estimated_tier": tier.map(Tier::number).unwrap_or_default(),
        "estimated_credits": estimate.credits,
        "confidence": confidence,
        "max_possible_credits": estimate.most,
        "reasoning": reasoning,
        "tier_name": tier.map(Tier::name).unwrap_or_default(),
        "estimated_cost_dollars": estimate.credits.dollars(),
        "min_cost_dollars": estimate.credits.dollars(),
        "max_cost_dollars": estimate.most.dollars(),
        "reason": reasoning,
    })
}
