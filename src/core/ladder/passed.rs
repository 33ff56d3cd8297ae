//! Explains which tiers a plan passes over.

use crate::core::job::{Attempt, Finding};
use crate::core::ladder::failed;
use crate::core::ladder::plan::{PlanInput, helps};
use crate::core::skipped::{SkipReason, SkippedTier};
use crate::core::tier::Tier;
use crate::core::verdict::Verdict;

/// Returns the tiers that a job passes over on its way to `next`, cheapest first.
///
/// Without a `next` tier these are all above the last attempt, unless that attempt settled the matter: a page that was
/// accepted or a status such as 404 leaves no tier to be missed. Tiers below the first one are listed only if the job could
/// have used them, or would have with another fetcher or price.
pub fn passed_over(facts: &PlanInput<'_>, next: Option<Tier>) -> Vec<SkippedTier> {
    let last = facts.trail.last();
    let is_between =
        |tier: &Tier| last.is_none_or(|it| *tier > it.tier) && next.is_none_or(|next| *tier < next);
    let ends = match last {
        Some(last) => next.is_some() || is_unsatisfied(last),
        None => next.is_some(),
    };
    if !ends {
        return Vec::new();
    }
    let between = Tier::ALL.into_iter().filter(is_between);
    between.filter_map(|it| Some(SkippedTier::new(it, reason(facts, it, next)?))).collect()
}

/// Returns `true` if a more expensive tier might have brought more than this attempt.
fn is_unsatisfied(attempt: &Attempt) -> bool {
    matches!(
        attempt.finding,
        Finding::Judged(Verdict::Blocked { .. } | Verdict::NeedsRendering | Verdict::Thin)
    ) || failed::is_failure(attempt)
}

/// Returns the reason for which a tier is not tried now; `None` if the item is about other tiers.
fn reason(facts: &PlanInput<'_>, tier: Tier, next: Option<Tier>) -> Option<SkipReason> {
    let reach = &facts.reach;
    if !reach.allowed.contains(tier) {
        return facts.trail.last().map(|_| excluded(facts, tier));
    }
    if reach.unserved.contains(tier) {
        return Some(SkipReason::NoFetcher);
    }
    if !reach.usable.contains(tier) {
        return Some(SkipReason::MaxCredits);
    }
    Some(match facts.trail.last() {
        None if facts.start.is_some_and(|it| tier < it) => SkipReason::Learned,
        None => SkipReason::PreferSpeed,
        Some(last) if !may_help(facts, last, tier) => SkipReason::Unhelpful,
        Some(_) if facts.left().is_zero() && !facts.is_budget_first() => SkipReason::Timeout,
        Some(_) if facts.left().is_zero() || !facts.has_time_for(tier) => SkipReason::TimeBudget,
        // A challenge leads on to the browser.
        Some(_) if next.is_some() => SkipReason::Unhelpful,
        Some(_) => SkipReason::SiteWait,
    })
}

/// Returns the reason for which the item itself excludes a tier above the last attempt.
fn excluded(facts: &PlanInput<'_>, tier: Tier) -> SkipReason {
    let controls = facts.request.cost_controls();
    if controls.force_tier.is_some() {
        return SkipReason::ForceTier;
    }
    if controls.max_tier.is_some_and(|it| tier > it) {
        return SkipReason::MaxTier;
    }
    let is_fast = controls.fail_fast && tier == Tier::Browser;
    if is_fast { SkipReason::FailFast } else { SkipReason::Mode }
}

fn may_help(facts: &PlanInput<'_>, last: &Attempt, tier: Tier) -> bool {
    match last.finding {
        Finding::Judged(Verdict::Blocked { .. } | Verdict::NeedsRendering | Verdict::Thin) => {
            helps(last, tier)
        }
        _ => failed::avoids(facts, last, tier),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::core::backoff::Backoff;
    use crate::core::credits::Credits;
    use crate::core::ladder::plan::{Plan, plan};
    use crate::core::ladder::reach::{Capabilities, Reach};
    use crate::core::price::PriceList;
    use crate::core::request::{Item, Limits, Mode};
    use crate::core::time::Timestamp;
    use SkipReason as R;

    const DIRECT: [Tier; 4] = [Tier::Curl, Tier::Http, Tier::LightJs, Tier::Browser];

    fn blocked(tier: Tier) -> Attempt {
        let verdict = Verdict::Blocked { by: None, challenge: false };
        Attempt::new(tier, Finding::Judged(verdict), "seen", Timestamp::default())
    }

    fn judged(tier: Tier, verdict: Verdict) -> Attempt {
        Attempt::new(tier, Finding::Judged(verdict), "seen", Timestamp::default())
    }

    struct Case<'a> {
        item: Item,
        tiers: &'a [Tier],
        trail: &'a [Attempt],
        start: Option<Tier>,
        used: u64,
    }

    impl<'a> Case<'a> {
        fn new(item: Item, trail: &'a [Attempt]) -> Self {
            Self { item, tiers: &DIRECT, trail, start: None, used: 0 }
        }

        fn passed(self) -> Vec<(Tier, SkipReason)> {
            let request = self.item.check(&Limits::default()).expect("valid");
            let tools = Capabilities::new(self.tiers.iter().copied());
            let reach = Reach::of(&request, &tools, &PriceList::default());
            let facts = PlanInput {
                trail: self.trail,
                start: self.start,
                used: Duration::from_secs(self.used),
                ..PlanInput::first(&request, reach, Backoff::PAGE)
            };
            let next = match plan(&facts) {
                Plan::Try { tier, .. } => Some(tier),
                _ => None,
            };
            passed_over(&facts, next).into_iter().map(|it| (it.tier, it.reason)).collect()
        }
    }

    fn item() -> Item {
        Item::get("http://a/")
    }

    #[test]
    fn tiers_between_two_attempts_are_named() {
        let trail = [blocked(Tier::Http)];
        let passed = Case::new(item(), &trail).passed();
        assert_eq!(passed, [(Tier::Stealth, R::NoFetcher), (Tier::LightJs, R::Unhelpful)]);

        let challenge = Verdict::Blocked { by: None, challenge: true };
        let trail = [judged(Tier::Curl, challenge)];
        let case = Case { tiers: &Tier::ALL, ..Case::new(item(), &trail) };
        let between = [Tier::Http, Tier::Stealth, Tier::LightJs];
        assert_eq!(case.passed(), between.map(|it| (it, R::Unhelpful)));

        let trail = [judged(Tier::Curl, Verdict::NeedsRendering)];
        let case = Case { tiers: &Tier::ALL, ..Case::new(item(), &trail) };
        assert_eq!(case.passed(), [(Tier::Http, R::Unhelpful), (Tier::Stealth, R::Unhelpful)]);
    }

    #[test]
    fn tiers_below_the_first_attempt_are_named_if_the_job_could_have_used_them() {
        let learned = Case { start: Some(Tier::LightJs), ..Case::new(item(), &[]) };
        let all =
            [(Tier::Curl, R::Learned), (Tier::Http, R::Learned), (Tier::Stealth, R::NoFetcher)];
        assert_eq!(learned.passed(), all);

        let mut fast = item();
        fast.cost_controls.prefer_speed = true;
        let case = Case { tiers: &Tier::ALL, ..Case::new(fast, &[]) };
        assert_eq!(case.passed(), [(Tier::Curl, R::PreferSpeed), (Tier::Http, R::PreferSpeed)]);

        assert_eq!(Case::new(item().mode(Mode::Js), &[]).passed(), []);
        assert_eq!(Case::new(item().force_tier(Tier::Browser), &[]).passed(), []);
        assert_eq!(Case::new(item(), &[]).passed(), []);
    }

    #[test]
    fn tiers_above_the_last_attempt_are_named_with_the_control_that_excludes_them() {
        let trail = [blocked(Tier::LightJs)];
        let browser = |item: Item| Case::new(item, &trail).passed();
        let mut cheap = item();
        cheap.cost_controls.max_credits = Some(Credits(3_000));
        let mut fast = item();
        fast.cost_controls.fail_fast = true;

        assert_eq!(browser(item().max_tier(Tier::LightJs)), [(Tier::Browser, R::MaxTier)]);
        assert_eq!(browser(item().force_tier(Tier::LightJs)), [(Tier::Browser, R::ForceTier)]);
        assert_eq!(browser(item().mode(Mode::Html)), [(Tier::Browser, R::Mode)]);
        assert_eq!(browser(cheap), [(Tier::Browser, R::MaxCredits)]);
        assert_eq!(browser(fast), [(Tier::Browser, R::FailFast)]);
        let case = Case { tiers: &DIRECT[..3], ..Case::new(item(), &trail) };
        assert_eq!(case.passed(), [(Tier::Browser, R::NoFetcher)]);
    }

    #[test]
    fn tiers_for_which_the_time_is_too_short_are_named() {
        let trail = [blocked(Tier::LightJs)];
        let budget = || {
            let mut item = item();
            item.cost_controls.time_budget = Some(Duration::from_secs(12));
            item
        };

        for used in [3, 12] {
            let case = Case { used, ..Case::new(budget(), &trail) };
            assert_eq!(case.passed(), [(Tier::Browser, R::TimeBudget)], "after {used} s");
        }
        let late = Case { used: 90, ..Case::new(item(), &trail) };
        assert_eq!(late.passed(), [(Tier::Browser, R::Timeout)]);
        let retry_after = Some(Duration::from_secs(200));
        let trail = [Attempt {
            status: Some(503),
            ..judged(Tier::LightJs, Verdict::Transient { retry_after })
        }];
        assert_eq!(Case::new(item(), &trail).passed(), [(Tier::Browser, R::SiteWait)]);
    }

    #[test]
    fn an_attempt_that_settles_the_matter_misses_no_tier() {
        use crate::core::failure::ErrorCode;

        for verdict in [Verdict::Usable, Verdict::Permanent(ErrorCode::NotFoundTarget)] {
            let trail = [judged(Tier::Curl, verdict)];
            assert_eq!(Case::new(item(), &trail).passed(), []);
        }
    }
}
