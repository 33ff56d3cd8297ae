//! Encodings of request bodies, and compressed responses.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use rungs::service::ServiceOptions;
use rungs::testkit::site::{Site, SiteResponse};
use serde_json::{Value, json};

use super::http::Answer;
use super::world::{Plan, World, site};

const ESTIMATE: &str = "/api/v1/batch/estimate";
const GZIP: (&str, &str) = ("content-encoding", "gzip");
const ACCEPT: (&str, &str) = ("accept-encoding", "gzip, deflate, br");

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("it is memory");
    encoder.finish().expect("it is memory")
}

/// Decompresses a response and parses it.
fn decompressed(answer: &Answer) -> Value {
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    MultiGzDecoder::new(&answer.body[..]).read_to_string(&mut text).expect("gzip of text");
    serde_json::from_str(&text).unwrap_or_else(|why| panic!("{why}: {text}"))
}

#[test]
fn a_fraction_of_a_second_is_rounded_up() {
    let world = World::new();
    let estimated = |timeout: f64, budget: f64| {
        let controls = json!({ "time_budget": budget });
        let item = json!({
            "url": "https://example.com/", "timeout": timeout, "cost_controls": controls,
        });
        world.post("/api/v1/scrape/estimate", &item)
    };

    for (timeout, budget) in [(90.0, 30.0), (1.5, 5.5), (0.25, 4.25), (299.5, 299.5)] {
        let answer = estimated(timeout, budget);
        assert_eq!(answer.status, 200, "{timeout} {budget}: {}", answer.json());
    }
    for (timeout, budget) in [(300.5, 30.0), (0.0, 30.0), (30.0, 300.5), (30.0, 4.0)] {
        assert_eq!(estimated(timeout, budget).status, 422, "{timeout} {budget}");
    }
}

#[test]
fn a_boolean_of_a_query_is_read_in_any_letter_case() {
    let (world, site) = (World::new(), site());
    let id = world.submitted(&[site.url("/a")]);
    world.ended(&id);
    let result = |flag: &str| {
        let answer = world.get(&format!("/api/v1/batch/{id}?include_results={flag}"));
        assert_eq!(answer.status, 200, "{flag}: {}", answer.json());
        answer.json()["items"][0]["result"].is_object()
    };

    for flag in ["True", "true", "TRUE", "1"] {
        assert!(result(flag), "{flag}");
    }
    for flag in ["False", "false", "FALSE", "0"] {
        assert!(!result(flag), "{flag}");
    }
    assert_eq!(world.get("/api/v1/deliveries?unaddressed=True").status, 200);
}

#[test]
fn a_byte_order_mark_before_a_body_is_skipped() {
    let world = World::new();
    let body = "\u{feff}{\"urls\": [\"https://example.com/\"]}";

    let answer = world.send("POST", ESTIMATE, &[], body.as_bytes());

    assert_eq!(answer.status, 200, "{}", answer.json());
}

#[test]
fn a_gzip_body_is_read_within_the_limit_of_bodies() {
    let options = ServiceOptions::default().with_max_body_bytes(50_000);
    let world = World::of(Plan { options, ..Plan::default() });
    let body = |length: usize| {
        let text = r#"{"urls": ["https://example.com/"]}"#;
        gzip(format!("{text}{}", " ".repeat(length - text.len())).as_bytes())
    };
    let send = |headers: &[(&str, &str)], body: &[u8]| world.send("POST", ESTIMATE, headers, body);

    let most = send(&[GZIP], &body(50_000));
    assert_eq!(most.status, 200, "{}", most.json());
    assert_eq!(send(&[("content-encoding", "X-Gzip")], &body(1_000)).status, 200);
    let over = send(&[GZIP], &body(50_001));
    assert_eq!((over.status, &over.json()["code"]), (413, &json!("CONTENT_TOO_LARGE")));
    assert_eq!(send(&[GZIP], &body(40_000_000)).status, 413);
    for damaged in [&body(1_000)[..20], b"{}", b""] {
        assert_eq!(send(&[GZIP], damaged).status, 400);
    }
    assert_eq!(send(&[], &body(1_000)).status, 400, "the header is missing");
    assert_eq!(send(&[("content-encoding", "br")], &body(1_000)).status, 415);
}

#[test]
fn a_large_json_response_is_compressed_for_clients_that_ask() {
    let text = "Flour, water, salt and time are all that a good loaf needs. ".repeat(4_000);
    let page = format!("<title>Loaf</title><article><h1>Loaf</h1><p>{text}</p></article>");
    let site = Site::start(move |_| SiteResponse::html(page.clone()));
    let world = World::new();
    let id = world.submitted(&[site.url("/a"), site.url("/b")]);
    let plain = world.ended(&id);
    let job = plain["items"][0]["job_id"].as_str().expect("an id").to_owned();

    for path in [format!("/api/v1/batch/{id}"), format!("/api/v1/jobs/{job}")] {
        let plain = world.get(&path);
        let compressed = super::http::send(world.addr, "GET", &path, &[ACCEPT], b"");
        assert_eq!(decompressed(&compressed), plain.json(), "{path}");
        assert!(compressed.body.len() * 10 < plain.body.len(), "{path}");
        assert_eq!(compressed.header("content-length"), None, "{path}");
        for answer in [&plain, &compressed] {
            assert_eq!(answer.header("vary"), Some("Accept-Encoding"), "{path}");
        }
        assert_eq!(plain.header("content-encoding"), None, "{path}");
        let refused = world.send("GET", &path, &[("accept-encoding", "gzip;q=0")], b"");
        assert_eq!(refused.header("content-encoding"), None, "{path}");
    }
}

#[test]
fn a_small_response_or_a_stream_is_not_compressed() {
    let (world, site) = (World::new(), site());
    let id = world.submitted(&[site.url("/a")]);
    world.ended(&id);

    let events = format!("/api/v1/batch/{id}/events");
    for path in ["/health", "/api/v1/usage", events.as_str(), "/page/app.js", "/docs"] {
        let answer = super::http::send(world.addr, "GET", path, &[ACCEPT], b"");
        assert_eq!((answer.status, answer.header("content-encoding")), (200, None), "{path}");
        assert!(!answer.body.is_empty(), "{path}");
    }
    let head = super::http::send(world.addr, "HEAD", "/openapi.json", &[ACCEPT], b"");
    assert_eq!((head.status, head.header("content-encoding")), (200, None));
    let described = super::http::send(world.addr, "GET", "/openapi.json", &[ACCEPT], b"");
    assert!(decompressed(&described)["paths"].is_object());
}
