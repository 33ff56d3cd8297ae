//! Extractions over HTTP, limits of spending, and the parts of the API that are missing.

use rungs::core::credits::Credits;
use rungs::core::id::AccountId;
use rungs::core::usage::{Budget, Period};
use rungs::engine::Settings;
use rungs::service::{ApiKey, Keys, ServiceOptions};
use rungs::stores::Memory;
use serde_json::{Value, json};

use super::http::Answer;
use super::world::{Plan, World, engine};

const PAGE: &str = "<title>Lamp</title><script type='application/ld+json'>{\"@type\": \"Product\", \
    \"name\": \"Brass lamp\", \"offers\": {\"price\": \"49.50\", \"priceCurrency\": \"EUR\"}}</script><article><h1>Brass lamp</h1><p>It costs 49.50 EUR and is made of \
    brass, which is <a href='/care'>easy to care for</a>.</p></article>";

fn extract(world: &World, body: &Value) -> Answer {
    world.post("/api/v1/extract", body)
}

#[test]
fn a_document_in_the_body_is_extracted_and_counted() {
    let world = World::new();
    let body = json!({
        "content": PAGE, "source_url": "https://shop.example/lamp", "formats": ["json", "markdown"],
        "extraction_schema": { "price": "number" }, "evidence": true, "extraction_prompt": "What is it?",
        "extraction_profil": "product",
    });

    let first = extract(&world, &body);
    let hit = extract(&world, &body).json();
    let only =
        extract(&world, &json!({ "content": "# A", "content_type": "markdown", "cache": "only" }));
    let text = extract(
        &world,
        &json!({ "content": "# A", "content_type": "markdown", "formats": ["markdown"] }),
    );

    let result = first.json();
    assert_eq!(first.status, 200, "{result}");
    assert!(result["extract_id"].as_str().is_some_and(|it| it.starts_with("extract_")), "{result}");
    assert_eq!(result["filtered_content"], json!({ "price": 49.5 }));
    assert!(result["evidence"]["price"].is_object(), "{result}");
    let markdown = result["formats"]["markdown"].as_str().expect("text");
    assert!(markdown.contains("(https://shop.example/care)"), "{markdown}");
    assert_eq!((&result["credits_used"], &result["cache_hit"]), (&json!(2_500), &json!(false)));
    assert_eq!(result["extraction_metadata"]["mode"], "algorithmic");
    assert!(
        result["warning"].as_str().is_some_and(|it| it.contains("was not answered")),
        "{result}"
    );
    assert_eq!(result["warnings"][0]["suggestion"], "extraction_profile");
    assert_eq!((&hit["credits_used"], &hit["cache_hit"]), (&json!(0), &json!(true)));
    assert_eq!(hit["formats"], result["formats"]);
    assert_eq!((only.status, &only.json()["code"]), (404, &json!("NOT_CACHED")));
    assert_eq!(text.json()["formats"], json!({ "markdown": "# A" }));
    let usage = world.get("/api/v1/extract/usage?page_size=2").json();
    assert_eq!((&usage["total"], &usage["has_more"]), (&json!(3), &json!(true)));
    assert_eq!(usage["items"][1]["extract_id"], hit["extract_id"]);
    let last = world.get("/api/v1/extract/usage?page=2&page_size=2").json();
    assert_eq!(last["items"][0]["extract_id"], result["extract_id"]);
    assert_eq!(last["has_more"], false);
    let later = world.get("/api/v1/extract/usage?date_from=2999-01-01T00:00").json();
    let until = world.get("/api/v1/extract/usage?date_to=2999-01-01").json();
    assert_eq!((&later["total"], &until["total"]), (&json!(0), &json!(3)));
    let sums = world.get("/api/v1/extract/usage/summary?hours=1").json();
    assert_eq!(
        (&sums["total_requests"], &sums["total_cost_microcents"]),
        (&json!(3), &json!(5_000))
    );
    assert_eq!(sums["cache_hits"], 1);
    assert_eq!(world.get("/api/v1/usage").json()["credits_used"], 5_000);
}

#[test]
fn an_extraction_is_priced_before_it_is_made() {
    let world = World::new();
    let estimate = |query: &str| world.get(&format!("/api/v1/extract/estimate?{query}"));

    let prompted = estimate("content_length=500001&has_extraction_prompt=True").json();

    assert_eq!(prompted["estimated_cost_microcents"], 6_000);
    assert_eq!(prompted["breakdown"]["large_content"], 2_500);
    assert_eq!(estimate("content_length=500000").json()["estimated_cost_usd"], 0.0025);
    for query in ["", "content_length=0", "content_length=5000001", "content_length=x"] {
        assert_eq!(estimate(query).status, 422, "{query}");
    }
    for query in ["usage?date_from=monday", "usage?page_size=201", "usage/summary?hours=1&days=1"] {
        assert_eq!(world.get(&format!("/api/v1/extract/{query}")).status, 422, "{query}");
    }
}

#[test]
fn an_extraction_that_cannot_be_is_refused() {
    let options = ServiceOptions::default().with_max_document_body_bytes(2_000_000);
    let settings = Settings::default().with_limited_accounts();
    let engine = engine(Memory::default()).settings(settings);
    let world = World::of(Plan { engine, options, ..Plan::default() });
    let with = |name: &str, value: Value| {
        let mut body = json!({ "content": PAGE });
        body[name] = value;
        body
    };

    for (body, status, code) in [
        (json!({}), 422, "VALIDATION_ERROR"),
        (with("content", json!(" ")), 422, "VALIDATION_ERROR"),
        (with("source_url", json!("ftp://a/")), 422, "VALIDATION_ERROR"),
        (with("cache_ttl", json!(86_401)), 422, "VALIDATION_ERROR"),
        (with("extraction_prompt", json!("x".repeat(2_001))), 422, "VALIDATION_ERROR"),
        (with("cost_controls", json!({ "max_credits": 2_499 })), 402, "COST_LIMIT_EXCEEDED"),
        (with("content", json!("x".repeat(2_000_000))), 413, "CONTENT_TOO_LARGE"),
        (with("content", json!(PAGE)), 402, "INSUFFICIENT_CREDITS"),
    ] {
        let refused = extract(&world, &body);
        let problem = refused.json();
        assert_eq!((refused.status, &problem["code"]), (status, &json!(code)), "{problem}");
    }
    let account = AccountId::default();
    world.block_on(world.engine.grant(&account, Credits(10_000))).expect("granted");
    let large = with("content", json!("word ".repeat(300_000)));
    let pdf = extract(&world, &with("content", json!("%PDF-1.7")));
    assert_eq!((pdf.status, &pdf.json()["code"]), (415, &json!("UNSUPPORTED_CONTENT_TYPE")));
    assert_eq!(extract(&world, &large).status, 200, "above the limit of other bodies");
    assert_eq!(world.get("/api/v1/usage").json()["credits_available"], 5_000);
}

#[test]
fn the_limits_of_keys_are_shown_with_their_use() {
    const FIRST: &str = "sk_live_first_0123456789abcdef";
    const OTHER: &str = "sk_live_other_0123456789abcdef";
    let acme = AccountId::new("acme").expect("a name");
    let budget = Budget::new(Period::Weekly).with_credits(Some(Credits(6_000)));
    let first = ApiKey::new("first", acme.clone(), FIRST).expect("a key").with_budget(budget);
    let second = ApiKey::new("second", acme, "sk_live_second_0123456789abcdef").expect("a key");
    let other = ApiKey::new("other", AccountId::default(), OTHER).expect("a key");
    let keys = Keys::new([first, second, other]).expect("keys");
    let world = World::of(Plan { keys, ..Plan::default() });
    let send = |method: &str, path: &str, key: &str, body: &Value| {
        world.send(method, path, &[("x-api-key", key)], body.to_string().as_bytes())
    };
    let get = |path: &str, key: &str| send("GET", path, key, &json!({}));
    let extract = |page: &str| send("POST", "/api/v1/extract", FIRST, &json!({ "content": page }));

    let statuses = ["a", "b", "c"].map(|it| extract(it).status);

    assert_eq!(statuses, [200, 200, 429], "the third would exceed the budget of the key");
    let limits = get("/api/v1/api-keys/first/limits", FIRST).json();
    assert_eq!(limits["budget_limit_microcents"], 6_000);
    assert_eq!((&limits["enabled"], &limits["reset_period"]), (&json!(true), &json!("weekly")));
    assert_eq!((&limits["credits_used"], &limits["requests_count"]), (&json!(5_000), &json!(2)));
    let second = get("/api/v1/api-keys/second/limits", FIRST).json();
    assert_eq!((&second["enabled"], &second["requests_count"]), (&json!(false), &json!(0)));
    let account = get("/api/v1/account/limits", FIRST).json();
    assert_eq!((&account["api_key"], &account["credits_used"]), (&Value::Null, &json!(5_000)));
    for name in ["other", "nobody"] {
        let path = format!("/api/v1/api-keys/{name}/limits");
        assert_eq!(get(&path, FIRST).status, 404, "{name}: of another account, or of none");
    }
    let put = send("PUT", "/api/v1/account/limits", OTHER, &json!({}));
    assert_eq!((put.status, &put.json()["code"]), (405, &json!("METHOD_NOT_ALLOWED")));
}

#[test]
fn a_part_of_the_api_that_is_missing_says_what_to_do_instead() {
    let world = World::new();
    let headers = [("content-type", "application/json")];

    for (method, path, word) in [
        ("POST", "/search", "/scrape"),
        ("GET", "/search/019a0000-0000-7000-8000-000000000000", "/scrape"),
        ("GET", "/schedules/", "cron"),
        ("PATCH", "/monitors/1", "content_hash"),
        ("DELETE", "/extract/templates/1", "extraction_schema"),
        ("POST", "/user/llm-keys/openrouter/exchange", "models"),
        ("GET", "/user/llm-keys/1/models", "models"),
        ("POST", "/user-webhooks", "webhook_url"),
        ("GET", "/organizations/1/members", "account"),
        ("POST", "/alerts", "/metrics"),
        ("POST", "/api-keys", "rungs key"),
        ("GET", "/auth/me", "/usage"),
    ] {
        let answer = world.send(method, &format!("/api/v1{path}"), &headers, b"{}");
        let problem = answer.json();
        assert_eq!((answer.status, &problem["code"]), (501, &json!("NOT_IMPLEMENTED")), "{path}");
        assert_eq!(problem["retryable"], false);
        let message = problem["message"].as_str().expect("a message");
        assert!(message.contains(word), "{path}: {message}");
    }
    for (method, path, status) in [
        ("DELETE", "/search", 405),
        ("PUT", "/schedules", 405),
        ("GET", "/schedules/1/2/3", 404),
        ("GET", "/nothing", 404),
        ("GET", "/beta-features", 200),
        ("GET", "/beta-features/my", 200),
        ("POST", "/beta-features/search-api/enable", 404),
        ("POST", "/beta-features/search-api/disable", 404),
    ] {
        let answer = world.send(method, &format!("/v1{path}"), &headers, b"{}");
        assert_eq!(answer.status, status, "{method} {path}");
    }
    assert_eq!(world.get("/api/v1/beta-features").json(), json!({ "features": [], "total": 0 }));
}
