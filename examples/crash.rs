//! A process killed in the middle of a batch: the next one finishes the batch, each page charged once.
//!
//! Run it with `cargo run --example crash --features testkit`.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rungs::prelude::*;
use rungs::testkit::site::{Site, SiteResponse};

const PAGES: usize = 20;
const PRICE: u64 = 200;

/// Opens the store and submits the batch under its key. Both processes do so.
async fn submit(dir: &Path, base: &str) -> Result<(Engine, BatchHandle), rungs::Error> {
    let http = Http::new().allow_network("127.0.0.0/8")?;
    let engine = Engine::builder().http(http).open(dir)?;
    let urls = (0..PAGES).map(|page| format!("{base}/{page}"));
    let handle = engine.submit(Batch::new(urls).idempotency_key("order-1")).await?;
    Ok((engine, handle))
}

/// Starts this program again and kills it once `site` has had half of the requests.
fn run_and_kill(dir: &Path, site: &Site) -> Result<(), rungs::Error> {
    let mut command = Command::new(std::env::current_exe()?);
    let mut child = command.arg(dir).arg(site.url("")).stdin(Stdio::null()).spawn()?;
    let start = Instant::now();
    while site.hits() < PAGES / 2 && start.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill()?;
    let status = child.wait()?;
    assert!(site.hits() >= PAGES / 2 && !status.success(), "not killed at work: {status}");
    Ok(())
}

async fn finish(dir: &Path, site: &Site) -> Result<(), rungs::Error> {
    let (engine, mut handle) = submit(dir, &site.url("")).await?;
    assert_eq!(engine.batches(None, 10).await?.len(), 1, "the key yields the first batch again");

    let report = handle.report().await?;

    assert_eq!(report.status(), BatchStatus::Completed);
    assert_eq!(report.jobs().iter().filter(|job| job.result().is_ok()).count(), PAGES);
    let account = engine.account(&AccountId::default()).await?;
    assert_eq!(account.held(), Credits::ZERO);
    assert_eq!(account.spent(), Credits(PRICE * PAGES as u64));
    let entries = engine.ledger(handle.id()).await?;
    assert_eq!(entries.len(), 1 + PAGES, "one hold, and one settlement per page");
    let notification = engine.batch_notification(handle.id()).await?;
    assert!(notification.is_some_and(|it| it.batch == handle.id()), "one notification");
    engine.shutdown().await;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), rungs::Error> {
    let mut args = std::env::args().skip(1);
    if let (Some(dir), Some(base)) = (args.next(), args.next()) {
        submit(Path::new(&dir), &base).await?.1.wait().await?;
        return Ok(());
    }
    let dir = std::env::temp_dir().join(format!("rungs-crash-{}", std::process::id()));
    let site = Site::start(|_| {
        let page = SiteResponse::html("<p>A page that is long enough to be read.</p>");
        page.delay(Duration::from_millis(100))
    });

    run_and_kill(&dir, &site)?;
    let before = site.hits();
    let finished = finish(&dir, &site).await;
    std::fs::remove_dir_all(&dir)?;
    finished?;

    assert!(site.hits() > before, "the first process left work");
    println!("killed after {before} requests; all {PAGES} pages were fetched, each charged once");
    Ok(())
}
