//! Prices of pages whose hold was made by a process with other fetchers.

use rungs::core::credits::Credits;
use rungs::core::tier::Tier;
use rungs::ports::fetch::{Fetched, fetcher_fn};
use rungs::stores::Memory;
use rungs::testkit::store::SharedHandle;
use rungs::{Batch, Engine};

const PAGE: &str = "<title>Bread</title><article><p>Flour, water, salt and time are all that a good loaf needs, and \
    of these time is the one that most people are least willing to give.</p></article>";

#[tokio::test]
async fn a_page_above_its_hold_is_charged_the_hold() {
    let store = SharedHandle::new(Memory::default());
    let engine = |tier| {
        let fetch = |_| async { Ok(Fetched::new(200, PAGE).header("content-type", "text/html")) };
        Engine::builder().store(store.clone()).http(fetcher_fn([tier], fetch))
    };
    let cheap = engine(Tier::Curl).calls_only().build().expect("built");
    let worker = engine(Tier::Http).build().expect("built");

    let mut handle = cheap.submit(Batch::new(["http://a.test/"])).await.expect("accepted");
    let report = handle.report().await.expect("a report");

    let page = report.jobs()[0].result().expect("a page");
    assert!(page.text().is_some_and(|it| it.contains("Flour")));
    assert_eq!((report.batch().estimate, report.charged()), (Credits(200), Credits(200)));
    let warnings = &page.extracted.warnings;
    assert!(warnings.iter().any(|it| it.contains("cut to the hold")), "{warnings:?}");
    worker.shutdown().await;
}
