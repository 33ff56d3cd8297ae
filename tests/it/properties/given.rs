//! Generators of arbitrary inputs of the core.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use rungs::core::backoff::Backoff;
use rungs::core::credits::Credits;
use rungs::core::failure::ErrorCode;
use rungs::core::id::{AccountId, BatchId, JobId, NotificationId, WorkerId};
use rungs::core::job::{Attempt, Finding, Lease};
use rungs::core::ladder::Capabilities;
use rungs::core::price::PriceList;
use rungs::core::request::{
    Action, ActionKind, Advanced, Cache, CostControls, Format, Item, JobRequest, Limits, Method,
    Mode, Profile, RenderJs,
};
use rungs::core::tier::Tier;
use rungs::core::time::Timestamp;
use rungs::core::trace::TraceContext;
use rungs::core::verdict::{DocumentKind, Verdict};
use rungs::testkit::store::sample::with;

pub(crate) fn tier() -> impl Strategy<Value = Tier> {
    prop::sample::select(&Tier::ALL[..])
}

/// Small amounts, which prices are like, and any other.
pub(crate) fn credits() -> impl Strategy<Value = Credits> {
    prop_oneof![4 => 0..10_000_u64, 1 => any::<u64>()].prop_map(Credits)
}

pub(crate) fn moment() -> impl Strategy<Value = Timestamp> {
    prop_oneof![4 => 0..10_000_u64, 1 => any::<u64>()].prop_map(Timestamp::from_millis)
}

pub(crate) fn wait() -> impl Strategy<Value = Duration> {
    prop_oneof![
        4 => (0..100_000_u64).prop_map(Duration::from_millis),
        1 => (any::<u64>(), 0..1_000_000_000_u32).prop_map(|(secs, nanos)| Duration::new(secs, nanos)),
    ]
}

pub(crate) fn backoff() -> impl Strategy<Value = Backoff> {
    (0..4_u32, wait(), wait())
        .prop_map(|(retries, first, longest)| Backoff::new(retries, first, longest))
}

pub(crate) fn account_id() -> impl Strategy<Value = AccountId> {
    "[^\\p{Cc}]{1,16}".prop_map(|it| AccountId::new(it).expect("short and without controls"))
}

pub(crate) fn batch_id() -> impl Strategy<Value = BatchId> {
    (moment(), any::<u16>(), any::<u64>()).prop_map(|(at, order, it)| BatchId::new(at, order, it))
}

pub(crate) fn job_id() -> impl Strategy<Value = JobId> {
    (moment(), any::<u16>(), any::<u64>()).prop_map(|(at, order, it)| JobId::new(at, order, it))
}

pub(crate) fn delivery_id() -> impl Strategy<Value = NotificationId> {
    (moment(), any::<u16>(), any::<u64>())
        .prop_map(|(at, order, it)| NotificationId::new(at, order, it))
}

pub(crate) fn lease() -> impl Strategy<Value = Lease> {
    (any::<u64>(), moment()).prop_map(|(worker, until)| Lease { worker: WorkerId(worker), until })
}

pub(crate) fn trace() -> impl Strategy<Value = Option<Arc<TraceContext>>> {
    let ids = (1..=u128::MAX, 1..=u64::MAX, 0..4_u8, "([a-z]{1,4}=[!-+.-<>-~]{1,8})?");
    prop::option::of(ids.prop_map(|(trace, parent, flags, state)| {
        let parent = format!("00-{trace:032x}-{parent:016x}-{flags:02x}");
        let context: TraceContext = parent.parse().expect("a traceparent");
        assert_eq!(context.to_string(), parent);
        let context = context.with_state(&state);
        assert_eq!(context.state().unwrap_or_default(), state);
        Arc::new(context)
    }))
}

pub(crate) fn code() -> impl Strategy<Value = ErrorCode> {
    prop::sample::select(vec![
        ErrorCode::BlockedByAntibot,
        ErrorCode::ConnectionError,
        ErrorCode::NotFoundTarget,
        ErrorCode::RenderFailed,
        ErrorCode::Timeout,
    ])
}

pub(crate) fn verdict() -> impl Strategy<Value = Verdict> {
    let documents = [
        DocumentKind::Pdf,
        DocumentKind::Image,
        DocumentKind::Json,
        DocumentKind::Text,
        DocumentKind::Binary,
    ];
    prop_oneof![
        1 => Just(Verdict::Usable),
        4 => (prop::option::of(".{0,8}"), any::<bool>())
            .prop_map(|(by, challenge)| Verdict::Blocked { by, challenge }),
        4 => Just(Verdict::NeedsRendering),
        4 => Just(Verdict::Thin),
        4 => prop::option::of(wait()).prop_map(|it| Verdict::Transient { retry_after: it }),
        1 => code().prop_map(Verdict::Permanent),
        1 => prop::sample::select(documents.to_vec()).prop_map(Verdict::Other),
    ]
}

pub(crate) fn finding() -> impl Strategy<Value = Finding> {
    prop_oneof![
        5 => verdict().prop_map(Finding::Judged),
        1 => (code(), any::<bool>())
            .prop_map(|(code, retryable)| Finding::Transport { code, retryable }),
    ]
}

pub(crate) fn attempt() -> impl Strategy<Value = Attempt> {
    let status = prop::option::of(100..1_000_u16);
    (tier(), finding(), ".{0,20}", status, moment(), any::<u64>()).prop_map(
        |(tier, finding, signal, status, started_at, duration_ms)| {
            with(Attempt::new(tier, finding, signal, started_at), |made| {
                made.status = status;
                made.duration = Duration::from_millis(duration_ms);
            })
        },
    )
}

pub(crate) fn tools() -> impl Strategy<Value = Capabilities> {
    (prop::collection::vec(tier(), 0..6), any::<bool>(), any::<bool>()).prop_map(
        |(tiers, pdf, ocr)| {
            let mut tools = Capabilities::new(tiers);
            (tools.pdf, tools.ocr) = (pdf, ocr);
            tools
        },
    )
}

pub(crate) fn prices() -> impl Strategy<Value = PriceList> {
    let tiers = [credits(), credits(), credits(), credits(), credits()];
    (tiers, [credits(), credits(), credits(), credits()], 0..5_000_u32, 0..2_000_u32).prop_map(
        |(tiers, [screenshot, pdf, ocr, proxy], other_method_per_mille, own_proxy_per_mille)| {
            with(PriceList::default(), |made| {
                made.tiers = tiers;
                (made.screenshot, made.pdf, made.ocr) = (screenshot, pdf, ocr);
                made.proxy = proxy;
                made.other_method_per_mille = other_method_per_mille;
                made.own_proxy_per_mille = own_proxy_per_mille;
            })
        },
    )
}

fn controls() -> impl Strategy<Value = CostControls> {
    let tiers = (prop::option::of(tier()), prop::option::of(tier()));
    let credits = prop::option::of((1..10_000_u64).prop_map(Credits));
    (tiers, any::<[bool; 3]>(), credits, prop::option::of(5..=300_u64)).prop_map(
        |((force, max), [cost, speed, fail_fast], max_credits, time_budget)| {
            let mut controls = CostControls::default();
            // No contradictions: the check has tests of its own.
            controls.force_tier = force.filter(|it| max.is_none_or(|max| *it <= max));
            controls.max_tier = max;
            controls.prefer_cost = cost && !speed;
            controls.prefer_speed = speed;
            controls.fail_fast = fail_fast;
            controls.max_credits = max_credits;
            controls.time_budget = time_budget.map(Duration::from_secs);
            controls
        },
    )
}

fn advanced(render: bool) -> impl Strategy<Value = Advanced> {
    let pair = ("[a-z]{1,4}", "[a-z ]{0,4}");
    let action = ".{0,4}".prop_map(|text| Action::new(ActionKind::Fill).with("text", text));
    (any::<[bool; 6]>(), prop::collection::vec(pair, 0..3), prop::collection::vec(action, 0..3))
        .prop_map(move |([screenshot, pdf, ocr, proxy, own, more], cookies, actions)| {
            let mut advanced = Advanced::default();
            advanced.render_js = if render { RenderJs::Yes } else { RenderJs::No };
            advanced.screenshot = render && screenshot;
            advanced.generate_pdf = render && pdf;
            advanced.markdown = more;
            advanced.ocr = ocr;
            advanced.use_proxy = proxy;
            advanced.use_own_proxy = own;
            advanced.proxy_integration_id = own.then(|| "mine".to_owned());
            advanced.block_images = render && more;
            advanced.cookies = cookies;
            advanced.actions = if render { actions } else { Vec::new() };
            advanced
        })
}

/// Any request that passes the check.
pub(crate) fn request() -> impl Strategy<Value = JobRequest> {
    let modes = prop::sample::select(Mode::ALL);
    let methods = prop::sample::select(Method::ALL);
    let formats = prop::collection::vec(prop::sample::select(Format::ALL), 1..4);
    let profiles = prop::sample::select(Profile::ALL);
    let schema = prop::option::of(".{0,6}".prop_map(|name| serde_json::json!({ name: "string" })));
    let advanced = any::<bool>().prop_flat_map(advanced);
    let texts = (".{0,8}", prop::option::of(".{0,8}"));
    (controls(), advanced, modes, methods, formats, profiles, schema, texts, 1..=300_u64)
        .prop_map(
            |(cost_controls, advanced, mode, method, formats, profile, schema, texts, timeout)| {
                let (body, prompt) = texts;
                let mut item = Item::get("https://user:word@example.com:8443/a?b=c#d")
                    .mode(mode)
                    .formats(formats)
                    .cost_controls(cost_controls)
                    .advanced(advanced)
                    .profile(profile)
                    .cache(Cache::enabled().with_ttl(Duration::from_mins(1)))
                    .timeout(Duration::from_secs(timeout))
                    .method(method);
                item.extraction_schema = schema;
                item.extraction_prompt = prompt;
                item.body = (method != Method::Get).then_some(body);
                item
            },
        )
        .prop_filter_map("the options contradict each other", |item| {
            item.check(&Limits::default()).ok()
        })
}
