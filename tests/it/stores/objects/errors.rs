//! Errors of object stores: the remedy, and no credentials.

use std::error::Error;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rungs::ports::store::{Bodies, StoreError};
use rungs::stores::{Objects, ObjectsError, ObjectsOptions};
use rungs::testkit::run;
use rungs::testkit::site::{Site, SiteResponse};
use rungs::testkit::store::{Scratch, sample};

use super::directory;
use crate::support::s3::{BUCKET, KEY, S3, SECRET};

/// Returns the error and its cause in one line.
fn told(error: &StoreError) -> String {
    let cause = error.source().map_or_else(String::new, ToString::to_string);
    let text = format!("{error}: {cause}");
    assert!(!text.contains(SECRET) && !format!("{error:?}").contains(SECRET), "{error:?}");
    assert!(!text.contains(KEY) && !format!("{error:?}").contains(KEY), "{error:?}");
    text
}

fn refused(url: &str, options: ObjectsOptions) -> String {
    let objects = Objects::open_with(url, options).expect("valid settings");
    told(&run(objects.check()).expect_err("it cannot be used"))
}

#[test]
fn a_server_that_refuses_is_named_with_the_remedy() {
    let mut s3 = S3::start();
    let url = format!("s3://{BUCKET}/errors");
    run(s3.objects("errors").check()).expect("bucket and credentials are right");
    assert_eq!(s3.keys(), Vec::<String>::new(), "the check removes its object");

    let bucket = refused("s3://nowhere/errors", s3.options());
    let key = refused(&url, s3.options().with_config("access_key_id", "AKIDOFSOMEBODY"));
    let secret = refused(&url, s3.options().with_config("secret_access_key", "another secret"));
    let objects = s3.objects("errors");
    let kept =
        run(s3.objects("errors").put(sample::batch_id(1), b"kept".to_vec())).expect("stored");
    s3.set_down(true);
    let down = run(objects.get(kept.clone())).expect_err("the service fails");
    s3.set_down(false);

    assert!(
        bucket.contains("s3://nowhere/errors: the bucket does not exist: create it"),
        "{bucket}"
    );
    assert!(key.contains("the credentials were refused (InvalidAccessKeyId)"), "{key}");
    assert!(!key.contains("AKIDOFSOMEBODY"), "{key}");
    assert!(secret.contains("(SignatureDoesNotMatch): check AWS_ACCESS_KEY_ID"), "{secret}");
    assert!(told(&down).contains("the service failed (SlowDown)"), "{down:?}");
    assert_eq!(run(objects.get(kept)).expect("it is back"), Some(b"kept".to_vec()));
    let removed = Objects::open_with("s3://nowhere/errors", s3.options()).expect("valid");
    assert!(run(removed.remove(sample::batch_id(1))).is_err(), "nothing is known of that bucket");
}

/// The settings of a client of `endpoint`.
fn options(endpoint: &str) -> ObjectsOptions {
    ObjectsOptions::new()
        .without_environment()
        .with_config("endpoint", endpoint)
        .with_config("access_key_id", KEY)
        .with_config("secret_access_key", SECRET)
}

#[test]
fn an_endpoint_without_a_server_is_named() {
    let port =
        TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    let mut options = options(&format!("http://127.0.0.1:{port}"));
    options.retries = 1;

    let text = refused("s3://pages", options);

    let expected = format!(
        "s3://pages cannot be reached (127.0.0.1:{port}: could not connect: connection refused)"
    );
    assert!(text.contains(&expected), "{text}");
    assert!(text.contains("check AWS_ENDPOINT_URL"), "{text}");
}

#[test]
fn a_request_is_tried_again_and_ends_with_its_deadline() {
    // Two of three requests fail, unless they get no response at all.
    let seen = AtomicUsize::new(0);
    let site = Site::start(move |request| {
        if request.path.contains("slow") {
            return SiteResponse::status(200).delay(Duration::from_mins(1));
        }
        let is_third = seen.fetch_add(1, Ordering::Relaxed) % 3 == 2;
        SiteResponse::status(if is_third { 200 } else { 503 }).header("etag", "\"1\"")
    });
    let put = |prefix: &str, options: ObjectsOptions| {
        let objects = Objects::open_with(&format!("s3://pages/{prefix}"), options).expect("valid");
        run(objects.put(sample::batch_id(1), b"body".to_vec()))
    };
    let endpoint = site.url("");

    put("busy", options(&endpoint)).expect("the third try succeeds");
    let mut no_retries = options(&endpoint);
    no_retries.retries = 0;
    let busy = put("again", no_retries).expect_err("one try");
    let mut short = options(&endpoint).with_timeout(Duration::from_millis(200));
    let slow = put("slow", short.clone()).expect_err("no response");
    short.request_timeout = Duration::from_millis(20);
    short.retries = 1;
    let slower = put("slow", short).expect_err("no response");

    assert!(told(&busy).contains("the service failed (status 503)"), "{busy:?}");
    assert!(told(&slow).contains("no response within 200ms"), "{slow:?}");
    let cause = slower.source().and_then(|it| it.downcast_ref::<ObjectsError>());
    assert!(matches!(cause, Some(ObjectsError::Unreachable { .. } | ObjectsError::Timeout { .. })));
}

#[test]
fn settings_that_cannot_be_used_are_named_without_their_values() {
    let open = |url: &str, name: &str, value: &str| {
        let options = ObjectsOptions::new().without_environment().with_config(name, value);
        told(&Objects::open_with(url, options).expect_err("it cannot be used"))
    };

    let half = open("s3://pages", "secret_access_key", SECRET);
    let google =
        open("gs://pages", "service_account_key", &format!("{{\"private_key\": \"{SECRET}\"}}"));
    let azure = open("az://pages", "access_key", SECRET);
    let url = open("s3:///prefix", "region", "us-east-1");

    assert!(half.contains("invalid settings") && half.contains("AWS_*"), "{half}");
    assert!(google.contains("GOOGLE_*") && azure.contains("AZURE_*"), "{google} {azure}");
    assert!(url.contains("the name of the bucket is missing"), "{url}");
    let debug = format!("{:?}", options("http://127.0.0.1").with_config("token", SECRET));
    assert!(!debug.contains(SECRET) && debug.contains("secret_access_key"), "{debug}");
}

#[test]
fn a_changed_or_missing_directory_is_an_error_and_no_empty_batch() {
    let scratch = Scratch::new();
    let objects = directory(&scratch);
    let batch = sample::batch_id(1);
    let writer = directory(&scratch);
    let body = run(writer.put(batch, b"a body of some length".to_vec())).expect("stored");
    let id = batch.to_string();
    let dir = scratch.path().join(&id[id.len() - 2..]).join(&id);
    let file = std::fs::read_dir(&dir)
        .expect("it is there")
        .next()
        .expect("one")
        .expect("an entry")
        .path();
    let mut bytes = std::fs::read(&file).expect("readable");

    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&file, &bytes).expect("written");
    let changed = run(objects.get(body.clone())).expect_err("another body");
    std::fs::write(&file, &bytes[..last]).expect("written");
    let cut = run(objects.get(body.clone())).expect_err("half a body");
    std::fs::remove_dir_all(scratch.path()).expect("removed");
    let gone = run(objects.get(body)).expect_err("nothing is known");
    let removed = run(objects.remove(batch)).expect_err("nothing is known");

    assert!(matches!(changed, StoreError::Damaged { .. }), "{changed:?}");
    assert!(matches!(cut, StoreError::Damaged { .. } | StoreError::Backend { .. }), "{cut:?}");
    for error in [gone, removed] {
        assert!(told(&error).contains("the directory does not exist"), "{error:?}");
    }
}
