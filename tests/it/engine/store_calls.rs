//! The number of store calls that look for work.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rungs::core::record::{Claim, Key, Queue};
use rungs::core::tier::Tier;
use rungs::core::time::Timestamp;
use rungs::ports::BoxFuture;
use rungs::ports::fetch::{FetchError, FetchRequest, Fetched, fetcher_fn};
use rungs::ports::store::{Bodies, ListQuery, Store, StoreError, Versioned, Write};
use rungs::stores::Memory;
use rungs::{Batch, Engine};

use crate::support::paused::Paused;

/// A memory store that counts the calls that look for jobs.
#[derive(Clone, Debug, Default)]
struct Counting {
    inner: Memory,
    calls: Arc<AtomicUsize>,
}

impl Counting {
    fn count(&self, queue: Queue) {
        if queue == Queue::Jobs {
            self.calls.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Store for Counting {
    fn load(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Versioned>>, StoreError>> {
        self.inner.load(keys)
    }

    fn list(&self, list: ListQuery) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        self.inner.list(list)
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        self.count(claim.queue);
        self.inner.claim(claim)
    }

    fn commit(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>> {
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

    fn bodies(&self) -> Option<Arc<dyn Bodies>> {
        self.inner.bodies()
    }
}

#[tokio::test(start_paused = true)]
async fn looking_for_jobs_takes_less_than_a_call_for_each_page() {
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

    let calls = store.calls.load(Ordering::SeqCst);
    assert!(calls < 500, "{calls} calls for 500 pages");
}
