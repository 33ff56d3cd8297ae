//! Engines on a shared store that does not respond, and the reads of those who listen to its batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rungs::core::batch::BatchStatus;
use rungs::core::record::{Claim, Key, Queue};
use rungs::core::request::Limits;
use rungs::core::tier::Tier;
use rungs::core::time::Timestamp;
use rungs::engine::{EngineBuilder, ProgressEvent};
use rungs::ports::BoxFuture;
use rungs::ports::fetch::{Fetched, fetcher_fn};
use rungs::ports::store::{Bodies, ListQuery, Store, StoreError, Versioned, Write};
use rungs::stores::Memory;
use rungs::testkit::store::SharedHandle;
use rungs::{Batch, Engine};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::support::PATIENCE;
use crate::support::paused::Paused;

/// A handle on a shared store that counts the jobs it loads. Its commits can be made to wait forever.
#[derive(Clone, Debug)]
struct Watched {
    inner: SharedHandle,
    jobs_loaded: Arc<AtomicUsize>,
    is_mute: Arc<AtomicBool>,
}

impl Watched {
    fn new(inner: SharedHandle) -> Self {
        Self { inner, jobs_loaded: Arc::default(), is_mute: Arc::default() }
    }
}

impl Store for Watched {
    fn load(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Versioned>>, StoreError>> {
        let jobs = keys.iter().filter(|it| matches!(it, Key::Job(_))).count();
        self.jobs_loaded.fetch_add(jobs, Ordering::SeqCst);
        self.inner.load(keys)
    }

    fn list(&self, list: ListQuery) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        self.inner.list(list)
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        self.inner.claim(claim)
    }

    fn commit(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>> {
        if self.is_mute.load(Ordering::SeqCst) {
            return Box::pin(std::future::pending());
        }
        self.inner.commit(writes)
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn changed(&self, queue: Queue) -> BoxFuture<'_, ()> {
        self.inner.changed(queue)
    }

    fn now(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.inner.now()
    }

    fn due(
        &self,
        queue: Queue,
        from: Timestamp,
    ) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.inner.due(queue, from)
    }

    fn bodies(&self) -> Option<Arc<dyn Bodies>> {
        self.inner.bodies()
    }
}

/// A shared store, and a site that sends one page per permit.
struct World {
    store: SharedHandle,
    clock: Paused,
    gate: Arc<Semaphore>,
    begun: Arc<AtomicUsize>,
}

impl World {
    fn new() -> Self {
        let clock = Paused::default();
        let store = SharedHandle::new(Memory::new()).with_clock(clock.clone());
        Self { store, clock, gate: Arc::new(Semaphore::new(0)), begun: Arc::default() }
    }

    fn builder(&self, store: impl Store + 'static) -> EngineBuilder {
        let (gate, begun) = (Arc::clone(&self.gate), Arc::clone(&self.begun));
        let fetcher = fetcher_fn([Tier::Curl], move |_| {
            begun.fetch_add(1, Ordering::SeqCst);
            let gate = Arc::clone(&gate);
            async move {
                gate.acquire().await.expect("never closed").forget();
                let text = "Flour, water, salt and time are all that a good loaf needs. ".repeat(5);
                let page = format!("<html><title>Bread</title><body><p>{text}</p></body></html>");
                Ok(Fetched::new(200, page).header("content-type", "text/html"))
            }
        });
        let mut limits = Limits::default();
        limits.batch_items = 2_000;
        Engine::builder().store(store).http(fetcher).clock(self.clock.clone()).limits(limits)
    }

    fn engine(&self, store: impl Store + 'static) -> Engine {
        self.builder(store).build().expect("all parts are there")
    }

    /// Waits until the site got this many requests; time passes meanwhile.
    async fn begun(&self, pages: usize) {
        let waited = timeout(PATIENCE, async {
            while self.begun.load(Ordering::SeqCst) < pages {
                sleep(Duration::from_millis(20)).await;
            }
        });
        waited.await.expect("the pages begin");
    }
}

/// Pages of 20 hosts.
fn pages(count: usize) -> Batch {
    Batch::new((0..count).map(|it| format!("http://{}.test/{it}", it % 20)))
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_out_an_outage() {
    for answers in [true, false] {
        let world = World::new();
        let handle = Watched::new(world.store.open());
        let dying = world.engine(handle.clone());
        let mut batch = dying.submit(pages(3)).await.expect("accepted");
        world.begun(3).await;

        if answers {
            handle.inner.cut();
        } else {
            handle.is_mute.store(true, Ordering::SeqCst);
        }
        world.gate.add_permits(3);
        let stopped = timeout(Duration::from_secs(30), dying.shutdown()).await;

        assert!(stopped.is_ok(), "a store that answers: {answers}");
        assert!(batch.wait().await.is_err());
        world.gate.add_permits(3);
        let heir = world.engine(world.store.open());
        let mut batch = heir.batch_handle(batch.id()).await.expect("it exists");
        assert_eq!(batch.wait().await.expect("waited"), BatchStatus::Completed);
        assert_eq!(world.begun.load(Ordering::SeqCst), 6, "each page is fetched again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_reads_few_jobs_whose_end_it_knows_or_whose_turn_is_far() {
    let world = World::new();
    let handle = Watched::new(world.store.open());
    let server = world.builder(handle.clone()).calls_only().build().expect("all parts are there");
    let _worker = world.engine(world.store.open());
    let mut batch = server.submit(pages(2_000)).await.expect("accepted");
    world.begun(8).await;

    let mut ended = 0;
    for _ in 0..12 {
        world.gate.add_permits(2);
        let more = ended + 2;
        while ended < more {
            let event = timeout(PATIENCE, batch.next_event()).await.expect("in time");
            let event = event.expect("the store works").expect("the batch has not ended");
            ended += usize::from(matches!(event, ProgressEvent::JobEnded { .. }));
        }
    }

    let loaded = handle.jobs_loaded.load(Ordering::SeqCst);
    assert!(loaded < 5 * 2_000, "2000 for the first event, and 256 a second after it: {loaded}");
}
