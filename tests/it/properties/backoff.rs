//! Waits between tries.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use rungs::core::backoff::Backoff;
use rungs::core::job::{Attempt, Finding};
use rungs::core::ladder::{Capabilities, Plan, PlanInput, Reach, TierSet, plan};
use rungs::core::price::PriceList;
use rungs::core::request::{Item, JobRequest, Limits};
use rungs::core::tier::Tier;
use rungs::core::time::Timestamp;
use rungs::core::verdict::Verdict;
use rungs::testkit::store::sample::with;

use crate::properties::given;

const TIMEOUT: Duration = Duration::from_mins(5);

/// Returns the plan after one attempt at a busy site.
fn planned(backoff: Backoff, retry_after: Option<Duration>, passed: Duration, draw: u64) -> Plan {
    let item = Item::get("https://example.com/").timeout(TIMEOUT);
    let request: Arc<JobRequest> = Arc::new(item.check(&Limits::default()).expect("valid"));
    let tools = Capabilities::new(Tier::ALL);
    let busy = with(
        Attempt::new(
            Tier::Curl,
            Finding::Judged(Verdict::Transient { retry_after }),
            "busy".to_owned(),
            Timestamp::default(),
        ),
        |made| {
            made.status = Some(503);
            made.duration = Duration::from_millis(1);
        },
    );
    plan(&PlanInput {
        request: &request,
        reach: Reach::of(&request, &tools, &PriceList::default()),
        trail: &[busy],
        start: None,
        proven: TierSet::default(),
        last_resort: true,
        used: Duration::ZERO,
        since_last: passed,
        backoff,
        random: draw,
    })
}

proptest! {
    #[test]
    fn waits_grow_up_to_the_longest_and_never_beyond(
        backoff in given::backoff(),
        number in 0..200_u32,
        factor in 1..10_u32,
    ) {
        let (this, next) = (backoff.exact(number, factor), backoff.exact(number + 1, factor));

        prop_assert!(this <= next && next <= backoff.longest);
        prop_assert!(this >= backoff.first.min(backoff.longest));
    }

    #[test]
    fn jitter_takes_half_at_most(backoff in given::backoff(), number in 0..200_u32, draw in any::<u64>()) {
        let whole = backoff.exact(number, 2);

        let wait = backoff.wait(number, draw);

        prop_assert!(whole / 2 <= wait && wait <= whole, "{wait:?} of {whole:?}");
    }

    #[test]
    fn a_sites_retry_after_is_kept_in_full(
        backoff in given::backoff().prop_filter("it tries again", |it| it.retries > 0),
        retry_after in prop::option::of(given::wait()),
        passed in given::wait(),
        draw in any::<u64>(),
    ) {
        let rest = retry_after.unwrap_or_default().saturating_sub(passed);
        let planned = planned(backoff, retry_after, passed, draw);

        if let Plan::Stop(error) = planned {
            prop_assert!(rest >= TIMEOUT, "{error}");
            return Ok(());
        }
        let Plan::Try { tier, wait } = planned else {
            return Err(TestCaseError::fail("a busy site is tried again"));
        };
        prop_assert!(rest < TIMEOUT);
        prop_assert!(wait >= rest, "{wait:?} of {rest:?}");
        prop_assert!(wait <= backoff.longest.max(rest));
        // There is no retry after a wait beyond the timeout.
        prop_assert!(tier == Tier::Curl || backoff.first >= TIMEOUT || backoff.longest >= TIMEOUT);
    }
}
