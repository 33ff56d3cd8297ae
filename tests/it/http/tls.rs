//! HTTPS, HTTP/2 and webhooks over real sockets of the loopback interface.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rungs::core::id::NotificationId;
use rungs::core::request::{Item, Limits};
use rungs::core::tier::Tier;
use rungs::core::time::Timestamp;
use rungs::fetch::http::Http;
use rungs::net::NetPolicy;
use rungs::ports::fetch::{FetchErrorKind, FetchRequest, HttpFetcher};
use rungs::ports::notify::{DeliveryOutcome, DeliveryRequest, Notifier};
use rungs::testkit::site::{Site, SiteResponse};
use rungs::webhook::{WebhookSecret, Webhooks};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::PATIENCE;

/// A site that speaks HTTP/2 only and responds with the version of the request.
async fn http2_site() -> (SocketAddr, Vec<u8>) {
    let names = vec!["secure.test".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("certificate");
    let root = made.cert.der().to_vec();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("server");
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let addr = listener.local_addr().expect("address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let answer = service_fn(|request: hyper::Request<hyper::body::Incoming>| async move {
                let body = format!("{:?}", request.version());
                Ok::<_, Infallible>(hyper::Response::new(Full::new(Bytes::from(body))))
            });
            let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), answer);
            tokio::spawn(serving);
        }
    });
    (addr, root)
}

fn get(url: &str) -> FetchRequest {
    let item = Item::get(url).max_response_bytes(1_000_000);
    let options = item.check(&Limits::default()).expect("item");
    FetchRequest::new(Arc::new(options), Tier::Curl).with_deadline(PATIENCE)
}

#[tokio::test]
async fn an_unknown_root_is_a_tls_error() {
    let (addr, root) = http2_site().await;
    let network = local().resolve("secure.test", addr);
    let doubting = Http::new().network(network.clone());
    let trusting = Http::new().network(network.extra_roots(root).expect("root"));

    let page = trusting.fetch(get("https://secure.test/")).await.expect("page");
    let doubting = doubting.fetch(get("https://secure.test/")).await.expect_err("unknown root");

    assert_eq!(page.body, b"HTTP/2.0");
    assert_eq!(doubting.kind(), FetchErrorKind::Tls);
    assert!(doubting.to_string().contains("UnknownIssuer"), "{doubting}");
}

/// A policy that allows this machine's addresses.
fn local() -> NetPolicy {
    NetPolicy::new().allow_network("127.0.0.0/8").expect("network")
}

fn delivery(url: String) -> DeliveryRequest {
    let sent_at = Timestamp::from_millis(1_700_000_000_000);
    let id = NotificationId::new(sent_at, 0, 7);
    let body = r#"{"event":"batch.completed"}"#;
    DeliveryRequest::new(id, "batch.completed", url, body, sent_at).with_attempt(2)
}

#[tokio::test]
async fn a_delivery_carries_both_signatures_of_its_raw_body() {
    let site = Site::start(|request| {
        let secret = WebhookSecret::new("hush");
        let id = request.header("webhook-id").unwrap_or_default();
        let whole = request.header("x-alterlab-signature")
            == Some(secret.alterlab(&request.body).as_str())
            && request.header("webhook-signature")
                == Some(secret.standard(id, 1_700_000_000, &request.body).as_str())
            && request.header("x-alterlab-delivery") == Some(id)
            && request.header("x-alterlab-event") == Some("batch.completed")
            && request.header("x-alterlab-attempt") == Some("2");
        SiteResponse::status(if whole { 204 } else { 400 })
    });
    let hooks = Webhooks::signed_with("hush").network(local());

    let delivered = hooks.deliver(delivery(site.url("/hook"))).await;

    assert_eq!(delivered, DeliveryOutcome::Accepted { status: 204, response_body: None });
}

#[tokio::test]
async fn a_delivery_follows_no_redirect() {
    let site = Site::start(|_| SiteResponse::redirect(302, "/elsewhere"));
    let hooks = Webhooks::unsigned().network(local());
    let closed = Webhooks::unsigned().network(NetPolicy::new().resolve("inside.test", site.addr()));

    let redirected = hooks.deliver(delivery(site.url("/"))).await;
    let inside = closed.deliver(delivery("https://inside.test/".to_owned())).await;

    assert!(
        matches!(redirected, DeliveryOutcome::Failed { status: Some(302), .. }),
        "{redirected:?}"
    );
    assert!(matches!(inside, DeliveryOutcome::Refused { .. }), "{inside:?}");
    assert_eq!((site.hits(), site.hits_on("/elsewhere")), (1, 0));
}

/// Returns the error of a page at `https://{host}/` on a server that does this with each connection.
async fn refusal(
    certificate: rcgen::CertificateParams,
    host: &str,
    trusts: bool,
) -> rungs::ports::fetch::FetchError {
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = certificate.self_signed(&key).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
        )
        .expect("a server");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        while let Ok((stream, _)) = listener.accept().await {
            let _ = acceptor.accept(stream).await;
        }
    });
    let mut network = local().resolve(host, addr);
    if trusts {
        network = network.extra_roots(certificate.der()).expect("a root");
    }
    let http = Http::new().network(network);
    http.fetch(get(&format!("https://{host}/"))).await.expect_err("a certificate at fault")
}

#[tokio::test]
async fn a_refused_certificate_says_why() {
    let named = |it: &str| rcgen::CertificateParams::new(vec![it.to_owned()]).expect("a name");
    let mut expired = named("secure.test");
    expired.not_after = rcgen::date_time_ymd(2020, 1, 1);

    for (certificate, trusts, part) in [
        (named("secure.test"), false, "self-signed or its issuer is not trusted"),
        (named("other.test"), true, "for another host name"),
        (expired, true, "has expired"),
    ] {
        let error = refusal(certificate, "secure.test", trusts).await;
        assert_eq!(error.kind(), FetchErrorKind::Tls, "{part}");
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_told_from_one_that_hangs_up() {
    let plain = Site::start(|_| SiteResponse::html("x"));
    let hangs_up = rungs::testkit::site::RawSite::start(|mut stream| {
        let _ = std::io::Read::read(&mut stream, &mut [0; 64]);
    });
    let http = Http::new().network(local());

    let plain = http.fetch(get(&plain.url("/").replace("http:", "https:"))).await;
    let broken = http.fetch(get(&hangs_up.url("/").replace("http:", "https:"))).await;

    let (plain, broken) = (plain.expect_err("no TLS"), broken.expect_err("no handshake"));
    assert_eq!(plain.kind(), FetchErrorKind::Tls);
    assert!(plain.to_string().contains("does not speak TLS"), "{plain}");
    assert_eq!(broken.kind(), FetchErrorKind::Broken);
}
