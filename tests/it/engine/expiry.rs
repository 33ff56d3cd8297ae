//! Batches that expire, and stores of bodies that fail meanwhile.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rungs::core::id::BatchId;
use rungs::core::job::BodyRef;
use rungs::core::tier::Tier;
use rungs::ports::BoxFuture;
use rungs::ports::fetch::{Fetched, fetcher_fn};
use rungs::ports::store::{Bodies, StoreError};
use rungs::stores::Memory;
use rungs::{Batch, Engine};

use crate::support::paused::Paused;

/// Bodies in memory, some of which cannot be removed.
#[derive(Clone, Debug, Default)]
struct Stubborn {
    inner: Memory,
    stays: Arc<Mutex<HashSet<BatchId>>>,
    refused: Arc<Mutex<usize>>,
}

impl Bodies for Stubborn {
    fn put(&self, batch: BatchId, body: Vec<u8>) -> BoxFuture<'_, Result<BodyRef, StoreError>> {
        Bodies::put(&self.inner, batch, body)
    }

    fn get(&self, body: BodyRef) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        Bodies::get(&self.inner, body)
    }

    fn remove(&self, batch: BatchId) -> BoxFuture<'_, Result<(), StoreError>> {
        if self.stays.lock().expect("not poisoned").contains(&batch) {
            *self.refused.lock().expect("not poisoned") += 1;
            let what = "the bucket is gone".to_owned();
            return Box::pin(async { Err(StoreError::Damaged { store: "stubborn", what }) });
        }
        Bodies::remove(&self.inner, batch)
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_whose_results_cannot_be_removed_is_tried_again_and_holds_up_no_other() {
    let bodies = Stubborn::default();
    let page = "<p>Flour, water, salt and time are all that a good loaf of bread needs.</p>";
    let fetcher = fetcher_fn([Tier::Curl], move |_| async move { Ok(Fetched::new(200, page)) });
    let builder = Engine::builder().store(Memory::default()).bodies(bodies.clone()).http(fetcher);
    let engine = builder.clock(Paused::default()).build().expect("all parts");
    // More than one round removes, and more failures than it takes.
    let mut ids = Vec::new();
    for number in 0..80 {
        let urls = [format!("http://a{number}.test/")];
        let mut handle = engine.submit(Batch::new(urls)).await.expect("accepted");
        handle.wait().await.expect("ended");
        ids.push(handle.id());
    }
    let (stays, goes) = ids.split_at(70);
    bodies.stays.lock().expect("not poisoned").extend(stays);

    tokio::time::sleep(Duration::from_hours(24) + Duration::from_mins(10)).await;

    for id in goes {
        assert!(engine.batch(*id).await.is_err(), "a batch behind those that fail is removed");
    }
    for id in stays {
        engine.batch(*id).await.expect("kept, because its results are");
    }
    let refused = *bodies.refused.lock().expect("not poisoned");
    assert!((70..400).contains(&refused), "{refused} tries within ten minutes");
    bodies.stays.lock().expect("not poisoned").clear();
    tokio::time::sleep(Duration::from_mins(1)).await;
    for id in stays {
        assert!(engine.batch(*id).await.is_err(), "it is removed once its results can be");
    }
}
