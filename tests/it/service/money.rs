//! Usage, balances, ledgers and budgets.

use rungs::core::credits::Credits;
use rungs::core::id::AccountId;
use rungs::core::usage::{Budget, Period};
use rungs::engine::Settings;
use rungs::service::{ApiKey, Keys};
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteResponse};
use serde_json::{Value, json};

use super::http::Answer;
use super::world::{Held, Plan, World, engine, page, site};

const SECRET: &str = "sk_live_acme_0123456789abcdef";
const OTHER: &str = "sk_live_more_0123456789abcdef";

#[test]
fn usage_has_the_fields_of_every_client() {
    let (world, site) = (World::new(), site());
    world.ended(&world.submitted(&["/a", "/b", "/gone"].map(|it| site.url(it))));

    let usage = world.get("/api/v1/usage").json();
    let billing = world.get("/api/v1/billing/usage").json();
    let balance = world.get("/api/v1/billing/balance").json();

    for name in ["credits_used", "credits_used_month"] {
        assert_eq!(usage[name], 400, "{name}");
    }
    assert_eq!((&usage["requests_count"], &usage["requests_month"]), (&json!(3), &json!(3)));
    assert_eq!((&usage["credits_held"], &usage["plan"]), (&json!(0), &json!("unlimited")));
    assert_eq!(usage["billing_period_start"], usage["period_start"]);
    // The day may end between the submission and the query; the total does not change.
    assert_eq!(billing["total_credits"], 400);
    let [top] = &billing["top_domains"].as_array().expect("a list")[..] else { panic!("one site") };
    assert_eq!(
        (&top["domain"], &top["credits_used"]),
        (&json!(site.addr().to_string()), &json!(400))
    );
    assert_eq!(top["requests"], 3);
    assert_eq!(balance["balance_display"], "$1000000.00");
    assert_eq!(balance["total_spent_cents"], 0);
}

#[test]
fn a_ledger_adds_up_to_the_charges_of_its_batch() {
    let (world, site) = (World::new(), site());
    let id = world.submitted(&["/a", "/gone", "/b"].map(|it| site.url(it)));
    let status = world.ended(&id);

    let ledger = world.get(&format!("/api/v1/batch/{id}/ledger")).json();

    let entries = ledger["entries"].as_array().expect("a list");
    let kinds: Vec<&Value> = entries.iter().map(|it| &it["kind"]).collect();
    assert_eq!(kinds, ["hold", "settle", "settle", "settle"]);
    assert_eq!((&ledger["held"], &ledger["charged"]), (&status["estimated_credits"], &json!(400)));
    let sum = |name: &str| entries.iter().filter_map(|it| it[name].as_u64()).sum::<u64>();
    assert_eq!(sum("held"), sum("charged") + sum("released"), "every hold is settled");
    let mut jobs: Vec<&Value> = entries.iter().skip(1).map(|it| &it["job_id"]).collect();
    let mut items: Vec<&Value> =
        status["items"].as_array().expect("items").iter().map(|it| &it["job_id"]).collect();
    jobs.sort_by_key(ToString::to_string);
    items.sort_by_key(ToString::to_string);
    assert_eq!(jobs, items);
    let unknown = "batch_00000000-0000-4000-8000-000000000000";
    assert_eq!(world.get(&format!("/api/v1/batch/{unknown}/ledger")).status, 404);
}

#[test]
fn an_estimate_locates_invalid_items() {
    let (world, site) = (World::new(), site());
    let item = |tier: &str| json!({ "url": site.url("/a"), "cost_controls": { "max_tier": tier } });
    let body = json!({ "urls": [item("1"), item("2")] });

    let said = world.post("/api/v1/batch/estimate", &body).json();
    let accepted = world.post("/api/v1/batch", &body).json();
    let wrong = json!({ "urls": [item("1"), { "url": "ftp://example.com/" }] });
    let flawed = world.post("/api/v1/batch/estimate", &wrong);
    let none = world.post("/api/v1/batch/estimate", &json!({ "urls": [] }));

    assert_eq!((&said["total_urls"], &said["estimated_credits"]), (&json!(2), &json!(400)));
    assert_eq!(said["max_possible_credits"], accepted["estimated_credits"], "what will be held");
    let most: Vec<&Value> = said["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| &it["max_possible_credits"])
        .collect();
    assert_eq!(most, [&json!(200), &json!(300)]);
    assert_eq!((flawed.status, &flawed.json()["field"]), (422, &json!("urls[1].url")));
    assert_eq!((none.status, &none.json()["field"]), (422, &json!("urls")));
    let refused = world.post("/api/v1/batch", &json!({ "urls": [] }));
    assert_eq!(none.json()["message"], refused.json()["message"], "one thing has one wording");
    let listed = world.get("/api/v1/batches").json();
    assert_eq!(listed["batches"].as_array().map(Vec::len), Some(1), "an estimate submits nothing");
    assert_eq!(listed["batches"][0]["first_url"], site.url("/a"));
}

#[test]
fn an_estimate_starts_where_the_plan_would() {
    // The site blocks clients that do not look like a browser, on some of its paths.
    let site = Site::start(|request| match request.header("sec-fetch-mode") {
        None if request.path.starts_with("/item/") => SiteResponse::status(403),
        _ => page(request),
    });
    let key = |name: &str, secret: &str| {
        ApiKey::new(name, AccountId::new(name).expect("a name"), secret).expect("a key")
    };
    let keys = Keys::new([key("acme", SECRET), key("other", OTHER)]).expect("keys");
    let world = World::of(Plan { keys, ..Plan::default() });
    let post = |path: &str, key: &str, body: &Value| {
        world.send("POST", path, &[("x-api-key", key)], body.to_string().as_bytes()).json()
    };
    let estimate = |key: &str, path: &str, controls: Value| {
        let body = json!({ "url": site.url(path), "cost_controls": controls });
        let estimate = post("/api/v1/scrape/estimate", key, &body);
        let tier = estimate["estimated_tier"].as_str().expect("a tier").to_owned();
        let price = estimate["estimated_credits"].as_u64().expect("a price");
        (tier, price, estimate["reasoning"].as_str().expect("a text").to_owned())
    };
    let tier = |key: &str, path: &str, controls: Value| estimate(key, path, controls).0;
    assert_eq!(tier(SECRET, "/item/99", json!({})), "1", "nothing is known yet");

    let mut tiers = Vec::new();
    for number in 1..=8 {
        let sent =
            post("/api/v1/scrape", SECRET, &json!({ "url": site.url(&format!("/item/{number}")) }));
        let rungs = sent["billing"]["escalations"].as_array().expect("a list");
        let first = rungs.iter().find(|it| it["result"] != "skipped").expect("one");
        tiers.push(first["tier"].as_str().expect("a tier").to_owned());
    }

    let (start, price, reasoning) = estimate(SECRET, "/item/99", json!({}));
    assert_eq!((start.as_str(), price), ("2", 300), "jobs started on {tiers:?}");
    assert!(tiers.iter().filter(|it| *it == "2").count() >= 2, "{tiers:?}");
    assert!(reasoning.contains("cheaper tiers have failed"), "{reasoning}");
    for (key, path, controls, expected) in [
        (SECRET, "/item/99", json!({ "force_tier": "1" }), "1"),
        (SECRET, "/item/99", json!({ "max_tier": "1" }), "1"),
        (SECRET, "/item/99", json!({ "prefer_cost": true }), "2"),
        (SECRET, "/news", json!({ "force_tier": "2" }), "2"),
        (SECRET, "/news", json!({}), "1"),
        (OTHER, "/item/99", json!({}), "1"),
    ] {
        assert_eq!(tier(key, path, controls.clone()), expected, "{path} {controls}");
    }
    let batch = json!({ "urls": [site.url("/item/7"), site.url("/news")] });
    let batch = post("/api/v1/batch/estimate", SECRET, &batch);
    assert_eq!(batch["estimated_credits"], 500, "{batch}");
}

#[test]
fn every_response_shows_a_limited_balance() {
    let settings = Settings::default().with_limited_accounts();
    let plan = Plan { engine: engine(Memory::default()).settings(settings), ..Plan::default() };
    let world = World::of(plan);
    let account = AccountId::default();
    let shown = || {
        let answer = world.get("/api/v1/usage");
        ["x-alterlab-balance", "x-alterlab-balance-warning"]
            .map(|it| answer.header(it).expect("a header").to_owned())
    };

    assert_eq!(shown(), ["$0.00", "exhausted"]);
    for (grant, expected) in [
        (50_000, ["$0.05", "critical"]),
        (400_000, ["$0.45", "low"]),
        (1_000_000, ["$1.45", "healthy"]),
    ] {
        world.block_on(world.engine.grant(&account, Credits(grant))).expect("granted");
        assert_eq!(shown(), expected);
    }
    let refused = world.post("/api/v1/batch", &json!({ "urls": [] }));
    assert_eq!(refused.header("x-alterlab-balance"), Some("$1.45"), "on errors too");
}

/// Two keys of one account. The first has a budget.
fn budgeted(budget: Budget) -> World {
    let account = AccountId::new("acme").expect("a name");
    let first = ApiKey::new("first", account.clone(), SECRET).expect("a key");
    let first = first.with_budget(budget);
    let second = ApiKey::new("second", account, OTHER).expect("a key");
    let keys = Keys::new([first, second]).expect("usable");
    World::of(Plan { keys, ..Plan::default() })
}

fn submit(world: &World, secret: &str, body: &Value) -> Answer {
    world.send("POST", "/api/v1/batch", &[("x-api-key", secret)], body.to_string().as_bytes())
}

#[test]
fn a_budget_limits_only_its_own_key() {
    let credits = Some(Credits(400));
    let world = budgeted(Budget::new(Period::Monthly).with_credits(credits));
    let held = Held::new();
    let guard = held.hold();
    let body = |number: u8| {
        json!({ "urls": [{
            "url": held.site.url(&format!("/{number}")), "cost_controls": { "max_tier": 1 },
        }] })
    };

    let first = [submit(&world, SECRET, &body(1)), submit(&world, SECRET, &body(2))];
    let refused = submit(&world, SECRET, &body(3));
    let other = submit(&world, OTHER, &body(4));
    drop(guard);

    assert!(first.iter().all(|it| it.status == 202), "each holds 200");
    let said = refused.json();
    assert_eq!((refused.status, &said["code"]), (429, &json!("SPEND_LIMIT_EXCEEDED")));
    let seconds: u64 = refused.header("retry-after").expect("told").parse().expect("a number");
    assert!((1..=31 * 86_400).contains(&seconds), "{seconds}");
    assert_eq!(said["retry_after"], seconds);
    assert_eq!(other.status, 202);
}

#[test]
fn a_submission_beyond_the_whole_budget_is_not_retryable() {
    let credits = Some(Credits(5_000));
    let world = budgeted(Budget::new(Period::Daily).with_credits(credits));
    let controls = json!({ "max_tier": 1, "force_tier": 1 });
    let urls: Vec<Value> = (0..26)
        .map(|it| json!({ "url": format!("http://127.0.0.1:1/{it}"), "cost_controls": controls }))
        .collect();

    let refused = submit(&world, SECRET, &json!({ "urls": urls }));

    let said = refused.json();
    assert_eq!((refused.status, &said["code"]), (429, &json!("SPEND_LIMIT_EXCEEDED")));
    assert_eq!((&said["retryable"], &said["retry_after"]), (&json!(false), &Value::Null), "{said}");
    assert_eq!(refused.header("retry-after"), None);
    let message = said["message"].as_str().expect("a text");
    for part in ["5200 credits", "whole daily budget of 5000", "lower `max_tier`"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_map_counts_as_one_request_of_its_account_and_site() {
    let (world, site) = (World::new(), site());
    let map = json!({ "url": site.url("/a"), "max_pages": 1 });

    for _ in 0..3 {
        assert_eq!(world.post("/api/v1/map", &map).status, 200);
    }

    let usage = world.get("/api/v1/usage").json();
    let billing = world.get("/api/v1/billing/usage").json();
    assert_eq!((&usage["requests_month"], &usage["credits_used"]), (&json!(3), &json!(3_000)));
    assert_eq!(billing["top_domains"][0]["requests"], 3, "{billing}");
}

#[test]
fn a_map_that_cannot_be_paid_suggests_no_option_that_it_lacks() {
    let settings = Settings::default().with_limited_accounts();
    let plan = Plan { engine: engine(Memory::default()).settings(settings), ..Plan::default() };
    let (world, site) = (World::of(plan), site());

    let map = world.post("/api/v1/map", &json!({ "url": site.url("/a") }));
    let extract = world.post("/api/v1/extract", &json!({ "content": "<p>Flour</p>" }));
    let batch = world.post("/api/v1/batch", &json!({ "urls": [site.url("/a")] }));

    assert_eq!([map.status, extract.status, batch.status], [402; 3]);
    let has_option =
        |it: &Answer| it.json()["message"].as_str().is_some_and(|it| it.contains("max_tier"));
    assert_eq!([&map, &extract, &batch].map(has_option), [false, false, true]);
}

#[test]
fn unspent_holds_return_to_the_budget() {
    let credits = Some(Credits(400));
    let world = budgeted(Budget::new(Period::Monthly).with_credits(credits));
    let site = site();
    let gone =
        json!({ "urls": [{ "url": site.url("/gone"), "cost_controls": { "max_tier": 1 } }] });

    for _ in 0..4 {
        let answer = submit(&world, SECRET, &gone);
        assert_eq!(answer.status, 202, "{}", answer.json());
        let id = answer.json()["batch_id"].as_str().expect("an id").parse().expect("an id");
        world.block_on(async {
            world.engine.batch_handle(id).await.expect("there").wait().await.expect("it ends")
        });
    }
}

#[test]
fn a_budget_can_count_jobs() {
    let world = budgeted(Budget::new(Period::Monthly).with_jobs(Some(3)));
    let site = site();
    let two = json!({ "urls": [site.url("/a"), site.url("/b")] });

    assert_eq!(submit(&world, SECRET, &two).status, 202);
    assert_eq!(submit(&world, SECRET, &two).status, 429);
    assert_eq!(submit(&world, SECRET, &json!({ "urls": [site.url("/a")] })).status, 202);
}

#[test]
fn batches_are_listed_newest_first_by_account() {
    let account = |name| AccountId::new(name).expect("a name");
    let keys = [
        ApiKey::new("first", account("b"), SECRET).expect("a key"),
        ApiKey::new("second", account("a"), OTHER).expect("a key"),
    ];
    let world = World::of(Plan { keys: Keys::new(keys).expect("usable"), ..Plan::default() });
    let site = site();
    let body = json!({ "urls": [site.url("/a")] });
    let mut submitted: Vec<String> = Vec::new();
    for _ in 0..5 {
        assert_eq!(submit(&world, OTHER, &body).status, 202);
        let id = submit(&world, SECRET, &body).json()["batch_id"].clone();
        submitted.push(id.as_str().expect("an id").to_owned());
    }
    let scrape = json!({ "url": site.url("/a"), "sync": false }).to_string();
    world.send("POST", "/api/v1/scrape", &[("x-api-key", SECRET)], scrape.as_bytes());

    let (mut listed, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let path = format!("/api/v1/batches?limit=2&cursor={cursor}");
        let page = world.send("GET", &path, &[("x-api-key", SECRET)], b"").json();
        let batches = page["batches"].as_array().expect("a list");
        listed.extend(batches.iter().map(|it| it["batch_id"].as_str().expect("id").to_owned()));
        pages += 1;
        assert_eq!(page["has_more"], page["next_cursor"].is_string());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = next.to_owned();
    }

    submitted.sort();
    submitted.reverse();
    // The scrape came last.
    assert_eq!((&listed[1..], pages), (&submitted[..], 3));
    for wrong in ["limit=0", "limit=101", "limit=x", "cursor=x"] {
        let path = format!("/api/v1/batches?{wrong}");
        assert_eq!(world.send("GET", &path, &[("x-api-key", SECRET)], b"").status, 422, "{wrong}");
    }
}

#[test]
fn a_single_scrape_is_notified_as_a_job() {
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let keeps = std::sync::Arc::clone(&told);
    let hook = rungs::testkit::site::Site::start(move |request| {
        keeps.lock().expect("not poisoned").push(request.clone());
        rungs::testkit::site::SiteResponse::status(204)
    });
    let (world, site) = (World::new(), site());
    let body = json!({ "url": site.url("/gone"), "webhook_url": hook.url("/"), "sync": false });

    let id = world.post("/api/v1/scrape", &body).json()["job_id"].clone();
    while told.lock().expect("not poisoned").is_empty() {
        std::thread::yield_now();
    }

    let requests = told.lock().expect("not poisoned");
    let told: Value = serde_json::from_slice(&requests[0].body).expect("JSON");
    assert_eq!((&told["event"], &told["data"]["job_id"]), (&json!("job.failed"), &id));
    assert_eq!(told["data"]["error"], "NOT_FOUND_TARGET");
    assert_eq!(requests[0].header("x-alterlab-event"), Some("job.failed"));
}
