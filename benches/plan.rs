//! The time of one decision. The budget is 1 µs: the planner runs once per attempt, and an attempt on the cheapest
//! tier takes milliseconds of network time.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use rungs::core::backoff::Backoff;
use rungs::core::job::{Attempt, Finding};
use rungs::core::ladder::{Capabilities, PlanInput, Reach, TierSet, plan};
use rungs::core::price::PriceList;
use rungs::core::request::{Item, Limits};
use rungs::core::tier::Tier;
use rungs::core::time::Timestamp;
use rungs::core::verdict::{Response, Verdict, judge};
use rungs::testkit::store::sample::with;

fn escalate_one_rung(c: &mut Criterion) {
    let request = Item::get("http://a.test/").check(&Limits::default()).expect("valid");
    let tools = Capabilities::new(Tier::ALL);
    let prices = PriceList::default();
    let trail = [with(
        Attempt::new(
            Tier::Curl,
            Finding::Judged(Verdict::Blocked { by: None, challenge: false }),
            "status 403",
            Timestamp::default(),
        ),
        |made| {
            made.status = Some(403);
            made.duration = Duration::from_millis(20);
        },
    )];

    c.bench_function("reach and plan one rung", |b| {
        b.iter(|| {
            plan(&PlanInput {
                request: &request,
                reach: Reach::of(black_box(&request), &tools, &prices),
                trail: black_box(&trail),
                start: None,
                proven: TierSet::default(),
                last_resort: true,
                used: Duration::ZERO,
                since_last: Duration::ZERO,
                backoff: Backoff::PAGE,
                random: 7,
            })
        });
    });
}

fn judge_a_page(c: &mut Criterion) {
    let body = "<p>Flour, water, salt and time are all that a good loaf needs.</p>".repeat(800);
    let headers = [("content-type".to_owned(), "text/html".to_owned())];
    let response = Response::new(200, &headers, body.as_bytes());

    c.bench_function("judge a page of 50 KB", |b| b.iter(|| judge(black_box(&response))));
}

criterion_group!(benches, escalate_one_rung, judge_a_page);
criterion_main!(benches);
