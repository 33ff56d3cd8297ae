//! Pages that lead on to another page: followed over HTTP like redirects.

use std::sync::{Arc, Mutex};

use rungs::Engine;
use rungs::core::failure::ErrorCode;
use rungs::core::request::Item;
use rungs::core::tier::Tier;
use rungs::engine::JobReport;
use rungs::fetch::Http;
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteRequest, SiteResponse};

const TEXT: &str = "Flour, water, salt and time are all that a good loaf needs.";

fn target() -> SiteResponse {
    let text = format!("<p>{TEXT}</p>").repeat(4);
    SiteResponse::html(format!("<title>Bread</title><article><h1>Bread</h1>{text}</article>"))
}

fn note() -> String {
    "<p>This page has moved to a new address. If your browser does not take you there, use the link.</p>"
        .repeat(20)
}

async fn scraped(item: Item) -> JobReport {
    let http = Http::new().allow_network("127.0.0.0/8").expect("a network");
    let engine = Engine::builder().store(Memory::default()).http(http).build().expect("built");
    engine.scrape(item).await.expect("accepted")
}

#[tokio::test]
async fn a_refresh_is_followed_like_a_redirect() {
    let site = Site::start(|request| match request.path.as_str() {
        "/header" => SiteResponse::html("<p>Some words to read.").header("refresh", "0; url=/to"),
        "/status" => SiteResponse::status(307).header("refresh", "0;url=/to"),
        "/meta" => {
            SiteResponse::html(format!("<meta http-equiv=refresh content='0; url=to'>{}", note()))
        }
        "/soon" => {
            SiteResponse::html("<meta http-equiv=refresh content='9;URL=\"/to\"'>Please wait")
        }
        "/twice" => SiteResponse::html("<meta http-equiv=refresh content='0;url=/hop'>"),
        "/hop" => SiteResponse::redirect(302, "/meta"),
        "/to" => target(),
        _ => SiteResponse::status(404),
    });
    for (path, hops) in [
        ("/header", vec![200]),
        ("/status", vec![307]),
        ("/meta", vec![200]),
        ("/soon", vec![200]),
        ("/twice", vec![200, 302, 200]),
    ] {
        let report = scraped(Item::get(site.url(path))).await;

        let page = report.result().unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(page.text().is_some_and(|it| it.contains(TEXT)), "{path}");
        assert_eq!(page.final_url, site.url("/to"), "{path}");
        let statuses: Vec<_> = page.redirects.iter().map(|it| it.status_code).collect();
        assert_eq!(statuses, hops, "{path}");
        assert_eq!((report.tier(), report.trail().len()), (Some(Tier::Curl), 1), "{path}");
    }
}

/// A site whose pages show others in frames.
fn framed() -> Site {
    Site::start(|request| match request.path.as_str() {
        "/set" => SiteResponse::html(
            "<title>Frames</title><frameset cols='1,4'><frame src=/menu><frame src=/to>\
             <noframes><body>No frames here.</body></noframes></frameset>",
        ),
        "/deep" => SiteResponse::html("<frameset rows='*'><frame src=/set></frameset>"),
        "/based" => SiteResponse::html(
            "<base href=/a/b/><frameset cols='*'><frame src=../../to></frameset>",
        ),
        "/partly" => {
            SiteResponse::html("<frameset cols='1,2'><frame src=/gone><frame src=/to></frameset>")
        }
        "/inline" => SiteResponse::html("<body><iframe src=/to width=100%></iframe></body>"),
        "/endless" => SiteResponse::html(
            "<frameset cols='1,2'><frame src=/endless?1><frame src=/endless?2></frameset>",
        ),
        "/menu" => SiteResponse::html("<p><a href=/to>Bread</a></p>"),
        "/to" => target(),
        _ => SiteResponse::status(404),
    })
}

#[tokio::test]
async fn a_page_in_frames_is_its_main_frame() {
    let site = framed();
    for (path, hops) in [("/set", 1), ("/deep", 2), ("/based", 1), ("/partly", 1), ("/inline", 1)] {
        let report = scraped(Item::get(site.url(path))).await;

        let page = report.result().unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(page.text().is_some_and(|it| it.contains(TEXT)), "{path}");
        assert_eq!(
            (page.final_url.clone(), page.redirects.len()),
            (site.url("/to"), hops),
            "{path}"
        );
        let warned = page.extracted.warnings.iter().any(|it| it.contains("in frames"));
        assert!(warned, "{path}: {:?}", page.extracted.warnings);
        assert_eq!((report.tier(), report.trail().len()), (Some(Tier::Curl), 1), "{path}");
    }
}

#[tokio::test]
async fn frames_without_end_are_fetched_a_bounded_number_of_times() {
    let site = framed();

    let report = scraped(Item::get(site.url("/endless")).force_tier(Tier::Curl)).await;

    assert!(report.result().is_err());
    assert!(site.hits() <= 13, "{} requests", site.hits());
}

#[tokio::test]
async fn a_page_that_reloads_itself_is_a_page() {
    let site = Site::start(|_| target().header("refresh", "0; url=/#top").header("x-live", "yes"));

    let report = scraped(Item::get(site.url("/"))).await;

    assert!(report.result().is_ok_and(|it| it.text().is_some_and(|it| it.contains(TEXT))));
    assert_eq!(site.hits(), 1);
}

#[tokio::test]
async fn refreshes_that_lead_in_a_circle_are_an_error() {
    let site = Site::start(|request| {
        let next = if request.path == "/a" { "/b" } else { "/a" };
        SiteResponse::html("<p>Wait").header("refresh", &format!("0; url={next}"))
    });

    let report = scraped(Item::get(site.url("/a"))).await;

    let error = report.result().expect_err("there is no page");
    assert_eq!(error.code, ErrorCode::TargetHttpError);
    assert!(error.message.contains("circle"), "{error}");
}

#[tokio::test]
async fn a_refresh_to_a_private_address_is_refused() {
    let site = Site::start(|_| {
        SiteResponse::html("<meta http-equiv=refresh content='0; url=http://10.0.0.1/'>")
    });

    let report = scraped(Item::get(site.url("/"))).await;

    let error = report.result().expect_err("the guard refuses it");
    assert_eq!(error.code, ErrorCode::PrivateAddressBlocked);
}

#[tokio::test]
async fn a_refresh_to_another_site_receives_neither_headers_nor_cookies() {
    let heard: Arc<Mutex<Vec<SiteRequest>>> = Arc::default();
    let keep = Arc::clone(&heard);
    let other = Site::start(move |request| {
        keep.lock().expect("not poisoned").push(request.clone());
        target()
    });
    let to = other.url("/to");
    let site = Site::start(move |_| {
        SiteResponse::html(format!("<meta http-equiv=refresh content='0; url={to}'>"))
    });

    let mut item = Item::get(site.url("/")).header("Authorization", "Bearer secret");
    item.advanced.cookies = vec![("session".to_owned(), "secret".to_owned())];
    let report = scraped(item).await;

    assert!(report.result().is_ok());
    let heard = heard.lock().expect("not poisoned");
    let secrets = heard.iter().flat_map(|it| &it.headers).filter(|(_, it)| it.contains("secret"));
    assert_eq!((heard.len(), secrets.count()), (1, 0));
}

#[tokio::test]
async fn a_page_that_complains_about_cookies_is_fetched_with_cookies() {
    let site = Site::start(|request| {
        if request.header("user-agent").is_some_and(|it| it.contains("Mozilla/5.0")) {
            return target();
        }
        SiteResponse::html(
            "<h1>Sorry</h1><p>Please enable cookies in your browser to continue.</p>",
        )
    });

    let report = scraped(Item::get(site.url("/"))).await;

    assert!(report.result().is_ok_and(|it| it.text().is_some_and(|it| it.contains(TEXT))));
    assert_eq!(report.tier(), Some(Tier::Http), "{:?}", report.trail());
}
