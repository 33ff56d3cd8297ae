//! The profile of a site: which tiers have worked there.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::core::ladder::reach::TierSet;
use crate::core::tier::Tier;
use crate::core::time::Timestamp;

/// The time in which evidence loses half its weight. After a week it counts for less than a hundredth.
const HALF_LIFE: Duration = Duration::from_hours(24);
/// The weight below which the record of a tier is ignored: two fresh attempts count, one does not.
const ENOUGH: f64 = 1.5;
/// The weight of successes from which a tier is proven to work: one within the last day.
const PROVEN: f64 = 0.5;
/// The share of successes from which a tier is worth starting on: one in four, chosen and not measured.
const POOR: f64 = 0.25;
/// One job in this many starts at the cheapest tier all the same, to detect that a site became easier.
/// The attempts add at most a sixteenth of the cheapest price to the mean cost of a page.
const LOOK_AGAIN: u64 = 16;

/// Successes and failures of one tier, each worth less as it ages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct TierRecord {
    worked: f64,
    failed: f64,
}

/// The learned profile of a site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SiteProfile {
    /// The site: host, and port where it is not the scheme's own.
    pub site: String,
    tiers: [TierRecord; 5],
    updated_at: Timestamp,
    #[serde(default, skip_serializing_if = "is_unset")]
    paused_until: Timestamp,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference
fn is_unset(at: &Timestamp) -> bool {
    *at == Timestamp::default()
}

impl SiteProfile {
    /// Returns the profile of an unknown site.
    pub fn new(site: impl Into<String>, now: Timestamp) -> Self {
        let (tiers, paused_until) = ([TierRecord::default(); 5], Timestamp::default());
        Self { site: site.into(), tiers, updated_at: now, paused_until }
    }

    /// Returns the time until which the site asked to be left alone (`Retry-After`).
    pub fn paused_until(&self) -> Timestamp {
        self.paused_until
    }

    /// Records a pause that the site asked for; a longer one that is running stays.
    pub fn pause(&mut self, until: Timestamp) {
        self.paused_until = self.paused_until.max(until);
    }

    /// Records the result of one attempt on a tier.
    pub fn learn(&mut self, tier: Tier, worked: bool, now: Timestamp) {
        let factor = decay(now.since(self.updated_at));
        for record in &mut self.tiers {
            record.worked *= factor;
            record.failed *= factor;
        }
        self.updated_at = self.updated_at.max(now);
        let record = &mut self.tiers[tier.index()];
        if worked { record.worked += 1.0 } else { record.failed += 1.0 }
    }

    /// Returns the tiers on which the site has lately responded with a page.
    pub fn proven(&self, now: Timestamp) -> TierSet {
        let factor = decay(now.since(self.updated_at));
        let worked = |it: &Tier| self.tiers[it.index()].worked * factor >= PROVEN;
        Tier::ALL.into_iter().filter(worked).collect()
    }

    /// Returns the start tier among `usable`: the cheapest that is not known to fail here, if a more
    /// expensive one is known to work. One `random` number in 16 selects the cheapest all the same.
    pub fn start(&self, usable: TierSet, now: Timestamp, random: u64) -> Option<Tier> {
        let cheapest = usable.first()?;
        if random.is_multiple_of(LOOK_AGAIN) {
            return Some(cheapest);
        }
        let factor = decay(now.since(self.updated_at));
        let rate = |tier: Tier| {
            let TierRecord { worked, failed } = self.tiers[tier.index()];
            let weight = (worked + failed) * factor;
            (weight >= ENOUGH).then(|| worked / (worked + failed))
        };
        let works = usable.iter().find(|&it| rate(it).is_some_and(|rate| rate >= POOR));
        let Some(works) = works else { return Some(cheapest) };
        // A tier below it of which nothing is known is worth a try; one known to fail is not.
        usable.iter().find(|&it| it >= works || rate(it).is_none()).or(Some(works))
    }
}

fn decay(age: Duration) -> f64 {
    0.5_f64.powf(age.as_secs_f64() / HALF_LIFE.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn all() -> TierSet {
        Tier::ALL.into_iter().collect()
    }

    fn hard_site() -> SiteProfile {
        let mut site = SiteProfile::new("a", NOW);
        for _ in 0..3 {
            for tier in [Tier::Curl, Tier::Http, Tier::Stealth, Tier::LightJs] {
                site.learn(tier, false, NOW);
            }
            site.learn(Tier::Browser, true, NOW);
        }
        site
    }

    #[test]
    fn a_site_that_needs_the_browser_is_not_tried_lower_first() {
        assert_eq!(hard_site().start(all(), NOW, 1), Some(Tier::Browser));
    }

    #[test]
    fn the_cheapest_tier_is_retried_occasionally() {
        assert_eq!(hard_site().start(all(), NOW, 0), Some(Tier::Curl));
    }

    #[test]
    fn old_evidence_expires() {
        let next_week = NOW.after(HALF_LIFE * 7);

        assert_eq!(hard_site().start(all(), next_week, 1), Some(Tier::Curl));
    }

    #[test]
    fn an_unknown_site_starts_at_the_cheapest_usable_tier() {
        let usable: TierSet = [Tier::Http, Tier::Browser].into_iter().collect();

        assert_eq!(SiteProfile::new("a", NOW).start(usable, NOW, 1), Some(Tier::Http));
        assert_eq!(SiteProfile::new("a", NOW).start(TierSet::default(), NOW, 1), None);
    }

    const DAY: Duration = Duration::from_hours(24);

    fn site(lessons: &[(Tier, bool, usize)]) -> SiteProfile {
        let mut site = SiteProfile::new("a", NOW);
        for &(tier, worked, times) in lessons {
            (0..times).for_each(|_| site.learn(tier, worked, NOW));
        }
        site
    }

    fn curl_or_browser() -> TierSet {
        [Tier::Curl, Tier::Browser].into_iter().collect()
    }

    #[test]
    fn evidence_is_worth_half_after_a_day() {
        let next_day = NOW.after(DAY);

        assert_eq!(hard_site().start(all(), next_day, 1), Some(Tier::Browser));
        let later = next_day.after(Duration::from_secs(1));
        assert_eq!(hard_site().start(all(), later, 1), Some(Tier::Curl));
    }

    #[test]
    fn recent_evidence_outweighs_old_evidence() {
        let later = NOW.after(DAY * 10);

        let mut hardened = site(&[(Tier::Curl, true, 4)]);
        let mut eased = site(&[(Tier::Curl, false, 4)]);
        for _ in 0..2 {
            hardened.learn(Tier::Curl, false, later);
            eased.learn(Tier::Curl, true, later);
            hardened.learn(Tier::Browser, true, later);
            eased.learn(Tier::Browser, true, later);
        }

        assert_eq!(hardened.start(curl_or_browser(), later, 1), Some(Tier::Browser));
        assert_eq!(eased.start(curl_or_browser(), later, 1), Some(Tier::Curl));
    }

    #[test]
    fn a_tier_that_works_one_time_in_four_is_worth_starting_on() {
        let start = |failed| {
            let curl = site(&[
                (Tier::Curl, true, 1),
                (Tier::Curl, false, failed),
                (Tier::Browser, true, 3),
            ]);
            curl.start(curl_or_browser(), NOW, 1)
        };

        assert_eq!(start(2), Some(Tier::Curl));
        assert_eq!(start(3), Some(Tier::Curl));
        assert_eq!(start(4), Some(Tier::Browser));
    }

    #[test]
    fn an_unknown_tier_is_tried_before_a_more_expensive_one() {
        let known = site(&[(Tier::Curl, false, 3), (Tier::Browser, true, 3)]);

        assert_eq!(known.start(all(), NOW, 1), Some(Tier::Http));
    }
}
