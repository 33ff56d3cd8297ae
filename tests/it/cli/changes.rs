//! Pages that are fetched again: only what changed is delivered.

use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rungs::testkit::site::{Site, SiteRequest, SiteResponse};
use serde_json::Value;

use super::{program, text};

/// A site whose page `/news` has a number that the test sets. `/same` confirms its tag.
fn site(edition: &Arc<AtomicUsize>) -> Site {
    let edition = Arc::clone(edition);
    Site::start(move |request: &SiteRequest| {
        let edition = edition.load(Ordering::SeqCst);
        let page = |title: &str| {
            SiteResponse::html(format!(
                "<title>{title}</title><article><h1>{title}</h1><p>Flour, water, salt and time are all that a good \
                 loaf needs, and of these time is the one that most people are least willing to give.</p></article>"
            ))
        };
        match request.path.as_str() {
            "/gone" => SiteResponse::status(404),
            "/same" if request.header("if-none-match") == Some("\"1\"") => {
                SiteResponse::status(304)
            }
            "/same" => page("The same").header("etag", "\"1\""),
            _ => page(&format!("Edition {edition}")),
        }
    })
}

fn run(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = program();
    command.current_dir(dir).args(arguments).arg("--allow-private");
    command.output().expect("the program runs")
}

/// Fetches the list and returns the output of the program and the results, in the order of the list.
fn fetched(dir: &Path, earlier: &str, out: &str) -> (Output, Vec<Value>) {
    let batch = ["batch", "urls.txt", "--store", "store", "--keep-going", "--out-dir", "pages"];
    let output = run(dir, &[&batch[..], &["--unless-from", earlier, "--out", out]].concat());
    let lines = std::fs::read_to_string(dir.join(out)).unwrap_or_default();
    let parsed = lines.lines().map(|it| serde_json::from_str(it).expect("JSON"));
    let mut rows: Vec<Value> = parsed.collect();
    let list = std::fs::read_to_string(dir.join("urls.txt")).expect("a list");
    rows.sort_by_key(|row| list.find(row["url"].as_str().expect("a URL")));
    (output, rows)
}

/// The states of the pages, `unchanged` for those that are.
fn states<'a>(rows: &'a [Value]) -> Vec<&'a str> {
    let state = |row: &'a Value| {
        let is_unchanged = row["result"]["unchanged"] == true;
        if is_unchanged { "unchanged" } else { row["status"].as_str().expect("a word") }
    };
    rows.iter().map(state).collect()
}

#[test]
fn each_run_delivers_what_changed_since_the_one_before() {
    let (dir, edition) = (tempfile::tempdir().expect("a directory"), Arc::new(AtomicUsize::new(1)));
    let (dir, site) = (dir.path(), site(&edition));
    let urls = ["/same", "/news", "/gone"].map(|it| site.url(it)).join("\n");
    std::fs::write(dir.join("urls.txt"), urls).expect("written");
    std::fs::write(dir.join("none.jsonl"), "").expect("written");

    let (first, all) = fetched(dir, "none.jsonl", "one.jsonl");
    edition.store(2, Ordering::SeqCst);
    let (second, changed) = fetched(dir, "one.jsonl", "two.jsonl");
    let (third, none) = fetched(dir, "two.jsonl", "three.jsonl");
    let hits = site.hits();
    let (resumed, same) = fetched(dir, "two.jsonl", "three.jsonl");
    let resumed_hits = site.hits();
    let (newer, again) = fetched(dir, "three.jsonl", "four.jsonl");

    let said = [&first, &second, &third, &resumed, &newer].map(|it| text(&it.stderr));
    assert!(
        [first, second, third, resumed, newer].iter().all(|it| it.status.success()),
        "{said:?}"
    );
    assert_eq!(states(&all), ["succeeded", "succeeded", "failed"]);
    assert_eq!(states(&changed), ["unchanged", "succeeded", "failed"], "{}", said[1]);
    assert_eq!(states(&none), ["unchanged", "unchanged", "failed"], "{}", said[2]);
    assert_eq!(changed[0]["result"]["status_code"], 304, "{}", changed[0]);
    assert_eq!(changed[0]["result"]["content_hash"], all[0]["result"]["content_hash"]);
    assert_eq!(
        (&changed[0]["result"]["text"], &changed[0]["files"]),
        (&"".into(), &Value::Array(vec![]))
    );
    assert!(changed[1]["result"]["text"].as_str().is_some_and(|it| it.contains("Edition 2")));
    assert_eq!(none[1]["result"]["content_hash"], changed[1]["result"]["content_hash"]);
    assert!(said[1].contains("known pages: 2, ignored results without a hash: 1"), "{}", said[1]);
    assert!(said[1].contains(&format!("unchanged {} tier 1", site.url("/same"))), "{}", said[1]);
    for (said, unchanged) in [(&said[1], 1), (&said[2], 2), (&said[3], 2)] {
        let row = said.lines().find(|it| it.starts_with("unchanged        1"));
        let jobs = row.and_then(|it| it.split_whitespace().nth(2)).map(str::to_owned);
        assert_eq!(jobs, Some(unchanged.to_string()), "{said}");
    }
    assert_eq!((resumed_hits, same.len()), (hits, 3), "the same run is resumed");
    assert_eq!(
        (site.hits(), states(&again)),
        (hits + 3, states(&none)),
        "a newer file is another run"
    );
}

#[test]
fn a_page_with_a_known_hash_is_not_printed() {
    let (dir, edition) = (tempfile::tempdir().expect("a directory"), Arc::new(AtomicUsize::new(1)));
    let (dir, site) = (dir.path(), site(&edition));
    let url = site.url("/news");
    let json = text(&run(dir, &["scrape", &url, "--json", "--unless", ""]).stdout);
    let page: Value = serde_json::from_str(&json).expect("JSON");
    let hash = page["content_hash"].as_str().expect("a hash");

    let same = run(dir, &["scrape", &url, "--unless", hash]);
    edition.store(2, Ordering::SeqCst);
    let changed = run(dir, &["scrape", &url, "--unless", hash]);

    assert_eq!((same.status.code(), text(&same.stdout)), (Some(0), String::new()));
    assert!(text(&same.stderr).contains("the page is unchanged"), "{}", text(&same.stderr));
    assert!(text(&changed.stdout).starts_with("# Edition 2"), "{}", text(&changed.stdout));
}

#[test]
fn a_wrong_earlier_run_is_refused_before_any_fetch() {
    let (dir, edition) = (tempfile::tempdir().expect("a directory"), Arc::new(AtomicUsize::new(1)));
    let (dir, site) = (dir.path(), site(&edition));
    let url = site.url("/news");
    std::fs::write(dir.join("urls.txt"), format!("{url}\n")).expect("written");
    std::fs::write(dir.join("none.jsonl"), "").expect("written");
    let batch = |options: &[&str]| run(dir, &[&["batch", "urls.txt"][..], options].concat());

    let same = ["--store", "store", "--out", "none.jsonl", "--unless-from", "none.jsonl"];
    for (output, reason) in [
        (batch(&["--unless-from", "urls.txt"]), "urls.txt: line 1: not a result"),
        (batch(&["--unless-from", "missing.jsonl"]), "cannot read missing.jsonl"),
        (batch(&same), "the same file"),
        (run(dir, &["scrape", &url, "--unless", "0a"]), "64 hexadecimal digits"),
    ] {
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(reason), "{said}");
    }
    assert_eq!(site.hits(), 0, "nothing is fetched");
}
