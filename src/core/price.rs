//! Prices of tiers and add-ons.

use serde::{Deserialize, Serialize};

use crate::core::credits::Credits;
use crate::core::request::{JobRequest, Method};
use crate::core::tier::Tier;

/// The price of each tier and add-on, in credits.
///
/// Set it with [`EngineBuilder::prices`]. A page is charged once, for the tier that succeeded; a failed page costs
/// nothing. The default is the public price list of 20 April 2026, and half the price of tier 1 for an
/// unchanged page, which that list does not have:
///
/// | item | credits | US dollars |
/// |---|---|---|
/// | tier 1, `curl` | 200 | 0.0002 |
/// | tier 2, `http` | 300 | 0.0003 |
/// | tier 3, `stealth` | 2,000 | 0.002 |
/// | tier 3.5, `lightjs` | 2,500 | 0.0025 |
/// | tier 4, `browser` | 4,000 | 0.004 |
/// | page that the site declares unchanged (304) | 100 | 0.0001 |
/// | add-on: screenshot | 200 | 0.0002 |
/// | add-on: page printed to PDF | 400 | 0.0004 |
/// | add-on: OCR | 1,000 | 0.001 |
/// | add-on: proxy of the pool | 200 | 0.0002 |
/// | extraction from a supplied document | 2,500 | 0.0025 |
/// | its surcharge for a prompt that a model answered | 1,000 | 0.001 |
/// | its surcharge for a document above 500,000 characters | 2,500 | 0.0025 |
///
/// A request other than `GET` costs 1.5 times the tier's price. A request through your own proxy costs 0.8 times the
/// whole price.
///
/// ```
/// use rungs::core::credits::Credits;
/// use rungs::core::price::{AddOns, PriceList};
/// use rungs::prelude::*;
///
/// let mut prices = PriceList::default();
/// prices.tiers[Tier::Browser.index()] = Credits(6_000);
///
/// let item = Item::get("https://example.com/").render_js(RenderJs::Yes).screenshot();
/// let request = item.check(&Limits::default())?;
/// let add_ons = AddOns::asked(&request);
/// assert_eq!(prices.quote(&request, Tier::Browser, add_ons), Credits(6_200));
/// # Ok::<(), rungs::core::request::ValidationError>(())
/// ```
///
/// [`EngineBuilder::prices`]: crate::engine::EngineBuilder::prices
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PriceList {
    /// The price of a page on each tier, indexed by [`Tier::index`].
    pub tiers: [Credits; 5],
    /// The price of a page that the site declares unchanged (304), on any tier. At most the tier's price is charged.
    /// Defaults to 100.
    #[serde(default = "not_modified")]
    pub not_modified: Credits,
    /// The price of a screenshot.
    pub screenshot: Credits,
    /// The price of a page printed to PDF.
    pub pdf: Credits,
    /// The price of OCR.
    pub ocr: Credits,
    /// The price of a proxy of the pool.
    pub proxy: Credits,
    /// The price of an extraction from a supplied document.
    #[serde(default = "extraction")]
    pub extraction: Credits,
    /// The surcharge for a prompt that a language model answered about a supplied document.
    #[serde(default = "extraction_prompt")]
    pub extraction_prompt: Credits,
    /// The surcharge for a supplied document above [`PriceList::LARGE_DOCUMENT_CHARS`].
    #[serde(default = "extraction")]
    pub large_document: Credits,
    /// The price of a request other than `GET`, in thousandths of the tier's price. Defaults to 1,500.
    pub other_method_per_mille: u32,
    /// The price of a request through your own proxy, in thousandths of the whole price. Defaults to 800. At most
    /// 1,000 is applied.
    pub own_proxy_per_mille: u32,
}

fn extraction() -> Credits {
    Credits(2_500)
}

fn extraction_prompt() -> Credits {
    Credits(1_000)
}

impl Default for PriceList {
    fn default() -> Self {
        Self {
            tiers: [Credits(200), Credits(300), Credits(2_000), Credits(2_500), Credits(4_000)],
            not_modified: not_modified(),
            screenshot: Credits(200),
            pdf: Credits(400),
            ocr: Credits(1_000),
            proxy: Credits(200),
            extraction: extraction(),
            extraction_prompt: extraction_prompt(),
            large_document: extraction(),
            other_method_per_mille: 1_500,
            own_proxy_per_mille: 800,
        }
    }
}

/// The default price of an unchanged page: half that of tier 1.
fn not_modified() -> Credits {
    Credits(100)
}

/// The add-ons of a request or of its result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddOns {
    /// A screenshot.
    pub screenshot: bool,
    /// A page printed to PDF.
    pub pdf: bool,
    /// OCR.
    pub ocr: bool,
    /// A proxy of the pool.
    pub proxy: bool,
    /// Your own proxy, at a discount.
    pub own_proxy: bool,
}

impl AddOns {
    /// Returns the add-ons that `request` contains.
    pub fn asked(request: &JobRequest) -> Self {
        let advanced = request.advanced();
        Self {
            screenshot: advanced.screenshot,
            pdf: advanced.generate_pdf,
            ocr: advanced.ocr,
            proxy: advanced.use_proxy,
            own_proxy: advanced.use_own_proxy,
        }
    }

    /// Returns the add-ons that were requested and also delivered: nothing else is charged.
    ///
    /// The discount depends on the request alone, even if another proxy was used: the hold includes it, and no page
    /// costs more than its hold.
    #[must_use]
    pub fn and(self, delivered: Self) -> Self {
        Self {
            screenshot: self.screenshot && delivered.screenshot,
            pdf: self.pdf && delivered.pdf,
            ocr: self.ocr && delivered.ocr,
            proxy: self.proxy && delivered.proxy,
            own_proxy: self.own_proxy,
        }
    }
}

/// The charge for a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The credits to charge, at most the hold.
    pub charged: Credits,
    /// The price. It exceeds `charged` if the hold does not cover it: a fetcher reported a higher cost, or a process
    /// without the tier made the hold.
    pub price: Credits,
    /// The price without the discount for your own proxy.
    pub undiscounted: Credits,
}

impl Charge {
    fn new(price: Credits, undiscounted: Credits, hold: Credits) -> Self {
        Self { charged: price.min(hold), price, undiscounted }
    }
}

impl PriceList {
    /// The number of characters up to which a supplied document costs no surcharge.
    pub const LARGE_DOCUMENT_CHARS: u64 = 500_000;

    /// Returns the parts of the price of an extraction from a document of `chars` characters: the base, the surcharge for
    /// a prompt and that for a large document.
    pub fn extraction(&self, chars: u64, has_prompt: bool) -> [Credits; 3] {
        let prompt = if has_prompt { self.extraction_prompt } else { Credits::ZERO };
        let is_large = chars > Self::LARGE_DOCUMENT_CHARS;
        let large = if is_large { self.large_document } else { Credits::ZERO };
        [self.extraction, prompt, large]
    }

    /// Returns the charge for a page that was fetched on `tier` with these add-ons.
    ///
    /// Without a `cost` the price is the [`quote`](Self::quote). A `cost`, the amount that a fetcher
    /// paid for the page, replaces the tier's price and the surcharge for other methods. Add-ons are
    /// still charged as listed, and the discount for an own proxy applies to them alone. The price
    /// is charged up to `hold`, which also keeps it within the item's `max_credits`.
    pub fn charge(
        &self,
        request: &JobRequest,
        tier: Tier,
        add_ons: AddOns,
        cost: Option<Credits>,
        hold: Credits,
    ) -> Charge {
        let whole = self.undiscounted(request, tier, add_ons);
        self.charge_of(whole, add_ons, cost, hold)
    }

    /// Returns the charge for a page whose price is `whole`, or `cost` and its add-ons if its fetcher reported a cost.
    fn charge_of(
        &self,
        whole: Credits,
        add_ons: AddOns,
        cost: Option<Credits>,
        hold: Credits,
    ) -> Charge {
        let listed = self.listed(add_ons);
        match cost {
            None => Charge::new(self.discounted(whole, add_ons), whole, hold),
            Some(cost) => {
                let price = cost.saturating_add(self.discounted(listed, add_ons));
                Charge::new(price, cost.saturating_add(listed), hold)
            }
        }
    }

    /// Returns the discount for your own proxy, in thousandths of the price.
    pub fn own_proxy_discount_per_mille(&self) -> u32 {
        1_000_u32.saturating_sub(self.own_proxy_per_mille)
    }

    /// Returns the charge for a page that the site declared unchanged in response to a conditional request on `tier`.
    ///
    /// As [`PriceList::charge`], with the price of an unchanged page instead of the tier's.
    pub fn charge_not_modified(
        &self,
        tier: Tier,
        add_ons: AddOns,
        cost: Option<Credits>,
        hold: Credits,
    ) -> Charge {
        let page =
            self.tiers.get(tier.index()).map_or(self.not_modified, |it| self.not_modified.min(*it));
        self.charge_of(page.saturating_add(self.listed(add_ons)), add_ons, cost, hold)
    }

    /// Returns the price of `request` on `tier` with these add-ons.
    pub fn quote(&self, request: &JobRequest, tier: Tier, add_ons: AddOns) -> Credits {
        let whole = self.undiscounted(request, tier, add_ons);
        self.discounted(whole, add_ons)
    }

    fn discounted(&self, whole: Credits, add_ons: AddOns) -> Credits {
        if add_ons.own_proxy { whole.scaled(self.own_proxy_per_mille.min(1_000)) } else { whole }
    }

    /// Returns the price before the discount for your own proxy.
    pub fn undiscounted(&self, request: &JobRequest, tier: Tier, add_ons: AddOns) -> Credits {
        let base = self.tiers.get(tier.index()).copied().unwrap_or(Credits::MAX);
        let page = match request.method() {
            Method::Get => base,
            _ => base.scaled(self.other_method_per_mille),
        };
        page.saturating_add(self.listed(add_ons))
    }

    /// Returns the sum of the add-ons' prices.
    fn listed(&self, add_ons: AddOns) -> Credits {
        let AddOns { screenshot, pdf, ocr, proxy, own_proxy: _ } = add_ons;
        [(screenshot, self.screenshot), (pdf, self.pdf), (ocr, self.ocr), (proxy, self.proxy)]
            .into_iter()
            .filter_map(|(counts, amount)| counts.then_some(amount))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::request::{Item, Limits};

    fn request(item: Item) -> JobRequest {
        item.check(&Limits::default()).expect("valid")
    }

    #[test]
    fn add_ons_and_discounts_follow_the_list() {
        let prices = PriceList::default();
        let plain = request(Item::get("http://a/"));
        let post = request(Item { method: Method::Post, ..Item::get("http://a/") });
        let none = AddOns::default();

        assert_eq!(prices.quote(&plain, Tier::Curl, none), Credits(200));
        assert_eq!(prices.quote(&post, Tier::Http, none), Credits(450));
        let own = AddOns { own_proxy: true, ..none };
        assert_eq!(prices.quote(&plain, Tier::Stealth, own), Credits(1_600));
        let shot = AddOns { screenshot: true, pdf: true, ..none };
        assert_eq!(prices.quote(&plain, Tier::Browser, shot), Credits(4_600));
    }

    #[test]
    fn a_reported_cost_replaces_the_price_of_the_tier_and_nothing_else() {
        let prices = PriceList::default();
        let post = request(Item { method: Method::Post, ..Item::get("http://a/") });
        let charge = |cost, add_ons| {
            prices.charge(&post, Tier::Stealth, add_ons, cost, Credits(10_000)).charged
        };
        let plain = AddOns::default();
        let shot = AddOns { screenshot: true, ..plain };
        let own = AddOns { own_proxy: true, ..shot };

        assert_eq!(charge(None, plain), Credits(3_000), "the tier's price with its surcharge");
        assert_eq!(charge(Some(Credits(70)), plain), Credits(70));
        assert_eq!(charge(Some(Credits::ZERO), plain), Credits::ZERO);
        assert_eq!(charge(Some(Credits(70)), shot), Credits(270));
        assert_eq!(charge(Some(Credits(70)), own), Credits(230), "the discount is on the add-on");
    }

    #[test]
    fn an_unchanged_page_has_a_price_of_its_own() {
        let prices = PriceList { not_modified: Credits(250), ..PriceList::default() };
        let charge = |tier, add_ons, cost, hold| {
            prices.charge_not_modified(tier, add_ons, cost, Credits(hold)).charged
        };
        let plain = AddOns::default();
        let proxy = AddOns { proxy: true, ..plain };
        let own = AddOns { own_proxy: true, ..plain };

        assert_eq!(charge(Tier::Curl, plain, None, 900), Credits(200), "never above the tier");
        assert_eq!(charge(Tier::Stealth, plain, None, 900), Credits(250));
        assert_eq!(charge(Tier::Stealth, proxy, None, 900), Credits(450));
        assert_eq!(charge(Tier::Stealth, own, None, 900), Credits(200));
        assert_eq!(charge(Tier::Stealth, plain, Some(Credits(7)), 900), Credits(7));
        assert_eq!(charge(Tier::Stealth, plain, None, 30), Credits(30), "the hold is the limit");
        assert!(PriceList::default().not_modified < PriceList::default().tiers[0]);
    }

    #[test]
    fn a_reported_cost_is_charged_up_to_the_hold() {
        let (prices, get) = (PriceList::default(), request(Item::get("http://a/")));
        let charge =
            |cost| prices.charge(&get, Tier::Curl, AddOns::default(), Some(cost), Credits(200));

        let within = charge(Credits(200));
        let above = charge(Credits(201));
        let absurd = charge(Credits::MAX);

        assert_eq!(within, Charge::new(Credits(200), Credits(200), Credits(200)));
        assert_eq!(above, Charge::new(Credits(201), Credits(201), Credits(200)));
        assert_eq!(absurd, Charge::new(Credits::MAX, Credits::MAX, Credits(200)));
    }

    #[test]
    fn the_held_discount_is_charged() {
        let asked = AddOns { own_proxy: true, screenshot: true, ..AddOns::default() };
        let came = AddOns { proxy: true, ..AddOns::default() };

        let charged = asked.and(came);

        assert_eq!(charged, AddOns { own_proxy: true, ..AddOns::default() });
    }

    #[test]
    fn an_add_on_is_charged_only_when_delivered() {
        let all = AddOns { screenshot: true, pdf: true, ocr: true, proxy: true, own_proxy: true };
        let none = AddOns::default();

        assert_eq!(all.and(all), all);
        assert_eq!(all.and(none), AddOns { own_proxy: true, ..none });
        assert_eq!(none.and(all), none);
    }

    #[test]
    fn add_ons_follow_the_items_switches() {
        let mut item = Item::get("http://a/");
        item.advanced.render_js = crate::core::request::RenderJs::Yes;
        item.advanced.screenshot = true;
        item.advanced.use_own_proxy = true;

        let asked = AddOns::asked(&request(item));

        assert_eq!(asked, AddOns { screenshot: true, own_proxy: true, ..AddOns::default() });
        let prices = PriceList::default();
        let whole = prices.undiscounted(&request(Item::get("http://a/")), Tier::Browser, asked);
        assert_eq!(whole, Credits(4_200));
    }
}
