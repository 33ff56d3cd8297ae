//! Retries over HTTP.

use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteResponse};
use rungs::webhook::Webhooks;
use serde_json::{Value, json};

use super::world::{Held, Plan, World, engine, page};

/// A site on which `/late` appears at the second request.
fn site() -> Site {
    let requests = std::sync::atomic::AtomicUsize::new(0);
    Site::start(move |request| match request.path.as_str() {
        "/late" if requests.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 => {
            SiteResponse::status(404)
        }
        _ => page(request),
    })
}

fn retry(world: &World, id: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
    let mut all = vec![("content-type", "application/json")];
    all.extend(headers);
    let path = format!("/api/v1/batch/{id}/retry");
    let answer = world.send("POST", &path, &all, body.as_bytes());
    (answer.status, answer.json())
}

#[test]
fn a_retried_batch_names_the_batch_it_repeats() {
    let (world, site) = (World::new(), site());
    let first = world.submitted(&["/a", "/late", "/gone"].map(|it| site.url(it)));
    world.ended(&first);

    let (status, accepted) = retry(&world, &first, &[], "");
    let (_, again) = retry(&world, &first, &[], "{}");
    let controls = json!({ "cost_controls": { "max_tier": "1", "tier": 2 } }).to_string();
    let (_, keyed) = retry(&world, &first, &[("idempotency-key", "more")], &controls);

    assert_eq!((status, &accepted["total_urls"]), (202, &json!(2)), "{accepted}");
    let id = accepted["batch_id"].as_str().expect("an id");
    let ended = world.ended(id);
    assert_eq!((&ended["retry_of"], &ended["status"]), (&json!(first), &json!("partial")));
    assert_eq!((&ended["completed"], &ended["failed"]), (&json!(1), &json!(1)));
    assert_eq!(again["batch_id"], id);
    assert_eq!(keyed["warnings"][0]["field"], "cost_controls.tier", "{keyed}");
    let keyed = keyed["batch_id"].as_str().expect("an id");
    assert_ne!(keyed, id);
    let listed = world.get("/api/v1/batches").json();
    let of_first = listed["batches"].as_array().expect("a list").iter();
    assert_eq!(of_first.filter(|it| it["retry_of"] == json!(first)).count(), 2);
}

#[test]
fn a_retry_that_cannot_be_is_refused() {
    let (world, held) = (World::new(), Held::new());
    let good = world.submitted(&[held.site.url("/a")]);
    world.ended(&good);
    let guard = held.hold();
    let open = world.submitted(&[held.site.url("/b")]);
    let unknown = format!("{}0", &good[..good.len() - 1]);

    for (id, body, status, code) in [
        (good.as_str(), "", 409, "NOTHING_TO_RETRY"),
        (&open, "", 409, "BATCH_NOT_ENDED"),
        (&unknown, "", 404, "BATCH_NOT_FOUND"),
        ("batch_x", "", 404, "BATCH_NOT_FOUND"),
        (&good, "[]", 422, "VALIDATION_ERROR"),
        (&good, r#"{"cost_controls": {"max_tier": "9"}}"#, 422, "VALIDATION_ERROR"),
        (&good, "{", 400, "VALIDATION_ERROR"),
    ] {
        let (found, problem) = retry(&world, id, &[], body);
        assert_eq!((found, &problem["code"]), (status, &json!(code)), "{id} {body}: {problem}");
    }
    drop(guard);
    world.ended(&open);
}

#[test]
fn a_refused_retry_names_the_item() {
    let (world, site) = (World::new(), site());
    let forced = json!({ "url": site.url("/gone"), "cost_controls": { "force_tier": "2" } });
    let body = json!({ "urls": [site.url("/a"), forced] });
    let first = world.post("/api/v1/batch", &body).json()["batch_id"].clone();
    let first = first.as_str().expect("an id");
    world.ended(first);

    let (status, problem) = retry(&world, first, &[], r#"{"cost_controls": {"max_tier": "1"}}"#);

    assert_eq!(status, 422, "{problem}");
    assert!(problem.to_string().contains("items[1]"), "{problem}");
}

#[test]
fn a_retry_warns_of_the_unsigned_webhook_that_it_takes_over() {
    let (engine, site) = (engine(Memory::default()).webhooks(Webhooks::unsigned()), site());
    let world = World::of(Plan { engine, ..Plan::default() });
    let body = json!({ "urls": [site.url("/gone")], "webhook_url": "https://hooks.example/" });
    let first = world.post("/api/v1/batch", &body).json();
    assert_eq!(first["warnings"][0]["code"], "UNSIGNED_WEBHOOK", "{first}");
    let first = first["batch_id"].as_str().expect("an id");
    world.ended(first);

    let (_, retried) = retry(&world, first, &[], "");

    assert_eq!(retried["warnings"][0]["code"], "UNSIGNED_WEBHOOK", "{retried}");
}
