//! The oracle: a second, simpler model of the allowed behavior. It shares no code with the engine except the types of
//! the records.
//!
//! It receives every change that reaches the store, and every response to an application or delivery to a receiver. It
//! records the first violation as the run's failure, with the number of the invariant.

use std::collections::{BTreeMap, BTreeSet};

use rungs::core::batch::{BatchRecord, Notification, NotificationKind, NotificationState};
use rungs::core::crawl::CrawlRecord;
use rungs::core::failure::ErrorCode;
use rungs::core::id::{AccountId, BatchId, CrawlId, JobId, WorkerId};
use rungs::core::job::{Job, JobState, Outcome};
use rungs::core::record::{Key, Record};
use rungs::core::tier::Tier;
use rungs::core::time::Timestamp;

use super::books::{Books, Grants};
use super::chains::{Chains, said};

const DAY: u64 = 24 * 60 * 60 * 1_000;

/// One change: a key and its new record.
pub(crate) type Changed = (Key, Option<Record>);

/// The model.
#[derive(Default)]
pub(crate) struct Oracle {
    pub(crate) records: BTreeMap<Key, Record>,
    pub(crate) books: BTreeMap<AccountId, Books>,
    by_url: BTreeMap<String, JobId>,
    /// Batches whose acceptance was acknowledged to an application.
    accepted: BTreeSet<BatchId>,
    /// Ended jobs as they were returned to an application.
    shown: BTreeMap<JobId, Job>,
    /// The event as receivers were given it.
    told: BTreeMap<BatchId, (String, String)>,
    /// Batches whose time was up.
    pub(crate) removed: BTreeSet<BatchId>,
    pub(crate) crawls_accepted: BTreeSet<CrawlId>,
    pub(crate) crawls_removed: BTreeSet<CrawlId>,
    pub(crate) by_crawl: BTreeMap<CrawlId, BTreeSet<JobId>>,
    /// The credits that applications granted.
    pub(crate) grants: BTreeMap<AccountId, Grants>,
    /// The number of times that each submission was sent.
    pub(crate) sent: BTreeMap<usize, u32>,
    /// Retries, and the notifications of items.
    pub(crate) chains: Chains,
    pub(crate) failure: Option<String>,
    /// The number of times that each situation occurred, because a run without events proves nothing.
    pub(crate) seen: BTreeMap<&'static str, u64>,
}

impl Oracle {
    pub(crate) fn fail(&mut self, invariant: u8, what: impl Into<String>) {
        if self.failure.is_none() {
            self.failure = Some(format!("invariant {invariant}: {}", what.into()));
        }
    }

    pub(crate) fn note(&mut self, situation: &'static str) {
        *self.seen.entry(situation).or_default() += 1;
    }

    pub(crate) fn check(&mut self, invariant: u8, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.fail(invariant, what());
        }
    }

    pub(crate) fn job(&self, id: JobId) -> Option<&Job> {
        match self.records.get(&Key::Job(id)) {
            Some(Record::Job(job)) => Some(job),
            _ => None,
        }
    }

    pub(crate) fn batch(&self, id: BatchId) -> Option<&BatchRecord> {
        match self.records.get(&Key::Batch(id)) {
            Some(Record::Batch(batch)) => Some(batch),
            _ => None,
        }
    }

    /// The number of the claim that holds the job of this address now.
    pub(crate) fn claim_of(&self, url: &str) -> u32 {
        let job = self.by_url.get(url).and_then(|it| self.job(*it));
        job.map_or(0, |it| it.claims)
    }

    pub(crate) fn knows_url(&self, url: &str) -> bool {
        self.by_url.contains_key(url)
    }

    pub(crate) fn batches(&self) -> impl Iterator<Item = &BatchRecord> {
        self.records.values().filter_map(|it| match it {
            Record::Batch(batch) => Some(batch),
            _ => None,
        })
    }

    fn notices(&self) -> impl Iterator<Item = &Notification> {
        self.records.values().filter_map(|it| match it {
            Record::Notification(notice) => Some(notice),
            _ => None,
        })
    }

    /// The store took these changes in one commit of `worker`, at `now` by its clock.
    pub(crate) fn committed(
        &mut self,
        new: Vec<Changed>,
        worker: Option<WorkerId>,
        now: Timestamp,
    ) {
        let mut changes = Vec::with_capacity(new.len());
        for (key, record) in new {
            let old = match record.clone() {
                Some(record) => self.records.insert(key.clone(), record),
                None => self.records.remove(&key),
            };
            changes.push((key, old, record));
        }
        let (mut batches, mut accounts) = (BTreeSet::new(), BTreeSet::new());
        let mut crawls = BTreeSet::new();
        for (key, old, new) in changes {
            match new.as_ref().or(old.as_ref()) {
                Some(Record::Job(it)) => {
                    batches.insert(it.batch);
                    crawls.extend(it.crawl.map(|it| it.crawl));
                    accounts.insert(it.account.clone());
                }
                Some(Record::Batch(it)) => drop(batches.insert(it.id)),
                Some(Record::Crawl(it)) => drop(crawls.insert(it.id)),
                Some(Record::Notification(it)) if it.event == NotificationKind::CrawlCompleted => {
                    crawls.insert(CrawlId::from_bytes(*it.batch.as_bytes()));
                }
                Some(Record::Notification(it)) => drop(batches.insert(it.batch)),
                Some(Record::LedgerEntry(it)) => drop(batches.insert(it.batch)),
                Some(Record::Account(it)) => drop(accounts.insert(it.id().clone())),
                _ => {}
            }
            self.changed(&key, old.as_ref(), new.as_ref(), worker, now);
        }
        for batch in batches {
            self.recount(batch);
        }
        for account in accounts {
            self.balance(&account);
        }
        for crawl in crawls {
            self.recount_crawl(crawl);
        }
    }

    /// One record became another.
    fn changed(
        &mut self,
        key: &Key,
        old: Option<&Record>,
        new: Option<&Record>,
        worker: Option<WorkerId>,
        now: Timestamp,
    ) {
        let rewritten = old.is_some() && new.is_some() && old != new;
        match key {
            Key::Job(_) => self.job_changed(job_in(old), job_in(new), worker, now),
            Key::Batch(id) => self.batch_changed(*id, old, new, now),
            Key::Account(id) => self.account_changed(id, old, new),
            Key::Notification(_) => self.notice_changed(old, new),
            Key::LedgerEntry(..) => {
                self.check(4, !rewritten, || "a ledger line changed".to_owned());
            }
            Key::IdempotencyRecord(..) => {
                self.check(11, !rewritten, || "an idempotency key was given away".to_owned());
            }
            Key::Grant(..) => {
                self.check(4, !rewritten, || "a grant was changed".to_owned());
            }
            Key::BatchJobs(id) => {
                self.check(6, !rewritten, || format!("the jobs of {id} are others now"));
            }
            Key::Site(_)
            | Key::CacheEntry(_)
            | Key::AccountBatch(..)
            | Key::Usage(..)
            | Key::Extraction(..)
            | Key::Worker(_)
            | Key::CrawlChunk(..)
            | Key::Session(..) => {}
            Key::Crawl(_) => self.crawl_changed(crawl_in(old), crawl_in(new), now),
        }
    }

    fn job_changed(
        &mut self,
        old: Option<&Job>,
        new: Option<&Job>,
        worker: Option<WorkerId>,
        now: Timestamp,
    ) {
        let ended = |it: &Job| matches!(it.state, JobState::Succeeded | JobState::Failed);
        match (old, new) {
            (None, Some(new)) => {
                let fresh = new.state == JobState::Queued && new.claims == 0 && !ended(new);
                self.check(1, fresh, || format!("job {} begins as {:?}", new.id, new.state));
                self.by_url.insert(new.request.page().as_str().to_owned(), new.id);
                if let Some(page) = new.crawl {
                    self.by_crawl.entry(page.crawl).or_default().insert(new.id);
                }
                self.books.entry(new.account.clone()).or_default().held += new.hold.0;
            }
            (Some(old), None) => {
                self.check(10, ended(old), || format!("job {} was removed unended", old.id));
                if let Some(jobs) = old.crawl.and_then(|it| self.by_crawl.get_mut(&it.crawl)) {
                    jobs.remove(&old.id);
                }
            }
            (Some(old), Some(new)) if ended(old) => {
                self.check(2, old == new, || format!("ended job {} was changed", old.id));
            }
            (Some(old), Some(new)) => {
                self.moved(old, new, worker, now);
                if ended(new) {
                    let charged = match new.outcome {
                        Some(Outcome::Succeeded { charged, .. }) => charged.0,
                        _ => 0,
                    };
                    let books = self.books.entry(new.account.clone()).or_default();
                    let covered = books.held >= new.hold.0;
                    books.held = books.held.saturating_sub(new.hold.0);
                    books.spent += charged;
                    self.check(4, covered, || format!("{} was settled twice", new.id));
                    self.ended(new, charged);
                }
            }
            (None, None) => {}
        }
    }

    /// A live job moved.
    fn moved(&mut self, old: &Job, new: &Job, worker: Option<WorkerId>, now: Timestamp) {
        use JobState as S;

        let same = (old.id, old.batch, &old.account, old.index, old.hold, old.deadline)
            == (new.id, new.batch, &new.account, new.index, new.hold, new.deadline);
        self.check(2, same, || format!("job {} is another now", old.id));
        let holder = old.lease.map(|it| it.worker);
        let by_holder = holder.is_some() && holder == worker && old.claims == new.claims;
        let cancelled =
            matches!(&new.outcome, Some(Outcome::Failed(it)) if it.code == ErrorCode::Cancelled);
        let by_claim = new.claims == old.claims + 1
            && new.lease.is_some_and(|it| Some(it.worker) == worker)
            && match old.state {
                S::Queued => old.ready_at <= now,
                _ => old.lease.is_some_and(|it| it.until <= now),
            };
        match (old.state, new.state) {
            (S::Processing, S::Processing) if by_claim => self.note("lost lease taken over"),
            (S::Processing, S::Processing) => self.note("lease renewed"),
            (S::Processing, S::Queued) => self.note("job put back"),
            (S::Processing, S::Failed) if cancelled => self.note("running job cancelled"),
            (S::Queued, S::Failed) => self.note("waiting job cancelled"),
            _ => {}
        }
        let allowed = match (old.state, new.state) {
            (S::Queued | S::Processing, S::Failed) if cancelled => true,
            (S::Queued, S::Processing) => by_claim,
            (S::Processing, S::Processing) => by_claim || (by_holder && new.lease.is_some()),
            (S::Processing, S::Queued | S::Succeeded | S::Failed) => by_holder,
            _ => false,
        };
        self.check(8, allowed, || {
            format!(
                "job {} went from {:?} (claim {}, held by {holder:?}) to {:?} (claim {}) by {worker:?} at {now}",
                old.id, old.state, old.claims, new.state, new.claims
            )
        });
    }

    /// A job has just ended.
    fn ended(&mut self, job: &Job, charged: u64) {
        let controls = job.request.cost_controls();
        let most = controls.max_credits.map_or(u64::MAX, |it| it.0).min(job.hold.0);
        self.check(4, charged <= most, || format!("{} cost {charged} of {most}", job.id));
        self.note(match &job.outcome {
            Some(Outcome::Succeeded { cached: true, .. }) => "page from the cache",
            Some(Outcome::Succeeded { tier: Tier::Browser, .. }) => "page by the browser",
            Some(Outcome::Succeeded { .. }) => "page over HTTP",
            _ => "page failed",
        });
        let tried = job.trail.iter().map(|it| it.tier);
        let used = match job.outcome {
            Some(Outcome::Succeeded { tier, cached: false, .. }) => Some(tier),
            _ => None,
        };
        for tier in tried.chain(used) {
            let below = controls.max_tier.is_none_or(|most| place(tier) <= place(most));
            let forced = controls.force_tier.is_none_or(|only| tier == only);
            self.check(5, below && forced, || format!("{} ran on tier {tier}", job.id));
        }
    }

    fn batch_changed(
        &mut self,
        id: BatchId,
        old: Option<&Record>,
        new: Option<&Record>,
        now: Timestamp,
    ) {
        match (old, new) {
            (None, Some(Record::Batch(new))) => {
                self.check(2, !self.removed.contains(&id), || format!("{id} came back"));
                let holds: u64 = self.jobs(new).map(|it| it.hold.0).sum();
                let held = new.estimate.0;
                self.check(4, held == holds, || format!("{id} holds {held}, its jobs {holds}"));
            }
            (Some(Record::Batch(old)), None) => {
                let due = match old.crawl {
                    Some(crawl) => self.crawl_is_due(crawl, now),
                    None => old.expires_at.is_some_and(|it| it <= now),
                };
                self.check(10, due, || format!("{id} was removed before its time"));
                self.removed.insert(id);
                let left = self.left_of(old);
                self.check(10, left.is_none(), || format!("{id} is gone, but not its {left:?}"));
            }
            (Some(Record::Batch(old)), Some(Record::Batch(new))) => {
                let same =
                    (&old.inline_jobs, old.estimate, &old.webhook, old.event, old.created_at)
                        == (
                            &new.inline_jobs,
                            new.estimate,
                            &new.webhook,
                            new.event,
                            new.created_at,
                        );
                self.check(6, same, || format!("{id} is another now"));
            }
            _ => {}
        }
    }

    /// Something of a removed batch that is still there.
    fn left_of(&self, batch: &BatchRecord) -> Option<Key> {
        let of_batch = self.records.values().filter_map(|it| match it {
            Record::Job(job) if job.batch == batch.id => Some(Key::Job(job.id)),
            Record::Notification(it) if it.batch == batch.id => Some(Key::Notification(it.id)),
            _ => None,
        });
        let jobs = of_batch.chain([Key::BatchJobs(batch.id)]);
        let lines = (0..batch.entries).map(|it| Key::LedgerEntry(batch.id, it));
        let key = batch.idempotency_key.clone();
        let key = key.map(|it| Key::IdempotencyRecord(batch.account.clone(), it));
        let mut parts = jobs.chain(lines).chain(key).chain([Key::Notification(batch.event)]);
        parts.find(|it| self.records.contains_key(it))
    }

    fn notice_changed(&mut self, old: Option<&Record>, new: Option<&Record>) {
        match (old, new) {
            (None, Some(Record::Notification(new))) => {
                let same = |it: &&Notification| it.batch == new.batch && it.event == new.event;
                let is_item = self.job(JobId::from_bytes(*new.id.as_bytes())).is_some();
                let again = !is_item && self.notices().filter(same).count() > 1;
                self.check(7, !again, || format!("{} has a second event", new.batch));
            }
            (Some(Record::Notification(old)), Some(Record::Notification(new))) => {
                let same = (old.id, old.batch, &old.url, &old.body)
                    == (new.id, new.batch, &new.url, &new.body);
                let over = old.state != NotificationState::Pending && old != new;
                match new.state {
                    NotificationState::Delivered if new.attempts.len() > 1 => {
                        self.note("event delivered late");
                    }
                    NotificationState::Delivered => self.note("event delivered"),
                    NotificationState::GivenUp => self.note("event given up"),
                    _ => {}
                }
                self.check(7, same && !over, || format!("the event of {} changed", old.batch));
            }
            _ => {}
        }
    }

    pub(crate) fn jobs<'a>(&'a self, batch: &'a BatchRecord) -> impl Iterator<Item = &'a Job> {
        self.job_ids(batch).iter().filter_map(|it| self.job(*it))
    }

    /// Returns the ids of a batch's jobs, which the batch or a record beside it lists.
    pub(crate) fn job_ids<'a>(&'a self, batch: &'a BatchRecord) -> &'a [JobId] {
        match self.records.get(&Key::BatchJobs(batch.id)) {
            Some(Record::BatchJobs(list)) => &list.jobs,
            _ => &batch.inline_jobs,
        }
    }

    /// Counts a batch anew: tally, event, ledger lines.
    fn recount(&mut self, id: BatchId) {
        let Some(batch) = self.batch(id).cloned() else {
            let orphan = self.notices().any(|it| it.batch == id);
            return self.check(7, !orphan, || format!("{id} is not there, but its event is"));
        };
        let jobs: Vec<Job> = self.jobs(&batch).cloned().collect();
        let count = |state| jobs.iter().filter(|it| it.state == state).count();
        let (succeeded, failed) = (count(JobState::Succeeded), count(JobState::Failed));
        let counted = (jobs.len(), succeeded, failed);
        let tally = batch.tally;
        let kept = (tally.total as usize, tally.succeeded as usize, tally.failed as usize);
        self.check(1, jobs.len() == self.job_ids(&batch).len(), || format!("{id} lost a job"));
        self.check(6, counted == kept, || format!("{id} is {kept:?}, its jobs {counted:?}"));

        let over = succeeded + failed == jobs.len();
        let event = self.records.get(&Key::Notification(batch.event)).cloned();
        self.check(7, event.is_some() == (over && batch.crawl.is_none()), || {
            format!("{id} has ended: {over}; it has an event: {}", event.is_some())
        });
        if let Some(Record::Notification(event)) = event {
            let said = said(&event.body);
            let word = if failed == 0 {
                "completed"
            } else if succeeded == 0 {
                "failed"
            } else {
                "partial"
            };
            let right = (word.to_owned(), jobs.len(), succeeded, failed);
            self.check(7, said.as_ref() == Some(&right), || format!("the event says {said:?}"));
        }
        let kept_long = match (batch.ended_at, batch.expires_at) {
            (Some(ended), Some(expires)) => over && expires.as_millis() >= ended.as_millis() + DAY,
            (Some(_), None) => over && batch.crawl.is_some(),
            (None, None) => !over,
            _ => false,
        };
        self.check(10, kept_long, || {
            format!("{id} is kept from {:?} to {:?}", batch.ended_at, batch.expires_at)
        });
        self.items(&batch, &jobs);
        self.lines(&batch, &jobs);
    }

    /// Records that a batch's acceptance was acknowledged.
    pub(crate) fn acknowledged(&mut self, id: BatchId) {
        let there = self.batch(id).is_some() || self.removed.contains(&id);
        self.check(1, there, || format!("{id} was accepted, but is not there"));
        self.accepted.insert(id);
    }

    /// Records that a job was returned to an application.
    pub(crate) fn showed(&mut self, job: &Job) {
        if job.outcome.is_none() {
            return;
        }
        if let Some(earlier) = self.shown.insert(job.id, job.clone()) {
            self.check(2, &earlier == job, || format!("job {} was shown otherwise before", job.id));
        }
        self.still_so(job.id);
    }

    fn still_so(&mut self, id: JobId) {
        let shown = self.shown.get(&id).cloned();
        let now = self.job(id).cloned();
        let gone = shown.as_ref().is_some_and(|it| self.removed.contains(&it.batch));
        self.check(2, gone || shown == now, || format!("job {id} was shown as ended, and is not"));
    }

    /// A receiver was given an event.
    pub(crate) fn told(&mut self, batch: BatchId, id: String, body: String) {
        let ended = self.batch(batch).is_some_and(|it| it.ended_at.is_some());
        let known = ended || self.crawl_has_ended(batch) || self.removed.contains(&batch);
        self.check(7, known, || format!("{batch} was told before it ended"));
        let event = (id, body);
        if self.told.contains_key(&batch) {
            self.note("event told again");
        }
        let first = self.told.entry(batch).or_insert_with(|| event.clone()).clone();
        self.check(7, first == event, || format!("{batch} was told in two ways"));
    }

    /// Checks the records of a disk after its process died: no acknowledged change may be missing.
    pub(crate) fn reopened(&mut self, records: Vec<Record>) {
        self.records = records.into_iter().map(|it| (it.key(), it)).collect();
        self.by_url.clear();
        self.books.clear();
        let jobs: Vec<Job> = self
            .records
            .values()
            .filter_map(|it| match it {
                Record::Job(job) => Some(job.clone()),
                _ => None,
            })
            .collect();
        // A retry has the URL of the job that it repeats, and after a jump of the clock perhaps an earlier id. Only one of
        // them can be running.
        let (ended, running): (Vec<_>, Vec<_>) =
            jobs.into_iter().partition(|it| it.outcome.is_some());
        for job in ended.into_iter().chain(running) {
            self.by_url.insert(job.request.page().as_str().to_owned(), job.id);
            let books = self.books.entry(job.account).or_default();
            match &job.outcome {
                None => books.held += job.hold.0,
                Some(Outcome::Succeeded { charged, .. }) => books.spent += charged.0,
                Some(Outcome::Failed(_)) => {}
            }
        }
        let batches: Vec<BatchId> = self.batches().map(|it| it.id).collect();
        for id in &batches {
            self.recount(*id);
        }
        for id in self.grants.keys().cloned().collect::<Vec<_>>() {
            self.check_grants(&id);
            self.balance(&id);
        }
        for id in self.accepted.clone() {
            let there = batches.contains(&id) || self.removed.contains(&id);
            self.check(1, there, || format!("{id} was accepted, and is gone after a crash"));
        }
        for id in self.shown.keys().copied().collect::<Vec<_>>() {
            self.still_so(id);
        }
        self.crawls_reopened();
        for id in self.told.keys().copied().collect::<Vec<_>>() {
            let ended = self.batch(id).is_some_and(|it| it.ended_at.is_some());
            let known = ended || self.crawl_has_ended(id) || self.removed.contains(&id);
            self.check(7, known, || format!("{id} was told, and goes on after a crash"));
        }
    }

    /// Everything must have ended.
    pub(crate) fn check_ended(&mut self) {
        let unended = self.batches().find(|it| it.ended_at.is_none()).map(|it| it.id);
        self.check(9, unended.is_none(), || format!("{unended:?} does not end"));
        let crawl = self.unended_crawl();
        self.check(9, crawl.is_none(), || format!("crawl {crawl:?} does not end"));
        let waiting = self.notices().find(|it| it.state == NotificationState::Pending);
        let waiting = waiting.map(|it| it.batch);
        self.check(9, waiting.is_none(), || format!("the event of {waiting:?} is not delivered"));
        let held = self.books.values().any(|it| it.held != 0);
        self.check(4, !held, || "all has ended, but credits are held".to_owned());
    }

    /// Returns `true` if no work is left.
    pub(crate) fn is_settled(&self) -> bool {
        self.batches().all(|it| it.ended_at.is_some())
            && self.unended_crawl().is_none()
            && self.notices().all(|it| it.state != NotificationState::Pending)
    }

    /// Returns a record that expires soon: not an account, a site profile or a day of usage.
    fn passing(&self) -> Option<Key> {
        let stays = |it: &Key| {
            // No session is stored in a simulation.
            matches!(it, Key::Account(_) | Key::Site(_) | Key::Usage(..) | Key::Worker(_))
        };
        let passes = |it: &&Key| !stays(it);
        self.records.keys().find(passes).cloned()
    }

    /// Returns `true` if every record that expires has been removed.
    pub(crate) fn is_empty(&self) -> bool {
        self.passing().is_none()
    }

    /// Everything must have been removed.
    pub(crate) fn check_removed(&mut self) {
        let left = self.passing();
        self.check(10, left.is_none(), || format!("{left:?} is never removed"));
    }
}

fn crawl_in(record: Option<&Record>) -> Option<&CrawlRecord> {
    match record {
        Some(Record::Crawl(crawl)) => Some(crawl),
        _ => None,
    }
}

fn job_in(record: Option<&Record>) -> Option<&Job> {
    match record {
        Some(Record::Job(job)) => Some(job),
        _ => None,
    }
}

fn place(tier: Tier) -> usize {
    match tier {
        Tier::Curl => 0,
        Tier::Http => 1,
        Tier::Stealth => 2,
        Tier::LightJs => 3,
        Tier::Browser => 4,
    }
}
