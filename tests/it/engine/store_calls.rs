//! The calls of the store: their number, and those that it refuses.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rungs::core::completion::Completion;
use rungs::core::record::{Claim, Key, Queue, Record};
use rungs::core::tier::Tier;
use rungs::core::time::Timestamp;
use rungs::ports::BoxFuture;
use rungs::ports::fetch::{FetchError, FetchRequest, Fetched, fetcher_fn};
use rungs::ports::notify::NotificationFormat;
use rungs::ports::store::{Store, StoreError, Versioned, Write};
use rungs::stores::Memory;
use rungs::{Batch, Engine};
use tokio::sync::Semaphore;

use crate::support::delegate::delegate;
use crate::support::paused::Paused;

/// A memory store that counts the calls that look for jobs.
#[derive(Clone, Debug, Default)]
struct Counting {
    inner: Memory,
    calls: Arc<AtomicUsize>,
    loads: Arc<AtomicUsize>,
    commits: Arc<AtomicUsize>,
    profiles: Arc<AtomicUsize>,
}

impl Counting {
    fn count(&self, queue: Queue) {
        if queue == Queue::Jobs {
            self.calls.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Store for Counting {
    delegate!(inner: list, bodies);

    fn load(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Versioned>>, StoreError>> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.inner.load(keys)
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        self.count(claim.queue);
        self.inner.claim(claim)
    }

    fn commit(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.commits.fetch_add(1, Ordering::SeqCst);
        let profiles = writes.iter().filter(|it| matches!(it.key, Key::Site(_))).count();
        self.profiles.fetch_add(profiles, Ordering::SeqCst);
        self.inner.commit(writes)
    }

    fn due(
        &self,
        queue: Queue,
        from: Timestamp,
    ) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.count(queue);
        self.inner.due(queue, from)
    }
}

#[tokio::test(start_paused = true)]
async fn pages_share_their_calls_of_the_store() {
    let store = Counting::default();
    let fetch = |_: FetchRequest| async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let text = "Flour, water, salt and time are all that a good loaf needs. ".repeat(5);
        let page = format!("<html><title>Bread</title><body><p>{text}</p></body></html>");
        Ok::<_, FetchError>(Fetched::new(200, page).header("content-type", "text/html"))
    };
    let engine = Engine::builder()
        .store(store.clone())
        .http(fetcher_fn([Tier::Curl, Tier::Http], fetch))
        .clock(Paused::default())
        .build()
        .expect("all parts are there");

    let mut handles = Vec::new();
    for site in 0..5 {
        let pages = (0..100).map(|it| format!("http://{site}.test/{it}"));
        handles.push(engine.submit(Batch::new(pages)).await.expect("accepted"));
    }
    for mut handle in handles {
        handle.wait().await.expect("ended");
    }

    engine.shutdown().await;

    let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
    let calls = count(&store.calls);
    assert!(calls < 500, "{calls} calls that look for jobs for 500 pages");
    let commits = count(&store.commits);
    assert!(commits < 250, "{commits} commits for 500 pages");
    let loads = count(&store.loads);
    assert!(loads < 250, "{loads} loads for 500 pages");
    let profiles = count(&store.profiles);
    assert!((5..100).contains(&profiles), "{profiles} writes of the profiles of 5 sites");
}

/// A memory store that never writes the end of the job with the path `/bad`.
#[derive(Clone, Debug, Default)]
struct Picky(Memory);

impl Store for Picky {
    delegate!(0: load, list, claim, due, bodies);

    fn commit(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>> {
        let is_bad = |it: &Write| match &it.record {
            Some(Record::Job(job)) => {
                job.outcome.is_some() && job.request.page().as_str().ends_with("/bad")
            }
            _ => false,
        };
        if writes.iter().any(is_bad) {
            let source = "a failed write lost a result".into();
            return Box::pin(async { Err(StoreError::Backend { store: "picky", source }) });
        }
        self.0.commit(writes)
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_job_does_not_delay_those_of_its_commit() {
    let (requests, gate) = (Arc::<AtomicUsize>::default(), Arc::new(Semaphore::new(0)));
    let (counted, closed) = (Arc::clone(&requests), Arc::clone(&gate));
    let fetcher = fetcher_fn([Tier::Curl], move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        let closed = Arc::clone(&closed);
        async move {
            let _open = closed.acquire().await.expect("never closed");
            let text = "Flour, water, salt and time are all that a good loaf needs. ".repeat(5);
            let page = format!("<html><title>Bread</title><body><p>{text}</p></body></html>");
            Ok(Fetched::new(200, page).header("content-type", "text/html"))
        }
    });
    let engine = Engine::builder().store(Picky::default()).http(fetcher).clock(Paused::default());
    let engine = engine.build().expect("all parts are there");
    let bad = engine.submit(Batch::new(["http://bad.test/bad"])).await.expect("accepted");
    let pages = (0..8).map(|it| format!("http://{it}.test/"));
    let mut good = engine.submit(Batch::new(pages)).await.expect("accepted");
    while requests.load(Ordering::SeqCst) < 9 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    let before = engine.now();
    gate.add_permits(9);
    good.wait().await.expect("ended");

    let took = engine.now().since(before);
    assert!(took < Duration::from_secs(1), "no job waits for another try: {took:?}");
    assert_eq!(requests.load(Ordering::SeqCst), 9, "no page is fetched again");
    assert!(engine.batch(bad.id()).await.expect("a batch").ended_at.is_none());
}

/// A format that panics for batches.
#[derive(Debug)]
struct Panicking;

impl NotificationFormat for Panicking {
    fn body(&self, _: &Completion) -> String {
        panic!("a mistake of the application")
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_notification_format_loses_no_end_of_a_batch() {
    let fetcher = fetcher_fn([Tier::Curl], |_| async { Ok(Fetched::new(404, "")) });
    let engine = Engine::builder().store(Memory::default()).http(fetcher);
    let engine = engine.notification_format(Panicking).build().expect("all parts are there");

    for _ in 0..2 {
        let mut handle = engine.submit(Batch::new(["http://a.test/"])).await.expect("accepted");
        handle.wait().await.expect("ended");
        let notification = engine.batch_notification(handle.id()).await.expect("read");
        let body = notification.expect("it has ended").body;
        assert!(body.contains("\"event\":\"batch.completed\""), "{body}");
    }
}
