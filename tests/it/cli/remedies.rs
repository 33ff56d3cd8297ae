//! The remedies that errors name, and the kinds of work in a store.

use std::path::Path;
use std::process::Output;

use rungs::Engine;
use rungs::engine::{Crawl, Map};
use rungs::fetch::Http;
use rungs::stores::Sled;
use rungs::testkit::site::{Site, SiteResponse};

use super::{program, rungs, site, text};

/// Runs the program in a directory.
fn run(dir: &Path, arguments: &[&str]) -> Output {
    program().current_dir(dir).args(arguments).output().expect("the program runs")
}

#[test]
fn a_mode_that_excludes_the_browser_is_named_as_the_reason() {
    let shell = Site::start(|_| {
        let script = "<script src=\"/app.js\"></script>";
        SiteResponse::html(format!("<title>App</title><div id=\"root\"></div>{script}"))
    });

    let output = rungs(&["scrape", &shell.url("/"), "--allow-private", "--mode", "html"]);

    let said = text(&output.stderr);
    assert!(said.contains("TIER_CAP_REACHED") && said.contains("use mode `auto`"), "{said}");
    assert!(!said.contains("max_tier") && !said.contains("doctor"), "{said}");
}

#[test]
fn a_batch_of_private_addresses_names_the_option_that_allows_them() {
    let (dir, site) = (tempfile::tempdir().expect("a directory"), site());
    std::fs::write(dir.path().join("urls.txt"), site.url("/a")).expect("written");

    let refused = run(dir.path(), &["batch", "urls.txt"]);
    let allowed = run(dir.path(), &["batch", "urls.txt", "--allow-private"]);

    assert!(text(&refused.stderr).contains("pass --allow-private"), "{}", text(&refused.stderr));
    assert!(!text(&allowed.stderr).contains("--allow-private"), "{}", text(&allowed.stderr));
}

#[cfg(unix)]
#[test]
fn results_can_be_written_to_a_device() {
    let (dir, site) = (tempfile::tempdir().expect("a directory"), site());
    std::fs::write(dir.path().join("urls.txt"), site.url("/a")).expect("written");

    let output = run(dir.path(), &["batch", "urls.txt", "--allow-private", "--out", "/dev/null"]);

    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn a_webhook_secret_without_base64_is_refused_at_the_start() {
    let dir = tempfile::tempdir().expect("a directory");
    let settings = r#"{"webhook_secrets": {"acme": "whsec_!!!"}}"#;
    std::fs::write(dir.path().join("rungs.json"), settings).expect("written");
    let with_secret = |arguments: &[&str], secret: &str| {
        let mut command = program();
        command.current_dir(dir.path()).env("RUNGS_WEBHOOK_SECRET", secret);
        command.args(arguments).output().expect("the program runs")
    };

    let scrape = with_secret(&["scrape", "http://127.0.0.1:1/"], "whsec_!!!");
    let serve =
        with_secret(&["serve", "--config", "rungs.json", "--listen", "127.0.0.1:0"], "hush");

    for (refused, place) in [(scrape, "RUNGS_WEBHOOK_SECRET: "), (serve, "webhook_secrets.acme: ")]
    {
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(said.contains(place) && said.contains("base64") && !said.contains("!!!"), "{said}");
    }
}

#[test]
fn the_status_of_a_store_tells_maps_and_crawls_from_batches() {
    let (dir, site) = (tempfile::tempdir().expect("a directory"), site());
    let store = dir.path().join("store");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let crawl = runtime.block_on(async {
        let http = Http::new().allow_network("127.0.0.0/8").expect("a network");
        let store = Sled::open(&store).expect("a store");
        let engine = Engine::builder().store(store).http(http).build().expect("built");
        let mut crawl = engine.crawl(Crawl::of(site.url("/a"))).await.expect("accepted");
        while crawl.next_page().await.expect("works").is_some() {}
        engine.map(Map::of(site.url("/a"))).await.expect("a map");
        engine.shutdown().await;
        crawl.id().to_string()
    });

    let list = text(&run(dir.path(), &["status", "--store", "store"]).stdout);

    let words: Vec<Vec<&str>> = list.lines().map(|it| it.split_whitespace().collect()).collect();
    let firsts: Vec<&str> = words.iter().filter_map(|it| it.first().copied()).collect();
    let [batch, title, shown, maps, id] = firsts[..] else { panic!("{list}") };
    assert_eq!((batch, title, shown, maps), ("batch", "crawl", crawl.as_str(), "map"));
    let status = text(&run(dir.path(), &["status", "--store", "store", id]).stdout);
    assert!(status.contains("is a map, charged 1000 credits"), "{status}");
}
