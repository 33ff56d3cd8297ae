//! `rungs serve` as API servers and workers on one database.

use std::process::{Command, Stdio};

use serde_json::json;

use super::http;
use super::program::{SECRET, Serving, rungs, text};
use super::world::site;
use crate::support::postgres::new_url;

fn status(serving: &Serving, path: &str) -> u16 {
    http::send(serving.addr, "GET", path, &[], b"").status
}

#[test]
fn a_worker_fetches_what_an_api_server_accepts() {
    let (site, url) = (site(), new_url());
    let api = Serving::start(&["--store", &url, "--role", "api", "--api-key", SECRET]);
    let pages: Vec<String> = (0..6).map(|it| site.url(&format!("/{it}"))).collect();
    let accepted = api.post("/api/v1/batch", &json!({ "urls": pages })).json();
    let path = format!("/api/v1/batch/{}", accepted["batch_id"].as_str().expect("an id"));
    let before = api.get(&path).json();

    let worker = Serving::start(&["--store", &url, "--role", "worker"]);
    let events = api.get(&format!("{path}/events"));

    assert_eq!((&before["status"], &before["completed"]), (&json!("processing"), &json!(0)));
    assert_eq!(events.status, 200, "the stream ends with the batch");
    let done = api.get(&path).json();
    assert_eq!((&done["status"], &done["completed"]), (&json!("completed"), &json!(6)), "{done}");
    for path in ["/health", "/ready", "/metrics"] {
        assert_eq!(status(&worker, path), 200, "{path}");
    }
    for path in ["/", "/docs", "/api/v1/batches", "/v1/usage"] {
        assert_eq!(status(&worker, path), 404, "{path}");
    }
    assert_eq!([status(&api, "/health"), status(&api, "/ready")], [200; 2]);
    assert_eq!((worker.end("-TERM"), api.end("-TERM")), (Some(0), Some(0)));
}

#[test]
fn a_worker_that_other_machines_reach_hides_its_metrics_without_a_key() {
    let url = new_url();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rungs"));
    command.env_remove("RUNGS_API_KEY").stderr(Stdio::null());
    command.args(["serve", "--role", "worker", "--listen", "0.0.0.0:0", "--store", &url]);

    let worker = Serving::of(&mut command);

    let found = ["/health", "/ready", "/metrics"].map(|it| status(&worker, it));
    assert_eq!(found, [200, 200, 404]);
}

#[test]
fn a_role_needs_a_store_that_others_can_open() {
    for (role, store) in [("api", "data"), ("worker", "journal:data")] {
        let refused = rungs(&["serve", "--role", role, "--store", store]);

        let message = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{message}");
        assert!(message.contains(&format!("--role {role}: no other process")), "{message}");
    }
}
