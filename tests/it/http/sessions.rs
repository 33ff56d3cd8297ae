//! Stored sessions: who gets them, what comes back, and that nothing shows them.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rungs::core::failure::ErrorCode;
use rungs::core::id::{AccountId, SessionId};
use rungs::core::session::{Session, SessionStatus};
use rungs::core::time::Timestamp;
use rungs::engine::{NewSession, SessionError, SessionSecret, SessionUpdate};
use rungs::net::NetPolicy;
use rungs::ports::store::Store;
use rungs::prelude::*;
use rungs::stores::{SealedSessions, SealingKey, SealingKeys, Sled};
use rungs::testkit::site::{Site, SiteRequest, SiteResponse};

const SECRET: &str = "s3cret-of-a-visitor";
const ROTATED: &str = "s3cret-that-was-rotated";
const TOKEN: &str = "Bearer s3cret-token";

/// The requests that hosts received: host, path, cookies and authorization.
type Seen = Arc<Mutex<Vec<(String, String, Option<String>, Option<String>)>>>;

fn page(text: &str) -> SiteResponse {
    let filler = "Flour, water, salt and time are all that a good loaf needs. ".repeat(8);
    SiteResponse::html(format!("<title>{text}</title><h1>{text}</h1><p>{filler}</p>"))
}

fn shop(request: &SiteRequest) -> SiteResponse {
    let cookies = request.header("cookie").unwrap_or_default();
    let is_member = cookies.contains(SECRET) || cookies.contains(ROTATED);
    match request.path.as_str() {
        "/away" => SiteResponse::redirect(302, "http://evil.test/steal"),
        "/www" => SiteResponse::redirect(302, "http://www.shop.test/members"),
        "/refresh" => SiteResponse::html(
            "<meta http-equiv=refresh content='0; url=http://evil.test/steal'>".to_owned(),
        ),
        "/login" => SiteResponse::html("<form><input name=u><input type=password></form>"),
        "/open" | "/steal" => page("Open"),
        _ if !is_member => SiteResponse::redirect(302, "/login"),
        "/above" => page("Above")
            .header("set-cookie", &format!("sid={ROTATED}; Domain=shop.test; Path=/; HttpOnly")),
        "/rotate" => page("Rotated")
            .header("set-cookie", &format!("sid={ROTATED}; Path=/; HttpOnly"))
            .header("set-cookie", "seen=1; Path=/; Max-Age=0"),
        _ => page(&format!("Orders {}", request.path)).header("set-cookie", "visits=2; Path=/"),
    }
}

struct World {
    site: Site,
    seen: Seen,
    engine: Engine,
    store: Arc<dyn Store>,
}

impl World {
    fn on(store: impl Store + 'static) -> Self {
        let store: Arc<dyn Store> = Arc::new(store);
        let seen = Seen::default();
        let log = Arc::clone(&seen);
        let site = Site::start(move |request| {
            let header = |name| request.header(name).map(str::to_owned);
            let entry = (
                request.host.clone(),
                request.path.clone(),
                header("cookie"),
                header("authorization"),
            );
            log.lock().expect("no panic inside").push(entry);
            shop(request)
        });
        let hosts = ["shop.test", "www.shop.test", "evil.test"];
        let network = NetPolicy::new().allow_network("127.0.0.0/8").expect("a network");
        let network = hosts.iter().fold(network, |it, host| it.resolve(host, site.addr()));
        let keys = SealingKeys::new(SealingKey::from_bytes([7; 32]));
        let engine = Engine::builder()
            .store(Arc::clone(&store))
            .http(Http::new().network(network))
            .sessions(SealedSessions::new(Arc::clone(&store), keys))
            .build()
            .expect("complete");
        Self { site, seen, engine, store }
    }

    fn new() -> Self {
        Self::on(Memory::default())
    }

    async fn session(&self) -> Session {
        let secret = SessionSecret::default()
            .cookies([("sid", SECRET), ("seen", "1")])
            .headers([("Authorization", TOKEN)]);
        let session = NewSession::new("my shop", "http://Shop.test/account").secret(secret);
        self.engine.sessions().create(session).await.expect("created")
    }

    async fn scrape(
        &self,
        item: Item,
    ) -> Result<rungs::engine::Page, rungs::core::failure::JobError> {
        self.engine.scrape(item).await.expect("accepted").into_result()
    }

    async fn read(&self, id: SessionId) -> Session {
        self.engine.sessions().get(&AccountId::default(), id).await.expect("there")
    }

    fn take_seen(&self) -> Vec<(String, String, Option<String>, Option<String>)> {
        std::mem::take(&mut self.seen.lock().expect("no panic inside"))
    }
}

fn item(path: &str, id: SessionId) -> Item {
    Item::get(format!("http://shop.test{path}")).session(id)
}

#[tokio::test]
async fn every_http_tier_sends_a_session_to_its_domain_only() {
    let world = World::new();
    let id = world.session().await.id;

    for tier in [Tier::Curl, Tier::Http, Tier::LightJs] {
        for path in ["/members", "/www", "/away", "/refresh"] {
            // A page of tier 3.5 needs embedded state, which these do not have; what is sent is the point.
            let _ = world.scrape(item(path, id).force_tier(tier)).await;
        }
        let seen = world.take_seen();

        let of = |host: &str, path: &str| {
            seen.iter().filter(|it| it.0 == host && it.1 == path).collect::<Vec<_>>()
        };
        assert!(!of("shop.test", "/members").is_empty(), "{tier}: {seen:?}");
        for (_, _, cookies, token) in of("shop.test", "/members") {
            let cookies = cookies.as_deref().expect("cookies");
            assert!(cookies.contains(&format!("sid={SECRET}")), "{tier}: {cookies}");
            assert_eq!(token.as_deref(), Some(TOKEN), "{tier}");
        }
        let [below] = of("www.shop.test", "/members")[..] else { panic!("{tier}: {seen:?}") };
        assert!(below.2.as_deref().is_some_and(|it| it.contains(SECRET)), "{tier}");
        assert_eq!(below.3, None, "{tier}: the token goes to the origin of the page only");
        assert!(!of("evil.test", "/steal").is_empty(), "{tier}: {seen:?}");
        for (_, _, cookies, token) in of("evil.test", "/steal") {
            assert_eq!((cookies, token), (&None, &None), "{tier}");
        }
    }
    world.engine.shutdown().await;
}

#[tokio::test]
async fn a_session_is_used_through_a_proxy() {
    let proxy = Site::start(|request| match request.header("cookie") {
        Some(cookies) if cookies.contains(SECRET) => page(&format!("Via proxy {}", request.path)),
        _ => SiteResponse::status(401),
    });
    let url = ProxyUrl::parse(&proxy.url("")).expect("a proxy");
    let network = NetPolicy::new().allow_network("127.0.0.0/8").expect("a network");
    let network = network.resolve("shop.test", proxy.addr()).proxies([url]);
    let store = Arc::new(Memory::default());
    let keys = SealingKeys::new(SealingKey::from_bytes([7; 32]));
    let engine = Engine::builder()
        .store(Arc::clone(&store))
        .http(Http::new().network(network))
        .sessions(SealedSessions::new(store, keys))
        .build()
        .expect("complete");
    let new = NewSession::new("my shop", "http://shop.test").cookies([("sid", SECRET)]);
    let id = engine.sessions().create(new).await.expect("created").id;

    let done =
        engine.scrape(item("/members", id).force_tier(Tier::Stealth)).await.expect("accepted");

    let page = done.into_result().expect("a page");
    assert_eq!(page.title(), Some("Via proxy http://shop.test/members"));
    assert!(page.proxied);
    engine.shutdown().await;
}

#[tokio::test]
async fn a_cookie_that_the_site_renews_is_used_next_time() {
    let world = World::new();
    let id = world.session().await.id;

    let page = world.scrape(item("/rotate", id)).await.expect("a page");
    assert!(!page.headers.iter().any(|(name, _)| name == "set-cookie"), "{:?}", page.headers);
    assert_eq!(page.session.as_deref(), Some("my shop"));
    world.take_seen();
    world.scrape(item("/members", id)).await.expect("a page");

    let [(_, _, Some(cookies), _)] = &world.take_seen()[..] else { panic!("one request") };
    assert_eq!(cookies, &format!("sid={ROTATED}"), "renewed, and the deleted one is gone");
    assert_eq!(world.read(id).await.cookie_names, ["sid", "visits"]);
    world.engine.shutdown().await;
}

#[tokio::test]
async fn a_cookie_that_is_renewed_for_the_domain_above_is_kept() {
    let world = World::new();
    let new = NewSession::new("shop", "http://www.shop.test").cookies([("sid", SECRET)]);
    let id = world.engine.sessions().create(new).await.expect("created").id;
    let visit = async |path: &str| {
        let item = Item::get(format!("http://www.shop.test{path}")).session(id);
        world.scrape(item).await.expect("a page");
        let seen = world.take_seen();
        seen.into_iter().filter_map(|it| it.2).collect::<Vec<_>>()
    };

    assert_eq!(visit("/above").await, [format!("sid={SECRET}")]);
    for path in ["/above", "/members"] {
        assert_eq!(visit(path).await, [format!("sid={ROTATED}")], "{path}");
    }
    // The session belongs to `www.shop.test` alone, whatever its cookies were set for.
    let error = world.engine.submit(Batch::new([item("/members", id)])).await.expect_err("refused");
    assert!(error.to_string().contains("www.shop.test"), "{error}");
    world.engine.shutdown().await;
}

#[tokio::test]
async fn a_login_page_expires_the_session_until_it_is_refreshed() {
    let world = World::new();
    let session = world.session().await;
    let wrong = SessionSecret::default().cookies([("sid", "over")]);
    let (sessions, account) = (world.engine.sessions(), AccountId::default());
    sessions.refresh(&account, session.id, wrong).await.expect("refreshed");

    let error = world.scrape(item("/members", session.id)).await.expect_err("a login page");
    assert_eq!(error.code, ErrorCode::LoginRequired, "{error}");
    assert!(error.message.contains("refresh"), "{error}");
    let read = world.read(session.id).await;
    assert_eq!((read.status, read.consecutive_failures), (SessionStatus::Expired, 1));
    assert!(read.success_rate().abs() < 1e-9 && read.used_at.is_some());

    let right = SessionSecret::default().cookies([("sid", SECRET)]);
    let renewed = sessions.refresh(&account, session.id, right).await.expect("refreshed");
    assert_eq!((renewed.status, renewed.consecutive_failures), (SessionStatus::Active, 0));
    world.scrape(item("/members", session.id)).await.expect("a page");
    let read = world.read(session.id).await;
    assert_eq!((read.total_requests, read.successful_requests), (2, 1));
    world.engine.shutdown().await;
}

#[tokio::test]
async fn a_session_is_refused_for_other_accounts_and_domains() {
    let world = World::new();
    let session = world.session().await;
    let id = session.id;
    let other = AccountId::new("other").expect("a name");
    let refused = async |batch: Batch, reason: &str| {
        let error = world.engine.submit(batch).await.expect_err("refused");
        let SubmitError::Item { index: 0, error } = error else { panic!("{error}") };
        assert_eq!(error.field(), "advanced.session_id");
        assert!(error.reason().contains(reason), "{error}");
    };

    refused(Batch::new([item("/members", id)]).account(other.clone()), "not the id").await;
    refused(Batch::new([Item::get("http://evil.test/").session(id)]), "shop.test").await;
    let (sessions, mine) = (world.engine.sessions(), AccountId::default());
    let past = SessionUpdate::default().expires_at(Timestamp::from_millis(1));
    let updated = sessions.update(&mine, id, past).await.expect("updated");
    assert_eq!(updated.status, SessionStatus::Expired);
    refused(Batch::new([item("/members", id)]), "has expired").await;
    assert!(matches!(sessions.get(&other, id).await, Err(SessionError::NotFound(_))));
    assert!(matches!(sessions.remove(&other, id).await, Err(SessionError::NotFound(_))));
    assert!(sessions.list(&other).await.expect("listed").is_empty());
    sessions.remove(&mine, id).await.expect("removed");
    refused(Batch::new([item("/members", id)]), "not the id").await;
    assert_eq!(world.site.hits(), 0);
    world.engine.shutdown().await;
}

#[tokio::test]
async fn a_cached_page_is_not_served_across_sessions() {
    let world = World::new();
    let (first, second) = (world.session().await.id, world.session().await.id);

    for (id, hits) in [(Some(first), 1), (Some(first), 1), (Some(second), 2), (None, 3)] {
        let plain = Item::get("http://shop.test/open").cached();
        let item = id.map_or(plain.clone(), |id| plain.session(id));
        world.scrape(item).await.expect("a page");
        assert_eq!(world.site.hits(), hits, "{id:?}");
    }
    world.engine.shutdown().await;
}

#[tokio::test]
async fn a_validation_asks_the_start_page() {
    let world = World::new();
    let session = world.session().await;
    let (sessions, mine) = (world.engine.sessions(), AccountId::default());
    let update = SessionUpdate::default()
        .name("renamed")
        .secret(SessionSecret::default().cookies([("sid", "over")]));
    let updated = sessions.update(&mine, session.id, update).await.expect("updated");
    assert_eq!(
        (updated.name.as_str(), updated.status),
        ("renamed", SessionStatus::PendingValidation)
    );

    let over = sessions.validate(&mine, session.id).await.expect("asked");
    let right = SessionSecret::default().cookies([("sid", SECRET)]);
    sessions.refresh(&mine, session.id, right).await.expect("refreshed");
    let valid = sessions.validate(&mine, session.id).await.expect("asked");

    assert!(!over.is_valid && over.confidence > 50, "{over:?}");
    assert_eq!((over.session.status, over.status), (SessionStatus::Expired, Some(200)));
    assert!(valid.is_valid && valid.session.confidence == Some(valid.confidence), "{valid:?}");
    assert_eq!(valid.session.status, SessionStatus::Active);
    assert_eq!(valid.session.total_requests, 0, "a validation is not a page");
    world.engine.shutdown().await;
}

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic inside").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn assert_silent(what: &str, bytes: &[u8]) {
    for secret in [SECRET, ROTATED, TOKEN] {
        let found = bytes.windows(secret.len()).any(|it| it == secret.as_bytes());
        assert!(!found, "{what} contains a secret");
    }
}

fn files_below(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries =
        std::fs::read_dir(dir).expect("a directory").map(|it| it.expect("an entry").path());
    entries.flat_map(|it| if it.is_dir() { files_below(&it) } else { vec![it] }).collect()
}

#[cfg(all(feature = "cli", feature = "sled"))]
#[tokio::test]
async fn no_value_of_a_session_is_shown_or_stored_openly() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let dir = tempfile::tempdir().expect("a directory");
    let world = World::on(Sled::open(dir.path()).expect("opened"));
    let session = world.session().await;
    let sessions = world.engine.sessions();
    let mut events = Vec::new();

    for path in ["/rotate", "/members", "/away", "/login"] {
        let mut handle =
            world.engine.submit(Batch::new([item(path, session.id)])).await.expect("accepted");
        let report = handle.report().await.expect("a report");
        events.push(format!("{report:?} {:?}", report.jobs()[0].result()));
        let page =
            report.jobs()[0].result().ok().map(|it| serde_json::to_string(it).expect("JSON"));
        events.push(page.unwrap_or_default());
    }
    let bad = SessionSecret::default().cookies([("sid", format!("{SECRET}; a=b"))]);
    let refused = sessions.refresh(&AccountId::default(), session.id, bad.clone()).await;
    events.push(format!("{refused:?} {bad:?} {:?}", refused.as_ref().map_err(ToString::to_string)));
    events.push(format!("{session:?} {:?}", world.read(session.id).await));
    for kind in rungs::core::record::RecordKind::ALL {
        let query = rungs::ports::store::ListQuery::new(kind, 100);
        events.push(format!("{:?}", world.store.list(query).await.expect("listed")));
    }
    world.engine.shutdown().await;

    assert_silent("a report, an error or a record", events.join("\n").as_bytes());
    assert_silent("the log", &log.0.lock().expect("no panic inside"));
    assert!(!log.0.lock().expect("no panic inside").is_empty(), "the log is captured");
    for file in files_below(dir.path()) {
        assert_silent(&file.display().to_string(), &std::fs::read(&file).expect("readable"));
    }
}
