//! Stored sessions of jobs: what a job may change of a session, and what happens to it meanwhile.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rungs::core::failure::ErrorCode;
use rungs::core::id::{AccountId, SessionId};
use rungs::core::session::{
    CookieChange, OriginStorage, Session, SessionCookie, SessionState, SessionStatus,
};
use rungs::core::tier::Tier;
use rungs::core::time::Timestamp;
use rungs::engine::{
    BatchHandle, NewSession, SessionError, SessionSecret, SessionUpdate, Settings, SubmitError,
};
use rungs::ports::BoxFuture;
use rungs::ports::fetch::{
    BrowserFetcher, FetchError, FetchRequest, Fetched, Rendered, fetcher_fn,
};
use rungs::ports::session::{SessionStore, SessionStoreError, StoredSession};
use rungs::ports::store::StoreError;
use rungs::prelude::*;
use rungs::stores::{SealedSessions, SealingKey, SealingKeys};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::support::PATIENCE;
use crate::support::paused::Paused;

/// The troubles of a store of sessions.
#[derive(Debug)]
pub(super) struct Troubles {
    /// The calls that fail as in an outage.
    outages: AtomicUsize,
    /// `true` if every call fails for good.
    is_broken: AtomicBool,
    /// The session whose reads wait for the gate.
    pub(super) held: Mutex<Option<SessionId>>,
    pub(super) gate: Semaphore,
    /// The number of reads that waited for the gate.
    pub(super) waited: AtomicUsize,
}

#[derive(Clone, Debug)]
struct Troubled(SealedSessions, Arc<Troubles>);

impl Troubled {
    fn fails(&self) -> Result<(), SessionStoreError> {
        let less = |it: usize| it.checked_sub(1);
        if self.1.is_broken.load(Ordering::SeqCst) {
            return Err(SessionStoreError::Backend("the vault is broken".into()));
        }
        match self.1.outages.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less) {
            Ok(_) => {
                let source = "the connection was lost".into();
                Err(StoreError::Unavailable { store: "troubled", source }.into())
            }
            Err(_) => Ok(()),
        }
    }
}

impl SessionStore for Troubled {
    fn put(
        &self,
        session: Session,
        state: SessionState,
        expected: Option<u64>,
    ) -> BoxFuture<'_, Result<(), SessionStoreError>> {
        Box::pin(async move {
            self.fails()?;
            self.0.put(session, state, expected).await
        })
    }

    fn get(
        &self,
        account: AccountId,
        id: SessionId,
    ) -> BoxFuture<'_, Result<Option<StoredSession>, SessionStoreError>> {
        Box::pin(async move {
            let is_held = *self.1.held.lock().expect("no panic inside") == Some(id);
            if is_held {
                self.1.waited.fetch_add(1, Ordering::SeqCst);
                self.1.gate.acquire().await.expect("never closed").forget();
            }
            self.fails()?;
            self.0.get(account, id).await
        })
    }

    fn find(
        &self,
        account: AccountId,
        id: SessionId,
    ) -> BoxFuture<'_, Result<Option<Session>, SessionStoreError>> {
        Box::pin(async move {
            self.fails()?;
            self.0.find(account, id).await
        })
    }

    fn list(
        &self,
        account: AccountId,
        after: Option<SessionId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Session>, SessionStoreError>> {
        Box::pin(async move {
            let listed = self.0.list(account, after, limit).await;
            // Others continue, as with a store that has to wait for its disk.
            tokio::task::yield_now().await;
            listed
        })
    }

    fn remove(
        &self,
        account: AccountId,
        id: SessionId,
    ) -> BoxFuture<'_, Result<bool, SessionStoreError>> {
        self.0.remove(account, id)
    }
}

/// Waits until `condition` holds.
pub(super) async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let waited = timeout(10 * PATIENCE, async {
        while !condition() {
            sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.expect(what);
}

/// A site whose pages wait for permits. Those below `/renew` set a cookie, `/member` is a login, `/app` logs in with its
/// scripts, `/guarded` refuses tier 1, `/thin` shows too little to tier 1 and hangs then, `busy.test` asks for a pause, and
/// `portal.test` asks for a login on another host.
#[derive(Clone, Debug)]
pub(super) struct Shop {
    pub(super) gate: Arc<Semaphore>,
    pub(super) begun: Arc<AtomicUsize>,
    /// The number of headers of the session that each request carried.
    pub(super) headers: Arc<Mutex<Vec<usize>>>,
}

fn page(text: &str) -> Fetched {
    let filler = "Flour, water, salt and time are all that a good loaf needs. ".repeat(8);
    let page = format!("<title>{text}</title><h1>{text}</h1><p>{filler}</p>");
    Fetched::new(200, page).header("content-type", "text/html")
}

impl Shop {
    async fn serve(self, request: FetchRequest) -> Result<Fetched, FetchError> {
        let session = request.session.expect("every item names one");
        self.headers.lock().expect("no panic inside").push(session.headers().len());
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.expect("never closed").forget();
        let url = request.url.as_str();
        if url.ends_with("/member") {
            return Ok(Fetched::new(401, "").header("content-type", "text/html"));
        }
        if url.ends_with("/app") {
            // A site that logs a visitor out deletes the cookies.
            let cookies = session.state().cookies.iter().cloned();
            cookies.for_each(|it| session.report(CookieChange::Removed(it)));
            let form = "<form><input name=u><input type=password></form>";
            return Ok(Fetched::new(200, form).header("content-type", "text/html"));
        }
        if url.starts_with("https://portal.test/") {
            let form = "<form><input name=u><input type=password></form>";
            let form = Fetched::new(200, form).header("content-type", "text/html");
            return Ok(form.with_final_url("https://www.portal.test/"));
        }
        if url.starts_with("https://busy.test/") {
            return Ok(Fetched::new(429, "later").header("retry-after", "60"));
        }
        let sid = |value: &str| SessionCookie::new("sid", value, session.domain());
        if url.ends_with("/guarded") && request.tier == Tier::Curl {
            session.report(CookieChange::Set(sid("anonymous")));
            let page = "<h1>403 Forbidden</h1>";
            return Ok(Fetched::new(403, page).header("content-type", "text/html"));
        }
        if url.ends_with("/thin") {
            let is_first = request.tier == Tier::Curl;
            session.report(CookieChange::Set(sid(if is_first { "kept" } else { "anonymous" })));
            if !is_first {
                std::future::pending::<()>().await;
            }
            return Ok(Fetched::new(200, "<p>Back soon</p>").header("content-type", "text/html"));
        }
        let cookie = |name: &str| SessionCookie::new(name, "2", session.domain());
        session.report(CookieChange::Set(cookie("")));
        session.report(CookieChange::Set(cookie("renewed")));
        Ok(page("Orders"))
    }

    pub(super) async fn begun(&self, pages: usize) {
        eventually("the page begins", || self.begun.load(Ordering::SeqCst) >= pages).await;
    }
}

impl BrowserFetcher for Shop {
    fn render(&self, _: FetchRequest) -> BoxFuture<'_, Result<Rendered, FetchError>> {
        Box::pin(async { Ok(Rendered::new(page("App"))) })
    }
}

pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) shop: Shop,
    pub(super) troubles: Arc<Troubles>,
    stored: SealedSessions,
    pub(super) account: AccountId,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(Settings::default())
    }

    pub(super) fn with(settings: Settings) -> Self {
        let store = Arc::new(Memory::default());
        let troubles = Arc::new(Troubles {
            outages: AtomicUsize::new(0),
            is_broken: AtomicBool::new(false),
            held: Mutex::default(),
            gate: Semaphore::new(0),
            waited: AtomicUsize::new(0),
        });
        let keys = SealingKeys::new(SealingKey::from_bytes([7; 32]));
        let sealed = SealedSessions::new(Arc::clone(&store), keys);
        let gate = Arc::new(Semaphore::new(0));
        let shop = Shop { gate, begun: Arc::default(), headers: Arc::default() };
        let serving = shop.clone();
        let engine = Engine::builder()
            .store(store)
            .http(fetcher_fn([Tier::Curl, Tier::Http], move |it| serving.clone().serve(it)))
            .browser(shop.clone())
            .sessions(Troubled(sealed.clone(), Arc::clone(&troubles)))
            .clock(Paused::default())
            .settings(settings)
            .build()
            .expect("complete");
        Self { engine, shop, troubles, stored: sealed, account: AccountId::default() }
    }

    /// Lets all pages of the site through.
    pub(super) fn open(&self) {
        self.shop.gate.add_permits(1_000);
    }

    pub(super) async fn session(&self, secret: SessionSecret) -> Session {
        let new = NewSession::new("my shop", "shop.test").secret(secret);
        self.engine.sessions().create(new).await.expect("created")
    }

    pub(super) async fn refresh(&self, id: SessionId, secret: SessionSecret) -> Session {
        self.engine.sessions().refresh(&self.account, id, secret).await.expect("refreshed")
    }

    pub(super) async fn read(&self, id: SessionId) -> Session {
        self.engine.sessions().get(&self.account, id).await.expect("there")
    }

    /// Returns the value of a cookie of a session.
    pub(super) async fn value(&self, id: SessionId, name: &str) -> Option<String> {
        let stored = self.stored.get(self.account.clone(), id).await.expect("read").expect("there");
        stored.state.cookies.into_iter().find(|it| it.name == name).map(|it| it.value)
    }

    /// Submits a page whose first reads of its session fail as in an outage.
    async fn submit_in_outage(&self, item: Item, id: SessionId, reads: usize) -> BatchHandle {
        *self.troubles.held.lock().expect("no panic inside") = Some(id);
        let handle = self.engine.submit(Batch::new([item])).await.expect("accepted");
        self.troubles.outages.store(reads, Ordering::SeqCst);
        *self.troubles.held.lock().expect("no panic inside") = None;
        self.troubles.gate.add_permits(1);
        handle
    }

    async fn refused(&self, batch: Batch) -> SubmitError {
        self.engine.submit(batch).await.expect_err("refused")
    }
}

pub(super) fn cookie(name: &str) -> SessionSecret {
    SessionSecret::default().cookies([(name, "1")])
}

pub(super) fn item(path: &str, id: SessionId) -> Item {
    Item::get(format!("https://shop.test{path}")).session(id)
}

#[tokio::test(start_paused = true)]
async fn a_job_and_a_validation_leave_a_session_that_was_refreshed_meanwhile() {
    for path in ["/member", "/renew", "validate"] {
        let world = World::new();
        let id = world.session(cookie("old")).await.id;
        let sessions = world.engine.sessions();

        let job = async {
            if path == "validate" {
                let result = sessions.validate(&world.account, id).await.expect("validated");
                assert!(!result.is_valid && result.confidence == 0, "{result:?}");
                assert!(result.details.contains("validate it again"), "{result:?}");
                return None;
            }
            let report = world.engine.scrape(item(path, id)).await.expect("accepted");
            Some(report.result().map(|_| ()).map_err(|it| it.code))
        };
        let refresh = async {
            world.shop.begun(1).await;
            world.refresh(id, cookie("fresh")).await;
            world.open();
        };
        let (ended, ()) = tokio::join!(job, refresh);

        let read = world.read(id).await;
        assert_eq!((read.status, read.consecutive_failures), (SessionStatus::Active, 0), "{path}");
        assert_eq!((&read.cookie_names[..], read.replacements), (&["fresh".to_owned()][..], 1));
        assert_eq!(ended.is_some_and(|it| it.is_ok()), path == "/renew", "{path}");
        assert_eq!(read.total_requests, u64::from(path != "validate"), "{path}");
        // Later pages count again.
        world.engine.scrape(item("/renew", id)).await.expect("accepted");
        assert_eq!(world.read(id).await.cookie_names, ["fresh", "renewed"], "{path}");
        world.engine.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_that_the_browser_overcomes_deletes_no_cookie() {
    let world = World::new();
    world.open();
    let storage = [OriginStorage::new("https://shop.test", [("t".to_owned(), "1".to_owned())])];
    let state = SessionState::default().with_storage(storage);
    let id = world.session(cookie("sid").storage_state(state)).await.id;

    let report = world.engine.scrape(item("/app", id)).await.expect("accepted");

    assert_eq!(report.tier(), Some(Tier::Browser), "{:?}", report.result());
    let read = world.read(id).await;
    assert_eq!((&read.cookie_names[..], read.successful_requests), (&["sid".to_owned()][..], 1));
    world.engine.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_waits_out_an_outage_of_the_sessions() {
    let world = World::new();
    let id = world.session(cookie("sid")).await.id;
    // More than two minutes: the job is put back meanwhile.
    let mut handle = world.submit_in_outage(item("/renew", id), id, 140).await;
    let report = async {
        let report = handle.report().await.expect("a report");
        report.jobs()[0].result().map(|_| ()).map_err(Clone::clone)
    };
    let outage = async {
        world.shop.begun(1).await;
        assert_eq!(world.troubles.outages.load(Ordering::SeqCst), 0);
        world.troubles.outages.store(3, Ordering::SeqCst);
        world.open();
    };

    let (ended, ()) = tokio::join!(report, outage);

    assert_eq!(ended, Ok(()));
    let is_over = || world.troubles.outages.load(Ordering::SeqCst) == 0;
    eventually("the session is written back", is_over).await;
    let renamed = SessionUpdate::default().name("renamed");
    // Its turn comes after the one that writes the session back.
    let read = world.engine.sessions().update(&world.account, id, renamed).await.expect("updated");
    assert_eq!((read.total_requests, read.cookie_names.len()), (1, 2), "{read:?}");
    world.engine.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn headers_of_an_https_session_stay_off_plain_http() {
    let world = World::new();
    world.open();
    let id = world.session(cookie("sid")).await.id;
    let plain = Item::get("http://shop.test/renew").session(id);
    let token = SessionSecret::default().headers([("Authorization", "Bearer s3cret")]);

    // The session gets its headers between the submission and the page.
    let mut handle = world.submit_in_outage(plain.clone(), id, 1).await;
    while world.troubles.outages.load(Ordering::SeqCst) > 0 {
        sleep(Duration::from_millis(20)).await;
    }
    let refreshed = world.refresh(id, token).await;
    let report = handle.report().await.expect("a report");

    assert_eq!((refreshed.header_names.len(), report.jobs().len()), (1, 1));
    assert_eq!(world.shop.headers.lock().expect("no panic inside")[..], [0]);
    let SubmitError::Item { index: 0, error } = world.refused(Batch::new([plain])).await else {
        panic!("the item is refused")
    };
    assert!(error.reason().contains("over https only"), "{error}");
    world.engine.scrape(item("/renew", id)).await.expect("accepted");
    assert_eq!(world.shop.headers.lock().expect("no panic inside")[..], [0, 1]);
    world.engine.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_session_that_waits_for_its_store_holds_up_no_other() {
    let world = World::new();
    let (first, second) =
        (world.session(cookie("a")).await.id, world.session(cookie("b")).await.id);
    *world.troubles.held.lock().expect("no panic inside") = Some(first);
    let renamed = async |id| {
        let update = SessionUpdate::default().name("renamed");
        world.engine.sessions().update(&world.account, id, update).await.expect("updated").name
    };

    let held = renamed(first);
    let free = async {
        let name = timeout(PATIENCE, renamed(second)).await.expect("it waits for nobody");
        world.troubles.gate.add_permits(1);
        name
    };
    let (held, free) = tokio::join!(held, free);

    assert_eq!((held.as_str(), free.as_str()), ("renamed", "renamed"));
    world.engine.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_broken_store_of_sessions_is_no_mistake_of_the_caller() {
    let world = World::new();
    let id = world.session(cookie("sid")).await.id;

    world.troubles.is_broken.store(true, Ordering::SeqCst);
    let error = world.refused(Batch::new([item("/renew", id)])).await;

    assert!(matches!(error, SubmitError::Engine(_)), "{error:?}");
    world.engine.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn an_expired_session_is_refused_until_it_is_refreshed() {
    let world = World::new();
    world.open();
    let id = world.session(cookie("sid")).await.id;
    let batch = |key: &str| Batch::new([item("/renew", id)]).idempotency_key(key);
    let first = world.engine.submit(batch("first")).await.expect("accepted").id();

    let past = SessionUpdate::default().expires_at(Timestamp::from_millis(1));
    world.engine.sessions().update(&world.account, id, past).await.expect("updated");
    let repeated = world.engine.submit(batch("first")).await.expect("it was accepted before").id();
    let SubmitError::Item { error, .. } = world.refused(batch("second")).await else {
        panic!("the item is refused")
    };
    let begun = world.shop.begun.load(Ordering::SeqCst);
    let validated = world.engine.sessions().validate(&world.account, id).await.expect("known");
    assert!(!validated.is_valid && validated.details.contains("expires_at"), "{validated:?}");
    assert_eq!(world.shop.begun.load(Ordering::SeqCst), begun, "its secret is not sent");
    let changed = Batch::new([item("/member", id)]).idempotency_key("first");
    let reused = world.refused(changed).await;
    let refreshed = world.refresh(id, cookie("sid")).await;

    assert_eq!(repeated, first);
    assert!(error.reason().contains("has expired"), "{error}");
    assert!(matches!(reused, SubmitError::KeyReused { .. }), "{reused:?}");
    assert_eq!((refreshed.status, refreshed.expires_at), (SessionStatus::Active, None));
    let report = world.engine.scrape(item("/member", id)).await.expect("accepted");
    assert_eq!(report.result().expect_err("a login").code, ErrorCode::LoginRequired);
    world.engine.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn sessions_created_at_once_stay_within_the_limit() {
    let world = World::new();
    let session = world.session(cookie("sid")).await;
    for number in 1..999 {
        let id = SessionId::new(Timestamp::from_millis(number), 0, 1);
        let state = SessionState::default();
        let mut another = session.clone();
        another.id = id;
        world.stored.put(another, state, None).await.expect("stored");
    }

    let sessions = world.engine.sessions();
    let create = || sessions.create(NewSession::new("shop", "shop.test").secret(cookie("sid")));
    let (one, two, three) = tokio::join!(create(), create(), create());

    let refused = [one, two, three].into_iter().filter_map(Result::err).collect::<Vec<_>>();
    let too_many = |it: &SessionError| matches!(it, SessionError::TooMany { most: 1_000 });
    assert!(refused.len() == 2 && refused.iter().all(too_many), "{refused:?}");
    world.engine.shutdown().await;
}
