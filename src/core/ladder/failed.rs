//! Plans what follows an attempt that brought no page although nothing blocked it: an error status, or no
//! response.
//!
//! Such a failure is retried on its tier. If retries do not help, the tier itself may be the reason: servers
//! reset, hang, redirect without end, or answer clients that they take for programs with statuses such as 400,
//! 406, 429 or 503. The ladder therefore goes on to the next tier, which gets one attempt if it fails in the
//! same way.
//!
//! # Invariants
//!
//! * A status that settles the matter (401, 402, 404, 410, 451, a refusal of an API) never escalates.
//! * A wait that the site asks for is kept in full, or the job fails: it is neither cut short nor dodged by
//!   another tier.

use std::time::Duration;

use crate::core::failure::{ErrorCode, JobError};
use crate::core::job::{Attempt, Finding};
use crate::core::ladder::plan::{Plan, PlanInput, stop, too_little_time, top};
use crate::core::tier::Tier;
use crate::core::verdict::Verdict;

/// The share of the remaining time that an attempt gets while a failure may lead on to another tier. Chosen by
/// hand: a page may take more than half of the timeout on its first tier, and a hang leaves time for a second.
const TIME_SHARE: f64 = 0.6;

/// The text between the signal of an attempt and the reason for escalating from it.
const NEXT_TIER: &str = "; trying tier ";

/// A failure that a server may keep for clients that it takes for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    Status(u16),
    NoResponse(ErrorCode),
}

/// Returns the failure of an attempt if another tier may avoid it.
fn failure(attempt: &Attempt) -> Option<Failure> {
    match &attempt.finding {
        Finding::Judged(Verdict::Transient { .. }) => attempt.status.map(Failure::Status),
        Finding::Judged(Verdict::Permanent(ErrorCode::TargetHttpError)) => {
            // 403 with this verdict is a refusal of an API, 451 a matter of law.
            let status = attempt.status.filter(|it| (400..600).contains(it));
            status.filter(|it| !matches!(it, 403 | 451)).map(Failure::Status)
        }
        Finding::Transport { code, .. } => match code {
            // The last is a chain of redirects that does not end.
            ErrorCode::ConnectionError | ErrorCode::Timeout | ErrorCode::TargetHttpError => {
                Some(Failure::NoResponse(*code))
            }
            _ => None,
        },
        Finding::Judged(_) => None,
    }
}

/// Returns `true` if another tier may avoid the attempt's failure.
pub(super) fn is_failure(attempt: &Attempt) -> bool {
    failure(attempt).is_some()
}

/// Returns the next action after a failed attempt.
pub(super) fn next(facts: &PlanInput<'_>, last: &Attempt) -> Plan {
    let (retryable, asked) = match &last.finding {
        Finding::Judged(Verdict::Transient { retry_after }) => (true, *retry_after),
        Finding::Transport { retryable, .. } => (*retryable, None),
        Finding::Judged(_) => (false, None),
    };
    let asked = asked.map(|it| it.saturating_sub(facts.since_last));
    if let Some(asked) = asked.filter(|it| *it >= facts.left() && !it.is_zero()) {
        return too_long(facts, last, asked);
    }
    let tries = facts.trail.iter().rev().take_while(|it| it.tier == last.tier).count();
    let tries = u32::try_from(tries).unwrap_or(u32::MAX);
    let wait = facts.backoff.wait(tries, facts.random).saturating_sub(facts.since_last);
    let wait = asked.map_or(wait, |it| it.max(wait));
    let may_retry = retryable && tries <= retries(facts, last) && wait < facts.left();
    if may_retry && facts.has_time_for(last.tier) {
        return Plan::Try { tier: last.tier, wait };
    }
    match (climb(facts, last), avoiding(facts, last).next()) {
        (Some(tier), _) => Plan::Try { tier, wait: asked.unwrap_or_default() },
        (None, Some(tier)) => too_little_time(facts, last, tier),
        (None, None) if may_retry => too_little_time(facts, last, last.tier),
        (None, None) => match met_by_others(facts, last) {
            Some(earlier) if is_blocked(earlier) => top(facts, earlier, None),
            earlier => gave_up(earlier.unwrap_or(last)),
        },
    }
}

/// Returns the number of retries on the tier of `last`.
fn retries(facts: &PlanInput<'_>, last: &Attempt) -> u32 {
    let Some(found) = failure(last) else { return facts.backoff.retries };
    let below = facts.trail.iter().filter(|it| it.tier < last.tier);
    // A second client that meets the same failure confirms it; a hang costs too much time to be repeated.
    let repeated = below.filter_map(failure).any(|it| it == found);
    let is_hang = found == Failure::NoResponse(ErrorCode::Timeout);
    // A tier that never worked here, while a more expensive one does, is not worth retries.
    let hopeless = !facts.proven.contains(last.tier)
        && facts.reach.usable.iter().any(|it| it > last.tier && facts.proven.contains(it));
    if (repeated || is_hang || hopeless) && climb(facts, last).is_some() {
        return 0;
    }
    if repeated { 0 } else { facts.backoff.retries }
}

/// Returns the tier to which the failure leads on, if any.
fn climb(facts: &PlanInput<'_>, last: &Attempt) -> Option<Tier> {
    avoiding(facts, last).find(|&it| facts.has_time_for(it))
}

/// Returns the usable tiers that may avoid the failure, however long they take.
fn avoiding(facts: &PlanInput<'_>, last: &Attempt) -> impl Iterator<Item = Tier> {
    let above = facts.reach.usable.iter().filter(move |&it| it > last.tier);
    above.filter(move |&it| avoids(facts, last, it))
}

/// Returns `true` if `tier` may avoid the failure of `last`.
pub(super) fn avoids(facts: &PlanInput<'_>, last: &Attempt, tier: Tier) -> bool {
    failure(last).is_some_and(|it| helps(facts, it, tier))
}

/// Returns `true` if `tier` may avoid the failure.
fn helps(facts: &PlanInput<'_>, found: Failure, tier: Tier) -> bool {
    match tier {
        // The same request as tier 2, sent to the same server.
        Tier::LightJs => false,
        Tier::Browser => {
            let is_hang = found == Failure::NoResponse(ErrorCode::Timeout);
            // A browser that waits for a silent site keeps others waiting, so the site must be known to
            // respond at all.
            let responds = facts.proven.contains(Tier::Browser)
                || facts.trail.iter().any(|it| it.status.is_some());
            facts.last_resort && (!is_hang || responds)
        }
        Tier::Curl | Tier::Http | Tier::Stealth => true,
    }
}

/// Returns the time that an attempt on `tier` may take: the remaining time, or a share of it while a hang would
/// lead on to another tier.
pub fn attempt_time(facts: &PlanInput<'_>, tier: Tier) -> Duration {
    let left = facts.left();
    let hang = Failure::NoResponse(ErrorCode::Timeout);
    let share = left.mul_f64(TIME_SHARE);
    // No time is reserved for a tier that could not use it.
    let rest = PlanInput { used: facts.used.saturating_add(share), ..*facts };
    let follows = |it: Tier| it > tier && helps(facts, hang, it) && rest.has_time_for(it);
    if facts.reach.usable.iter().any(follows) { share } else { left }
}

/// Returns the reason for escalating from `last` to `next` if it is not in the observation itself, as an addition to the
/// signal of `last`.
pub fn reason_to_climb(last: &Attempt, next: Tier) -> Option<String> {
    let found = failure(last).filter(|_| next > last.tier)?;
    let what = match found {
        Failure::Status(_) => "answer with such a status",
        Failure::NoResponse(ErrorCode::Timeout) => "leave without a response",
        Failure::NoResponse(ErrorCode::TargetHttpError) => "redirect without end",
        Failure::NoResponse(_) => "disconnect",
    };
    Some(format!("{NEXT_TIER}{next}: some servers {what} only cheaper clients"))
}

fn too_long(facts: &PlanInput<'_>, last: &Attempt, asked: Duration) -> Plan {
    let is_budget = facts.is_budget_first();
    let control = if is_budget { "time_budget" } else { "timeout" };
    let message = format!(
        "{}: the site asks to wait {} s (Retry-After), but only {} s of the job's time are left: raise `{control}` \
         or retry later",
        last.signal,
        asked.as_secs(),
        facts.left().as_secs(),
    );
    let code = if is_budget { ErrorCode::TimeBudgetExpired } else { ErrorCode::TargetHttpError };
    let error = JobError { status: last.status, ..JobError::new(code, message) };
    if is_budget { Plan::OutOfTime(error) } else { Plan::Stop(error) }
}

/// Returns the last attempt that met the site's own failure, if the client of `last` refused to open the URL. Its refusal,
/// for example of a port, explains nothing about the site.
fn met_by_others<'a>(facts: &PlanInput<'a>, last: &Attempt) -> Option<&'a Attempt> {
    if !matches!(last.finding, Finding::Transport { code: ErrorCode::InvalidUrl, .. }) {
        return None;
    }
    facts.trail.iter().rfind(|it| is_failure(it) || is_blocked(it))
}

fn is_blocked(attempt: &Attempt) -> bool {
    matches!(attempt.finding, Finding::Judged(Verdict::Blocked { .. }))
}

fn gave_up(last: &Attempt) -> Plan {
    let seen = last.signal.split(NEXT_TIER).next().unwrap_or_default();
    let code = match &last.finding {
        Finding::Transport { code, .. } => return stop(*code, seen),
        Finding::Judged(Verdict::Permanent(code)) => *code,
        Finding::Judged(_) => ErrorCode::TargetHttpError,
    };
    let error = JobError::new(code, seen);
    Plan::Stop(JobError { status: last.status, ..error })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::backoff::Backoff;
    use crate::core::ladder::plan::{at_once, plan};
    use crate::core::ladder::reach::{Capabilities, Reach, TierSet};
    use crate::core::price::PriceList;
    use crate::core::request::{Item, Limits};
    use crate::core::time::Timestamp;

    const HTTP: [Tier; 3] = [Tier::Curl, Tier::Http, Tier::LightJs];
    const DIRECT: [Tier; 4] = [Tier::Curl, Tier::Http, Tier::LightJs, Tier::Browser];

    fn attempt(tier: Tier, finding: Finding, status: Option<u16>) -> Attempt {
        Attempt { status, ..Attempt::new(tier, finding, "seen", Timestamp::default()) }
    }

    fn status(tier: Tier, status: u16) -> Attempt {
        let verdict = match status {
            408 | 425 | 429 | 500 | 502..=504 => Verdict::Transient { retry_after: None },
            404 => Verdict::Permanent(ErrorCode::NotFoundTarget),
            _ => Verdict::Permanent(ErrorCode::TargetHttpError),
        };
        attempt(tier, Finding::Judged(verdict), Some(status))
    }

    fn silent(tier: Tier, code: ErrorCode) -> Attempt {
        let retryable = code != ErrorCode::TargetHttpError;
        attempt(tier, Finding::Transport { code, retryable }, None)
    }

    fn wants_wait(seconds: u64) -> Attempt {
        let retry_after = Some(Duration::from_secs(seconds));
        let verdict = Verdict::Transient { retry_after };
        attempt(Tier::Curl, Finding::Judged(verdict), Some(503))
    }

    /// The facts beside the trail.
    #[derive(Default)]
    struct Known {
        proven: TierSet,
        down: bool,
        since_last: Duration,
    }

    fn planned_with(item: Item, tiers: &[Tier], trail: &[Attempt], known: &Known) -> Plan {
        let request = item.check(&Limits::default()).expect("valid");
        let tools = Capabilities::new(tiers.iter().copied());
        plan(&PlanInput {
            request: &request,
            reach: Reach::of(&request, &tools, &PriceList::default()),
            trail,
            start: None,
            proven: known.proven,
            last_resort: !known.down,
            used: Duration::ZERO,
            since_last: known.since_last,
            backoff: Backoff::PAGE,
            random: 0,
        })
    }

    fn planned(tiers: &[Tier], trail: &[Attempt]) -> Plan {
        planned_with(Item::get("http://a/"), tiers, trail, &Known::default())
    }

    fn code(plan: Plan) -> ErrorCode {
        match plan {
            Plan::Stop(error) | Plan::OutOfTime(error) => error.code,
            other => panic!("expected a stop, got {other:?}"),
        }
    }

    #[test]
    fn a_failure_that_may_pass_is_retried_twice_on_its_tier() {
        for once in [
            status(Tier::Curl, 429),
            status(Tier::Curl, 503),
            silent(Tier::Curl, ErrorCode::ConnectionError),
            silent(Tier::Curl, ErrorCode::DnsError),
        ] {
            let again = planned(&DIRECT, std::slice::from_ref(&once));
            let twice = planned(&DIRECT, &[once.clone(), once]);

            let wait = Duration::from_millis(500);
            assert_eq!(again, Plan::Try { tier: Tier::Curl, wait });
            assert_eq!(twice, Plan::Try { tier: Tier::Curl, wait: wait * 2 });
        }
    }

    #[test]
    fn no_time_is_reserved_for_a_tier_that_could_not_use_it() {
        let time = |seconds| {
            let mut item = Item::get("http://a/");
            item.cost_controls.time_budget = Some(Duration::from_secs(seconds));
            let request = item.check(&Limits::default()).expect("valid");
            let tools = Capabilities::new([Tier::Http, Tier::Browser]);
            let reach = Reach::of(&request, &tools, &PriceList::default());
            let trail = [status(Tier::Curl, 406)];
            let first = PlanInput::first(&request, reach, Backoff::PAGE);
            attempt_time(&PlanInput { trail: &trail, ..first }, Tier::Http)
        };

        assert_eq!(time(30), Duration::from_secs(18), "12 s are left for the browser");
        assert_eq!(time(20), Duration::from_secs(20), "8 s would be too few");
    }

    #[test]
    fn a_retry_without_time_for_its_tier_ends_the_ladder() {
        let mut item = Item::get("http://a/");
        item.cost_controls.time_budget = Some(Duration::from_secs(5));

        let late =
            planned_with(item, &[Tier::Browser], &[status(Tier::Browser, 503)], &Known::default());

        assert!(matches!(&late, Plan::OutOfTime(_)), "{late:?}");
        assert_eq!(code(late), ErrorCode::TimeBudgetExpired);
    }

    #[test]
    fn retries_that_do_not_help_lead_on_to_the_next_tier() {
        for failed in [
            status(Tier::Curl, 429),
            status(Tier::Curl, 500),
            silent(Tier::Curl, ErrorCode::ConnectionError),
        ] {
            let trail = vec![failed; 3];

            assert_eq!(planned(&DIRECT, &trail), at_once(Tier::Http));
        }
    }

    #[test]
    fn a_refusal_or_a_hang_leads_on_without_retries() {
        for failed in [
            status(Tier::Curl, 400),
            status(Tier::Curl, 405),
            status(Tier::Curl, 406),
            status(Tier::Curl, 412),
            status(Tier::Curl, 444),
            silent(Tier::Curl, ErrorCode::Timeout),
            silent(Tier::Curl, ErrorCode::TargetHttpError),
        ] {
            assert_eq!(
                planned(&DIRECT, std::slice::from_ref(&failed)),
                at_once(Tier::Http),
                "{failed:?}"
            );
        }
    }

    #[test]
    fn a_status_that_settles_the_matter_leads_nowhere() {
        for (settled, expected) in [
            (404, ErrorCode::NotFoundTarget),
            (403, ErrorCode::TargetHttpError),
            (451, ErrorCode::TargetHttpError),
            (304, ErrorCode::TargetHttpError),
        ] {
            assert_eq!(code(planned(&DIRECT, &[status(Tier::Curl, settled)])), expected);
        }
        for lost in [ErrorCode::DnsError, ErrorCode::InvalidUrl, ErrorCode::TlsError] {
            let trail = vec![silent(Tier::Curl, lost); 3];
            assert_eq!(code(planned(&DIRECT, &trail)), lost);
        }
    }

    #[test]
    fn the_same_failure_on_the_next_tier_is_not_retried() {
        let trail = [status(Tier::Curl, 500), status(Tier::Http, 500)];
        let other = [status(Tier::Curl, 500), status(Tier::Http, 503)];

        assert_eq!(planned(&DIRECT, &trail), at_once(Tier::Browser));
        assert_eq!(code(planned(&HTTP, &trail)), ErrorCode::TargetHttpError);
        assert!(matches!(planned(&DIRECT, &other), Plan::Try { tier: Tier::Http, .. }));
    }

    #[test]
    fn a_site_that_is_down_is_not_opened_in_the_browser() {
        let trail = [status(Tier::Curl, 500), status(Tier::Http, 500)];
        let down = Known { down: true, ..Known::default() };

        let plan = planned_with(Item::get("http://a/"), &DIRECT, &trail, &down);

        assert_eq!(code(plan), ErrorCode::TargetHttpError);
    }

    #[test]
    fn a_silent_site_is_opened_in_the_browser_only_if_it_is_known_to_respond() {
        let trail =
            [silent(Tier::Curl, ErrorCode::Timeout), silent(Tier::Http, ErrorCode::Timeout)];
        let known = Known { proven: TierSet::default().with(Tier::Browser), ..Known::default() };
        let next = |known| planned_with(Item::get("http://a/"), &DIRECT, &trail, &known);

        assert_eq!(next(known), at_once(Tier::Browser));
        assert_eq!(code(next(Known::default())), ErrorCode::Timeout);
    }

    #[test]
    fn a_tier_that_never_worked_is_not_retried_where_another_works() {
        let failed = [status(Tier::Curl, 503)];
        let next = |proven: &[Tier]| {
            let proven = proven.iter().copied().collect();
            let known = Known { proven, ..Known::default() };
            planned_with(Item::get("http://a/"), &DIRECT, &failed, &known)
        };

        assert_eq!(next(&[Tier::Http]), at_once(Tier::Http));
        assert!(matches!(next(&[Tier::Curl, Tier::Http]), Plan::Try { tier: Tier::Curl, .. }));
    }

    #[test]
    fn no_failure_leads_beyond_the_cost_controls() {
        let trail = [status(Tier::Curl, 406)];
        let fast = {
            let mut item = Item::get("http://a/");
            item.cost_controls.fail_fast = true;
            item
        };
        let next =
            |item, trail: &[Attempt]| code(planned_with(item, &DIRECT, trail, &Known::default()));

        assert_eq!(
            next(Item::get("http://a/").max_tier(Tier::Curl), &trail),
            ErrorCode::TargetHttpError
        );
        let forced = Item::get("http://a/").force_tier(Tier::Curl);
        assert_eq!(next(forced, &trail), ErrorCode::TargetHttpError);
        let both = [status(Tier::Curl, 406), status(Tier::Http, 406)];
        assert_eq!(next(fast, &both), ErrorCode::TargetHttpError);
    }

    #[test]
    fn a_wait_that_the_site_asks_for_is_kept_or_ends_the_job() {
        let next = |timeout, since_last| {
            let item = Item::get("http://a/").timeout(Duration::from_secs(timeout));
            let known = Known { since_last: Duration::from_secs(since_last), ..Known::default() };
            planned_with(item, &DIRECT, &[wants_wait(100)], &known)
        };

        let wait = Duration::from_secs(100);
        assert_eq!(next(200, 0), Plan::Try { tier: Tier::Curl, wait });
        assert_eq!(next(200, 70), Plan::Try { tier: Tier::Curl, wait: wait / 100 * 30 });
        let Plan::Stop(error) = next(100, 0) else { panic!("the wait passes the deadline") };
        assert_eq!((error.code, error.status), (ErrorCode::TargetHttpError, Some(503)));
        assert!(error.message.contains("Retry-After"), "{error}");
    }

    #[test]
    fn a_wait_is_kept_before_the_next_tier_too() {
        let trail = vec![wants_wait(7); 3];

        let wait = Duration::from_secs(7);
        assert_eq!(planned(&DIRECT, &trail), Plan::Try { tier: Tier::Http, wait });
    }

    #[test]
    fn an_attempt_leaves_time_for_the_tier_that_a_hang_leads_to() {
        let time = |tiers: &[Tier], tier| {
            let item = Item::get("http://a/").timeout(Duration::from_secs(100));
            let request = item.check(&Limits::default()).expect("valid");
            attempt_time(
                &PlanInput {
                    request: &request,
                    reach: Reach::of(
                        &request,
                        &Capabilities::new(tiers.iter().copied()),
                        &PriceList::default(),
                    ),
                    trail: &[],
                    start: None,
                    proven: TierSet::default(),
                    last_resort: true,
                    used: Duration::ZERO,
                    since_last: Duration::ZERO,
                    backoff: Backoff::PAGE,
                    random: 0,
                },
                tier,
            )
        };

        assert_eq!(time(&HTTP, Tier::Curl), Duration::from_mins(1));
        assert_eq!(time(&HTTP, Tier::Http), Duration::from_secs(100));
        assert_eq!(time(&[Tier::Curl], Tier::Curl), Duration::from_secs(100));
    }

    #[test]
    fn a_url_that_only_the_browser_refuses_ends_with_the_failure_of_the_site() {
        let mut refused = silent(Tier::Http, ErrorCode::ConnectionError);
        refused.signal = "connection refused".into();
        refused.signal += &reason_to_climb(&refused, Tier::Browser).expect("a failure");
        let failed = status(Tier::Http, 503);
        let invalid = attempt(
            Tier::Browser,
            Finding::Transport { code: ErrorCode::InvalidUrl, retryable: false },
            None,
        );
        let end = |trail: &[Attempt]| match planned(&DIRECT, trail) {
            Plan::Stop(error) => error,
            other => panic!("expected a stop, got {other:?}"),
        };

        let error = end(&[refused, invalid.clone()]);
        assert_eq!(
            (error.code, error.message.as_str()),
            (ErrorCode::ConnectionError, "connection refused")
        );
        let error = end(&[failed, invalid.clone()]);
        assert_eq!((error.code, error.status), (ErrorCode::TargetHttpError, Some(503)));
        let blocked = Finding::Judged(Verdict::Blocked { by: None, challenge: false });
        let blocked = attempt(Tier::Http, blocked, Some(403));
        assert_eq!(end(&[blocked, invalid.clone()]).code, ErrorCode::BlockedByAntibot);
        assert_eq!(end(&[invalid]).code, ErrorCode::InvalidUrl);
    }

    #[test]
    fn the_reason_for_the_next_tier_is_given_for_failures_alone() {
        let reason = |attempt: &Attempt| reason_to_climb(attempt, Tier::Http);

        let hang = reason(&silent(Tier::Curl, ErrorCode::Timeout)).expect("a hang");
        assert!(hang.starts_with("; trying tier 2"), "{hang}");
        assert_eq!(reason(&status(Tier::Http, 500)), None, "a retry");
        assert_eq!(reason(&attempt(Tier::Curl, Finding::Judged(Verdict::Thin), Some(200))), None);
    }
}
