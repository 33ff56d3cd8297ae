//! Retries of the failed jobs of a batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rungs::core::batch::BatchStatus;
use rungs::core::credits::Credits;
use rungs::core::id::{AccountId, BatchId};
use rungs::core::request::Item;
use rungs::core::tier::Tier;
use rungs::engine::Retry;
use rungs::fetch::Http;
use rungs::ports::fetch::fetcher_fn;
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteResponse};
use rungs::{Batch, BatchHandle, Engine, EngineError, SubmitError};

/// A site with a good page, one that appears at the second request, one that needs tier 2, and one that never exists.
fn site() -> (Site, Arc<AtomicUsize>) {
    let (late, good) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&good);
    let site = Site::start(move |request| {
        let text = "<p>Flour, water, salt and time are all that a good loaf needs.</p>".repeat(8);
        let page = SiteResponse::html(format!("<title>Bread</title><article>{text}</article>"));
        let is_browser = request.header("accept-language").is_some();
        match request.path.as_str() {
            "/good" => {
                counted.fetch_add(1, Ordering::Relaxed);
                page
            }
            "/late" if late.fetch_add(1, Ordering::Relaxed) > 0 => page,
            "/picky" if is_browser => page,
            "/picky" => SiteResponse::status(403),
            _ => SiteResponse::status(404),
        }
    });
    (site, good)
}

fn engine() -> Engine {
    let http = Http::new().allow_network("127.0.0.0/8").expect("a network");
    Engine::builder().store(Memory::default()).http(http).build().expect("built")
}

async fn ended(engine: &Engine, batch: Batch) -> BatchHandle {
    let mut handle = engine.submit(batch).await.expect("accepted");
    handle.wait().await.expect("ends");
    handle
}

async fn ended_retry(engine: &Engine, batch: BatchId) -> BatchHandle {
    let mut handle = engine.retry(batch).await.expect("accepted");
    handle.wait().await.expect("ends");
    handle
}

#[tokio::test]
async fn a_retry_repeats_only_the_failed_jobs() {
    let ((site, good), engine) = (site(), engine());
    let items = ["/good", "/late", "/picky", "/never"].map(|it| site.url(it));
    let items = items.map(|it| Item::get(it).max_tier(Tier::Curl));
    let first = ended(&engine, Batch::new(items).label("nightly")).await;

    let retry = Retry::of(first.id()).max_tier(Tier::Http);
    let mut second = engine.retry(retry).await.expect("accepted");
    let report = second.report().await.expect("a report");

    assert_eq!(report.status(), BatchStatus::Partial);
    let outcomes: Vec<_> = report.jobs().iter().map(|it| (it.url(), it.tier())).collect();
    let expected = [
        (site.url("/late"), Some(Tier::Curl)),
        (site.url("/picky"), Some(Tier::Http)),
        (site.url("/never"), None),
    ];
    assert!(outcomes.iter().copied().eq(expected.iter().map(|it| (it.0.as_str(), it.1))));
    assert_eq!(good.load(Ordering::Relaxed), 1, "the page that succeeded is not fetched again");
    let record = second.record();
    assert_eq!((record.retry_of, record.label.as_deref()), (Some(first.id()), Some("nightly")));
    let third = ended_retry(&engine, second.id()).await;
    assert_eq!((third.record().retry_of, third.job_ids().len()), (Some(second.id()), 1));
    let chain = [&first, &second, &third].map(BatchHandle::id);
    let mut charged = Vec::new();
    for batch in chain {
        charged.push(engine.batch(batch).await.expect("kept").charged);
    }
    let account = engine.account(&AccountId::default()).await.expect("booked");
    assert_eq!((account.held(), account.spent()), (Credits::ZERO, charged.into_iter().sum()));
}

#[tokio::test]
async fn a_repeated_retry_charges_nothing() {
    let ((site, _), engine) = (site(), engine());
    let first = ended(&engine, Batch::new([site.url("/never"), site.url("/late")])).await;

    let once = ended_retry(&engine, first.id()).await;
    let held = engine.account(&AccountId::default()).await.expect("booked");
    let again = engine.retry(first.id()).await.expect("accepted");
    let other = engine.retry(Retry::of(first.id()).max_tier(Tier::Curl)).await;
    let with_key = engine.retry(Retry::of(first.id()).idempotency_key("once more")).await;

    assert_eq!(again.id(), once.id());
    assert_eq!(engine.account(&AccountId::default()).await.expect("booked").spent(), held.spent());
    assert!(matches!(other, Err(SubmitError::AlreadyRetried { batch }) if batch == once.id()));
    assert_ne!(with_key.expect("accepted").id(), once.id());
}

#[tokio::test]
async fn a_batch_without_failed_jobs_cannot_be_retried() {
    let ((site, _), engine) = (site(), engine());
    let good = ended(&engine, Batch::new([site.url("/good")])).await;
    let never = fetcher_fn([Tier::Curl], |_| std::future::pending());
    let hanging = Engine::builder().store(Memory::default()).http(never).build().expect("built");
    let open = hanging.submit(Batch::new([site.url("/good")])).await.expect("accepted");

    let nothing = engine.retry(good.id()).await.expect_err("refused");
    let unknown = engine.retry(open.id()).await.expect_err("refused");
    let unfinished = hanging.retry(open.id()).await.expect_err("refused");

    assert!(matches!(nothing, SubmitError::NothingFailed { batch } if batch == good.id()));
    assert!(matches!(unknown, SubmitError::Engine(EngineError::BatchNotFound(_))));
    assert!(matches!(unfinished, SubmitError::Engine(EngineError::BatchNotEnded(_))));
}

#[tokio::test]
async fn a_refused_retry_names_the_item_of_the_ended_batch() {
    let ((site, _), engine) = (site(), engine());
    let forced = Item::get(site.url("/never")).force_tier(Tier::Http);
    let first = ended(&engine, Batch::new([Item::get(site.url("/good")), forced])).await;

    let refused = engine.retry(Retry::of(first.id()).max_tier(Tier::Curl)).await;

    assert!(matches!(refused, Err(SubmitError::Item { index: 1, .. })), "{refused:?}");
}
