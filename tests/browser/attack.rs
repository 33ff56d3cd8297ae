//! Malicious pages: none reaches a closed address, and each one over a limit fails with an error that names it.

use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rungs::core::request::Item;
use rungs::fetch::Chrome;
use rungs::fetch::browser::ChromeLimits;
use rungs::net::NetPolicy;
use rungs::ports::fetch::{BrowserFetcher, FetchErrorKind as Kind};
use rungs::testkit::site::{RawSite, Site, SiteResponse};

use super::{NEVER, PATIENCE, chrome, page, render, text};

/// Time that a page with endless requests has to load.
const LOAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Counts connections and datagrams at an address that no page may reach.
struct Canary {
    port: u16,
    udp_port: u16,
    connections: Arc<AtomicUsize>,
    _site: RawSite,
    udp: UdpSocket,
}

impl Canary {
    fn start() -> Self {
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let site = RawSite::start(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
        udp.set_nonblocking(true).expect("supported");
        let udp_port = udp.local_addr().expect("bound").port();
        Self { port: site.addr().port(), udp_port, connections, _site: site, udp }
    }

    fn visits(&self) -> usize {
        let datagram = self.udp.recv(&mut [0; 64]).is_ok();
        self.connections.load(Ordering::SeqCst) + usize::from(datagram)
    }
}

/// A browser that may reach only 127.0.0.2, to which the attacker's name resolves. Pages get `LOAD_TIMEOUT` to load,
/// since some of their requests never end.
fn caged(site: &Site) -> Chrome {
    let addr = format!("127.0.0.2:{}", site.addr().port()).parse().expect("an address");
    let network = NetPolicy::new()
        .allow_network("127.0.0.2")
        .expect("a network")
        .resolve("evil.test", addr)
        // A name that resolves to this machine, as after DNS rebinding.
        .resolve("rebound.test", "127.0.0.1:0".parse().expect("an address"));
    Chrome::new().network(network).limits(patient())
}

/// Limits for pages with endless requests.
fn patient() -> ChromeLimits {
    ChromeLimits::default().with_load_timeout(LOAD_TIMEOUT)
}

/// A page that tries every kind of request to `host`.
fn requests_to(host: &str, canary: &Canary) -> String {
    let udp = canary.udp_port;
    format!(
        "<img src=//{host}/img><script src=//{host}/js></script><link rel=stylesheet href=//{host}/css>\
         <link rel=preconnect href=//{host}><link rel=prefetch href=//{host}/pre>\
         <iframe src=//{host}/frame></iframe><object data=//{host}/object></object>\
         <video src=//{host}/video></video><form id=f action=//{host}/form target=n></form><iframe name=n></iframe>\
         <script>fetch('//{host}/fetch', {{mode: 'no-cors'}}).catch(() => 0);\
         new WebSocket('ws://{host}/ws'); navigator.sendBeacon('//{host}/beacon', 'x');\
         new EventSource('//{host}/events'); f.submit();\
         try {{ new Worker(URL.createObjectURL(new Blob([\"fetch('http://{host}/worker')\"]))) }} catch {{}}\
         try {{ new WebTransport('https://127.0.0.1:{udp}/') }} catch {{}}\
         try {{ const c = new RTCPeerConnection({{iceServers: [{{urls: 'stun:127.0.0.1:{udp}'}}]}});\
         c.createDataChannel('x'); c.createOffer().then(o => c.setLocalDescription(o)) }} catch {{}}\
         fetch('/redirect?' + encodeURIComponent('http://{host}/hop'), {{mode: 'no-cors'}}).catch(() => 0);\
         </script><p>still here"
    )
}

#[tokio::test]
async fn no_page_reaches_a_closed_address() {
    no_page_escapes(|chrome| chrome).await;
}

/// Renders pages that try every kind of request, with a driver built from a caged browser.
pub(super) async fn no_page_escapes<F: BrowserFetcher>(driver: impl FnOnce(Chrome) -> F) {
    let canary = Arc::new(Canary::start());
    let port = canary.port;
    let hosts = [
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        format!("[::1]:{port}"),
        format!("2130706433:{port}"),
        format!("rebound.test:{port}"),
        format!("0.0.0.0:{port}"),
        "169.254.169.254".to_owned(),
    ];
    let site_canary = Arc::clone(&canary);
    let targets = hosts.clone();
    let site = Site::start_on("127.0.0.2".parse().expect("an address"), move |request| {
        let target = request.path.split_once('?').map_or("", |it| it.1);
        match request.path.split('?').next().unwrap_or_default() {
            "/redirect" => {
                let to = target.replace("%3A", ":").replace("%2F", "/").replace("%5B", "[");
                SiteResponse::redirect(302, &to.replace("%5D", "]"))
            }
            path => {
                let at: usize = path.trim_start_matches('/').parse().unwrap_or(0);
                SiteResponse::html(requests_to(&targets[at % targets.len()], &site_canary))
            }
        }
    });
    let chrome = driver(caged(&site));
    let here = |path: &str| format!("http://evil.test:{}{path}", site.addr().port());

    for at in 0..hosts.len() {
        let shown = page(&chrome, &here(&format!("/{at}")), |_| ()).await;
        assert!(text(&shown).contains("still here"));
    }
    for host in &hosts {
        // The main document, by redirect.
        let to = format!("http://{host}/main").replace('[', "%5B").replace(']', "%5D");
        let error = render(&chrome, &here(&format!("/redirect?{to}")), |_| ()).await;
        let error = error.expect_err(host);
        assert_eq!(error.kind(), Kind::PrivateAddress, "{host}: {error}");
    }

    assert_eq!(canary.visits(), 0, "a request reached the canary");
}

#[tokio::test]
async fn the_same_page_reaches_an_open_address() {
    let canary = Canary::start();
    let body = requests_to(&format!("127.0.0.1:{}", canary.port), &canary);
    let site = Site::start(move |_| SiteResponse::html(body.clone()));

    let _ = render(&chrome().limits(patient()), &site.url("/"), |_| ()).await;

    assert!(canary.visits() > 5, "{} requests", canary.visits());
}

/// A page with one script.
fn script(body: &'static str) -> Site {
    Site::start(move |request| match request.path.as_str() {
        "/" => SiteResponse::html(format!("<!DOCTYPE html><p>here<script>{body}</script>")),
        "/file" => SiteResponse::status(200)
            .header("content-type", "application/zip")
            .header("content-disposition", "attachment; filename=a.zip")
            .body("PK"),
        _ => SiteResponse::html("<p>elsewhere"),
    })
}

async fn fails(site: &Site, chrome: &Chrome, path: &str) -> (Kind, String) {
    let error = render(chrome, &site.url(path), |_| ()).await.expect_err("it fails");
    (error.kind(), error.to_string())
}

#[tokio::test]
async fn dialogs_and_downloads_become_warnings() {
    let site = script("alert('a'); confirm('b'); window.open('/other'); location.href = '/file';");

    let shown = page(&chrome(), &site.url("/"), |_| ()).await;

    assert!(text(&shown).contains("here"));
    let warnings = shown.page.warnings.join("\n");
    assert!(warnings.contains("dialogs of the page were dismissed (2)"), "{warnings}");
    assert!(warnings.contains("downloads of the page were blocked (1)"), "{warnings}");
    assert_eq!(site.hits_on("/other"), 0, "no window was opened");
}

#[tokio::test]
async fn a_download_is_an_error() {
    let site = script("");

    let (kind, message) = fails(&site, &chrome(), "/file").await;

    assert_eq!(kind, Kind::Unsupported, "{message}");
    assert!(message.contains("download"), "{message}");
}

#[tokio::test]
async fn an_endless_script_ends_at_the_deadline() {
    let (site, chrome) = (script("for (;;) {}"), chrome());
    let plain = script("");

    let error = render(&chrome, &site.url("/"), |it| it.timeout = Duration::from_secs(4))
        .await
        .expect_err("it never ends");
    assert_eq!(error.kind(), Kind::Timeout, "{error}");

    assert!(text(&page(&chrome, &plain.url("/"), |_| ()).await).contains("here"));
}

#[tokio::test]
async fn a_page_over_its_memory_limit_is_killed() {
    let arrays = script(
        "const all = []; const more = () => { for (let i = 0; i < 4; i++) \
         all.push(new Uint8Array(16 << 20).fill(1)); setTimeout(more, 10); }; more();",
    );
    let strings = script("let all = []; for (;;) all.push(new Array(1000).fill(Math.random()));");
    let limits =
        ChromeLimits::default().with_max_memory_bytes(400 << 20).with_selector_timeout(NEVER);
    let chrome = chrome().limits(limits);

    let greedy = async |site: &Site| {
        // Waiting for a selector gives the page time to allocate.
        let waits = |item: &mut Item| item.wait_for = Some("#never".to_owned());
        let error = render(&chrome, &site.url("/"), waits).await.expect_err("it is killed");
        (error.kind(), error.to_string())
    };
    let (kind, message) = greedy(&arrays).await;
    assert_eq!(kind, Kind::TooLarge, "{message}");
    assert!(message.contains("400 MiB of memory"), "{message}");

    let (kind, message) = greedy(&strings).await;
    assert!(matches!(kind, Kind::TooLarge | Kind::Broken), "{message}");
}

#[tokio::test]
async fn a_page_with_too_many_elements_is_too_large() {
    let site = script("document.body.innerHTML = '<div hidden>' + '<i></i>'.repeat(1_000_000);");

    // The elements are hidden: their layout might take more memory than the limit, which is another error.
    let (kind, message) = fails(&site, &chrome(), "/").await;

    assert_eq!(kind, Kind::TooLarge, "{message}");
    assert!(message.contains("elements, over the limit of 300000"), "{message}");
}

#[tokio::test]
async fn an_endless_chain_of_navigations_is_an_error() {
    let site = Site::start(|_| {
        SiteResponse::html("<script>location.href = '/?' + Math.random()</script>")
    });
    let (kind, message) = fails(&site, &chrome(), "/").await;

    assert_eq!(kind, Kind::Redirect, "{message}");
}

#[tokio::test]
async fn an_endless_chain_of_redirects_is_an_error() {
    let site = Site::start(|_| SiteResponse::redirect(302, "/again"));

    let (kind, message) = fails(&site, &chrome(), "/").await;

    assert_eq!(kind, Kind::Redirect, "{message}");
}

#[tokio::test]
async fn a_page_over_its_byte_limit_is_too_large() {
    let site = Site::start(|request| match request.path.as_str() {
        "/" => SiteResponse::html(
            "<script>const more = () => fetch('/big').then(it => it.arrayBuffer()).then(more); more()</script>",
        ),
        _ => SiteResponse::status(200).body(vec![0; 1 << 20]),
    });
    let limits = ChromeLimits::default().with_max_page_bytes(8 << 20);

    let (kind, message) = fails(&site, &chrome().limits(limits), "/").await;

    assert_eq!(kind, Kind::TooLarge, "{message}");
    assert!(message.contains("loads more than 8388608 bytes"), "{message}");
}

#[tokio::test]
async fn an_untrusted_certificate_is_an_error() {
    no_untrusted_certificate_passes(&chrome()).await;
}

pub(super) async fn no_untrusted_certificate_passes(driver: &impl BrowserFetcher) {
    let key = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a key");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    listener.set_nonblocking(true).expect("supported");
    let listener = tokio::net::TcpListener::from_std(listener).expect("inside a runtime");
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let private = key.signing_key.serialize_der().try_into().expect("a key");
    let config = tokio_rustls::rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], private)
        .expect("a certificate");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let accepted = acceptor.accept(stream);
            tokio::spawn(tokio::time::timeout(PATIENCE, accepted));
        }
    });

    let error = render(driver, &format!("https://127.0.0.1:{port}/"), |_| ()).await;

    let error = error.expect_err("nobody trusts it");
    assert_eq!(error.kind(), Kind::Tls, "{error}");
}
