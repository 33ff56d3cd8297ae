//! Options that reach the site, change the result, or are named where they could not be done.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rungs::core::request::{ContentType, Format, Item, Method, Mode, PdfFormat, Provider};
use rungs::engine::{EngineBuilder, JobReport, Settings};
use rungs::fetch::Http;
use rungs::net::{NetPolicy, ProxyUrl};
use rungs::ports::BoxFuture;
use rungs::ports::fetch::{DocumentRequest, FetchError, PdfReader, PdfText};
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteRequest, SiteResponse};
use rungs::{Batch, Engine, SubmitError};

/// A page with enough on it to be read without a doubt.
fn page() -> SiteResponse {
    let line = "Flour, water, salt and time are all that a good loaf needs, and of these time is \
        the one that most people are least willing to give.";
    let text = format!("<p>{line}</p>").repeat(12);
    SiteResponse::html(format!("<title>Bread</title><article><h1>Bread</h1>{text}</article>"))
}

fn http() -> Http {
    Http::new().allow_network("127.0.0.0/8").expect("network")
}

fn builder() -> EngineBuilder {
    Engine::builder().store(Memory::default())
}

async fn scraped(item: Item) -> JobReport {
    let engine = builder().http(http()).build().expect("built");
    engine.scrape(item).await.expect("accepted")
}

/// Returns the page's warnings in one text.
fn warnings_of(report: &JobReport) -> String {
    let page = report.result().expect("a page");
    page.extracted.warnings.join("\n")
}

/// A site that records its requests.
fn listening() -> (Site, Arc<Mutex<Vec<SiteRequest>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&heard);
    let site = Site::start(move |request| {
        keep.lock().expect("not poisoned").push(request.clone());
        page()
    });
    (site, heard)
}

#[tokio::test]
async fn a_language_the_sessions_headers_and_a_bodys_type_reach_the_site() {
    let (site, heard) = listening();
    let mut item = Item::get(site.url("/")).header("X-Both", "own");
    item.method = Method::Post;
    item.body = Some("q=bread".into());
    item.content_type = Some(ContentType::Form);
    item.location.language = Some("de".parse().expect("a language"));
    item.advanced.session_headers =
        vec![("x-both".into(), "session".into()), ("X-Session".into(), "7".into())];

    let report = scraped(item).await;

    assert_eq!(warnings_of(&report), "");
    let heard = heard.lock().expect("not poisoned");
    let [request] = &heard[..] else { panic!("one request, not {}", heard.len()) };
    for (name, value) in [
        ("accept-language", "de,en;q=0.5"),
        ("x-session", "7"),
        ("x-both", "own"),
        ("content-type", "application/x-www-form-urlencoded"),
    ] {
        let sent: Vec<_> = request.headers.iter().filter(|(it, _)| it == name).collect();
        assert_eq!(sent, [&(name.to_owned(), value.to_owned())]);
    }
}

#[tokio::test]
async fn an_engine_without_sessions_refuses_an_item_that_names_one() {
    let (site, heard) = listening();
    let engine = builder().http(http()).build().expect("built");
    let mut item = Item::get(site.url("/account"));
    item.advanced.session_id = Some("0191d2a4-5b6c-7000-8000-000000000001".parse().expect("an id"));

    let refused = engine.submit(Batch::new([Item::get(site.url("/")), item])).await;

    let Err(SubmitError::Item { index: 1, error: flaw }) = refused else { panic!("{refused:?}") };
    assert_eq!(flaw.field(), "advanced.session_id");
    assert!(flaw.reason().contains("`.sessions(...)`"), "{flaw}");
    assert!(heard.lock().expect("not poisoned").is_empty());
}

#[tokio::test]
async fn unmet_options_are_named_in_warnings() {
    let (site, _) = listening();
    let mut item = Item::get(site.url("/"));
    item.wait_for = Some("#done".into());
    item.template = Some("shop".into());
    item.extraction_prompt = Some("What does it cost?".into());
    item.extraction_provider = Some(Provider::Groq);
    item.extraction_model = Some("small".into());
    item.advanced.ocr = true;

    let warnings = warnings_of(&scraped(item).await);

    for option in [
        "wait_for",
        "template",
        "extraction_prompt",
        "extraction_provider",
        "extraction_model",
        "advanced.ocr",
    ] {
        assert!(warnings.lines().any(|it| it.starts_with(&format!("{option} "))), "{warnings}");
    }
    assert_eq!(warnings_of(&scraped(Item::get(site.url("/"))).await), "");
}

#[tokio::test]
async fn a_country_without_a_proxy_is_a_warning() {
    let proxies: Vec<Site> = (0..4).map(|_| Site::start(|_| page())).collect();
    let french = "FR".parse().expect("a country");
    let urls = proxies.iter().enumerate().map(|(at, it)| {
        let url = ProxyUrl::parse(&it.url("")).expect("proxy");
        if at == 1 { url.in_country("FR".parse().expect("a country")) } else { url }
    });
    let network = NetPolicy::new()
        .allow_network("127.0.0.0/8")
        .expect("network")
        .resolve("a.test", "127.0.0.1:80".parse().expect("address"))
        .proxies(urls);
    let http = Http::new().network(network);
    let engine = builder().http(http).build().expect("built");
    let asking = |country| {
        let mut item = Item::get("http://a.test/");
        item.advanced.use_proxy = true;
        item.location.country = Some(country);
        item
    };

    let there = engine.scrape(asking(french)).await.expect("accepted");
    let hits: Vec<usize> = proxies.iter().map(Site::hits).collect();
    let elsewhere = asking("DE".parse().expect("a country"));
    let elsewhere = engine.scrape(elsewhere).await.expect("accepted");

    assert_eq!(hits, [0, 1, 0, 0]);
    assert_eq!(warnings_of(&there), "");
    let said = warnings_of(&elsewhere);
    assert!(said.starts_with("location.country was not met") && said.contains("DE"), "{said}");
}

/// Reads any PDF as two pages, and records its request.
#[derive(Debug)]
struct TwoPages;

impl PdfReader for TwoPages {
    fn read(&self, request: DocumentRequest) -> BoxFuture<'_, Result<PdfText, FetchError>> {
        assert!(request.document.body.starts_with(b"%PDF-"), "the document's own bytes");
        let pages = vec!["one".to_owned(), "two".to_owned()];
        let markdown = vec!["# one".to_owned(), "two".to_owned()];
        let text = PdfText::new(pages, markdown);
        Box::pin(async move { Ok(text) })
    }
}

#[tokio::test]
async fn pdf_format_decides_the_text_of_a_pdf() {
    let site = Site::start(|_| {
        SiteResponse::status(200).body("%PDF-1.7\n").header("content-type", "application/pdf")
    });
    let engine = builder().http(http()).pdf(TwoPages).build().expect("built");
    let content = |mode, pdf_format, formats: &[Format]| {
        let mut item = Item::get(site.url("/a.pdf")).mode(mode).formats(formats.to_vec());
        item.pdf_format = pdf_format;
        let engine = engine.clone();
        async move {
            let report = engine.scrape(item).await.expect("accepted");
            let page = report.result().expect("a page");
            let content = page.extracted.content.clone();
            content.into_iter().map(|(format, it)| (format, it.to_string())).collect::<Vec<_>>()
        }
    };

    let markdown = content(Mode::Pdf, PdfFormat::Markdown, &[Format::Html]).await;
    let text = content(Mode::Pdf, PdfFormat::Text, &[Format::Markdown]).await;
    let page = content(Mode::Auto, PdfFormat::Text, &[Format::Html]).await;
    let exact = content(Mode::Auto, PdfFormat::Text, &[Format::Markdown]).await;

    let [md, plain] =
        [(Format::Markdown, r##""# one\n\ntwo""##), (Format::Text, r#""one\n\ntwo""#)]
            .map(|(format, it)| (format, it.to_owned()));
    assert_eq!(markdown, std::slice::from_ref(&md));
    assert_eq!(text, [plain.clone(), md.clone()]);
    assert_eq!(page, [plain], "nothing else could be made");
    assert_eq!(exact, [md], "exactly what was asked for");
}

#[tokio::test]
async fn a_refused_connection_is_named_in_the_trail() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let closed = listener.local_addr().expect("an address");
    drop(listener);
    let mut settings = Settings::default();
    settings.retry.first = Duration::from_millis(1);
    let engine = builder().http(http()).settings(settings).build().expect("built");

    let url = format!("http://{closed}/?token=secret");
    let report = engine.scrape(Item::get(url)).await.expect("accepted");

    assert!(!report.trail().is_empty());
    for attempt in report.trail() {
        let refused = attempt.signal.starts_with("could not connect: connection refused");
        assert!(refused, "{}", attempt.signal);
    }
}
