//! Webhook receivers: their responses and their URLs.

use std::sync::{Arc, Mutex};

use rungs::service::Keys;
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteRequest, SiteResponse};
use serde_json::{Value, json};

use super::program::Serving;
use super::settings::day;
use super::world::{Plan, World, engine, site};

fn world() -> World {
    World::of(Plan { engine: engine(Memory::default()), keys: Keys::default(), ..Plan::default() })
}

/// Polls the one delivery in the log at `path` until it has this many attempts.
fn attempted(get: impl Fn(&str) -> Value, path: &str, attempts: usize) -> Value {
    loop {
        let log = get(path);
        if let Some(delivery) = log["deliveries"].get(0)
            && delivery["attempts"].as_array().is_some_and(|it| it.len() >= attempts)
        {
            return delivery.clone();
        }
        std::thread::yield_now();
    }
}

/// Returns the seconds from the last attempt of a delivery to the next.
fn wait_of(delivery: &Value) -> i64 {
    let last = delivery["attempts"].as_array().and_then(|it| it.last()).expect("an attempt");
    seconds(&delivery["next_attempt_at"]) - seconds(&last["at"])
}

/// Seconds from 1970 to an RFC 3339 timestamp.
fn seconds(timestamp: &Value) -> i64 {
    let time = timestamp.as_str().and_then(|it| it.get(11..19)).expect("a timestamp");
    let of_day = time.split(':').fold(0, |sum, it| sum * 60 + it.parse::<i64>().expect("a number"));
    day(timestamp) * 86_400 + of_day
}

/// Submits a page with a webhook to `receiver` and returns the delivery after its first attempt.
fn first_attempt(world: &World, receiver: &Site) -> Value {
    let site = site();
    let body = json!({ "urls": [site.url("/a")], "webhook_url": receiver.url("/hook") });
    let id = world.post("/api/v1/batch", &body).json()["batch_id"].clone();
    let id = id.as_str().expect("an id");
    world.ended(id);
    let get = |path: &str| world.get(path).json();
    attempted(get, &format!("/api/v1/batch/{id}/deliveries"), 1)
}

#[test]
fn a_failed_delivery_waits_as_scheduled_or_as_the_receiver_asks() {
    let world = world();
    let answers = |retry_after: &'static str| {
        Site::start(move |_| match retry_after {
            "" => SiteResponse::status(503),
            value => SiteResponse::status(503).header("retry-after", value),
        })
    };

    let scheduled = first_attempt(&world, &answers(""));
    let asked = first_attempt(&world, &answers("1800"));
    let excessive = first_attempt(&world, &answers("99999999"));

    // An attempt takes a moment, and a scheduled wait has up to a tenth of jitter.
    let near = |delivery: &Value, seconds: i64, most: i64| {
        let wait = wait_of(delivery);
        assert_eq!(delivery["status"], "pending", "{delivery}");
        assert!((seconds..=most).contains(&wait), "{wait} s: {delivery}");
    };
    near(&scheduled, 10, 30);
    near(&asked, 1_800, 1_830);
    near(&excessive, 36_000, 36_030);
}

#[test]
fn credentials_of_a_webhook_url_are_sent_as_basic_authentication_and_never_shown() {
    let (world, site) = (world(), site());
    let got = Arc::new(Mutex::new(Vec::<SiteRequest>::new()));
    let inbox = Arc::clone(&got);
    let receiver = Site::start(move |request| {
        inbox.lock().expect("not poisoned").push(request.clone());
        SiteResponse::status(500)
    });
    let url = receiver.url("/hook?kind=done").replace("http://", "http://us%65r:p%40ss@");
    let body = json!({ "urls": [site.url("/a")], "webhook_url": url });

    let accepted = world.post("/api/v1/batch", &body);
    let id = accepted.json()["batch_id"].as_str().expect("an id").to_owned();
    world.ended(&id);
    let path = format!("/api/v1/batch/{id}/deliveries");
    let delivery = attempted(|it| world.get(it).json(), &path, 1);

    let request = got.lock().expect("not poisoned")[0].clone();
    // printf user:p@ss | base64
    assert_eq!(request.header("authorization"), Some("Basic dXNlcjpwQHNz"));
    assert_eq!(delivery["url"], receiver.url("/hook?kind=done"));
    let shown = [
        accepted.json().to_string(),
        delivery.to_string(),
        world.get(&format!("/api/v1/batch/{id}")).json().to_string(),
        world.get("/api/v1/batches").json().to_string(),
    ];
    for text in shown {
        assert!(!text.contains("ss@") && !text.contains("us%65r"), "{text}");
    }
}

#[test]
fn a_webhook_url_is_as_long_as_a_page_url_at_most() {
    let (world, site) = (world(), site());
    let receiver = Site::start(|_| SiteResponse::status(204));
    let of_length = |length: usize| {
        let start = receiver.url("/");
        format!("{start}{}", "x".repeat(length - start.len()))
    };
    let submit = |path: &str, length| {
        let body = json!({
            "url": site.url("/a"), "urls": [site.url("/a")], "webhook_url": of_length(length),
        });
        world.post(path, &body)
    };

    let longest = submit("/api/v1/batch", 8_192);
    let longer = submit("/api/v1/batch", 8_193);
    let scrape = submit("/api/v1/scrape", 8_193);

    assert_eq!(longest.status, 202, "{}", longest.json());
    for refused in [longer, scrape] {
        assert_eq!((refused.status, &refused.json()["field"]), (422, &json!("webhook_url")));
        assert!(refused.json()["message"].as_str().is_some_and(|it| it.contains("8192")));
    }
}

#[test]
fn the_log_and_the_list_of_batches_include_single_pages() {
    let (world, site) = (world(), site());
    let receiver = Site::start(|_| SiteResponse::status(204));
    let body = json!({ "url": site.url("/a"), "webhook_url": receiver.url("/hook") });

    let job = world.post("/api/v1/scrape", &body).json()["job_id"].clone();
    let delivery = attempted(|it| world.get(it).json(), "/api/v1/deliveries", 1);
    let listed = world.get("/api/v1/batches").json();

    assert_eq!(delivery["event"], "job.completed", "{delivery}");
    assert_eq!(delivery["payload"]["data"]["job_id"], job);
    let batch = &listed["batches"][0];
    assert_eq!((&batch["batch_id"], &batch["kind"]), (&delivery["batch_id"], &json!("scrape")));
    assert_eq!(batch["first_url"], site.url("/a"));
}

#[test]
fn the_waits_between_attempts_are_settings_of_the_program() {
    let (dir, site) = (tempfile::tempdir().expect("a directory"), site());
    let receiver = Site::start(|_| SiteResponse::status(500));
    let config = dir.path().join("rungs.json");
    std::fs::write(&config, r#"{"webhook_retries": [7200]}"#).expect("written");
    let config = config.to_string_lossy().into_owned();
    let body = json!({ "urls": [site.url("/a")], "webhook_url": receiver.url("/hook") });

    for (arguments, seconds) in [
        (vec!["--config", &config], 7_200),
        (vec!["--config", &config, "--webhook-retries", "600,60"], 600),
    ] {
        let serving = Serving::start(&arguments);
        serving.post("/api/v1/batch", &body);
        let delivery = attempted(|it| serving.get(it).json(), "/api/v1/deliveries", 1);
        let wait = wait_of(&delivery);
        assert!((seconds..seconds / 10 * 11 + 30).contains(&wait), "{wait} s: {delivery}");
    }
}

#[test]
fn a_dropped_wait_for_a_page_leaves_it_in_the_list_of_batches() {
    use std::io::Write;

    let (world, held) = (world(), super::world::Held::new());
    let guard = held.hold();
    let body = json!({ "url": held.site.url("/a") }).to_string();
    let mut stream = super::http::connect(world.addr);
    let request = "POST /api/v1/scrape HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                content-length";
    stream.write_all(format!("{request}: {}\r\n\r\n{body}", body.len()).as_bytes()).expect("sent");
    while held.site.hits() == 0 {
        std::thread::yield_now();
    }

    drop(stream);
    drop(guard);

    let listed = world.get("/api/v1/batches").json();
    let id = listed["batches"][0]["batch_id"].as_str().expect("it is listed");
    assert_eq!(world.ended(id)["items"][0]["status"], "succeeded", "its result can be fetched");
}
