//! Labels of a page: what its reader should know about its content, its site and its price.

use serde::{Deserialize, Serialize};

use crate::core::credits::Credits;
use crate::core::job::{Attempt, Finding};
use crate::core::ladder::SiteRecord;
use crate::core::request::JobRequest;
use crate::core::tier::Tier;
use crate::core::verdict::Verdict;

/// The kind of an imperfection of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum QualityCode {
    /// The page has almost no visible text.
    ThinContent,
    /// The page is incomplete without its scripts, which did not run.
    NeedsRendering,
}

impl QualityCode {
    /// Returns the code as the REST API spells it, such as `THIN_CONTENT`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ThinContent => "THIN_CONTENT",
            Self::NeedsRendering => "NEEDS_RENDERING",
        }
    }
}

/// A warning that a page was accepted although it is imperfect, because no attempt brought a better one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct QualityWarning {
    /// The kind of imperfection.
    pub code: QualityCode,
    /// The observation behind it, such as `status 200, 12 bytes of text`.
    pub reason: String,
    /// The number of words in the page's text.
    pub word_count: u64,
    /// The size of the page's text in bytes.
    pub content_size_bytes: u64,
}

impl QualityWarning {
    /// Returns the warning about the page of an attempt with this text; `None` for a good page.
    pub(super) fn of(attempt: &Attempt, text: &str) -> Option<Self> {
        let code = match attempt.finding {
            Finding::Judged(Verdict::Thin) => QualityCode::ThinContent,
            Finding::Judged(Verdict::NeedsRendering) => QualityCode::NeedsRendering,
            _ => return None,
        };
        Some(Self {
            code,
            reason: attempt.signal.clone(),
            word_count: text.split_whitespace().count() as u64,
            content_size_bytes: text.len() as u64,
        })
    }
}

/// A warning that tiers lately failed on the page's site more often than not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DomainDifficulty {
    /// The share of the remembered results that are pages, from 0 to 1.
    pub success_rate: f64,
    /// The number of results of tiers on the site that are remembered for the account. Older ones count less. A tier that was
    /// passed over between two others, because it could not have helped, counts as one that failed.
    pub total_attempts: u32,
    /// `true` if the item's mode or cost controls exclude every tier that is not known to fail there.
    pub override_active: bool,
}

impl DomainDifficulty {
    /// Returns the warning as a sentence.
    pub fn warning(&self) -> String {
        let Self { success_rate, total_attempts, override_active } = self;
        let remedy = if *override_active {
            "the item's mode or cost controls exclude the tiers that work there"
        } else {
            "pages of this site may need an expensive tier, or fail"
        };
        let percent = success_rate * 100.0;
        format!(
            "only {percent:.0} % of the last {total_attempts} results of tiers on this site are pages; {remedy}"
        )
    }
}

/// A warning that the item allows no tier that its site is known to need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TierCapWarning {
    /// The cheapest tier that is not known to fail for such pages of the site.
    pub domain_min_tier: Tier,
    /// The item's `max_tier`, if it is the obstacle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tier: Option<Tier>,
    /// The item's `force_tier`, if it is the obstacle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_tier: Option<Tier>,
}

/// The warnings about the site of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct SiteWarnings {
    pub(super) difficulty: Option<DomainDifficulty>,
    pub(super) tier_cap: Option<TierCapWarning>,
}

impl SiteWarnings {
    /// Returns the warnings for a request whose most expensive allowed tier is `top`.
    pub(super) fn of(record: SiteRecord, request: &JobRequest, top: Option<Tier>) -> Self {
        let controls = request.cost_controls();
        let min_tier = record.min_tier;
        let is_below = |tier: &Tier| min_tier.is_some_and(|it| *tier < it);
        let force_tier = controls.force_tier.filter(is_below);
        // A forced tier is the one that matters.
        let max_tier = controls.max_tier.filter(is_below).filter(|_| force_tier.is_none());
        let tier_cap = min_tier
            .filter(|_| force_tier.is_some() || max_tier.is_some())
            .map(|domain_min_tier| TierCapWarning { domain_min_tier, max_tier, force_tier });
        let difficulty = record.is_difficult().then(|| DomainDifficulty {
            success_rate: record.success_rate,
            total_attempts: record.total_attempts,
            override_active: top.as_ref().is_some_and(is_below),
        });
        Self { difficulty, tier_cap }
    }
}

/// The discount that a page got because it was requested through the account's own proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OwnProxyDiscount {
    /// The discount in thousandths of `original`: that of the price list, unless the fetcher reported a cost of its own or the
    /// charge was cut to the hold.
    pub per_mille: u32,
    /// The price without the discount.
    pub original: Credits,
}

impl OwnProxyDiscount {
    /// Returns the discount in percent.
    pub fn percent(&self) -> f64 {
        f64::from(self.per_mille) / 10.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::request::{Item, Limits};
    use crate::core::time::Timestamp;

    fn site(item: Item, min_tier: Option<Tier>, top: Tier) -> SiteWarnings {
        let request = item.check(&Limits::default()).expect("valid");
        let mut record = crate::core::ladder::SiteProfile::new("a", Timestamp::default()).record(
            crate::core::ladder::PageKind::of(&crate::core::id::AccountId::default(), &request),
            &request,
            crate::core::ladder::TierSet::default(),
            Timestamp::default(),
        );
        (record.success_rate, record.total_attempts, record.min_tier) = (0.25, 8, min_tier);
        SiteWarnings::of(record, &request, Some(top))
    }

    #[test]
    fn a_cap_below_the_tier_that_a_site_needs_is_named() {
        let item = || Item::get("http://a/");
        let browser = Some(Tier::Browser);

        let capped = site(item().max_tier(Tier::LightJs), browser, Tier::LightJs);
        let cap = capped.tier_cap.expect("it is below");
        assert_eq!((cap.domain_min_tier, cap.max_tier), (Tier::Browser, Some(Tier::LightJs)));
        assert!(capped.difficulty.is_some_and(|it| it.override_active));

        let forced = item().max_tier(Tier::Stealth).force_tier(Tier::Http);
        let cap = site(forced, browser, Tier::Http).tier_cap.expect("it is below");
        assert_eq!((cap.max_tier, cap.force_tier), (None, Some(Tier::Http)));

        assert_eq!(site(item().max_tier(Tier::Browser), browser, Tier::Browser).tier_cap, None);
        assert_eq!(site(item().max_tier(Tier::Curl), None, Tier::Curl).tier_cap, None);
        assert_eq!(site(item(), browser, Tier::Browser).tier_cap, None);
    }

    #[test]
    fn a_page_with_content_has_no_quality_warning() {
        let attempt = |verdict| {
            let finding = Finding::Judged(verdict);
            Attempt::new(Tier::Curl, finding, "status 200", Timestamp::default())
        };

        assert_eq!(QualityWarning::of(&attempt(Verdict::Usable), "words"), None);
        let thin = QualityWarning::of(&attempt(Verdict::Thin), "two words").expect("thin");
        assert_eq!((thin.code.as_str(), thin.word_count), ("THIN_CONTENT", 2));
        assert_eq!((thin.content_size_bytes, thin.reason.as_str()), (9, "status 200"));
        for code in [QualityCode::ThinContent, QualityCode::NeedsRendering] {
            assert_eq!(serde_json::to_value(code).expect("plain data"), code.as_str());
        }
    }
}
