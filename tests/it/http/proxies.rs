//! Pages over TLS through proxies, with real handshakes on the loopback interface.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rungs::core::request::{Item, Limits};
use rungs::core::tier::Tier;
use rungs::fetch::http::Http;
use rungs::net::{NetPolicy, ProxyUrl};
use rungs::ports::fetch::{FetchErrorKind as Kind, FetchRequest, HttpFetcher};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A site over TLS that responds with the headers of the request.
struct SecureSite {
    addr: SocketAddr,
    root: Vec<u8>,
    connections: Arc<AtomicUsize>,
}

impl SecureSite {
    async fn start() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["secure.test".to_owned()])
            .expect("a certificate");
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("a server");
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let Ok(stream) = acceptor.accept(stream).await else { continue };
                let echo =
                    service_fn(|request: hyper::Request<hyper::body::Incoming>| async move {
                        let body = format!("{} {:?}", request.uri(), request.headers());
                        Ok::<_, Infallible>(hyper::Response::new(Full::new(Bytes::from(body))))
                    });
                let serving = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), echo);
                tokio::spawn(serving);
            }
        });
        Self { addr, root: made.cert.der().to_vec(), connections }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// The requests that a proxy received: the first of each connection, as text.
type Heard = Arc<Mutex<Vec<String>>>;

/// A proxy that handles each connection with `serve`.
async fn proxy<F, S>(serve: S) -> (SocketAddr, Heard)
where
    F: Future<Output = Option<()>> + Send + 'static,
    S: Fn(TcpStream, Heard) -> F + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    let heard = Heard::default();
    let keep = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&keep)));
        }
    });
    (addr, heard)
}

/// Accepts one `CONNECT`, and either responds with `refusal` or forwards the bytes to `target`.
async fn tunnel(
    mut stream: TcpStream,
    heard: Heard,
    refusal: Option<&'static str>,
    target: SocketAddr,
) -> Option<()> {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        asked.push(stream.read_u8().await.ok()?);
    }
    heard.lock().ok()?.push(String::from_utf8(asked).ok()?);
    if let Some(refusal) = refusal {
        return stream.write_all(refusal.as_bytes()).await.ok();
    }
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.ok()?;
    let mut target = TcpStream::connect(target).await.ok()?;
    tokio::io::copy_bidirectional(&mut stream, &mut target).await.ok().map(drop)
}

/// A SOCKS5 proxy (RFC 1928) that requires a user and a password (RFC 1929), and responds with `reply`.
async fn socks5(mut stream: TcpStream, heard: Heard, reply: u8) -> Option<()> {
    let mut greeting = [0; 2];
    stream.read_exact(&mut greeting).await.ok()?;
    let mut methods = vec![0; usize::from(greeting[1])];
    stream.read_exact(&mut methods).await.ok()?;
    if !methods.contains(&2) {
        heard.lock().ok()?.push("no credentials offered".to_owned());
        return stream.write_all(&[5, 0xff]).await.ok();
    }
    stream.write_all(&[5, 2]).await.ok()?;
    let _version = stream.read_u8().await.ok()?;
    let mut credentials = Vec::new();
    for _ in 0..2 {
        let mut part = vec![0; usize::from(stream.read_u8().await.ok()?)];
        stream.read_exact(&mut part).await.ok()?;
        credentials.push(String::from_utf8(part).ok()?);
    }
    stream.write_all(&[1, 0]).await.ok()?;
    let mut ask = [0; 10];
    stream.read_exact(&mut ask).await.ok()?;
    let target =
        SocketAddr::from(([ask[4], ask[5], ask[6], ask[7]], u16::from_be_bytes([ask[8], ask[9]])));
    heard.lock().ok()?.push(format!("{} {:?} {target}", credentials.join(":"), &ask[..4]));
    stream.write_all(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0]).await.ok()?;
    if reply != 0 {
        return None;
    }
    let mut target = TcpStream::connect(target).await.ok()?;
    tokio::io::copy_bidirectional(&mut stream, &mut target).await.ok().map(drop)
}

/// A policy that allows this machine's addresses and uses one proxy.
fn via(proxy: &str) -> NetPolicy {
    let proxy = ProxyUrl::parse(proxy).expect("a proxy");
    NetPolicy::new().allow_network("127.0.0.0/8").expect("a network").proxies([proxy])
}

fn asking(url: &str) -> FetchRequest {
    let options =
        Item::get(url).timeout(Duration::from_mins(1)).check(&Limits::default()).expect("an item");
    FetchRequest::new(Arc::new(options), Tier::Stealth)
}

#[tokio::test]
async fn only_the_proxy_receives_proxy_credentials() {
    let site = SecureSite::start().await;
    let target = site.addr;
    let (addr, heard) = proxy(move |stream, heard| tunnel(stream, heard, None, target)).await;
    let network = via(&format!("http://u:p@{addr}"))
        .resolve("secure.test", site.addr)
        .extra_roots(&site.root)
        .expect("a root");
    let http = Http::new().network(network);

    let page = http.fetch(asking("https://secure.test/a?b=c")).await.expect("a page");

    let body = String::from_utf8(page.body).expect("text");
    assert!(body.starts_with("/a?b=c ") && body.contains("secure.test"), "{body}");
    assert!(!body.contains("proxy-authorization") && !body.contains("dTpw"), "{body}");
    assert!(page.proxied);
    let heard = heard.lock().expect("not poisoned");
    let [connect] = &heard[..] else { panic!("one tunnel, not {heard:?}") };
    assert!(connect.starts_with("CONNECT secure.test:443 HTTP/1.1\r\n"), "{connect}");
    assert!(connect.contains("Proxy-Authorization: Basic dTpw\r\n"), "{connect}");
    assert!(!connect.contains("/a"), "the path is the site's alone: {connect}");
}

#[tokio::test]
async fn socks5_connects_to_the_checked_address() {
    let site = SecureSite::start().await;
    let (addr, heard) = proxy(|stream, heard| socks5(stream, heard, 0)).await;
    let network = via(&format!("socks5://user:p%40ss@{addr}"))
        .resolve("secure.test", site.addr)
        .extra_roots(&site.root)
        .expect("a root");
    let http = Http::new().network(network);

    let page = http.fetch(asking("https://secure.test/a")).await.expect("a page");

    assert!(page.body.starts_with(b"/a ") && page.proxied);
    let heard = heard.lock().expect("not poisoned");
    assert_eq!(heard[..], [format!("user:p@ss [5, 1, 0, 1] {}", site.addr)]);
}

#[tokio::test]
async fn a_proxy_does_not_relax_certificate_checks() {
    let site = SecureSite::start().await;
    let target = site.addr;
    let (addr, heard) = proxy(move |stream, heard| tunnel(stream, heard, None, target)).await;
    let network = via(&format!("http://{addr}")).resolve("secure.test", site.addr);
    let http = Http::new().network(network);

    let error = http.fetch(asking("https://secure.test/")).await.expect_err("an unknown root");

    assert_eq!(error.kind(), Kind::Tls);
    assert_eq!(heard.lock().expect("not poisoned").len(), 1);
}

#[tokio::test]
async fn a_refusing_proxy_is_named() {
    let site = SecureSite::start().await;
    let target = site.addr;
    for refusal in [
        "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 502 Bad Gateway\r\n\r\n",
        "",
    ] {
        let serve = move |stream, heard| tunnel(stream, heard, Some(refusal), target);
        let (addr, heard) = proxy(serve).await;
        let network = via(&format!("http://u:secret@{addr}")).resolve("secure.test", target);
        let http = Http::new().network(network);

        let error = http.fetch(asking("https://secure.test/")).await.expect_err("refused");

        assert_eq!(error.kind(), Kind::Proxy, "{refusal}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        assert_eq!(heard.lock().expect("not poisoned").len(), 1);
    }
    let (addr, heard) = proxy(|stream, heard| socks5(stream, heard, 2)).await;
    for (credentials, said) in [("u:secret@", "u:secret [5"), ("", "no credentials offered")] {
        let network = via(&format!("socks5://{credentials}{addr}")).resolve("secure.test", target);
        let http = Http::new().network(network);

        let error = http.fetch(asking("https://secure.test/")).await.expect_err("refused");

        assert_eq!(error.kind(), Kind::Proxy, "{said}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        assert!(heard.lock().expect("not poisoned").last().is_some_and(|it| it.starts_with(said)));
    }
    assert_eq!(site.connections(), 0);
}

#[tokio::test]
async fn a_proxy_never_receives_a_private_name() {
    let site = SecureSite::start().await;
    let target = site.addr;
    let (connect, first) = proxy(move |stream, heard| tunnel(stream, heard, None, target)).await;
    let (socks, second) = proxy(|stream, heard| socks5(stream, heard, 0)).await;
    for url in [format!("http://{connect}"), format!("socks5://u:p@{socks}")] {
        // Configuring the proxy allows its own address, and no other.
        let network = NetPolicy::new()
            .proxies([ProxyUrl::parse(&url).expect("a proxy")])
            .resolve("inside.test", "10.0.0.1:443".parse().expect("an address"));
        let http = Http::new().network(network);
        for page in ["https://inside.test/", "https://127.0.0.1/", "https://[::ffff:10.0.0.1]/"] {
            let error = http.fetch(asking(page)).await.expect_err("refused");
            assert_eq!(error.kind(), Kind::PrivateAddress, "{page} through {url}");
        }
    }
    let heard = [first, second].map(|it| it.lock().expect("not poisoned").len());
    assert_eq!(heard, [0, 0]);
}

#[tokio::test]
async fn a_dead_proxy_is_replaced_by_another_of_the_pool() {
    let site = SecureSite::start().await;
    let target = site.addr;
    let (good, heard) = proxy(move |stream, heard| tunnel(stream, heard, None, target)).await;
    let dead = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let dead = dead.local_addr().expect("an address");
    let pool = [dead, good].map(|it| ProxyUrl::parse(&format!("http://{it}")).expect("a proxy"));
    for pool in [pool.clone(), {
        let [dead, good] = pool;
        [good, dead]
    }] {
        let network = NetPolicy::new()
            .allow_network("127.0.0.0/8")
            .expect("a network")
            .proxies(pool)
            .resolve("secure.test", site.addr)
            .extra_roots(&site.root)
            .expect("a root");
        let http = Http::new().network(network);

        let page = http.fetch(asking("https://secure.test/a")).await.expect("a page");

        assert!(page.body.starts_with(b"/a ") && page.proxied);
    }
    assert_eq!(heard.lock().expect("not poisoned").len(), 2);
}

#[tokio::test]
async fn dead_proxies_are_tried_last_for_a_while() {
    let site = SecureSite::start().await;
    let target = site.addr;
    let (good, _) = proxy(move |stream, heard| tunnel(stream, heard, None, target)).await;
    let mut pool = vec![good];
    for _ in 0..3 {
        let dead = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        pool.push(dead.local_addr().expect("an address"));
    }
    for _ in 0..pool.len() {
        pool.rotate_left(1);
        let proxies = pool.iter().map(|it| ProxyUrl::parse(&format!("http://{it}")));
        let network = NetPolicy::new()
            .allow_network("127.0.0.0/8")
            .expect("a network")
            .proxies(proxies.map(|it| it.expect("a proxy")))
            .resolve("secure.test", site.addr)
            .extra_roots(&site.root)
            .expect("a root");
        let http = Http::new().network(network);
        // One request tries three proxies, which may all be dead.
        drop(http.fetch(asking("https://secure.test/a")).await);

        let page = http.fetch(asking("https://secure.test/a")).await.expect("a page");

        assert!(page.proxied);
    }
}

#[tokio::test]
async fn a_proxys_own_refusal_of_a_plain_page_is_a_proxy_error() {
    for (status, header) in [
        (403, ("x-squid-error", "ERR_ACCESS_DENIED 0")),
        (502, ("proxy-status", "gate; error=destination_unavailable")),
    ] {
        let proxy = rungs::testkit::site::Site::start(move |_| {
            rungs::testkit::site::SiteResponse::status(status).header(header.0, header.1)
        });
        let target = "127.0.0.1:80".parse().expect("an address");
        let network = via(&proxy.url("")).resolve("plain.test", target);
        let http = Http::new().network(network);

        let error = http.fetch(asking("http://plain.test/")).await.expect_err("refused");

        assert_eq!(error.kind(), Kind::Proxy);
        assert!(error.to_string().contains(header.1), "{error}");
    }
}
