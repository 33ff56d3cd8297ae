//! Batches over HTTP.

use rungs::core::id::BatchId;
use rungs::core::job::BodyRef;
use rungs::core::request::Limits;
use rungs::ports::BoxFuture;
use rungs::ports::store::{Bodies, StoreError};
use rungs::stores::Memory;
use serde_json::{Value, json};

use super::world::{Held, Plan, World, engine, site};

#[test]
fn the_guides_first_request_gets_its_documented_response() {
    let (world, site) = (World::new(), site());
    let urls = ["/a", "/b", "/c"].map(|it| site.url(it));
    let body = json!({
        "urls": [
            { "url": urls[0], "mode": "auto" },
            { "url": urls[1], "formats": ["text", "markdown"] },
            { "url": urls[2], "cost_controls": { "max_tier": "3" }, "formats": ["json"] },
        ],
        "webhook_url": null,
    });

    let answer = world.post("/api/v1/batch", &body);

    assert_eq!(answer.status, 202, "{}", answer.json());
    let said = answer.json();
    assert!(said["batch_id"].as_str().is_some_and(|it| it.starts_with("batch_")), "{said}");
    assert_eq!((&said["total_urls"], &said["total_requests"]), (&json!(3), &json!(3)));
    assert_eq!(said["status"], "processing");
    assert!(said["estimated_credits"].as_u64().is_some_and(|it| it > 0), "{said}");
    let jobs: Vec<&str> =
        said["job_ids"].as_array().expect("ids").iter().filter_map(Value::as_str).collect();
    assert_eq!(jobs.len(), 3);
    let ended = world.ended(said["batch_id"].as_str().expect("an id"));
    let told: Vec<&str> = items(&ended).iter().filter_map(|it| it["job_id"].as_str()).collect();
    assert_eq!(told, jobs, "the order is the request's");
}

fn items(status: &Value) -> &[Value] {
    status["items"].as_array().expect("items")
}

#[test]
fn a_mixed_batch_reports_each_failure() {
    let (world, site) = (World::new(), site());
    let id = world.submitted(&["/a", "/gone", "/b"].map(|it| site.url(it)));

    let status = world.ended(&id);

    assert_eq!(status["status"], "partial");
    for (name, count) in
        [("total", 3), ("total_urls", 3), ("total_requests", 3), ("completed", 2), ("failed", 1)]
    {
        assert_eq!(status[name], count, "{name}");
    }
    assert_eq!(status["pending"], 0);
    assert_eq!(status["credits_used"], 400);
    assert!(status["completed_at"].is_string() && status["expires_at"].is_string());
    let [first, gone, _] = items(&status) else { panic!("three items") };
    assert_eq!((&first["status"], &first["error"]), (&json!("succeeded"), &Value::Null));
    assert!(first["result"]["text"].as_str().is_some_and(|it| it.contains("Flour, water")));
    assert_eq!(first["result"]["billing"]["tier_used"], "1");
    assert_eq!((&first["tier_used"], &gone["tier_used"]), (&json!("1"), &Value::Null));
    assert_eq!(first["escalations"], first["result"]["billing"]["escalations"]);
    let tried = gone["escalations"].as_array().expect("a list");
    assert_eq!(
        (&tried[0]["verdict"], &tried[0]["result"]),
        (&json!("permanent"), &json!("failed"))
    );
    assert!(gone["started_at"].is_string() && gone["ended_at"].is_string());
    let formats: Vec<&String> =
        first["result"]["content"].as_object().expect("an object").keys().collect();
    assert_eq!(formats, ["html", "json"], "the guide's default formats");
    assert_eq!((&gone["status"], &gone["result"]), (&json!("failed"), &Value::Null));
    assert_eq!(gone["error"], "NOT_FOUND_TARGET");
    assert!(gone["error_message"].is_string());
}

#[test]
fn an_unfinished_batch_reports_the_state_of_each_item() {
    let (world, held) = (World::new(), Held::new());
    let guard = held.hold();
    let id = world.submitted(&[held.site.url("/a")]);

    let status = world.get(&format!("/api/v1/batch/{id}")).json();

    assert_eq!((&status["status"], &status["pending"]), (&json!("processing"), &json!(1)));
    assert_eq!(status["completed_at"], Value::Null);
    let [item] = items(&status) else { panic!("one item") };
    assert!(["queued", "processing"].contains(&item["status"].as_str().expect("a word")));
    assert_eq!((&item["result"], &item["error"]), (&Value::Null, &Value::Null));
    drop(guard);
    assert_eq!(world.ended(&id)["status"], "completed");
}

#[test]
fn aliases_and_bare_urls_make_the_same_batch() {
    let (world, site) = (World::new(), site());
    let (bare, object) = (json!(site.url("/a")), json!({ "url": site.url("/a") }));

    for body in [json!({ "requests": [bare] }), json!({ "urls": [bare], "requests": [bare] })] {
        assert_eq!(world.post("/api/v1/batch", &body).status, 202);
    }
    assert_eq!(world.post("/api/v1/batch", &json!({ "requests": [object] })).status, 202);
    let both = world.post("/api/v1/batch", &json!({ "urls": [bare], "requests": [object, bare] }));
    assert_eq!(both.status, 422);
}

#[test]
fn every_path_is_served_under_each_alias() {
    let (world, site) = (World::new(), site());
    let body = json!({ "urls": [site.url("/a")] });

    for prefix in ["/api/v1", "/v1"] {
        for end in ["", "/"] {
            let answer = world.post(&format!("{prefix}/batch{end}"), &body);
            assert_eq!(answer.status, 202, "{prefix} {end:?}");
            let id = answer.json()["batch_id"].as_str().expect("an id").to_owned();
            assert_eq!(world.get(&format!("{prefix}/batch/{id}{end}")).status, 200);
        }
    }
}

#[test]
fn an_idempotency_key_identifies_one_batch() {
    let (world, site) = (World::new(), site());
    let submit = |path: &str| {
        let body = json!({ "urls": [site.url(path)] }).to_string();
        world.send("POST", "/api/v1/batch", &[("idempotency-key", "order-1")], body.as_bytes())
    };

    let first = submit("/a").json();
    world.ended(first["batch_id"].as_str().expect("an id"));
    let second = submit("/a");
    let other = submit("/b");

    assert_eq!((second.status, second.json()), (202, first));
    assert_eq!((other.status, &other.json()["code"]), (409, &json!("IDEMPOTENCY_KEY_REUSED")));
    assert_eq!(site.hits(), 1);
}

#[test]
fn a_canceled_batch_costs_nothing() {
    let (world, held) = (World::new(), Held::new());
    let guard = held.hold();
    let id = world.submitted(&[held.site.url("/a"), held.site.url("/b")]);

    let cancelled = world.send("DELETE", &format!("/api/v1/batch/{id}"), &[], b"");
    let again = world.send("DELETE", &format!("/api/v1/batch/{id}"), &[], b"");
    drop(guard);

    let said = cancelled.json();
    assert_eq!((cancelled.status, &said["status"]), (200, &json!("failed")));
    assert_eq!((&said["cancelled_jobs"], &said["credits_used"]), (&json!(2), &json!(0)));
    assert_eq!(said["credits_refunded"], said["estimated_credits"]);
    let again = (again.status, again.json());
    assert_eq!((again.0, &again.1["cancelled_jobs"]), (200, &json!(0)));
    assert_eq!(again.1["credits_refunded"], json!(0), "the first request released everything");
    let status = world.ended(&id);
    assert!(items(&status).iter().all(|it| it["error"] == "CANCELLED"), "{status}");
}

#[test]
fn a_status_can_omit_the_results() {
    let (world, site) = (World::new(), site());
    let id = world.submitted(&[site.url("/a")]);
    world.ended(&id);

    let bare = world.get(&format!("/api/v1/batch/{id}?include_results=false")).json();
    let wrong = world.get(&format!("/api/v1/batch/{id}?include_results=maybe"));

    assert_eq!(
        (&bare["items"][0]["status"], &bare["items"][0]["result"]),
        (&json!("succeeded"), &Value::Null)
    );
    assert_eq!((wrong.status, &wrong.json()["field"]), (422, &json!("include_results")));
}

#[test]
fn an_insufficient_balance_is_reported_with_the_required_amount() {
    let settings = rungs::engine::Settings::default().with_limited_accounts();
    let plan = Plan {
        engine: engine(rungs::stores::Memory::default()).settings(settings),
        ..Plan::default()
    };
    let (world, site) = (World::of(plan), site());

    let refused = world.post("/api/v1/batch", &json!({ "urls": [site.url("/a")] }));

    let said = refused.json();
    assert_eq!((refused.status, &said["code"]), (402, &json!("INSUFFICIENT_CREDITS")));
    assert_eq!(said["balance_dollars"], 0.0);
    assert!(said["required_dollars"].as_f64().is_some_and(|it| it > 0.0), "{said}");
}

#[test]
fn an_application_can_raise_the_batch_limit() {
    let limits = Limits::default().with_batch_items(300);
    let engine = engine(rungs::stores::Memory::default()).limits(limits);
    let (world, site) = (World::of(Plan { engine, ..Plan::default() }), site());
    let urls: Vec<String> = (0..300).map(|it| site.url(&format!("/{it}"))).collect();

    let status = world.ended(&world.submitted(&urls));

    assert_eq!((&status["status"], items(&status).len()), (&json!("completed"), 300));
    let in_order = items(&status).iter().zip(&urls).all(|(item, url)| item["url"] == **url);
    assert!(in_order);
}

/// Bodies of which the first cannot be read.
#[derive(Debug, Default)]
struct Damaging {
    bodies: Memory,
    damaged: std::sync::OnceLock<BodyRef>,
}

impl Bodies for Damaging {
    fn put(&self, batch: BatchId, body: Vec<u8>) -> BoxFuture<'_, Result<BodyRef, StoreError>> {
        Box::pin(async move {
            let stored = Bodies::put(&self.bodies, batch, body).await?;
            let _ = self.damaged.set(stored.clone());
            Ok(stored)
        })
    }

    fn get(&self, body: BodyRef) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        if self.damaged.get() == Some(&body) {
            let damaged = StoreError::Damaged { store: "bodies", what: "a flipped bit".to_owned() };
            return Box::pin(async { Err(damaged) });
        }
        Bodies::get(&self.bodies, body)
    }

    fn remove(&self, batch: BatchId) -> BoxFuture<'_, Result<(), StoreError>> {
        Bodies::remove(&self.bodies, batch)
    }
}

#[test]
fn a_damaged_result_costs_one_item_and_not_the_response() {
    let engine = engine(Memory::default()).bodies(Damaging::default());
    let (world, site) = (World::of(Plan { engine, ..Plan::default() }), site());
    let id = world.submitted(&[site.url("/a"), site.url("/b"), site.url("/c")]);

    let status = world.ended(&id);
    let parsed = id.parse().expect("an id");
    let report = world.block_on(world.engine.batch_report(parsed)).expect("read").expect("ended");

    let (damaged, whole): (Vec<_>, Vec<_>) =
        items(&status).iter().partition(|it| it["status"] == "failed");
    assert_eq!((damaged.len(), whole.len()), (1, 2), "{status}");
    assert_eq!(
        (&damaged[0]["result"], &damaged[0]["error"]),
        (&json!(null), &json!("INTERNAL_ERROR"))
    );
    assert!(whole.iter().all(|it| it["result"]["text"].is_string()));
    assert_eq!(report.jobs().iter().filter(|it| it.result().is_ok()).count(), 2);
}
