//! Checks a store from outside the engine, against the acknowledgments of earlier processes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use rungs::core::batch::{BatchRecord, BatchStatus, Notification, NotificationState};
use rungs::core::credits::Credits;
use rungs::core::id::{AccountId, BatchId, JobId};
use rungs::core::job::{Job, JobState, Outcome};
use rungs::core::ledger::{Account, Booking, LedgerEntry};
use rungs::core::record::{Record, RecordKind};
use rungs::core::tier::Tier;
use rungs::engine::Page;
use rungs::ports::store::{ListQuery, Store};
use rungs::testkit::run;

use crate::Dice;
use crate::child::open_store;
use crate::world::{Deliveries, SitePage, next_in_chain, retried_key};

const KINDS: [RecordKind; 7] = [
    RecordKind::Account,
    RecordKind::Batch,
    RecordKind::LedgerEntry,
    RecordKind::Job,
    RecordKind::Notification,
    RecordKind::IdempotencyRecord,
    RecordKind::BatchJobs,
];

/// The acknowledgments of the children, and the records seen in the store.
#[derive(Debug, Default)]
pub(crate) struct Told {
    batches: BTreeMap<String, String>,
    submissions: usize,
    retries: usize,
    jobs: BTreeMap<String, String>,
    statuses: BTreeMap<String, String>,
    /// Ended jobs and batches as they were when they were first seen.
    seen_jobs: BTreeMap<JobId, Job>,
    seen_batches: BTreeMap<BatchId, BatchRecord>,
}

impl Told {
    pub(crate) fn accepted(&mut self, key: &str, batch: &str) {
        self.submissions += 1;
        self.learn(key, batch);
    }

    pub(crate) fn retried(&mut self, key: &str, batch: &str) {
        self.retries += 1;
        self.learn(key, batch);
    }

    fn learn(&mut self, key: &str, batch: &str) {
        let known = self.batches.entry(key.to_owned()).or_insert_with(|| batch.to_owned());
        assert_eq!(known, batch, "the key {key} gave two batches");
    }

    pub(crate) fn ended(&mut self, job: &str, state: &str) {
        let known = self.jobs.entry(job.to_owned()).or_insert_with(|| state.to_owned());
        assert_eq!(known, state, "the job {job} ended twice");
    }

    pub(crate) fn batch_ended(&mut self, batch: &str, status: &str) {
        let known = self.statuses.entry(batch.to_owned()).or_insert_with(|| status.to_owned());
        assert_eq!(known, status, "the batch {batch} ended twice");
    }

    /// A few keys that were accepted before, to be submitted again.
    pub(crate) fn some_keys(&self, dice: &mut Dice) -> Vec<String> {
        let keys: Vec<_> = self.batches.keys().filter(|it| retried_key(it).is_none()).collect();
        let mut pick = |_| keys[dice.below(keys.len())].clone();
        (0..keys.len().min(2)).map(&mut pick).collect()
    }

    pub(crate) fn submissions(&self) -> usize {
        self.submissions
    }

    pub(crate) fn resubmissions(&self) -> usize {
        let batches = self.batches.keys().filter(|it| retried_key(it).is_none()).count();
        self.submissions - batches
    }

    /// Returns the number of retries that were acknowledged, repeated ones included.
    pub(crate) fn retries(&self) -> usize {
        self.retries
    }

    pub(crate) fn ends(&self) -> usize {
        self.jobs.len()
    }
}

/// Everything that a store holds.
pub(crate) struct Books {
    store: Arc<dyn Store>,
    accounts: BTreeMap<AccountId, Account>,
    pub(crate) batches: BTreeMap<BatchId, BatchRecord>,
    pub(crate) jobs: BTreeMap<JobId, Job>,
    entries: BTreeMap<BatchId, Vec<LedgerEntry>>,
    notices: BTreeMap<BatchId, Vec<Notification>>,
    keys: BTreeMap<String, BatchId>,
    lists: BTreeMap<BatchId, Vec<JobId>>,
}

impl Books {
    pub(crate) fn open(dir: &Path) -> Self {
        let store = open_store(dir);
        let mut books = Self {
            store,
            accounts: BTreeMap::new(),
            batches: BTreeMap::new(),
            jobs: BTreeMap::new(),
            entries: BTreeMap::new(),
            notices: BTreeMap::new(),
            keys: BTreeMap::new(),
            lists: BTreeMap::new(),
        };
        for kind in KINDS {
            let list = ListQuery::new(kind, usize::MAX);
            for found in run(books.store.list(list)).expect("readable") {
                books.keep(found.record);
            }
        }
        books
    }

    fn keep(&mut self, record: Record) {
        match record {
            Record::Account(it) => drop(self.accounts.insert(it.id().clone(), it)),
            Record::Batch(it) => drop(self.batches.insert(it.id, it)),
            Record::LedgerEntry(it) => self.entries.entry(it.batch).or_default().push(it),
            Record::Job(it) => drop(self.jobs.insert(it.id, it)),
            Record::Notification(it) => self.notices.entry(it.batch).or_default().push(it),
            Record::IdempotencyRecord(it) => drop(self.keys.insert(it.key, it.batch)),
            Record::BatchJobs(it) => drop(self.lists.insert(it.batch, it.jobs)),
            Record::Site(_)
            | Record::CacheEntry(_)
            | Record::AccountBatch(_)
            | Record::Usage(_)
            | Record::Grant(_)
            | Record::Extraction(_)
            | Record::Worker(_)
            | Record::Session(_)
            | Record::Crawl(_)
            | Record::CrawlChunk(_) => {
                unreachable!("not asked for")
            }
        }
    }

    /// Checks the invariants that hold at any time.
    pub(crate) fn check(&self, told: &mut Told, deliveries: &Deliveries) {
        self.check_what_was_told(told);
        for batch in self.batches.values() {
            self.check_batch(batch);
        }
        let of_batches: usize = self.batches.values().map(|it| self.job_ids(it).len()).sum();
        assert_eq!(self.jobs.len(), of_batches, "jobs without a batch");
        assert_eq!(self.keys.len(), self.batches.len(), "one key a batch");
        for (key, batch) in &self.keys {
            self.check_lineage(key, &self.batches[batch]);
        }
        for account in self.accounts.values() {
            self.check_account(account);
        }
        self.check_deliveries(deliveries);
        self.check_ended(told);
    }

    fn check_what_was_told(&self, told: &Told) {
        for (key, batch) in &told.batches {
            let found = self.keys.get(key).map(ToString::to_string);
            assert_eq!(found.as_ref(), Some(batch), "the key {key} was acknowledged");
            assert!(self.batches.keys().any(|it| it.to_string() == *batch), "{batch} is gone");
        }
        let states: BTreeMap<_, _> =
            self.jobs.values().map(|it| (it.id.to_string(), it.state.as_str())).collect();
        for (job, state) in &told.jobs {
            assert_eq!(states.get(job).copied(), Some(state.as_str()), "{job} was told");
        }
        let statuses: BTreeMap<_, _> =
            self.batches.values().map(|it| (it.id.to_string(), it.status().as_str())).collect();
        for (batch, status) in &told.statuses {
            assert_eq!(statuses.get(batch).copied(), Some(status.as_str()), "{batch} was told");
        }
    }

    fn jobs_of<'a>(&'a self, batch: &'a BatchRecord) -> impl Iterator<Item = &'a Job> {
        let find = |id| self.jobs.get(id).unwrap_or_else(|| panic!("{id} of {} is lost", batch.id));
        self.job_ids(batch).iter().map(find)
    }

    /// Returns the ids of a batch's jobs, which the batch or a record beside it lists.
    fn job_ids<'a>(&'a self, batch: &'a BatchRecord) -> &'a [JobId] {
        self.lists.get(&batch.id).unwrap_or(&batch.inline_jobs)
    }

    fn check_batch(&self, batch: &BatchRecord) {
        let id = batch.id;
        let count = |state| self.jobs_of(batch).filter(|it| it.state == state).count();
        assert_eq!(batch.tally.total as usize, self.job_ids(batch).len(), "{id}");
        assert_eq!(batch.tally.succeeded as usize, count(JobState::Succeeded), "{id}");
        assert_eq!(batch.tally.failed as usize, count(JobState::Failed), "{id}");
        let held: Credits = self.jobs_of(batch).map(|it| it.hold).sum();
        let charged: Credits = self.jobs_of(batch).map(Job::charged).sum();
        assert_eq!((batch.estimate, batch.charged), (held, charged), "{id}");

        let entries = self.entries.get(&id).map_or(&[][..], Vec::as_slice);
        assert_eq!(entries.len(), batch.entries as usize, "{id}");
        let holds: Vec<_> = entries
            .iter()
            .filter_map(|it| match it.booking {
                Booking::Hold { amount } => Some(amount),
                Booking::Settle { .. } => None,
            })
            .collect();
        assert_eq!(holds, [batch.estimate], "one hold for {id}");
        let settled: Vec<_> = entries.iter().filter_map(|it| it.job).collect();
        let ended: BTreeSet<_> =
            self.jobs_of(batch).filter(|it| it.state.is_ended()).map(|it| it.id).collect();
        assert_eq!(settled.len(), ended.len(), "one settlement for each ended job of {id}");
        assert_eq!(settled.iter().copied().collect::<BTreeSet<_>>(), ended, "{id}");
        for entry in entries {
            if let (Some(job), Booking::Settle { charged, released }) = (entry.job, entry.booking) {
                let job = &self.jobs[&job];
                assert_eq!((charged.0 + released.0, charged), (job.hold.0, job.charged()), "{id}");
            }
        }

        let notices = self.notices.get(&id).map_or(&[][..], Vec::as_slice);
        let ended = batch.status() != BatchStatus::Processing;
        assert_eq!(notices.len(), usize::from(ended), "one event for each ended batch: {id}");
        assert!(notices.iter().all(|it| it.id == batch.event && it.url == batch.webhook), "{id}");
    }

    /// Checks that a retry has the failed pages of the batch that it retries, which has ended.
    fn check_lineage(&self, key: &str, batch: &BatchRecord) {
        let Some(of) = retried_key(key) else {
            assert_eq!(batch.retry_of, None, "{key}");
            return;
        };
        let of = &self.batches[&self.keys[of]];
        assert_eq!(batch.retry_of, Some(of.id), "{key}");
        assert_ne!(of.status(), BatchStatus::Processing, "{key} retries it");
        let page = |it: &Job| it.request.page().as_str().to_owned();
        let failed: Vec<_> =
            self.jobs_of(of).filter(|it| it.state == JobState::Failed).map(page).collect();
        let retried: Vec<_> = self.jobs_of(batch).map(page).collect();
        assert_eq!(retried, failed, "{key}");
    }

    /// Checks that each batch with failed pages was retried, as far as chains go.
    pub(crate) fn check_all_was_retried(&self) {
        let mut retries = 0;
        for (key, batch) in &self.keys {
            let retry = next_in_chain(key).filter(|_| self.batches[batch].tally.failed > 0);
            let Some(retry) = retry else { continue };
            assert!(self.keys.contains_key(&retry), "{key} was not retried");
            retries += 1;
        }
        assert!(retries > 0, "nothing failed");
    }

    fn check_account(&self, account: &Account) {
        let name = account.id();
        let sum = account.free().0 + account.held().0 + account.spent().0;
        assert_eq!(account.granted().0, sum, "{name}");
        let own = || self.jobs.values().filter(|it| it.account == *name);
        let held: Credits = own().filter(|it| !it.state.is_ended()).map(|it| it.hold).sum();
        let spent: Credits = own().map(Job::charged).sum();
        assert_eq!((account.held(), account.spent()), (held, spent), "{name}");
    }

    /// Checks that no delivery reports an end that a crash could undo, and that all deliveries of a batch are equal.
    fn check_deliveries(&self, all: &Deliveries) {
        for (key, deliveries) in all {
            let batch = self.keys.get(key).unwrap_or_else(|| panic!("{key} was delivered"));
            let notices = self.notices.get(batch).map_or(&[][..], Vec::as_slice);
            let [notice] = notices else { panic!("{key} was delivered and has {notices:?}") };
            for delivery in deliveries {
                assert_eq!(delivery.id, notice.id.to_string(), "{key}");
                assert_eq!(delivery.body, notice.body, "{key}");
            }
        }
    }

    /// Checks that ended jobs have not changed and that their pages can be read.
    fn check_ended(&self, told: &mut Told) {
        for (id, before) in &told.seen_jobs {
            assert_eq!(self.jobs.get(id), Some(before), "an ended job changed");
        }
        for (id, before) in &told.seen_batches {
            assert_eq!(self.batches.get(id), Some(before), "an ended batch changed");
        }
        for job in self.jobs.values().filter(|it| it.state.is_ended()) {
            if told.seen_jobs.insert(job.id, job.clone()).is_none() {
                self.check_result(job);
            }
        }
        let ended = self.batches.values().filter(|it| it.status() != BatchStatus::Processing);
        told.seen_batches.extend(ended.map(|it| (it.id, it.clone())));
    }

    /// Checks that the job ended as its page requires.
    fn check_result(&self, job: &Job) {
        let url = job.request.page().as_str();
        let (page, token) = SitePage::of(url);
        if job.lost > Job::MAX_LOST {
            assert_eq!(job.state, JobState::Failed, "{url} was given up");
            return;
        }
        let tier = match page {
            SitePage::Plain | SitePage::Slow => Some(Tier::Curl),
            SitePage::Guarded => Some(Tier::Http),
            SitePage::Missing | SitePage::Broken => None,
        };
        // The site's profile may start a job on a higher tier, but never below one that works.
        assert!(job.tier() >= tier && job.tier().is_some() == tier.is_some(), "{url}: {job:?}");
        let Some(Outcome::Succeeded { body, .. }) = &job.outcome else { return };
        let bodies = self.store.bodies().expect("both stores keep bodies");
        let bytes = run(bodies.get(body.clone())).expect("readable").expect("it is there");
        let result: Page = serde_json::from_slice(&bytes).expect("a result");
        let text = result.extracted.text;
        assert!(text.contains(&format!("the page {token},")), "{url} holds `{text}`");
    }

    /// Returns `true` if every batch has ended and every notification that has a receiver was delivered.
    pub(crate) fn are_done(&self) -> bool {
        let has_ended = |it: &BatchRecord| it.status() != BatchStatus::Processing;
        let is_pending = |it: &Notification| it.state == NotificationState::Pending;
        self.batches.values().all(has_ended) && !self.notices.values().flatten().any(is_pending)
    }

    /// Checks the invariants that hold once no work is left.
    pub(crate) fn check_all_is_done(&self, deliveries: &Deliveries) {
        let keys: BTreeMap<_, _> = self.keys.iter().map(|(key, batch)| (batch, key)).collect();
        for batch in self.batches.values() {
            assert_ne!(batch.status(), BatchStatus::Processing, "{}", batch.id);
            let state = self.notices[&batch.id][0].state;
            let came = deliveries.contains_key(keys[&batch.id].as_str());
            let expected = match batch.webhook {
                Some(_) => (NotificationState::Delivered, true),
                None => (NotificationState::Unaddressed, false),
            };
            assert_eq!((state, came), expected, "{}", batch.id);
        }
        for account in self.accounts.values() {
            assert_eq!(account.held(), Credits::ZERO, "{}", account.id());
        }
        for job in self.jobs.values() {
            self.check_result(job);
        }
    }
}
