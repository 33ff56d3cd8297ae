//! Prices: the hold covers the charge.

use proptest::prelude::*;
use rungs::core::credits::Credits;
use rungs::core::ladder::{Reach, estimate};
use rungs::core::price::{AddOns, PriceList};
use rungs::core::tier::Tier;

use crate::properties::given;

fn add_ons() -> impl Strategy<Value = AddOns> {
    any::<[bool; 5]>().prop_map(|[screenshot, pdf, ocr, proxy, own_proxy]| AddOns {
        screenshot,
        pdf,
        ocr,
        proxy,
        own_proxy,
    })
}

proptest! {
    #[test]
    fn the_hold_covers_every_reachable_tier(
        request in given::request(),
        tools in given::tools(),
        prices in given::prices(),
        came in add_ons(),
    ) {
        let held = estimate(&request, &tools, &prices);

        for tier in Reach::of(&request, &tools, &prices).usable.iter() {
            let charged = prices.quote(&request, tier, AddOns::asked(&request).and(came));
            prop_assert!(charged <= held, "tier {tier} costs {charged} of {held}");
        }
    }

    #[test]
    fn a_discount_only_lowers_and_an_add_on_only_raises(
        request in given::request(),
        prices in given::prices(),
        tier in given::tier(),
        add_ons in add_ons(),
    ) {
        let whole = prices.undiscounted(&request, tier, add_ons);
        let own = AddOns { own_proxy: true, ..add_ons };
        let bare = AddOns { own_proxy: add_ons.own_proxy, ..AddOns::default() };

        prop_assert!(prices.quote(&request, tier, own) <= whole);
        prop_assert!(prices.quote(&request, tier, bare) <= prices.quote(&request, tier, add_ons));
        let without = AddOns { own_proxy: false, ..add_ons };
        prop_assert_eq!(prices.quote(&request, tier, without), whole);
    }

    #[test]
    fn prices_saturate_instead_of_wrapping(request in given::request(), tier in given::tier()) {
        let tiers = [Credits::MAX; Tier::ALL.len()];
        let mut prices = PriceList::default();
        (prices.tiers, prices.screenshot) = (tiers, Credits::MAX);
        let all = AddOns { screenshot: true, pdf: true, ocr: true, proxy: true, own_proxy: false };

        prop_assert_eq!(prices.quote(&request, tier, all), Credits::MAX);
    }

    #[test]
    fn fractions_of_a_credit_are_rounded_up(amount in any::<u64>(), per_mille in 0..=1_000_u32) {
        let scaled = Credits(amount).scaled(per_mille);

        let exact = u128::from(amount) * u128::from(per_mille);
        let thousandths = u128::from(scaled.0) * 1_000;
        prop_assert!(thousandths >= exact && thousandths < exact + 1_000);
    }
}
