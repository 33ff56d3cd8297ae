//! The second driver: the same conformance kit, the same address guard, and no process left behind.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::Duration;

use rungs::fetch::HeadlessChrome;
use rungs::fetch::browser::ChromeLimits;
use rungs::ports::fetch::FetchErrorKind as Kind;
use rungs::testkit::site::{Site, SiteResponse};
use serde_json::json;

use super::attack::{no_page_escapes, no_untrusted_certificate_passes};
use super::life::{browsers_of, profile_of_process};
use super::{NEVER, chrome, eventually, page, render, signal, text};

rungs::browser_fetcher_conformance!(kit, second());

fn second() -> HeadlessChrome {
    HeadlessChrome::new(chrome())
}

#[tokio::test]
async fn no_page_reaches_a_closed_address() {
    no_page_escapes(HeadlessChrome::new).await;
}

#[tokio::test]
async fn an_untrusted_certificate_is_an_error() {
    no_untrusted_certificate_passes(&second()).await;
}

#[tokio::test]
async fn unsupported_options_are_reported() {
    let site =
        Site::start(|_| SiteResponse::html("<!DOCTYPE html><p>here<script>alert(1)</script>"));

    let driver = second();
    let shown = page(&driver, &site.url("/"), |it| it.advanced.scroll_to_load = true).await;
    let acting = render(&driver, &site.url("/acting"), |it| {
        it.advanced.actions = serde_json::from_value(json!([{"type": "screenshot"}])).expect("one");
    })
    .await;

    let warnings = shown.page.warnings.join("\n");
    assert!(warnings.contains("advanced.scroll_to_load was ignored"), "{warnings}");
    assert!(warnings.contains("dialogs of the page were dismissed (1)"), "{warnings}");
    assert_eq!(acting.expect_err("it runs none").kind(), Kind::Unsupported);
    assert_eq!(site.hits_on("/acting"), 0);
}

#[tokio::test]
async fn a_page_over_its_memory_limit_is_killed() {
    let site = Site::start(|_| {
        SiteResponse::html(
            "<script>const all = []; const more = () => { for (let i = 0; i < 4; i++) \
             all.push(new Uint8Array(16 << 20).fill(1)); setTimeout(more, 10); }; more();</script>",
        )
    });
    let limits =
        ChromeLimits::default().with_max_memory_bytes(400 << 20).with_selector_timeout(NEVER);
    let driver = HeadlessChrome::new(chrome().limits(limits));

    let waited = |it: &mut rungs::core::request::Item| it.wait_for = Some("#never".to_owned());
    let error = render(&driver, &site.url("/"), waited).await.expect_err("it is killed");

    assert_eq!(error.kind(), Kind::TooLarge, "{error}");
}

#[tokio::test]
#[ignore = "started by the test of a dying process; it waits to be killed"]
async fn a_process_that_waits() {
    let Ok(site) = std::env::var("RUNGS_TEST_PAGE") else { return };
    let driver = second();
    let shown = page(&driver, &format!("{site}/here"), |_| ()).await;
    assert!(text(&shown).contains("here"));
    let error =
        render(&driver, &format!("{site}/loop"), |it| it.timeout = Duration::from_secs(4)).await;
    assert_eq!(error.expect_err("it never ends").kind(), Kind::Timeout);
    page(&driver, &format!("{site}/never"), |_| ()).await;
}

#[tokio::test]
async fn no_browser_outlives_its_page_or_its_process() {
    let site = Site::start(|request| match request.path.as_str() {
        "/never" => SiteResponse::status(200).delay(NEVER),
        "/loop" => SiteResponse::html("<script>for (;;) {}</script>"),
        _ => SiteResponse::html("<p>here"),
    });
    let mut process = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "second::a_process_that_waits", "--include-ignored", "--nocapture"])
        .env("RUNGS_TEST_PAGE", site.url(""))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts");
    let id = process.id();
    let profiles =
        || browsers_of(id).into_iter().filter_map(profile_of_process).collect::<BTreeSet<_>>();

    eventually("the endless page is requested", || site.hits_on("/loop") == 1).await;
    eventually("the last page is requested", || site.hits_on("/never") == 1).await;
    eventually("only the last page has a browser", || profiles().len() == 1).await;
    signal("-KILL", id);
    process.wait().expect("it ends");

    eventually("its browsers end", || browsers_of(id).is_empty()).await;
}
