//! Images through the engine: as documents, and as parts of a page.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rungs::Engine;
use rungs::core::credits::Credits;
use rungs::core::failure::ErrorCode;
use rungs::core::request::{Format, Item, Mode};
use rungs::engine::{EngineBuilder, JobReport, Page};
use rungs::fetch::{Http, Tesseract};
use rungs::net::NetPolicy;
use rungs::ports::BoxFuture;
use rungs::ports::fetch::{DocumentRequest, FetchError, OcrEngine, OcrText};
use rungs::service::wire;
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteRequest, SiteResponse};

use crate::ocr::given::{BREAD_PNG, BREAD_TEXT};

const WORDS: &str = "<h1>Bread</h1><p>What stands on the picture was written by hand, long before \
    there was a page like this one to put it on, and nobody has typed it in since.</p>";

fn png(bytes: &[u8]) -> SiteResponse {
    SiteResponse::status(200).body(bytes).header("content-type", "image/png")
}

/// Serves an image at `/scan.png`, half of one at `/broken.png`, nothing at `/missing.png`, and elsewhere a page with
/// these elements.
fn site(elements: &str) -> Site {
    let page = format!("<title>Bread</title>{WORDS}{elements}");
    Site::start(move |request| match request.path.as_str() {
        "/scan.png" => png(BREAD_PNG),
        "/broken.png" => png(&BREAD_PNG[..BREAD_PNG.len() / 2]),
        "/missing.png" => SiteResponse::status(404).body("no"),
        "/fake.png" => SiteResponse::html("<p>not an image"),
        _ => SiteResponse::html(page.as_str()),
    })
}

fn builder() -> EngineBuilder {
    let http = Http::new().allow_network("127.0.0.0/8").expect("a network");
    Engine::builder().store(Memory::default()).http(http)
}

async fn scrape(engine: &Engine, item: Item) -> JobReport {
    engine.scrape(item).await.expect("accepted")
}

fn with_tesseract() -> Engine {
    builder().ocr(Tesseract::new()).build().expect("all parts are there")
}

fn page(report: &JobReport) -> &Page {
    report.result().expect("a page")
}

fn asking(url: String) -> Item {
    let mut item = Item::get(url);
    item.advanced.ocr = true;
    item
}

#[tokio::test]
async fn an_image_is_read_in_mode_ocr_and_in_mode_auto() {
    let (site, engine) = (site(""), with_tesseract());
    for mode in [Mode::Ocr, Mode::Auto] {
        let item = Item::get(site.url("/scan.png")).mode(mode).formats([
            Format::Text,
            Format::Markdown,
            Format::Json,
        ]);

        let report = scrape(&engine, item).await;

        let read = &page(&report).extracted;
        assert_eq!(read.text, BREAD_TEXT);
        assert_eq!(read.content[&Format::Text], BREAD_TEXT);
        assert_eq!(read.content[&Format::Markdown], BREAD_TEXT);
        assert_eq!(read.content[&Format::Json]["words"][0]["text"], "Bread");
        assert_eq!(report.charged(), Credits(200), "no add-on was asked for");
        let object = wire::scrape_object(report.job(), report.result().expect("it succeeded"));
        let result = &object["ocr_results"][0];
        assert_eq!(result["image_url"], site.url("/scan.png"));
        assert_eq!(result["text"], BREAD_TEXT);
        assert_eq!(result["words"][7]["text"], "time.");
        assert_eq!(result["words"][7]["bbox"].as_array().map(Vec::len), Some(4));
    }
}

#[tokio::test]
async fn the_text_is_returned_for_any_requested_format() {
    let (site, engine) = (site(""), with_tesseract());
    let item = Item::get(site.url("/scan.png")).mode(Mode::Ocr).formats([Format::Html]);

    let report = scrape(&engine, item).await;

    assert_eq!(page(&report).extracted.content[&Format::Text], BREAD_TEXT);
}

#[tokio::test]
async fn an_unreadable_image_fails_with_the_reason() {
    let site = site("");
    let without = builder().ocr(Tesseract::at("rungs-no-such-program")).build().expect("built");
    let image = |path: &str| Item::get(site.url(path)).mode(Mode::Ocr);
    let foreign = image("/scan.png").ocr_language("tlh".parse().expect("a code"));
    let engine = with_tesseract();

    for (engine, item, code, named) in [
        (&engine, image("/broken.png"), ErrorCode::ExtractionFailed, "png"),
        (&engine, image("/"), ErrorCode::UnsupportedContentType, "an HTML page"),
        (&engine, foreign, ErrorCode::OcrUnavailable, "tesseract-ocr-tlh"),
        (&without, image("/scan.png"), ErrorCode::OcrUnavailable, "apt-get install"),
    ] {
        let report = scrape(engine, item).await;

        let error = report.result().expect_err("not read");
        assert_eq!((error.code, report.charged()), (code, Credits::ZERO), "{error}");
        assert!(error.message.contains(named), "{error}");
    }
}

#[tokio::test]
async fn images_of_a_page_are_read_and_the_add_on_is_charged() {
    let site = site("<p><img src=/scan.png width=560 height=160></p><img src=/scan.png>");
    let engine = with_tesseract();

    let report = scrape(&engine, asking(site.url("/"))).await;

    let read = &page(&report).extracted;
    let [image] = &read.ocr_results[..] else { panic!("one image, twice: {read:?}") };
    assert_eq!(
        (image.url.as_str(), image.read.text.as_str()),
        (&*site.url("/scan.png"), BREAD_TEXT)
    );
    assert!(read.text.contains("written by hand") && read.warnings.is_empty(), "{read:?}");
    assert_eq!((report.charged(), site.hits_on("/scan.png")), (Credits(1_200), 1));
    let object = wire::scrape_object(report.job(), report.result().expect("it succeeded"));
    assert_eq!(object["ocr_results"][0]["words"].as_array().map(Vec::len), Some(8));
}

#[tokio::test]
async fn an_add_on_that_read_no_image_is_not_charged() {
    let engine = with_tesseract();
    let bad = "<img src=/missing.png><img src=/fake.png><img src=/broken.png>";
    let icons = "<img src=/scan.png width=16 height=16><img class=logo src=/scan.png>";
    for (elements, said) in [
        ("", &["no image to read"][..]),
        (icons, &["no image to read"]),
        (bad, &["HTTP 404", "not an image in a supported format", "png"]),
        ("<img src='http://10.0.0.1/a.png'>", &["image 1 was not read"]),
        ("<img src='file:///etc/hostname'>", &["no image to read"]),
    ] {
        let site = site(elements);

        let report = scrape(&engine, asking(site.url("/"))).await;

        let read = &page(&report).extracted;
        assert_eq!(report.charged(), Credits(200), "{elements}: {:?}", read.warnings);
        assert_eq!(report.job().hold, Credits(3_500), "tier 3.5 and the add-on");
        assert!(read.ocr_results.is_empty());
        assert_eq!(read.warnings.len(), said.len(), "{:?}", read.warnings);
        for (warning, named) in read.warnings.iter().zip(said) {
            assert!(warning.contains("advanced.ocr") && warning.contains(named), "{warning}");
        }
        assert_eq!(site.hits_on("/scan.png"), 0);
    }
}

#[tokio::test]
async fn a_missing_tool_is_a_warning_and_no_charge() {
    let site = site("<img src=/scan.png><img src=/scan.png?2>");
    let empty = builder().build().expect("built");
    let missing = builder().ocr(Tesseract::at("rungs-no-such-program")).build().expect("built");

    for (engine, named) in [(empty, "has no OCR engine"), (missing, "apt-get install")] {
        let report = scrape(&engine, asking(site.url("/"))).await;

        let warnings = &page(&report).extracted.warnings;
        assert!(warnings.len() == 1 && warnings[0].contains(named), "{warnings:?}");
        assert_eq!(report.charged(), Credits(200));
    }
}

/// Reads every image as the same word, and counts.
#[derive(Clone, Debug, Default)]
struct Counting(Arc<AtomicUsize>);

impl OcrEngine for Counting {
    fn recognize(&self, _: DocumentRequest) -> BoxFuture<'_, Result<OcrText, FetchError>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Ok(OcrText::new("word", Vec::new())) })
    }
}

#[tokio::test]
async fn images_beyond_the_ten_largest_become_a_warning() {
    let image = |it: u32| format!("<img src='/scan.png?{it}' width={it} height=100>");
    let page_with = (100..115).map(image).fold(WORDS.to_owned(), |page, it| page + &it);
    let site = Site::start(move |request| {
        if request.path.starts_with("/scan") {
            png(BREAD_PNG)
        } else {
            SiteResponse::html(page_with.as_str())
        }
    });
    let reader = Counting::default();
    let engine = builder().ocr(reader.clone()).build().expect("built");

    let report = scrape(&engine, asking(site.url("/"))).await;

    assert_eq!(reader.0.load(Ordering::SeqCst), 10);
    let read: Vec<String> =
        page(&report).extracted.ocr_results.iter().map(|it| it.url.clone()).collect();
    let largest: Vec<String> =
        (105..115).rev().map(|it| site.url(&format!("/scan.png?{it}"))).collect();
    assert_eq!(read, largest);
    assert_eq!(page(&report).extracted.warnings.len(), 1);
    assert!(page(&report).extracted.warnings[0].contains("5 more images"));
}

#[tokio::test]
async fn headers_and_cookies_stay_on_the_site_of_the_page() {
    let told = |request: &SiteRequest| {
        ["x-api-key", "cookie"].iter().any(|it| request.header(it).is_some())
    };
    let other = Site::start(
        move |request| {
            if told(request) { SiteResponse::status(400) } else { png(BREAD_PNG) }
        },
    );
    let page_with = format!(
        "{WORDS}<img src=/own.png><img src='{}'>",
        format_args!("http://pictures.test:{}/", other.addr().port())
    );
    let own = Site::start(move |request| match request.path.as_str() {
        "/own.png" if told(request) => png(BREAD_PNG),
        "/own.png" => SiteResponse::status(400),
        _ => SiteResponse::html(page_with.as_str()),
    });
    // A host of its own: cookies do not distinguish ports.
    let network = NetPolicy::new().allow_network("127.0.0.0/8").expect("a network");
    let http = Http::new().network(network.resolve("pictures.test", other.addr()));
    let engine = builder().http(http).ocr(Counting::default()).build().expect("built");
    let mut item = asking(own.url("/"));
    item.headers.push(("X-Api-Key".to_owned(), "k-1".to_owned()));
    item.advanced.cookies.push(("session".to_owned(), "s-1".to_owned()));

    let report = scrape(&engine, item).await;

    let read = &page(&report).extracted;
    assert_eq!(read.ocr_results.len(), 2, "{:?}", read.warnings);
}

#[tokio::test]
async fn an_image_that_never_comes_leaves_the_others_their_time() {
    let html = format!("<title>Bread</title>{WORDS}<img src=/never.png><img src=/scan.png>");
    let site = Site::start(move |request| match request.path.as_str() {
        "/scan.png" => png(BREAD_PNG),
        "/never.png" => png(BREAD_PNG).delay(std::time::Duration::from_mins(10)),
        _ => SiteResponse::html(html.as_str()),
    });
    let item = asking(site.url("/")).timeout(std::time::Duration::from_secs(20));

    let report = scrape(&with_tesseract(), item).await;

    let page = page(&report);
    let texts: Vec<&str> =
        page.extracted.ocr_results.iter().map(|it| it.read.text.as_str()).collect();
    assert_eq!(texts, [BREAD_TEXT], "{:?}", page.extracted.warnings);
    let warnings = page.extracted.warnings.join("\n");
    assert!(warnings.contains("image 1 was not read"), "{warnings}");
}
