//! Grants of credits, by the operator's API key and on the command line.

use rungs::core::id::AccountId;
use rungs::engine::Settings;
use rungs::service::{ApiKey, KeyScope, Keys};
use rungs::stores::Memory;
use serde_json::{Value, json};

use super::http::Answer;
use super::world::{Plan, World, engine, site};

const ACME: &str = "sk_live_acme_0123456789abcdef";
const ADMIN: &str = "sk_live_admin_0123456789abcdef";

/// A service whose accounts may spend only what they were granted, with a key for `acme` and one for its operator.
fn limited() -> World {
    let acme = ApiKey::new("acme", AccountId::new("acme").expect("a name"), ACME).expect("a key");
    let admin = ApiKey::new("operator", AccountId::default(), ADMIN).expect("a key");
    let keys = Keys::new([acme, admin.with_scope(KeyScope::Admin)]).expect("keys");
    let settings = Settings::default().with_limited_accounts();
    let engine = engine(Memory::default()).settings(settings);
    World::of(Plan { engine, keys, ..Plan::default() })
}

fn post(world: &World, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    world.send("POST", path, headers, body.to_string().as_bytes())
}

#[test]
fn a_grant_pays_for_batches_once() {
    let (world, site) = (limited(), site());
    let batch =
        json!({ "urls": [{ "url": site.url("/a"), "cost_controls": { "max_tier": "1" } }] });
    let submit = || post(&world, "/api/v1/batch", &[("x-api-key", ACME)], &batch).status;
    let path = "/api/v1/accounts/acme/grants";
    let grant = |body: &Value| post(&world, path, &[("x-api-key", ADMIN)], body);
    assert_eq!(submit(), 402);

    let first = grant(&json!({ "credits": 300, "key": "invoice-1" })).json();
    let header = [("x-api-key", ADMIN), ("idempotency-key", "invoice-1")];
    let again = post(&world, path, &header, &json!({ "credits": 300 })).json();
    let other = grant(&json!({ "credits": 301, "key": "invoice-1" }));

    assert_eq!((&first["repeated"], &again["repeated"]), (&json!(false), &json!(true)));
    assert_eq!(
        (&first["credits_available"], &again["credits_granted"]),
        (&json!(300), &json!(300))
    );
    assert_eq!((other.status, &other.json()["code"]), (409, &json!("IDEMPOTENCY_KEY_REUSED")));
    assert_eq!((submit(), submit()), (202, 402), "300 credits hold one page of 200");
    let account = world.send("GET", "/api/v1/accounts/acme", &[("x-api-key", ADMIN)], b"").json();
    let sum: u64 = ["credits_available", "credits_held", "credits_spent"]
        .iter()
        .map(|it| account[it].as_u64().expect("a number"))
        .sum();
    assert_eq!((sum, &account["limited"]), (300, &json!(true)));
    let [listed] = &account["grants"].as_array().expect("a list")[..] else { panic!("one grant") };
    assert_eq!((&listed["key"], &listed["credits"]), (&json!("invoice-1"), &json!(300)));
}

#[test]
fn an_invalid_grant_changes_nothing() {
    let world = limited();
    let path = "/api/v1/accounts/acme/grants";
    let grant = |body: Value| post(&world, path, &[("x-api-key", ADMIN)], &body);

    for (body, field) in [
        (json!({ "credits": 0, "key": "a" }), "credits"),
        (json!({ "credits": -5, "key": "a" }), "credits"),
        (json!({ "credits": 1.5, "key": "a" }), "credits"),
        (json!({ "key": "a" }), "credits"),
        (json!({ "credits": 5 }), "key"),
        (json!({ "credits": 5, "key": "" }), "key"),
        (json!({ "credits": 5, "key": "é" }), "key"),
        (json!([]), "body"),
    ] {
        let refused = grant(body.clone());
        assert_eq!((refused.status, &refused.json()["field"]), (422, &json!(field)), "{body}");
    }
    let misnamed = grant(json!({ "credit": 5, "key": "a" })).json();
    assert_eq!(misnamed["warnings"][0]["suggestion"], "credits");
    let most = grant(json!({ "credits": 1_u64 << 53, "key": "most" }));
    assert_eq!(most.status, 200, "{}", most.json());
    let unknown = world.send("GET", "/api/v1/accounts/other", &[("x-api-key", ADMIN)], b"");
    assert_eq!((unknown.status, &unknown.json()["code"]), (404, &json!("ACCOUNT_NOT_FOUND")));
}

#[test]
fn only_a_key_for_administration_opens_accounts() {
    let (world, site) = (limited(), site());
    let body = json!({ "credits": 5, "key": "a" });
    let grant = "/api/v1/accounts/acme/grants";

    let customer = post(&world, grant, &[("x-api-key", ACME)], &body);
    let shown = world.send("GET", "/v1/accounts/acme/", &[("x-api-key", ACME)], b"");
    let nobody = post(&world, grant, &[], &body);
    let scrape = json!({ "url": site.url("/a") });
    let operator = post(&world, "/api/v1/scrape", &[("x-api-key", ADMIN)], &scrape);
    let metrics = world.send("GET", "/metrics", &[("x-api-key", ADMIN)], b"");

    assert_eq!([customer.status, shown.status, operator.status, metrics.status], [403; 4]);
    assert_eq!(customer.json()["code"], "INSUFFICIENT_SCOPE");
    assert!(customer.json()["message"].as_str().is_some_and(|it| it.contains("--admin")));
    assert_eq!(nobody.status, 401);
}

#[cfg(feature = "cli")]
mod program {
    use std::process::{Command, Output};

    use serde_json::json;

    use super::super::program::{Serving, rungs, text};
    use super::super::world::site;
    use super::ADMIN;

    fn written(dir: &std::path::Path, name: &str, content: &serde_json::Value) -> String {
        let path = dir.join(name);
        std::fs::write(&path, content.to_string()).expect("written");
        path.to_string_lossy().into_owned()
    }

    fn with_key(arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rungs"));
        command.env("RUNGS_ADMIN_KEY", ADMIN).args(arguments).output().expect("the program runs")
    }

    #[test]
    fn a_grant_on_the_command_line_reaches_the_store_or_the_service() {
        let (dir, site) = (tempfile::tempdir().expect("a directory"), site());
        let store = dir.path().join("store").to_string_lossy().into_owned();
        let missing = rungs(&["grant", "acme", "5", "--store", &store]);
        assert_eq!(missing.status.code(), Some(2), "{}", text(&missing.stderr));
        let account = rungs::core::id::AccountId::new("acme").expect("a name");
        let key = rungs::service::ApiKey::new("acme", account, super::ACME).expect("a key");
        let admin = rungs::core::id::AccountId::default();
        let admin = rungs::service::ApiKey::new("operator", admin, ADMIN).expect("a key");
        let admin = admin.with_scope(rungs::service::KeyScope::Admin);
        let config = json!({ "store": store, "limited_accounts": true, "keys": [key, admin] });
        let config = written(dir.path(), "rungs.json", &config);
        let serving = Serving::start(&["--config", &config]);

        let locked = rungs(&["grant", "acme", "5", "--store", &store]);
        let url = format!("http://{}/", serving.addr);
        let unknown = with_key(&["grant", "acme", "--url", &url]);
        let online = with_key(&["grant", "acme", "5000", "--key", "first", "--url", &url]);
        let balance = with_key(&["grant", "acme", "--url", &url]);
        let keyless = rungs(&["grant", "acme", "5", "--url", &url]);
        assert_eq!(serving.end("-TERM"), Some(0));
        let repeated = rungs(&["grant", "acme", "5000", "--key", "first", "--store", &store]);
        let offline = rungs(&["grant", "acme", "7000", "--store", &store]);
        let other = rungs(&["grant", "acme", "1", "--key", "first", "--store", &store]);

        assert_eq!(locked.status.code(), Some(1));
        let said = text(&locked.stderr);
        assert!(said.contains("--url") && said.contains("rungs key NAME --admin"), "{said}");
        assert!(text(&unknown.stderr).contains("account not found"), "{}", text(&unknown.stderr));
        let line = "acme: 5000 credits free, 0 held, 0 spent, 5000 granted\n";
        assert_eq!(text(&online.stdout), format!("granted: 5000 credits, key first\n{line}"));
        assert_eq!(text(&balance.stdout), line);
        let said = text(&keyless.stderr);
        assert!(
            said.contains("RUNGS_ADMIN_KEY is not set") && !said.contains("X-API-Key"),
            "{said}"
        );
        assert!(text(&repeated.stdout).contains("nothing was added"), "{}", text(&repeated.stdout));
        assert!(text(&offline.stdout).contains("12000 granted"), "{}", text(&offline.stderr));
        assert_eq!(other.status.code(), Some(2), "{}", text(&other.stdout));
        let serving = Serving::start(&["--config", &config]);
        let scrape = json!({ "url": site.url("/a") }).to_string();
        let headers = [("x-api-key", super::ACME)];
        let page = super::super::http::send(
            serving.addr,
            "POST",
            "/v1/scrape",
            &headers,
            scrape.as_bytes(),
        );
        assert_eq!(page.status, 200, "{}", page.json());
    }

    #[test]
    fn an_account_uses_its_own_proxy_at_a_discount() {
        let dir = tempfile::tempdir().expect("a directory");
        let (acme, other) = (site(), site());
        let proxy = rungs::testkit::site::Site::start(super::super::world::page);
        let config = json!({ "own_proxies": {
            "default": { "berlin": format!("http://u:secret@{}", proxy.addr()) },
            "other": { "oslo": other.url("") },
        } });
        let config = written(dir.path(), "rungs.json", &config);
        let serving = Serving::start(&["--config", &config]);
        let scrape = |advanced: serde_json::Value| {
            let body = json!({ "url": acme.url("/a"), "advanced": advanced });
            serving.post("/api/v1/scrape", &body)
        };

        let any = scrape(json!({ "use_own_proxy": true })).json();
        let named =
            scrape(json!({ "use_own_proxy": true, "proxy_integration_id": "berlin" })).json();
        let foreign = scrape(json!({ "use_own_proxy": true, "proxy_integration_id": "oslo" }));

        for page in [&any, &named] {
            assert_eq!(page["billing"]["total_credits"], 160, "{page}");
            assert_eq!(page["billing"]["byop_applied"], true);
            assert_eq!(page["billing"]["byop_discount_percent"], 20.0);
            assert_eq!(page["billing"]["original_cost_microcents"], 200);
            assert_eq!(page["proxy_used"], true);
        }
        assert_eq!((acme.hits(), proxy.hits(), other.hits()), (0, 2, 0));
        assert_eq!(foreign.status, 422);
        assert_eq!(foreign.json()["field"], "advanced.proxy_integration_id");
    }

    #[test]
    fn an_own_proxy_that_does_not_exist_is_refused_at_submission() {
        let (serving, site) = (Serving::start(&[]), site());
        let item = json!({ "url": site.url("/a"), "advanced": { "use_own_proxy": true } });

        for (path, body, field) in [
            ("/api/v1/scrape", item.clone(), "advanced.use_own_proxy"),
            ("/api/v1/batch", json!({ "urls": [item] }), "urls[0].advanced.use_own_proxy"),
        ] {
            let refused = serving.post(path, &body);
            assert_eq!((refused.status, &refused.json()["field"]), (422, &json!(field)));
            assert!(refused.json()["message"].as_str().is_some_and(|it| it.contains("use_proxy")));
        }
        let dir = tempfile::tempdir().expect("a directory");
        let wrong = json!({ "own_proxies": { "acme": { "berlin": "ftp://proxy" } } });
        let wrong = rungs(&["serve", "--config", &written(dir.path(), "rungs.json", &wrong)]);
        assert_eq!(wrong.status.code(), Some(2));
        assert!(text(&wrong.stderr).contains("own_proxies.acme.berlin"), "{}", text(&wrong.stderr));
    }
}
