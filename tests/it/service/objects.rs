//! The program with its results in an object store.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use rungs::testkit::site::{Site, SiteResponse};
use serde_json::{Value, json};

use super::program::{Serving, text};
use super::world::page;
use crate::support::PATIENCE;
use crate::support::s3::{BUCKET, KEY, S3, SECRET};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rungs"));
    for (name, _) in std::env::vars_os() {
        let is_setting = name.to_str().is_some_and(|it| it.starts_with("AWS_"));
        if is_setting || name == "RUNGS_API_KEY" {
            command.env_remove(name);
        }
    }
    command
}

/// The command that serves with a store and results in an object store at `endpoint`.
fn serve(endpoint: &str, store: &str, url: &str) -> Command {
    let mut command = program();
    command.args(["serve", "--listen", "127.0.0.1:0", "--allow-private"]);
    command.args(["--store", store, "--bodies", url]);
    command.env("AWS_ENDPOINT_URL", endpoint).env("AWS_REGION", "us-east-1");
    command.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", SECRET);
    command
}

/// Reads a batch until it is as it should be.
fn until(serving: &Serving, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let batch = serving.get(path).json();
        if is_so(&batch) {
            return batch;
        }
        assert!(began.elapsed() < PATIENCE, "{batch}");
    }
}

#[test]
fn a_killed_service_finds_its_results_in_the_bucket() {
    let (mut s3, dir) = (S3::start(), tempfile::tempdir().expect("a directory"));
    let site = Site::start(|request| page(request).delay(Duration::from_millis(50)));
    let store = dir.path().join("store").to_string_lossy().into_owned();
    let url = format!("s3://{BUCKET}/service");
    let urls: Vec<String> = (0..24).map(|it| site.url(&format!("/{it}"))).collect();

    let first = Serving::of(&mut serve(&s3.endpoint, &store, &url));
    let accepted = first.post("/api/v1/batch", &json!({ "urls": urls })).json();
    let id = accepted["batch_id"].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/batch/{id}");
    until(&first, &path, |it| it["completed"].as_u64() > Some(0));
    first.end("-KILL");
    let second = Serving::of(&mut serve(&s3.endpoint, &store, &url));
    let batch = until(&second, &path, |it| it["status"] != "processing");

    assert_eq!((&batch["completed"], &batch["failed"]), (&json!(24), &json!(0)), "{batch}");
    for item in batch["items"].as_array().expect("items") {
        let text = item["result"]["text"].as_str();
        assert!(text.is_some_and(|it| it.contains("Flour, water")), "{item}");
    }
    let keys = s3.keys();
    assert!(!keys.is_empty() && keys.iter().all(|it| it.contains(&id)), "{keys:?}");
}

#[test]
fn a_bucket_that_cannot_be_used_prevents_the_start() {
    let dir = tempfile::tempdir().expect("a directory");
    let s3 = Site::start(|request| {
        let is_missing = request.path.starts_with("/nowhere");
        let (status, code) =
            if is_missing { (404, "NoSuchBucket") } else { (403, "SignatureDoesNotMatch") };
        // As the real service does, it repeats the id of the key.
        let key = format!("<AWSAccessKeyId>{KEY}</AWSAccessKeyId>");
        SiteResponse::status(status).body(format!("<Error><Code>{code}</Code>{key}</Error>"))
    });
    let endpoint = s3.url("");
    let store = dir.path().join("store").to_string_lossy().into_owned();
    let good = format!("s3://{BUCKET}/program");
    let ended = |command: &mut Command| -> (Option<i32>, String) {
        let Output { status, stderr, .. } = command.output().expect("the program runs");
        let said = text(&stderr);
        assert!(!said.contains(SECRET) && !said.contains(KEY), "{said}");
        (status.code(), said)
    };

    let bucket = ended(&mut serve(&endpoint, &store, "s3://nowhere/program"));
    let secret = ended(&mut serve(&endpoint, &store, &good));
    let url = ended(&mut serve(&endpoint, &store, "http://bucket.example"));
    let alone = ended(program().args(["serve", "--listen", "127.0.0.1:0", "--bodies", &good]));

    assert_eq!(bucket.0, Some(1), "{}", bucket.1);
    assert!(
        bucket.1.contains("--bodies: s3://nowhere/program: the bucket does not exist"),
        "{}",
        bucket.1
    );
    assert_eq!(secret.0, Some(1), "{}", secret.1);
    assert!(secret.1.contains("SignatureDoesNotMatch): check AWS_ACCESS_KEY_ID"), "{}", secret.1);
    assert_eq!(url.0, Some(2), "{}", url.1);
    assert!(url.1.contains("use one of the schemes s3, gs, az and file"), "{}", url.1);
    assert_eq!(alone.0, Some(2), "{}", alone.1);
    assert!(alone.1.contains("add --store"), "{}", alone.1);
}

#[test]
fn a_batch_of_the_command_line_keeps_its_results_in_a_directory() {
    let dir = tempfile::tempdir().expect("a directory");
    let site = Site::start(page);
    std::fs::write(dir.path().join("urls.txt"), site.url("/a")).expect("written");
    let url = format!("file://{}/bodies", dir.path().display());
    let run = || {
        let mut command = program();
        command.current_dir(dir.path()).args(["batch", "urls.txt", "--allow-private"]);
        command.args(["--store", "journal:log", "--bodies", &url]).output().expect("it runs")
    };

    let first = run();
    let hits = site.hits();
    let again = run();

    assert!(first.status.success(), "{}", text(&first.stderr));
    assert!(text(&first.stdout).contains("Flour"), "{}", text(&first.stdout));
    assert_eq!((text(&again.stdout), site.hits()), (text(&first.stdout), hits), "fetched once");
    let shards = std::fs::read_dir(dir.path().join("bodies")).expect("a directory");
    assert_eq!(
        shards.filter(|it| it.as_ref().is_ok_and(|it| it.file_name() != "check")).count(),
        1
    );
}
