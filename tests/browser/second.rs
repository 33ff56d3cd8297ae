//! The second driver: the same kit, the same guard, and nothing left behind.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::Duration;

use rungs::fetch::HeadlessChrome;
use rungs::fetch::browser::ChromeLimits;
use rungs::ports::fetch::FetchErrorKind as Kind;
use rungs::testkit::site::{Site, SiteResponse};
use serde_json::json;

use super::attack::{no_page_gets_out_of, no_unsigned_certificate_passes};
use super::life::{browsers_of, folder_of_process, within_ten_seconds};
use super::{chrome, page, render, signal, text};

rungs::browser_fetcher_conformance!(kit, second());

fn second() -> HeadlessChrome {
    HeadlessChrome::new(chrome())
}

#[tokio::test]
async fn nothing_that_a_page_does_reaches_a_closed_address() {
    no_page_gets_out_of(HeadlessChrome::new).await;
}

#[tokio::test]
async fn a_certificate_that_nobody_signed_is_an_error() {
    no_unsigned_certificate_passes(&second()).await;
}

#[tokio::test]
async fn what_it_does_not_do_is_said() {
    let site =
        Site::start(|_| SiteResponse::html("<!DOCTYPE html><p>here<script>alert(1)</script>"));

    let driver = second();
    let shown = page(&driver, &site.url("/"), |it| it.advanced.scroll_to_load = true).await;
    let acting = render(&driver, &site.url("/acting"), |it| {
        it.advanced.actions = serde_json::from_value(json!([{"type": "screenshot"}])).expect("one");
    })
    .await;

    let said = shown.page.warnings.join("\n");
    assert!(said.contains("advanced.scroll_to_load was not met"), "{said}");
    assert!(said.contains("1 dialogs, which were dismissed"), "{said}");
    assert_eq!(acting.expect_err("it does none").kind(), Kind::Unsupported);
    assert_eq!(site.hits_on("/acting"), 0);
}

#[tokio::test]
async fn a_page_that_allocates_without_end_is_ended_by_name() {
    let site = Site::start(|_| {
        SiteResponse::html(
            "<script>const all = []; const more = () => { for (let i = 0; i < 4; i++) \
             all.push(new Uint8Array(16 << 20).fill(1)); setTimeout(more, 10); }; more();</script>",
        )
    });
    let limits = ChromeLimits { memory: 400 << 20, ..ChromeLimits::default() };
    let driver = HeadlessChrome::new(chrome().limits(limits));

    let waited = |it: &mut rungs::core::request::Item| it.wait_for = Some("#never".to_owned());
    let error = render(&driver, &site.url("/"), waited).await.expect_err("it is ended");

    assert_eq!(error.kind(), Kind::TooLarge, "{error}");
}

#[tokio::test]
#[ignore = "it is what the test of a dying host starts, and waits for its end"]
async fn a_host_that_waits() {
    let Ok(site) = std::env::var("RUNGS_TEST_PAGE") else { return };
    let driver = second();
    let shown = page(&driver, &format!("{site}/here"), |_| ()).await;
    assert!(text(&shown).contains("here"));
    let error = render(&driver, &format!("{site}/loop"), |it| it.timeout = 4).await;
    assert_eq!(error.expect_err("it has no end").kind(), Kind::Timeout);
    page(&driver, &format!("{site}/never"), |it| it.timeout = 100).await;
}

#[tokio::test]
async fn no_browser_outlives_its_page_nor_its_host() {
    let site = Site::start(|request| match request.path.as_str() {
        "/never" => SiteResponse::status(200).delay(Duration::from_secs(60)),
        "/loop" => SiteResponse::html("<script>for (;;) {}</script>"),
        _ => SiteResponse::html("<p>here"),
    });
    let mut host = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "second::a_host_that_waits", "--include-ignored", "--nocapture"])
        .env("RUNGS_TEST_PAGE", site.url(""))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts");
    let id = host.id();
    let hosts =
        || browsers_of(id).into_iter().filter_map(folder_of_process).collect::<BTreeSet<_>>();

    within_ten_seconds("it shows no page", || site.hits_on("/loop") == 1).await;
    within_ten_seconds("it shows no more", || site.hits_on("/never") == 1).await;
    within_ten_seconds("a page's browser outlives it", || hosts().len() == 1).await;
    signal("-KILL", id);
    host.wait().expect("it ends");

    within_ten_seconds("processes are left", || browsers_of(id).is_empty()).await;
}
