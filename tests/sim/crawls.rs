//! Checks of crawls, a part of the oracle.

use std::collections::BTreeSet;

use rungs::core::crawl::{CrawlRecord, StopReason};
use rungs::core::id::{BatchId, CrawlId};
use rungs::core::job::{Job, Outcome};
use rungs::core::record::{Key, Record};
use rungs::core::time::Timestamp;

use crate::oracle::Oracle;

/// The invariant of crawls: limits, one job for each page, one event.
const CRAWLS: u8 = 12;

impl Oracle {
    pub(crate) fn crawl(&self, id: CrawlId) -> Option<&CrawlRecord> {
        match self.records.get(&Key::Crawl(id)) {
            Some(Record::Crawl(crawl)) => Some(crawl),
            _ => None,
        }
    }

    fn crawls(&self) -> impl Iterator<Item = &CrawlRecord> {
        self.records.values().filter_map(|it| match it {
            Record::Crawl(crawl) => Some(crawl),
            _ => None,
        })
    }

    /// Returns `true` if the crawl whose event names this batch has ended.
    pub(crate) fn crawl_has_ended(&self, event_of: BatchId) -> bool {
        let crawl = self.crawl(CrawlId::from_bytes(*event_of.as_bytes()));
        crawl.is_some_and(|it| it.ended_at.is_some())
    }

    /// Records that a crawl's acceptance was acknowledged.
    pub(crate) fn acknowledged_crawl(&mut self, id: CrawlId) {
        let there = self.crawl(id).is_some() || self.crawls_removed.contains(&id);
        self.check(CRAWLS, there, || format!("crawl {id} was accepted, but is not there"));
        self.crawls_accepted.insert(id);
    }

    /// Checks the crawls of a disk after its process died.
    pub(crate) fn crawls_reopened(&mut self) {
        self.by_crawl.clear();
        let jobs = self.records.values().filter_map(|it| match it {
            Record::Job(job) => Some((job.crawl?.crawl, job.id)),
            _ => None,
        });
        for (crawl, job) in jobs.collect::<Vec<_>>() {
            self.by_crawl.entry(crawl).or_default().insert(job);
        }
        for id in self.crawls().map(|it| it.id).collect::<Vec<_>>() {
            self.recount_crawl(id);
        }
        for id in self.crawls_accepted.clone() {
            let there = self.crawl(id).is_some() || self.crawls_removed.contains(&id);
            self.check(CRAWLS, there, || format!("crawl {id} is gone after a crash"));
        }
    }

    /// The record of a crawl changed.
    pub(crate) fn crawl_changed(
        &mut self,
        old: Option<&CrawlRecord>,
        new: Option<&CrawlRecord>,
        now: Timestamp,
    ) {
        match (old, new) {
            (Some(old), None) => {
                let due = old.expires_at.is_some_and(|it| it <= now);
                let left = self.by_crawl.get(&old.id).is_some_and(|it| !it.is_empty());
                self.check(CRAWLS, due && !left, || format!("crawl {} was removed", old.id));
                self.crawls_removed.insert(old.id);
            }
            (Some(old), Some(new)) => {
                let same = (old.event, &old.rules, old.created_at, &old.webhook)
                    == (new.event, &new.rules, new.created_at, &new.webhook);
                let over = old.ended_at.is_some();
                self.check(CRAWLS, same && !over, || format!("crawl {} changed", old.id));
                let grows = old.admitted <= new.admitted && old.tally.total <= new.tally.total;
                self.check(CRAWLS, grows, || format!("crawl {} lost pages", old.id));
                if new.ended_at.is_some() {
                    self.note("crawl ended");
                    match new.stop {
                        Some(StopReason::Canceled) => self.note("crawl canceled"),
                        Some(StopReason::OutOfCredits) => self.note("crawl out of credits"),
                        _ => {}
                    }
                }
                if new.claims > old.claims + 1 || (new.claims > old.claims && old.lease.is_some()) {
                    self.note("lease of a crawl taken over");
                }
            }
            _ => {}
        }
    }

    /// Counts a crawl anew: its jobs, its money, its event.
    pub(crate) fn recount_crawl(&mut self, id: CrawlId) {
        let Some(crawl) = self.crawl(id).cloned() else { return };
        let ids = self.by_crawl.get(&id).cloned().unwrap_or_default();
        let jobs: Vec<Job> = ids.iter().filter_map(|it| self.job(*it)).cloned().collect();
        // Its batches are removed before it.
        if crawl.ended_at.is_none() || jobs.len() == crawl.tally.total as usize {
            self.check_crawl(&crawl, &jobs);
        }
        let told = self.records.contains_key(&Key::Notification(crawl.event));
        self.check(CRAWLS, told == crawl.ended_at.is_some(), || {
            format!("crawl {id} has ended: {}; it has an event: {told}", crawl.ended_at.is_some())
        });
    }

    fn check_crawl(&mut self, crawl: &CrawlRecord, jobs: &[Job]) {
        let (id, rules) = (crawl.id, &crawl.rules);
        let urls: BTreeSet<&str> = jobs.iter().map(|it| it.request.page().as_str()).collect();
        self.check(CRAWLS, urls.len() == jobs.len(), || format!("a page of {id} has two jobs"));
        let (mut succeeded, mut failed, mut held, mut charged) = (0, 0, 0, 0);
        for job in jobs {
            match &job.outcome {
                None => held += job.hold.0,
                Some(Outcome::Succeeded { charged: spent, .. }) => {
                    succeeded += 1;
                    charged += spent.0;
                }
                Some(Outcome::Failed(_)) => failed += 1,
            }
        }
        let counted = (jobs.len(), succeeded, failed, held, charged);
        let tally = crawl.tally;
        let kept =
            (tally.total as usize, tally.succeeded, tally.failed, crawl.held.0, crawl.charged.0);
        self.check(CRAWLS, counted == kept, || format!("{id} is {kept:?}, its jobs {counted:?}"));
        let within = crawl.admitted <= rules.max_pages && tally.total <= crawl.admitted;
        self.check(CRAWLS, within, || format!("{id} admitted {} pages", crawl.admitted));
        let covered = rules.max_credits.is_none_or(|most| held + charged <= most.0);
        self.check(CRAWLS, covered, || format!("{id} exceeds its budget: {held} + {charged}"));
        let near = jobs.iter().all(|it| it.crawl.is_some_and(|it| it.depth <= rules.max_depth));
        self.check(CRAWLS, near, || format!("{id} has a page beyond its depth"));
        let mut orders: Vec<_> = jobs.iter().filter_map(|it| it.crawl?.order).collect();
        orders.sort_unstable();
        let ends = succeeded + failed;
        self.check(CRAWLS, orders.into_iter().eq(1..=ends), || format!("{id} lost an order"));
        let over = crawl.ended_at.is_none() || held == 0;
        self.check(CRAWLS, over, || format!("{id} ended before its jobs"));
    }

    /// Returns a crawl that has not ended.
    pub(crate) fn unended_crawl(&self) -> Option<CrawlId> {
        self.crawls().find(|it| it.ended_at.is_none()).map(|it| it.id)
    }

    /// Returns `true` if a batch of a crawl may be removed: the crawl has expired.
    pub(crate) fn crawl_is_due(&self, id: CrawlId, now: Timestamp) -> bool {
        self.crawl(id).is_some_and(|it| it.expires_at.is_some_and(|at| at <= now))
    }
}
