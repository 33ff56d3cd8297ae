//! Pages from a local site to stored results, by rungs with each store and by a loop written by hand.
//!
//! Each run is a process of its own, and so is the site: CPU time and the peak of memory are those of the run alone. A
//! bench calls [`child`] first, which does the work of such a process.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rungs::core::request::{Format, Item};
use rungs::engine::{Pacing, Settings};
use rungs::fetch::Http;
use rungs::stores::{Journal, Memory, Sled};
use rungs::testkit::site::{Site, SiteResponse};
use rungs::{Batch, Engine};

use crate::{cpu, peak_mib};

/// Pages per batch.
const BATCH: usize = 100;

/// The contenders. The first is the loop that the others are compared with.
pub const CONTENDERS: [&str; 4] = ["by hand", "memory", "sled", "journal"];

/// One run.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// The size of a page in bytes.
    pub size: usize,
    /// The number of pages.
    pub pages: usize,
    /// The number of pages that are fetched at the same time.
    pub concurrency: usize,
    /// The time that the site waits before it responds.
    pub latency: Duration,
}

/// The cost of a run.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// CPU time in milliseconds per page.
    pub cpu_ms: f64,
    /// Pages per second.
    pub rate: f64,
    /// The peak of memory in MiB.
    pub peak_mib: u64,
    /// The size of the store in MiB at the end.
    pub disk_mib: f64,
}

/// Does the work of a child process, if this process is one. Returns `false` if it is not.
pub fn child() -> bool {
    let args: Vec<String> = std::env::args().collect();
    let Some(at) = args.iter().position(|it| it == "child") else { return false };
    match &args[at + 1..] {
        [role] if role == "serve" => serve(),
        [contender, base, size, pages, concurrency, latency] => {
            let number = |text: &String| text.parse().expect("a number");
            let run = Run {
                size: number(size),
                pages: number(pages),
                concurrency: number(concurrency),
                latency: Duration::from_millis(latency.parse().expect("milliseconds")),
            };
            work(contender, base, run);
        }
        other => panic!("unknown arguments: {other:?}"),
    }
    true
}

/// A running site.
#[derive(Debug)]
pub struct PageSite {
    process: Child,
    base: String,
}

impl PageSite {
    /// Starts the site in a process of its own.
    pub fn start() -> Self {
        let mut command = this_program();
        let mut process = command
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the site starts");
        let mut base = String::new();
        let output = process.stdout.take().expect("piped");
        BufReader::new(output).read_line(&mut base).expect("the site prints its address");
        Self { process, base: base.trim().trim_end_matches('/').to_owned() }
    }

    /// Measures a run of a contender.
    pub fn measure(&self, contender: &str, run: Run) -> Cost {
        let latency = run.latency.as_millis().to_string();
        let numbers = [run.size, run.pages, run.concurrency].map(|it| it.to_string());
        let output = this_program()
            .args([contender, &self.base])
            .args(numbers)
            .arg(latency)
            .output()
            .expect("the run starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout);
        let figures: Vec<f64> = text.split_whitespace().filter_map(|it| it.parse().ok()).collect();
        let [cpu, wall, peak_mib, disk_mib] = figures[..] else {
            panic!("not four figures: {text}")
        };
        let pages = run.pages as f64;
        Cost {
            cpu_ms: cpu * 1_000.0 / pages,
            rate: pages / wall,
            peak_mib: peak_mib as u64,
            disk_mib,
        }
    }

    /// Measures each contender in turn, `rounds` times, and returns the medians by CPU time.
    pub fn measure_in_turns(&self, contenders: &[&str], run: Run, rounds: usize) -> Vec<Cost> {
        let mut costs = vec![Vec::new(); contenders.len()];
        for _ in 0..rounds {
            for (costs, contender) in costs.iter_mut().zip(contenders) {
                costs.push(self.measure(contender, run));
            }
        }
        let median = |mut costs: Vec<Cost>| {
            costs.sort_by(|a, b| a.cpu_ms.total_cmp(&b.cpu_ms));
            costs[costs.len() / 2]
        };
        costs.into_iter().map(median).collect()
    }
}

impl Drop for PageSite {
    fn drop(&mut self) {
        // The site ends when its input is closed.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

fn this_program() -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.arg("child");
    command
}

/// Serves pages at `/SIZE/LATENCY/...` until the parent closes standard input.
fn serve() {
    let pages: Vec<(usize, String)> =
        [5_000, 50_000, 500_000].map(|it| (it, page(it))).into_iter().collect();
    let site = Site::start(move |request| {
        let mut parts = request.path.split('/').skip(1).map(|it| it.parse::<u64>());
        let mut number = || parts.next().and_then(Result::ok).unwrap_or_default();
        let (size, latency) = (number(), number());
        let page = pages.iter().find(|it| it.0 as u64 == size);
        let page = SiteResponse::html(page.map_or("", |it| it.1.as_str()));
        page.delay(Duration::from_millis(latency))
    });
    println!("{}", site.url(""));
    let _ = std::io::stdin().lock().read_line(&mut String::new());
}

/// Returns an article of about `size` bytes with headings, lists and links.
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

/// Fetches the pages and prints the cost.
fn work(contender: &str, base: &str, run: Run) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let dir = tempfile::tempdir_in(".").expect("a directory");
    let base = format!("{base}/{}/{}", run.size, run.latency.as_millis());
    let (begun, used) = (Instant::now(), cpu());
    runtime.block_on(async {
        match contender {
            "by hand" => by_hand(&base, run).await,
            other => by_engine(engine(other, dir.path(), run), &base, run).await,
        }
    });
    let (cpu, wall) = (cpu().saturating_sub(used), begun.elapsed());
    let disk = size_of(dir.path()) as f64 / 1_048_576.0;
    println!("{} {} {} {disk}", cpu.as_secs_f64(), wall.as_secs_f64(), peak_mib());
}

fn engine(store: &str, dir: &Path, run: Run) -> Engine {
    let builder = Engine::builder();
    let builder = match store {
        "memory" => builder.store(Memory::default()),
        "journal" => builder.store(Journal::open(dir).expect("opened")),
        "sled" => builder.store(Sled::open(dir).expect("opened")),
        other => panic!("unknown store {other}"),
    };
    let pacing = Pacing::default().with_per_host(run.concurrency);
    builder
        .http(Http::new().allow_network("127.0.0.0/8").expect("a network"))
        .settings(Settings::default().with_concurrency(run.concurrency).with_pacing(pacing))
        .build()
        .expect("built")
}

async fn by_engine(engine: Engine, base: &str, run: Run) {
    // Some batches wait while others run, as with an application that submits steadily.
    let ahead = 4 + run.concurrency / BATCH;
    let mut running = std::collections::VecDeque::new();
    for batch in 0..run.pages / BATCH {
        let items = (0..BATCH).map(|it| {
            Item::get(format!("{base}/{batch}-{it}")).formats([Format::Markdown, Format::Text])
        });
        running.push_back(engine.submit(Batch::new(items)).await.expect("accepted"));
        if running.len() > ahead {
            finish(running.pop_front()).await;
        }
    }
    while !running.is_empty() {
        finish(running.pop_front()).await;
    }
    engine.shutdown().await;
}

async fn finish(handle: Option<rungs::BatchHandle>) {
    let Some(mut handle) = handle else { return };
    handle.wait().await.expect("ends");
    let tally = handle.batch().await.expect("read").tally;
    assert_eq!(tally.succeeded as usize, BATCH, "{tally:?}");
}

async fn by_hand(base: &str, run: Run) {
    let client = reqwest::Client::new();
    let places = Arc::new(tokio::sync::Semaphore::new(run.concurrency));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..run.pages {
        let place = Arc::clone(&places).acquire_owned().await.expect("open");
        let (client, url) = (client.clone(), format!("{base}/{number}"));
        tasks.spawn(async move {
            let text =
                client.get(url).send().await.expect("a response").text().await.expect("read");
            let markdown = htmd::convert(&text).expect("converted");
            drop(place);
            assert!(!markdown.is_empty());
        });
        while tasks.try_join_next().is_some() {}
    }
    tasks.join_all().await;
}

/// Returns the size of a directory's files in bytes.
fn size_of(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(it) if it.is_dir() => size_of(&entry.path()),
            Ok(it) => it.len(),
            Err(_) => 0,
        })
        .sum()
}
