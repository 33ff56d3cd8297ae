//! The number of store calls that look for work.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rungs::core::record::{Claim, Key, Queue};
use rungs::core::tier::Tier;
use rungs::core::time::Timestamp;
use rungs::ports::BoxFuture;
use rungs::ports::fetch::{FetchError, FetchRequest, Fetched, fetcher_fn};
use rungs::ports::store::{Store, StoreError, Versioned, Write};
use rungs::stores::Memory;
use rungs::{Batch, Engine};

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
