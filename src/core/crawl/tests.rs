use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::core::batch::NotificationKind;
use crate::core::fixtures::{MINE, OTHERS, START, at};
use crate::core::request::{Item, Limits};

const DAY: Duration = Duration::from_hours(24);

fn crawl(rules: CrawlRules) -> CrawlRecord {
    let request = Item::get("https://example.com/").check(&Limits::default());
    let template = Arc::new(request.expect("a valid item"));
    let (id, event) = (CrawlId::new(START, 0, 1), NotificationId::new(START, 0, 2));
    let mut crawl = CrawlRecord::new(id, event, template, rules, START);
    crawl.is_seeded = true;
    crawl
}

fn urls(names: std::ops::Range<u32>, depth: u16) -> Vec<CrawlUrl> {
    names.map(|it| CrawlUrl { url: format!("https://example.com/{it}"), depth }).collect()
}

fn end_of(job: u64, batch: BatchId, depth: u16) -> PageEnd {
    PageEnd {
        job: JobId::new(START, 0, job << 2),
        batch,
        depth,
        hold: Credits(10),
        charged: Credits(4),
        body: Some(BodyRef("body".to_owned())),
    }
}

fn batch(number: u64) -> BatchId {
    BatchId::new(START, 0, number << 2)
}

#[test]
fn only_the_latest_claim_holds_a_crawl() {
    let first = crawl(CrawlRules::default()).claimed(MINE, at(30)).expect("due");
    let second = first.claimed(OTHERS, at(90)).expect("its lease expires");

    assert_eq!(first.due(), Some(at(30)));
    assert!(first.is_held_by(Fence { worker: MINE, claim: 1 }));
    assert!(!second.is_held_by(Fence { worker: MINE, claim: 1 }));
    assert!(second.is_held_by(Fence { worker: OTHERS, claim: 2 }));
    assert_eq!(second.abandoned(at(40)).expect("leased").due(), Some(at(40)));
    assert_eq!(crawl(CrawlRules::default()).abandoned(at(40)), None);
}

#[test]
fn a_page_that_ends_during_a_claim_makes_the_crawl_due_after_it() {
    let mut crawl = crawl(CrawlRules::default());
    let chunk = crawl.admit(urls(0..1, 0)).remove(0);
    drop(crawl.submit(&chunk, 1, batch(1), Credits(10)));
    let mut held = crawl.claimed(MINE, at(30)).expect("due");

    held.page_ended(end_of(1, batch(1), 0), at(5));
    held.release(Wait::None, at(6));

    assert_eq!(held.due(), Some(at(6)));
    assert_eq!(held.unread.len(), 1);
}

#[test]
fn a_crawl_that_waits_is_due_later_or_when_a_page_ended() {
    let mut idle = crawl(CrawlRules::default());
    idle.is_seeded = false;
    let mut busy = idle.clone();
    let chunk = busy.admit(urls(0..1, 0)).remove(0);
    drop(busy.submit(&chunk, 1, batch(1), Credits(10)));
    let [mut idle, mut busy] = [idle, busy].map(|it| it.claimed(MINE, at(30)).expect("due"));

    idle.release(Wait::Until(at(20)), at(5));
    busy.page_ended(end_of(1, batch(1), 0), at(4));
    busy.release(Wait::Until(at(20)), at(5));

    assert_eq!((idle.due(), busy.due()), (Some(at(20)), Some(at(4))));
}

#[test]
fn a_warning_is_kept_once() {
    let mut crawl = crawl(CrawlRules::default());

    crawl.warn(["a", "b", "a"].map(str::to_owned));
    crawl.warn((0..30).map(|it| it.to_string()));

    assert_eq!(
        (&crawl.warnings[..3], crawl.warnings.len()),
        (&["a", "b", "0"].map(str::to_owned)[..], 20)
    );
}

#[test]
fn a_crawl_that_waits_for_credits_is_due_when_a_page_ends() {
    let rules = CrawlRules { max_credits: Some(Credits(15)), ..CrawlRules::default() };
    let mut crawl = crawl(rules);
    let chunk = crawl.admit(urls(0..2, 0)).remove(0);
    let (_, rest) =
        crawl.submit(&chunk, crawl.affordable(&[Credits(10); 2]), batch(1), Credits(10));
    crawl = crawl.claimed(MINE, at(30)).expect("due");
    crawl.release(Wait::ForCredits, at(5));

    assert_eq!(rest.map(|it| (it.number, it.urls.len())), Some((1, 1)));
    assert_eq!((crawl.due(), crawl.affordable(&[Credits(10)])), (None, 0));
    crawl.page_ended(end_of(1, batch(1), 9), at(9));
    assert_eq!(crawl.due(), Some(at(9)));
    assert_eq!(crawl.affordable(&[Credits(10)]), 1, "4 were charged, 11 are left");
}

#[test]
fn a_canceled_crawl_ends_with_its_last_job() {
    let mut crawl = crawl(CrawlRules::default());
    let chunk = crawl.admit(urls(0..2, 0)).remove(0);
    drop(crawl.submit(&chunk, 2, batch(1), Credits(20)));
    crawl = crawl.claimed(MINE, at(30)).expect("due");

    crawl.stop(StopReason::Canceled, at(4));

    assert!(!crawl.is_held_by(Fence { worker: MINE, claim: 1 }), "its claim is stale");
    assert_eq!(crawl.due(), Some(at(4)), "someone cancels its jobs");
    assert_eq!(crawl.settle(at(4), DAY), None);
    crawl = crawl.claimed(OTHERS, at(30)).expect("due");
    crawl.release(Wait::None, at(4));
    assert_eq!(crawl.due(), Some(at(4)), "its jobs are still open: someone tries again");
    for job in 0..2 {
        crawl.page_ended(PageEnd { body: None, ..end_of(job, batch(1), 0) }, at(5));
    }
    let completion = crawl.settle(at(6), DAY).expect("the end");
    assert_eq!(completion.kind(), NotificationKind::CrawlCompleted);
    assert_eq!((crawl.status(), crawl.expires_at), (CrawlStatus::Cancelled, Some(at(6 + 86_400))));
    assert_eq!((crawl.settle(at(7), DAY), crawl.due()), (None, None));
}

#[test]
fn the_status_follows_the_counts() {
    let status = |succeeded: u32, failed: u32, stop: Option<StopReason>| {
        let mut crawl = crawl(CrawlRules::default());
        crawl.tally = Tally { total: succeeded + failed, succeeded, failed };
        crawl.stop = stop;
        assert_eq!(crawl.status(), CrawlStatus::Running);
        assert!(crawl.settle(at(1), DAY).is_some());
        crawl.status()
    };

    assert_eq!(status(2, 0, None), CrawlStatus::Completed);
    assert_eq!(status(2, 0, Some(StopReason::OutOfCredits)), CrawlStatus::Partial);
    assert_eq!(status(1, 1, None), CrawlStatus::Partial);
    assert_eq!(status(0, 1, None), CrawlStatus::Failed);
    assert_eq!(status(0, 0, Some(StopReason::Robots)), CrawlStatus::Failed);
    assert_eq!(status(2, 0, Some(StopReason::Canceled)), CrawlStatus::Cancelled);
}

/// A site in which page `n` links to a few pages, and the chunks of a crawl of it.
struct World {
    crawl: CrawlRecord,
    chunks: BTreeMap<u32, CrawlChunk>,
    seen: HashSet<String>,
    running: Vec<(BatchId, CrawlUrl)>,
    fetched: Vec<CrawlUrl>,
}

impl World {
    fn new(rules: CrawlRules) -> Self {
        let mut world = Self {
            crawl: crawl(rules),
            chunks: BTreeMap::new(),
            seen: HashSet::new(),
            running: Vec::new(),
            fetched: Vec::new(),
        };
        world.admit(urls(0..1, 0));
        world
    }

    fn admit(&mut self, found: Vec<CrawlUrl>) {
        let new: Vec<_> = found.into_iter().filter(|it| !self.seen.contains(&it.url)).collect();
        for chunk in self.crawl.admit(new) {
            self.seen.extend(chunk.urls.iter().map(|it| it.url.clone()));
            assert_eq!(self.chunks.insert(chunk.number, chunk), None);
        }
    }

    /// Ends a running job, whose page links to `links` pages from number `to` on.
    fn end(&mut self, which: usize, to: u32, links: u32, succeeds: bool) {
        if self.running.is_empty() {
            return;
        }
        let (batch, url) = self.running.swap_remove(which % self.running.len());
        let body = succeeds.then(|| BodyRef(format!("{to} {links}")));
        let charged = if succeeds { Credits(4) } else { Credits::ZERO };
        let job = self.fetched.len() as u64;
        self.crawl.page_ended(PageEnd { charged, body, ..end_of(job, batch, url.depth) }, at(1));
        self.fetched.push(url);
    }

    fn read(&mut self) {
        for page in self.crawl.unread.clone() {
            let mut parts = page.body.0.split(' ').map(|it| it.parse().expect("a number"));
            let (to, links): (u32, u32) = (parts.next().expect("two"), parts.next().expect("two"));
            self.admit(urls(to..to + links, page.depth + 1));
            self.crawl.mark_read(&[page.job]);
        }
    }

    fn submit(&mut self) {
        while self.crawl.may_submit() {
            let chunk = self.chunks[&self.crawl.submitted].clone();
            let estimates = vec![Credits(10); chunk.urls.len()];
            let count = self.crawl.affordable(&estimates);
            if count == 0 {
                if self.crawl.open_jobs() == 0 {
                    self.crawl.stop(StopReason::OutOfCredits, at(1));
                }
                return;
            }
            let batch = batch(u64::from(self.crawl.submitted) + 1);
            let held = Credits(10 * count as u64);
            let (chunk, rest) = self.crawl.submit(&chunk, count, batch, held);
            self.running.extend(chunk.urls.iter().map(|it| (batch, it.clone())));
            self.chunks.insert(chunk.number, chunk);
            self.chunks.extend(rest.map(|it| (it.number, it)));
        }
    }

    fn check(&self) {
        let CrawlRecord { rules, admitted, tally, held, charged, .. } = &self.crawl;
        assert!(*admitted <= rules.max_pages && tally.total <= *admitted);
        assert_eq!(self.crawl.open_jobs() as usize, self.running.len());
        assert!(self.crawl.open_jobs() <= rules.window());
        assert_eq!(held.0, 10 * self.running.len() as u64);
        assert!(rules.max_credits.is_none_or(|most| held.0 + charged.0 <= most.0));
        let all: Vec<_> = self.fetched.iter().chain(self.running.iter().map(|it| &it.1)).collect();
        let each: HashSet<_> = all.iter().map(|it| &it.url).collect();
        assert_eq!(each.len(), all.len(), "a page has two jobs");
        assert!(all.iter().all(|it| it.depth <= rules.max_depth));
    }
}

proptest! {
    #[test]
    fn a_crawl_keeps_its_limits_and_ends(
        max_pages in 1..40_u32,
        max_depth in 0..4_u16,
        max_credits in prop::option::of(0..300_u64),
        max_concurrency in prop::option::of(1..8_u32),
        steps in prop::collection::vec((0..4_u8, any::<usize>(), 0..60_u32, 0..12_u32), 0..80),
    ) {
        let max_credits = max_credits.map(Credits);
        let rules =
            CrawlRules { max_pages, max_depth, max_credits, max_concurrency, ..CrawlRules::default() };
        let mut world = World::new(rules);
        for (step, which, to, links) in steps {
            match step {
                0 => world.end(which, to, links, true),
                1 => world.end(which, to, links, false),
                2 => world.read(),
                _ => world.submit(),
            }
            world.check();
            prop_assert!(world.crawl.ended_at.is_none());
        }
        let mut completions = 0;
        for round in 0..1_000_u32 {
            world.read();
            world.submit();
            world.end(0, round % 50, 3, round % 3 > 0);
            world.check();
            completions += usize::from(world.crawl.settle(at(2), DAY).is_some());
            if round > 20 && completions > 0 {
                break;
            }
        }
        prop_assert_eq!(completions, 1, "{:?}", world.crawl);
        prop_assert_eq!(world.running.len(), 0);
    }
}
