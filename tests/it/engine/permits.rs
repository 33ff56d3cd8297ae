//! Permits: they are held while a site is at work, and neither while a page is read nor while jobs are claimed.

use std::sync::{Mutex, mpsc};
use std::time::Duration;

use rungs::core::record::{Claim, Queue};
use rungs::core::tier::Tier;
use rungs::engine::{Pacing, Settings};
use rungs::ports::BoxFuture;
use rungs::ports::extract::{Document, ExtractError, Extracted, Extractor};
use rungs::ports::fetch::{FetchError, FetchRequest, Fetched, fetcher_fn};
use rungs::ports::store::{Store, StoreError, Versioned};
use rungs::stores::Memory;
use rungs::{Batch, Engine};

use crate::support::delegate::delegate;
use crate::support::paused::Paused;

fn page() -> Fetched {
    let text = "Flour, water, salt and time are all that a good loaf needs. ".repeat(5);
    let page = format!("<html><title>Bread</title><body><h1>Bread</h1><p>{text}</p></body></html>");
    Fetched::new(200, page).header("content-type", "text/html")
}

/// Reads a page only once the site got the request for another.
#[derive(Debug)]
struct WaitsForNextRequest(Mutex<mpsc::Receiver<()>>);

impl Extractor for WaitsForNextRequest {
    fn extract(&self, document: Document<'_>) -> Result<Extracted, ExtractError> {
        if document.url.ends_with("first") {
            let requests = self.0.lock().expect("no test panics with it");
            let next = requests.recv_timeout(Duration::from_secs(20));
            next.map_err(|_| ExtractError::Abandoned)?;
        }
        Ok(Extracted::new("Bread".to_owned()))
    }
}

#[tokio::test]
async fn a_site_gets_its_next_request_while_a_page_is_read() {
    let (sent, requests) = mpsc::channel();
    let fetch = move |request: FetchRequest| {
        if request.url.as_str().ends_with("second") {
            sent.send(()).expect("the extractor is there");
        }
        std::future::ready(Ok::<_, FetchError>(page()))
    };
    let pacing = Pacing::default().with_per_host(1);
    let engine = Engine::builder()
        .store(Memory::default())
        .http(fetcher_fn([Tier::Curl], fetch))
        .extractor(WaitsForNextRequest(Mutex::new(requests)))
        .settings(Settings::default().with_concurrency(1).with_pacing(pacing))
        .build()
        .expect("all parts are there");

    let batch = Batch::new(["http://a.test/first", "http://a.test/second"]);
    let report = engine.submit(batch).await.expect("accepted").report().await.expect("ended");

    for job in report.jobs() {
        assert!(job.result().is_ok(), "{:?}", job.result());
    }
}

/// A memory store whose claims take time.
#[derive(Clone, Debug, Default)]
struct SlowClaims(Memory);

impl Store for SlowClaims {
    delegate!(0: load, list, commit, due, bodies);

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        Box::pin(async move {
            if claim.queue == Queue::Jobs {
                tokio::time::sleep(Duration::from_millis(15)).await;
            }
            self.0.claim(claim).await
        })
    }
}

/// Takes no time to read a page.
#[derive(Debug)]
struct AtOnce;

impl Extractor for AtOnce {
    fn extract(&self, _: Document<'_>) -> Result<Extracted, ExtractError> {
        Ok(Extracted::new("Bread".to_owned()))
    }
}

#[tokio::test(start_paused = true)]
async fn no_permit_waits_for_a_claim() {
    let fetch = |_: FetchRequest| async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        Ok::<_, FetchError>(page())
    };
    let engine = Engine::builder()
        .store(SlowClaims::default())
        .http(fetcher_fn([Tier::Curl, Tier::Http], fetch))
        .extractor(AtOnce)
        .settings(Settings::default().with_concurrency(8))
        .clock(Paused::default())
        .build()
        .expect("all parts are there");
    let began = tokio::time::Instant::now();

    let mut handles = Vec::new();
    for batch in 0..4 {
        let pages = (0..100).map(|it| format!("http://a.test/{batch}-{it}"));
        handles.push(engine.submit(Batch::new(pages)).await.expect("accepted"));
    }
    for mut handle in handles {
        handle.wait().await.expect("ended");
    }

    // 400 pages of 10 ms, eight at once.
    let (took, bound) = (began.elapsed(), Duration::from_millis(500));
    assert!(took < bound.mul_f64(1.2), "{took:?} for what can be done in {bound:?}");
}
