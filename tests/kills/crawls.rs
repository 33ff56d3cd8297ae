//! `rungs crawl` on a store, killed again and again: each page has one job, one charge and one line of output, and the crawl has
//! one notification.
//!
//! `RUNGS_KILL_CRAWL_PAGES` sets the number of pages (240 by default).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use rungs::core::credits::Credits;
use rungs::core::id::AccountId;
use rungs::core::job::JobState;
use rungs::core::record::{Key, Record, RecordKind};
use rungs::ports::store::{ListQuery, Store};
use rungs::stores::Journal;
use rungs::testkit::run;
use rungs::testkit::site::{Site, SiteResponse};
use rungs::testkit::store::Scratch;
use serde_json::Value;

use crate::{PATIENCE, number};

const PAGES: u64 = 240;
const KILLS: u64 = 5;
/// The price of a page on tier 1.
const PRICE: u64 = 200;

/// A site of pages that link to the next ten and to the start, which reports each request.
fn site(pages: u64) -> (Site, Receiver<()>) {
    let (sender, requests) = channel();
    let sender = Mutex::new(sender);
    let site = Site::start(move |request| {
        let page = request.path.strip_prefix("/p/").and_then(|it| it.parse::<u64>().ok());
        let Some(page) = page.filter(|it| *it < pages) else { return SiteResponse::status(404) };
        let _ = sender.lock().expect("not poisoned").send(());
        let text = "<p>Flour, water, salt and time are all that a good loaf needs.</p>".repeat(5);
        let next = (10 * page + 1..=10 * page + 10).filter(|it| *it < pages).chain([0]);
        let links: Vec<String> = next.map(|it| format!("<a href=/p/{it}>{it}</a>")).collect();
        let links = links.concat();
        SiteResponse::html(format!("<title>{page}</title><main>{text}{links}</main>"))
    });
    (site, requests)
}

fn command(site: &Site, hook: &Site, dir: &Path, pages: u64) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rungs"));
    command.arg("crawl").arg(site.url("/p/0"));
    command.args(["--max-pages", &pages.to_string(), "--max-depth", "50", "--max-tier", "1"]);
    command.arg("--store").arg(format!("journal:{}", dir.join("store").display()));
    command.arg("--out").arg(dir.join("out.jsonl"));
    command.args(["--allow-private", "--webhook", &hook.url("/hook")]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

#[test]
fn a_killed_crawl_fetches_each_page_once_and_tells_once() {
    let pages = number("RUNGS_KILL_CRAWL_PAGES").unwrap_or(PAGES);
    let (site, requests) = site(pages);
    let told = Arc::new(Mutex::new(BTreeSet::new()));
    let seen = Arc::clone(&told);
    let hook = Site::start(move |request| {
        seen.lock().expect("not poisoned").insert(request.body.clone());
        SiteResponse::status(200)
    });
    let scratch = Scratch::new();
    let dir = scratch.path();

    for _ in 0..KILLS {
        let mut child = command(&site, &hook, dir, pages).spawn().expect("started");
        for _ in 0..pages / (KILLS + 1) {
            requests.recv_timeout(PATIENCE).expect("the crawl makes progress");
        }
        child.kill().expect("killed");
        child.wait().expect("gone");
    }
    let last = command(&site, &hook, dir, pages).output().expect("it runs");

    assert!(last.status.success(), "{}", String::from_utf8_lossy(&last.stderr));
    let told = told.lock().expect("not poisoned");
    let [body] = told.iter().collect::<Vec<_>>()[..] else { panic!("{} events", told.len()) };
    let body: Value = serde_json::from_slice(body).expect("JSON");
    assert_eq!(body["event"], "crawl.completed");
    assert_eq!(
        (&body["data"]["total"], &body["data"]["completed"]),
        (&pages.into(), &pages.into())
    );
    check_output(&dir.join("out.jsonl"), pages);
    check_store(&dir.join("store"), pages);
}

/// Each page has one line.
fn check_output(path: &Path, pages: u64) {
    let mut lines = BTreeMap::<String, u64>::new();
    for line in fs::read_to_string(path).expect("readable").lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        *lines.entry(line["url"].as_str().expect("a URL").to_owned()).or_default() += 1;
    }
    let twice = lines.iter().find(|it| *it.1 > 1);
    assert_eq!((lines.len() as u64, twice), (pages, None));
}

/// Each page has one job, which was charged once; the crawl has one notification.
fn check_store(dir: &Path, pages: u64) {
    let store = Journal::open(dir).expect("opened");
    let list = |kind| {
        let found = run(store.list(ListQuery::new(kind, usize::MAX))).expect("listed");
        found.into_iter().map(|it| it.record).collect::<Vec<_>>()
    };
    let mut urls = BTreeSet::new();
    for record in list(RecordKind::Job) {
        let Record::Job(job) = record else { panic!("a job") };
        assert_eq!((job.state, job.charged()), (JobState::Succeeded, Credits(PRICE)));
        assert!(urls.insert(job.request.page().as_str().to_owned()), "a page has two jobs");
    }
    assert_eq!(urls.len() as u64, pages);
    assert_eq!(list(RecordKind::Notification).len(), 1);
    let [Record::Crawl(crawl)] = &list(RecordKind::Crawl)[..] else { panic!("one crawl") };
    assert_eq!((crawl.charged.0, crawl.held), (PRICE * pages, Credits::ZERO));
    let account = run(store.load(vec![Key::Account(AccountId::default())])).expect("loaded");
    let Some(Record::Account(account)) = account[0].clone().map(|it| it.record) else {
        panic!("an account")
    };
    assert_eq!((account.spent(), account.held()), (crawl.charged, Credits::ZERO));
}
