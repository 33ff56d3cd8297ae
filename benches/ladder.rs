//! The cost of the learned ladder, beside the cheapest fixed start tier in hindsight and beside the browser for every
//! page.
//!
//! The budgets are those of the design: at most 1.10 times hindsight, over the whole trace and after 20 pages per
//! site; at least 40 % cheaper than always using the browser, with the same pages; and no account raises the cost of
//! another by more than one exploration per site. 240 simulated sites of twelve kinds, 120 pages each, with the real
//! planner and the real profiles. Credits are counted, so that the figures are the same on every machine.
//!
//! A failed attempt costs no credits, so the cheapest start in hindsight is nearly always tier 1. What learning
//! saves is attempts, which are time and load on the sites: they are printed beside the credits.

#[path = "../tests/it/properties/simulation.rs"]
mod simulation;

use simulation::{Start, Totals, attacked, behavior, ratio, totals};

const SITES: usize = 240;
const PAGES: usize = 120;
const KINDS: usize = 12;

fn print(name: &str, totals: &Totals) {
    let Totals { learned, hindsight, browser, lowest } = totals;
    println!(
        "{name:<28} {:>7.3} of hindsight {:>7.3} of the browser {:>7.2} attempts a page ({:.2} from tier 1, {:.2} in \
         hindsight), pages {} of {}",
        totals.to_hindsight(),
        totals.to_browser(),
        ratio(learned.attempts, learned.pages),
        ratio(lowest.attempts, lowest.pages),
        ratio(hindsight.attempts, hindsight.pages),
        learned.pages,
        browser.pages,
    );
}

fn main() {
    for start in [Start::Learned, Start::LearnedForCost] {
        let (whole, late) = totals(0..SITES, PAGES, start);
        println!("{start:?}: {SITES} sites, {PAGES} pages each");
        print("whole trace", &whole);
        print("after 20 pages per site", &late);
        for kind in 0..KINDS {
            let (whole, _) = totals((kind..SITES).step_by(KINDS), PAGES, start);
            print(&format!("  {:?}", behavior(kind)), &whole);
        }
        let (mut alone, mut attack, mut worst) = (0, 0, 0);
        for site in 0..SITES {
            let (one, other) = (attacked(site, 0, 24, start), attacked(site, 5, 24, start));
            alone += one.credits;
            attack += other.credits;
            worst = worst.max(other.credits.saturating_sub(one.credits));
        }
        println!(
            "another account's 24 pages after five attackers: {:.3} of its cost alone, at worst {worst} credits more \
             at a site\n",
            ratio(attack, alone),
        );
    }
}
