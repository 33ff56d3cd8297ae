//! Artifacts of jobs, made by a real browser and downloaded over HTTP.

use rungs::core::id::AccountId;
use rungs::fetch::Chrome;
use rungs::net::NetPolicy;
use rungs::service::{ApiKey, Keys};
use rungs::stores::Memory;
use serde_json::{Value, json};

use super::http::Answer;
use super::world::{LOOPBACK, Plan, World, engine, site};

const SECRET: &str = "sk_live_acme_0123456789abcdef";
const OTHER: &str = "sk_live_more_0123456789abcdef";

fn world() -> World {
    let account = |name| AccountId::new(name).expect("a name");
    let keys = [
        ApiKey::new("first", account("acme"), SECRET).expect("a key"),
        ApiKey::new("second", account("other"), OTHER).expect("a key"),
    ];
    let chrome =
        Chrome::new().network(NetPolicy::new().allow_network(LOOPBACK).expect("a network"));
    let engine = engine(Memory::default()).browser(chrome);
    World::of(Plan { engine, keys: Keys::new(keys).expect("usable"), ..Plan::default() })
}

fn asked(world: &World, secret: &str, path: &str) -> Answer {
    world.send("GET", path, &[("x-api-key", secret)], b"")
}

/// Scrapes a page with these options.
fn scraped(world: &World, url: &str, advanced: &Value) -> Value {
    let body = json!({ "url": url, "advanced": advanced, "timeout": 60 }).to_string();
    let answer = world.send("POST", "/api/v1/scrape", &[("x-api-key", SECRET)], body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()
}

/// The body of an error, without the id of its request.
fn refusal(answer: &Answer) -> (u16, Value) {
    let mut body = answer.json();
    body["request_id"] = Value::Null;
    (answer.status, body)
}

#[test]
fn artifacts_are_served_to_their_account_only() {
    let (world, site) = (world(), site());
    let asked_for = json!({
        "render_js": true, "screenshot": true, "generate_pdf": true,
        "actions": [{ "type": "screenshot" }],
    });
    let page = scraped(&world, &site.url("/a"), &asked_for);
    let job = page["job_id"].as_str().expect("an id");

    let files = page["artifacts"].as_array().expect("a list");
    let names: Vec<&Value> = files.iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["screenshot.png", "page.pdf", "action-1.png"]);
    assert_eq!(
        (&page["screenshot_url"], &page["pdf_url"]),
        (&files[0]["url"], &files[1]["url"]),
        "the two that clients know by name"
    );
    let kinds =
        [("image/png", "inline"), ("application/pdf", "attachment"), ("image/png", "inline")];
    let begins: [&[u8]; 3] = [b"\x89PNG", b"%PDF-", b"\x89PNG"];
    for ((file, (kind, shown)), begin) in files.iter().zip(kinds).zip(begins) {
        let url = file["url"].as_str().expect("an address");
        let name = file["name"].as_str().expect("a name");
        let answer = asked(&world, SECRET, url);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)), "{url}");
        let disposition = format!("{shown}; filename=\"{name}\"");
        for (header, value) in [
            ("content-disposition", disposition.as_str()),
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "default-src 'none'; sandbox"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(header), Some(value), "{url}");
        }
        assert!(answer.body.starts_with(begin), "{url}");
        assert_eq!(file["size_bytes"], answer.body.len());

        assert_eq!(asked(&world, "sk_live_unknown_0123456789", url).status, 401);
        let foreign = refusal(&asked(&world, OTHER, url));
        let unknown = url.replace(job, "00000000-0000-4000-8000-000000000000");
        assert_eq!(foreign, refusal(&asked(&world, SECRET, &unknown)), "as if it were not there");
        assert_eq!((foreign.0, &foreign.1["code"]), (404, &json!("JOB_NOT_FOUND")));
    }
}

#[test]
fn an_artifact_name_cannot_leave_its_job() {
    let (world, site) = (world(), site());
    let page = scraped(&world, &site.url("/a"), &json!({ "render_js": true }));
    let job = page["job_id"].as_str().expect("an id");
    assert_eq!((&page["screenshot_url"], &page["pdf_url"]), (&Value::Null, &Value::Null));
    assert_eq!(page["artifacts"], json!([]));

    for name in [
        "screenshot.png",
        "SCREENSHOT.PNG",
        "screenshot.png%00",
        "..%2F..%2F..%2Fetc%2Fpasswd",
        "%2e%2e",
        ".",
        "%2Fetc%2Fpasswd",
        "..%5C..%5Cboot.ini",
        "%FF",
    ] {
        let answer = asked(&world, SECRET, &format!("/api/v1/jobs/{job}/artifacts/{name}"));
        assert!(matches!(answer.status, 400 | 404), "{name}: {}", answer.status);
    }
    let missing = asked(&world, SECRET, &format!("/api/v1/jobs/{job}/artifacts/page.pdf"));
    assert_eq!(missing.json()["code"], "ARTIFACT_NOT_FOUND");
    let no_job = asked(&world, SECRET, "/api/v1/jobs/..%2f..%2f/artifacts/page.pdf");
    assert_eq!((no_job.status, &no_job.json()["code"]), (404, &json!("JOB_NOT_FOUND")));
}
