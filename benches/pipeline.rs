//! The whole way of a page, from a fast site to stored markdown and text, beside the loop that an
//! engineer would write by hand: reqwest and htmd, nothing stored, nothing judged, nothing booked.
//!
//! The aim is half of that loop's CPU while every result is durable. The site runs in a process of
//! its own, so that its work is counted for neither.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rungs::core::request::{Format, Item};
use rungs::engine::{Pacing, Settings};
use rungs::fetch::Http;
use rungs::stores::Sled;
use rungs::testkit::site::{Site, SiteResponse};
use rungs::{Batch, Engine};
use rungs_bench::{cpu, peak_mib, reset_peak};

const AT_ONCE: usize = 32;
const ROUNDS: usize = 3;
const SIZES: [(&str, usize, usize); 2] = [("5 KB", 5_000, 2_000), ("50 KB", 50_000, 500)];

/// A page of about `size` bytes: an article with headings, lists, links and a table.
fn page(size: usize) -> String {
    let mut page = String::from(
        "<!doctype html><html><head><title>Bread</title></head><body><nav><a href=/>Home</a></nav><article><h1>Bread</h1>",
    );
    let mut number = 0;
    while page.len() < size {
        number += 1;
        page.push_str(&format!(
            "<h2>Step {number}</h2><p>Mix the <b>flour</b> with <a href='/water/{number}'>water</a>, \
             and let it stand; time does what kneading cannot.</p><ul><li>flour</li><li>water</li></ul>"
        ));
    }
    page + "</article></body></html>"
}

fn serve() {
    let pages = SIZES.map(|(_, size, _)| page(size));
    let site = Site::start(move |request| {
        SiteResponse::html(if request.path.starts_with("/0/") { &*pages[0] } else { &*pages[1] })
    });
    println!("{}", site.url(""));
    // Until the parent closes our input.
    let _ = std::io::stdin().lock().read_line(&mut String::new());
}

async fn by_engine(base: &str, size: usize, count: usize) {
    let dir = tempfile::tempdir_in(".").expect("a directory");
    let engine = Engine::builder()
        .store(Sled::open(dir.path()).expect("opened"))
        .http(Http::new().allow_network("127.0.0.0/8").expect("a network"))
        .settings(
            Settings::default()
                .with_concurrency(AT_ONCE)
                .with_pacing(Pacing::default().with_per_host(AT_ONCE)),
        )
        .build()
        .expect("built");
    let mut handles = Vec::new();
    for batch in 0..count / 100 {
        let items = (0..100).map(|it| {
            Item::get(format!("{base}/{size}/{batch}-{it}"))
                .formats([Format::Markdown, Format::Text])
        });
        handles.push(engine.submit(Batch::new(items)).await.expect("accepted"));
    }
    for mut handle in handles {
        handle.wait().await.expect("ends");
        let tally = handle.batch().await.expect("read").tally;
        assert_eq!(tally.succeeded, 100, "{tally:?}");
    }
    engine.shutdown().await;
}

async fn by_hand(base: &str, size: usize, count: usize) {
    let client = reqwest::Client::new();
    let places = Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..count {
        let place = Arc::clone(&places).acquire_owned().await.expect("open");
        let (client, url) = (client.clone(), format!("{base}/{size}/{number}"));
        tasks.spawn(async move {
            let text = client.get(url).send().await.expect("answered").text().await.expect("read");
            let markdown = htmd::convert(&text).expect("converted");
            drop(place);
            markdown.len()
        });
    }
    assert!(tasks.join_all().await.into_iter().all(|it| it > 0));
}

struct Cost {
    cpu: Duration,
    wall: Duration,
    peak: u64,
}

async fn measured(work: impl Future<Output = ()>) -> Cost {
    reset_peak();
    let (begun, used) = (Instant::now(), cpu());
    work.await;
    Cost { cpu: cpu().saturating_sub(used), wall: begun.elapsed(), peak: peak_mib() }
}

fn print(name: &str, size: &str, count: usize, mut costs: Vec<Cost>) -> f64 {
    costs.sort_by_key(|it| it.cpu);
    let median = &costs[costs.len() / 2];
    let pages = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let ms = median.cpu.as_secs_f64() * 1_000.0 / pages;
    let rate = pages / median.wall.as_secs_f64();
    println!(
        "{size:>6} {name:<8} {ms:>7.3} CPU ms a page {rate:>7.0} pages/s {:>5} MiB",
        median.peak
    );
    ms
}

#[tokio::main]
async fn main() {
    if std::env::args().any(|it| it == "serve") {
        return tokio::task::spawn_blocking(serve).await.expect("served");
    }
    let mut site = Command::new(std::env::current_exe().expect("our own name"))
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the site starts");
    let mut base = String::new();
    let output = site.stdout.take().expect("piped");
    BufReader::new(output).read_line(&mut base).expect("the site says its address");
    let base = base.trim().trim_end_matches('/');
    for (at, (name, _, count)) in SIZES.into_iter().enumerate() {
        let (mut engine, mut hand) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            engine.push(measured(by_engine(base, at, count)).await);
            hand.push(measured(by_hand(base, at, count)).await);
        }
        let ratio = print("rungs", name, count, engine) / print("by hand", name, count, hand);
        println!("{name:>6} ratio    {ratio:>7.2}");
    }
    drop(site.stdin.take());
    site.wait().expect("the site ends");
}
