//! Single pages over HTTP.

use std::time::Duration;

use rungs::service::ServiceOptions;
use serde_json::{Value, json};

use super::http::Answer;
use super::world::{Held, Plan, World, site};

const PYTHON: (&str, &str) = ("user-agent", "AlterLab-Python-SDK/2.1.3");
const NODE: (&str, &str) = ("user-agent", "alterlab-node/2.0.0");
const MCP: (&str, &str) = ("user-agent", "alterlab-mcp-server/1.7.1");

/// A service that does not wait for pages, whatever their timeout.
fn impatient() -> World {
    let options = ServiceOptions::default().with_scrape_wait(Duration::ZERO);
    World::of(Plan { options, ..Plan::default() })
}

fn scrape(world: &World, agent: (&str, &str), body: &Value) -> Answer {
    world.send("POST", "/api/v1/scrape", &[agent], body.to_string().as_bytes())
}

#[test]
fn a_sync_scrape_returns_the_page() {
    let (world, site) = (World::new(), site());

    let answer = world.post("/api/v1/scrape", &json!({ "url": site.url("/a"), "sync": true }));

    let page = answer.json();
    assert_eq!(answer.status, 200, "{page}");
    assert_eq!((&page["url"], &page["status_code"]), (&json!(site.url("/a")), &json!(200)));
    assert!(page["content"]["html"].is_string() && page["content"]["json"].is_object());
    assert_eq!((&page["billing"]["tier_used"], &page["credits_used"]), (&json!("1"), &json!(200)));
}

#[test]
fn an_async_scrape_returns_a_job() {
    let (world, site) = (World::new(), site());

    let accepted = world.post("/api/v1/scrape", &json!({ "url": site.url("/a"), "sync": false }));
    let id = accepted.json()["job_id"].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/jobs/{id}");
    let mut job = world.get(&path).json();
    while job["status"] != "succeeded" {
        assert!(["queued", "processing"].contains(&job["status"].as_str().expect("a word")));
        job = world.get(&path).json();
    }

    assert_eq!(accepted.status, 202);
    assert_eq!((&job["job_id"], &job["error"]), (&json!(id), &Value::Null));
    assert_eq!((&job["progress"], &job["status_code"]), (&json!(100), &json!(200)));
    assert_eq!(job["result"]["text"], job["text"]);
    assert!(job["created_at"].is_string() && job["updated_at"].is_string());
}

#[test]
fn a_failed_page_is_an_error_of_a_sync_scrape_only() {
    let (world, site) = (World::new(), site());
    let gone = site.url("/gone");

    let waited = world.post("/api/v1/scrape", &json!({ "url": gone }));
    let batch = world.submitted(&[gone]);
    let status = world.ended(&batch);
    let id = status["items"][0]["job_id"].as_str().expect("an id").to_owned();
    let job = world.get(&format!("/api/v1/jobs/{id}"));

    let said = waited.json();
    assert_eq!((waited.status, &said["code"]), (422, &json!("NOT_FOUND_TARGET")));
    assert_eq!((&said["url"], &said["tier"]), (&json!(site.url("/gone")), &json!("1")));
    assert!(said["details"]["escalations"].is_array(), "{said}");
    let said = job.json();
    assert_eq!((job.status, &said["status"]), (200, &json!("failed")));
    assert_eq!((&said["error"], &said["result"]), (&json!("NOT_FOUND_TARGET"), &Value::Null));
    assert_eq!(said.get("status_code"), None, "a client takes a status for a page");
}

#[test]
fn a_slow_page_is_a_202_or_a_504_by_client() {
    let (world, held) = (impatient(), Held::new());
    let guard = held.hold();
    let body = json!({ "url": held.site.url("/a"), "timeout": 1 });

    for agent in [PYTHON, ("user-agent", "curl/8.5.0")] {
        let answer = scrape(&world, agent, &body);
        assert_eq!(answer.status, 202, "{}", answer.json());
        assert!(answer.json()["job_id"].is_string());
    }
    for agent in [NODE, MCP] {
        let answer = scrape(&world, agent, &body);
        let said = answer.json();
        assert_eq!((answer.status, &said["code"]), (504, &json!("TIMEOUT")), "{said}");
        assert!(said["detail"].is_string());
    }
    drop(guard);
}

#[test]
fn each_client_gets_its_own_words_for_job_states() {
    let (world, held) = (impatient(), Held::new());
    let guard = held.hold();
    let body = json!({ "url": held.site.url("/a") });
    let id = scrape(&world, PYTHON, &body).json()["job_id"].as_str().expect("an id").to_owned();
    let asked = |agent| {
        let job = world.send("GET", &format!("/api/v1/jobs/{id}"), &[agent], b"").json();
        job["status"].as_str().expect("a word").to_owned()
    };

    assert!(["pending", "running"].contains(&asked(PYTHON).as_str()));
    drop(guard);
    while asked(MCP) != "succeeded" {}

    assert_eq!((asked(PYTHON).as_str(), asked(NODE).as_str()), ("completed", "completed"));
}

#[test]
fn an_idempotency_key_identifies_one_page() {
    let (world, site) = (World::new(), site());
    let body = json!({ "url": site.url("/a") }).to_string();
    let send =
        || world.send("POST", "/api/v1/scrape", &[("idempotency-key", "page-1")], body.as_bytes());

    let (first, second) = (send().json(), send().json());

    assert_eq!(first["job_id"], second["job_id"]);
    assert_eq!(site.hits(), 1);
}

#[test]
fn an_estimate_has_the_fields_of_every_client() {
    let (world, site) = (World::new(), site());

    let answer = world.post("/api/v1/scrape/estimate", &json!({ "url": site.url("/a") }));

    let said = answer.json();
    assert_eq!(answer.status, 200);
    assert_eq!((&said["estimated_tier"], &said["tier_name"]), (&json!("1"), &json!("curl")));
    assert_eq!(
        (&said["estimated_credits"], &said["estimated_cost_dollars"]),
        (&json!(200), &json!(0.0002))
    );
    assert!(said["max_possible_credits"].as_u64() >= said["estimated_credits"].as_u64());
    assert!(said["reasoning"].is_string() && said["reason"].is_string());
    assert_eq!(site.hits(), 0);
}
