//! Tiers that a ladder passed over, and the reason for each.

use serde::{Deserialize, Serialize};

use crate::core::tier::Tier;

/// A tier that the ladder did not try, although it lies between two tiers that it tried, below the first one, or above
/// the last one of a job that no tier satisfied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SkippedTier {
    /// The tier.
    pub tier: Tier,
    /// The reason.
    pub reason: SkipReason,
}

impl SkippedTier {
    /// Returns a tier with the reason for which it was not tried.
    pub const fn new(tier: Tier, reason: SkipReason) -> Self {
        Self { tier, reason }
    }
}

/// The reason for which a tier was not tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SkipReason {
    /// The item's mode excludes the tier.
    Mode,
    /// The tier is above `max_tier`.
    MaxTier,
    /// `force_tier` names another tier.
    ForceTier,
    /// `fail_fast` excludes the browser.
    FailFast,
    /// The tier costs more than `max_credits`.
    MaxCredits,
    /// No fetcher serves the tier, such as tier 3 without proxies.
    NoFetcher,
    /// The rest of `time_budget` is too short for the tier.
    TimeBudget,
    /// The job's `timeout` ended first.
    Timeout,
    /// The site asks for a wait (`Retry-After`) that the job's time does not cover. No other tier is used to dodge it.
    SiteWait,
    /// The tier has lately failed on such pages of the site.
    Learned,
    /// `prefer_speed` starts above the tier.
    PreferSpeed,
    /// The last response shows that the tier would not bring more.
    Unhelpful,
}

impl SkipReason {
    /// All reasons.
    pub const ALL: [Self; 12] = [
        Self::Mode,
        Self::MaxTier,
        Self::ForceTier,
        Self::FailFast,
        Self::MaxCredits,
        Self::NoFetcher,
        Self::TimeBudget,
        Self::Timeout,
        Self::SiteWait,
        Self::Learned,
        Self::PreferSpeed,
        Self::Unhelpful,
    ];

    /// Returns the reason as the REST API spells it, such as `max_tier`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mode => "mode",
            Self::MaxTier => "max_tier",
            Self::ForceTier => "force_tier",
            Self::FailFast => "fail_fast",
            Self::MaxCredits => "max_credits",
            Self::NoFetcher => "no_fetcher",
            Self::TimeBudget => "time_budget",
            Self::Timeout => "timeout",
            Self::SiteWait => "site_wait",
            Self::Learned => "learned",
            Self::PreferSpeed => "prefer_speed",
            Self::Unhelpful => "unhelpful",
        }
    }

    /// Returns the reason as a sentence for people.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Mode => "the mode excludes this tier",
            Self::MaxTier => "above `max_tier`",
            Self::ForceTier => "`force_tier` names another tier",
            Self::FailFast => "`fail_fast` excludes the browser",
            Self::MaxCredits => "costs more than `max_credits`",
            Self::NoFetcher => "no fetcher serves this tier",
            Self::TimeBudget => "the rest of `time_budget` was too short for this tier",
            Self::Timeout => "the `timeout` ended first",
            Self::SiteWait => "the site asked for a wait that the job's time does not cover",
            Self::Learned => "lately failed on such pages of this site",
            Self::PreferSpeed => "`prefer_speed` starts above this tier",
            Self::Unhelpful => "the last response showed that this tier would not bring more",
        }
    }
}

display_as_str!(SkipReason);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_stored_as_the_api_spells_it() {
        for reason in SkipReason::ALL {
            let stored = serde_json::to_value(reason).expect("plain data");

            assert_eq!(stored, reason.as_str());
        }
    }
}
