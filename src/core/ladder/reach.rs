//! The tiers that a job may use, and the price of the most expensive one.

use crate::core::credits::Credits;
use crate::core::price::{AddOns, PriceList};
use crate::core::request::{JobRequest, Mode};
use crate::core::tier::Tier;

/// A set of tiers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TierSet(u8);

impl TierSet {
    /// Returns `true` if the set contains `tier`.
    pub const fn contains(self, tier: Tier) -> bool {
        self.0 & (1 << tier.index()) != 0
    }

    /// Adds `tier`.
    #[must_use]
    pub const fn with(self, tier: Tier) -> Self {
        Self(self.0 | 1 << tier.index())
    }

    /// Returns the tiers, cheapest first.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Tier> {
        Tier::ALL.into_iter().filter(move |&it| self.contains(it))
    }

    /// Returns the cheapest tier.
    pub fn first(self) -> Option<Tier> {
        self.iter().next()
    }

    /// Returns the most expensive tier.
    pub fn last(self) -> Option<Tier> {
        self.iter().next_back()
    }
}

impl FromIterator<Tier> for TierSet {
    fn from_iter<I: IntoIterator<Item = Tier>>(tiers: I) -> Self {
        tiers.into_iter().fold(Self::default(), Self::with)
    }
}

/// The capabilities of the configured fetchers and readers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// The tiers that a fetcher serves.
    pub tiers: TierSet,
    /// `true` if a PDF reader is configured.
    pub pdf: bool,
    /// `true` if an OCR engine is configured.
    pub ocr: bool,
}

impl Capabilities {
    /// Returns the capabilities of fetchers that serve these tiers, without readers of documents.
    pub fn new(tiers: impl IntoIterator<Item = Tier>) -> Self {
        Self { tiers: tiers.into_iter().collect(), ..Self::default() }
    }
}

/// The tiers that one job may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reach {
    /// The tiers that the mode and the cost controls allow.
    pub allowed: TierSet,
    /// The allowed tiers that a fetcher serves and `max_credits` pays for.
    pub usable: TierSet,
    /// The cheapest allowed tier that costs more than `max_credits`.
    pub unaffordable: Option<Tier>,
    /// The allowed tiers that no fetcher serves.
    pub unserved: TierSet,
}

impl Reach {
    /// Computes the tiers of a request.
    pub fn of(request: &JobRequest, tools: &Capabilities, prices: &PriceList) -> Self {
        let floor = if request.needs_browser() { Tier::Browser } else { Tier::Curl };
        let ceiling = highest_tier(request.mode());
        let controls = request.cost_controls();
        let ceiling = ceiling.min(controls.max_tier.unwrap_or(ceiling));
        // `fail_fast` means no browser, unless the item asks for nothing else.
        let ceiling = if controls.fail_fast && floor < Tier::Browser {
            ceiling.min(Tier::LightJs)
        } else {
            ceiling
        };
        let forced = |it: Tier| controls.force_tier.is_none_or(|force| it == force);
        let allowed: TierSet = Tier::ALL
            .into_iter()
            .filter(|&it| floor <= it && it <= ceiling && forced(it))
            .collect();
        let budget = controls.max_credits.unwrap_or(Credits::MAX);
        let add_ons = AddOns::asked(request);
        let affordable = |it: &Tier| prices.quote(request, *it, add_ons) <= budget;
        let served = |it: &Tier| tools.tiers.contains(*it);
        Self {
            allowed,
            usable: allowed.iter().filter(affordable).filter(served).collect(),
            unaffordable: allowed.iter().find(|it| !affordable(it)),
            unserved: allowed.iter().filter(|it| !served(it)).collect(),
        }
    }
}

/// Returns the highest tier that a mode allows.
pub(super) fn highest_tier(mode: Mode) -> Tier {
    match mode {
        Mode::Html | Mode::Pdf | Mode::Ocr => Tier::LightJs,
        Mode::Auto | Mode::Js => Tier::Browser,
    }
}

/// Returns the hold of a job: the price of the most expensive tier that it may use, with the requested
/// add-ons. Zero if it may use none: such a job fails and costs nothing.
pub fn estimate(request: &JobRequest, tools: &Capabilities, prices: &PriceList) -> Credits {
    let reach = Reach::of(request, tools, prices);
    let add_ons = AddOns::asked(request);
    // A price list need not rise with the tiers, so the dearest is looked for and not assumed.
    reach.usable.iter().map(|it| prices.quote(request, it, add_ons)).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::request::{Item, Limits};

    fn request(item: Item) -> JobRequest {
        item.check(&Limits::default()).expect("valid")
    }

    fn tools() -> Capabilities {
        Capabilities { tiers: Tier::ALL.into_iter().collect(), ..Capabilities::default() }
    }

    fn allowed(item: Item) -> Vec<Tier> {
        Reach::of(&request(item), &tools(), &PriceList::default()).allowed.iter().collect()
    }

    #[test]
    fn a_set_keeps_a_tier_once_however_often_it_is_added() {
        let set = TierSet::default().with(Tier::Http).with(Tier::Stealth).with(Tier::Http);

        assert_eq!(set.iter().collect::<Vec<_>>(), [Tier::Http, Tier::Stealth]);
        assert_eq!((set.first(), set.last()), (Some(Tier::Http), Some(Tier::Stealth)));
    }

    #[test]
    fn failing_fast_means_no_browser_unless_nothing_else_is_asked_for() {
        let fast = |mode| {
            let mut item = Item::get("http://a/").mode(mode);
            item.cost_controls.fail_fast = true;
            allowed(item)
        };

        assert_eq!(fast(Mode::Auto), Tier::ALL[..4]);
        assert_eq!(fast(Mode::Js), [Tier::Browser]);
        assert_eq!(allowed(Item::get("http://a/")), Tier::ALL);
    }

    #[test]
    fn the_hold_is_the_price_of_the_most_expensive_reachable_tier() {
        let held =
            |item, tools: &Capabilities| estimate(&request(item), tools, &PriceList::default());

        assert_eq!(held(Item::get("http://a/"), &tools()), Credits(4_000));
        assert_eq!(held(Item::get("http://a/").max_tier(Tier::Http), &tools()), Credits(300));
        assert_eq!(held(Item::get("http://a/"), &Capabilities::default()), Credits::ZERO);
    }
}
