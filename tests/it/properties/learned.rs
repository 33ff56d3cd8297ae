//! The learned ladder over many simulated sites, in credits.

use rungs::core::price::PriceList;
use rungs::core::tier::Tier;

use super::simulation::{SimulatedSite, Spent, Start, Totals, attacked, behavior, run, totals};

const SITES: usize = 240;
const PAGES: usize = 120;
const KINDS: usize = 12;

/// Adds the totals of other sites.
fn add(sum: &mut Totals, other: Totals) {
    sum.learned.add(other.learned);
    sum.hindsight.add(other.hindsight);
    sum.browser.add(other.browser);
    sum.lowest.add(other.lowest);
}

/// Simulates every kind of site once for all of these claims, because the fixed starts that they compare with take
/// seconds.
#[test]
fn the_learned_ladder_stays_close_to_hindsight() {
    for start in [Start::Learned, Start::LearnedForCost] {
        let (mut whole, mut late) = (Totals::default(), Totals::default());
        for first in 0..KINDS {
            let kind = behavior(first);
            let (all, rest) = totals((first..SITES).step_by(KINDS), PAGES, start);
            println!("{start:?}, {kind:?}: {:.3} of hindsight, {all:?}", all.to_hindsight());
            let most = if start == Start::Learned { 1.20 } else { f64::MAX };
            assert!(all.to_hindsight() <= most, "{kind:?}: {:.3}", all.to_hindsight());
            add(&mut whole, all);
            add(&mut late, rest);
        }
        println!("{start:?}: whole {whole:?}, after 20 pages {late:?}");

        let (of, late_of) = (whole.to_hindsight(), late.to_hindsight());
        assert!(of <= 1.10, "{start:?} costs {of:.3} of hindsight");
        assert!(late_of <= 1.10, "{start:?} costs {late_of:.3} of hindsight after 20 pages");
        assert!(whole.to_browser() <= 0.60, "{start:?}: {:.3} of the browser", whole.to_browser());
        assert!(whole.learned.pages >= whole.browser.pages, "{start:?} loses pages");
        if start == Start::Learned {
            assert!(late.learned.attempts < late.lowest.attempts, "more attempts: {late:?}");
        }
    }
}

#[test]
fn no_account_raises_the_price_of_another_by_more_than_one_exploration_per_site() {
    let exploration = PriceList::default().tiers[Tier::Browser.index()].0;
    for start in [Start::Learned, Start::LearnedForCost] {
        for number in 0..SITES {
            let alone = attacked(number, 0, 24, start);
            let with_others = attacked(number, 5, 24, start);

            let most = alone.credits + exploration;
            let kind = behavior(number);
            assert!(with_others.credits <= most, "{kind:?}: {with_others:?}, alone {alone:?}");
        }
    }
}

#[test]
fn transport_errors_change_no_profile() {
    let number = 3;
    let mut site = SimulatedSite::new(number);
    let before = site.profile.clone();
    let only_plain =
        || rungs::core::request::Item::get("http://site-3.test/item/1").max_tier(Tier::Curl);

    let spent = site.fetch("customer", only_plain(), Start::Learned, 0.0);

    assert_eq!((spent.pages, spent.attempts), (0, 3), "every attempt was disconnected");
    assert_eq!(site.profile, before);
}

#[test]
fn a_simulation_replays_identically() {
    let both = || run(9, PAGES, 20, Start::Learned);

    assert_eq!(both(), both());
    assert_ne!(both().0, Spent::default());
}
