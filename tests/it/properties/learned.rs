//! The learned ladder over many simulated sites, in credits.

use rungs::core::price::PriceList;
use rungs::core::tier::Tier;

use super::simulation::{SimulatedSite, Spent, Start, attacked, behavior, run, totals};

const SITES: usize = 240;
const PAGES: usize = 120;

#[test]
fn the_learned_ladder_costs_little_more_than_hindsight() {
    for start in [Start::Learned, Start::LearnedForCost] {
        let (whole, late) = totals(0..SITES, PAGES, start);
        println!("{start:?}: whole {whole:?}, after 20 pages {late:?}");

        assert!(whole.to_hindsight() <= 1.10, "{start:?}: {:.3}", whole.to_hindsight());
        assert!(
            late.to_hindsight() <= 1.10,
            "{start:?}, after 20 pages: {:.3}",
            late.to_hindsight()
        );
        assert!(whole.to_browser() <= 0.60, "{start:?}: {:.3} of the browser", whole.to_browser());
        assert!(whole.learned.pages >= whole.browser.pages, "{start:?}: as many pages");
    }
}

#[test]
fn the_learned_ladder_makes_fewer_attempts_than_a_start_at_tier_1() {
    let (_, late) = totals(0..SITES, PAGES, Start::Learned);

    assert!(late.learned.attempts < late.lowest.attempts, "{late:?}");
}

#[test]
fn no_kind_of_site_costs_much_more_than_hindsight() {
    for first in 0..12 {
        let sites = (first..SITES).step_by(12);
        let (whole, _) = totals(sites, PAGES, Start::Learned);

        let of = whole.to_hindsight();
        println!("{:?}: {of:.3} of hindsight, {whole:?}", behavior(first));
        assert!(of <= 1.20, "{:?}: {of:.3}", behavior(first));
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
