//! Facts about a site for people: how often its tiers failed lately, and which tier it needs.
//!
//! No plan depends on them.

use crate::core::ladder::kind::PageKind;
use crate::core::ladder::profile::{SiteProfile, View};
use crate::core::ladder::reach::TierSet;
use crate::core::request::JobRequest;
use crate::core::tier::Tier;
use crate::core::time::Timestamp;

/// The share of fetched pages below which a site counts as difficult. Chosen by hand.
const LOW_RATE: f64 = 0.5;
/// The least number of attempts from which a share means anything. Two hard pages are as many.
const FEW_ATTEMPTS: u32 = 4;

/// The recent results of tiers on a site, for one account.
///
/// These are the ones that the profile of the site remembers: at most 3 successes and 8 failures per tier and kind of page,
/// of which older ones count less. A tier that was passed over between two others, because it could not have helped, counts
/// as one that failed.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct SiteRecord {
    /// The share of the results that are pages, from 0 to 1.
    pub success_rate: f64,
    /// The number of results.
    pub total_attempts: u32,
    /// The cheapest tier that is not known to fail for such pages; `None` if no tier is known to work.
    pub min_tier: Option<Tier>,
}

impl SiteRecord {
    /// Returns `true` if most attempts failed, and pages need an expensive tier or none is known to work.
    pub fn is_difficult(&self) -> bool {
        self.success_rate < LOW_RATE
            && self.total_attempts >= FEW_ATTEMPTS
            && self.min_tier.is_none_or(|it| it >= Tier::Stealth)
    }
}

impl SiteProfile {
    /// Returns the record of the site as the account of `kind` knows it from tiers that are `served`.
    pub fn record(
        &self,
        kind: PageKind,
        request: &JobRequest,
        served: TierSet,
        now: Timestamp,
    ) -> SiteRecord {
        let own = self.kinds.iter().filter(|it| it.kind().account == kind.account);
        let (mut worked, mut failed) = (0, 0);
        for evidence in own.map(|it| it.aged(now)) {
            for (successes, failures) in served.iter().map(|it| evidence.counts(it)) {
                worked += successes;
                failed += failures;
            }
        }
        let total_attempts: u32 = worked + failed;
        SiteRecord {
            success_rate: f64::from(worked) / f64::from(total_attempts.max(1)),
            total_attempts,
            min_tier: self.min_tier(kind, request, now),
        }
    }

    /// Returns the cheapest tier that is not known to fail for a page, whatever its cost controls allow; `None` if no tier is
    /// known to work.
    fn min_tier(&self, kind: PageKind, request: &JobRequest, now: Timestamp) -> Option<Tier> {
        let view = View::new(&self.kinds, kind, request.cost_controls().prefer_cost, now);
        let first = Tier::ALL.into_iter().find(|&it| !view.fails(it))?;
        let works = Tier::ALL.into_iter().any(|it| it >= first && view.works(it));
        works.then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::AccountId;
    use crate::core::job::{Attempt, Finding};
    use crate::core::request::{Item, Limits};
    use crate::core::verdict::Verdict;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    /// Returns the record that account `reader` has of a site on which account `a` needed `worked` for each of `count`
    /// pages, after tier 1 was blocked.
    fn record(reader: &str, worked: Tier, count: usize) -> SiteRecord {
        let request = Item::get("http://a.test/").check(&Limits::default()).expect("valid");
        let kind = |it: &str| PageKind::of(&AccountId::new(it).expect("a name"), &request);
        let mut site = SiteProfile::new("a.test", NOW);
        let attempt = |tier, verdict| Attempt::new(tier, Finding::Judged(verdict), "seen", NOW);
        let blocked = Verdict::Blocked { by: None, challenge: true };
        let trail = [attempt(Tier::Curl, blocked), attempt(worked, Verdict::Usable)];
        for _ in 0..count {
            site.learn_job(kind("a"), &request, &trail, NOW);
        }
        let served = [Tier::Curl, Tier::Http, Tier::Browser].into_iter().collect();
        site.record(kind(reader), &request, served, NOW)
    }

    #[test]
    fn a_site_that_needs_the_browser_is_difficult() {
        let known = record("a", Tier::Browser, 2);

        assert_eq!((known.total_attempts, known.min_tier), (6, Some(Tier::Browser)));
        assert!((known.success_rate - 2.0 / 6.0).abs() < 1e-9, "{known:?}");
        assert!(known.is_difficult());
    }

    #[test]
    fn a_site_that_needs_a_cheap_tier_is_not_difficult() {
        let known = record("a", Tier::Http, 8);

        assert_eq!(known.min_tier, Some(Tier::Http));
        assert!(known.success_rate < 0.5 && !known.is_difficult(), "{known:?}");
    }

    #[test]
    fn one_page_makes_no_record() {
        let known = record("a", Tier::Browser, 1);

        assert_eq!(known.min_tier, Some(Tier::Curl), "it failed once");
        assert!(!known.is_difficult(), "{known:?}");
    }

    #[test]
    fn a_site_whose_pages_work_on_tier_1_is_not_difficult() {
        let request = Item::get("http://a.test/").check(&Limits::default()).expect("valid");
        let kind = PageKind::of(&AccountId::default(), &request);
        let mut site = SiteProfile::new("a.test", NOW);
        let attempt = |tier, verdict| Attempt::new(tier, Finding::Judged(verdict), "seen", NOW);
        let blocked = Verdict::Blocked { by: None, challenge: true };
        let hard = [attempt(Tier::Curl, blocked), attempt(Tier::Browser, Verdict::Usable)];
        for _ in 0..4 {
            site.learn_job(kind, &request, &hard, NOW);
        }
        site.learn_job(kind, &request, &[attempt(Tier::Curl, Verdict::Usable)], NOW);

        let served = [Tier::Curl, Tier::Http, Tier::Browser].into_iter().collect();
        let known = site.record(kind, &request, served, NOW);

        assert_eq!(known.min_tier, Some(Tier::Curl));
        assert!(!known.is_difficult(), "{known:?}");
    }

    #[test]
    fn the_attempts_of_other_accounts_are_not_shown() {
        let known = record("b", Tier::Browser, 8);

        assert_eq!((known.total_attempts, known.min_tier), (0, None));
        assert!(!known.is_difficult());
    }
}
