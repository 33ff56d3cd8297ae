//! The profile of a site: which tiers have worked there, for whom and for which pages.
//!
//! A job that succeeded after cheaper tiers had failed is evidence for its own account and for pages of its pattern. It
//! counts for the account's other pages once several of its patterns agree, so that one blocked path does not speak for
//! the whole site. The evidence of other accounts can only lower an account's start tier, never raise it: with accounts
//! that cost nothing to open, no number of them is independent support. What a new account pays for that is time, two
//! failed attempts at cheap tiers, and no credits.
//!
//! # Invariants
//!
//! * No account's evidence makes another account's page start at a more expensive tier.
//! * A tier that is known to work for a page's kind is never skipped.
//! * What no ladder found out teaches nothing: a forced tier, a mode that excludes cheaper tiers, an attempt without
//!   a response, a page that every tier failed to fetch.
//! * The record is bounded, and no account can displace the evidence of others.

use serde::{Deserialize, Serialize};

use crate::core::failure::ErrorCode;
use crate::core::job::{Attempt, Finding};
use crate::core::ladder::evidence::{Evidence, HALF_LIFE};
use crate::core::ladder::failed;
use crate::core::ladder::kind::PageKind;
use crate::core::ladder::reach::TierSet;
use crate::core::request::{JobRequest, Mode};
use crate::core::tier::Tier;
use crate::core::time::Timestamp;
use crate::core::verdict::Verdict;

/// Kinds of pages that a profile remembers. A record of that many has some 6 KB.
const MAX_KINDS: usize = 64;
/// The patterns of one account that have to agree before their evidence counts for its other pages. Chosen and not
/// measured.
const DIVERSE: usize = 3;
/// One page in this many starts at the cheapest tier although an expensive one is known to be needed, to detect
/// that a site became easier. An attempt at tier 1 takes a tenth of a browser's time and costs nothing if it
/// fails, while a page in the browser costs twenty times as much.
const EXPLORE_EXPENSIVE: u64 = 4;
/// The same where the known tier is nearly as cheap.
const EXPLORE_CHEAP: u64 = 16;

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
    /// Totals over all accounts and pages. They are kept for readers of the record; no plan depends on them.
    tiers: [TierRecord; 5],
    updated_at: Timestamp,
    #[serde(default, skip_serializing_if = "is_unset")]
    paused_until: Timestamp,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) kinds: Vec<Evidence>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference
fn is_unset(at: &Timestamp) -> bool {
    *at == Timestamp::default()
}

impl SiteProfile {
    /// Returns the profile of an unknown site.
    pub fn new(site: impl Into<String>, now: Timestamp) -> Self {
        let (tiers, paused_until) = ([TierRecord::default(); 5], Timestamp::default());
        Self { site: site.into(), tiers, updated_at: now, paused_until, kinds: Vec::new() }
    }

    /// Returns the time until which the site asked to be left alone (`Retry-After`).
    pub fn paused_until(&self) -> Timestamp {
        self.paused_until
    }

    /// Records a pause that the site asked for; a longer one that is running stays.
    pub fn pause(&mut self, until: Timestamp) {
        self.paused_until = self.paused_until.max(until);
    }

    /// Adds the result of one attempt to the totals of the site.
    pub fn learn(&mut self, tier: Tier, worked: bool, now: Timestamp) {
        let age = now.since(self.updated_at);
        let factor = 0.5_f64.powf(age.as_secs_f64() / HALF_LIFE.as_secs_f64());
        for record in &mut self.tiers {
            record.worked *= factor;
            record.failed *= factor;
        }
        self.updated_at = self.updated_at.max(now);
        let record = &mut self.tiers[tier.index()];
        if worked { record.worked += 1.0 } else { record.failed += 1.0 }
    }

    /// Learns from the attempts of a job that has ended. Returns `false` if they show nothing new.
    pub fn learn_job(
        &mut self,
        kind: PageKind,
        request: &JobRequest,
        trail: &[Attempt],
        now: Timestamp,
    ) -> bool {
        let lesson = Lesson::of(request, trail);
        let Some(lesson) = lesson else { return false };
        let known = self.kinds.iter().position(|it| it.kind() == kind);
        let before = known.map(|at| &self.kinds[at]);
        let mut evidence = before.map_or_else(|| Evidence::new(kind, now), |it| it.aged(now));
        lesson.failed.iter().for_each(|it| evidence.fail(it));
        lesson.worked.iter().for_each(|it| evidence.succeed(*it));
        let is_old = before.is_none_or(|it| now.since(it.at) > HALF_LIFE / 24);
        if !is_old && before.is_some_and(|it| it.weighs_like(&evidence)) {
            return false;
        }
        evidence.at = now;
        lesson.failed.iter().for_each(|it| self.learn(it, false, now));
        lesson.worked.iter().for_each(|it| self.learn(*it, true, now));
        if let Some(at) = known {
            self.kinds[at] = evidence;
        } else {
            self.make_room();
            self.kinds.push(evidence);
        }
        true
    }

    /// Drops the oldest evidence of the account that has the most, if there is no room.
    fn make_room(&mut self) {
        if self.kinds.len() < MAX_KINDS {
            return;
        }
        let of = |account| self.kinds.iter().filter(|it| it.kind().account == account).count();
        let most = self.kinds.iter().map(|it| it.kind().account).max_by_key(|it| of(*it));
        let kinds = self.kinds.iter().enumerate();
        let oldest = kinds
            .filter(|(_, it)| most == Some(it.kind().account))
            .min_by_key(|(_, it)| it.at)
            .map(|(at, _)| at);
        self.kinds.swap_remove(oldest.unwrap_or_default());
    }

    /// Returns the tiers on which the account's pages at the site have lately succeeded.
    pub fn proven(&self, kind: PageKind, now: Timestamp) -> TierSet {
        let own: Vec<_> =
            self.kinds.iter().filter(|it| it.kind().account == kind.account).collect();
        let worked = |tier: &Tier| own.iter().any(|it| it.aged(now).works(*tier));
        Tier::ALL.into_iter().filter(worked).collect()
    }

    /// Returns `true` unless the browser, as the last resort for pages of this kind, has just failed.
    pub fn last_resort(&self, kind: PageKind, now: Timestamp) -> bool {
        !self.kinds.iter().any(|it| it.kind() == kind && it.is_futile(now))
    }

    /// Returns the start tier among `usable` for a page of this kind.
    ///
    /// It is the cheapest tier that is not known to fail, if a more expensive one is known to work. Now and then,
    /// depending on `random`, the cheapest tier is tried all the same.
    pub fn start(
        &self,
        kind: PageKind,
        request: &JobRequest,
        usable: TierSet,
        now: Timestamp,
        random: u64,
    ) -> Option<Tier> {
        let cheapest = usable.first()?;
        let expected = self.expected_start(kind, request, usable, now)?;
        let explore = if expected >= Tier::Stealth { EXPLORE_EXPENSIVE } else { EXPLORE_CHEAP };
        Some(if random.is_multiple_of(explore) { cheapest } else { expected })
    }

    /// Returns the start tier without exploration.
    pub fn expected_start(
        &self,
        kind: PageKind,
        request: &JobRequest,
        usable: TierSet,
        now: Timestamp,
    ) -> Option<Tier> {
        let cheapest = usable.first()?;
        let view = View::new(&self.kinds, kind, request.cost_controls().prefer_cost, now);
        let start = usable.iter().find(|&it| !view.fails(it)).unwrap_or(cheapest);
        let works = usable.iter().any(|it| it >= start && view.works(it));
        Some(if works { start } else { cheapest })
    }
}

/// The lesson of a job's attempts.
#[derive(Debug, Default)]
struct Lesson {
    failed: TierSet,
    worked: Option<Tier>,
}

impl Lesson {
    /// Returns `None` if the job teaches nothing.
    fn of(request: &JobRequest, trail: &[Attempt]) -> Option<Self> {
        let controls = request.cost_controls();
        let is_free = matches!(request.mode(), Mode::Auto | Mode::Html)
            && controls.force_tier.is_none()
            && !request.needs_browser();
        let last = trail.last().filter(|_| is_free)?;
        if !last.has_good_page() {
            return Self::of_failure(trail, last);
        }
        let below = trail.iter().filter(|it| it.tier < last.tier && failed_by_tier(it));
        let Some(first) = below.map(|it| it.tier).min() else {
            return Some(Self { worked: Some(last.tier), ..Self::default() });
        };
        // A tier that the ladder skipped on its way was useless by what it had seen. One that gave no response
        // was not: that may pass.
        let silent = |tier: Tier| {
            let mut tried = trail.iter().filter(|it| it.tier == tier).peekable();
            tried.peek().is_some() && !tried.any(failed_by_tier)
        };
        let failed =
            Tier::ALL.into_iter().filter(|&it| first <= it && it < last.tier && !silent(it));
        Some(Self { failed: failed.collect(), worked: Some(last.tier) })
    }

    /// A job that failed shows only that the browser was no last resort.
    fn of_failure(trail: &[Attempt], last: &Attempt) -> Option<Self> {
        let cheaper = trail.iter().any(|it| it.tier < Tier::Browser && failed::is_failure(it));
        (last.tier == Tier::Browser && cheaper && failed::is_failure(last))
            .then(|| Self { failed: TierSet::default().with(Tier::Browser), worked: None })
    }
}

/// Returns `true` if the attempt shows that its tier does not fetch the page which a more expensive one fetched.
fn failed_by_tier(attempt: &Attempt) -> bool {
    match &attempt.finding {
        Finding::Judged(Verdict::Blocked { .. } | Verdict::NeedsRendering | Verdict::Thin) => true,
        // A refusal such as 406. Statuses that may pass are not evidence, and neither is silence.
        Finding::Judged(Verdict::Permanent(code)) => *code == ErrorCode::TargetHttpError,
        Finding::Judged(_) | Finding::Transport { .. } => false,
    }
}

/// The evidence from the point of view of one kind of page.
pub(super) struct View {
    own: Option<Evidence>,
    /// The account's other patterns.
    siblings: Vec<Evidence>,
    /// Other accounts with the same pattern.
    others: Vec<Evidence>,
}

impl View {
    pub(super) fn new(
        kinds: &[Evidence],
        kind: PageKind,
        only_this_kind: bool,
        now: Timestamp,
    ) -> Self {
        let mut view = Self { own: None, siblings: Vec::new(), others: Vec::new() };
        for evidence in kinds {
            let it = evidence.kind();
            if it == kind {
                view.own = Some(evidence.aged(now));
            } else if it.pattern == kind.pattern {
                view.others.push(evidence.aged(now));
            } else if it.account == kind.account && !only_this_kind {
                view.siblings.push(evidence.aged(now));
            }
        }
        view
    }

    /// Returns `true` if the tier is known to fail for the page.
    pub(super) fn fails(&self, tier: Tier) -> bool {
        if let Some(own) = self.own.as_ref().filter(|it| it.works(tier) || it.fails(tier)) {
            return own.fails(tier);
        }
        if self.others.iter().any(|it| it.works(tier)) {
            return false;
        }
        self.siblings.iter().filter(|it| it.fails(tier)).count() >= DIVERSE
            && !self.siblings.iter().any(|it| it.works(tier))
    }

    /// Returns `true` if the tier is known to work for such pages.
    pub(super) fn works(&self, tier: Tier) -> bool {
        self.own.iter().chain(&self.siblings).any(|it| it.works(tier))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::core::id::AccountId;
    use crate::core::request::{Item, Limits};

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn all() -> TierSet {
        Tier::ALL.into_iter().collect()
    }

    fn attempt(tier: Tier, finding: Finding) -> Attempt {
        Attempt::new(tier, finding, "seen", NOW)
    }

    fn judged(tier: Tier, verdict: Verdict) -> Attempt {
        attempt(tier, Finding::Judged(verdict))
    }

    fn blocked(tier: Tier) -> Attempt {
        judged(tier, Verdict::Blocked { by: None, challenge: false })
    }

    /// The attempts of a job for which `worked` worked, after all tiers from `from` on were blocked.
    fn climbed(from: Tier, worked: Tier) -> Vec<Attempt> {
        let below = Tier::ALL.into_iter().filter(|it| from <= *it && *it < worked);
        below.map(blocked).chain([judged(worked, Verdict::Usable)]).collect()
    }

    struct Site(SiteProfile);

    impl Site {
        fn new() -> Self {
            Self(SiteProfile::new("a.test", NOW))
        }

        fn learn_item(&mut self, account: &str, item: Item, trail: &[Attempt]) -> bool {
            let request = item.check(&Limits::default()).expect("valid");
            let kind = PageKind::of(&AccountId::new(account).expect("a name"), &request);
            self.0.learn_job(kind, &request, trail, NOW)
        }

        fn learn(&mut self, account: &str, path: &str, trail: &[Attempt]) {
            let item = Item::get(format!("http://a.test{path}"));
            self.learn_item(account, item, trail);
        }

        fn start_item(&self, account: &str, item: Item, now: Timestamp, random: u64) -> Tier {
            let request = item.check(&Limits::default()).expect("valid");
            let kind = PageKind::of(&AccountId::new(account).expect("a name"), &request);
            self.0.start(kind, &request, all(), now, random).expect("a tier")
        }

        fn start(&self, account: &str, path: &str) -> Tier {
            let item = Item::get(format!("http://a.test{path}"));
            self.start_item(account, item, NOW, 1)
        }
    }

    /// A site of whose items one account knows that they need the browser.
    fn hard_items() -> Site {
        let mut site = Site::new();
        for number in 0..2 {
            let path = format!("/item/{number}");
            site.learn("a", &path, &climbed(Tier::Curl, Tier::Browser));
        }
        site
    }

    #[test]
    fn two_pages_of_a_kind_move_its_start_tier() {
        let mut site = Site::new();
        site.learn("a", "/item/1", &climbed(Tier::Curl, Tier::Browser));
        assert_eq!(site.start("a", "/item/3"), Tier::Curl);

        site.learn("a", "/item/2", &climbed(Tier::Curl, Tier::Browser));

        assert_eq!(site.start("a", "/item/3"), Tier::Browser);
        assert_eq!(site.start("a", "/about"), Tier::Curl, "another kind");
    }

    #[test]
    fn the_evidence_of_an_account_raises_no_other_accounts_start_tier() {
        let mut site = Site::new();
        for account in ["b", "c", "d", "e", "f"] {
            for path in ["/item/1", "/item/2", "/blog/a-b", "/blog/c-d", "/x", "/x", "/y", "/y"] {
                site.learn(account, path, &climbed(Tier::Curl, Tier::Browser));
            }
        }

        assert_eq!(site.start("b", "/item/3"), Tier::Browser);
        assert_eq!(site.start("a", "/item/3"), Tier::Curl);
    }

    #[test]
    fn three_patterns_of_an_account_count_for_its_other_pages() {
        let mut site = hard_items();
        for path in ["/blog/a-b", "/blog/c-d"] {
            site.learn("a", path, &climbed(Tier::Curl, Tier::Browser));
        }
        assert_eq!(site.start("a", "/about"), Tier::Curl);

        for path in ["/x", "/x"] {
            site.learn("a", path, &climbed(Tier::Curl, Tier::Browser));
        }

        assert_eq!(site.start("a", "/about"), Tier::Browser);
        let mut cheap = Item::get("http://a.test/about");
        cheap.cost_controls.prefer_cost = true;
        assert_eq!(site.start_item("a", cheap, NOW, 1), Tier::Curl, "not known of this kind");
        site.learn("b", "/about", &[judged(Tier::Curl, Verdict::Usable)]);
        assert_eq!(
            site.start("a", "/about"),
            Tier::Curl,
            "it is known to work for another account"
        );
    }

    #[test]
    fn a_success_of_the_cheapest_tier_counts_at_once() {
        let mut site = hard_items();

        site.learn("a", "/item/9", &[judged(Tier::Curl, Verdict::Usable)]);

        assert_eq!(site.start("a", "/item/3"), Tier::Curl);
        for _ in 0..3 {
            site.learn("a", "/item/9", &climbed(Tier::Curl, Tier::Browser));
        }
        assert_eq!(site.start("a", "/item/3"), Tier::Curl, "it works one time in four");
    }

    #[test]
    fn forced_tiers_and_explicit_modes_teach_nothing() {
        let mut site = Site::new();
        let item = || Item::get("http://a.test/item/1");
        for item in [item().force_tier(Tier::Browser), item().mode(Mode::Js)] {
            let browser = [judged(Tier::Browser, Verdict::Usable)];
            assert!(!site.learn_item("a", item, &browser));
        }

        assert_eq!(site.0, Site::new().0);
    }

    #[test]
    fn what_brought_no_page_teaches_nothing() {
        let mut site = Site::new();
        let silent = |code| attempt(Tier::Curl, Finding::Transport { code, retryable: true });
        let trails = [
            vec![blocked(Tier::Curl), blocked(Tier::Http), blocked(Tier::Browser)],
            vec![silent(ErrorCode::ConnectionError); 3],
            vec![judged(Tier::Curl, Verdict::Permanent(ErrorCode::NotFoundTarget))],
            Vec::new(),
        ];
        for trail in trails {
            site.learn("a", "/item/1", &trail);
        }

        assert_eq!(site.0, Site::new().0);
    }

    #[test]
    fn a_tier_without_a_response_is_not_known_to_fail() {
        let mut site = Site::new();
        let code = ErrorCode::ConnectionError;
        let silent = attempt(Tier::Curl, Finding::Transport { code, retryable: true });
        let busy = judged(Tier::Curl, Verdict::Transient { retry_after: None });
        for first in [silent.clone(), silent, busy.clone(), busy] {
            site.learn("a", "/item/1", &[first, judged(Tier::Http, Verdict::Usable)]);
        }
        assert_eq!(site.start("a", "/item/1"), Tier::Curl);

        let refused = judged(Tier::Curl, Verdict::Permanent(ErrorCode::TargetHttpError));
        for _ in 0..2 {
            let trail = [refused.clone(), judged(Tier::Http, Verdict::Usable)];
            site.learn("a", "/item/1", &trail);
        }

        assert_eq!(site.start("a", "/item/1"), Tier::Http, "a refusal such as 406 is");
    }

    #[test]
    fn the_cheapest_tier_is_explored_more_often_the_more_it_would_save() {
        let mut near = Site::new();
        (0..2).for_each(|_| near.learn("a", "/item/1", &climbed(Tier::Curl, Tier::Http)));
        let item = || Item::get("http://a.test/item/1");
        let explored = |site: &Site| {
            (0..48).filter(|it| site.start_item("a", item(), NOW, *it) == Tier::Curl).count()
        };

        assert_eq!(explored(&hard_items()), 12);
        assert_eq!(explored(&near), 3);
    }

    #[test]
    fn old_evidence_expires() {
        let start = |days| {
            let now = NOW.after(Duration::from_hours(24) * days);
            hard_items().start_item("a", Item::get("http://a.test/item/1"), now, 1)
        };

        assert_eq!(start(0), Tier::Browser);
        assert_eq!(start(1), Tier::Curl, "half of two failures is not enough");
    }

    #[test]
    fn an_outage_keeps_a_kind_of_page_from_the_browser_for_a_while() {
        let mut site = Site::new();
        let down = |tier| {
            let verdict = Verdict::Transient { retry_after: None };
            Attempt { status: Some(500), ..judged(tier, verdict) }
        };
        let request = Item::get("http://a.test/item/1").check(&Limits::default()).expect("valid");
        let kind =
            |account: &str| PageKind::of(&AccountId::new(account).expect("a name"), &request);
        assert!(site.0.last_resort(kind("a"), NOW));

        for _ in 0..2 {
            site.learn("a", "/item/1", &[down(Tier::Curl), down(Tier::Http), down(Tier::Browser)]);
        }

        assert!(!site.0.last_resort(kind("a"), NOW));
        assert!(site.0.last_resort(kind("b"), NOW), "another account");
        assert!(site.0.last_resort(kind("a"), NOW.after(Duration::from_mins(10))));
    }

    #[test]
    fn only_the_accounts_own_successes_prove_a_tier() {
        let site = hard_items();
        let request = Item::get("http://a.test/about").check(&Limits::default()).expect("valid");
        let proven = |account: &str| {
            let kind = PageKind::of(&AccountId::new(account).expect("a name"), &request);
            site.0.proven(kind, NOW).iter().collect::<Vec<_>>()
        };

        assert_eq!(proven("a"), [Tier::Browser]);
        assert_eq!(proven("b"), []);
    }

    #[test]
    fn the_record_is_bounded_and_the_busiest_account_makes_room() {
        let mut site = hard_items();
        for number in 0..200_usize {
            let path = format!("/{}", "x".repeat(number % 24 + 1));
            let item = Item::get(format!("http://a.test{path}?p{number}=1"));
            site.learn_item("b", item, &climbed(Tier::Curl, Tier::Browser));
        }

        assert_eq!(site.0.kinds.len(), MAX_KINDS);
        assert_eq!(site.start("a", "/item/3"), Tier::Browser, "its evidence is still there");
    }

    #[test]
    fn what_is_known_is_not_written_again() {
        let mut site = Site::new();
        let item = || Item::get("http://a.test/item/1");
        let page = [judged(Tier::Curl, Verdict::Usable)];
        let writes = (0..20).filter(|_| site.learn_item("a", item(), &page)).count();

        assert_eq!(writes, 3, "until the weight of successes is at its greatest");
    }
}
