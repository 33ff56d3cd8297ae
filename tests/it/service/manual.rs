//! The commands of the README and of the manual, as a reader types them.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::http;
use super::program::Serving;
use super::world::site;

/// The commands of the first block of shell below a heading, each on one line and without its remark.
fn commands(file: &str, heading: &str) -> Vec<String> {
    let text = std::fs::read_to_string(file).expect("a readable file");
    let (_, rest) = text.split_once(&format!("\n{heading}\n")).expect("the heading");
    let (_, rest) = rest.split_once("```sh\n").expect("a block of shell");
    let (block, _) = rest.split_once("```").expect("its end");
    let whole = block.replace("\\\n", " ");
    let lines = whole.lines().map(|it| it.split("  #").next().unwrap_or_default().trim());
    lines.filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

/// The directory of the program as it was built for the tests.
fn programs() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_rungs")).parent().expect("a directory")
}

/// A shell in `dir` that finds the program by its name.
fn shell(dir: &Path, command: &str) -> Command {
    let mut shell = Command::new("bash");
    let path = std::env::var("PATH").unwrap_or_default();
    shell.current_dir(dir).env("PATH", format!("{}:{path}", programs().display()));
    shell.env("NO_PROXY", "*").env_remove("RUNGS_API_KEY").args(["-c", command]);
    shell
}

fn said(dir: &Path, command: &str) -> String {
    let output = shell(dir, command).output().expect("bash runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn what_the_readme_says_of_the_service_works_as_it_is_written() {
    let (dir, site) = (tempfile::tempdir().expect("a directory"), site());
    let lines = commands("README.md", "## REST service");
    let [serve, curl] = &lines[..] else { panic!("two commands: {lines:?}") };
    let arguments = serve.strip_prefix("cargo run --release --features cli -- ");
    let arguments = arguments.expect("the program as the README builds it");
    let command = format!("exec rungs {arguments} --listen 127.0.0.1:0");
    let serving = Serving::of(&mut shell(dir.path(), &command));

    let curl = curl
        .replace("http://127.0.0.1:8080", &format!("http://{}", serving.addr))
        .replace("https://example.com/", &site.url("/a"))
        .replace("https://example.org/", &site.url("/b"));
    let batch: Value = serde_json::from_str(&said(dir.path(), &curl)).expect("JSON");

    assert_eq!((&batch["total_urls"], &batch["status"]), (&json!(2), &json!("processing")));
    let path = format!("/api/v1/batch/{}", batch["batch_id"].as_str().expect("an id"));
    let status = loop {
        let status = serving.get(&path).json();
        if status["status"] != "processing" {
            break status;
        }
    };
    assert_eq!((&status["status"], &status["completed"]), (&json!("completed"), &json!(2)));
    let markdown = &status["items"][1]["result"]["content"]["markdown"];
    assert!(markdown.as_str().is_some_and(|it| it.contains("Flour, water")), "{markdown}");
    assert!(dir.path().join("data").is_dir(), "the store is where the README puts it");
    assert_eq!(serving.end("-TERM"), Some(0));
}

#[test]
fn what_the_manual_says_of_keys_works_as_it_is_written() {
    let dir = tempfile::tempdir().expect("a directory");
    let lines = commands("docs/SERVICE.md", "## Quick start");
    let [first, keep, serve] = &lines[..] else { panic!("three commands: {lines:?}") };

    let made = said(dir.path(), first);
    let secret = made.split_whitespace().find(|it| it.starts_with("sk_live_")).expect("a key");
    let line = made.lines().last().expect("the line for the file");
    said(dir.path(), &keep.replace("ENTRY", line));
    let command = format!("exec {serve} --listen 127.0.0.1:0");
    let serving = Serving::of(&mut shell(dir.path(), &command));

    let hashed = said(dir.path(), &format!("printf %s {secret} | sha256sum"));
    let hash = hashed.split_whitespace().next().expect("a hash");
    assert!(line.contains(&format!("sha256:{hash}")), "{line}");
    let asked = |key: &str| {
        http::send(serving.addr, "GET", "/api/v1/usage", &[("x-api-key", key)], b"").status
    };
    assert_eq!((asked(secret), asked("sk_live_0123456789abcdef")), (200, 401));
    assert_eq!(serving.end("-TERM"), Some(0));
}

#[test]
fn the_manual_lists_every_metric() {
    fn sources(dir: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).expect("a readable directory") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|it| it == "rs") {
                found.push(std::fs::read_to_string(&path).expect("readable source"));
            }
        }
    }
    let manual = std::fs::read_to_string("docs/SERVICE.md").expect("the manual");
    let mut texts = Vec::new();
    sources(Path::new("src"), &mut texts);
    let mut seen = 0;

    for text in &texts {
        for (kind, suffix) in [("counter", "_total"), ("gauge", ""), ("histogram", "")] {
            for rest in text.split(&format!("metrics::{kind}!(\"rungs_")).skip(1) {
                let name = rest.split('"').next().expect("a name");
                let row = format!("| `rungs_{name}{suffix}` | {kind} |");
                assert!(manual.contains(&row), "docs/SERVICE.md has no row {row}");
                seen += 1;
            }
        }
    }

    assert!(seen >= 7, "{seen} metrics");
}
