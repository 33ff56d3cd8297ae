//! The wait of a page behind the pages of others, with each store.
//!
//! The aims: a page of another account is fetched within 2 s, whatever number of sites hangs, and 95 of
//! 100 pages of a fast site take at most 1.2 times as long behind a slow site as alone, in the same run.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rungs::core::id::AccountId;
use rungs::fetch::Http;
use rungs::ports::store::Store;
use rungs::stores::{Memory, Sled};
use rungs::testkit::site::{Site, SiteResponse};
use rungs::{Batch, BatchHandle, Engine};
use tokio::net::TcpListener;

const SLOW: Duration = Duration::from_secs(1);
const ROUNDS: usize = 5;

/// A site that takes connections and never responds. It ends with the process.
async fn silent() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        let mut connections = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            connections.push(connection);
        }
    });
    addr
}

fn page() -> SiteResponse {
    let text = "Flour, water, salt and time are all that a good loaf needs. ".repeat(20);
    SiteResponse::html(format!("<html><title>Bread</title><h1>Bread</h1><p>{text}</p></html>"))
}

fn engine(store: impl Store + 'static) -> Engine {
    let http = Http::new().allow_network("127.0.0.0/8").expect("a network");
    Engine::builder().store(store).http(http).build().expect("built")
}

async fn submit(engine: &Engine, account: &str, pages: Vec<String>) -> BatchHandle {
    let account = AccountId::new(account).expect("a name");
    engine.submit(Batch::new(pages).account(account)).await.expect("accepted")
}

/// Waits for a batch, and returns the 95th percentile of the times from its submission to a page's end.
async fn p95(mut handle: BatchHandle) -> Duration {
    let report = handle.report().await.expect("ended");
    let time = |it: &rungs::core::job::Job| it.ended_at.expect("ended").since(it.created_at);
    let mut times: Vec<_> = report.jobs().iter().map(|it| time(it.job())).collect();
    assert!(report.jobs().iter().all(|it| it.result().is_ok()), "a page failed");
    times.sort();
    times[(times.len() * 95).div_ceil(100) - 1]
}

fn urls(site: &Site, count: usize) -> Vec<String> {
    (0..count).map(|it| site.url(&format!("/{it}"))).collect()
}

/// The time of one page of another account behind these batches.
async fn behind(store: impl Store + 'static, batches: Vec<Vec<String>>, fast: &Site) -> Duration {
    let engine = engine(store);
    for batch in batches {
        submit(&engine, "one", batch).await;
    }
    // The others have every permit by then.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begun = Instant::now();
    p95(submit(&engine, "two", urls(fast, 1)).await).await;
    begun.elapsed()
}

async fn run<S: Store + 'static>(name: &str, open: impl Fn() -> S) {
    let fast = Site::start(|_| page());
    let slow = Site::start(|_| page().delay(SLOW));
    let hanging = silent().await;
    let one_site =
        (0..2).map(|it| (0..100).map(|at| format!("http://{hanging}/{it}-{at}")).collect());
    let waited = behind(open(), one_site.collect(), &fast).await;
    println!("{name:<7} behind 200 pages of a silent site   {waited:>9.3?} (aim 2 s)");

    let mut sites = Vec::new();
    for _ in 0..100 {
        sites.push(format!("http://{}/", silent().await));
    }
    let waited = behind(open(), vec![sites], &fast).await;
    println!("{name:<7} behind 100 silent sites             {waited:>9.3?} (aim 2 s)");

    let mut alone = Vec::new();
    let mut others = Vec::new();
    for _ in 0..ROUNDS {
        alone.push(p95(submit(&engine(open()), "two", urls(&fast, 20)).await).await);
        let engine = engine(open());
        for _ in 0..3 {
            submit(&engine, "one", urls(&slow, 100)).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        others.push(p95(submit(&engine, "two", urls(&fast, 20)).await).await);
    }
    alone.sort();
    others.sort();
    let (alone, behind) = (alone[ROUNDS / 2], others[ROUNDS / 2]);
    let ratio = behind.as_secs_f64() / alone.as_secs_f64();
    println!("{name:<7} 20 pages alone, p95                 {alone:>9.3?}");
    println!(
        "{name:<7} behind 300 pages of a slow site     {behind:>9.3?}, ratio {ratio:.2} (aim 1.2)"
    );
}

#[tokio::main]
async fn main() {
    run("memory", Memory::default).await;
    let dir = tempfile::tempdir_in(".").expect("a directory");
    let count = std::cell::Cell::new(0);
    run("sled", || {
        count.set(count.get() + 1);
        Sled::open(dir.path().join(count.get().to_string())).expect("opened")
    })
    .await;
}
