//! A full disk: while there is no space, submissions are refused and results wait. Acknowledged batches are kept and end
//! once there is space again.
//!
//! A child process works under a file size limit, which any user may set, and once more on a small file system, if the
//! test is allowed to mount one.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rungs::core::batch::BatchStatus;
use rungs::core::credits::Credits;
use rungs::core::id::{AccountId, BatchId};
use rungs::core::job::BodyRef;
use rungs::core::record::Record;
use rungs::core::request::Item;
use rungs::fetch::Http;
use rungs::ports::BoxFuture;
use rungs::ports::store::{Bodies, Store, StoreError};
use rungs::stores::{Journal, Memory, Sled};
use rungs::testkit::run;
use rungs::testkit::site::{Site, SiteRequest, SiteResponse};
use rungs::testkit::store::{Scratch, put, sample};
use rungs::{Batch, Engine, EngineError, Settings, SubmitError};

use crate::stores::disk::removed::chain;

/// The variable that makes this program the child and contains its directory.
const CHILD: &str = "RUNGS_DISK_CHILD";
const MARK: &str = "child: ";
/// Submissions after which a disk that is still not full never will be.
const MANY: usize = 400;
/// Submissions that are refused one after another, once one was.
const REFUSALS: usize = 3;
/// The longest wait for another thread.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of noise in a page: it does not compress.
const NOISE: usize = 12_000;

fn noise(request: &SiteRequest) -> SiteResponse {
    let mut state = request.path.bytes().fold(1_u32, |it, byte| it * 31 % 65_521 + u32::from(byte));
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from_digit(state >> 27, 32).expect("below 32")
    };
    let words: String = (0..NOISE).map(|at| if at % 9 == 8 { ' ' } else { draw() }).collect();
    SiteResponse::html(format!("<h1>{}</h1><p>{words}</p>", request.path))
}

fn batch(site: &str, number: usize) -> Batch {
    let pages = (0..4).map(|it| Item::get(format!("{site}/{number}-{it}")));
    Batch::new(pages.collect::<Vec<_>>()).idempotency_key(format!("key-{number}"))
}

fn engine(dir: &Path) -> Engine {
    let http = Http::new().allow_network("127.0.0.0/8").expect("a network");
    let opened: Result<Arc<dyn Store>, StoreError> = if dir.ends_with("journal") {
        Journal::open(dir).map(|it| Arc::new(it) as _)
    } else {
        Sled::open(dir).map(|it| Arc::new(it) as _)
    };
    let store = opened.unwrap_or_else(|error| panic!("{}", chain(&error)));
    let mut settings = Settings::default().with_grace(Duration::from_millis(200));
    settings.retry.first = Duration::from_millis(1);
    settings.retry.longest = Duration::from_millis(20);
    Engine::builder().store(store).http(http).settings(settings).build().expect("all parts")
}

fn say(words: &str) {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{MARK}{words}").and_then(|()| stdout.flush()).expect("the parent listens");
}

/// Runs the child: submits until it is refused, and prints each acknowledgment.
fn work(plan: &str) {
    let (site, dir) = plan.split_once(' ').expect("a site and a directory");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let engine = engine(Path::new(dir));
        let mut refused = 0;
        for number in 0..MANY {
            match engine.submit(batch(site, number)).await {
                Ok(handle) => say(&format!("accepted {number} {}", handle.id())),
                Err(error) => {
                    let store = matches!(error, SubmitError::Engine(EngineError::Store(_)));
                    assert!(store, "{error:?}");
                    say(&format!("refused {}", chain(&error)));
                    refused += 1;
                    // The same key again: whatever is acknowledged now must be there later.
                    if let Ok(handle) = engine.submit(batch(site, number)).await {
                        say(&format!("accepted {number} {}", handle.id()));
                    }
                }
            }
            if refused == REFUSALS {
                break;
            }
        }
        assert_eq!(refused, REFUSALS, "the disk did not fill up");
        if engine.batches(None, 10).await.is_ok() {
            say("reads");
        }
        engine.shutdown().await;
        say("stopped");
    });
}

/// Returns the output of a child on a full disk, after checking it for forbidden lines.
fn said(output: &Output) -> (Vec<(usize, String)>, Vec<String>) {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{stdout}\n{stderr}", output.status);
    assert!(!stderr.contains("panicked"), "{stderr}");
    let lines: Vec<_> = stdout.lines().filter_map(|it| it.strip_prefix(MARK)).collect();
    assert_eq!(lines.last(), Some(&"stopped"), "{stdout}\n{stderr}");
    let accepted = lines.iter().filter_map(|it| it.strip_prefix("accepted ")).map(|it| {
        let (number, id) = it.split_once(' ').expect("a number and an id");
        (number.parse().expect("a number"), id.to_owned())
    });
    let refused = lines.iter().filter_map(|it| it.strip_prefix("refused "));
    (accepted.collect(), refused.map(ToOwned::to_owned).collect())
}

fn names_the_cause(refused: &[String], store: &str, cause: &str) {
    for error in refused {
        let failed = format!("the {store} store failed: ");
        let named = error.contains(&failed) && error.contains(cause);
        assert!(named, "{error}");
    }
}

/// Opens the store where there is room, and lets everything end that was acknowledged.
fn check(dir: &Path, site: &str, accepted: &[(usize, String)]) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let engine = engine(dir);
        for (number, id) in accepted {
            let mut handle = engine.submit(batch(site, *number)).await.expect("there is room");
            assert_eq!(handle.id().to_string(), *id, "key-{number} was acknowledged");
            let report = handle.report().await.expect("it ends");
            assert_eq!(report.status(), BatchStatus::Completed, "{:?}", report.jobs());
            for job in report.jobs() {
                let page = job.result().expect("a page");
                let path = job.url().rsplit('/').next().expect("a path");
                assert!(page.extracted.text.contains(path), "{path}: {}", page.extracted.text);
            }
        }
        engine.shutdown().await;
    });
}

fn child(site: &Site, dir: &Path, shell: &str, test: &str) -> Output {
    let program = env::current_exe().expect("this program has a path");
    Command::new("sh")
        .args(["-c", shell, "sh"])
        .arg(program)
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, format!("{} {}", site.url(""), dir.display()))
        .stdin(Stdio::null())
        .output()
        .expect("a shell")
}

#[test]
fn a_file_size_limit_loses_no_acknowledged_batch() {
    limited("sled", "a_file_size_limit_loses_no_acknowledged_batch");
}

#[test]
fn a_file_size_limit_loses_no_batch_of_a_journal() {
    limited("journal", "a_file_size_limit_loses_no_batch_of_a_journal");
}

fn limited(store: &str, test: &str) {
    if let Ok(plan) = env::var(CHILD) {
        return work(&plan);
    }
    let scratch = Scratch::new();
    let site = Site::start(noise);
    let dir = scratch.path().join(store);
    // 2048 blocks of 512 bytes, and an error where a signal would end the process.
    let shell = "trap '' XFSZ; ulimit -f 2048; exec \"$@\"";

    let output = child(&site, &dir, shell, &format!("stores::disk::full::{test}"));

    let (accepted, refused) = said(&output);
    assert!(!accepted.is_empty(), "there was room at first");
    names_the_cause(&refused, store, "File too large");
    check(&dir, &site.url(""), &accepted);
}

/// A file system of its own, unmounted with its owner.
struct Small(PathBuf);

impl Small {
    /// Mounts a file system, or returns the reason why it cannot.
    fn mount(dir: &Path) -> Result<Self, String> {
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
            .arg(dir)
            .output()
            .map_err(|why| format!("the program `mount` cannot be run: {why}"))?;
        let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        output.status.success().then(|| Self(dir.to_owned())).ok_or(why)
    }

    fn grow(&self, size: &str) {
        let options = format!("remount,size={size}");
        let status = Command::new("mount").args(["-o", &options]).arg(&self.0).status();
        assert!(status.expect("it could be run before").success(), "it grows");
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_loses_no_acknowledged_batch() {
    full("sled", "a_full_disk_loses_no_acknowledged_batch");
}

#[test]
fn a_full_disk_loses_no_batch_of_a_journal() {
    full("journal", "a_full_disk_loses_no_batch_of_a_journal");
}

/// Mounts a small file system, or says why the test is skipped.
fn mounted(dir: &Path) -> Option<Small> {
    let skipped = |why: &_| {
        eprintln!("SKIPPED: a full disk needs the right to mount a tmpfs (run as root): {why}");
    };
    Small::mount(dir).inspect_err(skipped).ok()
}

fn full(store: &str, test: &str) {
    if let Ok(plan) = env::var(CHILD) {
        return work(&plan);
    }
    let scratch = Scratch::new();
    let Some(small) = mounted(scratch.path()) else { return };
    let site = Site::start(noise);
    let dir = scratch.path().join(store);

    let output = child(&site, &dir, "exec \"$@\"", &format!("stores::disk::full::{test}"));

    let (accepted, refused) = said(&output);
    assert!(!accepted.is_empty(), "there was room at first");
    names_the_cause(&refused, store, "No space left");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains(&format!("{MARK}reads\n")), "reads do not go on: {stdout}");
    small.grow("256m");
    check(&dir, &site.url(""), &accepted);
}

/// Fills the file system to its last byte.
fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).expect("made");
    for size in [65_536, 1] {
        while file.write_all(&vec![7; size]).is_ok() {}
    }
}

#[test]
fn a_store_whose_disk_was_full_goes_on_once_there_is_room() {
    filled("sled");
}

#[test]
fn a_journal_whose_disk_was_full_goes_on_once_there_is_room() {
    filled("journal");
}

fn filled(store: &str) {
    let scratch = Scratch::new();
    let Some(small) = mounted(scratch.path()) else { return };
    small.grow("24m");
    let site = Site::start(noise);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let engine = engine(&scratch.path().join(store));
        let mut before = engine.submit(batch(&site.url(""), 0)).await.expect("there is room");
        before.wait().await.expect("it ends");

        let filler = scratch.path().join("filler");
        fill(&filler);
        let refused = engine.submit(batch(&site.url(""), 1)).await.expect_err("there is no room");
        let report = before.report().await.expect("reads go on");
        std::fs::remove_file(&filler).expect("removed");
        let mut after = engine.submit(batch(&site.url(""), 1)).await.expect("there is room again");

        assert!(chain(&refused).contains("No space left"), "{}", chain(&refused));
        assert_eq!(report.status(), BatchStatus::Completed);
        assert_eq!(after.wait().await.expect("it ends"), BatchStatus::Completed);
        engine.shutdown().await;
    });
    drop(small);
}

#[test]
fn a_full_disk_is_freed_by_a_journal_that_removes_old_bodies() {
    const SEGMENT: u64 = 1 << 20;
    let scratch = Scratch::new();
    let Some(small) = mounted(scratch.path()) else { return };
    small.grow("24m");
    let dir = scratch.path().join("journal");
    let store =
        Journal::open_sized(&dir, sample::at(1), SEGMENT).expect("an empty directory opens");
    let body = |batch: u64| {
        let mut draws = batch + 1;
        let mut draw = || {
            draws = draws.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            draws.to_le_bytes()[7]
        };
        (0..60_000).map(|_| draw()).collect::<Vec<u8>>()
    };
    let batches = 0..60;
    // The first one stays, in the oldest segment at first.
    let put_all = batches
        .clone()
        .map(|it| run(Bodies::put(&store, sample::batch_id(it), body(it))).expect("there is room"));
    let bodies: Vec<BodyRef> = put_all.collect();
    let began = Instant::now();
    while !dir.join("spare").exists() {
        assert!(began.elapsed() < PATIENCE, "no space is kept");
        run(put(&store, Record::Account(sample::account("a", 1)), None)).ok();
    }

    // Another program takes all that is left.
    fill(&scratch.path().join("filler"));
    let account = Record::Account(sample::account("b", 1));
    run(put(&store, account.clone(), None)).expect_err("there is no room");
    for batch in batches.skip(1) {
        run(Bodies::remove(&store, sample::batch_id(batch))).expect("this makes room");
    }

    let began = Instant::now();
    while let Err(error) = run(put(&store, account.clone(), None)) {
        assert!(began.elapsed() < PATIENCE, "{}", chain(&error));
        std::thread::yield_now();
    }
    assert!(!dir.join("0000000001.log").exists(), "its live body was copied");
    let kept = run(Bodies::get(&store, bodies[0].clone())).expect("readable");
    assert!(kept == Some(body(0)), "it is what was put");
    drop((store, small));
}

/// Bodies that find no room the first few times.
#[derive(Debug)]
struct Crowded {
    bodies: Memory,
    refusals: AtomicUsize,
}

impl Bodies for Crowded {
    fn put(&self, batch: BatchId, body: Vec<u8>) -> BoxFuture<'_, Result<BodyRef, StoreError>> {
        let left =
            self.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |it| it.checked_sub(1));
        if left.is_ok() {
            let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
            let full = StoreError::Backend { store: "crowded", source: Box::new(source) };
            return Box::pin(async { Err(full) });
        }
        self.bodies.put(batch, body)
    }

    fn get(&self, body: BodyRef) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        self.bodies.get(body)
    }

    fn remove(&self, batch: BatchId) -> BoxFuture<'_, Result<(), StoreError>> {
        Bodies::remove(&self.bodies, batch)
    }
}

#[tokio::test]
async fn a_page_refetched_for_lack_of_space_is_charged_once() {
    let site = Site::start(noise);
    let mut settings = Settings::default();
    settings.retry.longest = Duration::from_millis(1);
    let engine = Engine::builder()
        .store(Memory::default())
        .bodies(Crowded { bodies: Memory::default(), refusals: AtomicUsize::new(3) })
        .http(Http::new().allow_network("127.0.0.0/8").expect("a network"))
        .settings(settings)
        .build()
        .expect("all parts are there");

    let report = engine.scrape(site.url("/a")).await.expect("accepted");

    report.result().expect("a page");
    assert_eq!((site.hits(), report.trail().len()), (4, 1), "three had no room");
    let books = engine.account(&AccountId::default()).await.expect("booked");
    assert_eq!((books.held(), books.spent()), (Credits::ZERO, report.charged()));
}
