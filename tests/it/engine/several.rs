//! Several engines on one store, as in several processes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rungs::core::batch::BatchStatus;
use rungs::core::job::JobState;
use rungs::core::record::{Claim, Key, Queue, RecordKind};
use rungs::core::tier::Tier;
use rungs::core::time::Timestamp;
use rungs::engine::{BuildError, EngineBuilder, ProgressEvent, Settings, SubmitError};
use rungs::ports::BoxFuture;
use rungs::ports::clock::Clock;
use rungs::ports::fetch::{FetchError, FetchRequest, Fetched, HttpFetcher};
use rungs::ports::store::{Bodies, ListQuery, Store, StoreError, Versioned, Write};
use rungs::stores::Memory;
use rungs::testkit::store::SharedHandle;
use rungs::{Batch, Engine};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{sleep, timeout};

use crate::support::PATIENCE;
use crate::support::paused::Paused;

/// The time after which engines know each other.
const ACQUAINTED: Duration = Duration::from_secs(8);

/// Pages that were begun and abandoned, by engine and URL.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<(&'static str, String)>>>);

impl Log {
    fn add(&self, what: &'static str, url: &str) {
        self.0.lock().expect("not poisoned").push((what, url.to_owned()));
    }

    fn count(&self, what: &str) -> usize {
        self.0.lock().expect("not poisoned").iter().filter(|it| it.0 == what).count()
    }

    /// Returns the engines that fetched something of each host.
    fn engines_by_host(&self) -> BTreeMap<String, BTreeSet<&'static str>> {
        let mut hosts = BTreeMap::<_, BTreeSet<_>>::new();
        for (engine, url) in self.0.lock().expect("not poisoned").iter() {
            let host = url.split('/').nth(2).expect("a host").to_owned();
            hosts.entry(host).or_default().insert(*engine);
        }
        hosts
    }
}

/// A fetcher of one engine. It responds once it gets a permit.
#[derive(Clone, Debug)]
struct Gated {
    engine: &'static str,
    log: Log,
    gate: Arc<Semaphore>,
}

struct Abandoned(Option<(Log, String)>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        if let Some((log, url)) = self.0.take() {
            log.add("abandoned", &url);
        }
    }
}

impl HttpFetcher for Gated {
    fn tiers(&self) -> Vec<Tier> {
        vec![Tier::Curl, Tier::Http]
    }

    fn fetch(&self, request: FetchRequest) -> BoxFuture<'_, Result<Fetched, FetchError>> {
        let url = request.url.as_str().to_owned();
        self.log.add(self.engine, &url);
        Box::pin(async move {
            let mut running = Abandoned(Some((self.log.clone(), url)));
            sleep(Duration::from_millis(50)).await;
            self.gate.acquire().await.expect("never closed").forget();
            running.0 = None;
            let text = "Flour, water, salt and time are all that a good loaf needs. ".repeat(5);
            let page = format!("<html><title>Bread</title><body><p>{text}</p></body></html>");
            Ok(Fetched::new(200, page).header("content-type", "text/html"))
        })
    }
}

/// tokio's paused time, on a machine whose clock is fast.
#[derive(Clone, Debug)]
struct Fast(Paused, Duration);

impl Clock for Fast {
    fn now(&self) -> Timestamp {
        self.0.now().after(self.1)
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()> {
        self.0.sleep(wait)
    }
}

/// One store, and what engines need to share it.
struct World {
    store: SharedHandle,
    clock: Paused,
    log: Log,
    gate: Arc<Semaphore>,
}

impl World {
    /// A world in which `permits` pages respond.
    fn new(permits: usize) -> Self {
        Self::over(Memory::new(), permits)
    }

    fn over(store: impl Store + 'static, permits: usize) -> Self {
        let clock = Paused::default();
        let store = SharedHandle::new(store).with_clock(clock.clone());
        Self { store, clock, log: Log::default(), gate: Arc::new(Semaphore::new(permits)) }
    }

    fn builder(&self, engine: &'static str) -> EngineBuilder {
        let (log, gate) = (self.log.clone(), Arc::clone(&self.gate));
        Engine::builder()
            .store(self.store.open())
            .http(Gated { engine, log, gate })
            .clock(self.clock.clone())
    }

    fn engine(&self, engine: &'static str) -> Engine {
        self.builder(engine).build().expect("all parts are there")
    }

    /// An engine that leaves all work to others.
    fn server(&self) -> Engine {
        self.builder("server").calls_only().build().expect("all parts are there")
    }
}

/// Pages of `hosts` hosts.
fn pages(hosts: usize, of_each: usize) -> Batch {
    let urls =
        (0..hosts).flat_map(|host| (0..of_each).map(move |it| format!("http://{host}.test/{it}")));
    Batch::new(urls)
}

/// Waits until something holds; time passes meanwhile.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let waited = timeout(PATIENCE, async {
        while !holds() {
            sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{what} never happened"));
}

#[tokio::test(start_paused = true)]
async fn each_site_belongs_to_one_of_the_engines() {
    let world = World::new(usize::MAX >> 4);
    let (one, two) = (world.engine("one"), world.engine("two"));
    sleep(ACQUAINTED).await;

    let mut batch = one.submit(pages(25, 4)).await.expect("accepted");
    let status = batch.wait().await.expect("waited");

    assert_eq!(status, BatchStatus::Completed);
    let hosts = world.log.engines_by_host();
    assert!(hosts.values().all(|it| it.len() == 1), "{hosts:?}");
    let engines: BTreeSet<_> = hosts.values().flatten().collect();
    assert_eq!(engines.len(), 2, "both take part: {hosts:?}");
    assert_eq!(world.log.count("one") + world.log.count("two"), 100, "each page once");
    two.shutdown().await;
    one.shutdown().await;
    let left = world.store.list(ListQuery::new(RecordKind::Worker, 9)).await.expect("listed");
    assert!(left.is_empty(), "an engine that was shut down has no heartbeat: {left:?}");
}

#[tokio::test(start_paused = true)]
async fn a_new_engine_leaves_a_site_to_the_one_that_still_fetches_it() {
    let world = World::new(0);
    let one = world.engine("one");
    let server = world.server();
    let mut batch = server.submit(pages(20, 1)).await.expect("accepted");
    until("all sites are being fetched", || world.log.count("one") == 20).await;
    let two = world.engine("two");
    sleep(ACQUAINTED).await;

    let mut more = server.submit(pages(20, 1)).await.expect("accepted");
    let mut other = server.submit(Batch::new(["http://other.test/"])).await.expect("accepted");
    sleep(ACQUAINTED).await;
    let early = world.log.engines_by_host();
    world.gate.add_permits(100);
    for batch in [&mut batch, &mut more, &mut other] {
        assert_eq!(batch.wait().await.expect("waited"), BatchStatus::Completed);
    }

    let by_two = |hosts: &BTreeMap<String, BTreeSet<_>>| {
        let is_busy = |host: &&String| *host != "other.test";
        hosts.iter().filter(|it| it.1.contains("two")).map(|it| it.0).filter(is_busy).count()
    };
    assert_eq!(by_two(&early), 0, "{early:?}");
    let late = world.log.engines_by_host();
    assert!(by_two(&late) > 0, "it fetches them once they are free: {late:?}");
    drop((one, two));
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_shuts_down_keeps_only_the_sites_that_it_still_fetches() {
    let world = World::new(0);
    let settings = Settings::default().with_grace(Duration::from_secs(30));
    let one = world.builder("one").settings(settings).build().expect("all parts are there");
    let server = world.server();
    let mut batch = server.submit(pages(20, 1)).await.expect("accepted");
    until("all sites are being fetched", || world.log.count("one") == 20).await;
    let two = world.engine("two");
    sleep(ACQUAINTED).await;

    let leaving = tokio::spawn(async move { one.shutdown().await });
    let mut more = server.submit(pages(20, 1)).await.expect("accepted");
    let idle = Batch::new((0..20).map(|it| format!("http://idle-{it}.test/")));
    let mut idle = server.submit(idle).await.expect("accepted");
    until("the idle sites are taken over", || world.log.count("two") == 20).await;
    // Longer than a heartbeat counts.
    sleep(ACQUAINTED).await;
    let early = world.log.engines_by_host();
    assert!(!leaving.is_finished(), "it waits for its jobs");
    world.gate.add_permits(100);
    leaving.await.expect("it ends");
    for batch in [&mut batch, &mut more, &mut idle] {
        assert_eq!(batch.wait().await.expect("waited"), BatchStatus::Completed);
    }

    let one_of_both =
        |hosts: &BTreeMap<String, BTreeSet<_>>| hosts.values().all(|it| it.len() == 1);
    assert_eq!(early.len(), 40);
    assert!(one_of_both(&early), "{early:?}");
    assert_eq!((world.log.count("one"), world.log.count("two")), (20, 40));
    drop(two);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_while_the_store_cannot_be_reached() {
    let world = World::new(0);
    let handle = world.store.open();
    let engine = world.builder("one").store(handle.clone()).build().expect("all parts are there");
    sleep(ACQUAINTED).await;
    handle.cut();

    timeout(PATIENCE, engine.shutdown()).await.expect("every wait has an end");
}

/// A memory store that keeps back the response to the first claim that finds jobs.
#[derive(Clone, Debug, Default)]
struct HeldClaim {
    inner: Memory,
    was_held: Arc<AtomicBool>,
    response: Arc<Notify>,
}

impl Store for HeldClaim {
    fn load(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Versioned>>, StoreError>> {
        self.inner.load(keys)
    }

    fn list(&self, list: ListQuery) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        self.inner.list(list)
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        Box::pin(async move {
            let is_for_jobs = claim.queue == Queue::Jobs;
            let found = self.inner.claim(claim).await?;
            if is_for_jobs && !found.is_empty() && !self.was_held.swap(true, Ordering::SeqCst) {
                self.response.notified().await;
            }
            Ok(found)
        })
    }

    fn commit(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.commit(writes)
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

#[tokio::test(start_paused = true)]
async fn jobs_of_a_claim_that_is_under_way_count_as_in_hand() {
    let store = HeldClaim::default();
    let world = World::over(store.clone(), 0);
    let one = world.engine("one");
    let server = world.server();
    let mut batch = server.submit(pages(20, 1)).await.expect("accepted");
    until("the jobs are claimed", || store.was_held.load(Ordering::SeqCst)).await;
    let two = world.engine("two");
    sleep(ACQUAINTED).await;

    let mut more = server.submit(pages(20, 1)).await.expect("accepted");
    sleep(ACQUAINTED).await;
    assert_eq!(world.log.count("two"), 0, "their sites are left to the first engine");
    store.response.notify_one();
    until("all sites are being fetched", || world.log.count("one") >= 20).await;
    sleep(ACQUAINTED).await;
    assert_eq!(world.log.count("two"), 0, "now they are in hand");
    world.gate.add_permits(100);

    for batch in [&mut batch, &mut more] {
        assert_eq!(batch.wait().await.expect("waited"), BatchStatus::Completed);
    }
    assert!(world.log.count("two") > 0, "it fetches them once they are free");
    drop((one, two));
}

#[tokio::test(start_paused = true)]
async fn an_engine_takes_over_from_one_that_died() {
    let world = World::new(0);
    let one = world.engine("one");
    let server = world.server();
    let mut batch = server.submit(pages(6, 1)).await.expect("accepted");
    until("six pages begin", || world.log.count("one") == 6).await;
    drop(one);
    until("six pages are abandoned", || world.log.count("abandoned") == 6).await;
    world.gate.add_permits(100);

    let two = world.engine("two");
    let status = batch.wait().await.expect("waited");

    assert_eq!(status, BatchStatus::Completed);
    assert_eq!((world.log.count("one"), world.log.count("two")), (6, 6));
    drop(two);
}

#[tokio::test(start_paused = true)]
async fn a_server_reports_what_another_process_does() {
    let world = World::new(usize::MAX >> 4);
    let (server, worker) = (world.server(), world.engine("worker"));
    let mut waiting = server.submit(pages(3, 5)).await.expect("accepted");
    let mut watching = server.batch_handle(waiting.id()).await.expect("it exists");

    let mut ends = 0;
    let mut last = None;
    while let Some(event) = watching.next_event().await.expect("the store works") {
        ends += usize::from(matches!(event, ProgressEvent::JobEnded { .. }));
        last = Some(event);
    }
    let status = waiting.wait().await.expect("waited");

    assert_eq!((ends, status), (15, BatchStatus::Completed));
    assert!(matches!(last, Some(ProgressEvent::BatchEnded { .. })), "{last:?}");
    assert_eq!((world.log.count("server"), world.log.count("worker")), (0, 15));
    drop(worker);
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_reaches_the_process_that_fetches() {
    let world = World::new(0);
    // A lease so long that its renewal cannot be what tells the worker.
    let settings = Settings::default().with_lease(Duration::from_hours(24));
    let worker = world.builder("worker").settings(settings).build().expect("all parts are there");
    let server = world.server();
    let batch = server.submit(pages(2, 1)).await.expect("accepted");
    until("two pages begin", || world.log.count("worker") == 2).await;

    let canceled = server.cancel(batch.id()).await.expect("canceled");

    assert_eq!(canceled.canceled_jobs, 2);
    until("two pages are abandoned", || world.log.count("abandoned") == 2).await;
    drop(worker);
}

#[tokio::test(start_paused = true)]
async fn an_engine_with_a_wrong_clock_steals_nothing() {
    let world = World::new(0);
    let right = world.engine("right");
    let fast = Fast(world.clock.clone(), Duration::from_mins(10));
    let wrong = world.builder("wrong").clock(fast).build().expect("all parts are there");
    sleep(ACQUAINTED).await;

    let mut batch = wrong.submit(pages(12, 1)).await.expect("accepted");
    let all = || world.log.count("right") + world.log.count("wrong");
    until("all pages begin", || all() == 12).await;
    // Leases are renewed twice.
    sleep(Duration::from_secs(25)).await;
    assert_eq!(all(), 12, "none of them begins again");
    world.gate.add_permits(12);

    assert_eq!(batch.wait().await.expect("waited"), BatchStatus::Completed);
    assert_eq!((all(), world.log.count("abandoned")), (12, 0));
    let jobs = right.jobs(batch.id()).await.expect("they exist");
    assert!(jobs.iter().all(|it| it.lost == 0 && it.claims == 1), "{jobs:?}");
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_is_dated_by_the_clock_of_the_store() {
    let world = World::new(0);
    let server = world.server();
    let batch = server.submit(pages(1, 1)).await.expect("accepted");
    let fast = Fast(world.clock.clone(), Duration::from_mins(10));
    // It is asked before it has begun to work.
    let wrong = world.builder("wrong").clock(fast).calls_only().build().expect("all parts");

    wrong.cancel(batch.id()).await.expect("canceled");

    let ended = server.batch(batch.id()).await.expect("it exists").ended_at.expect("it ended");
    assert!(ended <= world.clock.now(), "{ended:?} is in the future");
}

#[tokio::test(start_paused = true)]
async fn finished_pages_survive_an_outage_of_the_store() {
    let world = World::new(0);
    let handle = world.store.open();
    let engine = world.builder("one").store(handle.clone()).build().expect("all parts are there");
    let mut batch = engine.submit(pages(5, 1)).await.expect("accepted");
    until("five pages begin", || world.log.count("one") == 5).await;

    handle.cut();
    world.gate.add_permits(5);
    sleep(Duration::from_secs(45)).await;
    let refused = engine.submit(pages(1, 1)).await.expect_err("the store cannot be reached");
    let unread = engine.batch(batch.id()).await.expect_err("the store cannot be reached");
    handle.restore();

    assert!(matches!(&refused, SubmitError::Engine(it) if it.is_unavailable()), "{refused:?}");
    assert!(unread.is_unavailable(), "{unread:?}");
    while batch.wait().await.is_err() {
        sleep(Duration::from_secs(1)).await;
    }
    let jobs = engine.jobs(batch.id()).await.expect("they exist");
    assert!(jobs.iter().all(|it| it.state == JobState::Succeeded && it.claims == 1), "{jobs:?}");
    assert_eq!(world.log.count("one"), 5, "no page is fetched again");
}

#[tokio::test(start_paused = true)]
async fn a_submission_waits_out_a_short_outage() {
    let world = World::new(usize::MAX >> 4);
    let handle = world.store.open();
    let engine = world.builder("one").store(handle.clone()).build().expect("all parts are there");
    engine.submit(pages(1, 1)).await.expect("accepted").wait().await.expect("waited");
    handle.cut();

    let (submitted, ()) = tokio::join!(engine.submit(pages(1, 2)), async {
        sleep(Duration::from_secs(2)).await;
        handle.restore();
    });

    let mut batch = submitted.expect("the outage was short");
    assert_eq!(batch.wait().await.expect("waited"), BatchStatus::Completed);
}

#[tokio::test]
async fn a_store_of_one_process_needs_an_engine_that_works() {
    let world = World::new(0);

    let refused = world.builder("server").store(Memory::new()).calls_only().build();

    assert!(matches!(refused, Err(BuildError::Setting { field: "calls_only", .. })), "{refused:?}");
}
