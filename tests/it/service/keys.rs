//! API keys: authentication, isolation of accounts, and limits.

use rungs::core::id::AccountId;
use rungs::service::{ApiKey, KeyScope, Keys};
use serde_json::json;

use super::http::Answer;
use super::world::{Plan, World, site};

const ACME: &str = "sk_live_acme_0123456789abcdef";
const OTHER: &str = "sk_live_other_0123456789abcdef";

fn key(account: &str, secret: &str) -> ApiKey {
    let id = AccountId::new(account).expect("a name");
    ApiKey::new(account, id, secret).expect("a key")
}

fn world(keys: impl IntoIterator<Item = ApiKey>) -> World {
    World::of(Plan { keys: Keys::new(keys).expect("usable"), ..Plan::default() })
}

fn get(world: &World, path: &str, secret: &str) -> Answer {
    world.send("GET", path, &[("x-api-key", secret)], b"")
}

fn post(world: &World, path: &str, secret: &str, body: &serde_json::Value) -> Answer {
    world.send("POST", path, &[("x-api-key", secret)], body.to_string().as_bytes())
}

#[test]
fn a_service_without_keys_refuses_cross_site_requests() {
    let ask = |world: &World, headers: &[(&str, &str)]| {
        world.send(
            "POST",
            "/api/v1/scrape/estimate",
            headers,
            br#"{"url": "https://example.com/"}"#,
        )
    };
    let foreign = ("sec-fetch-site", "cross-site");
    let (open, closed) = (World::new(), world([key("acme", ACME)]));

    let refused = ask(&open, &[foreign]);

    assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("CROSS_SITE_REQUEST")));
    assert_eq!(ask(&open, &[("sec-fetch-site", "same-origin")]).status, 200);
    // A page that knows a key may use it: only code that has the key can send the header.
    assert_eq!(ask(&closed, &[foreign, ("x-api-key", ACME)]).status, 200);
}

#[test]
fn an_unknown_key_gets_no_access() {
    let (world, site) = (world([key("acme", ACME)]), site());
    let body = json!({ "url": site.url("/a") }).to_string();

    let missing = world.send("POST", "/api/v1/scrape", &[], body.as_bytes());
    let foreign = world.send("POST", "/api/v1/scrape", &[("x-api-key", OTHER)], body.as_bytes());
    let bearer = format!("Bearer {ACME}");
    let known =
        world.send("POST", "/api/v1/scrape", &[("authorization", &bearer)], body.as_bytes());

    for refused in [missing, foreign] {
        assert_eq!(
            (refused.status, &refused.json()["code"]),
            (401, &json!("AUTHENTICATION_ERROR"))
        );
    }
    assert_eq!(known.status, 200);
    assert_eq!(site.hits(), 1, "only the known key's page was fetched");
    assert_eq!(world.get("/health").status, 200, "health needs no key");
}

#[test]
fn an_account_cannot_reach_the_batches_of_another() {
    let (world, site) = (world([key("acme", ACME), key("other", OTHER)]), site());
    let body = json!({ "urls": [site.url("/a")] });
    let batch = post(&world, "/api/v1/batch", ACME, &body).json();
    let id = batch["batch_id"].as_str().expect("an id");
    let job = batch["job_ids"][0].as_str().expect("an id");
    let unknown = "batch_019a0000-0000-7000-8000-000000000000";

    let paths = [format!("/api/v1/batch/{id}"), format!("/api/v1/batch/{unknown}")];
    let answers = paths.each_ref().map(|it| {
        let mut said = get(&world, it, OTHER).json();
        said["request_id"] = json!(null);
        said
    });
    let cancelled = world.send("DELETE", &paths[0], &[("x-api-key", OTHER)], b"");
    let polled = get(&world, &format!("/api/v1/jobs/{job}"), OTHER);

    assert_eq!(answers[0], answers[1], "foreign and unknown are told apart by nothing");
    assert_eq!(answers[0]["code"], "BATCH_NOT_FOUND");
    assert_eq!(cancelled.status, 404);
    assert_eq!((polled.status, &polled.json()["code"]), (404, &json!("JOB_NOT_FOUND")));
    assert_eq!(get(&world, &paths[0], ACME).status, 200);
    assert_eq!(get(&world, &format!("/api/v1/jobs/{job}"), ACME).status, 200);
}

#[test]
fn idempotency_keys_are_separate_for_each_account() {
    let (world, site) = (world([key("acme", ACME), key("other", OTHER)]), site());
    let body = json!({ "urls": [site.url("/a")] }).to_string();
    let submit = |secret| {
        let headers = [("x-api-key", secret), ("idempotency-key", "order-1")];
        world.send("POST", "/api/v1/batch", &headers, body.as_bytes()).json()["batch_id"].clone()
    };

    assert_ne!(submit(ACME), submit(OTHER));
    assert_eq!(submit(ACME), submit(ACME));
}

#[test]
fn a_key_over_its_rate_is_refused_with_a_wait() {
    let slow = key("acme", ACME).with_requests_per_minute(3);
    let world = world([slow, key("other", OTHER)]);
    let path = "/api/v1/jobs/none";

    // The minute may end in between, but not four times in a row.
    let refused = (0..16).map(|_| get(&world, path, ACME)).find(|it| it.status == 429);

    let refused = refused.expect("the fourth request of a minute is one too many");
    let seconds: u64 = refused.header("retry-after").expect("told").parse().expect("a number");
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(refused.json()["retry_after"], seconds);
    assert_eq!(refused.json()["code"], "RATE_LIMIT_EXCEEDED");
    assert_eq!(refused.header("x-ratelimit-limit"), Some("3"));
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    let reset: u64 = refused.header("x-ratelimit-reset").expect("told").parse().expect("seconds");
    assert!(reset > 1_700_000_000, "{reset}");
    assert_eq!(get(&world, path, OTHER).status, 404);
}

#[test]
fn a_key_is_limited_to_its_concurrent_requests() {
    let held = super::world::Held::new();
    let narrow = key("acme", ACME).with_concurrent_requests(1);
    let world = world([narrow]);
    let guard = held.hold();
    let body = json!({ "url": held.site.url("/a") });

    let refused = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| post(&world, "/api/v1/scrape", ACME, &body));
        while held.site.hits() == 0 {
            std::thread::yield_now();
        }
        let refused = get(&world, "/api/v1/jobs/none", ACME);
        drop(guard);
        assert_eq!(waiting.join().expect("no panic").status, 200);
        refused
    });

    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("x-concurrency-limit"), Some("1"));
    assert_eq!(refused.header("x-concurrency-current"), Some("1"));
    assert_eq!(get(&world, "/api/v1/jobs/none", ACME).status, 404, "the place is free again");
}

#[test]
fn only_a_key_for_metrics_reads_the_metrics_of_the_process() {
    let metrics = key("prometheus", OTHER).with_scope(KeyScope::Metrics);
    let (closed, open) = (world([key("acme", ACME), metrics]), World::new());

    let customer = get(&closed, "/metrics", ACME);
    let prometheus = get(&closed, "/metrics", OTHER);
    let api = get(&closed, "/api/v1/usage", OTHER);

    for refused in [customer, api] {
        assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("INSUFFICIENT_SCOPE")));
    }
    // The service of this test records no metrics.
    assert_eq!(prometheus.status, 404);
    assert_eq!(open.get("/metrics").status, 404, "without keys nothing is refused");
    assert_eq!(closed.get("/metrics").status, 401);
}
