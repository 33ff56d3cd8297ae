//! Between the store and the server: TLS, and a pooler.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rungs::core::record::{Queue, Record};
use rungs::ports::store::Store;
use rungs::testkit::store::{put, sample};

use crate::support::postgres::{Pooler, Server, block_on, open};

use super::why;

/// An authority, and a certificate of it for `localhost` with its key, as PEM.
fn certificates() -> (String, String) {
    let key = || KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::new(Vec::new()).expect("no names");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, key()).expect("signed");
    let own = key();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let certificate = params.signed_by(&own, &authority).expect("signed");
    (authority.pem(), certificate.pem() + &own.serialize_pem())
}

#[test]
fn tls_is_used_and_verified_as_the_url_says() {
    let (authority, pem) = certificates();
    let (_server, port) = Server::with_tls(&pem);
    let scratch = tempfile::tempdir().expect("a directory");
    let [ours, others] = ["ours", "others"].map(|it| scratch.path().join(it));
    fs::write(&ours, authority).expect("written");
    fs::write(&others, certificates().0).expect("written");
    let url = |host: &str, rest: &str| format!("postgres://rungs@{host}:{port}/postgres?{rest}");
    let roots =
        |mode: &str, path: &std::path::Path| format!("{mode}&sslrootcert={}", path.display());

    for (rest, encrypted) in [
        ("", true),
        ("sslmode=prefer", true),
        ("sslmode=disable", false),
        (&roots("sslmode=require", &ours), true),
        (&roots("sslmode=verify-full", &ours), true),
    ] {
        let url = url("localhost", rest);
        let store = open(&url);
        block_on(async {
            let record = Record::Job(sample::job(1, sample::at(1)));
            let version = store.load(vec![record.key()]).await.expect("loaded");
            let version = version.into_iter().flatten().next().map(|it| it.version);
            put(&store, record, version).await.expect("committed");
            let report = store.inspect().await.expect("inspected");
            assert_eq!(report.is_encrypted, encrypted, "{rest}");
        });
    }
    for (host, rest, reason) in [
        ("localhost", "sslmode=require".to_owned(), "UnknownIssuer"),
        ("localhost", roots("sslmode=verify-full", &others), "BadSignature"),
        ("127.0.0.1", roots("sslmode=verify-full", &ours), "not valid for name"),
    ] {
        let refused = why(&url(host, &rest));

        assert!(refused.contains(reason) && refused.contains("sslrootcert"), "{rest}: {refused}");
    }
}

#[test]
fn a_pooler_may_give_each_session_or_each_transaction_a_connection() {
    for (mode, is_direct) in [("session", true), ("transaction", false)] {
        let pooler = Pooler::start(mode);
        let url = pooler.new_url();
        let (here, there) = (open(&url), open(&url));

        block_on(async {
            // Commits and claims at once, through both handles.
            let job = Record::Job(sample::job(1, sample::at(1)));
            put(&here, job, None).await.expect("committed");
            let claim = || sample::claim(Queue::Jobs, 10);
            let (one, two) = tokio::join!(here.claim(claim()), there.claim(claim()));
            let claimed = one.expect("claimed").len() + two.expect("claimed").len();
            assert_eq!(claimed, 1, "{mode}: the job is claimed once");
            let bodies = there.bodies().expect("it has bodies");
            let body = bodies.put(sample::batch_id(1), b"page".to_vec()).await.expect("stored");
            let read = here.bodies().expect("it has bodies").get(body).await.expect("read");
            assert_eq!(read.as_deref(), Some(&b"page"[..]));
            assert_eq!(here.inspect().await.expect("inspected").is_direct, is_direct, "{mode}");
        });
    }
}
