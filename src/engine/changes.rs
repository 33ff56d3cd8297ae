//! The changes that the engine makes to records.

use std::sync::Arc;
use std::time::Duration;

use crate::core::batch::{
    BatchJobs, BatchRecord, BatchStatus, DeliveryAttempt, Notification, NotificationState,
};
use crate::core::completion::item_event;
use crate::core::credits::Credits;
use crate::core::failure::ErrorCode;
use crate::core::id::{AccountId, BatchId, CrawlId, JobId, NotificationId, WorkerId};
use crate::core::job::{Attempt, Fence, Finding, Job, Lease, Outcome};
use crate::core::ladder::SiteProfile;
use crate::core::ledger::{Account, Booking, LedgerEntry, Overdrawn};
use crate::core::record::{AccountBatch, IdempotencyRecord, Key, Record};
use crate::core::step::{Records, StepError, StepInput, step};
use crate::core::time::{Day, Timestamp};
use crate::core::usage::{Budget, DailyUsage, OverBudget, UsageTotals};
use crate::core::verdict::Verdict;
use crate::engine::budgets;
use crate::engine::crawl;
use crate::engine::fingerprint::Fingerprint;
use crate::engine::profiles::Lesson;
use crate::engine::writer::{Change, Draft};
use crate::ports::notify::NotificationFormat;

fn batch_of(draft: &Draft, id: BatchId) -> Option<&BatchRecord> {
    match draft.get(&Key::Batch(id))? {
        Record::Batch(batch) => Some(batch),
        _ => None,
    }
}

pub(super) fn job_of(draft: &Draft, id: JobId) -> Option<&Job> {
    match draft.get(&Key::Job(id))? {
        Record::Job(job) => Some(job),
        _ => None,
    }
}

/// Returns the account, or a new one, with or without a limit as the engine is set now: the setting may have changed
/// since the account was opened.
pub(super) fn account_of(draft: &Draft, id: &AccountId, unlimited: bool) -> Account {
    let account = stored_account(draft, id);
    if unlimited { account.without_limit() } else { account.with_limit() }
}

pub(super) fn stored_account(draft: &Draft, id: &AccountId) -> Account {
    match draft.get(&Key::Account(id.clone())) {
        Some(Record::Account(account)) => account.clone(),
        _ => Account::limited(id.clone()),
    }
}

/// Returns the account's usage of `day`, empty if there is none.
pub(super) fn usage_of(draft: &Draft, account: &AccountId, day: Day) -> DailyUsage {
    match draft.get(&Key::Usage(account.clone(), day)) {
        Some(Record::Usage(usage)) => usage.clone(),
        _ => DailyUsage::new(account.clone(), day),
    }
}

/// Accepts a batch: writes its records, its hold and its idempotency key, or nothing.
#[derive(Debug)]
pub(super) struct Accept {
    pub(super) batch: BatchRecord,
    /// The list of the jobs, if it is a record of its own.
    pub(super) job_ids: Option<BatchJobs>,
    pub(super) jobs: Vec<Job>,
    /// The contents, if the batch has an idempotency key.
    pub(super) fingerprint: Option<Fingerprint>,
    /// `true` if accounts have no limit, so that holds never fail.
    pub(super) unlimited: bool,
    /// The budget of the batch's label, or of its account if it has none.
    pub(super) budget: Option<Budget>,
}

/// The reason why a batch was not accepted.
#[derive(Debug)]
pub(super) enum NotAccepted {
    Overdrawn(Overdrawn),
    OverBudget(OverBudget),
    KeyReused(BatchId),
}

impl Accept {
    fn idempotency_key(&self) -> Option<Key> {
        let key = self.batch.idempotency_key.clone()?;
        Some(Key::IdempotencyRecord(self.batch.account.clone(), key))
    }

    fn day(&self) -> Day {
        self.batch.created_at.day()
    }

    /// Returns the usage that the batch adds to its day.
    fn totals(&self) -> UsageTotals {
        let (held, spent) = (self.batch.estimate, Credits::ZERO);
        UsageTotals { jobs: self.jobs.len() as u64, held, spent }
    }

    fn within_budget(&self, draft: &Draft) -> Result<(), OverBudget> {
        let (account, label) = (&self.batch.account, self.batch.label.as_deref());
        budgets::check(draft, account, label, self.budget, (self.totals(), self.day()))
    }

    /// Books the batch: its account, its first ledger entry and its day.
    fn book(&self, draft: &mut Draft, account: Account, now: Timestamp) {
        draft.put(Record::Account(account));
        draft.put(Record::LedgerEntry(LedgerEntry {
            account: self.batch.account.clone(),
            batch: self.batch.id,
            number: 0,
            job: None,
            booking: Booking::Hold { amount: self.batch.estimate },
            at: now,
        }));
        let mut usage = usage_of(draft, &self.batch.account, self.day());
        let totals = self.totals();
        usage.submit(self.batch.label.as_deref(), totals.jobs, totals.held);
        draft.put(Record::Usage(usage));
    }
}

impl Change for Accept {
    /// The batch: this one, or the one that an earlier submission with the same key created.
    type Out = Result<BatchId, NotAccepted>;

    fn keys(&self) -> Vec<Key> {
        let mut keys = vec![Key::Account(self.batch.account.clone()), Key::Batch(self.batch.id)];
        keys.extend(self.jobs.iter().map(|it| Key::Job(it.id)));
        keys.extend(self.job_ids.as_ref().map(|it| Key::BatchJobs(it.batch)));
        keys.push(Key::LedgerEntry(self.batch.id, 0));
        keys.push(Key::AccountBatch(self.batch.account.clone(), self.batch.id));
        keys.extend(self.idempotency_key());
        keys.extend(budgets::days(&self.batch.account, self.budget, self.day()));
        keys
    }

    fn apply(&self, draft: &mut Draft, now: Timestamp) -> Self::Out {
        let key = self.idempotency_key();
        if let Some(Record::IdempotencyRecord(earlier)) = key.as_ref().and_then(|it| draft.get(it))
        {
            return if self.fingerprint.as_ref().is_some_and(|it| it.matches(&earlier.digest)) {
                Ok(earlier.batch)
            } else {
                Err(NotAccepted::KeyReused(earlier.batch))
            };
        }
        let mut account = account_of(draft, &self.batch.account, self.unlimited);
        account.hold(self.batch.estimate).map_err(NotAccepted::Overdrawn)?;
        self.within_budget(draft).map_err(NotAccepted::OverBudget)?;
        self.book(draft, account, now);
        if self.batch.crawl.is_none() {
            let (account, batch) = (self.batch.account.clone(), self.batch.id);
            draft.put(Record::AccountBatch(AccountBatch { account, batch }));
        }
        draft.put(Record::Batch(self.batch.clone()));
        if let Some(jobs) = &self.job_ids {
            draft.put(Record::BatchJobs(jobs.clone()));
        }
        for job in &self.jobs {
            draft.put(Record::Job(job.clone()));
        }
        if let (Some(key), Some(it)) = (self.batch.idempotency_key.clone(), &self.fingerprint) {
            draft.put(Record::IdempotencyRecord(IdempotencyRecord {
                account: self.batch.account.clone(),
                key,
                digest: it.digest(),
                batch: self.batch.id,
            }));
        }
        Ok(self.batch.id)
    }
}

/// Takes one step of one job.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) job: JobId,
    pub(super) batch: BatchId,
    pub(super) account: AccountId,
    /// The crawl that the job belongs to.
    pub(super) crawl: Option<CrawlId>,
    /// The day of its submission, to which its usage is added.
    pub(super) day: Day,
    /// The site, if the step's attempts ask for a pause, which is added to its profile.
    pub(super) site: Option<String>,
    /// The longest pause that a site gets.
    pub(super) longest_pause: Duration,
    pub(super) fence: Option<Fence>,
    pub(super) input: StepInput,
    /// Writes the body of the notification, if the step ends the job or the batch.
    pub(super) format: Arc<dyn NotificationFormat>,
    /// The time for which the batch is kept after its end.
    pub(super) retention: Duration,
}

/// The result of a step.
#[derive(Debug)]
pub(super) struct Stepped {
    pub(super) job: Job,
    /// The batch's final status, if this was its last job.
    pub(super) ended: Option<BatchStatus>,
    /// `true` if its crawl has ended, whose notification is due.
    pub(super) ends_crawl: bool,
    /// `true` if the job has a notification of its own.
    pub(super) has_item_event: bool,
}

/// Returns the keys of a batch's ledger entries. That of a map has more of them than jobs.
fn entry_keys(batch: &BatchRecord, jobs: usize) -> impl Iterator<Item = Key> {
    let of_jobs = u32::try_from(jobs).unwrap_or(u32::MAX).saturating_add(1);
    let id = batch.id;
    (0..batch.entries.max(of_jobs)).map(move |it| Key::LedgerEntry(id, it))
}

impl Change for Step {
    type Out = Result<Stepped, StepError>;

    fn is_step(&self) -> bool {
        true
    }

    fn keys(&self) -> Vec<Key> {
        let account = Key::Account(self.account.clone());
        let mut keys = vec![Key::Job(self.job), Key::Batch(self.batch), account];
        keys.push(Key::Usage(self.account.clone(), self.day));
        keys.extend(self.site.clone().map(Key::Site));
        keys.extend(self.crawl.map(Key::Crawl));
        keys
    }

    fn apply(&self, draft: &mut Draft, now: Timestamp) -> Self::Out {
        let (Some(job), Some(batch)) = (job_of(draft, self.job), batch_of(draft, self.batch))
        else {
            return Err(StepError::Stale);
        };
        let account = stored_account(draft, &self.account);
        if draft.has_kept() && account.held() < job.hold {
            // The job was settled since it was kept. The writer loads the records and asks again.
            return Err(StepError::Stale);
        }
        let records = Records { job, batch, account: &account };
        let known = job.trail.len();
        let transition = step(records, self.fence, self.input.clone(), now, self.retention)?;
        let mut job = transition.job;
        let (mut ended, mut ends_crawl, mut has_item_event) = (None, false, false);
        if let Some(ending) = transition.ending {
            ends_crawl =
                crawl::end_page(draft, &mut job, now, self.retention, self.format.as_ref());
            draft.put(Record::Account(ending.account));
            draft.put(Record::LedgerEntry(ending.entry));
            ended = ending.batch.ended_at.map(|_| ending.batch.status());
            if let Some(item) = ending.item {
                has_item_event = true;
                let body = self.format.body(&item);
                draft.put(Record::Notification(item.notification(&ending.batch, body)));
            }
            if let Some(completion) = ending.completion {
                let body = self.format.body(&completion);
                draft.put(Record::Notification(completion.notification(&ending.batch, body)));
            }
            let mut usage = usage_of(draft, &self.account, self.day);
            let site = job.request.page().site();
            usage.settle(ending.batch.label.as_deref(), &site, job.hold, job.charged());
            draft.put(Record::Usage(usage));
            draft.put(Record::Batch(ending.batch));
        }
        draft.put(Record::Job(job.clone()));
        if let Some(site) = &self.site {
            let attempts = job.trail.get(known..).unwrap_or_default();
            let pauses = attempts.iter().filter_map(|it| pause_after(it, self.longest_pause));
            if let Some(until) = pauses.max() {
                let mut profile = profile_of(draft, site, now);
                profile.pause(until);
                draft.put(Record::Site(profile));
            }
        }
        Ok(Stepped { job, ended, ends_crawl, has_item_event })
    }
}

/// Returns the site's profile, or a new one.
fn profile_of(draft: &Draft, site: &str, now: Timestamp) -> SiteProfile {
    match draft.get(&Key::Site(site.to_owned())) {
        Some(Record::Site(profile)) => profile.clone(),
        _ => SiteProfile::new(site, now),
    }
}

/// Adds what jobs have shown to the profiles of their sites.
#[derive(Debug)]
pub(super) struct Learn(pub(super) Vec<Lesson>);

impl Change for Learn {
    type Out = ();

    fn keys(&self) -> Vec<Key> {
        self.0.iter().map(|it| Key::Site(it.site.clone())).collect()
    }

    fn apply(&self, draft: &mut Draft, _now: Timestamp) {
        for lesson in &self.0 {
            let mut profile = profile_of(draft, &lesson.site, lesson.at);
            if lesson.teach(&mut profile) {
                draft.put(Record::Site(profile));
            }
        }
    }
}

/// Returns `true` if the site asked for a pause in response to the attempt.
pub(super) fn asks_for_pause(attempt: &Attempt) -> bool {
    pause_after(attempt, Duration::MAX).is_some()
}

/// Returns the end of the pause that the site asked for in response to the attempt.
fn pause_after(attempt: &Attempt, longest: Duration) -> Option<Timestamp> {
    match attempt.finding {
        Finding::Judged(Verdict::Transient { retry_after: Some(wait) }) => {
            Some(attempt.started_at.after(attempt.duration).after(wait.min(longest)))
        }
        _ => None,
    }
}

/// Cancels every job of a batch that has not ended.
#[derive(Debug)]
pub(super) struct Cancel {
    pub(super) batch: BatchId,
    pub(super) account: AccountId,
    pub(super) crawl: Option<CrawlId>,
    pub(super) day: Day,
    pub(super) jobs: Vec<JobId>,
    pub(super) format: Arc<dyn NotificationFormat>,
    /// The time for which the batch is kept after its end.
    pub(super) retention: Duration,
}

impl Change for Cancel {
    /// The canceled jobs, and the batch's final status if it ended with them.
    type Out = (Vec<Job>, Option<BatchStatus>);

    fn keys(&self) -> Vec<Key> {
        let mut keys = vec![Key::Batch(self.batch), Key::Account(self.account.clone())];
        keys.push(Key::Usage(self.account.clone(), self.day));
        keys.extend(self.jobs.iter().map(|&it| Key::Job(it)));
        keys.extend(self.crawl.map(Key::Crawl));
        keys
    }

    fn apply(&self, draft: &mut Draft, now: Timestamp) -> Self::Out {
        let mut canceled = Vec::new();
        let mut ended = None;
        for &job in &self.jobs {
            let step = Step {
                job,
                batch: self.batch,
                account: self.account.clone(),
                crawl: self.crawl,
                day: self.day,
                site: None,
                longest_pause: Duration::ZERO,
                fence: None,
                input: StepInput::Cancel,
                format: Arc::clone(&self.format),
                retention: self.retention,
            };
            // A job that has ended refuses the step and stays as it is.
            if let Ok(stepped) = step.apply(draft, now) {
                ended = ended.or(stepped.ended);
                canceled.push(stepped.job);
            }
        }
        (canceled, ended)
    }
}

/// Adds credits to an account.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) account: AccountId,
    pub(super) amount: Credits,
    /// `true` if accounts have no limit, so that holds never fail.
    pub(super) unlimited: bool,
}

impl Change for Grant {
    /// The account afterwards, or `None` if its credits would overflow.
    type Out = Option<Account>;

    fn keys(&self) -> Vec<Key> {
        vec![Key::Account(self.account.clone())]
    }

    fn apply(&self, draft: &mut Draft, _now: Timestamp) -> Self::Out {
        let mut account = account_of(draft, &self.account, self.unlimited);
        if !account.grant(self.amount) {
            return None;
        }
        draft.put(Record::Account(account.clone()));
        Some(account)
    }
}

/// Records one delivery attempt of a notification.
#[derive(Debug)]
pub(super) struct RecordDelivery {
    pub(super) notification: NotificationId,
    pub(super) worker: WorkerId,
    pub(super) attempt: DeliveryAttempt,
    pub(super) state: NotificationState,
    /// The time until the next attempt.
    pub(super) wait: Duration,
}

impl Change for RecordDelivery {
    type Out = ();

    /// An attempt that is not recorded is made again.
    fn is_patient(&self) -> bool {
        true
    }

    fn keys(&self) -> Vec<Key> {
        vec![Key::Notification(self.notification)]
    }

    fn apply(&self, draft: &mut Draft, now: Timestamp) {
        let Some(Record::Notification(notification)) =
            draft.get(&Key::Notification(self.notification))
        else {
            return;
        };
        // Another worker claimed the notification after this one's lease expired. Its attempts count instead.
        if notification.lease.is_none_or(|it| it.worker != self.worker) {
            return;
        }
        let mut notification: Notification = notification.clone();
        notification.attempts.push(self.attempt.clone());
        notification.state = self.state;
        notification.ready_at = now.after(self.wait);
        notification.lease = None;
        draft.put(Record::Notification(notification));
    }
}

/// Releases the leases of notifications that were claimed but not attempted, and sets the time at which each is
/// due again.
#[derive(Debug)]
pub(super) struct PutBack(pub(super) Vec<(NotificationId, Lease, Timestamp)>);

impl Change for PutBack {
    type Out = ();

    fn keys(&self) -> Vec<Key> {
        self.0.iter().map(|&(id, ..)| Key::Notification(id)).collect()
    }

    fn apply(&self, draft: &mut Draft, _now: Timestamp) {
        for &(id, lease, ready_at) in &self.0 {
            let Some(Record::Notification(notification)) = draft.get(&Key::Notification(id)) else {
                continue;
            };
            // An expired lease may have been taken again, by this worker or another.
            if notification.lease == Some(lease) {
                let notification = Notification { lease: None, ready_at, ..notification.clone() };
                draft.put(Record::Notification(notification));
            }
        }
    }
}

/// Makes a notification due now.
#[derive(Debug)]
pub(super) struct Redeliver(pub(super) NotificationId);

impl Change for Redeliver {
    /// The notification afterwards, if it exists.
    type Out = Option<Notification>;

    fn keys(&self) -> Vec<Key> {
        vec![Key::Notification(self.0)]
    }

    fn apply(&self, draft: &mut Draft, now: Timestamp) -> Self::Out {
        let Some(Record::Notification(notification)) = draft.get(&Key::Notification(self.0)) else {
            return None;
        };
        let notification = notification.clone();
        let is_waiting = notification.lease.is_none() && notification.ready_at > now;
        let is_changed = match notification.state {
            NotificationState::Delivered | NotificationState::GivenUp => true,
            // The next attempt may be hours away.
            NotificationState::Pending => is_waiting,
            NotificationState::Unaddressed => false,
        };
        if !is_changed {
            return Some(notification);
        }
        let notification = Notification {
            state: NotificationState::Pending,
            ready_at: now,
            lease: None,
            ..notification
        };
        draft.put(Record::Notification(notification.clone()));
        Some(notification)
    }
}

/// Removes a batch with its jobs, ledger entries, notification and idempotency key.
#[derive(Debug)]
pub(super) struct Expire {
    pub(super) batch: BatchRecord,
    pub(super) jobs: Vec<JobId>,
}

impl Change for Expire {
    type Out = ();

    fn is_repeatable(&self) -> bool {
        true
    }

    fn keys(&self) -> Vec<Key> {
        let batch = &self.batch;
        let mut keys = vec![Key::Batch(batch.id), Key::Notification(batch.event)];
        keys.push(Key::BatchJobs(batch.id));
        keys.push(Key::AccountBatch(batch.account.clone(), batch.id));
        keys.extend(self.jobs.iter().map(|&it| Key::Job(it)));
        if !batch.item_events.is_none() {
            keys.extend(self.jobs.iter().map(|&it| Key::Notification(item_event(it))));
        }
        keys.extend(entry_keys(batch, self.jobs.len()));
        keys.extend(
            batch
                .idempotency_key
                .clone()
                .map(|it| Key::IdempotencyRecord(batch.account.clone(), it)),
        );
        keys
    }

    fn apply(&self, draft: &mut Draft, now: Timestamp) {
        // A batch of a crawl is removed with its crawl.
        let due = batch_of(draft, self.batch.id)
            .is_some_and(|it| it.crawl.is_some() || it.expires_at.is_some_and(|at| at <= now));
        if due {
            for key in self.keys() {
                draft.remove(&key);
            }
        }
    }
}

/// Removes one expired record that no other record belongs to: a cache entry, or a day of usage.
#[derive(Debug)]
pub(super) struct Forget(pub(super) Key);

impl Change for Forget {
    type Out = ();

    fn is_repeatable(&self) -> bool {
        true
    }

    fn keys(&self) -> Vec<Key> {
        vec![self.0.clone()]
    }

    fn apply(&self, draft: &mut Draft, now: Timestamp) {
        // It may have been replaced since it was found to be due.
        if draft.get(&self.0).and_then(Record::due).is_some_and(|(_, at)| at <= now) {
            draft.remove(&self.0);
        }
    }
}

/// Returns the error code of a failed job.
pub(super) fn error_code(job: &Job) -> Option<ErrorCode> {
    match &job.outcome {
        Some(Outcome::Failed(error)) => Some(error.code),
        _ => None,
    }
}
