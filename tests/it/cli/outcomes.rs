//! Exit codes, and the reports about pages that failed.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use rungs::testkit::site::{Site, SiteResponse};
use serde_json::Value;

use super::{program, rungs, site, text};

/// Runs the program in a directory.
pub(super) fn run(dir: &Path, arguments: &[&str]) -> Output {
    program().current_dir(dir).args(arguments).output().expect("the program runs")
}

#[test]
fn a_batch_reports_why_its_pages_failed() {
    let (dir, site) = (tempfile::tempdir().expect("a directory"), site());
    let urls = ["/a?token=t0ps3cret", "/gone"].map(|it| site.url(it)).join("\n");
    std::fs::write(dir.path().join("urls.txt"), urls).expect("written");
    let batch = ["batch", "urls.txt", "--store", "store", "--allow-private"];
    let files = ["--out", "out.jsonl", "--out-dir", "pages", "--formats", "markdown,html"];
    let batch = [&batch[..], &files].concat();

    let first = run(dir.path(), &batch);
    let before = site.hits();
    let again = run(dir.path(), &[&batch[..], &["--keep-going"]].concat());
    let list = text(&run(dir.path(), &["status", "--store", "store"]).stdout);
    let id = list.split_whitespace().find(|it| it.starts_with("batch_")).expect("an id");
    let status = text(&run(dir.path(), &["status", "--store", "store", id]).stdout);

    let said = text(&first.stderr);
    assert_eq!(first.status.code(), Some(1), "{said}");
    assert!(said.contains("1 of 2 pages failed") && said.contains("--keep-going"), "{said}");
    assert!(said.contains("/a tier 1") && !said.contains("t0ps3cret"), "{said}");
    assert_eq!((again.status.code(), site.hits()), (Some(0), before), "{}", text(&again.stderr));
    let out = std::fs::read_to_string(dir.path().join("out.jsonl")).expect("results");
    let rows: Vec<Value> = out.lines().map(|it| serde_json::from_str(it).expect("JSON")).collect();
    let row = |status: &str| rows.iter().find(|it| it["status"] == status).expect("a result");
    let (good, bad) = (row("succeeded"), row("failed"));
    assert_eq!((rows.len(), &bad["error"]), (2, &Value::from("NOT_FOUND_TARGET")));
    let attempt = &bad["escalations"][0];
    assert_eq!((&attempt["tier"], &attempt["status_code"]), (&"1".into(), &404.into()), "{bad}");
    let files = ["markdown.md", "html.html"].map(|it| format!("pages/00001-127.0.0.1/{it}"));
    assert_eq!(good["files"], serde_json::json!(files));
    for file in files {
        let page = std::fs::read_to_string(dir.path().join(file)).expect("a file");
        assert!(page.contains("Loaf /a"), "{page}");
    }
    let reason = "NOT_FOUND_TARGET: status 404";
    assert!(status.contains("failed") && status.contains(reason), "{status}");
}

#[test]
fn a_wrong_value_exits_with_2_and_names_the_valid_ones() {
    let (dir, site) = (tempfile::tempdir().expect("a directory"), site());
    let page = site.url("/a");
    std::fs::write(dir.path().join("urls.txt"), &page).expect("written");
    std::fs::write(dir.path().join("broken.json"), "{").expect("written");
    let scrape = |option: &[&str]| {
        run(dir.path(), &[&["scrape", &page, "--allow-private"][..], option].concat())
    };
    let batch = |option: &[&str]| {
        run(dir.path(), &[&["batch", "urls.txt", "--allow-private"][..], option].concat())
    };

    for (output, reason) in [
        (scrape(&["--max-tier", "5"]), "use one of 1 (curl), 2 (http), 3 (stealth), 3.5"),
        (scrape(&["--force-tier", "4", "--max-tier", "2"]), "force_tier"),
        (scrape(&["--timeout", "301"]), "from 1 to 300"),
        (scrape(&["--formats", "docx"]), "markdown"),
        (scrape(&["--mode", "fast"]), "auto, html, js"),
        (scrape(&["--profile", "shoe"]), "product"),
        (scrape(&["--formats", "text", "--width", "5"]), "from 20 to 1,000"),
        (scrape(&["--header", "no colon"]), "Name: value"),
        (scrape(&["--proxy", "ftp://127.0.0.1:1"]), "--proxy"),
        (scrape(&["--schema", "broken.json"]), "is not JSON"),
        (scrape(&["--schema", "missing.json"]), "missing.json"),
        (batch(&["--concurrency", "0"]), "from 1"),
        (batch(&["--per-host", "0"]), "from 1"),
        (batch(&["--rate", "nan"]), "above 0"),
        (batch(&["--retention", "1"]), "from 24"),
        (batch(&["--webhook", "nowhere"]), "webhook"),
        (batch(&["--schema", "broken.json"]), "is not JSON"),
        (run(dir.path(), &["estimate", &page, "--max-tier", "9"]), "use one of 1 (curl)"),
        (run(dir.path(), &["estimate", "example.com"]), "scheme"),
        (run(dir.path(), &["map", "example.com"]), "url"),
        (run(dir.path(), &["map", &page, "--max-depth", "99"]), "max_depth"),
        (run(dir.path(), &["crawl", &page, "--max-pages", "0"]), "max_pages"),
        (program().env("RUNGS_LOG", "=").arg("doctor").output().expect("it runs"), "RUNGS_LOG"),
    ] {
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{reason}: {said}");
        assert!(said.contains(reason), "{reason}: {said}");
    }
    assert_eq!(site.hits(), 0, "nothing is fetched");
}

#[test]
fn wrong_input_is_refused_by_its_line_before_any_fetch() {
    let (dir, site) = (tempfile::tempdir().expect("a directory"), site());
    let mut input = "# loaves\n\n".to_owned();
    for number in 0..120 {
        input.push_str(&format!("{}\n", site.url(&format!("/{number}"))));
    }
    let page = site.url("/last");
    for (line, reason) in [
        ("example.com".to_owned(), "line 123: url: the URL has no supported scheme"),
        (format!("{{\"url\": \"{page}\", \"timeout\": 0}}"), "line 123: timeout: "),
        (format!("{{\"url\": \"{page}\""), "line 123: not valid JSON"),
        (
            format!("{{\"url\": \"{page}\", \"format\": [\"text\"]}}"),
            "line 123: unknown field `format`: use `formats`",
        ),
        (
            format!("{{\"url\": \"{page}\", \"max_tier\": 2}}"),
            "line 123: unknown field `max_tier`: use `cost_controls.max_tier`",
        ),
    ] {
        std::fs::write(dir.path().join("urls.txt"), format!("{input}{line}\n")).expect("written");

        let output = run(dir.path(), &["batch", "urls.txt", "--allow-private"]);

        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(reason), "{said}");
    }
    assert_eq!(site.hits(), 0, "nothing is fetched");
}

#[test]
fn an_unknown_field_of_a_settings_file_is_refused_by_its_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let settings = "{\n  \"store\": \"concurrency\",\n  \"concurency\" : 3\n}\n";
    let keys = "[\n{\"name\": \"a\", \"hash\": \"sha256:0\",\n\"acount\": \"acme\"}]";
    std::fs::write(dir.path().join("rungs.json"), settings).expect("written");
    std::fs::write(dir.path().join("keys.json"), keys).expect("written");

    for (arguments, reason) in [
        (
            ["serve", "--config", "rungs.json"],
            "rungs.json is invalid: line 3: unknown field `concurency`: use `concurrency`",
        ),
        (
            ["serve", "--api-keys", "keys.json"],
            "keys.json is invalid: line 3: unknown field `acount`: use `account`",
        ),
    ] {
        let output = run(dir.path(), &arguments);

        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(reason), "{said}");
    }
}

#[test]
fn logs_show_the_host_and_path_of_urls_alone() {
    let site = site();
    let secret = site.url("/a?token=t0ps3cret#part").replace("http://", "http://me:passw0rd@");

    let mut command = program();
    command.env("RUNGS_LOG", "trace").args(["scrape", &secret, "--allow-private"]);
    let output = command.output().expect("the program runs");

    let logs = text(&output.stderr);
    assert!(output.status.success(), "{logs}");
    assert!(logs.contains(&format!("url={}", site.url("/a"))), "{logs}");
    // The credentials as they are sent, too.
    for word in ["t0ps3cret", "passw0rd", "bWU6cGFzc3cwcmQ"] {
        assert!(!logs.contains(word), "{word}: {logs}");
    }
}

#[test]
fn a_new_key_is_the_only_output() {
    let output = rungs(&["key", "ci", "--account", "acme"]);

    let (key, notes) = (text(&output.stdout), text(&output.stderr));
    assert!(key.starts_with("sk_live_") && key.lines().count() == 1, "{key}");
    assert!(notes.contains(r#""account":"acme""#) && !notes.contains(key.trim()), "{notes}");
}

#[test]
fn a_crawl_writes_each_page_to_a_directory_of_its_own() {
    let dir = tempfile::tempdir().expect("a directory");
    // The last page of a batch ends first.
    let site = Site::start(|request| {
        let delay = match request.path.as_str() {
            "/" | "/3" => Duration::ZERO,
            "/1" | "/2" => Duration::from_secs(1),
            _ => return SiteResponse::status(404),
        };
        let text = "<p>Flour, water, salt and time are all that a good loaf needs.</p>".repeat(5);
        let links = "<a href=/1>1</a> <a href=/2>2</a> <a href=/3>3</a>";
        let page = format!("<title>{}</title><main>{text}{links}</main>", request.path);
        SiteResponse::html(page).delay(delay)
    });

    let start = site.url("/");
    let crawl = ["crawl", &start, "--allow-private", "--formats", "text", "--max-tier", "1"];
    let files = ["--out", "out.jsonl", "--out-dir", "pages"];
    let output = run(dir.path(), &[&crawl[..], &files].concat());

    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let out = std::fs::read_to_string(dir.path().join("out.jsonl")).expect("results");
    let rows: Vec<Value> = out.lines().map(|it| serde_json::from_str(it).expect("JSON")).collect();
    assert_eq!((rows.len(), &rows[1]["url"]), (4, &Value::from(site.url("/3"))));
    for (number, row) in rows.iter().enumerate() {
        let file = format!("pages/{:05}-127.0.0.1/text.txt", number + 1);
        assert_eq!(row["files"], serde_json::json!([file]));
        assert!(dir.path().join(&file).exists(), "{file}");
    }
}
