//! The program `rungs`, run against a site on loopback.

mod changes;
#[cfg(unix)]
mod database;
mod outcomes;
mod output;
mod remedies;
mod terminal;
mod webhooks;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, mpsc};

use rungs::testkit::site::{Site, SiteResponse};

pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rungs"));
    command.env_remove("RUNGS_LOG").env_remove("RUNGS_API_KEY");
    command
}

pub(crate) fn rungs(arguments: &[&str]) -> Output {
    program().args(arguments).output().expect("the program runs")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn site() -> Site {
    Site::start(|request| match request.path.as_str() {
        "/gone" => SiteResponse::status(404),
        path => SiteResponse::html(format!(
            "<title>Loaf {path}</title><article><h1>Loaf {path}</h1><p>Flour, water, salt and time \
             are <b>all</b> that a good loaf needs, and of these time is the one that most people \
             are least willing to give.</p></article>"
        )),
    })
}

#[test]
fn a_page_is_printed_as_markdown() {
    let site = site();

    let output = rungs(&["scrape", &site.url("/a"), "--allow-private"]);

    assert!(output.status.success(), "{}", text(&output.stderr));
    let page = text(&output.stdout);
    assert!(
        page.starts_with("# Loaf /a\n\nFlour, water, salt and time are **all** that"),
        "{page}"
    );
}

#[test]
fn text_is_laid_out_for_the_given_width() {
    let site = site();
    let address = site.url("/a");

    let scrape = ["scrape", &address, "--allow-private", "--formats", "text", "--width", "40"];
    let output = rungs(&scrape);

    assert!(output.status.success(), "{}", text(&output.stderr));
    let page = text(&output.stdout);
    assert!(page.lines().count() > 4, "{page}");
    assert!(page.lines().all(|line| line.chars().count() <= 40), "{page}");
    let words: Vec<&str> = page.split_whitespace().collect();
    assert!(words.join(" ").contains("salt and time are all that a good loaf needs"), "{page}");
}

#[test]
fn a_width_without_the_format_text_is_a_usage_error() {
    let site = site();

    let output = rungs(&["scrape", &site.url("/a"), "--allow-private", "--width", "40"]);

    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--formats text"), "{}", text(&output.stderr));
}

#[test]
fn the_result_object_reports_its_cost() {
    let site = site();

    let output = rungs(&["scrape", &site.url("/a"), "--allow-private", "--json"]);

    let object: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(object["billing"]["tier_used"], "1");
    assert_eq!(object["billing"]["total_credits"], 200);
    assert_eq!(object["title"], "Loaf /a");
    assert!(object["content"]["markdown"].is_string());
}

#[test]
fn a_failed_page_exits_with_1_and_its_code() {
    let site = site();

    let gone = rungs(&["scrape", &site.url("/gone"), "--allow-private"]);
    let private = rungs(&["scrape", &site.url("/a")]);

    assert_eq!(gone.status.code(), Some(1));
    assert!(text(&gone.stderr).contains("NOT_FOUND_TARGET"), "{}", text(&gone.stderr));
    assert_eq!(private.status.code(), Some(1));
    assert!(text(&private.stderr).contains("PRIVATE_ADDRESS_BLOCKED"), "{}", text(&private.stderr));
}

#[test]
fn errors_about_one_page_name_the_remedy() {
    let site = site();

    let private = text(&rungs(&["scrape", &site.url("/a")]).stderr);
    let wrong = rungs(&["scrape", "example.com"]);

    assert!(private.contains("--allow-private"), "{private}");
    let wrong = (wrong.status.code(), text(&wrong.stderr));
    assert_eq!(wrong.0, Some(2));
    assert!(wrong.1.starts_with("rungs: url: the URL has no supported scheme"), "{}", wrong.1);
}

#[test]
fn a_closed_output_pipe_is_not_a_failure() {
    let (answer, may_answer) = mpsc::channel::<()>();
    let may_answer = Mutex::new(may_answer);
    let site = Site::start(move |_| {
        let _ = may_answer.lock().expect("not poisoned").recv();
        SiteResponse::html("<article><p>Flour, water, salt and time are all that it needs.</p>")
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_rungs"));
    command.args(["scrape", &site.url("/"), "--allow-private"]);
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");

    drop(child.stdout.take());
    answer.send(()).expect("the site listens");
    let output = child.wait_with_output().expect("it ends");

    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(!text(&output.stderr).contains("panicked"), "{}", text(&output.stderr));
}

#[test]
fn reading_a_missing_store_creates_none() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = dir.path().join("mistyped");

    let output = rungs(&["status", "--store", &store.to_string_lossy()]);

    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("mistyped"), "{}", text(&output.stderr));
    assert!(!store.exists());
}

#[test]
fn a_journal_is_named_by_its_prefix() {
    let site =
        Site::start(|_| SiteResponse::html("<p>Flour, water, salt and time are enough.</p>"));
    let dir = tempfile::tempdir().expect("a directory");
    let plain = dir.path().join("store").to_string_lossy().into_owned();
    let journal = format!("journal:{plain}");
    let urls = dir.path().join("urls.txt");
    std::fs::write(&urls, site.url("/a")).expect("written");
    let urls = urls.to_string_lossy();
    let run = || rungs(&["batch", &urls, "--store", &journal, "--allow-private"]);

    let first = run();
    let again = run();
    let status = rungs(&["status", "--store", &journal]);
    let wrong = rungs(&["status", "--store", &plain]);
    let none = rungs(&["batch", &urls, "--store", "journal:"]);

    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    assert_eq!((text(&again.stdout), site.hits()), (text(&first.stdout), 1), "it resumes");
    assert!(text(&status.stdout).contains("completed"), "{}", text(&status.stdout));
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("use --store journal:"), "{}", text(&wrong.stderr));
    assert_eq!(none.status.code(), Some(2));
}

fn batch(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rungs"));
    command.current_dir(dir).args(["batch", "urls.txt", "--store", "store", "--out", "out.jsonl"]);
    command.args(["--allow-private", "--formats", "markdown,text,html,json", "--concurrency", "2"]);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

#[test]
fn a_killed_batch_delivers_every_page_once() {
    let site = site();
    let dir = tempfile::tempdir().expect("a directory");
    let mut urls = String::from("# loaves\n\n");
    for number in 0..120 {
        writeln!(urls, "{}", site.url(&format!("/{number}"))).expect("written to a string");
    }
    std::fs::write(dir.path().join("urls.txt"), urls).expect("written");

    let mut first = batch(dir.path()).spawn().expect("starts");
    while site.hits() < 20 {
        std::thread::yield_now();
    }
    first.kill().expect("killed");
    first.wait().expect("gone");
    let second = batch(dir.path()).output().expect("runs");
    let before = site.hits();
    let third = batch(dir.path()).output().expect("runs");

    assert!(second.status.success(), "{}", text(&second.stderr));
    assert!(third.status.success(), "{}", text(&third.stderr));
    assert_eq!(site.hits(), before, "nothing is fetched twice");
    let out = std::fs::read_to_string(dir.path().join("out.jsonl")).expect("results");
    let rows: Vec<serde_json::Value> =
        out.lines().map(|it| serde_json::from_str(it).expect("whole lines")).collect();
    let distinct: HashSet<&str> = rows.iter().filter_map(|it| it["url"].as_str()).collect();
    assert_eq!((rows.len(), distinct.len()), (120, 120));
    for row in &rows {
        assert_eq!(row["status"], "succeeded", "{row}");
        for format in ["markdown", "text", "html"] {
            assert!(row["result"]["content"][format].as_str().is_some_and(|it| !it.is_empty()));
        }
    }
    let status = rungs(&["status", "--store", &dir.path().join("store").to_string_lossy()]);
    assert_eq!(text(&status.stdout).matches(" completed ").count(), 2, "{}", text(&status.stdout));
}

#[test]
fn doctor_reports_the_ocr_program_or_its_package() {
    let with = rungs(&["doctor"]);
    let without = Command::new(env!("CARGO_BIN_EXE_rungs"))
        .arg("doctor")
        .env("PATH", "/nowhere")
        .output()
        .expect("the program runs");

    let ocr = |it: &Output| {
        let said = text(&it.stdout);
        said.lines().find(|it| it.starts_with("mode ocr")).expect("a line for images").to_owned()
    };
    assert!(with.status.success() && without.status.success());
    assert!(ocr(&with).contains(" ready ") && ocr(&with).contains("eng"), "{}", ocr(&with));
    assert!(ocr(&without).contains("not ready"), "{}", ocr(&without));
    assert!(ocr(&without).contains("apt-get install tesseract-ocr"), "{}", ocr(&without));
}

#[test]
fn an_image_is_printed_as_its_text() {
    let image = include_bytes!("../../images/bread.png");
    let site = Site::start(move |_| SiteResponse::status(200).body(&image[..]));

    let output = rungs(&["scrape", &site.url("/a"), "--allow-private", "--mode", "ocr"]);

    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("Bread needs four things:"), "{}", text(&output.stdout));
}
