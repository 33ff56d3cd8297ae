//! Clients that were written for another service, and the example clients.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use rungs::core::id::AccountId;
use rungs::service::{ApiKey, Keys};
use rungs::testkit::site::{Site, SiteRequest, SiteResponse};
use serde_json::{Value, json};

use crate::world::{Plan, World, engine_with_sessions, page};

const SECRET: &str = "sk_live_0123456789abcdef";

/// A service with one key, and a deadline for hanging requests.
fn world() -> World {
    let key = ApiKey::new("client", AccountId::default(), SECRET).expect("a key");
    let keys = Keys::new([key]).expect("usable");
    World::of(Plan { engine: engine_with_sessions(), keys, ..Plan::default() })
}

/// A site of readable pages. `/slow` responds late.
fn site() -> Site {
    Site::start(|request| match request.path.as_str() {
        "/slow" => page(request).delay(std::time::Duration::from_millis(1_500)),
        "/member" if !request.header("cookie").is_some_and(|it| it.contains("sid=fresh")) => {
            SiteResponse::redirect(302, "/login")
        }
        "/login" => SiteResponse::html("<form><input type=password></form>"),
        _ => page(request),
    })
}

/// A receiver that records its webhooks.
fn receiver() -> (Site, Arc<Mutex<Vec<SiteRequest>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let keeps = Arc::clone(&told);
    let site = Site::start(move |request| {
        keeps.lock().expect("not poisoned").push(request.clone());
        SiteResponse::status(204)
    });
    (site, told)
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn ran(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|why| panic!("{command:?}: {why}"));
    assert!(
        output.status.success(),
        "{command:?}\n{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    output
}

/// Returns the path of an installed client.
pub(crate) fn installed(program: &str) -> PathBuf {
    let made = ran(Command::new("bash").arg("tests/clients/venv.sh"));
    PathBuf::from(text(&made.stdout).trim()).join("bin").join(program)
}

fn base(world: &World) -> String {
    format!("http://{}", world.addr)
}

#[test]
fn the_official_python_client_works_unmodified() {
    let (world, site, (hook, told)) = (world(), site(), receiver());
    let mut command = Command::new(installed("python"));
    command.arg("tests/clients/official.py");
    command.args([&base(&world), site.url("").as_str(), hook.url("/hook").as_str()]);

    let output = ran(&mut command);

    assert_eq!(
        text(&output.stdout),
        "batches\nscrapes\ncrawls\nmaps\nsessions\nmoney\nextractions\nabsent\nmistakes\n"
    );
    let told = told.lock().expect("not poisoned");
    let [event] = &told[..] else { panic!("one event, not {}", told.len()) };
    let event: Value = serde_json::from_slice(&event.body).expect("JSON");
    assert_eq!(
        (&event["event"], &event["data"]["status"]),
        (&json!("batch.completed"), &json!("partial"))
    );
}

#[test]
fn curl_gets_the_documented_responses() {
    let (world, site, (hook, _)) = (world(), site(), receiver());
    let body = json!({
        "urls": [
            { "url": site.url("/product/1"), "mode": "auto", "formats": ["text", "json"] },
            { "url": site.url("/product/2"), "extraction_profile": "product" },
            {
                "url": site.url("/article"), "formats": ["text", "markdown"],
                "cost_controls": { "max_tier": "3" },
            },
        ],
        "webhook_url": hook.url("/webhooks/batch"),
    });
    let curl = |arguments: &[&str]| {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--fail-with-body", "--noproxy", "*"]);
        command.args(["-H", &format!("X-API-Key: {SECRET}")]).args(arguments);
        let output = ran(&mut command);
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };

    let url = format!("{}/api/v1/batch", base(&world));
    let header = "Content-Type: application/json";
    let batch = curl(&["-X", "POST", &url, "-H", header, "-d", &body.to_string()]);
    let id = batch["batch_id"].as_str().expect("an id");
    let status = loop {
        let status = curl(&[&format!("{url}/{id}")]);
        if status["status"] != "processing" {
            break status;
        }
    };

    assert_eq!((&batch["total_urls"], &batch["status"]), (&json!(3), &json!("processing")));
    assert_eq!(batch["job_ids"].as_array().map(Vec::len), Some(3));
    for (name, value) in [("total", 3), ("completed", 3), ("failed", 0), ("pending", 0)] {
        assert_eq!(status[name], value, "{name}");
    }
    for item in status["items"].as_array().expect("items") {
        assert_eq!(item["status"], "succeeded", "{item}");
        assert!(item["result"]["text"].as_str().is_some_and(|it| it.contains("Flour, water")));
        assert!(item["result"]["metadata"].is_object());
    }
}

/// The output of both example programs for one page that exists and one that does not.
fn said(command: &mut Command, world: &World, site: &Site) -> Vec<String> {
    command.arg(base(world)).args([site.url("/a"), site.url("/gone")]);
    command.env("RUNGS_API_KEY", SECRET).env("POLL_SECONDS", "0.05");
    text(&ran(command).stdout).lines().map(str::to_owned).collect()
}

fn assert_told(lines: &[String], site: &Site) {
    let [batch, page, gone] = lines else { panic!("three lines: {lines:?}") };
    assert!(batch.starts_with("Batch batch_") && batch.ends_with(" credits estimated"), "{batch}");
    let characters = page.strip_prefix(&format!("{}: ", site.url("/a"))).expect("its address");
    let characters: usize =
        characters.trim_end_matches(" characters").parse().expect("their number");
    assert!((100..300).contains(&characters), "{page}");
    assert_eq!(*gone, format!("{}: NOT_FOUND_TARGET", site.url("/gone")));
}

#[test]
fn the_python_example_reports_each_page() {
    let (world, site) = (world(), site());

    let lines =
        said(Command::new("python3").arg("examples/clients/python/batch.py"), &world, &site);

    assert_told(&lines, &site);
}

#[test]
fn the_node_example_reports_each_page() {
    let (world, site) = (world(), site());

    let lines = said(Command::new("node").arg("examples/clients/node/batch.mjs"), &world, &site);

    assert_told(&lines, &site);
}
