//! The trace context of a submission, on its way from the client to the receiver of the notification.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use rungs::service::Keys;
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteRequest, SiteResponse};
use serde_json::json;

use super::world::{Plan, World, engine, page};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Requests that a site received.
type Log = Arc<Mutex<Vec<SiteRequest>>>;

fn logged<T>(log: &Mutex<Vec<T>>) -> std::sync::MutexGuard<'_, Vec<T>> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

fn site(answer: impl Fn(&SiteRequest) -> SiteResponse + Send + Sync + 'static) -> (Site, Log) {
    let log = Log::default();
    let requests = Arc::clone(&log);
    let site = Site::start(move |request| {
        logged(&requests).push(request.clone());
        answer(request)
    });
    (site, log)
}

/// A world, and the spans that were joined to traces: their names with the headers of the trace.
fn world() -> (World, Arc<Mutex<Vec<String>>>) {
    // Without a subscriber, spans have no names.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
    let spans = Arc::<Mutex<Vec<String>>>::default();
    let joined = Arc::clone(&spans);
    let engine = engine(Memory::default()).join_traces(move |span, context| {
        let name = span.metadata().map_or("", |it| it.name());
        let state = context.state().unwrap_or_default();
        logged(&joined).push(format!("{name} {context} {state}"));
    });
    (World::of(Plan { engine, keys: Keys::default(), ..Plan::default() }), spans)
}

/// Submits a page with these headers and waits for the first delivery. Returns the headers that the receiver got.
fn delivered(
    world: &World,
    path: &str,
    pages: &Site,
    headers: &[(&str, &str)],
) -> (Option<String>, Option<String>) {
    let (receiver, inbox) = site(|_| SiteResponse::status(204));
    let (url, webhook_url) = (pages.url("/a"), receiver.url("/hook"));
    let body = if path.ends_with("batch") {
        json!({ "urls": [url], "webhook_url": webhook_url })
    } else {
        json!({ "url": url, "sync": false, "webhook_url": webhook_url })
    };
    let accepted = world.send("POST", path, headers, body.to_string().as_bytes());
    assert_eq!(accepted.status, 202, "{}", accepted.json());
    loop {
        if let Some(request) = logged(&inbox).first() {
            let header = |name| request.header(name).map(str::to_owned);
            return (header("traceparent"), header("tracestate"));
        }
        std::thread::yield_now();
    }
}

#[test]
fn the_trace_of_a_submission_reaches_its_spans_and_its_receiver_and_no_site() {
    let (pages, requests) = site(page);
    for path in ["/api/v1/batch", "/api/v1/scrape"] {
        let (world, spans) = world();
        let headers = [("traceparent", PARENT), ("tracestate", "a=1"), ("tracestate", "b=2")];

        let (parent, state) = delivered(&world, path, &pages, &headers);

        assert_eq!(
            (parent.as_deref(), state.as_deref()),
            (Some(PARENT), Some("a=1,b=2")),
            "{path}"
        );
        let spans: BTreeSet<_> = logged(&spans).drain(..).collect();
        let named = |name| format!("{name} {PARENT} a=1,b=2");
        assert_eq!(spans, ["delivery", "job", "submit"].map(named).into(), "{path}");
    }
    assert!(!logged(&requests).is_empty());
    for request in logged(&requests).iter() {
        assert_eq!((request.header("traceparent"), request.header("tracestate")), (None, None));
    }
}

#[test]
fn a_malformed_traceparent_is_ignored() {
    let (pages, _) = site(page);
    let (world, spans) = world();
    let malformed = &PARENT.to_uppercase();
    for headers in [
        &[("traceparent", malformed.as_str())][..],
        &[("traceparent", PARENT), ("traceparent", PARENT)],
        &[("tracestate", "a=1")],
        &[],
    ] {
        let got = delivered(&world, "/api/v1/batch", &pages, headers);

        assert_eq!(got, (None, None), "{headers:?}");
    }
    assert_eq!(*logged(&spans), [""; 0], "no span has a trace to join");
}
