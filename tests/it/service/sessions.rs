//! The calls for stored sessions.

use rungs::core::id::AccountId;
use rungs::service::{ApiKey, Keys};
use rungs::testkit::site::{Site, SiteResponse};
use serde_json::{Value, json};

use super::http::Answer;
use super::world::{Plan, World, engine_with_sessions, page};

const MINE: &str = "sk_live_0123456789abcdef";
const OTHERS: &str = "sk_live_fedcba9876543210";

fn world() -> World {
    let key = |name: &str, account: &str, secret: &str| {
        ApiKey::new(name, AccountId::new(account).expect("a name"), secret).expect("a key")
    };
    let keys = [key("mine", "acme", MINE), key("others", "shop", OTHERS)];
    let keys = Keys::new(keys).expect("usable");
    World::of(Plan { engine: engine_with_sessions(), keys, ..Plan::default() })
}

fn call(world: &World, key: &str, method: &str, path: &str, body: &Value) -> Answer {
    let headers = [("X-API-Key", key), ("Content-Type", "application/json")];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    world.send(method, path, &headers, body.as_bytes())
}

#[test]
fn a_session_is_stored_used_and_deleted_without_showing_a_value() {
    let world = world();
    let site = Site::start(|request| match request.header("cookie") {
        Some("sid=s3cret") => page(request),
        _ => SiteResponse::status(401),
    });
    let mine = |method: &str, path: &str, body: Value| {
        let answer = call(&world, MINE, method, path, &body);
        let shown = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(!shown.contains("s3cret"), "{method} {path}: {shown}");
        answer
    };
    let new = json!({
        "name": "my shop", "domain": site.url("/"), "cookies": { "sid": "s3cret" },
        "storage_state": {
            "cookies": [], "origins": [{ "origin": site.url(""), "localStorage": [{ "name": "t", "value": "s3cret" }] }],
        },
        "user_agent": "s3cret agent", "nmae": 1,
    });

    let created = mine("POST", "/api/v1/sessions/", new);
    assert_eq!(created.status, 201, "{}", created.json());
    let session = created.json();
    assert_eq!(session["header_names"], json!(["User-Agent"]));
    assert_eq!(session["warnings"][0]["field"], "nmae");
    let id = session["id"].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/sessions/{id}");
    let item = json!({ "url": site.url("/a"), "advanced": { "session_id": id } });
    let page = mine("POST", "/api/v1/scrape", item.clone());
    assert_eq!(page.json()["billing"]["byos_session_name"], "my shop");
    assert_eq!(mine("GET", &path, Value::Null).json()["successful_requests"], 1);
    let list = mine("GET", "/api/v1/sessions?status=active&domain=127.0.0.1", Value::Null).json();
    assert_eq!((&list["total"], &list["sessions"][0]["id"]), (&json!(1), &json!(id)));
    assert_eq!(mine("GET", "/api/v1/sessions?status=expired", Value::Null).json()["total"], 0);
    let refreshed = json!({ "cookies": { "sid": "s3cret-too" } });
    assert_eq!(mine("POST", &format!("{path}/refresh"), refreshed).status, 200);
    let checked = mine("POST", &format!("{path}/validate"), Value::Null).json();
    assert_eq!((&checked["is_valid"], &checked["http_status"]), (&json!(false), &json!(401)));
    assert_eq!((&checked["status"], &checked["reason"]), (&json!("expired"), &checked["details"]));

    let token = json!({ "headers": { "Authorization": "s3cret" } });
    assert_eq!(mine("PATCH", &path, token).json()["header_names"], json!(["Authorization"]));
    for (method, end) in [("PATCH", ""), ("POST", "/refresh")] {
        let agent = json!({ "user_agent": "s3cret agent" });
        let names = &mine(method, &format!("{path}{end}"), agent).json()["header_names"];
        assert_eq!(names, &json!(["Authorization", "User-Agent"]), "{method}: the token stays");
    }

    let about = json!({ "notes": "mine", "expires_at": "2099-01-01T00:00:00Z" });
    let described = mine("PATCH", &path, about).json();
    assert_eq!(
        (&described["notes"], &described["expiry_status"]),
        (&json!("mine"), &json!("valid"))
    );
    let cleared = json!({ "notes": null, "expires_at": null, "domain": "b.test" });
    let cleared = mine("PATCH", &path, cleared).json();
    assert_eq!((&cleared["notes"], &cleared["expires_at"]), (&Value::Null, &Value::Null));
    assert_eq!(cleared["warnings"][0]["field"], "domain", "{cleared}");

    for (method, end) in [("GET", ""), ("DELETE", ""), ("POST", "/validate")] {
        let others = call(&world, OTHERS, method, &format!("{path}{end}"), &Value::Null);
        assert_eq!(
            (others.status, others.json()["code"].as_str()),
            (404, Some("SESSION_NOT_FOUND"))
        );
    }
    assert_eq!(call(&world, OTHERS, "POST", "/api/v1/scrape", &item).status, 422);
    let deleted = mine("DELETE", &path, Value::Null);
    assert_eq!((deleted.status, &deleted.json()["deleted"]), (200, &json!(true)));
    assert_eq!(mine("GET", &path, Value::Null).status, 404);
    assert_eq!(mine("POST", "/api/v1/scrape", item).json()["field"], "advanced.session_id");
}

#[test]
fn a_mistake_in_a_session_is_named_without_its_value() {
    let world = world();
    for (body, field) in [
        (json!({ "domain": "a.test", "cookies": { "a": "s3cret" } }), "name"),
        (json!({ "name": "n", "cookies": { "a": "s3cret" } }), "domain"),
        (json!({ "name": "n", "domain": "com", "cookies": { "a": "s3cret" } }), "domain"),
        (json!({ "name": "n", "domain": "a.test" }), "cookies"),
        (json!({ "name": "n", "domain": "a.test", "cookies": { "a": "s3cret; b=1" } }), "cookies"),
        (json!({ "name": "n", "domain": "a.test", "cookies": { "a": ["s3cret"] } }), "cookies"),
        (
            json!({ "name": "n", "domain": "a.test", "cookies": {}, "expires_at": "soon" }),
            "expires_at",
        ),
        (json!({ "name": "n", "domain": "a.test", "storage_state": "s3cret" }), "storage_state"),
    ] {
        let answer = call(&world, MINE, "POST", "/api/v1/sessions", &body);
        let shown = answer.json();
        assert_eq!((answer.status, shown["field"].as_str()), (422, Some(field)), "{shown}");
        assert!(!shown.to_string().contains("s3cret"), "{shown}");
    }
    let wrong = call(&world, MINE, "GET", "/api/v1/sessions?status=new", &Value::Null);
    assert_eq!((wrong.status, wrong.json()["field"].as_str()), (422, Some("status")));
}

#[test]
fn a_service_without_keys_for_sessions_names_the_option() {
    let world = World::new();

    for (method, path) in [
        ("GET", "/api/v1/sessions"),
        ("DELETE", "/api/v1/sessions/019a0000-0000-7000-8000-000000000000"),
    ] {
        let answer = world.send(method, path, &[], b"");
        assert_eq!((answer.status, answer.json()["code"].as_str()), (501, Some("NOT_IMPLEMENTED")));
        let message = answer.json()["message"].as_str().expect("words").to_owned();
        assert!(message.contains("--session-keys"), "{message}");
    }
    let item = json!({ "url": "https://example.com/", "session_id": "019a0000-0000-7000-8000-000000000000" });
    let refused = world.post("/api/v1/scrape", &item);
    assert_eq!(
        (refused.status, refused.json()["field"].as_str()),
        (422, Some("advanced.session_id"))
    );
    let key = super::http::send(world.addr, "GET", "/api/v1/sessions/public-key", &[], b"");
    assert_eq!((key.status, key.json()["code"].as_str()), (501, Some("NOT_IMPLEMENTED")));
}
