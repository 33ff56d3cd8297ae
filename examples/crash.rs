//! A process killed in the middle of a batch: the next one finishes it, charged once.
//!
//! Run it with `cargo run --example crash --features testkit`.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rungs::core::batch::{BatchStatus, NotificationState};
use rungs::core::credits::Credits;
use rungs::core::id::AccountId;
use rungs::core::ledger::Booking;
use rungs::fetch::http::Http;
use rungs::stores::Sled;
use rungs::testkit::site::{Site, SiteResponse};
use rungs::{Batch, BatchHandle, Engine};

const PAGES: usize = 20;
const PRICE: u64 = 200;

/// What both processes do: open the store and submit the same batch under the same key.
async fn submit(dir: &Path, base: &str) -> Result<(Engine, BatchHandle), Box<dyn Error>> {
    let http = Http::new().allow_network("127.0.0.0/8")?;
    let engine = Engine::builder().store(Sled::open(dir)?).http(http).build()?;
    let urls = (0..PAGES).map(|it| format!("{base}/{it}"));
    let handle = engine.submit(Batch::new(urls).idempotency_key("order-1")).await?;
    Ok((engine, handle))
}

/// Starts this program again and kills it once `site` has had some requests.
fn run_and_kill(dir: &Path, site: &Site) -> Result<(), Box<dyn Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    let mut child = command.arg(dir).arg(site.url("")).stdin(Stdio::null()).spawn()?;
    let begun = Instant::now();
    while site.hits() < PAGES / 2 && begun.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill()?;
    let status = child.wait()?;
    assert!(site.hits() >= PAGES / 2, "it did not get to work: {status}");
    assert!(!status.success(), "it ended before it could be killed: {status}");
    Ok(())
}

async fn check(dir: &Path, site: &Site) -> Result<(), Box<dyn Error>> {
    let (engine, mut handle) = submit(dir, &site.url("")).await?;
    assert_eq!(engine.batches(None, 10).await?.len(), 1, "the key gives the same batch");

    let report = handle.report().await?;

    assert_eq!(report.status(), BatchStatus::Completed);
    assert_eq!(
        report.jobs().iter().filter(|it| matches!(it.outcome(), Some(Ok(_)))).count(),
        PAGES
    );
    let books = engine.account(&AccountId::default()).await?;
    assert_eq!((books.held(), books.spent()), (Credits::ZERO, Credits(PRICE * PAGES as u64)));
    let entries = engine.ledger(handle.id()).await?;
    let holds = entries.iter().filter(|it| matches!(it.booking, Booking::Hold { .. })).count();
    assert_eq!((holds, entries.len()), (1, 1 + PAGES), "one hold, one settlement a page");
    let notice = engine.batch_notification(handle.id()).await?.ok_or("the batch has ended")?;
    assert_eq!((notice.batch, notice.state), (handle.id(), NotificationState::Unaddressed));
    engine.shutdown().await;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
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
    let checked = check(&dir, &site).await;
    std::fs::remove_dir_all(&dir)?;
    checked?;
    assert!(site.hits() > before, "there was work left");

    println!("killed after {before} requests; all {PAGES} pages came, each charged once");
    Ok(())
}
