//! Pages that mean harm: none reaches an address that is closed, none outlives its time, and each ends
//! by name.

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

use super::{chrome, page, render, text};

/// Counts who comes, on TCP and UDP, at an address that no page may reach.
struct Canary {
    port: u16,
    udp_port: u16,
    came: Arc<AtomicUsize>,
    _site: RawSite,
    udp: UdpSocket,
}

impl Canary {
    fn start() -> Self {
        let came = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&came);
        let site = RawSite::start(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
        udp.set_nonblocking(true).expect("it can be");
        let udp_port = udp.local_addr().expect("it has one").port();
        Self { port: site.addr().port(), udp_port, came, _site: site, udp }
    }

    fn came(&self) -> usize {
        let datagram = self.udp.recv(&mut [0; 64]).is_ok();
        self.came.load(Ordering::SeqCst) + usize::from(datagram)
    }
}

/// A browser that may go to 127.0.0.2 alone, where the attacker's site is said to be.
fn caged(site: &Site) -> Chrome {
    let addr = format!("127.0.0.2:{}", site.addr().port()).parse().expect("an address");
    let network = NetPolicy::new()
        .allow_network("127.0.0.2")
        .expect("a network")
        .resolve("evil.test", addr)
        // A name that resolves to this machine, as after DNS rebinding.
        .resolve("rebound.test", "127.0.0.1:0".parse().expect("an address"));
    Chrome::new().network(network)
}

/// Every way out that a page has, to `to`.
fn ways_out(to: &str, canary: &Canary) -> String {
    let (host, udp) = (to, canary.udp_port);
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
async fn nothing_that_a_page_does_reaches_a_closed_address() {
    no_page_gets_out_of(|chrome| chrome).await;
}

/// Shows pages that try every way out, by what `driver` makes of a browser in a cage.
pub(super) async fn no_page_gets_out_of<F: BrowserFetcher>(driver: impl FnOnce(Chrome) -> F) {
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
    let aimed = Arc::clone(&canary);
    // On every address, so that it answers at 127.0.0.2 too.
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
                SiteResponse::html(ways_out(&targets[at % targets.len()], &aimed))
            }
        }
    });
    let chrome = driver(caged(&site));
    let here = |path: &str| format!("http://evil.test:{}{path}", site.addr().port());

    for at in 0..hosts.len() {
        let shown = page(&chrome, &here(&format!("/{at}")), |it| it.timeout = 20).await;
        assert!(text(&shown).contains("still here"));
    }
    for host in &hosts {
        // The page itself, by redirect, and by name.
        let to = format!("http://{host}/main").replace('[', "%5B").replace(']', "%5D");
        let error = render(&chrome, &here(&format!("/redirect?{to}")), |_| ()).await;
        let error = error.expect_err(host);
        assert_eq!(error.kind(), Kind::PrivateAddress, "{host}: {error}");
    }

    assert_eq!(canary.came(), 0, "something reached the canary");
}

#[tokio::test]
async fn the_canary_sings_where_the_address_is_open() {
    let canary = Canary::start();
    let body = ways_out(&format!("127.0.0.1:{}", canary.port), &canary);
    let site = Site::start(move |_| SiteResponse::html(body.clone()));

    let _ = render(&chrome(), &site.url("/"), |it| it.timeout = 20).await;

    assert!(canary.came() > 5, "the ways out are none: {}", canary.came());
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
    let error = render(chrome, &site.url(path), |it| it.timeout = 15).await.expect_err("it fails");
    (error.kind(), error.to_string())
}

#[tokio::test]
async fn a_page_with_bad_manners_is_read_and_what_it_did_is_said() {
    let site = script("alert('a'); confirm('b'); window.open('/other'); location.href = '/file';");

    let shown = page(&chrome(), &site.url("/"), |it| it.timeout = 15).await;

    assert!(text(&shown).contains("here"));
    let said = shown.page.warnings.join("\n");
    assert!(said.contains("2 dialogs, which were dismissed"), "{said}");
    assert!(said.contains("1 downloads, which were refused"), "{said}");
    assert_eq!(site.hits_on("/other"), 0, "no window was opened");
}

#[tokio::test]
async fn a_download_is_no_page() {
    let site = script("");

    let (kind, why) = fails(&site, &chrome(), "/file").await;

    assert_eq!(kind, Kind::Unsupported, "{why}");
    assert!(why.contains("download"), "{why}");
}

#[tokio::test]
async fn a_script_without_end_is_a_timeout_and_the_next_page_is_served() {
    let (site, chrome) = (script("for (;;) {}"), chrome());
    let fine = script("");

    let error = render(&chrome, &site.url("/"), |it| it.timeout = 4).await.expect_err("no end");
    assert_eq!(error.kind(), Kind::Timeout, "{error}");

    assert!(text(&page(&chrome, &fine.url("/"), |_| ()).await).contains("here"));
}

#[tokio::test]
async fn a_page_that_allocates_without_end_is_ended_by_name() {
    let arrays = script(
        "const all = []; const more = () => { for (let i = 0; i < 4; i++) \
         all.push(new Uint8Array(16 << 20).fill(1)); setTimeout(more, 10); }; more();",
    );
    let strings = script("let all = []; for (;;) all.push(new Array(1000).fill(Math.random()));");
    let limits = ChromeLimits { memory: 400 << 20, ..ChromeLimits::default() };
    let chrome = chrome().limits(limits);

    let greedy = async |site: &Site| {
        // It has time for it: the page is waited for.
        let waited = |it: &mut Item| (it.timeout, it.wait_for) = (20, Some("#never".to_owned()));
        let error = render(&chrome, &site.url("/"), waited).await.expect_err("it is ended");
        (error.kind(), error.to_string())
    };
    let (kind, why) = greedy(&arrays).await;
    assert_eq!(kind, Kind::TooLarge, "{why}");
    assert!(why.contains("400 MiB of memory"), "{why}");

    let (kind, why) = greedy(&strings).await;
    assert!(matches!(kind, Kind::TooLarge | Kind::Broken), "{why}");
}

#[tokio::test]
async fn a_page_of_a_million_elements_is_too_large_by_name() {
    let site = script("document.body.innerHTML = '<div hidden>' + '<i></i>'.repeat(1_000_000);");

    // Hidden, for laying out so many might take more memory than a page may, which is another error.
    let error = render(&chrome(), &site.url("/"), |it| it.timeout = 90).await.expect_err("large");
    let (kind, why) = (error.kind(), error.to_string());

    assert_eq!(kind, Kind::TooLarge, "{why}");
    assert!(why.contains("elements, over the limit of 300000"), "{why}");
}

#[tokio::test]
async fn a_page_that_leads_on_for_ever_is_ended_by_name() {
    let site = script("location.href = '/?' + Math.random();");
    let all = Site::start(|_| {
        SiteResponse::html("<script>location.href = '/?' + Math.random()</script>")
    });
    drop(site);

    let (kind, why) = fails(&all, &chrome(), "/").await;

    assert_eq!(kind, Kind::Redirect, "{why}");
}

#[tokio::test]
async fn redirects_without_end_are_an_error() {
    let site = Site::start(|_| SiteResponse::redirect(302, "/again"));

    let (kind, why) = fails(&site, &chrome(), "/").await;

    assert_eq!(kind, Kind::Redirect, "{why}");
}

#[tokio::test]
async fn a_page_that_never_stops_loading_is_cut_by_its_bytes() {
    let site = Site::start(|request| match request.path.as_str() {
        "/" => SiteResponse::html(
            "<script>const more = () => fetch('/big').then(it => it.arrayBuffer()).then(more); more()</script>",
        ),
        _ => SiteResponse::status(200).body(vec![0; 1 << 20]),
    });
    let limits = ChromeLimits { page_bytes: 8 << 20, ..ChromeLimits::default() };

    let (kind, why) = fails(&site, &chrome().limits(limits), "/").await;

    assert_eq!(kind, Kind::TooLarge, "{why}");
    assert!(why.contains("loads more than 8388608 bytes"), "{why}");
}

#[tokio::test]
async fn a_certificate_that_nobody_signed_is_an_error() {
    no_unsigned_certificate_passes(&chrome()).await;
}

pub(super) async fn no_unsigned_certificate_passes(driver: &impl BrowserFetcher) {
    let key = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a key");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("it has one").port();
    listener.set_nonblocking(true).expect("it can be");
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
            tokio::spawn(tokio::time::timeout(Duration::from_secs(5), accepted));
        }
    });

    let error = render(driver, &format!("https://127.0.0.1:{port}/"), |_| ()).await;

    let error = error.expect_err("nobody signed it");
    assert_eq!(error.kind(), Kind::Tls, "{error}");
}
