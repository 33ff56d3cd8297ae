//! The planner with any request, any fetchers and any responses of the site.

use std::time::Duration;

use proptest::prelude::*;
use rungs::core::backoff::Backoff;
use rungs::core::credits::Credits;
use rungs::core::failure::ErrorCode;
use rungs::core::id::AccountId;
use rungs::core::job::{Attempt, Finding};
use rungs::core::ladder::{
    Capabilities, PageKind, Plan, PlanInput, Reach, SiteProfile, TierSet, estimate, plan,
};
use rungs::core::price::{AddOns, PriceList};
use rungs::core::request::JobRequest;
use rungs::core::tier::Tier;
use rungs::core::time::Timestamp;
use rungs::core::verdict::Verdict;
use rungs::testkit::store::sample::with;

use crate::properties::given;

/// Generates the finding and the duration of each attempt.
fn answers() -> impl Strategy<Value = Vec<(Finding, Duration)>> {
    let short = (0..2_000_u64).prop_map(Duration::from_millis);
    let long = (0..400_u64).prop_map(Duration::from_secs);
    let time = prop_oneof![9 => short, 1 => long];
    prop::collection::vec((given::finding(), time), 1..40)
}

#[derive(Debug)]
struct Asked {
    request: JobRequest,
    tools: Capabilities,
    prices: PriceList,
    backoff: Backoff,
    start: Option<Tier>,
    proven: TierSet,
    draw: u64,
}

fn asked() -> impl Strategy<Value = Asked> {
    let start = prop::option::of(given::tier());
    let proven = given::tools().prop_map(|it| it.tiers);
    let known = (start, proven, any::<u64>());
    (given::request(), given::tools(), given::prices(), given::backoff(), known).prop_map(
        |(request, tools, prices, backoff, (start, proven, draw))| Asked {
            request,
            tools,
            prices,
            backoff,
            start,
            proven,
            draw,
        },
    )
}

/// Returns the wait that the site requested in its last response.
fn asked_wait(last: Option<&Attempt>) -> Duration {
    match last.map(|it| &it.finding) {
        Some(Finding::Judged(Verdict::Transient { retry_after })) => {
            retry_after.unwrap_or_default()
        }
        _ => Duration::ZERO,
    }
}

/// The ladder climbed to its end: every tier that was tried, and the last plan.
fn climbed(asked: &Asked, answers: &[(Finding, Duration)]) -> (Vec<Attempt>, Plan) {
    let reach = Reach::of(&asked.request, &asked.tools, &asked.prices);
    let mut trail: Vec<Attempt> = Vec::new();
    let mut used = Duration::ZERO;
    let mut answers = answers.iter().cycle();
    // No tier is tried more often than its retries allow, and no lower tier follows it.
    let most = Tier::ALL.len() * (asked.backoff.retries as usize + 1);
    loop {
        let facts = PlanInput {
            request: &asked.request,
            reach,
            trail: &trail,
            start: asked.start,
            proven: asked.proven,
            last_resort: asked.draw.is_multiple_of(2),
            used,
            since_last: Duration::ZERO,
            backoff: asked.backoff,
            random: asked.draw,
        };
        let next = plan(&facts);
        assert_eq!(plan(&facts), next, "the same facts gave two plans");
        let Plan::Try { tier, wait } = next else { return (trail, next) };
        assert!(wait <= asked.backoff.longest.max(asked_wait(trail.last())), "a wait of {wait:?}");
        let last = trail.last().map(|it| it.tier);
        assert!(last.is_none_or(|it| it <= tier), "from {last:?} down to {tier}");
        assert!(trail.len() < most, "the ladder does not end: {trail:?}");
        let (finding, time) = answers.next().expect("there is at least one").clone();
        used += wait.min(Duration::from_secs(1)) + time;
        trail.push(with(
            Attempt::new(tier, finding, "seen".to_owned(), Timestamp::default()),
            |made| {
                made.status = Some(200);
                made.duration = Duration::from_millis(1);
            },
        ));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_tried_tier_was_allowed_and_available(
        asked in asked(),
        answers in answers(),
    ) {
        let controls = asked.request.cost_controls();
        let held = estimate(&asked.request, &asked.tools, &asked.prices);
        let add_ons = AddOns::asked(&asked.request);

        let (trail, _) = climbed(&asked, &answers);

        for Attempt { tier, .. } in trail {
            prop_assert!(asked.tools.tiers.contains(tier));
            prop_assert!(controls.max_tier.is_none_or(|it| tier <= it), "{tier} above the cap");
            prop_assert!(controls.force_tier.is_none_or(|it| tier == it), "{tier} is not forced");
            let price = asked.prices.quote(&asked.request, tier, add_ons);
            prop_assert!(price <= held, "tier {tier} for {price} of {held}");
            prop_assert!(price <= controls.max_credits.unwrap_or(Credits::MAX));
        }
    }

    #[test]
    fn a_ladder_ends_for_an_observed_reason(asked in asked(), answers in answers()) {
        let (trail, end) = climbed(&asked, &answers);

        let last = trail.last().map(|it| &it.finding);
        match end {
            Plan::Accept => prop_assert!(matches!(
                last,
                Some(Finding::Judged(Verdict::Usable | Verdict::Other(_) | Verdict::Thin))
            )),
            Plan::Stop(error) => {
                prop_assert!(!error.message.is_empty());
                let usable = matches!(last, Some(Finding::Judged(Verdict::Usable | Verdict::Other(_))));
                let late = matches!(error.code, ErrorCode::Timeout | ErrorCode::TimeBudgetExpired);
                prop_assert!(!usable || late, "a page was thrown away: {error}");
                let needed = error.required_tier;
                let reach = Reach::of(&asked.request, &asked.tools, &asked.prices);
                prop_assert!(needed.is_none_or(|it| !reach.usable.contains(it)), "{error}");
            }
            Plan::OutOfTime(error) => {
                prop_assert!(!error.message.is_empty());
                prop_assert!(asked.request.cost_controls().time_budget.is_some());
                let usable = matches!(last, Some(Finding::Judged(Verdict::Usable | Verdict::Other(_))));
                prop_assert!(!usable, "a page was thrown away: {error}");
            }
            Plan::Try { .. } => unreachable!("the ladder was climbed to its end"),
        }
    }

    #[test]
    fn the_hold_never_exceeds_max_credits(asked in asked()) {
        let held = estimate(&asked.request, &asked.tools, &asked.prices);

        let most = asked.request.cost_controls().max_credits.unwrap_or(Credits::MAX);
        prop_assert!(held <= most, "{held} of {most}");
    }

    #[test]
    fn a_job_starts_on_an_allowed_tier(
        jobs in prop::collection::vec(
            (given::request(), prop::collection::vec(given::attempt(), 0..6), given::moment()),
            0..40,
        ),
        request in given::request(),
        tools in given::tools(),
        now in given::moment(),
        draw in any::<u64>(),
    ) {
        let mut site = SiteProfile::new("example.com", Timestamp::default());
        for (request, trail, at) in jobs {
            site.learn_job(PageKind::of(&AccountId::default(), &request), &request, &trail, at);
        }

        let kind = PageKind::of(&AccountId::default(), &request);
        let start = site.start(kind, &request, tools.tiers, now, draw);

        prop_assert_eq!(start.is_none(), tools.tiers.first().is_none());
        prop_assert!(start.is_none_or(|it| tools.tiers.contains(it)));
        let expected = site.expected_start(kind, &request, tools.tiers, now);
        prop_assert!(start == expected || start == tools.tiers.first());
    }
}
