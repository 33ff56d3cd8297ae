//! Announced and hidden content of pages: refreshes, stubs, late applications, frames, documents
//! and statuses, through the engine with its whole ladder.

use std::time::Duration;

use rungs::core::failure::ErrorCode;
use rungs::core::request::{Format, Item};
use rungs::core::tier::Tier;
use rungs::engine::JobReport;
use rungs::ports::BoxFuture;
use rungs::ports::fetch::{DocumentRequest, FetchError, PdfReader, PdfText};
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteResponse};
use rungs::{Engine, fetch::Http};

use super::chrome;

/// The text of every target here.
const TARGET: &str = "A kettle boils water for tea, and some of them whistle when they are done.";

fn target() -> String {
    format!("<main><h1>Kettles</h1>{}</main>", format!("<p>{TARGET}</p>").repeat(3))
}

fn html(body: &str) -> SiteResponse {
    SiteResponse::html(format!("<!DOCTYPE html><title>t</title>{body}"))
}

/// A reader that returns the bytes of the document as its text.
#[derive(Debug)]
struct Bytes;

impl PdfReader for Bytes {
    fn read(&self, request: DocumentRequest) -> BoxFuture<'_, Result<PdfText, FetchError>> {
        let text = String::from_utf8_lossy(&request.document.body).into_owned();
        Box::pin(async move { Ok(PdfText::new(vec![text.clone()], vec![text])) })
    }
}

async fn scraped(item: Item) -> JobReport {
    let http = Http::new().allow_network("127.0.0.0/8").expect("a network");
    let engine = Engine::builder().store(Memory::default()).http(http).browser(chrome());
    let engine = engine.pdf(Bytes).build().expect("an engine");
    let item = item.formats([Format::Text]).timeout(super::PAGE_TIMEOUT);
    let report = engine.scrape(item).await.expect("accepted");
    engine.shutdown().await;
    report
}

fn assert_target(report: &JobReport, case: &str) {
    let page = report.result().unwrap_or_else(|error| panic!("{case}: {error}"));
    let text = page.text().unwrap_or_default();
    assert!(text.contains(TARGET), "{case}: {text:?}, {:?}", report.trail());
}

/// A site whose first page is `first` and whose `/to` is the target.
fn leading(first: &str) -> Site {
    let first = first.to_owned();
    Site::start(move |request| match request.path.as_str() {
        "/" => html(&first),
        "/to" => html(&target()),
        _ => SiteResponse::status(404),
    })
}

#[tokio::test]
async fn the_browser_follows_what_a_stub_announces() {
    for (case, first) in [
        ("a refresh", "<meta http-equiv=refresh content='2; url=/to'>Please wait".to_owned()),
        (
            "a script",
            "<p>Redirecting ...<script>setTimeout(() => location = '/to', 900)</script>".to_owned(),
        ),
        (
            "a check",
            "<title>Just a moment...</title><p>Checking your browser<script>setTimeout(() => { \
             document.cookie = 'a=1'; location.replace('/to'); }, 2000)</script>"
                .to_owned(),
        ),
    ] {
        let site = leading(&first);

        let report = scraped(Item::get(site.url("/")).force_tier(Tier::Browser)).await;

        assert_target(&report, case);
        assert_eq!(report.result().expect("a page").final_url, site.url("/to"), "{case}");
    }
}

#[tokio::test]
async fn an_application_that_fills_in_late_is_waited_for() {
    let filled = target();
    for (case, script) in [
        ("a timer", format!("setTimeout(() => app.innerHTML = `{filled}`, 1500)")),
        (
            "a timer and a request",
            "setTimeout(() => fetch('/to').then(it => it.text()).then(it => { app.innerHTML = it; }), 1200)"
                .to_owned(),
        ),
        ("a note", format!("app.textContent = 'Loading...'; setTimeout(() => app.innerHTML = `{filled}`, 2500)")),
    ] {
        let site = leading(&format!("<div id=app></div><script>{script}</script>"));

        let report = scraped(Item::get(site.url("/"))).await;

        assert_target(&report, case);
        assert_eq!(report.tier(), Some(Tier::Browser), "{case}");
    }
}

#[tokio::test]
async fn a_stub_that_leads_on_by_script_escalates_to_the_browser() {
    let note = "Redirecting you to the page, please wait. If nothing happens within five seconds, \
        use the link below to go on to the page yourself.";
    let site = leading(&format!(
        "<h1>We have moved</h1><p>{note}</p><p>{note}</p><a href=/to>Go on</a>\
         <script>setTimeout(function () {{ window.location.href = '/to'; }}, 300)</script>"
    ));

    let report = scraped(Item::get(site.url("/"))).await;

    assert_target(&report, "a note");
    assert_eq!(report.tier(), Some(Tier::Browser));
}

/// A site of frames: `/` and the documents that they show.
fn framed(first: &'static str) -> Site {
    Site::start(move |request| match request.path.as_str() {
        "/" => SiteResponse::html(first),
        "/menu" => html("<p>Menu of all kettles</p>"),
        "/inner" => SiteResponse::html("<frameset rows='*'><frame src=/to></frameset>"),
        "/to" => html(&target()),
        _ => SiteResponse::status(404),
    })
}

#[tokio::test]
async fn a_page_in_frames_is_what_its_frames_show() {
    for (case, first) in [
        (
            "a set",
            "<html><head><title>t</title></head><frameset cols='1,2'><frame src=/menu><frame src=/to>\
             <noframes><body>Your browser does not show frames.</body></noframes></frameset></html>",
        ),
        ("a set in a set", "<frameset cols='1,2'><frame src=/menu><frame src=/inner></frameset>"),
        ("one frame", "<title>t</title><iframe src=/to width=800 height=600></iframe>"),
    ] {
        let site = framed(first);

        let report = scraped(Item::get(site.url("/"))).await;

        assert_target(&report, case);
        let text = report.result().expect("a page").text().unwrap_or_default();
        assert!(!text.contains("does not show frames"), "{case}: {text}");
    }
}

#[tokio::test]
async fn a_document_that_the_browser_reaches_goes_to_its_reader() {
    let site = Site::start(|request| {
        let pdf = || {
            SiteResponse::status(200)
                .body("%PDF-1.7 the pages")
                .header("content-type", "application/pdf")
        };
        match request.path.as_str() {
            "/shown" => pdf(),
            "/download" => pdf().header("content-disposition", "attachment; filename=a.pdf"),
            "/untyped" => SiteResponse::status(200).body("%PDF-1.7 the pages"),
            "/stub" => html("<p>Redirecting ...<script>location = '/shown'</script>"),
            _ => SiteResponse::status(404),
        }
    });
    for path in ["/shown", "/download", "/stub", "/untyped"] {
        let report = scraped(Item::get(site.url(path)).force_tier(Tier::Browser)).await;

        let page = report.result().unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(page.text(), Some("%PDF-1.7 the pages"), "{path}");
        assert_eq!(report.tier(), Some(Tier::Browser), "{path}");
    }
}

#[tokio::test]
async fn a_status_without_a_document_is_a_status_in_the_browser_too() {
    let site = Site::start(|request| match request.path.as_str() {
        "/empty" => SiteResponse::status(204),
        "/login" => SiteResponse::status(401).header("www-authenticate", "Basic realm=\"a\""),
        "/gone" => SiteResponse::status(410),
        "/same" => SiteResponse::status(304),
        _ => SiteResponse::status(404),
    });
    for (path, status, code) in [
        ("/empty", 204, ErrorCode::EmptyContent),
        ("/login", 401, ErrorCode::LoginRequired),
        ("/gone", 410, ErrorCode::NotFoundTarget),
        ("/same", 304, ErrorCode::TargetHttpError),
        ("/none", 404, ErrorCode::NotFoundTarget),
    ] {
        let report = scraped(Item::get(site.url(path)).force_tier(Tier::Browser)).await;

        let error = report.result().expect_err("there is no page");
        assert_eq!((error.code, error.status), (code, Some(status)), "{path}: {error}");
        assert_eq!(report.trail().len(), 1, "{path}: it is not repeated");
    }
}

#[tokio::test]
async fn a_page_that_stays_empty_ends_long_before_its_timeout() {
    let site =
        leading("<div id=app></div><script>setInterval(() => { app.title += 'x' }, 50)</script>");

    let report = scraped(Item::get(site.url("/")).force_tier(Tier::Browser)).await;

    let error = report.result().expect_err("nothing comes");
    assert_eq!(error.code, ErrorCode::EmptyContent);
    assert!(report.trail()[0].duration < Duration::from_mins(1), "{:?}", report.trail());
}
