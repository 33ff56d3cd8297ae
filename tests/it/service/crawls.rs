//! Crawls and maps over HTTP.

use rungs::net::NetPolicy;
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteResponse};
use rungs::webhook::Webhooks;
use serde_json::{Value, json};

use super::world::{LOOPBACK, Plan, World, engine};

/// A site of five pages, one of which fails, and a sitemap with one more.
fn site() -> Site {
    Site::start(|request| {
        let host = request.header("host").unwrap_or_default();
        let text = "<p>Flour, water, salt and time are all that a good loaf needs.</p>".repeat(6);
        let page = |title: &str, links: &str| {
            SiteResponse::html(format!("<title>{title}</title><main>{text}{links}</main>"))
        };
        match request.path.as_str() {
            "/" => page("Start", "<a href=/a>a</a> <a href=/b>b</a> <a href=/gone>gone</a>"),
            "/a" => page("Rye prices", "<a href=/a/deep>deep</a>"),
            "/b" | "/a/deep" | "/mapped" => page("Wheat", ""),
            "/robots.txt" => SiteResponse::status(200).body("user-agent: *\ndisallow: /admin\n"),
            "/sitemap.xml" => SiteResponse::status(200).body(format!(
                "<urlset><url><loc>http://{host}/mapped</loc><lastmod>2026-01-02</lastmod></url></urlset>"
            )),
            _ => SiteResponse::status(404),
        }
    })
}

fn crawled(world: &World, body: &Value) -> String {
    let accepted = world.post("/api/v1/crawl", body);
    assert_eq!(accepted.status, 202, "{}", accepted.json());
    accepted.json()["crawl_id"].as_str().expect("an id").to_owned()
}

/// Reads the stream of a crawl to its end, with the id of the last event before.
fn stream(world: &World, id: &str, last: &str) -> Vec<(String, Value)> {
    let path = format!("/api/v1/crawl/{id}/stream");
    let answer = world.send("GET", &path, &[("last-event-id", last)], b"");
    let text = String::from_utf8(answer.body).expect("text");
    let events = text.split("\n\n").filter_map(|event| {
        let field = |name: &str| event.lines().find_map(|it| it.strip_prefix(name));
        let data = serde_json::from_str(field("data: ")?).expect("JSON");
        let id = field("id: ").unwrap_or_default();
        Some((format!("{id} {}", field("event: ")?).trim().to_owned(), data))
    });
    events.collect()
}

#[test]
fn a_crawl_is_followed_and_read_over_http() {
    let (world, site) = (World::new(), site());
    let body = json!({ "url": site.url("/"), "max_depth": 1, "formats": ["text"], "advanced": {} });
    let id = crawled(&world, &body);

    let events = stream(&world, &id, "");

    let names: Vec<_> = events.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(names.iter().filter(|it| it.ends_with("page.completed")).count(), 4, "{names:?}");
    assert_eq!(names.iter().filter(|it| it.ends_with("page.failed")).count(), 1, "{names:?}");
    assert_eq!(names.last(), Some(&"5.end crawl.completed"));
    let again = stream(&world, &id, "3");
    assert!(again[0].0.starts_with("4 page."), "{again:?}");
    assert_eq!(again.len(), 3, "the fourth, the fifth and the end");
    let path = format!("/api/v1/crawl/{id}");
    let status = world.get(&path).json();
    assert_eq!((&status["status"], &status["total"]), (&json!("partial"), &json!(5)), "{status}");
    assert_eq!((&status["completed"], &status["failed"]), (&json!(4), &json!(1)));
    assert_eq!(status["pages"], Value::Null);
    let whole = world.get(&format!("{path}?include_results=true")).json();
    let pages = whole["pages"].as_array().expect("pages");
    assert_eq!(pages[0]["result"]["title"], "Start");
    assert_eq!((pages.len(), &whole["results"][0]["title"]), (5, &json!("Start")));
    let canceled = world.send("DELETE", &path, &[], b"");
    assert_eq!((canceled.status, &canceled.json()["code"]), (409, &json!("CRAWL_ENDED")));
    let unknown = world.get("/api/v1/crawl/0191d2a4-5b6c-7000-8000-000000000001");
    assert_eq!((unknown.status, &unknown.json()["code"]), (404, &json!("CRAWL_NOT_FOUND")));
}

#[test]
fn a_crawl_is_submitted_once_for_each_key_and_refused_by_field() {
    let (world, site) = (World::new(), site());
    let send = |body: &Value| {
        let headers = [("content-type", "application/json"), ("idempotency-key", "one")];
        world.send("POST", "/api/v1/crawl", &headers, body.to_string().as_bytes())
    };
    let body = json!({ "url": site.url("/"), "max_pages": 2, "max_page": 3 });
    let (first, second) = (send(&body), send(&body));

    assert_eq!(first.json()["crawl_id"], second.json()["crawl_id"]);
    assert_eq!(first.json()["warnings"][0]["suggestion"], "max_pages", "{}", first.json());
    let other = send(&json!({ "url": site.url("/a") }));
    assert_eq!((other.status, &other.json()["code"]), (409, &json!("IDEMPOTENCY_KEY_REUSED")));
    for (body, field) in [
        (json!({ "url": site.url("/"), "max_pages": 100_001 }), "max_pages"),
        (json!({ "url": site.url("/"), "sitemap": "never" }), "sitemap"),
        (json!({ "url": site.url("/"), "cache": true }), "cache"),
        (json!({ "url": "nothing" }), "url"),
        (json!({}), "url"),
    ] {
        let refused = world.post("/api/v1/crawl", &body);
        assert_eq!((refused.status, &refused.json()["field"]), (422, &json!(field)), "{body}");
    }
}

#[test]
fn a_canceled_crawl_reports_what_it_released() {
    let slow = Site::start(|request| match request.path.as_str() {
        "/" => SiteResponse::html("<p>slow</p>").delay(std::time::Duration::from_mins(5)),
        _ => SiteResponse::status(404),
    });
    let world = World::new();
    let id = crawled(&world, &json!({ "url": slow.url("/") }));

    let canceled = world.send("DELETE", &format!("/api/v1/crawl/{id}"), &[], b"");

    assert_eq!((canceled.status, &canceled.json()["status"]), (200, &json!("cancelled")));
    let events = stream(&world, &id, "");
    let (last, data) = events.last().expect("an end");
    assert!(last.ends_with("crawl.completed"), "{last}");
    assert_eq!((&data["status"], &data["credits_held"]), (&json!("cancelled"), &json!(0)));
}

#[test]
fn a_crawl_that_ended_early_has_no_pending_pages() {
    let (world, site) = (World::new(), site());
    let controls = json!({ "max_tier": "1", "max_credits": 500 });
    let id = crawled(&world, &json!({ "url": site.url("/"), "cost_controls": controls }));

    let events = stream(&world, &id, "");

    let (_, end) = events.last().expect("an end");
    assert_eq!(end["stop_reason"], "out_of_credits", "{end}");
    assert_eq!((&end["total"], &end["pages_total"]), (&json!(2), &json!(2)), "{end}");
    assert_eq!((&end["completed"], &end["pending"]), (&json!(2), &json!(0)), "{end}");
}

#[test]
fn a_map_of_a_site_that_cannot_be_read_is_refused_free_of_charge() {
    let (world, site) = (World::new(), Site::start(|_| SiteResponse::status(503)));

    let refused = world.post("/api/v1/map", &json!({ "url": site.url("/") }));

    assert_eq!((refused.status, &refused.json()["code"]), (422, &json!("SITE_UNREADABLE")));
    assert_eq!(world.get("/api/v1/billing/usage").json()["total_credits"], 0);
}

#[test]
fn a_map_lists_the_urls_of_a_site() {
    let (world, site) = (World::new(), site());
    let map = |body: &Value| {
        let answer = world.post("/api/v1/map", body);
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.json()
    };

    let found = map(&json!({ "url": site.url("/") }));

    let urls = found["urls"].as_array().expect("urls");
    let paths: Vec<_> = urls.iter().filter_map(|it| it["url"].as_str()).collect();
    let expected = ["/", "/mapped", "/a", "/b", "/gone", "/a/deep"].map(|it| site.url(it));
    assert_eq!(paths, expected);
    assert_eq!(
        (&urls[1]["source"], &urls[1]["last_modified"]),
        (&json!("sitemap"), &json!("2026-01-02"))
    );
    assert_eq!((&urls[5]["source"], &urls[5]["depth"]), (&json!("link"), &json!(2)));
    assert_eq!(
        (&urls[2]["title"], &urls[2]["relevance_score"]),
        (&json!("Rye prices"), &Value::Null)
    );
    let robots = json!({ "exists": true, "disallowed_paths": ["/admin"] });
    assert_eq!((&found["robots_txt"], &found["sitemap_found"]), (&robots, &json!(true)));
    assert_eq!((&found["credits_used"], &found["total_urls"]), (&json!(1_000), &json!(6)));
    assert_eq!(world.get("/api/v1/billing/usage").json()["total_credits"], 1_000);
    let searched = map(
        &json!({ "url": site.url("/"), "search": "prices", "sitemap": "skip", "max_pages": 3 }),
    );
    assert_eq!(searched["urls"].as_array().map(Vec::len), Some(1));
    assert_eq!(searched["urls"][0]["url"], site.url("/a"));
    let only = map(&json!({ "url": site.url("/"), "sitemap": "only", "exclude_patterns": ["/x"] }));
    assert_eq!(only["total_urls"], 1);
    let refused = world.post("/api/v1/map", &json!({ "url": site.url("/"), "max_depth": 11 }));
    assert_eq!((refused.status, &refused.json()["field"]), (422, &json!("max_depth")));
}

#[test]
fn the_delivery_of_a_crawl_is_found_and_repeated() {
    let hooks = NetPolicy::new().allow_network(LOOPBACK).expect("a network");
    let engine = engine(Memory::default()).webhooks(Webhooks::unsigned().network(hooks));
    let (world, site) = (World::of(Plan { engine, ..Plan::default() }), site());
    let receiver = Site::start(|_| SiteResponse::status(410));
    let body =
        json!({ "url": site.url("/a"), "max_pages": 1, "webhook_url": receiver.url("/hook") });
    let crawl = world.post("/api/v1/crawl", &body).json()["crawl_id"].clone();
    let path = format!("/api/v1/crawl/{}/deliveries", crawl.as_str().expect("an id"));
    let settled = |attempts: usize| loop {
        let listed = world.get(&path).json()["deliveries"].clone();
        let delivery = &listed[0];
        let made = delivery["attempts"].as_array().map_or(0, Vec::len);
        if made == attempts && delivery["status"] == "failed" {
            break delivery.clone();
        }
    };

    let failed = settled(1);
    let id = failed["delivery_id"].as_str().expect("an id");
    let again = world.post(&format!("/api/v1/deliveries/{id}/redeliver"), &json!(null));

    assert_eq!((&failed["event"], &failed["crawl_id"]), (&json!("crawl.completed"), &crawl));
    assert_eq!((failed["batch_id"].is_null(), again.status), (true, 202));
    assert_eq!(settled(2)["delivery_id"], failed["delivery_id"]);
}
