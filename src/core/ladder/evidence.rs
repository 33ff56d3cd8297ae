//! Evidence of which tiers work for one kind of page.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::core::ladder::kind::PageKind;
use crate::core::tier::Tier;
use crate::core::time::Timestamp;

/// The time in which evidence loses half its weight. Within a week all of it is gone.
pub(super) const HALF_LIFE: Duration = Duration::from_hours(24);
/// The weight of one success, in failures: a tier that works one time in five is still worth starting on. A failed attempt costs no credits.
const SUCCESS: u8 = 4;
/// The greatest weight of successes: the number of failures after which a tier that stops working is given up.
const MOST_SUCCESS: u8 = 12;
/// The greatest number of failures that is kept.
const MOST_FAILURES: u8 = 8;
/// The failures since the last success from which a tier is known to fail: two, because one may be chance.
const KNOWN: u8 = 2;
/// The time for which failures of the browser as the last resort keep other pages of the kind from it.
const FUTILE_FOR: Duration = Duration::from_mins(10);

/// The results of one account's attempts at pages of one pattern.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Evidence {
    #[serde(rename = "a")]
    account: u32,
    #[serde(rename = "p")]
    pattern: u32,
    #[serde(rename = "t")]
    pub(super) at: Timestamp,
    /// The weight of each tier's successes.
    #[serde(rename = "w")]
    worked: [u8; 5],
    /// The failures of each tier since its last success.
    #[serde(rename = "f")]
    failed: [u8; 5],
}

impl Evidence {
    pub(super) fn new(kind: PageKind, now: Timestamp) -> Self {
        let PageKind { account, pattern } = kind;
        Self { account, pattern, at: now, worked: [0; 5], failed: [0; 5] }
    }

    pub(super) fn kind(&self) -> PageKind {
        PageKind { account: self.account, pattern: self.pattern }
    }

    /// Returns the evidence as it weighs at `now`.
    pub(super) fn aged(&self, now: Timestamp) -> Self {
        let days = now.since(self.at).as_secs() / HALF_LIFE.as_secs();
        let days = u32::try_from(days).unwrap_or(u32::MAX).min(7);
        let aged = |all: [u8; 5]| all.map(|it| it >> days);
        Self { worked: aged(self.worked), failed: aged(self.failed), ..self.clone() }
    }

    pub(super) fn succeed(&mut self, tier: Tier) {
        let worked = &mut self.worked[tier.index()];
        *worked = worked.saturating_add(SUCCESS).min(MOST_SUCCESS);
        self.failed[tier.index()] = 0;
    }

    pub(super) fn fail(&mut self, tier: Tier) {
        let failed = &mut self.failed[tier.index()];
        *failed = failed.saturating_add(1).min(MOST_FAILURES);
        let worked = &mut self.worked[tier.index()];
        *worked = worked.saturating_sub(1);
    }

    /// Returns the numbers of successes and failures that the weights of a tier stand for.
    pub(super) fn counts(&self, tier: Tier) -> (u32, u32) {
        let worked = self.worked[tier.index()].div_ceil(SUCCESS);
        (u32::from(worked), u32::from(self.failed[tier.index()]))
    }

    /// Returns `true` if the tier has lately worked.
    pub(super) fn works(&self, tier: Tier) -> bool {
        self.worked[tier.index()] > 0
    }

    /// Returns `true` if the tier is known to fail.
    pub(super) fn fails(&self, tier: Tier) -> bool {
        !self.works(tier) && self.failed[tier.index()] >= KNOWN
    }

    /// Returns `true` if the browser, as the last resort, has just met the failures of cheaper tiers.
    pub(super) fn is_futile(&self, now: Timestamp) -> bool {
        self.fails(Tier::Browser) && now.since(self.at) < FUTILE_FOR
    }

    /// Returns `true` if the weights are the same, so that there is nothing new to write.
    pub(super) fn weighs_like(&self, other: &Self) -> bool {
        self.worked == other.worked && self.failed == other.failed
    }
}
