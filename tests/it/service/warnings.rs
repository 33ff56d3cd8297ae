//! Warnings: parts of a request that have no effect.

use rungs::core::claims::Priority;
use rungs::net::NetPolicy;
use rungs::stores::Memory;
use rungs::webhook::Webhooks;
use serde_json::{Value, json};

use super::world::{LOOPBACK, Plan, World, engine, site};

/// Returns the field and the suggestion of each warning.
fn warned(body: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = body["warnings"].as_array().into_iter().flatten();
    list.map(|it| (text(&it["field"]), text(&it["suggestion"]))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(field, named)| ((*field).to_owned(), (*named).to_owned())).collect()
}

#[test]
fn every_response_to_a_submission_lists_its_unknown_fields() {
    let (world, site) = (World::new(), site());
    let item = json!({ "url": site.url("/a"), "format": ["text"], "max_tier": "2" });
    let mut queued = item.clone();
    queued["sync"] = json!(false);
    let batch = json!({ "urls": [item], "formats": ["text"] });

    let of_item = pairs(&[("format", "formats"), ("max_tier", "cost_controls.max_tier")]);
    let of_batch = pairs(&[
        ("formats", "urls[].formats"),
        ("urls[0].format", "urls[0].formats"),
        ("urls[0].max_tier", "urls[0].cost_controls.max_tier"),
    ]);
    for (path, body, status, expected) in [
        ("/api/v1/scrape", &item, 200, &of_item),
        ("/api/v1/scrape", &queued, 202, &of_item),
        ("/api/v1/scrape/estimate", &item, 200, &of_item),
        ("/api/v1/batch", &batch, 202, &of_batch),
        ("/api/v1/batch/estimate", &batch, 200, &of_batch),
    ] {
        let answer = world.post(path, body);
        let body = answer.json();
        assert_eq!((answer.status, &warned(&body)), (status, expected), "{path}: {body}");
        let message = body["warnings"][0]["message"].as_str().expect("a text");
        assert!(message.starts_with("unknown field `format"), "{message}");
    }
}

#[test]
fn an_error_lists_the_unknown_fields_too() {
    let (world, site) = (World::new(), site());

    let misnamed = world.post("/api/v1/scrape", &json!({ "link": site.url("/a"), "urls": [] }));
    let invalid = json!({ "urls": [{ "url": site.url("/a"), "timeout": 0, "timeuot": 5 }] });
    let invalid = world.post("/api/v1/batch", &invalid);
    let gone = world.post("/api/v1/scrape", &json!({ "url": site.url("/gone"), "moed": "html" }));

    assert_eq!((misnamed.status, invalid.status), (422, 422));
    assert_eq!(warned(&misnamed.json())[1], ("urls".to_owned(), "url".to_owned()));
    assert_eq!(warned(&invalid.json()), pairs(&[("urls[0].timeuot", "urls[0].timeout")]));
    assert_eq!(gone.json()["error"], "NOT_FOUND_TARGET");
    assert_eq!(warned(&gone.json()), pairs(&[("moed", "mode")]));
}

#[test]
fn a_request_of_known_fields_has_no_warnings() {
    let (world, site) = (World::new(), site());
    let url = site.url("/a");
    // As the official Python client sends it, and with the options beside `advanced` that another client spreads there.
    let sent = json!({
        "url": url, "sync": true, "mode": "auto", "formats": ["text"], "wait_until": "networkidle",
        "advanced": { "render_js": false, "use_proxy": false }, "cost_controls": { "prefer": "cost" },
        "proxy_integration_id": null, "proxy_country": null, "unheard_of": null, "cookies": "a=b",
        "webhook_url": site.url("/hook"), "headers": { "format": "x" },
    });

    for (path, body) in [
        ("/api/v1/scrape", &sent),
        ("/api/v1/batch", &json!({ "requests": [{ "url": url }], "webhookUrl": null })),
        ("/api/v1/batch", &json!({ "urls": [url] })),
    ] {
        let body = world.post(path, body).json();
        assert!(body.get("warnings").is_none(), "{body}");
    }
}

#[test]
fn a_priority_is_that_of_the_jobs() {
    let (world, site) = (World::new(), site());
    let submit = |priority: Value| {
        let batch = json!({ "urls": [site.url("/a")], "priority": priority });
        world.post("/api/v1/batch", &batch)
    };

    for (given, expected) in [
        (json!("high"), Priority::High),
        (json!("low"), Priority::Low),
        (json!(null), Priority::Normal),
    ] {
        let accepted = submit(given).json();
        let id = accepted["job_ids"][0].as_str().expect("an id").parse().expect("an id");
        let job = world.block_on(world.engine.job(id)).expect("a job");
        assert_eq!((job.priority, accepted.get("warnings")), (expected, None));
    }
    let unknown = submit(json!("urgent"));
    assert_eq!((unknown.status, &unknown.json()["field"]), (422, &json!("priority")));
}

#[test]
fn a_webhook_that_nothing_signs_is_reported() {
    let network = NetPolicy::new().allow_network(LOOPBACK).expect("a network");
    let unsigned = engine(Memory::default()).webhooks(Webhooks::unsigned().network(network));
    let (world, site) = (World::of(Plan { engine: unsigned, ..Plan::default() }), site());
    let batch = json!({ "urls": [site.url("/a")], "webhook_url": site.url("/hook") });

    let noted = world.post("/api/v1/batch", &batch).json();
    let silent = world.post("/api/v1/batch", &json!({ "urls": [site.url("/a")] })).json();

    assert_eq!(noted["warnings"][0]["code"], "UNSIGNED_WEBHOOK", "{noted}");
    assert_eq!(warned(&noted), pairs(&[("webhook_url", "")]));
    assert!(silent.get("warnings").is_none(), "{silent}");
}
