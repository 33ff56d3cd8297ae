//! Requests that schemathesis generates from the OpenAPI description.

use std::process::Command;
use std::sync::Arc;

use rungs::Engine;
use rungs::core::tier::Tier;
use rungs::ports::BoxFuture;
use rungs::ports::fetch::{FetchError, FetchRequest, Fetched, HttpFetcher};
use rungs::stores::{Memory, SealedSessions, SealingKey, SealingKeys};
use serde_json::Value;

use crate::programs::installed;
use crate::world::{Plan, World};

/// A fetcher that sends no request: the generated URLs are of arbitrary hosts.
#[derive(Debug)]
struct Nowhere;

impl HttpFetcher for Nowhere {
    fn tiers(&self) -> Vec<Tier> {
        vec![Tier::Curl, Tier::Http]
    }

    fn fetch(&self, request: FetchRequest) -> BoxFuture<'_, Result<Fetched, FetchError>> {
        let words = "Flour, water, salt and time are all that a good loaf needs. ".repeat(8);
        let url = request.options.page().as_str().to_owned();
        let body = format!("<title>Loaf</title><article><h1>Loaf</h1><p>{words}</p></article>");
        Box::pin(async move {
            Ok(Fetched::new(200, body).header("content-type", "text/html").with_final_url(url))
        })
    }
}

#[test]
fn generated_requests_meet_no_undescribed_response() {
    let store = Arc::new(Memory::default());
    let keys = SealingKeys::new(SealingKey::from_bytes([7; 32]));
    let sessions = SealedSessions::new(Arc::clone(&store), keys);
    let engine = Engine::builder().store(store).http(Nowhere).sessions(sessions);
    let world = World::of(Plan { engine, ..Plan::default() });
    let mut command = Command::new(installed("schemathesis"));
    // schemathesis writes its findings into the current directory.
    let dir = tempfile::tempdir().expect("a directory");
    command
        .current_dir(dir.path())
        .env("NO_COLOR", "1")
        .arg("run")
        .arg(format!("http://{}/openapi.json", world.addr));
    let checks = [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "unsupported_method",
    ];
    command.args(["--checks", &checks.join(",")]);
    // Deterministic, sequential, and few enough to end within seconds.
    command.args(["--max-examples", "12", "--seed", "1138", "--generation-deterministic"]);
    command.args([
        "--phases",
        "coverage,fuzzing,stateful",
        "--max-time",
        "25",
        "--warnings",
        "off",
    ]);
    // The path exists only if a recorder is installed.
    command.args(["--exclude-path", "/metrics", "--workers", "1"]);

    let output = command.output().expect("it runs");

    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("44 passed"), "every operation but /metrics was asked for: {said}");
}

#[test]
fn the_docs_page_names_every_path() {
    let world = World::new();
    let paths = world.get("/openapi.json").json()["paths"].as_object().expect("paths").clone();

    let served = crate::http::send(world.addr, "GET", "/docs", &[], b"");

    let page = String::from_utf8(served.body.clone()).expect("text");
    assert_eq!(served.header("content-type"), Some("text/html; charset=utf-8"));
    for path in paths.keys() {
        assert!(page.contains(&format!("<code>{path}</code>")), "{path}");
    }
    for field in ["extraction_profile", "job_posting", "cost_controls", "escalations"] {
        assert!(page.contains(field), "{field}");
    }
    assert!(!page.contains("<script") && !page.contains("src="), "{page}");
}

#[test]
fn the_description_needs_no_key() {
    let world = World::new();

    let served = world.get("/openapi.json");

    let document: Value = served.json();
    assert_eq!((served.status, &document["openapi"]), (200, &"3.1.0".into()));
}
