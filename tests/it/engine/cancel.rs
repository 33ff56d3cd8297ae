//! Cancellation of pages that are being fetched, on each of their ways.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use rungs::core::batch::BatchStatus;
use rungs::core::request::Item;
use rungs::core::tier::Tier;
use rungs::engine::Settings;
use rungs::fetch::Http;
use rungs::ports::BoxFuture;
use rungs::ports::fetch::{
    BrowserFetcher, DocumentRequest, FetchError, FetchRequest, Fetched, HttpFetcher, OcrEngine,
    OcrText, PdfReader, PdfText, Rendered, fetcher_fn,
};
use rungs::stores::Memory;
use rungs::testkit::site::RawSite;
use rungs::{Batch, Engine};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use crate::support::PATIENCE;

/// The beginning and the end of something that never finishes by itself.
#[derive(Clone, Debug)]
struct Hanging(UnboundedSender<&'static str>);

struct Running(UnboundedSender<&'static str>);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.send("dropped");
    }
}

impl Hanging {
    fn new() -> (Self, UnboundedReceiver<&'static str>) {
        let (sender, receiver) = unbounded_channel();
        (Self(sender), receiver)
    }

    fn hang<T: Send + 'static>(&self) -> BoxFuture<'static, Result<T, FetchError>> {
        let running = Running(self.0.clone());
        Box::pin(async move {
            running.0.send("started").expect("the test listens");
            let result = pending().await;
            drop(running);
            result
        })
    }
}

impl HttpFetcher for Hanging {
    fn fetch(&self, _: FetchRequest) -> BoxFuture<'_, Result<Fetched, FetchError>> {
        self.hang()
    }
}

impl BrowserFetcher for Hanging {
    fn render(&self, _: FetchRequest) -> BoxFuture<'_, Result<Rendered, FetchError>> {
        self.hang()
    }
}

impl PdfReader for Hanging {
    fn read(&self, _: DocumentRequest) -> BoxFuture<'_, Result<PdfText, FetchError>> {
        self.hang()
    }
}

impl OcrEngine for Hanging {
    fn recognize(&self, _: DocumentRequest) -> BoxFuture<'_, Result<OcrText, FetchError>> {
        self.hang()
    }
}

/// A lease so long that its renewal cannot be what tells the worker.
fn settings() -> Settings {
    Settings::default().with_lease(Duration::from_hours(24))
}

fn document(content_type: &'static str, body: &'static [u8]) -> impl HttpFetcher {
    fetcher_fn([Tier::Curl], move |_| async move {
        Ok(Fetched::new(200, body).header("content-type", content_type))
    })
}

#[tokio::test]
async fn a_cancellation_drops_whatever_is_running() {
    type Case = (&'static str, Item, Box<dyn Fn(Hanging) -> rungs::engine::EngineBuilder>);

    let page = || Item::get("http://a.test/");
    let cases: [Case; 4] = [
        ("http", page(), Box::new(|it| Engine::builder().http(it))),
        ("browser", page().force_tier(Tier::Browser), Box::new(|it| Engine::builder().browser(it))),
        (
            "pdf",
            page(),
            Box::new(|it| {
                Engine::builder().http(document("application/pdf", b"%PDF-1.7\n")).pdf(it)
            }),
        ),
        (
            "ocr",
            page(),
            Box::new(|it| {
                Engine::builder().http(document("image/png", b"\x89PNG\r\n\x1a\n")).ocr(it)
            }),
        ),
    ];
    for (kind, item, builder) in cases {
        let (hanging, mut signs) = Hanging::new();
        let builder = builder(hanging).store(Memory::default()).settings(settings());
        let engine = builder.build().expect("all parts");
        let handle = engine.submit(Batch::new([item])).await.expect("accepted");
        let next = timeout(PATIENCE, signs.recv()).await.expect(kind);
        assert_eq!(next, Some("started"), "{kind}");

        let canceled = engine.cancel(handle.id()).await.expect("known");

        let next = timeout(PATIENCE, signs.recv()).await.expect(kind);
        assert_eq!(next, Some("dropped"), "{kind}");
        assert_eq!((canceled.canceled_jobs, canceled.released), (1, canceled.batch.estimate));
        assert_eq!(canceled.batch.status(), BatchStatus::Failed);
    }
}

#[tokio::test]
async fn a_cancellation_closes_the_connection_to_a_silent_site() {
    let (sender, mut closed) = unbounded_channel();
    let (connected, mut connections) = unbounded_channel();
    let sender = Arc::new(sender);
    let site = RawSite::start(move |mut stream| {
        let _ = rungs::testkit::site::read_head(&mut stream);
        let _ = connected.send(());
        // Reads until the client closes the connection.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
        let _ = sender.send(());
    });
    let http = Http::new().allow_network("127.0.0.0/8").expect("a network");
    let builder = Engine::builder().store(Memory::default()).http(http).settings(settings());
    let engine = builder.build().expect("all parts");
    let handle = engine.submit(Batch::new([site.url("/")])).await.expect("accepted");
    timeout(PATIENCE, connections.recv()).await.expect("it connects");

    engine.cancel(handle.id()).await.expect("known");

    timeout(PATIENCE, closed.recv()).await.expect("it is closed");
}
