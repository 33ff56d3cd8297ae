//! The cost of fetching pages again of which few have changed.
//!
//! The target: a second run over 1,000 pages of which 10 % changed costs at most 15 % of the bytes and of the parsing CPU
//! of the first run, and misses no change. Beside it, the same without validators: every page is transferred and read, and
//! hashes alone tell what changed. Every page has a new nonce, advertisement and time of rendering in each run.

use std::fmt::Write;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use rungs::core::request::Item;
use rungs::extract::HtmlExtractor;
use rungs::fetch::Http;
use rungs::ports::extract::{Document, ExtractError, Extracted, Extractor};
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteResponse};
use rungs::{Batch, Engine};

const PAGES: usize = 1_000;
/// One page in this number changes between the runs.
const CHANGES: usize = 10;
const BATCH: usize = 100;
/// Bytes of a response's head, about.
const HEAD_BYTES: u64 = 250;

/// Returns the CPU time of this thread in nanoseconds.
fn thread_cpu() -> u64 {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split_whitespace().next().and_then(|it| it.parse().ok()).unwrap_or_default()
}

/// The built-in extractor with a meter.
#[derive(Debug, Default)]
struct Metered {
    cpu_ns: Arc<AtomicU64>,
    documents: Arc<AtomicUsize>,
}

impl Extractor for Metered {
    fn extract(&self, page: Document<'_>) -> Result<Extracted, ExtractError> {
        let began = thread_cpu();
        let extracted = HtmlExtractor.extract(page);
        self.cpu_ns.fetch_add(thread_cpu() - began, Ordering::Relaxed);
        self.documents.fetch_add(1, Ordering::Relaxed);
        extracted
    }

    fn short_document_bytes(&self) -> usize {
        HtmlExtractor.short_document_bytes()
    }
}

/// Returns page `number` of some 30 KB in a run.
fn page(number: usize, version: usize, run: usize) -> String {
    let mut html = format!(
        "<!doctype html><html><head><title>Loaf {number}</title><meta name=csrf content=\"{run}-{number}\">\
         <script nonce=\"{run}\">window.state = {{run: {run}}}</script></head><body><nav><ul>"
    );
    for link in 0..60 {
        let _ = write!(html, "<li><a href=\"/{link}?utm_source={run}\">Section {link}</a></li>");
    }
    let _ = write!(
        html,
        "</ul></nav><aside class=ad>Offer {run} of the day</aside><article><h1>Loaf {number}</h1>"
    );
    for paragraph in 0..40 {
        let grams = 300 + number + if paragraph == 20 { version } else { 0 };
        let _ = write!(
            html,
            "<p>In step {paragraph}, add {grams} grams of flour to the bowl, stir until no dry spots are left, and let \
             the dough rest under a cloth. A <a href=\"/note/{paragraph}?fbclid={run}\">longer rest</a> gives a crumb \
             with larger holes, and the crust turns darker when the oven is hot from the beginning.</p>"
        );
    }
    let _ = write!(
        html,
        "</article><footer>Generated on 2026-11-29 03:{run:02}:00 UTC in 0.0{run} seconds</footer></body></html>"
    );
    html
}

/// The cost of a run.
struct Cost {
    bytes: u64,
    cpu_ns: u64,
    documents: usize,
    unchanged: Vec<bool>,
}

struct World {
    site: Site,
    run: Arc<AtomicUsize>,
    sent: Arc<AtomicU64>,
    cpu_ns: Arc<AtomicU64>,
    documents: Arc<AtomicUsize>,
    engine: Engine,
    hashes: Vec<String>,
}

impl World {
    fn new(has_validators: bool) -> Self {
        let (run, sent) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
        let (now, counted) = (Arc::clone(&run), Arc::clone(&sent));
        let site = Site::start(move |request| {
            let number: usize = request.path.trim_start_matches('/').parse().expect("a page");
            let run = now.load(Ordering::SeqCst);
            let version = if number.is_multiple_of(CHANGES) { run } else { 0 };
            let tag = format!("\"{number}-{version}\"");
            counted.fetch_add(HEAD_BYTES, Ordering::Relaxed);
            if has_validators && request.header("if-none-match") == Some(&tag) {
                return SiteResponse::status(304).header("etag", &tag);
            }
            let body = page(number, version, run);
            counted.fetch_add(body.len() as u64, Ordering::Relaxed);
            let response = SiteResponse::html(body);
            if has_validators { response.header("etag", &tag) } else { response }
        });
        let metered = Metered::default();
        let (cpu_ns, documents) = (Arc::clone(&metered.cpu_ns), Arc::clone(&metered.documents));
        let http = Http::new().allow_network("127.0.0.0/8").expect("a network");
        let engine = Engine::builder().store(Memory::default()).http(http).extractor(metered);
        let engine = engine.build().expect("built");
        let hashes = vec![String::new(); PAGES];
        Self { site, run, sent, cpu_ns, documents, engine, hashes }
    }

    /// Fetches every page and keeps its hash.
    async fn run(&mut self) -> Cost {
        let run = self.run.fetch_add(1, Ordering::SeqCst) + 1;
        let before = self.counts();
        let mut unchanged = Vec::with_capacity(PAGES);
        for first in (0..PAGES).step_by(BATCH) {
            let items = (first..first + BATCH)
                .map(|it| Item::get(self.site.url(&format!("/{it}"))).unless(&self.hashes[it]));
            let mut handle = self.engine.submit(Batch::new(items)).await.expect("accepted");
            for (index, job) in
                handle.report().await.expect("ended").into_jobs().into_iter().enumerate()
            {
                let page = job.into_result().unwrap_or_else(|error| panic!("run {run}: {error}"));
                self.hashes[first + index] = page.content_hash.expect("a hash");
                unchanged.push(page.unchanged);
            }
        }
        let after = self.counts();
        Cost {
            bytes: after.0 - before.0,
            cpu_ns: after.1 - before.1,
            documents: after.2 - before.2,
            unchanged,
        }
    }

    fn counts(&self) -> (u64, u64, usize) {
        let load = |it: &AtomicU64| it.load(Ordering::SeqCst);
        (load(&self.sent), load(&self.cpu_ns), self.documents.load(Ordering::SeqCst))
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    for (name, has_validators) in [("with ETag", true), ("without validators", false)] {
        let mut world = World::new(has_validators);
        let first = world.run().await;
        let second = world.run().await;
        let share = |part: u64, whole: u64| 100.0 * part as f64 / whole as f64;
        let changed = |it: &usize| it.is_multiple_of(CHANGES);
        let missed = (0..PAGES).filter(changed).filter(|it| second.unchanged[*it]).count();
        let false_alarms = (0..PAGES).filter(|it| !changed(it) && !second.unchanged[*it]).count();
        println!(
            "{name}: {:.1} % of the bytes ({:.1} of {:.1} MB), {:.1} % of the parsing CPU ({:.0} of {:.0} ms), \
             {} of {} documents parsed, {missed} changes missed, {false_alarms} false changes",
            share(second.bytes, first.bytes),
            second.bytes as f64 / 1e6,
            first.bytes as f64 / 1e6,
            share(second.cpu_ns, first.cpu_ns),
            second.cpu_ns as f64 / 1e6,
            first.cpu_ns as f64 / 1e6,
            second.documents,
            first.documents,
        );
        assert_eq!(missed, 0, "a change was missed");
        if has_validators {
            assert!(
                share(second.bytes, first.bytes) <= 15.0
                    && share(second.cpu_ns, first.cpu_ns) <= 15.0
            );
        }
    }
}
