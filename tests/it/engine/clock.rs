//! A wall clock that jumps, as that of a machine that was suspended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use rungs::core::batch::BatchStatus;
use rungs::core::tier::Tier;
use rungs::core::time::Timestamp;
use rungs::engine::{Pacing, Settings, SystemClock};
use rungs::ports::BoxFuture;
use rungs::ports::clock::Clock;
use rungs::ports::fetch::{Fetched, fetcher_fn};
use rungs::stores::Memory;
use rungs::{Batch, Engine};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::support::PATIENCE;

/// The machine's clock, whose wall clock time can be put forward.
#[derive(Clone, Debug, Default)]
struct Jumping(Arc<AtomicU64>);

impl Jumping {
    fn jump(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).expect("a short jump");
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        SystemClock.now().after(Duration::from_millis(self.0.load(Ordering::SeqCst)))
    }

    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()> {
        SystemClock.sleep(wait)
    }
}

#[tokio::test]
async fn a_jump_of_the_wall_clock_fails_no_page() {
    let clock = Jumping::default();
    let (go, gate) = watch::channel(false);
    let hits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&hits);
    let fetcher = fetcher_fn([Tier::Curl], move |_| {
        let mut gate = gate.clone();
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            let _ = gate.wait_for(|go| *go).await;
            Ok(Fetched::new(200, "<p>Flour, water, salt and time make a good loaf of bread.</p>"))
        }
    });
    let pacing = Pacing::default().with_per_host(1);
    let settings =
        Settings::default().with_pacing(pacing).with_job_deadline(Duration::from_hours(1));
    let engine = Engine::builder().store(Memory::default()).http(fetcher).clock(clock.clone());
    let engine = engine.settings(settings).build().expect("all parts");
    // One is being fetched, and the others wait for its site.
    let urls = ["http://a.test/1", "http://a.test/2", "http://a.test/3"];
    let mut handle = engine.submit(Batch::new(urls)).await.expect("accepted");
    while hits.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }

    clock.jump(Duration::from_hours(48));
    // Another batch makes the worker look at the clock.
    let other = engine.submit(Batch::new(["http://b.test/"])).await.expect("accepted");
    while hits.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    go.send(true).expect("the fetchers wait");
    let report = timeout(PATIENCE, handle.report()).await.expect("it ends").expect("it runs");

    assert_eq!(report.status(), BatchStatus::Completed, "{:?}", report.jobs());
    assert_eq!(hits.load(Ordering::SeqCst), 4, "no page was fetched twice");
    for job in report.jobs() {
        assert_eq!(job.job().lost, 0, "no lease was lost");
    }
    drop(other);
}
