//! The engine with a real browser as its last tier.

use rungs::Engine;
use rungs::core::failure::ErrorCode;
use rungs::core::request::{Format, Item, Mode, RenderJs};
use rungs::core::tier::Tier;
use rungs::engine::RobotsPolicy;
use rungs::fetch::Chrome;
use rungs::stores::{Memory, Sled};
use rungs::testkit::site::{Site, SiteResponse};

use super::chrome;

/// A single-page application: nothing to read until its script has run.
fn application() -> Site {
    Site::start(|_| {
        SiteResponse::html(
            "<!DOCTYPE html><html><head><title>Shop</title></head><body><div id=root></div>\
             <noscript>You need to enable JavaScript to run this app.</noscript><script>\
             setTimeout(() => { document.getElementById('root').innerHTML = '<main><h1>Kettles</h1>' + \
             '<p>A kettle boils water for tea, and some of them whistle when they are done.</p>'.repeat(5) \
             + '</main>'; }, 200);</script></body></html>",
        )
    })
}

fn http() -> rungs::fetch::Http {
    rungs::fetch::Http::new().allow_network("127.0.0.0/8").expect("a network")
}

#[tokio::test]
async fn mode_auto_escalates_to_the_browser() {
    let site = application();
    let engine = Engine::builder()
        .store(Memory::default())
        .http(http())
        .browser(chrome())
        .build()
        .expect("an engine");

    let item = Item::get(site.url("/")).formats([Format::Text]);
    let report = engine.scrape(item).await.expect("it is accepted");

    let page = report.result().expect("a page");
    assert!(page.extracted.text.contains("some of them whistle"), "{}", page.extracted.text);
    assert_eq!(report.tier(), Some(Tier::Browser));
    let trail = report.trail();
    assert_eq!(trail.first().map(|it| it.tier), Some(Tier::Curl), "{trail:?}");
    assert!(trail.iter().all(|it| !it.signal.is_empty()), "{trail:?}");
    engine.shutdown().await;
}

#[tokio::test]
async fn a_page_that_robots_txt_disallows_is_not_requested_after_a_redirect() {
    let site = Site::start(|request| match request.path.as_str() {
        "/robots.txt" => SiteResponse::status(200).body("user-agent: *\ndisallow: /private"),
        "/moved" => SiteResponse::redirect(302, "/private/page"),
        "/fine" => SiteResponse::redirect(302, "/open"),
        _ => SiteResponse::html("<p>A kettle boils water for tea, and some of them whistle.</p>"),
    });
    let policy = RobotsPolicy::Respect { agent: "rungs".to_owned() };
    let builder = Engine::builder().store(Memory::default()).http(http()).browser(chrome());
    let engine = builder.robots(policy).build().expect("an engine");

    let moved = Item::get(site.url("/moved")).force_tier(Tier::Browser);
    let moved = engine.scrape(moved).await.expect("accepted");
    let fine = Item::get(site.url("/fine")).force_tier(Tier::Browser);
    let fine = engine.scrape(fine).await.expect("accepted");

    let code = moved.result().expect_err("it is disallowed").code;
    assert_eq!(code, ErrorCode::RobotsDisallowed);
    assert_eq!(site.hits_on("/private/page"), 0);
    assert!(fine.result().is_ok(), "{:?}", fine.trail());
    engine.shutdown().await;
}

// Opening the store blocks until the last engine has ended, so that needs another thread.
#[tokio::test(flavor = "multi_thread")]
async fn artifacts_outlive_the_engine() {
    let (site, dir) = (application(), tempfile::tempdir().expect("a folder"));
    let open = || {
        let store = Sled::open(dir.path()).expect("a store");
        Engine::builder().store(store).http(http()).browser(chrome()).build().expect("an engine")
    };
    let engine = open();
    let mut item = Item::get(site.url("/")).mode(Mode::Js);
    item.advanced.render_js = RenderJs::Yes;
    item.advanced.screenshot = true;
    item.advanced.generate_pdf = true;
    item.advanced.actions =
        serde_json::from_value(serde_json::json!([{"type": "screenshot"}])).expect("an action");

    let report = engine.scrape(item).await.expect("it is accepted");
    let id = report.id();
    let page = report.result().expect("a page");
    let names: Vec<_> = page.artifacts.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["screenshot.png", "page.pdf", "action-1.png"]);
    engine.shutdown().await;
    drop(engine);

    let engine = open();
    for (name, begin) in
        [("screenshot.png", "\u{89}PNG"), ("page.pdf", "%PDF-"), ("action-1.png", "\u{89}PNG")]
    {
        let (artifact, bytes) = engine.artifact(id, name).await.expect("it is there");
        let begin: Vec<u8> =
            begin.chars().map(|it| u8::try_from(u32::from(it)).expect("a byte")).collect();
        assert!(bytes.starts_with(&begin), "{name}");
        assert_eq!(artifact.size_bytes, bytes.len() as u64);
    }
    assert!(engine.artifact(id, "other.png").await.is_err_and(|it| it.is_not_found()));
    engine.shutdown().await;
}

#[tokio::test]
async fn a_missing_browser_fails_the_job_without_a_charge() {
    let site = application();
    let engine = Engine::builder()
        .store(Memory::default())
        .http(http())
        .browser(Chrome::at("/no/such/browser"))
        .build()
        .expect("an engine");

    let report = engine.scrape(Item::get(site.url("/")).mode(Mode::Js)).await.expect("accepted");

    let error = report.result().expect_err("there is no browser");
    assert_eq!(error.code, ErrorCode::RenderFailed);
    assert!(error.message.contains("apt-get install chromium"), "{error:?}");
    assert_eq!(report.charged().0, 0);
    engine.shutdown().await;
}

#[tokio::test]
async fn a_rendered_page_above_its_limit_is_cut_and_labeled() {
    let site = Site::start(|_| {
        SiteResponse::html(
            "<!DOCTYPE html><title>Shop</title><main id=root></main><script>\
             document.getElementById('root').innerHTML = \
             '<p class=\"x\">A kettle boils water for tea, and <b>some</b> of them whistle.</p>'.repeat(90) + \
             '\\u{1f980}'.repeat(20000);\
             </script>",
        )
    });
    let builder = Engine::builder().store(Memory::default()).http(http()).browser(chrome());
    let engine = builder.build().expect("an engine");

    let item = || Item::get(site.url("/")).force_tier(Tier::Browser).formats([Format::Raw]);
    // A limit may be within a pair of surrogates, of which the page has many.
    for limit in 19_990..19_996 {
        let report = engine.scrape(item().max_response_bytes(limit)).await.expect("accepted");
        assert!(report.result().is_ok(), "{limit}: {:?}", report.result());
    }
    let report = engine.scrape(item().max_response_bytes(20_000)).await.expect("accepted");

    let page = report.result().expect("a page");
    let cut = page.content_truncated.expect("it is labeled");
    assert!((19_800..=20_000).contains(&cut.kept_bytes), "{cut:?}");
    assert!(cut.original_bytes.is_some_and(|it| it > 60_000), "{cut:?}");
    let raw = page.format(Format::Raw).and_then(|it| it.as_str()).expect("it was requested");
    assert_eq!(raw.len() as u64, cut.kept_bytes);
    assert_eq!(raw.matches('<').count(), raw.matches('>').count(), "within a tag");
    engine.shutdown().await;
}
