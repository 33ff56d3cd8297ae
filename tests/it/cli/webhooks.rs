//! Webhooks of `rungs batch` and `rungs crawl`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rungs::testkit::site::{Site, SiteResponse};

use super::outcomes::run;
use super::{site, text};

/// A receiver that responds with this status, and the number of its requests.
fn receiver(status: u16) -> (Site, Arc<AtomicUsize>) {
    let got = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&got);
    let site = Site::start(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        SiteResponse::status(status)
    });
    (site, got)
}

#[test]
fn a_command_ends_after_its_webhook_was_sent() {
    let (dir, site) = (tempfile::tempdir().expect("a directory"), site());
    std::fs::write(dir.path().join("urls.txt"), site.url("/a")).expect("written");
    let page = site.url("/");

    for store in [&[][..], &["--store", "journal:kept"]] {
        for command in [&["batch", "urls.txt"][..], &["crawl", &page, "--max-pages", "1"]] {
            let (receiver, got) = receiver(204);
            let hook = receiver.url("/hook");
            let options = ["--allow-private", "--out", "out.jsonl", "--webhook", &hook];

            let output = run(dir.path(), &[command, &options, store].concat());

            assert!(output.status.success(), "{command:?} {}", text(&output.stderr));
            assert_eq!(got.load(Ordering::SeqCst), 1, "{command:?} {store:?}");
            assert!(!text(&output.stderr).contains("not delivered"), "{}", text(&output.stderr));
        }
    }
}

#[test]
fn a_webhook_that_is_refused_is_named() {
    let (dir, site) = (tempfile::tempdir().expect("a directory"), site());
    std::fs::write(dir.path().join("urls.txt"), site.url("/a")).expect("written");
    let (receiver, got) = receiver(503);
    let hook = receiver.url("/hook");

    let output = run(dir.path(), &["batch", "urls.txt", "--allow-private", "--webhook", &hook]);

    let said = text(&output.stderr);
    assert!(said.contains("1 of 1 webhooks not delivered: ") && said.contains("503"), "{said}");
    assert!(said.contains("use --store"), "{said}");
    assert_eq!(got.load(Ordering::SeqCst), 1);
}
