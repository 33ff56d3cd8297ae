//! Redirects and cookies as sites use them, loops that are none included.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rungs::core::request::{Item, Limits};
use rungs::core::tier::Tier;
use rungs::fetch::http::Http;
use rungs::ports::fetch::{FetchRequest, Fetched, HttpFetcher};
use rungs::testkit::site::{RawSite, Site, SiteResponse, read_head};

use crate::support::PATIENCE;

async fn fetch_with(url: &str, tier: Tier, headers: &[(&str, &str)]) -> Fetched {
    let mut item = Item::get(url);
    item.headers = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let options = item.check(&Limits::default()).expect("item");
    let request = FetchRequest::new(Arc::new(options), tier).with_deadline(PATIENCE);
    let http = Http::new().allow_network("127.0.0.0/8").expect("network");
    http.fetch(request).await.expect("a page")
}

async fn fetch(url: &str, tier: Tier) -> Fetched {
    fetch_with(url, tier, &[]).await
}

fn text(page: &Fetched) -> String {
    String::from_utf8_lossy(&page.body).into_owned()
}

/// A page that shows the `Cookie` header it received.
fn cookies(of: &rungs::testkit::site::SiteRequest) -> SiteResponse {
    SiteResponse::html(format!("cookies: {}", of.header("cookie").unwrap_or("none")))
}

#[tokio::test]
async fn a_page_that_sets_a_cookie_and_redirects_to_itself_is_fetched() {
    let site = Site::start(|request| match request.header("cookie") {
        None => SiteResponse::redirect(302, &request.path).header("set-cookie", "seen=1"),
        Some(_) => cookies(request),
    });

    for tier in [Tier::Curl, Tier::Http] {
        let page = fetch(&site.url("/page?a=1"), tier).await;
        assert_eq!(text(&page), "cookies: seen=1", "{tier}");
        assert_eq!(page.redirects.len(), 1, "{tier}");
    }
}

#[tokio::test]
async fn a_cookie_check_at_another_address_leads_back() {
    let site = Site::start(|request| match (request.path.as_str(), request.header("cookie")) {
        ("/check", _) => SiteResponse::redirect(302, "/").header("set-cookie", "ok=1; Path=/"),
        (_, None) => SiteResponse::redirect(302, "/check"),
        _ => cookies(request),
    });

    for tier in [Tier::Curl, Tier::Http] {
        assert_eq!(text(&fetch(&site.url("/"), tier).await), "cookies: ok=1", "{tier}");
    }
}

#[tokio::test]
async fn a_site_that_counts_visits_may_redirect_to_the_same_address() {
    let visits = AtomicUsize::new(0);
    let site = Site::start(move |_| match visits.fetch_add(1, Ordering::SeqCst) {
        0..5 => SiteResponse::redirect(302, "/"),
        _ => SiteResponse::html("at last"),
    });

    assert_eq!(text(&fetch(&site.url("/"), Tier::Curl).await), "at last");
}

#[tokio::test]
async fn fifteen_redirects_are_followed() {
    let site = Site::start(|request| match request.path[1..].parse::<u32>() {
        Ok(number) if number < 15 => SiteResponse::redirect(302, &format!("/{}", number + 1)),
        _ => SiteResponse::html("there"),
    });

    let page = fetch(&site.url("/0"), Tier::Curl).await;

    assert_eq!((text(&page), page.redirects.len()), ("there".to_owned(), 15));
}

#[tokio::test]
async fn a_cookie_of_the_callers_header_is_replaced_by_the_sites() {
    let site = Site::start(|request| match request.path.as_str() {
        "/login" => SiteResponse::redirect(302, "/home").header("set-cookie", "s=new; Path=/"),
        "/out" => SiteResponse::redirect(302, "/home").header("set-cookie", "s=; Max-Age=0"),
        _ => cookies(request),
    });

    for tier in [Tier::Curl, Tier::Http] {
        for (path, expected) in [("/login", "t=1; s=new"), ("/out", "t=1"), ("/", "s=old; t=1")] {
            let given = [("Cookie", "s=old; t=1")];
            let page = fetch_with(&site.url(path), tier, &given).await;
            assert_eq!(text(&page), format!("cookies: {expected}"), "{tier} {path}");
        }
    }
}

/// A site that redirects `/` with this raw `Location` line and shows the path of any other request.
fn raw_location(line: &'static [u8]) -> RawSite {
    RawSite::start(move |mut stream| {
        while let Ok(head) = read_head(&mut stream) {
            let path = head.split(' ').nth(1).unwrap_or_default();
            let (status, line, body) = match path {
                "/" => ("302 Found", line, "moved".to_owned()),
                _ => ("200 OK", &b""[..], format!("at {path}")),
            };
            let start = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
            let end = format!("\r\n{body}");
            let response = [start.as_bytes(), line, end.as_bytes()].concat();
            if stream.write_all(&response).is_err() {
                return;
            }
        }
    })
}

#[tokio::test]
async fn a_target_in_any_encoding_leads_where_it_says() {
    for (line, expected) in [
        (&b"Location: /caf\xe9\r\n"[..], "at /caf%E9"),
        (b"Location: /caf\xc3\xa9 au lait\r\n", "at /caf%C3%A9%20au%20lait"),
        (b"Location:  there?q=\xff \r\n", "at /there?q=%FF"),
        (b"Location: \r\n", "moved"),
        (b"", "moved"),
    ] {
        let site = raw_location(line);
        let page = fetch(&site.url("/"), Tier::Curl).await;
        let shown = String::from_utf8_lossy(line);
        assert_eq!(text(&page), expected, "{shown}");
        let is_redirect = expected != "moved";
        assert_eq!(page.redirects.len(), usize::from(is_redirect), "{shown}");
        assert_eq!(page.warnings.is_empty(), is_redirect, "{shown}");
    }
}
