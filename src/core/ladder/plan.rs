//! The planner.

use std::time::Duration;

use crate::core::backoff::Backoff;
use crate::core::failure::{ErrorCode, JobError};
use crate::core::job::{Attempt, Finding};
use crate::core::ladder::failed;
use crate::core::ladder::reach::{Reach, TierSet, highest_tier};
use crate::core::request::JobRequest;
use crate::core::tier::Tier;
use crate::core::verdict::Verdict;

/// The input of the planner.
#[derive(Clone, Copy, Debug)]
pub struct PlanInput<'a> {
    /// The request.
    pub request: &'a JobRequest,
    /// The tiers that the job may use.
    pub reach: Reach,
    /// All attempts so far.
    pub trail: &'a [Attempt],
    /// The start tier by the profile of the site.
    pub start: Option<Tier>,
    /// The tiers on which the site has lately responded with a page.
    pub proven: TierSet,
    /// `true` if the browser may be tried after a failure that cheaper tiers met too: the site's recent
    /// failures do not show that it is down for browsers as well.
    pub last_resort: bool,
    /// The time that the ladder has used.
    pub used: Duration,
    /// The time since the last attempt ended.
    pub since_last: Duration,
    /// The retry policy.
    pub backoff: Backoff,
    /// A random number, for jitter.
    pub random: u64,
}

/// The next action for a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Try this tier, after a wait.
    Try {
        /// The tier.
        tier: Tier,
        /// The wait before the attempt: zero for the next tier, more for a retry.
        wait: Duration,
    },
    /// Accept the last page.
    Accept,
    /// End the job, because the time budget allows no further attempt: with the best page so far, or with this error if
    /// there is none.
    OutOfTime(JobError),
    /// Give up.
    Stop(JobError),
}

impl<'a> PlanInput<'a> {
    /// Returns the facts of a job before its first attempt, on a site of which nothing is known.
    pub fn first(request: &'a JobRequest, reach: Reach, backoff: Backoff) -> Self {
        Self {
            request,
            reach,
            trail: &[],
            start: None,
            proven: TierSet::default(),
            last_resort: true,
            used: Duration::ZERO,
            since_last: Duration::ZERO,
            backoff,
            random: 0,
        }
    }

    /// Returns the time that is left of `timeout` and `time_budget`.
    pub(super) fn left(&self) -> Duration {
        let timeout = self.request.timeout();
        self.budget().map_or(timeout, |it| it.min(timeout)).saturating_sub(self.used)
    }

    fn budget(&self) -> Option<Duration> {
        self.request.cost_controls().time_budget
    }

    /// Returns `true` if the time budget ends before the timeout.
    pub fn is_budget_first(&self) -> bool {
        self.budget().is_some_and(|it| it <= self.request.timeout())
    }

    /// Returns `true` if the rest of the time budget is worth an attempt on `tier`. Without a budget every tier is.
    pub(super) fn has_time_for(&self, tier: Tier) -> bool {
        let needed = match tier {
            Tier::Stealth => STEALTH_TIME,
            Tier::Browser => BROWSER_TIME,
            Tier::Curl | Tier::Http | Tier::LightJs => Duration::ZERO,
        };
        self.budget().is_none_or(|it| it.saturating_sub(self.used) >= needed)
    }
}

/// The shortest rest of a time budget with which the ladder climbs to tier 3, as the API promises.
const STEALTH_TIME: Duration = Duration::from_secs(5);
/// The same for tier 4.
const BROWSER_TIME: Duration = Duration::from_secs(10);

pub(super) fn stop(code: ErrorCode, message: impl Into<String>) -> Plan {
    Plan::Stop(JobError::new(code, message))
}

pub(super) fn at_once(tier: Tier) -> Plan {
    Plan::Try { tier, wait: Duration::ZERO }
}

/// Returns the next action.
///
/// The same facts give the same plan, and each step of it can be read back from the trail: what the
/// last attempt found is the reason for the next.
pub fn plan(facts: &PlanInput<'_>) -> Plan {
    if let Some(stop) = out_of_time(facts) {
        return stop;
    }
    let Some(last) = facts.trail.last() else { return first(facts) };
    match &last.finding {
        Finding::Judged(Verdict::Usable | Verdict::Other(_)) => Plan::Accept,
        Finding::Judged(Verdict::Permanent(_) | Verdict::Transient { .. })
        | Finding::Transport { .. } => failed::next(facts, last),
        Finding::Judged(Verdict::Blocked { challenge, .. }) => climb(facts, last, *challenge),
        Finding::Judged(Verdict::NeedsRendering | Verdict::Thin) => climb(facts, last, false),
    }
}

fn out_of_time(facts: &PlanInput<'_>) -> Option<Plan> {
    let timeout = facts.request.timeout();
    // The response of a page that was fetched was in time; only reading it was not.
    let has_page = facts.trail.last().is_some_and(Attempt::has_good_page);
    if facts.is_budget_first() && facts.left().is_zero() && !has_page {
        let message = "the time budget expired before the page was fetched: raise `time_budget`";
        return Some(Plan::OutOfTime(JobError::new(ErrorCode::TimeBudgetExpired, message)));
    }
    (facts.used >= timeout).then(|| {
        let message =
            format!("the page was not fetched within {} s: raise `timeout`", timeout.as_secs());
        stop(ErrorCode::Timeout, message)
    })
}

/// Ends a job whose next tier needs more time than is left of the budget.
pub(super) fn too_little_time(facts: &PlanInput<'_>, last: &Attempt, tier: Tier) -> Plan {
    let message = format!(
        "{}; the {} s that are left of the time budget are too short for tier {tier}: raise `time_budget`",
        last.signal,
        facts.left().as_secs(),
    );
    let error = JobError::new(ErrorCode::TimeBudgetExpired, message);
    Plan::OutOfTime(JobError { status: last.status, ..error })
}

/// Returns the attempt on the start tier.
fn first(facts: &PlanInput<'_>) -> Plan {
    let usable = facts.reach.usable;
    let Some(tier) = first_tier(facts.request, usable, facts.start) else {
        return Plan::Stop(nowhere_to_go(facts.reach));
    };
    // A cheaper tier in time is better than one that is cut off; a tier that is the only one is tried anyway.
    let cheaper = usable.iter().find(|&it| it < tier).filter(|_| !facts.has_time_for(tier));
    at_once(cheaper.unwrap_or(tier))
}

/// Returns the tier of the first attempt, where `start` is the start tier by the profile of the site.
pub fn first_tier(request: &JobRequest, usable: TierSet, start: Option<Tier>) -> Option<Tier> {
    // `prefer_speed` starts where success is likely, which for an unknown site is tier 3.
    let fast = request
        .cost_controls()
        .prefer_speed
        .then(|| usable.iter().find(|&it| it >= Tier::Stealth && it != Tier::LightJs))
        .flatten();
    start.max(fast).filter(|&it| usable.contains(it)).or(usable.first())
}

/// Returns the error of a job that may use no tier.
fn nowhere_to_go(reach: Reach) -> JobError {
    if let Some(tier) = reach.unaffordable {
        let message = format!("tier {tier} costs more than `max_credits`: raise it");
        return JobError::new(ErrorCode::CostLimitExceeded, message);
    }
    match reach.allowed.first() {
        Some(tier) => JobError {
            required_tier: Some(tier),
            ..JobError::new(
                if tier == Tier::Browser {
                    ErrorCode::RenderFailed
                } else {
                    ErrorCode::TierCapReached
                },
                format!(
                    "the item requires tier {tier} ({}), but no fetcher serves it: configure one",
                    tier.name()
                ),
            )
        },
        None => JobError::new(
            ErrorCode::TierCapReached,
            "the mode and the cost controls exclude every tier: raise `max_tier` or change the mode",
        ),
    }
}

/// Escalates to the next tier that may succeed where the last did not.
fn climb(facts: &PlanInput<'_>, last: &Attempt, challenge: bool) -> Plan {
    let above = |tier: &Tier| *tier > last.tier && helps(last, *tier);
    let usable = facts.reach.usable;
    let is_next = |tier: &Tier| above(tier) && facts.has_time_for(*tier);
    let next = challenge
        .then(|| usable.iter().rev().find(|it| is_next(it) && *it == Tier::Browser))
        .flatten()
        .or_else(|| usable.iter().find(is_next));
    match (next, usable.iter().find(above)) {
        (Some(tier), _) => at_once(tier),
        (None, Some(tier)) => too_little_time(facts, last, tier),
        (None, None) => top(facts, last, Tier::ALL.into_iter().rfind(above)),
    }
}

/// Returns `true` if `tier` may bring more than the page of `last`, which was blocked, thin or needs rendering.
pub(super) fn helps(last: &Attempt, tier: Tier) -> bool {
    match &last.finding {
        // Who blocks the request also blocks reading its data; a challenge wants a browser.
        Finding::Judged(Verdict::Blocked { .. }) => tier != Tier::LightJs,
        // Other headers bring no other shell: either the data is in the page, or scripts must run.
        Finding::Judged(Verdict::NeedsRendering) => tier >= Tier::LightJs,
        _ => tier != Tier::Stealth,
    }
}

/// Ends a job for which no tier is left.
pub(super) fn top(facts: &PlanInput<'_>, last: &Attempt, needed: Option<Tier>) -> Plan {
    let reach = &facts.reach;
    let too_dear = reach.unaffordable.filter(|it| *it > last.tier);
    let capped = needed.filter(|it| !reach.allowed.contains(*it));
    let mut error = match &last.finding {
        Finding::Judged(Verdict::Thin) => return Plan::Accept,
        _ if too_dear.is_some() => JobError::new(
            ErrorCode::CostLimitExceeded,
            format!("{}; the next tier costs more than `max_credits`: raise it", last.signal),
        ),
        Finding::Judged(Verdict::Blocked { challenge: true, .. }) => {
            JobError::new(ErrorCode::ChallengeDetected, last.signal.clone())
        }
        Finding::Judged(Verdict::Blocked { .. }) => {
            JobError::new(ErrorCode::BlockedByAntibot, last.signal.clone())
        }
        _ if capped.is_some() => JobError::new(
            ErrorCode::TierCapReached,
            format!("{}; {}", last.signal, excluded(facts.request, capped.unwrap_or(last.tier))),
        ),
        _ if last.tier == Tier::Browser => JobError::new(
            ErrorCode::EmptyContent,
            format!("{}, although it was rendered", last.signal),
        ),
        _ => JobError::new(
            ErrorCode::RenderFailed,
            format!("{}; the page needs a browser: configure one", last.signal),
        ),
    };
    error.status = last.status;
    error.required_tier = too_dear.or(capped);
    Plan::Stop(error)
}

/// Describes the options that exclude the tier that a page needs, and the remedy.
fn excluded(request: &JobRequest, tier: Tier) -> String {
    let controls = request.cost_controls();
    let mode = request.mode();
    let mut remedies = Vec::new();
    if highest_tier(mode) < tier {
        remedies.push(format!("use mode `auto` instead of `{mode}`"));
    }
    if controls.force_tier.is_some_and(|it| it != tier) {
        remedies.push("drop `force_tier`".to_owned());
    }
    if controls.fail_fast && tier == Tier::Browser {
        remedies.push("drop `fail_fast`".to_owned());
    }
    if controls.max_tier.is_some_and(|it| it < tier) {
        remedies.push(format!("raise `max_tier` to {tier}"));
    }
    let name = tier.name();
    format!(
        "the page needs tier {tier} ({name}), which its options exclude: {}",
        remedies.join(" and ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::credits::Credits;
    use crate::core::ladder::reach::Capabilities;
    use crate::core::price::PriceList;
    use crate::core::request::{Item, Limits, Mode};
    use crate::core::time::Timestamp;

    fn attempt(tier: Tier, verdict: Verdict) -> Attempt {
        Attempt {
            tier,
            finding: Finding::Judged(verdict),
            signal: "seen".into(),
            status: Some(200),
            started_at: Timestamp::default(),
            duration: Duration::from_millis(1),
            skipped: Vec::new(),
        }
    }

    fn planned(item: Item, tiers: &[Tier], trail: &[Attempt]) -> Plan {
        let request = item.check(&Limits::default()).expect("valid");
        let tools =
            Capabilities { tiers: tiers.iter().copied().collect(), ..Capabilities::default() };
        let reach = Reach::of(&request, &tools, &PriceList::default());
        let used = trail.iter().map(|it| it.duration).sum();
        plan(&PlanInput {
            request: &request,
            reach,
            trail,
            start: None,
            proven: TierSet::default(),
            last_resort: true,
            used,
            since_last: Duration::ZERO,
            backoff: Backoff::PAGE,
            random: 0,
        })
    }

    fn code(plan: Plan) -> ErrorCode {
        match plan {
            Plan::Stop(error) | Plan::OutOfTime(error) => error.code,
            other => panic!("expected a stop, got {other:?}"),
        }
    }

    const HTTP: [Tier; 4] = [Tier::Curl, Tier::Http, Tier::Stealth, Tier::LightJs];

    fn blocked() -> Verdict {
        Verdict::Blocked { by: None, challenge: false }
    }

    #[test]
    fn a_block_escalates_by_one_tier() {
        let item = || Item::get("http://a/");

        assert_eq!(planned(item(), &Tier::ALL, &[]), at_once(Tier::Curl));
        assert_eq!(
            planned(item(), &Tier::ALL, &[attempt(Tier::Curl, blocked())]),
            at_once(Tier::Http)
        );
        let shell = attempt(Tier::Curl, Verdict::NeedsRendering);
        assert_eq!(planned(item(), &Tier::ALL, &[shell]), at_once(Tier::LightJs));
    }

    #[test]
    fn a_challenge_goes_to_the_browser_when_there_is_one() {
        let seen = [attempt(Tier::Curl, Verdict::Blocked { by: None, challenge: true })];

        assert_eq!(planned(Item::get("http://a/"), &Tier::ALL, &seen), at_once(Tier::Browser));
        assert_eq!(planned(Item::get("http://a/"), &HTTP, &seen), at_once(Tier::Http));
    }

    #[test]
    fn no_plan_exceeds_the_cap() {
        let seen = [attempt(Tier::Http, blocked())];

        let capped = planned(Item::get("http://a/").max_tier(Tier::Http), &Tier::ALL, &seen);

        assert_eq!(code(capped), ErrorCode::BlockedByAntibot);
        let forced = planned(Item::get("http://a/").force_tier(Tier::Stealth), &Tier::ALL, &[]);
        assert_eq!(forced, at_once(Tier::Stealth));
    }

    #[test]
    fn a_page_that_needs_rendering_names_the_missing_fetcher() {
        let seen = [attempt(Tier::LightJs, Verdict::NeedsRendering)];

        assert_eq!(code(planned(Item::get("http://a/"), &HTTP, &seen)), ErrorCode::RenderFailed);
        let capped = planned(Item::get("http://a/").max_tier(Tier::LightJs), &Tier::ALL, &seen);
        assert_eq!(code(capped), ErrorCode::TierCapReached);
        let js = planned(Item::get("http://a/").mode(Mode::Js), &HTTP, &[]);
        assert_eq!(code(js), ErrorCode::RenderFailed);
    }

    #[test]
    fn a_page_that_needs_an_excluded_tier_names_the_option_that_excludes_it() {
        let remedy = |item: Item| {
            let seen = [attempt(Tier::Curl, Verdict::NeedsRendering)];
            let Plan::Stop(error) = planned(item, &[Tier::Curl, Tier::Browser], &seen) else {
                panic!("the browser is excluded");
            };
            assert_eq!(
                (error.code, error.required_tier),
                (ErrorCode::TierCapReached, Some(Tier::Browser))
            );
            error.message.rsplit(": ").next().unwrap_or_default().to_owned()
        };
        let mut fast = Item::get("http://a/");
        fast.cost_controls.fail_fast = true;

        for (item, expected) in [
            (Item::get("http://a/").mode(Mode::Html), "use mode `auto` instead of `html`"),
            (Item::get("http://a/").max_tier(Tier::Http), "raise `max_tier` to 4"),
            (Item::get("http://a/").force_tier(Tier::Curl), "drop `force_tier`"),
            (fast, "drop `fail_fast`"),
            (
                Item::get("http://a/").mode(Mode::Html).max_tier(Tier::Http),
                "use mode `auto` instead of `html` and raise `max_tier` to 4",
            ),
        ] {
            assert_eq!(remedy(item), expected);
        }
    }

    #[test]
    fn a_budget_stops_before_the_step_that_would_break_it() {
        let mut item = Item::get("http://a/");
        item.cost_controls.max_credits = Some(Credits(250));

        let plan = planned(item, &Tier::ALL, &[attempt(Tier::Curl, blocked())]);

        assert_eq!(code(plan), ErrorCode::CostLimitExceeded);
    }

    #[test]
    fn a_thin_page_is_accepted_as_the_last_resort() {
        let seen = [attempt(Tier::LightJs, Verdict::Thin)];

        assert_eq!(planned(Item::get("http://a/"), &HTTP, &seen), Plan::Accept);
    }

    #[test]
    fn an_exhausted_timeout_ends_the_ladder() {
        let mut late = attempt(Tier::Curl, blocked());
        late.duration = Duration::from_secs(90);

        assert_eq!(code(planned(Item::get("http://a/"), &Tier::ALL, &[late])), ErrorCode::Timeout);
    }

    #[test]
    fn an_exhausted_time_budget_ends_the_ladder() {
        let spent = |millis| {
            let mut item = Item::get("http://a/");
            item.cost_controls.time_budget = Some(Duration::from_secs(5));
            let seen = Attempt {
                duration: Duration::from_millis(millis),
                ..attempt(Tier::Curl, blocked())
            };
            planned(item, &Tier::ALL, &[seen])
        };

        assert_eq!(spent(4_999), at_once(Tier::Http));
        assert_eq!(code(spent(5_000)), ErrorCode::TimeBudgetExpired);
    }

    #[test]
    fn a_tier_is_skipped_if_the_rest_of_the_time_budget_is_too_short_for_it() {
        let after = |tier, verdict, seconds, tiers: &[Tier]| {
            let mut item = Item::get("http://a/");
            item.cost_controls.time_budget = Some(Duration::from_secs(20));
            let duration = Duration::from_secs(seconds);
            planned(item, tiers, &[Attempt { duration, ..attempt(tier, verdict) }])
        };

        let every = &Tier::ALL;
        assert_eq!(after(Tier::Http, blocked(), 15, every), at_once(Tier::Stealth));
        let late = after(Tier::Http, blocked(), 16, every);
        assert!(matches!(late, Plan::OutOfTime(_)), "neither tier 3 nor tier 4: {late:?}");
        assert_eq!(code(late), ErrorCode::TimeBudgetExpired);
        let without_stealth = [Tier::Curl, Tier::Http, Tier::Browser];
        assert_eq!(after(Tier::Http, blocked(), 10, &without_stealth), at_once(Tier::Browser));
        let late = after(Tier::Http, blocked(), 11, &without_stealth);
        assert!(matches!(late, Plan::OutOfTime(_)), "{late:?}");
        assert_eq!(after(Tier::Curl, Verdict::Thin, 19, every), at_once(Tier::Http));
    }

    #[test]
    fn a_first_tier_that_the_time_budget_is_too_short_for_makes_room_for_a_cheaper_one() {
        let first = |seconds, item: Item| {
            let mut item = item.prefer_speed();
            item.cost_controls.time_budget = Some(Duration::from_secs(seconds));
            planned(item, &[Tier::Curl, Tier::Browser], &[])
        };

        assert_eq!(first(10, Item::get("http://a/")), at_once(Tier::Browser));
        assert_eq!(first(9, Item::get("http://a/")), at_once(Tier::Curl));
        let only = Item::get("http://a/").force_tier(Tier::Browser);
        assert_eq!(first(9, only), at_once(Tier::Browser));
    }

    #[test]
    fn a_page_that_was_read_after_the_time_budget_is_accepted() {
        let mut item = Item::get("http://a/");
        item.cost_controls.time_budget = Some(Duration::from_secs(5));
        let duration = Duration::from_secs(6);

        let late = Attempt { duration, ..attempt(Tier::Curl, Verdict::Usable) };

        assert_eq!(planned(item, &Tier::ALL, &[late]), Plan::Accept);
    }

    #[test]
    fn prefer_speed_starts_on_the_likeliest_tier() {
        let fast = |tiers: &[Tier]| {
            let mut item = Item::get("http://a/");
            item.cost_controls.prefer_speed = true;
            planned(item, tiers, &[])
        };

        assert_eq!(fast(&Tier::ALL), at_once(Tier::Stealth));
        assert_eq!(fast(&[Tier::Curl, Tier::LightJs, Tier::Browser]), at_once(Tier::Browser));
        assert_eq!(fast(&[Tier::Curl, Tier::LightJs]), at_once(Tier::Curl));
    }

    #[test]
    fn a_tier_that_nothing_serves_is_named() {
        let Plan::Stop(error) = planned(Item::get("http://a/").mode(Mode::Js), &HTTP, &[]) else {
            panic!("there is no browser");
        };

        assert_eq!(error.required_tier, Some(Tier::Browser));
    }

    #[test]
    fn a_useless_tier_is_skipped() {
        let next =
            |tier, verdict| planned(Item::get("http://a/"), &Tier::ALL, &[attempt(tier, verdict)]);

        assert_eq!(next(Tier::Http, blocked()), at_once(Tier::Stealth));
        assert_eq!(next(Tier::Stealth, blocked()), at_once(Tier::Browser), "not the page's data");
        assert_eq!(next(Tier::Curl, Verdict::Thin), at_once(Tier::Http));
        assert_eq!(next(Tier::Http, Verdict::Thin), at_once(Tier::LightJs), "no other address");
    }

    #[test]
    fn the_top_of_the_ladder_reports_the_obstacle() {
        let top = |verdict| {
            code(planned(Item::get("http://a/"), &Tier::ALL, &[attempt(Tier::Browser, verdict)]))
        };

        let challenge = Verdict::Blocked { by: None, challenge: true };
        assert_eq!(top(challenge), ErrorCode::ChallengeDetected);
        assert_eq!(top(blocked()), ErrorCode::BlockedByAntibot);
        assert_eq!(top(Verdict::NeedsRendering), ErrorCode::EmptyContent);
    }

    #[test]
    fn a_used_tier_is_not_named_as_unaffordable() {
        let mut item = Item::get("http://a/").max_tier(Tier::Http);
        // Less than tier 2 costs now; it was cheaper when it was tried.
        item.cost_controls.max_credits = Some(Credits(250));

        let plan = planned(item, &Tier::ALL, &[attempt(Tier::Http, blocked())]);

        assert_eq!(code(plan), ErrorCode::BlockedByAntibot);
    }
}
