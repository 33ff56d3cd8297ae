//! A service without API keys, and the websites that its user visits.

use rungs::core::id::AccountId;
use rungs::service::{AllowedHosts, ApiKey, Keys, ServiceOptions};

use super::http::{Answer, connect, read};
use super::world::{Plan, World};

const BODY: &str = r#"{"urls": ["https://example.com/"]}"#;
const JSON: (&str, &str) = ("content-type", "application/json");

/// A service without keys as the `rungs` program starts it.
fn local() -> World {
    let options = ServiceOptions::default().with_allowed_hosts(AllowedHosts::LocalhostOrIp);
    World::of(Plan { options, ..Plan::default() })
}

/// Sends a batch for pricing with this `Host` and these headers.
fn estimated(world: &World, host: &str, headers: &[(&str, &str)]) -> Answer {
    use std::io::Write;

    let mut request = format!(
        "POST /api/v1/batch/estimate HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
         content-length: {}\r\n",
        BODY.len()
    );
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("\r\n{BODY}"));
    let mut stream = connect(world.addr);
    stream.write_all(request.as_bytes()).expect("sent");
    read(&mut stream)
}

#[test]
fn an_origin_other_than_the_host_is_refused_without_keys() {
    let world = local();
    let port = world.addr.port();
    let hosts = ["127.0.0.1", "localhost", "0.0.0.0", "[::ffff:127.0.0.1]", "[::1]"];

    for host in hosts.map(|it| format!("{it}:{port}")) {
        let own = format!("http://{host}");
        let answer = estimated(&world, &host, &[("origin", &own), JSON]);
        assert_eq!(answer.status, 200, "{host}: {}", answer.json());
        let neighbor = format!("{}0", own.trim_end_matches(char::is_numeric));
        for foreign in ["http://example.com", "null", "http://localhost:3000", &neighbor] {
            let answer = estimated(&world, &host, &[("origin", foreign), JSON]);
            assert_eq!(answer.status, 403, "{host} {foreign}");
            assert_eq!(answer.json()["code"], "CROSS_SITE_REQUEST");
        }
    }
}

#[test]
fn a_request_from_another_port_changes_nothing_without_keys() {
    let world = local();
    let site = ("sec-fetch-site", "same-site");
    let id = world.submitted(&["https://example.com/".to_owned()]);
    let path = format!("/api/v1/batch/{id}");

    assert_eq!(world.send("POST", "/api/v1/batch", &[site], BODY.as_bytes()).status, 403);
    assert_eq!(world.send("DELETE", &path, &[site], b"").status, 403);
    assert_eq!(world.send("GET", &path, &[site], b"").status, 200);
    assert_eq!(world.send("DELETE", &path, &[], b"").status, 200);
}

#[test]
fn a_body_that_a_form_can_send_is_refused_without_keys() {
    let world = local();
    let host = world.addr.to_string();
    let types = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"];

    for kind in types {
        let answer = estimated(&world, &host, &[("content-type", kind)]);
        assert_eq!(answer.status, 415, "{kind}");
        let said = answer.json();
        assert_eq!(said["code"], "UNSUPPORTED_CONTENT_TYPE");
        assert!(said["message"].as_str().is_some_and(|it| it.contains("application/json")));
    }
    assert_eq!(estimated(&world, &host, &[]).status, 415, "no type");
    let kind = ("content-type", "application/json; charset=utf-8");
    assert_eq!(estimated(&world, &host, &[kind]).status, 200);
}

#[test]
fn a_key_opens_the_service_to_every_origin() {
    let secret = "sk_live_0123456789abcdef";
    let key = ApiKey::new("first", AccountId::default(), secret).expect("a key");
    let world = World::of(Plan { keys: Keys::new([key]).expect("usable"), ..Plan::default() });
    let headers = [
        ("x-api-key", secret),
        ("origin", "https://app.example"),
        ("sec-fetch-site", "cross-site"),
        ("content-type", "text/plain"),
    ];

    let answer = estimated(&world, "rungs.example", &headers);

    assert_eq!(answer.status, 200, "{}", answer.json());
}
