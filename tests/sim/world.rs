//! The environment of the engines of a run: time, pages, receivers, and the store behind their links.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rungs::core::id::{BatchId, CrawlId};
use rungs::core::record::Queue;
use rungs::core::tier::Tier;
use rungs::core::time::Timestamp;
use rungs::ports::BoxFuture;
use rungs::ports::clock::{BlockingPool, BlockingWork, Clock, Entropy};
use rungs::ports::extract::{Document, ExtractError, Extracted, Extractor};
use rungs::ports::fetch::{
    BrowserFetcher, FetchError, FetchErrorKind, FetchRequest, Fetched, HttpFetcher, Rendered,
};
use rungs::ports::notify::{DeliveryOutcome, DeliveryRequest, Notifier, WebhookUrlError};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::base::Base;
use crate::link::Life;
use crate::oracle::Oracle;
use crate::plan::{Host, Plan, Receiver, StoreKind};
use crate::rng::Rng;

/// When every run begins: 1 January 2026.
const BEGIN: u64 = 1_767_225_600_000;

/// Everything outside the engines.
pub(crate) struct World {
    pub(crate) plan: Plan,
    begun: Instant,
    /// The offset of each engine's clock in milliseconds.
    offsets: Vec<AtomicI64>,
    /// The offset of the clock of a store that is served.
    store_offset: AtomicI64,
    /// The wake-ups of each engine, one per queue.
    wakes: Vec<[Notify; Queue::ALL.len()]>,
    base: Mutex<Base>,
    oracle: Mutex<Oracle>,
    /// Processes that died at a store call and are not yet started again.
    crashed: Mutex<Vec<usize>>,
    /// Requests a page has had, for sites that flap.
    requests: Mutex<BTreeMap<String, u64>>,
    steps: AtomicU64,
    /// A running hash of all that happened, and when: equal for equal runs.
    digest: AtomicU64,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "World({})", self.plan.seed)
    }
}

impl World {
    pub(crate) fn new(plan: Plan) -> Self {
        Self {
            begun: Instant::now(),
            offsets: plan.clocks.iter().map(|it| AtomicI64::new(*it)).collect(),
            store_offset: AtomicI64::new(0),
            wakes: (0..plan.engines).map(|_| Default::default()).collect(),
            base: Mutex::new(Base::new(plan.store, plan.journal)),
            oracle: Mutex::default(),
            crashed: Mutex::default(),
            requests: Mutex::default(),
            steps: AtomicU64::new(0),
            digest: AtomicU64::new(0xcbf2_9ce4_8422_2325),
            plan,
        }
    }

    pub(crate) fn base(&self) -> MutexGuard<'_, Base> {
        self.base.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.oracle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Returns the time of `engine`'s clock.
    pub(crate) fn now(&self, engine: usize) -> Timestamp {
        self.shifted(&self.offsets[engine])
    }

    fn shifted(&self, by: &AtomicI64) -> Timestamp {
        let at = Timestamp::from_millis(BEGIN).after(self.elapsed());
        Timestamp::from_millis(at.as_millis().saturating_add_signed(by.load(Ordering::Relaxed)))
    }

    /// Returns the time that decides when leases of `engine` begin and end.
    pub(crate) fn lease_time(&self, engine: usize) -> Timestamp {
        if self.plan.store != StoreKind::Served {
            return self.now(engine);
        }
        self.shifted(&self.store_offset)
    }

    /// Returns the signal for `engine` that others changed a queue.
    pub(crate) fn wake(&self, engine: usize, queue: Queue) -> &Notify {
        let place = Queue::ALL.iter().position(|it| *it == queue);
        &self.wakes[engine][place.expect("one of all")]
    }

    pub(crate) fn jump(&self, engine: usize, by: i64) {
        self.offsets[engine].fetch_add(by, Ordering::Relaxed);
    }

    /// Makes all clocks agree from now on, without setting one back.
    pub(crate) fn agree(&self, and_jump: i64) {
        let furthest = self.offsets.iter().map(|it| it.load(Ordering::Relaxed)).max();
        for offset in &self.offsets {
            offset.store(furthest.unwrap_or_default() + and_jump, Ordering::Relaxed);
        }
        self.store_offset.fetch_add(and_jump, Ordering::Relaxed);
    }

    pub(crate) fn crashed(&self, engine: usize) {
        self.crashed.lock().unwrap_or_else(PoisonError::into_inner).push(engine);
    }

    pub(crate) fn take_crashed(&self) -> Vec<usize> {
        std::mem::take(&mut self.crashed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Something happened.
    pub(crate) fn step(&self, engine: usize, what: &str) {
        self.steps.fetch_add(1, Ordering::Relaxed);
        let at = self.elapsed().as_millis();
        let mut hash = self.digest.load(Ordering::Relaxed);
        for byte in what.bytes().chain(at.to_le_bytes()).chain(engine.to_le_bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.digest.store(hash, Ordering::Relaxed);
    }

    pub(crate) fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digest.load(Ordering::Relaxed)
    }
}

/// The world as one process sees it.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    pub(crate) world: Arc<World>,
    pub(crate) engine: usize,
    pub(crate) life: Arc<Life>,
}

impl Clock for Seat {
    fn now(&self) -> Timestamp {
        self.world.now(self.engine)
    }

    fn monotonic(&self) -> Duration {
        match self.world.plan.store {
            StoreKind::Served => self.world.elapsed(),
            StoreKind::Shared | StoreKind::Forgetful => {
                Duration::from_millis(self.now().as_millis())
            }
        }
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()> {
        let life = Arc::clone(&self.life);
        Box::pin(async move {
            tokio::time::sleep(wait).await;
            life.go_on().await;
        })
    }
}

/// A process's own chance.
#[derive(Debug)]
pub(crate) struct Chance(pub(crate) Mutex<Rng>);

impl Entropy for Chance {
    fn random_u64(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next()
    }
}

/// Work is done on the spot.
#[derive(Debug)]
pub(crate) struct OnTheSpot;

impl BlockingPool for OnTheSpot {
    fn run(&self, work: BlockingWork) -> BoxFuture<'static, ()> {
        work();
        Box::pin(std::future::ready(()))
    }
}

const PROSE: &str = "<html><head><title>Bread</title></head><body><h1>Bread</h1><p>Flour, water, \
    salt and time are all that a good loaf needs, and of these time is the one that most people \
    are least willing to give. Let it stand overnight.</p>";
const SHELL: &str = "<html><head><title>App</title><script src=/app.js></script></head><body>\
    <div id=\"root\"></div><noscript>You need to enable JavaScript to run this app.</noscript>\
    </body></html>";

/// Returns a text that contains the number of the claim, from which the oracle finds the origin of a result.
fn prose(claim: u32) -> String {
    format!("{PROSE}<p>This was fetched under claim {claim} .</p></body></html>")
}

impl Seat {
    /// Returns the response of the request's site.
    async fn answer(self, request: FetchRequest) -> Result<Fetched, FetchError> {
        let url = request.url.as_str().to_owned();
        let place = url.split("://h").nth(1).and_then(|it| it.split('.').next());
        let host = place.and_then(|it| it.parse::<usize>().ok()).expect("our own address");
        self.world.step(self.engine, "fetch");
        let claim = self.world.oracle().claim_of(&url);
        let page =
            |status, body: &str| Ok(Fetched::new(status, body).header("content-type", "text/html"));
        if url.ends_with("/robots.txt") && self.world.plan.hosts[host] == Host::Healthy {
            return Ok(Fetched::new(200, "user-agent: *\ncrawl-delay: 1"));
        }
        let mut wait = 3;
        let answer = match self.world.plan.hosts[host] {
            Host::BlocksBelow(tier) if request.tier.index() < tier => page(403, "Access denied"),
            Host::Healthy | Host::BlocksBelow(_) => page(200, &prose(claim)),
            Host::Slow(millis) => {
                wait = millis;
                page(200, &prose(claim))
            }
            Host::Flapping(times) => Ok(self.flap(&url, times, claim)),
            Host::Dead => Err(FetchError::new(FetchErrorKind::Connect, "refused")),
            Host::Silent => {
                std::future::pending::<()>().await;
                unreachable!("nothing wakes it")
            }
            Host::Missing => page(404, "not here"),
            Host::NeedsBrowser if request.tier == Tier::Browser => page(200, &prose(claim)),
            Host::NeedsBrowser => page(200, SHELL),
            Host::Panics => panic!("a planned panic in the fetcher"),
            Host::Unreadable => page(200, &format!("{}<p>Unreadable.</p>", prose(claim))),
        };
        tokio::time::sleep(Duration::from_millis(wait)).await;
        self.life.go_on().await;
        let mut oracle = self.world.oracle();
        if oracle.claim_of(&url) > claim {
            oracle.note("result of a stale claim");
        }
        answer
    }

    fn flap(&self, url: &str, times: u64, claim: u32) -> Fetched {
        let mut requests = self.world.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let count = requests.entry(url.to_owned()).or_default();
        *count += 1;
        if *count > times {
            return Fetched::new(200, prose(claim)).header("content-type", "text/html");
        }
        Fetched::new(503, "busy").header("retry-after", "1")
    }
}

impl HttpFetcher for Seat {
    fn tiers(&self) -> Vec<Tier> {
        vec![Tier::Curl, Tier::Http, Tier::Stealth, Tier::LightJs]
    }

    fn fetch(&self, request: FetchRequest) -> BoxFuture<'_, Result<Fetched, FetchError>> {
        Box::pin(self.clone().answer(request))
    }
}

impl BrowserFetcher for Seat {
    fn render(&self, request: FetchRequest) -> BoxFuture<'_, Result<Rendered, FetchError>> {
        let answer = self.clone().answer(request);
        Box::pin(async move { Ok(Rendered::new(answer.await?)) })
    }
}

/// Takes the body as the text.
#[derive(Debug)]
pub(crate) struct Plain;

impl Extractor for Plain {
    fn extract(&self, page: Document<'_>) -> Result<Extracted, ExtractError> {
        let text = String::from_utf8_lossy(page.body).into_owned();
        assert!(!text.contains("Unreadable."), "a planned panic in the extractor");
        if page.tier == Tier::LightJs && text.contains("root") {
            return Err(ExtractError::Empty);
        }
        let mut extracted = Extracted::new(text);
        if page.wants_links {
            extracted.links = links(page.url);
        }
        Ok(extracted)
    }
}

/// The links of a page of a crawl, a tree of forty pages with links back.
fn links(url: &str) -> Vec<String> {
    const PAGES: usize = 40;
    let Some((site, number)) = url.rsplit_once('/') else { return Vec::new() };
    let Ok(number) = number.parse::<usize>() else { return Vec::new() };
    let next = (3 * number + 1..=3 * number + 3).filter(|it| *it < PAGES);
    next.chain([0, number / 2]).map(|it| format!("{site}/{it}")).collect()
}

impl Notifier for Seat {
    fn deliver(&self, delivery: DeliveryRequest) -> BoxFuture<'_, DeliveryOutcome> {
        Box::pin(self.clone().receive(delivery))
    }

    fn accepts(&self, _url: &str) -> Result<(), WebhookUrlError> {
        Ok(())
    }
}

impl Seat {
    async fn receive(self, delivery: DeliveryRequest) -> DeliveryOutcome {
        self.world.step(self.engine, "deliver");
        let receiver = delivery.url.rsplit('/').next().and_then(|it| it.parse::<usize>().ok());
        let receiver = self.world.plan.receivers[receiver.expect("our own address")];
        let body: serde_json::Value = serde_json::from_str(&delivery.body).expect("JSON");
        let data = &body["data"];
        let id = delivery.id.to_string();
        if let Some(crawl) = data["crawl_id"].as_str() {
            let crawl: CrawlId = crawl.parse().expect("an id");
            let batch = BatchId::from_bytes(*crawl.as_bytes());
            self.world.oracle().told(batch, id, delivery.body);
        } else if let Some(batch) = data["batch_id"].as_str() {
            let batch: BatchId = batch.parse().expect("an id");
            self.world.oracle().told(batch, id, delivery.body);
        } else {
            self.world.oracle().told_item(id, delivery.body);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
        self.life.go_on().await;
        match receiver {
            Receiver::Fails(times) if delivery.attempt <= times => {
                let reason = "busy".to_owned();
                DeliveryOutcome::Failed {
                    status: Some(500),
                    reason,
                    response_body: None,
                    retry_after: None,
                }
            }
            Receiver::Accepts | Receiver::Fails(_) => {
                DeliveryOutcome::Accepted { status: 200, response_body: None }
            }
            Receiver::AcceptsAndHangs => {
                std::future::pending::<()>().await;
                unreachable!("nothing wakes it")
            }
            Receiver::Gone => DeliveryOutcome::Refused {
                status: Some(410),
                reason: "410".to_owned(),
                response_body: None,
            },
            Receiver::Panics => panic!("a planned panic in the notifier"),
        }
    }
}
