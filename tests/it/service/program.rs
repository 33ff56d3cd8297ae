//! The program `rungs serve`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

use super::http;
use super::world::{Held, site};

pub(crate) const SECRET: &str = "sk_live_0123456789abcdef";

pub(crate) fn rungs(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rungs"));
    command.env_remove("RUNGS_API_KEY").args(arguments).output().expect("the program runs")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A running `rungs serve`.
pub(crate) struct Serving {
    child: Child,
    pub(crate) addr: SocketAddr,
}

impl Serving {
    /// Starts the program on a free port.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rungs"));
        command.env_remove("RUNGS_API_KEY").args(["serve", "--listen", "127.0.0.1:0"]);
        command.args(["--allow-private"]).args(arguments);
        Self::of(&mut command)
    }

    /// Starts the program with this command.
    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        let said = child.stdout.take().expect("piped");
        BufReader::new(said).read_line(&mut line).expect("it says where it listens");
        let addr = line.trim().strip_prefix("listening on http://").expect("an address");
        Self { addr: addr.parse().expect("an address"), child }
    }

    /// Sends the program a signal, waits for its end and returns its exit code.
    pub(crate) fn end(mut self, signal: &str) -> Option<i32> {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("kill runs");
        assert!(sent.success());
        self.child.wait().expect("it ended").code()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> http::Answer {
        http::send(self.addr, "POST", path, &[("x-api-key", SECRET)], body.to_string().as_bytes())
    }

    pub(crate) fn get(&self, path: &str) -> http::Answer {
        http::send(self.addr, "GET", path, &[("x-api-key", SECRET)], b"")
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_address_other_than_loopback_requires_a_key() {
    let open = rungs(&["serve", "--listen", "0.0.0.0:0"]);

    assert_eq!(open.status.code(), Some(2));
    assert!(text(&open.stderr).contains("rungs key"), "{}", text(&open.stderr));
}

#[test]
fn a_service_without_keys_refuses_other_host_names() {
    let serving = Serving::start(&[]);
    let asked = |host: &str| {
        let head =
            format!("GET /api/v1/usage HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let mut stream = http::connect(serving.addr);
        stream.write_all(head.as_bytes()).expect("sent");
        http::read(&mut stream).status
    };

    let port = serving.addr.port();
    assert_eq!(asked(&format!("127.0.0.1:{port}")), 200);
    assert_eq!(asked(&format!("localhost:{port}")), 200);
    assert_eq!(asked(&format!("example.com:{port}")), 403);
}

#[test]
fn a_service_without_a_webhook_secret_says_that_webhooks_are_unsigned() {
    let noted = |secret: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rungs"));
        command.env_remove("RUNGS_API_KEY").env("RUNGS_WEBHOOK_SECRET", secret);
        command.args(["serve", "--listen", "127.0.0.1:0"]).stderr(Stdio::piped());
        let mut serving = Serving::of(&mut command);
        let mut said = serving.child.stderr.take().expect("piped");
        assert_eq!(serving.end("-TERM"), Some(0));
        let mut all = String::new();
        said.read_to_string(&mut all).expect("text");
        all.contains("webhooks are unsigned: set RUNGS_WEBHOOK_SECRET")
    };

    assert!(noted(""));
    assert!(!noted("whsec_c2VjcmV0"));
}

#[test]
fn invalid_settings_prevent_the_start() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = |name: &str, content: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, content).expect("written");
        path.to_string_lossy().into_owned()
    };
    let unknown = file("unknown.json", r#"{"listen": "127.0.0.1:0", "concurency": 3}"#);
    let plain = file("plain.json", r#"[{"name": "a", "hash": "sk_live_0123456789abcdef"}]"#);
    let none = file("none.json", "[]");

    for (arguments, named) in [
        (["serve", "--config", &unknown], "concurency"),
        (["serve", "--api-keys", &plain], "sha256:"),
        (["serve", "--api-keys", &none], "has no key"),
        (["serve", "--api-key", "short"], "16"),
        (["serve", "--config", "nowhere.json"], "nowhere.json"),
    ] {
        let refused = rungs(&arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        assert!(text(&refused.stderr).contains(named), "{}", text(&refused.stderr));
    }
}

#[test]
fn a_generated_key_works_by_its_hash() {
    let made = rungs(&["key", "first", "--account", "acme"]);
    let (secret, notes) = (text(&made.stdout), text(&made.stderr));
    let secret = secret.trim();
    let line = notes.lines().last().expect("the line for the file");
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("keys.json");
    std::fs::write(&file, format!("[{line}]")).expect("written");
    let serving = Serving::start(&["--api-keys", &file.to_string_lossy()]);

    let known = http::send(serving.addr, "GET", "/v1/jobs/x", &[("x-api-key", secret)], b"");
    let unknown = http::send(serving.addr, "GET", "/v1/jobs/x", &[("x-api-key", SECRET)], b"");

    assert!(secret.starts_with("sk_live_") && !notes.contains(secret), "{notes}");
    assert_eq!((known.status, unknown.status), (404, 401));
}

#[test]
fn a_restarted_service_finishes_accepted_batches() {
    let (dir, held) = (tempfile::tempdir().expect("a directory"), Held::new());
    let store = dir.path().join("store").to_string_lossy().into_owned();
    let config = dir.path().join("rungs.json");
    std::fs::write(&config, r#"{"grace": 0}"#).expect("written");
    let config = config.to_string_lossy().into_owned();
    let arguments = ["--store", &store, "--api-key", SECRET, "--config", &config];
    let mut accepted = Vec::new();

    for (round, signal) in ["-TERM", "-KILL", "-TERM"].into_iter().enumerate() {
        let guard = held.hold();
        let serving = Serving::start(&arguments);
        for number in 0..5 {
            let urls: Vec<String> =
                (0..4).map(|it| held.site.url(&format!("/{round}-{number}-{it}"))).collect();
            let answer = serving.post("/api/v1/batch", &json!({ "urls": urls }));
            assert_eq!(answer.status, 202, "{}", answer.json());
            accepted.push(answer.json()["batch_id"].as_str().expect("an id").to_owned());
        }
        let code = serving.end(signal);
        drop(guard);
        assert_eq!(code, (signal == "-TERM").then_some(0));
    }
    let last = Serving::start(&arguments);

    for id in &accepted {
        let path = format!("/api/v1/batch/{id}");
        let status = loop {
            let status = last.get(&path).json();
            if status["status"] != "processing" {
                break status;
            }
        };
        assert_eq!((&status["status"], &status["completed"]), (&json!("completed"), &json!(4)));
    }
    assert_eq!(accepted.len(), 15);
    assert_eq!(last.end("-TERM"), Some(0));
}

#[test]
fn the_command_line_overrides_the_settings_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = dir.path().join("rungs.json");
    let settings = json!({ "listen": "192.0.2.1:1", "batch_items": 2, "body_bytes": 5_000 });
    std::fs::write(&config, settings.to_string()).expect("written");
    let site = site();
    let serving = Serving::start(&["--config", &config.to_string_lossy()]);

    let urls = vec![site.url("/a"); 3];
    let many = serving.post("/api/v1/batch", &json!({ "urls": urls }));
    let large = serving.post("/api/v1/batch", &json!({ "urls": ["x".repeat(5_000)] }));

    assert_eq!((many.status, large.status), (422, 413));
}

#[test]
fn the_documented_keys_are_valid() {
    let manual = std::fs::read_to_string("docs/SERVICE.md").expect("the manual");
    let (_, rest) = manual.split_once("```json\n").expect("a list of keys");
    let (list, _) = rest.split_once("```").expect("its end");

    let keys: Vec<rungs::service::ApiKey> =
        serde_json::from_str(list).expect("as the file is read");

    assert_eq!((keys.len(), keys[0].account.as_str()), (1, "acme"));
    assert!(keys[0].spend.is_some());
    assert!(rungs::service::Keys::new(keys).is_ok());
}

#[test]
fn the_status_of_a_store_in_use_says_whom_to_ask() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = dir.path().join("store").to_string_lossy().into_owned();
    let _serving = Serving::start(&["--store", &store]);

    let refused = rungs(&["status", "--store", &store]);

    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(said.contains("/api/v1/batches") && said.contains("curl"), "{said}");
}

#[test]
fn a_key_for_metrics_reads_them_and_nothing_else() {
    let made = rungs(&["key", "prometheus", "--metrics"]);
    let (secret, notes) = (text(&made.stdout), text(&made.stderr));
    let secret = secret.trim();
    let line = notes.lines().last().expect("the line for the file");
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("keys.json");
    std::fs::write(&file, format!("[{line}]")).expect("written");
    let serving = Serving::start(&["--api-keys", &file.to_string_lossy(), "--api-key", SECRET]);
    let read =
        |path, secret| http::send(serving.addr, "GET", path, &[("x-api-key", secret)], b"").status;

    let reads = [read("/metrics", secret), read("/api/v1/usage", secret)];
    let customers = [read("/metrics", SECRET), read("/api/v1/usage", SECRET)];

    assert_eq!((reads, customers), ([200, 403], [403, 200]));
}
