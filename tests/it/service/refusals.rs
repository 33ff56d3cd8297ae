//! Invalid requests: each gets a 4xx with the reason and has no effect.

use rungs::core::id::AccountId;
use rungs::service::{ApiKey, Keys};
use serde_json::{Value, json};

use super::http::{Answer, connect, read};
use super::world::{Plan, World};

const SECRET: &str = "sk_live_0123456789abcdef";
const URL: &str = "https://example.com/";

/// A service with one key, so that every request needs it.
fn world() -> World {
    let key = ApiKey::new("first", AccountId::default(), SECRET).expect("a key");
    World::of(Plan { keys: Keys::new([key]).expect("usable"), ..Plan::default() })
}

fn send(world: &World, method: &str, path: &str, body: &[u8]) -> Answer {
    world.send(method, path, &[("x-api-key", SECRET)], body)
}

/// Checks that a response has one of these statuses and an error body. Its schema is checked with that of
/// every response.
fn refused(answer: &Answer, statuses: &[u16], about: &str) {
    assert!(statuses.contains(&answer.status), "{about}: {} {}", answer.status, answer.json());
    let said = answer.json();
    assert!(said["detail"].as_str().is_some_and(|it| !it.is_empty()), "{about}: {said}");
    assert_eq!(said["detail"], said["message"], "{about}");
}

/// Every option of an item, with invalid values.
fn wrong_options() -> Vec<(&'static str, Value)> {
    [wrong_options_of_pages(), wrong_options_of_extraction(), wrong_options_of_requests()].concat()
}

/// Options of the page and of its result.
fn wrong_options_of_pages() -> Vec<(&'static str, Value)> {
    let long = "x".repeat(9_000);
    vec![
        ("url", json!(7)),
        ("url", json!("")),
        ("url", json!("example.com")),
        ("url", json!("ftp://example.com/")),
        ("url", json!("javascript:alert(1)")),
        ("url", json!("http://")),
        ("url", json!("http://[::1/")),
        ("url", json!("http://exa mple.com/")),
        ("url", json!(format!("{URL}{long}"))),
        ("url", json!(["https://example.com/"])),
        ("mode", json!("fast")),
        ("mode", json!(1)),
        ("mode", json!("")),
        ("formats", json!("html")),
        ("formats", json!([])),
        ("formats", json!(["docx"])),
        ("formats", json!([1])),
        ("formats", json!({ "html": true })),
        ("timeout", json!(0)),
        ("timeout", json!(301)),
        ("timeout", json!(-1)),
        ("timeout", json!(300.5)),
        ("timeout", json!(-0.5)),
        ("timeout", json!("90")),
        ("timeout", json!(1e300)),
        ("wait_for", json!(1)),
        ("cache", json!("yes")),
        ("cache", json!(1)),
        ("cache_ttl", json!(59)),
        ("cache_ttl", json!(86_401)),
        ("cache_ttl", json!(3_600)),
        ("force_refresh", json!("no")),
        ("include_raw_html", json!(0)),
    ]
}

/// Options of the extraction.
fn wrong_options_of_extraction() -> Vec<(&'static str, Value)> {
    let deep = (0..40).fold(json!({}), |inner, _| json!({ "properties": { "a": inner } }));
    vec![
        ("extraction_prompt", json!("x".repeat(2_001))),
        ("extraction_prompt", json!(["x"])),
        ("extraction_schema", json!({ "a": "x".repeat(66_000) })),
        ("extraction_schema", deep),
        ("extraction_profile", json!("person")),
        ("extraction_provider", json!("nobody")),
        ("extraction_model", json!(4)),
        ("evidence", json!("true")),
        ("evidence", json!(true)),
        ("promote_schema_org", json!([])),
        ("filter_content", json!({})),
        ("template", json!(1)),
    ]
}

/// Options of the request and of the browser.
fn wrong_options_of_requests() -> Vec<(&'static str, Value)> {
    let many: Value =
        (0..51).map(|it| (format!("x-{it}"), json!("1"))).collect::<serde_json::Map<_, _>>().into();
    let actions = json!(vec![json!({ "type": "wait" }); 21]);
    vec![
        ("method", json!("TRACE")),
        ("method", json!("get")),
        ("body", json!("without a method")),
        ("content_type", json!("text/csv")),
        ("headers", json!([["a", "b"]])),
        ("headers", json!({ "a": [1] })),
        ("headers", json!({ "": "1" })),
        ("headers", json!({ "a b": "1" })),
        ("headers", json!({ "connection": "close" })),
        ("headers", json!({ "transfer-encoding": "chunked" })),
        ("headers", json!({ "x-a": "b\r\nx-c: d" })),
        ("headers", json!({ "x-a": "x".repeat(8_193) })),
        ("headers", many),
        ("location", json!("DE")),
        ("location", json!({ "country": "Germany" })),
        ("location", json!({ "language": "german, please" })),
        ("pdf_format", json!("html")),
        ("ocr_language", json!("e")),
        ("ocr_language", json!("../etc")),
        ("max_response_bytes", json!(52_428_801)),
        ("max_response_bytes", json!(-1)),
        ("screenshot", json!(true)),
        ("generate_pdf", json!(true)),
        ("cost_controls", json!("cheap")),
        ("cost_controls", json!({ "max_tier": "9" })),
        ("cost_controls", json!({ "max_tier": true })),
        ("cost_controls", json!({ "force_tier": "best" })),
        ("cost_controls", json!({ "force_tier": "3", "max_tier": "2" })),
        ("cost_controls", json!({ "prefer_cost": true, "prefer_speed": true })),
        ("cost_controls", json!({ "prefer": "luck" })),
        ("cost_controls", json!({ "fail_fast": "yes" })),
        ("cost_controls", json!({ "max_credits": 0 })),
        ("cost_controls", json!({ "max_credits": -5 })),
        ("cost_controls", json!({ "max_credits": "5" })),
        ("cost_controls", json!({ "time_budget": 4.0 })),
        ("cost_controls", json!({ "time_budget": 301 })),
        ("advanced", json!([])),
        ("advanced", json!("render_js")),
        ("advanced", json!({ "render_js": "yes" })),
        ("advanced", json!({ "screenshot": true })),
        ("advanced", json!({ "generate_pdf": true })),
        ("advanced", json!({ "scroll_to_load": true })),
        ("advanced", json!({ "include_iframes": true })),
        ("advanced", json!({ "flatten_shadow_dom": true })),
        ("advanced", json!({ "scroll_count": 0 })),
        ("advanced", json!({ "scroll_count": 11 })),
        ("advanced", json!({ "wait_condition": "soon" })),
        ("advanced", json!({ "actions": [{ "type": "wait" }] })),
        ("advanced", json!({ "render_js": true, "actions": actions })),
        ("advanced", json!({ "render_js": true, "actions": [{ "type": "dance" }] })),
        ("advanced", json!({ "render_js": true, "actions": ["wait"] })),
        ("advanced", json!({ "proxy_country": "DE" })),
        ("advanced", json!({ "proxy_integration_id": "mine" })),
        ("advanced", json!({ "session_id": "mine" })),
        ("advanced", json!({ "session_id": "019a0000-0000-7000-8000-000000000000" })),
        ("advanced", json!({ "cookies": "nothing" })),
        ("advanced", json!({ "cookies": { "a": [1] } })),
        ("advanced", json!({ "section_filter": { "unknown": 1 } })),
        ("advanced", json!({ "section_filter": { "min_content_blocks": -1 } })),
        ("advanced", json!({ "section_filter": { "exclude_content_types": ["video"] } })),
        ("advanced", json!({ "render_js": true, "block_images": "all" })),
    ]
}

#[test]
fn every_invalid_option_is_refused_by_name() {
    let (world, options) = (world(), wrong_options());
    assert!(options.len() > 100, "{}", options.len());

    for (name, value) in options {
        let mut item = json!({ "url": URL });
        item[name] = value.clone();
        let about: String = format!("{name}: {value}").chars().take(120).collect();

        let batch = json!({ "urls": [URL, item] }).to_string();
        let batch = send(&world, "POST", "/api/v1/batch", batch.as_bytes());
        let scrape = send(&world, "POST", "/api/v1/scrape", item.to_string().as_bytes());
        let estimate = send(&world, "POST", "/api/v1/scrape/estimate", item.to_string().as_bytes());

        for answer in [&batch, &scrape, &estimate] {
            refused(answer, &[422], &about);
            assert_eq!(answer.json()["code"], "VALIDATION_ERROR", "{about}");
        }
        let said = batch.json();
        let place = &said["details"][0]["loc"];
        assert_eq!((&place[0], &place[1]), (&json!("urls"), &json!(1)), "{about}");
        assert!(said["field"].as_str().is_some_and(|it| it.starts_with("urls[1].")), "{said}");
    }
    let listed = send(&world, "GET", "/api/v1/batches", b"").json();
    assert_eq!(listed["batches"], json!([]), "nothing was accepted");
}

#[test]
fn every_invalid_body_is_refused() {
    let world = world();
    let deep = "[".repeat(100_000);
    let closed = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let keys = (0..20_000).map(|it| format!("\"k{it}\":{it},")).collect::<Vec<_>>().concat();
    let bodies: Vec<(Vec<u8>, u16)> = vec![
        (b"".to_vec(), 400),
        (b" ".to_vec(), 400),
        (b"{".to_vec(), 400),
        (b"}".to_vec(), 400),
        (b"{]".to_vec(), 400),
        (b"urls=https://example.com/".to_vec(), 400),
        (b"<xml/>".to_vec(), 400),
        (b"{\"urls\": [\"\xff\xfe\"]}".to_vec(), 400),
        (b"\xef\xbb\xbf{}".to_vec(), 422),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}".to_vec(), 400),
        (b"\x00".to_vec(), 400),
        (b"{\"urls\": [\"https://example.com/\"],}".to_vec(), 400),
        (b"{'urls': []}".to_vec(), 400),
        (b"{\"urls\": [NaN]}".to_vec(), 400),
        (b"{\"urls\": [1e999]}".to_vec(), 400),
        (b"{\"urls\": [\"\\ud800\"]}".to_vec(), 400),
        (b"{\"urls\": []} {}".to_vec(), 400),
        (deep.into_bytes(), 400),
        (closed.into_bytes(), 400),
        (format!("{{{keys}\"urls\": 1}}").into_bytes(), 422),
        (b"null".to_vec(), 422),
        (b"true".to_vec(), 422),
        (b"17".to_vec(), 422),
        (b"\"https://example.com/\"".to_vec(), 422),
        (b"[]".to_vec(), 422),
        (b"{}".to_vec(), 422),
        (json!({ "urls": null }).to_string().into_bytes(), 422),
        (json!({ "urls": [] }).to_string().into_bytes(), 422),
        (json!({ "urls": {} }).to_string().into_bytes(), 422),
        (json!({ "urls": URL }).to_string().into_bytes(), 422),
        (json!({ "urls": [null] }).to_string().into_bytes(), 422),
        (json!({ "urls": [1] }).to_string().into_bytes(), 422),
        (json!({ "urls": [[URL]] }).to_string().into_bytes(), 422),
        (json!({ "urls": [{}] }).to_string().into_bytes(), 422),
        (json!({ "urls": vec![URL; 101] }).to_string().into_bytes(), 422),
        (json!({ "urls": [URL], "requests": [] }).to_string().into_bytes(), 422),
        (json!({ "requests": vec![URL; 101] }).to_string().into_bytes(), 422),
        (json!({ "urls": [URL], "webhook_url": 1 }).to_string().into_bytes(), 422),
        (json!({ "urls": [URL], "webhook_url": "" }).to_string().into_bytes(), 422),
        (json!({ "urls": [URL], "webhook_url": "nowhere" }).to_string().into_bytes(), 422),
        (
            json!({ "urls": [URL], "webhook_url": "http://example.com/" }).to_string().into_bytes(),
            422,
        ),
        (
            json!({ "urls": [URL], "webhook_url": "https://10.0.0.1/" }).to_string().into_bytes(),
            422,
        ),
        (
            json!({ "urls": [URL], "webhook_url": "ftp://example.com/" }).to_string().into_bytes(),
            422,
        ),
        (json!({ "urls": ["x".repeat(1_100_000)] }).to_string().into_bytes(), 413),
        (vec![b' '; 3_000_000], 413),
    ];

    for (body, status) in bodies {
        let about: String = String::from_utf8_lossy(&body).chars().take(60).collect();
        refused(&send(&world, "POST", "/api/v1/batch", &body), &[status], &about);
    }
}

#[test]
fn every_invalid_path_method_or_parameter_is_refused() {
    let world = world();
    let unknown = "batch_019a0000-0000-7000-8000-000000000000";
    let job = "019a0000-0000-7000-8000-000000000000";
    let wrong = [
        ("POST", "/".to_owned(), 405),
        ("GET", "/page/other.js".to_owned(), 404),
        ("GET", "/api".to_owned(), 404),
        ("GET", "/api/v1".to_owned(), 404),
        ("GET", "/api/v2/usage".to_owned(), 404),
        ("GET", "/api/v1/nothing".to_owned(), 404),
        ("GET", "//api/v1/usage".to_owned(), 404),
        ("GET", "/api/v1/../v1/usage".to_owned(), 404),
        ("GET", "/api/v1/%2e%2e/usage".to_owned(), 404),
        ("GET", "/api/v1/usage%00".to_owned(), 404),
        ("GET", "/api/v1/usage/x".to_owned(), 404),
        ("GET", "/etc/passwd".to_owned(), 404),
        ("GET", "/api/v1/batch/x".to_owned(), 404),
        ("GET", format!("/api/v1/batch/{unknown}"), 404),
        ("GET", format!("/api/v1/batch/{unknown}/events"), 404),
        ("GET", format!("/api/v1/batch/{unknown}/deliveries"), 404),
        ("DELETE", format!("/api/v1/batch/{unknown}"), 404),
        ("GET", "/api/v1/batch/..%2f..%2fetc".to_owned(), 404),
        ("GET", "/api/v1/batch/%ff%fe".to_owned(), 400),
        ("GET", format!("/api/v1/batch/{}", "9".repeat(5_000)), 404),
        ("GET", format!("/api/v1/batch/{job}"), 404),
        ("GET", "/api/v1/jobs/x".to_owned(), 404),
        ("GET", format!("/api/v1/jobs/{job}"), 404),
        ("GET", format!("/api/v1/jobs/{unknown}"), 404),
        ("GET", "/api/v1/jobs/%ff".to_owned(), 400),
        ("GET", format!("/api/v1/jobs/{job}/deliveries"), 404),
        ("POST", format!("/api/v1/deliveries/{job}/redeliver"), 404),
        ("POST", "/api/v1/deliveries/x/redeliver".to_owned(), 404),
        ("GET", "/api/v1/batches?limit=0".to_owned(), 422),
        ("GET", "/api/v1/batches?limit=101".to_owned(), 422),
        ("GET", "/api/v1/batches?limit=-1".to_owned(), 422),
        ("GET", "/api/v1/batches?limit=ten".to_owned(), 422),
        ("GET", "/api/v1/batches?limit=99999999999999999999".to_owned(), 422),
        ("GET", "/api/v1/batches?cursor=x".to_owned(), 422),
        ("GET", "/api/v1/batches?cursor=%ff".to_owned(), 422),
        ("GET", format!("/api/v1/batches?cursor={job}"), 422),
        ("GET", "/api/v1/deliveries?limit=0".to_owned(), 422),
        ("GET", "/api/v1/deliveries?cursor=x".to_owned(), 422),
        ("GET", "/api/v1/batch".to_owned(), 405),
        ("PUT", "/api/v1/batch".to_owned(), 405),
        ("DELETE", "/api/v1/batch".to_owned(), 405),
        ("PATCH", "/api/v1/batch".to_owned(), 405),
        ("POST", format!("/api/v1/batch/{unknown}"), 405),
        ("GET", "/api/v1/scrape".to_owned(), 405),
        ("POST", "/api/v1/usage".to_owned(), 405),
        ("POST", "/api/v1/batches".to_owned(), 405),
        ("DELETE", format!("/api/v1/jobs/{job}"), 405),
        ("GET", format!("/api/v1/deliveries/{job}/redeliver"), 405),
        ("POST", "/health".to_owned(), 405),
        ("TRACE", "/api/v1/usage".to_owned(), 405),
        ("BREW", "/api/v1/usage".to_owned(), 405),
        ("OPTIONS", "/api/v1/usage".to_owned(), 405),
    ];

    for (method, path, status) in wrong {
        let about: String = format!("{method} {path}").chars().take(120).collect();
        let answer = send(&world, method, &path, b"");
        refused(&answer, &[status], &about);
        if status == 405 {
            assert!(answer.header("allow").is_some(), "{about}");
        }
    }
}

#[test]
fn an_invalid_key_is_refused_before_the_body_is_read() {
    let world = world();
    let wrong: [&[(&str, &str)]; 9] = [
        &[],
        &[("x-api-key", "")],
        &[("x-api-key", "sk_live_0123456789abcdeg")],
        &[("x-api-key", "sk_live_0123456789abcde")],
        &[("x-api-key", "SK_LIVE_0123456789ABCDEF")],
        &[("authorization", "sk_live_0123456789abcdef")],
        &[("authorization", "Basic sk_live_0123456789abcdef")],
        &[("authorization", "Bearer")],
        &[("cookie", "x-api-key=sk_live_0123456789abcdef")],
    ];

    for headers in wrong {
        for (method, path, body) in [
            ("GET", "/api/v1/usage", ""),
            ("GET", "/metrics", ""),
            ("POST", "/api/v1/batch", "not even JSON"),
        ] {
            let answer = world.send(method, path, headers, body.as_bytes());
            refused(&answer, &[401], &format!("{headers:?}"));
            assert_eq!(answer.json()["code"], "AUTHENTICATION_ERROR");
        }
    }
    let long = "x".repeat(2_000);
    refused(&world.send("GET", "/api/v1/usage", &[("x-api-key", &long)], b""), &[401], "long");
}

#[test]
fn an_invalid_idempotency_key_is_refused() {
    let world = world();
    let body = json!({ "urls": [URL] }).to_string();
    let long = "x".repeat(256);

    for key in ["", "é", "a\tb", long.as_str()] {
        let headers = [("x-api-key", SECRET), ("idempotency-key", key)];
        let answer = world.send("POST", "/api/v1/batch", &headers, body.as_bytes());
        refused(&answer, &[422], key);
        assert_eq!(answer.json()["field"], "Idempotency-Key");
    }
}

#[test]
fn malformed_http_gets_a_4xx_or_no_response() {
    use std::io::Write;

    let world = World::new();
    for bytes in [
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: x\r\n: empty\r\n\r\n",
        "POST /api/v1/batch HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        "POST /api/v1/batch HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}",
        "POST /api/v1/batch HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "\0\0\0\0\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut stream = connect(world.addr);
        stream.write_all(bytes.as_bytes()).expect("sent");
        stream.shutdown(std::net::Shutdown::Write).expect("it is open");
        let mut said = Vec::new();
        let _ = std::io::Read::read_to_end(&mut stream, &mut said);
        let said = String::from_utf8_lossy(&said);
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{bytes:?}: {said}");
    }
    let mut stream = connect(world.addr);
    stream.write_all(b"GET /health HTTP/1.0\r\n\r\n").expect("sent");
    assert_eq!(read(&mut stream).status, 200, "it goes on");
}
