//! Simulated sites for the learned ladder: the real planner and the real profiles, with sites that respond by rule.
//!
//! Costs are counted in credits, as jobs are charged: only the tier that worked costs something. The best fixed start
//! tier in hindsight is found by running each of them. Attempts are counted beside it, because a failed attempt costs
//! time although it costs no credits. Used by a test and by the bench `ladder`.

use std::time::Duration;

use rungs::core::backoff::Backoff;
use rungs::core::failure::ErrorCode;
use rungs::core::id::AccountId;
use rungs::core::job::{Attempt, Finding};
use rungs::core::ladder::{Capabilities, PageKind, Plan, PlanInput, Reach, SiteProfile, plan};
use rungs::core::price::{AddOns, PriceList};
use rungs::core::request::{Item, JobRequest, Limits, Mode};
use rungs::core::tier::Tier;
use rungs::core::time::Timestamp;
use rungs::core::verdict::Verdict;

/// The tiers of an installation with a browser and without proxies.
pub(super) const TIERS: [Tier; 4] = [Tier::Curl, Tier::Http, Tier::LightJs, Tier::Browser];

/// The rule by which a site responds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behavior {
    /// Every tier gets the page.
    Static,
    /// Tier 1 gets 403.
    BlocksPlain,
    /// Tier 1 gets 406.
    RefusesPlain,
    /// Tier 1 is disconnected.
    ResetsPlain,
    /// Only the browser gets the page.
    NeedsBrowser,
    /// Every HTTP client gets a challenge that the browser passes.
    Challenges,
    /// The page's data is embedded in it.
    EmbedsState,
    /// Static for the first half of the pages, then as `NeedsBrowser`.
    Hardens,
    /// The other way around.
    Eases,
    /// One request in five brings no response.
    Flaky,
    /// Pages below `/app` need the browser, the others do not.
    Mixed,
    /// Blocks two plain requests in three.
    BlocksOften,
}

const BEHAVIORS: [Behavior; 12] = [
    Behavior::Static,
    Behavior::BlocksPlain,
    Behavior::RefusesPlain,
    Behavior::ResetsPlain,
    Behavior::NeedsBrowser,
    Behavior::Challenges,
    Behavior::EmbedsState,
    Behavior::Hardens,
    Behavior::Eases,
    Behavior::Flaky,
    Behavior::Mixed,
    Behavior::BlocksOften,
];

/// Returns the behavior of site `number`.
pub(super) fn behavior(number: usize) -> Behavior {
    BEHAVIORS[number % BEHAVIORS.len()]
}

/// Pseudo-random numbers (`SplitMix64`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Random(pub u64);

impl Random {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn judged(verdict: Verdict, status: u16) -> (Finding, Option<u16>) {
    (Finding::Judged(verdict), Some(status))
}

/// Returns the response of a site to one request. `progress` is the share of its pages that are done.
fn respond(
    behavior: Behavior,
    path: &str,
    progress: f64,
    tier: Tier,
    random: &mut Random,
) -> (Finding, Option<u16>) {
    use Behavior as B;
    let page = || judged(Verdict::Usable, 200);
    let blocked = |challenge| judged(Verdict::Blocked { by: None, challenge }, 403);
    let reset = || {
        let code = ErrorCode::ConnectionError;
        (Finding::Transport { code, retryable: true }, None)
    };
    let needs_browser = || match tier {
        Tier::Browser => page(),
        _ => judged(Verdict::NeedsRendering, 200),
    };
    match behavior {
        B::BlocksPlain if tier == Tier::Curl => blocked(false),
        B::RefusesPlain if tier == Tier::Curl => {
            judged(Verdict::Permanent(ErrorCode::TargetHttpError), 406)
        }
        B::ResetsPlain if tier == Tier::Curl => reset(),
        B::NeedsBrowser => needs_browser(),
        B::Challenges if tier < Tier::Browser => blocked(true),
        B::EmbedsState if tier < Tier::LightJs => judged(Verdict::NeedsRendering, 200),
        B::Hardens if progress >= 0.5 => needs_browser(),
        B::Eases if progress < 0.5 => needs_browser(),
        B::Flaky if random.draw().is_multiple_of(5) => reset(),
        B::Mixed if path.starts_with("/app") => needs_browser(),
        B::BlocksOften if tier == Tier::Curl && !random.draw().is_multiple_of(3) => blocked(false),
        _ => page(),
    }
}

/// The choice of the start tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// By the profile of the site.
    Learned,
    /// By the profile of the site, with `prefer_cost`.
    LearnedForCost,
    /// Always this tier.
    Fixed(Tier),
}

/// The cost of pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spent {
    /// The credits that were charged.
    pub credits: u64,
    /// The requests that were made.
    pub attempts: u64,
    /// The pages that were fetched.
    pub pages: u64,
}

impl Spent {
    /// Adds other pages.
    pub(super) fn add(&mut self, other: Self) {
        self.credits += other.credits;
        self.attempts += other.attempts;
        self.pages += other.pages;
    }
}

/// A site with its profile.
#[derive(Clone, Debug)]
pub(super) struct SimulatedSite {
    behavior: Behavior,
    /// The profile.
    pub profile: SiteProfile,
    now: Timestamp,
    random: Random,
}

fn account(name: &str) -> AccountId {
    AccountId::new(name).expect("a valid name")
}

impl SimulatedSite {
    /// Returns a site of which nothing is known.
    pub(super) fn new(number: usize) -> Self {
        let now = Timestamp::from_millis(1_764_000_000_000);
        let profile = SiteProfile::new(format!("site-{number}.test"), now);
        Self { behavior: behavior(number), profile, now, random: Random(number as u64) }
    }

    /// Fetches one page, one minute after the last.
    pub(super) fn fetch(&mut self, who: &str, item: Item, start: Start, progress: f64) -> Spent {
        let mut item = item;
        item.cost_controls.prefer_cost = start == Start::LearnedForCost;
        let request = item.check(&Limits::default()).expect("a valid item");
        let kind = PageKind::of(&account(who), &request);
        let prices = PriceList::default();
        let reach = Reach::of(&request, &Capabilities::new(TIERS), &prices);
        self.now = self.now.after(Duration::from_mins(1));
        let draw = self.random.draw();
        let learned = self.profile.start(kind, &request, reach.usable, self.now, draw);
        let start = match start {
            Start::Learned | Start::LearnedForCost => learned,
            Start::Fixed(tier) => Some(tier),
        };
        let trail = self.climb(&request, kind, reach, start, progress);
        let mut spent = Spent { attempts: trail.len() as u64, ..Spent::default() };
        if let Some(last) = trail.last().filter(|it| is_page(it)) {
            let price = prices.quote(&request, last.tier, AddOns::asked(&request));
            spent.credits = price.0;
            spent.pages = 1;
        }
        self.profile.learn_job(kind, &request, &trail, self.now);
        spent
    }

    fn climb(
        &mut self,
        request: &JobRequest,
        kind: PageKind,
        reach: Reach,
        start: Option<Tier>,
        progress: f64,
    ) -> Vec<Attempt> {
        let path = request.page().as_str().split_once(".test").map_or("/", |(_, path)| path);
        let mut trail: Vec<Attempt> = Vec::new();
        loop {
            let next = plan(&PlanInput {
                request,
                reach,
                trail: &trail,
                start,
                proven: self.profile.proven(kind, self.now),
                last_resort: self.profile.last_resort(kind, self.now),
                used: Duration::ZERO,
                since_last: Duration::ZERO,
                backoff: Backoff::PAGE,
                random: 0,
            });
            let Plan::Try { tier, .. } = next else { return trail };
            let (finding, status) = respond(self.behavior, path, progress, tier, &mut self.random);
            let mut attempt = Attempt::new(tier, finding, "simulated", self.now);
            attempt.status = status;
            trail.push(attempt);
        }
    }
}

fn is_page(attempt: &Attempt) -> bool {
    matches!(attempt.finding, Finding::Judged(Verdict::Usable))
}

/// Returns page `number` of a site: items, articles, an application and some single pages.
fn page(site: usize, number: usize) -> Item {
    let path = match number % 8 {
        0..=3 => format!("/item/{number}"),
        4 | 5 => format!("/blog/how-to-bake-{number}"),
        6 => format!("/app/{number}"),
        _ => "/about".to_owned(),
    };
    Item::get(format!("http://site-{site}.test{path}"))
}

/// Runs one account through `pages` pages of site `number`. Returns what the first `early` pages cost, and the
/// rest.
pub(super) fn run(number: usize, pages: usize, early: usize, start: Start) -> (Spent, Spent) {
    let mut site = SimulatedSite::new(number);
    let (mut first, mut rest) = (Spent::default(), Spent::default());
    for at in 0..pages {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let progress = at as f64 / pages as f64;
        let spent = site.fetch("customer", page(number, at), start, progress);
        if at < early { first.add(spent) } else { rest.add(spent) }
    }
    (first, rest)
}

/// The costs of many sites.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    /// With the strategy that was asked for.
    pub learned: Spent,
    /// With the cheapest fixed start tier of each site in hindsight.
    pub hindsight: Spent,
    /// With the browser for every page.
    pub browser: Spent,
    /// With a start at tier 1 for every page.
    pub lowest: Spent,
}

impl Totals {
    /// Returns the learned cost relative to hindsight.
    pub(super) fn to_hindsight(self) -> f64 {
        ratio(self.learned.credits, self.hindsight.credits)
    }

    /// Returns the learned cost relative to always using the browser.
    pub(super) fn to_browser(self) -> f64 {
        ratio(self.learned.credits, self.browser.credits)
    }
}

/// Returns the quotient of two sums.
#[expect(clippy::cast_precision_loss, reason = "credits of a bench are far below 2^52")]
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// Runs `sites` sites of `pages` pages each. Returns the totals over the whole trace, and without the first 20 pages
/// of each site.
pub(super) fn totals(
    sites: impl Iterator<Item = usize>,
    pages: usize,
    start: Start,
) -> (Totals, Totals) {
    const EARLY: usize = 20;
    let (mut whole, mut late) = (Totals::default(), Totals::default());
    for number in sites {
        let both = |start| {
            let (first, rest) = run(number, pages, EARLY, start);
            let mut all = first;
            all.add(rest);
            (all, rest)
        };
        let fixed = TIERS.map(|it| both(Start::Fixed(it)));
        let (learned, browser) = (both(start), fixed[TIERS.len() - 1]);
        let cheapest = |of: fn(&(Spent, Spent)) -> Spent| {
            let complete = fixed.iter().map(of);
            // A start that loses pages is no alternative.
            let most = complete.clone().map(|it| it.pages).max().unwrap_or_default();
            complete.filter(|it| it.pages == most).min_by_key(|it| it.credits).unwrap_or_default()
        };
        for (totals, of) in
            [(&mut whole, (|it| it.0) as fn(&(Spent, Spent)) -> Spent), (&mut late, |it| it.1)]
        {
            totals.learned.add(of(&learned));
            totals.browser.add(of(&browser));
            totals.lowest.add(of(&fixed[0]));
            totals.hindsight.add(cheapest(of));
        }
    }
    (whole, late)
}

/// Lets `attackers` accounts do what they can at a site, and then fetches `pages` pages for a customer. Returns what
/// the customer pays.
///
/// The attackers know pages of the customer's patterns that need the browser, force tiers, use mode `js`, and ask for
/// pages that every tier refuses.
pub(super) fn attacked(number: usize, attackers: usize, pages: usize, start: Start) -> Spent {
    let mut site = SimulatedSite::new(number);
    let real = site.behavior;
    for attacker in 0..attackers {
        let who = format!("attacker-{attacker}");
        for at in 0..16 {
            site.behavior = Behavior::Challenges;
            site.fetch(&who, page(number, at), Start::Learned, 0.0);
            site.behavior = real;
            let forced = page(number, at).force_tier(Tier::Browser);
            site.fetch(&who, forced, Start::Learned, 0.0);
            site.fetch(&who, page(number, at).mode(Mode::Js), Start::Learned, 0.0);
        }
    }
    site.random = Random(number as u64);
    let mut spent = Spent::default();
    for at in 0..pages {
        spent.add(site.fetch("customer", page(number, at), start, 0.0));
    }
    spent
}
