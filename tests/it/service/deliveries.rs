//! Webhook deliveries: attempts, signatures and redelivery.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rungs::core::backoff::RetrySchedule;
use rungs::core::id::AccountId;
use rungs::net::NetPolicy;
use rungs::service::{ApiKey, Keys};
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteRequest, SiteResponse};
use rungs::webhook::{WebhookSecret, Webhooks};
use serde_json::{Value, json};

use super::world::{LOOPBACK, Plan, World, engine, site};

const SECRET: &str = "sk_live_acme_0123456789abcdef";
const OTHER: &str = "sk_live_other_0123456789abcdef";

/// A receiver that responds with each status in turn, and then always with the last one.
struct Receiver {
    site: Site,
    got: Arc<Mutex<Vec<SiteRequest>>>,
}

impl Receiver {
    fn answering(statuses: &'static [u16]) -> Self {
        let got = Arc::new(Mutex::new(Vec::new()));
        let (keeps, count) = (Arc::clone(&got), AtomicUsize::new(0));
        let site = Site::start(move |request| {
            keeps.lock().expect("not poisoned").push(request.clone());
            let at = count.fetch_add(1, Ordering::SeqCst).min(statuses.len() - 1);
            SiteResponse::status(statuses[at])
        });
        Self { site, got }
    }

    fn got(&self) -> Vec<SiteRequest> {
        self.got.lock().expect("not poisoned").clone()
    }
}

/// A service with these keys that retries deliveries after a millisecond.
fn world(webhooks: Webhooks, keys: Keys) -> World {
    let retry = RetrySchedule::new(&[std::time::Duration::from_millis(1); 2]).expect("two waits");
    let settings = rungs::engine::Settings::default().with_webhook_retry(retry);
    let engine = engine(Memory::default()).webhooks(webhooks).settings(settings);
    World::of(Plan { engine, keys, ..Plan::default() })
}

fn hooks() -> Webhooks {
    let network = NetPolicy::new().allow_network(LOOPBACK).expect("a network");
    Webhooks::signed_with("whsec_c2VydmVy").network(network)
}

/// Submits a page with a webhook and returns the batch's delivery once its status is `status`.
fn delivered(world: &World, receiver: &Receiver, site: &Site, status: &str) -> Value {
    let body = json!({ "urls": [site.url("/a")], "webhook_url": receiver.site.url("/hook") });
    let id = world.post("/api/v1/batch", &body).json()["batch_id"].clone();
    let id = id.as_str().expect("an id");
    world.ended(id);
    settled(world, id, status)
}

fn settled(world: &World, batch: &str, status: &str) -> Value {
    loop {
        let log = world.get(&format!("/api/v1/batch/{batch}/deliveries")).json();
        let [delivery] = &log["deliveries"].as_array().expect("a list")[..] else {
            panic!("one delivery: {log}")
        };
        if delivery["status"] == status {
            return delivery.clone();
        }
        assert_eq!(delivery["status"], "pending", "{delivery}");
    }
}

#[test]
fn the_list_contains_every_attempt_with_its_response() {
    let (world, site) = (world(hooks(), Keys::default()), site());
    let receiver = Receiver::answering(&[503, 204]);

    let delivery = delivered(&world, &receiver, &site, "delivered");

    let attempts = delivery["attempts"].as_array().expect("a list");
    let codes: Vec<&Value> = attempts.iter().map(|it| &it["status_code"]).collect();
    assert_eq!(codes, [&json!(503), &json!(204)]);
    assert!(attempts[0]["error"].as_str().is_some_and(|it| it.contains("503")));
    assert_eq!(
        (&delivery["event"], &delivery["next_attempt_at"]),
        (&json!("batch.completed"), &Value::Null)
    );
    let sent: Value = serde_json::from_slice(&receiver.got()[0].body).expect("JSON");
    assert_eq!(delivery["payload"], sent);
    let listed = world.get("/api/v1/deliveries").json();
    assert_eq!(listed["deliveries"], json!([delivery]));
}

#[test]
fn redelivery_repeats_the_id_and_the_body() {
    let (world, site) = (world(hooks(), Keys::default()), site());
    let receiver = Receiver::answering(&[500, 500, 500, 204]);
    let failed = delivered(&world, &receiver, &site, "failed");
    let path =
        format!("/api/v1/deliveries/{}/redeliver", failed["delivery_id"].as_str().expect("an id"));
    let batch = failed["batch_id"].as_str().expect("an id");

    for attempts in [4, 5] {
        assert_eq!(world.post(&path, &json!(null)).status, 202);
        while receiver.got().len() < attempts {
            std::thread::yield_now();
        }
        let again = settled(&world, batch, "delivered");
        assert_eq!(again["delivery_id"], failed["delivery_id"]);
    }

    let got = receiver.got();
    assert_eq!(got.len(), 5);
    let of =
        |name: &str| got.iter().map(|it| it.header(name).map(str::to_owned)).collect::<Vec<_>>();
    assert!(of("x-alterlab-delivery").windows(2).all(|it| it[0] == it[1] && it[0].is_some()));
    assert!(got.windows(2).all(|it| it[0].body == it[1].body));
    let numbers: Vec<_> = of("x-alterlab-attempt").into_iter().flatten().collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5"]);
}

#[test]
fn each_account_has_its_own_secret_and_deliveries() {
    let account = |name| AccountId::new(name).expect("a name");
    let keys = [
        ApiKey::new("first", account("acme"), SECRET).expect("a key"),
        ApiKey::new("second", account("other"), OTHER).expect("a key"),
    ];
    let hooks = hooks().account_secret(account("acme"), "whsec_YWNtZQ==");
    let world = world(hooks, Keys::new(keys).expect("usable"));
    let (site, receiver) = (site(), Receiver::answering(&[204]));
    let body = json!({ "urls": [site.url("/a")], "webhook_url": receiver.site.url("/hook") });
    let mut deliveries = Vec::new();
    for (at, secret) in [SECRET, OTHER].into_iter().enumerate() {
        let headers = [("x-api-key", secret)];
        world.send("POST", "/api/v1/batch", &headers, body.to_string().as_bytes());
        while receiver.got().len() <= at {
            std::thread::yield_now();
        }
        let log = world.send("GET", "/api/v1/deliveries", &headers, b"").json();
        assert_eq!(log["deliveries"].as_array().map(Vec::len), Some(1), "{log}");
        deliveries.push(log["deliveries"][0]["delivery_id"].as_str().expect("an id").to_owned());
    }

    let foreign = format!("/api/v1/deliveries/{}/redeliver", deliveries[0]);
    let refused = world.send("POST", &foreign, &[("x-api-key", OTHER)], b"");

    for (request, secret) in receiver.got().iter().zip(["whsec_YWNtZQ==", "whsec_c2VydmVy"]) {
        let signature = WebhookSecret::new(secret).alterlab(&request.body);
        assert_eq!(request.header("x-alterlab-signature"), Some(signature.as_str()));
    }
    assert_eq!((refused.status, &refused.json()["code"]), (404, &json!("DELIVERY_NOT_FOUND")));
}

#[test]
fn a_response_body_is_cut_and_stripped_of_control_characters() {
    let (world, site) = (world(hooks(), Keys::default()), site());
    let words = format!("KeyError: 'batch_id'\u{1b}[2J\n{}", "x".repeat(100_000));
    let receiver = Site::start(move |_| SiteResponse::status(410).body(words.clone()));
    let body = json!({ "urls": [site.url("/a")], "webhook_url": receiver.url("/hook") });
    let id = world.post("/api/v1/batch", &body).json()["batch_id"].clone();
    let id = id.as_str().expect("an id");
    world.ended(id);

    let delivery = settled(&world, id, "failed");

    let attempt = &delivery["attempts"][0];
    assert_eq!(attempt["status_code"], 410);
    let said = attempt["response_body"].as_str().expect("what it said");
    assert!(said.starts_with("KeyError: 'batch_id'\u{fffd}[2J\nxxx"), "{said}");
    assert_eq!(said.chars().count(), 1_024);
}

#[test]
fn the_list_skips_batches_without_a_webhook() {
    let (world, site) = (world(hooks(), Keys::default()), site());
    let receiver = Receiver::answering(&[204]);
    let told = delivered(&world, &receiver, &site, "delivered");
    // More batches than one step of the search reads.
    let silent: Vec<String> = (0..51).map(|_| world.submitted(&[site.url("/a")])).collect();
    for id in &silent {
        world.ended(id);
    }

    let found = world.get("/api/v1/deliveries?limit=1").json();
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/deliveries?unaddressed=true&limit=20&cursor={cursor}");
        let page = world.get(&path).json();
        all.extend(page["deliveries"].as_array().expect("a list").clone());
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }

    assert_eq!(found["deliveries"], json!([told]));
    let batches: Vec<&str> = all.iter().filter_map(|it| it["batch_id"].as_str()).collect();
    let told_of = told["batch_id"].as_str().expect("an id");
    let mut expected: Vec<&str> = silent.iter().map(String::as_str).chain([told_of]).collect();
    // Ids begin with a timestamp. Within one millisecond their order is random.
    expected.sort_unstable_by(|one, other| other.cmp(one));
    assert_eq!(batches, expected, "each once, newest first");
    let silent = all.iter().filter(|it| it["status"] == "unaddressed" && it["url"].is_null());
    assert_eq!(silent.count(), 51);
    let wrong = world.get("/api/v1/deliveries?unaddressed=perhaps");
    assert_eq!((wrong.status, &wrong.json()["field"]), (422, &json!("unaddressed")));
}

#[test]
fn a_batch_without_a_webhook_has_no_delivery() {
    let (world, site) = (world(hooks(), Keys::default()), site());
    let id = world.submitted(&[site.url("/a")]);
    world.ended(&id);

    let log = world.get(&format!("/api/v1/batch/{id}/deliveries"));

    assert_eq!((log.status, &log.json()["deliveries"]), (200, &json!([])));
    assert_eq!(world.get("/api/v1/deliveries").json()["deliveries"], json!([]));
}

#[test]
fn a_single_scrape_has_a_delivery_under_its_job() {
    let (world, site) = (world(hooks(), Keys::default()), site());
    let receiver = Receiver::answering(&[204]);
    let body = json!({ "url": site.url("/a"), "webhook_url": receiver.site.url("/hook") });

    let job = world.post("/api/v1/scrape", &body).json()["job_id"].clone();
    let log = world.get(&format!("/api/v1/jobs/{}/deliveries", job.as_str().expect("an id")));

    let said = log.json();
    assert_eq!(said["deliveries"][0]["event"], "job.completed", "{said}");
    assert_eq!(said["deliveries"][0]["payload"]["data"]["job_id"], job);
}

#[test]
fn a_delivery_that_waits_for_its_next_attempt_is_sent_at_once() {
    let retry = RetrySchedule::new(&[std::time::Duration::from_hours(5)]).expect("a wait");
    let settings = rungs::engine::Settings::default().with_webhook_retry(retry);
    let engine = engine(Memory::default()).webhooks(hooks()).settings(settings);
    let (world, site) = (World::of(Plan { engine, ..Plan::default() }), site());
    let receiver = Receiver::answering(&[503, 204]);
    let first = delivered(&world, &receiver, &site, "pending");
    let batch = first["batch_id"].as_str().expect("an id");
    let waiting = loop {
        let delivery = settled(&world, batch, "pending");
        if delivery["attempts"].as_array().is_some_and(|it| it.len() == 1) {
            break delivery;
        }
    };

    let id = waiting["delivery_id"].as_str().expect("an id");
    assert_eq!(world.post(&format!("/api/v1/deliveries/{id}/redeliver"), &json!(null)).status, 202);

    assert_eq!(settled(&world, batch, "delivered")["attempts"].as_array().map(Vec::len), Some(2));
}
