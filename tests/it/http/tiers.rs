//! Tiers 1 to 3.5 over real sockets of the loopback interface.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use async_compression::tokio::write::{
    BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder,
};
use rungs::core::request::{Item, Method};
use rungs::core::request::{JobRequest, Limits};
use rungs::core::tier::Tier;
use rungs::core::url::PageUrl;
use rungs::fetch::http::Http;
use rungs::net::{NetPolicy, ProxyUrl, Resolve};
use rungs::ports::BoxFuture;
use rungs::ports::fetch::{FetchError, FetchErrorKind as Kind, FetchRequest, Fetched, HttpFetcher};
use rungs::testkit::site::{RawSite, Site, SiteRequest, SiteResponse, read_head};
use tokio::io::AsyncWriteExt;

use crate::support::PATIENCE;

/// A policy that allows this machine's addresses.
fn local() -> NetPolicy {
    NetPolicy::new().allow_network("127.0.0.0/8").expect("network")
}

fn open() -> Http {
    Http::new().network(local())
}

fn of_item(item: Item, tier: Tier) -> FetchRequest {
    let options: JobRequest = item.check(&Limits::default()).expect("a valid item");
    FetchRequest::new(Arc::new(options), tier).with_deadline(PATIENCE)
}

fn get(url: &str, tier: Tier) -> FetchRequest {
    of_item(Item::get(url).max_response_bytes(1_000_000), tier)
}

fn kind(result: Result<Fetched, FetchError>) -> Kind {
    result.expect_err("an error").kind()
}

fn text(page: &Fetched) -> String {
    String::from_utf8_lossy(&page.body).into_owned()
}

/// Responds with the headers of the request, one per line.
fn echo(request: &SiteRequest) -> SiteResponse {
    let lines: Vec<String> = request.headers.iter().map(|(k, v)| format!("{k}: {v}\n")).collect();
    SiteResponse::html(lines.concat())
}

#[tokio::test]
async fn connections_are_reused() {
    let site = Site::start(|_| SiteResponse::html("x"));
    let http = open();

    for _ in 0..5 {
        http.fetch(get(&site.url("/"), Tier::Curl)).await.expect("page");
    }

    assert_eq!((site.hits(), site.connections()), (5, 1));
}

#[tokio::test]
async fn tier_1_names_itself_and_tier_2_sends_a_browsers_headers() {
    let site = Site::start(echo);
    let http = open();

    let plain = text(&http.fetch(get(&site.url("/"), Tier::Curl)).await.expect("page"));
    let full = text(&http.fetch(get(&site.url("/"), Tier::Http)).await.expect("page"));

    assert!(plain.contains(concat!("user-agent: rungs/", env!("CARGO_PKG_VERSION"), "\n")));
    assert!(!plain.contains("sec-fetch") && !plain.contains("accept-language"));
    assert!(full.contains("sec-fetch-site: none") && full.contains("accept-language: en-US"));
}

async fn encoded(coding: &str, plain: &[u8]) -> Vec<u8> {
    macro_rules! by {
        ($encoder:ident) => {{
            let mut encoder = $encoder::new(Vec::new());
            encoder.write_all(plain).await.expect("write");
            encoder.shutdown().await.expect("finish");
            encoder.into_inner()
        }};
    }
    match coding {
        "gzip" => by!(GzipEncoder),
        "br" => by!(BrotliEncoder),
        "zstd" => by!(ZstdEncoder),
        "raw deflate" => by!(DeflateEncoder),
        _ => by!(ZlibEncoder),
    }
}

#[tokio::test]
async fn every_content_coding_is_decoded() {
    let plain = "the same text over and over; ".repeat(2_000).into_bytes();
    for coding in ["gzip", "br", "zstd", "deflate", "raw deflate"] {
        let whole = encoded(coding, &plain).await;
        let name = coding.trim_start_matches("raw ");
        let site = Site::start(move |request| {
            let end = if request.path == "/cut" { whole.len() / 2 } else { whole.len() };
            SiteResponse::html(&whole[..end]).header("content-encoding", name)
        });

        let page = open().fetch(get(&site.url("/"), Tier::Curl)).await.expect(coding);
        let cut = open().fetch(get(&site.url("/cut"), Tier::Curl)).await;

        assert!(page.body == plain && page.warnings.is_empty(), "{coding}");
        // The length was right, so another attempt would bring the same.
        match cut {
            Ok(cut) => {
                assert!(plain.starts_with(&cut.body) && cut.body.len() < plain.len(), "{coding}");
                assert_eq!(cut.warnings.len(), 1, "{coding}");
            }
            Err(error) => assert_eq!(error.kind(), Kind::Broken, "{coding}"),
        }
    }
}

#[tokio::test]
async fn stacked_codings_are_decoded() {
    let twice = encoded("br", &encoded("gzip", b"hello").await).await;
    let site = Site::start(move |request| match request.path.as_str() {
        "/twice" => SiteResponse::html(twice.clone()).header("content-encoding", "gzip, br"),
        _ => SiteResponse::html("hello").header("content-encoding", "rot13"),
    });

    for path in ["/twice", "/unknown"] {
        let page = open().fetch(get(&site.url(path), Tier::Curl)).await.expect(path);
        assert_eq!(text(&page), "hello", "{path}");
    }
}

#[tokio::test]
async fn followed_redirects_are_reported() {
    let site = Site::start(|request| match request.path.as_str() {
        "/a" => SiteResponse::redirect(301, "/b?x=1"),
        "/b?x=1" => SiteResponse::redirect(302, "c#part"),
        _ => echo(request),
    });

    let page = open().fetch(get(&site.url("/a"), Tier::Http)).await.expect("page");

    assert_eq!(page.final_url, site.url("/c"));
    let hops: Vec<_> = page.redirects.iter().map(|it| (it.url.clone(), it.status_code)).collect();
    assert_eq!(hops, [(site.url("/a"), 301), (site.url("/b?x=1"), 302)]);
    assert!(text(&page).contains(&format!("referer: {}", site.url("/b?x=1"))));
}

#[tokio::test]
async fn redirects_without_end_or_to_other_schemes_are_errors() {
    let site = Site::start(|request| {
        let number: u32 = request.path.trim_start_matches("/n").parse().unwrap_or(0);
        match request.path.as_str() {
            "/circle" => SiteResponse::redirect(302, "/circle"),
            "/odd" => SiteResponse::redirect(302, "file:///etc/passwd"),
            _ if number < 30 => SiteResponse::redirect(302, &format!("/n{}", number + 1)),
            _ => SiteResponse::html("there"),
        }
    });

    for path in ["/n0", "/circle", "/odd"] {
        let result = open().fetch(get(&site.url(path), Tier::Http)).await;
        assert_eq!(kind(result), Kind::Redirect, "{path}");
    }
    assert_eq!(site.hits_on("/circle"), 10);
    assert_eq!(site.hits_on("/n21"), 0);
}

#[tokio::test]
async fn a_post_becomes_a_get_only_where_it_should() {
    let site = Site::start(|request| match request.path.as_str() {
        "/end" => SiteResponse::html(format!("{} {}", request.method, request.body.len())),
        path => SiteResponse::redirect(path[1..].parse().unwrap_or(500), "/end"),
    });

    for (status, seen) in
        [(301, "GET 0"), (302, "GET 0"), (303, "GET 0"), (307, "POST 2"), (308, "POST 2")]
    {
        let mut request = get(&site.url(&format!("/{status}")), Tier::Curl);
        (request.method, request.body) = (Method::Post, Some(b"{}".to_vec()));
        let page = open().fetch(request).await.expect("page");
        assert_eq!(text(&page), seen, "{status}");
    }
}

#[tokio::test]
async fn a_redirect_to_a_private_address_is_refused() {
    let site = Site::start(|request| match request.path.as_str() {
        "/metadata" => SiteResponse::redirect(302, "http://169.254.169.254/latest/"),
        _ => SiteResponse::redirect(
            302,
            &format!("http://[::ffff:127.0.0.1]:{}/", port(&request.host)),
        ),
    });

    for path in ["/metadata", "/mapped"] {
        let result = open().fetch(get(&site.url(path), Tier::Http)).await;
        assert_eq!(kind(result), Kind::PrivateAddress, "{path}");
    }
    assert_eq!(site.hits(), 2);
}

fn port(host: &str) -> &str {
    host.rsplit(':').next().unwrap_or_default()
}

#[tokio::test]
async fn the_guard_is_on_by_default_for_literals_and_names() {
    let site = Site::start(|_| SiteResponse::html("inside"));
    let port = site.addr().port();
    let http = Http::new().network(NetPolicy::new().resolve("inside.test", site.addr()));

    for host in [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "127.1",
        "[::ffff:127.0.0.1]",
        "inside.test",
    ] {
        let result = http.fetch(get(&format!("http://{host}:{port}/"), Tier::Curl)).await;
        assert_eq!(kind(result), Kind::PrivateAddress, "{host}");
    }
    assert_eq!(site.connections(), 0);
}

#[tokio::test]
async fn cookies_persist_within_a_job() {
    let site = Site::start(|request| match request.path.as_str() {
        "/in" => SiteResponse::redirect(302, "/").header("set-cookie", "sid=7; Path=/"),
        _ => echo(request),
    });
    let (http, request) = (open(), get(&site.url("/in"), Tier::Http));

    let first = http.fetch(request.clone()).await.expect("page");
    let again = request.with_url(PageUrl::parse(&site.url("/")).expect("url"));
    let second = http.fetch(again).await.expect("page");
    let other = http.fetch(get(&site.url("/"), Tier::Http)).await.expect("page");

    assert!(text(&first).contains("cookie: sid=7"));
    assert!(text(&second).contains("cookie: sid=7"));
    assert!(!text(&other).contains("sid=7"));
}

#[tokio::test]
async fn a_public_suffix_cookie_reaches_no_other_site() {
    let site = Site::start(|request| match request.path.as_str() {
        "/in" => SiteResponse::redirect(302, &format!("http://b.co.uk:{}/", port(&request.host)))
            .header("set-cookie", "evil=1; Domain=co.uk; Path=/"),
        _ => echo(request),
    });
    let network = local().resolve("a.co.uk", site.addr()).resolve("b.co.uk", site.addr());
    let http = Http::new().network(network);

    let url = format!("http://a.co.uk:{}/in", site.addr().port());
    let page = http.fetch(get(&url, Tier::Http)).await.expect("page");

    assert!(!text(&page).contains("evil"));
}

#[tokio::test]
async fn credentials_do_not_follow_to_another_origin() {
    let away = Site::start(echo);
    let to = away.url("/");
    let home = Site::start(move |request| match request.path.as_str() {
        "/away" => SiteResponse::redirect(307, &to),
        _ => echo(request),
    });
    let ask = |path: &str| {
        let url = home.url(path).replace("http://", "http://user:pass@");
        let mut request = get(&url, Tier::Http);
        request.headers = vec![("X-Api-Key".into(), "k".into()), ("Cookie".into(), "c=1".into())];
        request
    };

    let stayed = text(&open().fetch(ask("/")).await.expect("page"));
    let left = text(&open().fetch(ask("/away")).await.expect("page"));

    for name in ["authorization: Basic", "x-api-key: k", "cookie: c=1"] {
        assert!(stayed.contains(name), "{name}");
        assert!(!left.contains(name), "{name}");
    }
}

fn proxied(site: &str, tier: Tier) -> FetchRequest {
    get(site, tier)
}

#[tokio::test]
async fn an_http_proxy_gets_the_whole_url_and_its_credentials() {
    let proxy = Site::start(|request| {
        let credentials = request.header("proxy-authorization").unwrap_or_default();
        SiteResponse::html(format!("{} {credentials}", request.path))
    });
    let url = format!("http://u:p@{}", proxy.addr());
    let network = local()
        .resolve("a.test", "127.0.0.1:80".parse().expect("address"))
        .proxies([ProxyUrl::parse(&url).expect("proxy")]);
    let http = Http::new().network(network);

    assert!(http.tiers().contains(&Tier::Stealth));
    let page = http.fetch(proxied("http://a.test/x?y=1", Tier::Stealth)).await.expect("page");

    assert_eq!(text(&page), "http://a.test/x?y=1 Basic dTpw");
    assert!(page.proxied && !page.own_proxy);
}

#[tokio::test]
async fn a_refused_tunnel_is_a_proxy_error() {
    let (tell, told) = std::sync::mpsc::channel();
    let proxy = RawSite::start(move |mut stream| {
        let _ = tell.send(read_head(&mut stream).unwrap_or_default());
        let _ = stream.write_all(b"HTTP/1.1 403 No\r\n\r\n");
    });
    let network = local()
        .resolve("a.test", "127.0.0.1:443".parse().expect("address"))
        .proxies([ProxyUrl::parse(&proxy.url("")).expect("proxy")]);
    let http = Http::new().network(network);

    let result = http.fetch(proxied("https://a.test/", Tier::Stealth)).await;

    assert_eq!(kind(result), Kind::Proxy);
    assert!(told.recv().expect("a request").starts_with("CONNECT a.test:443 HTTP/1.1\r\n"));
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(std::net::Shutdown::Write);
}

/// SOCKS5 without credentials, for version 4 addresses only.
fn socks5(mut stream: TcpStream) {
    let mut greeting = [0; 3];
    let mut ask = [0; 10];
    if stream.read_exact(&mut greeting).is_err() || stream.write_all(&[5, 0]).is_err() {
        return;
    }
    if stream.read_exact(&mut ask).is_err() || ask[..4] != [5, 1, 0, 1] {
        return;
    }
    let to = ([ask[4], ask[5], ask[6], ask[7]], u16::from_be_bytes([ask[8], ask[9]]));
    let Ok(target) = TcpStream::connect((std::net::Ipv4Addr::from(to.0), to.1)) else { return };
    let _ = stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    let (Ok(up), Ok(back)) = (stream.try_clone(), target.try_clone()) else { return };
    std::thread::spawn(move || copy(up, target));
    copy(back, stream);
}

#[tokio::test]
async fn a_socks_proxy_gets_the_address_that_was_checked() {
    let site = Site::start(|request| SiteResponse::html(request.host.clone()));
    let proxy = RawSite::start(socks5);
    let url = format!("socks5://{}", proxy.addr());
    let network = local()
        .resolve("a.test", site.addr())
        .own_proxies([("mine", ProxyUrl::parse(&url).expect("proxy"))]);
    let http = Http::new().network(network);
    let mut item = Item::get(format!("http://a.test:{}/", site.addr().port()));
    item.advanced.use_own_proxy = true;

    let page = http.fetch(of_item(item, Tier::Http)).await.expect("page");

    assert_eq!(text(&page), format!("a.test:{}", site.addr().port()));
    assert!(page.proxied && page.own_proxy);
}

#[tokio::test]
async fn a_proxy_does_not_bypass_the_guard() {
    let proxy = Site::start(|_| SiteResponse::html("fetched"));
    let proxies = [ProxyUrl::parse(&proxy.url("")).expect("proxy")];
    let http = Http::new().network(NetPolicy::new().proxies(proxies));

    let result = http.fetch(proxied("http://169.254.169.254/", Tier::Stealth)).await;

    assert_eq!(kind(result), Kind::PrivateAddress);
    assert_eq!(proxy.hits(), 0);
}

#[tokio::test]
async fn a_site_keeps_its_proxy() {
    let proxies: Vec<Site> = (0..4).map(|_| Site::start(|_| SiteResponse::html("x"))).collect();
    let urls = proxies.iter().map(|it| ProxyUrl::parse(&it.url("")).expect("proxy"));
    let address = "127.0.0.1:80".parse().expect("address");
    let http = Http::new().network(local().resolve("a.test", address).proxies(urls));

    for path in ["/1", "/2", "/3"] {
        http.fetch(proxied(&format!("http://a.test{path}"), Tier::Stealth)).await.expect("page");
    }
    let none = open().fetch(proxied("http://a.test/", Tier::Stealth)).await;

    assert_eq!(proxies.iter().filter(|it| it.hits() == 3).count(), 1);
    assert_eq!(kind(none), Kind::Unavailable);
}

#[tokio::test]
async fn an_error_names_neither_userinfo_nor_query() {
    let site = Site::start(|_| SiteResponse::html("x").delay(PATIENCE));
    let url = site.url("/p?token=secret").replace("http://", "http://user:secret@");
    let mut request = get(&url, Tier::Curl);
    request.deadline = Duration::from_millis(100);

    let error = open().fetch(request).await.expect_err("too slow");

    assert_eq!(error.kind(), Kind::Timeout);
    assert!(!format!("{error} {error:?}").contains("secret"));
}

#[tokio::test]
async fn the_applications_user_agent_is_sent_on_tier_1_only() {
    let site = Site::start(echo);
    let agent = "harbour/1.0 (+https://harbour.example/bot)";
    let http = open().user_agent(agent).expect("a user agent");

    let curl = text(&http.fetch(get(&site.url("/"), Tier::Curl)).await.expect("page"));
    let full = text(&http.fetch(get(&site.url("/"), Tier::Http)).await.expect("page"));

    assert!(curl.contains(&format!("user-agent: {agent}\n")), "{curl}");
    assert!(!full.contains("harbour"), "{full}");
}

/// A resolver that resolves one name.
#[derive(Debug)]
struct OneName(IpAddr);

impl Resolve for OneName {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            match host {
                "harbour.internal" => Ok(vec![self.0]),
                "empty.internal" => Ok(Vec::new()),
                _ => Err(io::Error::new(io::ErrorKind::NotFound, "no such zone")),
            }
        })
    }
}

#[tokio::test]
async fn the_applications_resolver_is_used_behind_the_guard() {
    let site = Site::start(|_| SiteResponse::html("found"));
    let url = format!("http://Harbour.Internal:{}/", site.addr().port());
    let closed = NetPolicy::new().dns_resolver(OneName(site.addr().ip()));
    let open = closed.clone().allow_network("127.0.0.0/8").expect("network");

    let page = Http::new().network(open).fetch(get(&url, Tier::Curl)).await.expect("page");
    let refused = Http::new().network(closed).fetch(get(&url, Tier::Curl)).await;

    assert_eq!(text(&page), "found");
    assert_eq!(kind(refused), Kind::PrivateAddress);
    assert_eq!(site.connections(), 1);
}

#[tokio::test]
async fn a_failed_lookup_names_its_cause() {
    let http = Http::new().network(NetPolicy::new().dns_resolver(OneName([127, 0, 0, 1].into())));
    for (host, cause) in [("other.internal", "no such zone"), ("empty.internal", "no address")] {
        let url = format!("http://{host}/?token=secret");
        let error = http.fetch(get(&url, Tier::Curl)).await.expect_err("not resolved");

        assert_eq!(error.kind(), Kind::Dns, "{host}");
        assert!(error.to_string().contains(cause), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

/// A port of this machine on which nothing listens.
fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// The kind of the last I/O error among an error's sources.
fn io_cause(error: &FetchError) -> Option<io::ErrorKind> {
    let mut found = None;
    let mut next = error.source();
    while let Some(source) = next {
        found = source.downcast_ref::<io::Error>().map(io::Error::kind).or(found);
        next = source.source();
    }
    found
}

#[tokio::test]
async fn a_refused_connection_names_its_cause() {
    let port = closed_port();

    let url = format!("http://user:secret@127.0.0.1:{port}/?token=secret");
    let error = open().fetch(get(&url, Tier::Curl)).await.expect_err("nothing listens");

    assert_eq!(error.kind(), Kind::Connect);
    assert_eq!(error.to_string(), "could not connect: connection refused");
    assert_eq!(io_cause(&error), Some(io::ErrorKind::ConnectionRefused));
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}

#[tokio::test]
async fn a_proxy_that_refuses_the_connection_names_its_cause() {
    for scheme in ["http", "socks5"] {
        let proxy = format!("{scheme}://user:secret@127.0.0.1:{}", closed_port());
        let network = local()
            .resolve("a.test", "127.0.0.1:80".parse().expect("address"))
            .proxies([ProxyUrl::parse(&proxy).expect("proxy")]);
        let http = Http::new().network(network);

        let error = http.fetch(get("http://a.test/", Tier::Stealth)).await.expect_err("no proxy");

        assert_eq!(error.kind(), Kind::Proxy, "{scheme}");
        assert_eq!(error.to_string(), "the proxy failed: connection refused", "{scheme}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}

#[tokio::test]
async fn a_reset_connection_names_its_cause() {
    let site = RawSite::start(|mut stream| {
        let _ = read_head(&mut stream);
        let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    });

    let error = open().fetch(get(&site.url("/"), Tier::Curl)).await.expect_err("a reset");

    assert_eq!(error.kind(), Kind::Broken);
    assert!(error.to_string().contains("connection reset"), "{error}");
}
