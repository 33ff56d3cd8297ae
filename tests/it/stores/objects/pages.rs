//! Engines and the program with their results on a server with the API of S3.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rungs::core::batch::BatchStatus;
use rungs::core::time::Timestamp;
use rungs::engine::SystemClock;
use rungs::fetch::Http;
use rungs::ports::BoxFuture;
use rungs::ports::clock::Clock;
use rungs::stores::{Journal, Objects};
use rungs::testkit::run;
use rungs::testkit::site::{Site, SiteResponse};
use rungs::testkit::store::Scratch;
use rungs::{Batch, Engine};

use crate::support::PATIENCE;
use crate::support::s3::{BUCKET, S3};

/// The machine's clock, which can be put forward by some hours. Then no wait is long.
#[derive(Clone, Debug, Default)]
struct Hurried(Arc<AtomicU64>);

impl Clock for Hurried {
    fn now(&self) -> Timestamp {
        SystemClock.now().after(Duration::from_hours(self.0.load(Ordering::SeqCst)))
    }

    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()> {
        let is_forward = self.0.load(Ordering::SeqCst) > 0;
        SystemClock.sleep(if is_forward { wait.min(Duration::from_millis(100)) } else { wait })
    }
}

fn site() -> Site {
    Site::start(|request| {
        SiteResponse::html(format!(
            "<article><h1>Loaf {}</h1><p>Flour, water, salt and time are all that a good loaf needs, and of these \
             time is the one that most people are least willing to give.</p></article>",
            request.path
        ))
    })
}

fn engine(scratch: &Scratch, s3: &S3, clock: &Hurried) -> Engine {
    let http = Http::new().allow_network("127.0.0.0/8").expect("a network");
    let store = Journal::open(scratch.path()).expect("it opens");
    let builder = Engine::builder().store(store).http(http).clock(clock.clone());
    let mut options = s3.options();
    options.retries = 0;
    let objects = Objects::open_with(&format!("s3://{BUCKET}/engine"), options);
    builder.bodies(objects.expect("valid settings")).build().expect("all parts")
}

/// Waits until `is_so`, which becomes true some time after its cause.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn results_are_in_the_bucket_until_their_batch_expires() {
    let (mut s3, site, scratch) = (S3::start(), site(), Scratch::new());
    let clock = Hurried::default();
    let urls: Vec<String> = (0..12).map(|it| site.url(&format!("/{it}"))).collect();

    run(async {
        let first = engine(&scratch, &s3, &clock);
        let mut handle = first.submit(Batch::new(urls)).await.expect("accepted");
        let report = handle.report().await.expect("it runs");
        assert_eq!(report.status(), BatchStatus::Completed, "{:?}", report.jobs());
        let id = handle.id();
        first.shutdown().await;
        drop((first, handle));
        let keys = s3.keys();
        assert!(!keys.is_empty() && keys.iter().all(|it| it.contains(&id.to_string())), "{keys:?}");

        // Another process reads the results.
        clock.0.store(1, Ordering::SeqCst);
        let second = engine(&scratch, &s3, &clock);
        let report = second.batch_report(id).await.expect("stored").expect("it has ended");
        assert_eq!(report.jobs().len(), 12);
        for job in report.jobs() {
            let page = job.result().expect("a page");
            assert!(page.extracted.text.contains("Flour, water"));
        }

        // The bucket cannot be reached when the batch expires: it is kept until it can.
        s3.set_down(true);
        clock.0.store(25, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(400)).await;
        second.batch(id).await.expect("kept, because its results are");
        s3.set_down(false);
        until("the bucket is emptied", || s3.keys().is_empty()).await;
        let began = Instant::now();
        while second.batch(id).await.is_ok() {
            assert!(began.elapsed() < PATIENCE, "the batch is removed after its results");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        second.shutdown().await;
    });
}
