//! Results of many jobs, read from a store of bodies that takes its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rungs::core::id::BatchId;
use rungs::core::job::BodyRef;
use rungs::core::request::{Item, RenderJs};
use rungs::core::tier::Tier;
use rungs::ports::BoxFuture;
use rungs::ports::fetch::{Fetched, fetcher_fn};
use rungs::ports::store::{Bodies, Store, StoreError};
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteResponse};
use rungs::{Batch, BatchHandle, Engine};

use crate::support::fetchers::{Browser, http};
use crate::support::paused::Paused;

/// Bodies that take longer to read the earlier they were submitted.
#[derive(Clone, Debug)]
struct Slow {
    bodies: Arc<dyn Bodies>,
    /// Spaces behind every body, which JSON allows.
    padding: usize,
    running: Arc<AtomicUsize>,
    /// The most that were read at once.
    most: Arc<AtomicUsize>,
}

impl Slow {
    fn new(bodies: Arc<dyn Bodies>, padding: usize) -> Self {
        Self { bodies, padding, running: Arc::default(), most: Arc::default() }
    }
}

impl Bodies for Slow {
    fn put(&self, batch: BatchId, body: Vec<u8>) -> BoxFuture<'_, Result<BodyRef, StoreError>> {
        self.bodies.put(batch, body)
    }

    fn get(&self, body: BodyRef) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        Box::pin(async move {
            let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(running, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(1_000 / running as u64)).await;
            self.running.fetch_sub(1, Ordering::SeqCst);
            let found = self.bodies.get(body).await?;
            Ok(found.map(|mut it| {
                it.resize(it.len() + self.padding, b' ');
                it
            }))
        })
    }

    fn remove(&self, batch: BatchId) -> BoxFuture<'_, Result<(), StoreError>> {
        self.bodies.remove(batch)
    }
}

/// An engine with an ended batch of this many pages.
async fn ended(pages: usize, padding: usize) -> (Engine, BatchHandle, Slow) {
    let store = Memory::default();
    let slow = Slow::new(store.bodies().expect("it has its own"), padding);
    let fixture = fetcher_fn([Tier::Curl], |request| async move {
        let page = format!("<title>{}</title><p>Flour, water, salt and time.</p>", request.url);
        Ok(Fetched::new(200, page).header("content-type", "text/html"))
    });
    let engine = Engine::builder().store(store).bodies(slow.clone()).clock(Paused::default());
    let engine = engine.http(fixture).build().expect("built");
    let urls = (0..pages).map(|it| format!("http://bread.test/{it}"));
    let mut handle = engine.submit(Batch::new(urls)).await.expect("accepted");
    handle.wait().await.expect("ended");
    (engine, handle, slow)
}

#[tokio::test(start_paused = true)]
async fn results_are_read_ahead_in_the_order_of_their_jobs() {
    let (engine, mut handle, slow) = ended(60, 0).await;

    let report = handle.report().await.expect("a report");

    assert_eq!(slow.most.swap(0, Ordering::SeqCst), 16, "results read at once");
    for (index, job) in report.jobs().iter().enumerate() {
        let title = job.result().expect("a page").title().expect("a title").to_owned();
        assert_eq!(title, format!("http://bread.test/{index}"));
    }
    let mut results = engine.stored_results(engine.jobs(handle.id()).await.expect("jobs"));
    let mut read = 0;
    while let Some(index) = results.next(|job, result| result.map(|_| job.index)).await {
        assert_eq!(index.expect("readable"), Some(read));
        read += 1;
    }
    assert_eq!((read, slow.most.load(Ordering::SeqCst)), (60, 16));
}

#[tokio::test(start_paused = true)]
async fn large_results_are_not_read_ahead() {
    let (_engine, mut handle, slow) = ended(6, 9 << 20).await;

    let report = handle.report().await.expect("a report");

    assert!(report.jobs().iter().all(|it| it.result().is_ok()));
    // Until the first has shown its size.
    assert!(slow.most.load(Ordering::SeqCst) <= 2, "{:?}", slow.most);
}

/// Bodies that count those which others name.
#[derive(Debug)]
struct Counting {
    bodies: Arc<dyn Bodies>,
    named: Arc<AtomicUsize>,
}

impl Bodies for Counting {
    fn put(&self, batch: BatchId, body: Vec<u8>) -> BoxFuture<'_, Result<BodyRef, StoreError>> {
        self.bodies.put(batch, body)
    }

    fn put_naming(
        &self,
        batch: BatchId,
        body: Vec<u8>,
        others: Vec<BodyRef>,
    ) -> BoxFuture<'_, Result<BodyRef, StoreError>> {
        self.named.fetch_add(others.len(), Ordering::SeqCst);
        self.bodies.put_naming(batch, body, others)
    }

    fn get(&self, body: BodyRef) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        self.bodies.get(body)
    }

    fn remove(&self, batch: BatchId) -> BoxFuture<'_, Result<(), StoreError>> {
        self.bodies.remove(batch)
    }
}

#[tokio::test]
async fn a_result_names_the_files_of_its_page() {
    let site = Site::start(|_| SiteResponse::html("<h1>Bread</h1><p>Flour, water and salt.</p>"));
    let store = Memory::default();
    let named = Arc::<AtomicUsize>::default();
    let bodies = store.bodies().expect("it has its own");
    let counting = Counting { bodies, named: Arc::clone(&named) };
    let engine = Engine::builder().store(store).bodies(counting).http(http());
    let engine = engine.browser(Browser::default()).build().expect("built");
    let item = Item::get(site.url("/")).render_js(RenderJs::Yes).screenshot();

    let report = engine.scrape(item).await.expect("accepted");

    let page = report.result().expect("a page");
    assert_eq!((page.artifacts.len(), named.load(Ordering::SeqCst)), (1, 1));
}
