//! Every change that the engine makes to records.

use std::sync::Arc;
use std::time::Duration;

use crate::core::batch::{
    BatchKind, BatchRecord, BatchStatus, DeliveryAttempt, Notification, NotificationState,
};
use crate::core::credits::Credits;
use crate::core::failure::ErrorCode;
use crate::core::id::{AccountId, BatchId, JobId, NotificationId, WorkerId};
use crate::core::job::{Attempt, Fence, Finding, Job, Outcome};
use crate::core::ladder::SiteProfile;
use crate::core::ledger::{Account, Booking, LedgerEntry, Overdrawn};
use crate::core::record::{AccountBatch, IdempotencyRecord, Key, Record};
use crate::core::step::{Records, StepError, StepInput, step};
use crate::core::time::{Day, Timestamp};
use crate::core::usage::{Budget, DailyUsage, OverBudget, UsageTotals};
use crate::core::verdict::Verdict;
use crate::engine::writer::{Change, Draft};
use crate::ports::notify::NotificationFormat;

fn batch_of(draft: &Draft, id: BatchId) -> Option<&BatchRecord> {
    match draft.get(&Key::Batch(id))? {
        Record::Batch(batch) => Some(batch),
        _ => None,
    }
}

fn job_of(draft: &Draft, id: JobId) -> Option<&Job> {
    match draft.get(&Key::Job(id))? {
        Record::Job(job) => Some(job),
        _ => None,
    }
}

/// The account, or a new one as the engine opens them.
fn account_of(draft: &Draft, id: &AccountId, unlimited: bool) -> Account {
    match draft.get(&Key::Account(id.clone())) {
        Some(Record::Account(account)) => account.clone(),
        _ if unlimited => Account::unlimited(id.clone()),
        _ => Account::limited(id.clone()),
    }
}

/// The account's day, or a new one.
fn usage_of(draft: &Draft, account: &AccountId, day: Day) -> DailyUsage {
    match draft.get(&Key::Usage(account.clone(), day)) {
        Some(Record::Usage(usage)) => usage.clone(),
        _ => DailyUsage::new(account.clone(), day),
    }
}

/// Accepts a batch: its records, its hold and its idempotency key, or nothing.
#[derive(Debug)]
pub(super) struct Accept {
    pub(super) batch: BatchRecord,
    pub(super) jobs: Vec<Job>,
    pub(super) digest: [u8; 32],
    /// Whether a new account's holds never fail.
    pub(super) unlimited: bool,
    /// What its label, or its account, may spend.
    pub(super) budget: Option<Budget>,
}

/// Why a batch was not accepted.
#[derive(Debug)]
pub(super) enum NotAccepted {
    Overdrawn(Overdrawn),
    OverBudget(OverBudget),
    KeyReused(BatchId),
}

impl Accept {
    fn submission(&self) -> Option<Key> {
        let key = self.batch.idempotency_key.clone()?;
        Some(Key::IdempotencyRecord(self.batch.account.clone(), key))
    }

    fn day(&self) -> Day {
        self.batch.created_at.day()
    }

    /// The days that its budget sums, this one included.
    fn days(&self) -> impl Iterator<Item = Key> {
        let today = self.day();
        let first = self.budget.map_or(today, |it| it.period.first(today));
        let days = std::iter::successors(Some(first), |it| Some(it.next()));
        let account = self.batch.account.clone();
        days.take_while(move |it| *it <= today).map(move |it| Key::Usage(account.clone(), it))
    }

    /// What it adds to its day.
    fn sums(&self) -> UsageTotals {
        let (held, spent) = (self.batch.estimate, Credits::ZERO);
        UsageTotals { jobs: self.jobs.len() as u64, held, spent }
    }

    fn within_budget(&self, draft: &Draft) -> Result<(), OverBudget> {
        let Some(budget) = self.budget else { return Ok(()) };
        let label = self.batch.label.as_deref();
        let so_far = self.days().fold(UsageTotals::default(), |sums, key| match draft.get(&key) {
            Some(Record::Usage(usage)) => sums.and(usage.of(label)),
            _ => sums,
        });
        budget.covers(so_far, self.sums(), self.day())
    }

    /// Puts what is booked for the batch: its account, its first ledger line and its day.
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
        let sums = self.sums();
        usage.submit(self.batch.label.as_deref(), sums.jobs, sums.held);
        draft.put(Record::Usage(usage));
    }
}

impl Change for Accept {
    /// The batch: this one, or the one that came of the same submission before.
    type Out = Result<BatchId, NotAccepted>;

    fn keys(&self) -> Vec<Key> {
        let mut keys = vec![Key::Account(self.batch.account.clone()), Key::Batch(self.batch.id)];
        keys.extend(self.jobs.iter().map(|it| Key::Job(it.id)));
        keys.push(Key::LedgerEntry(self.batch.id, 0));
        keys.push(Key::AccountBatch(self.batch.account.clone(), self.batch.id));
        keys.extend(self.submission());
        keys.extend(self.days());
        keys
    }

    fn apply(&self, draft: &mut Draft, now: Timestamp) -> Self::Out {
        let key = self.submission();
        if let Some(Record::IdempotencyRecord(earlier)) = key.as_ref().and_then(|it| draft.get(it))
        {
            return if earlier.digest == self.digest {
                Ok(earlier.batch)
            } else {
                Err(NotAccepted::KeyReused(earlier.batch))
            };
        }
        let mut account = account_of(draft, &self.batch.account, self.unlimited);
        account.hold(self.batch.estimate).map_err(NotAccepted::Overdrawn)?;
        self.within_budget(draft).map_err(NotAccepted::OverBudget)?;
        self.book(draft, account, now);
        if self.batch.form == BatchKind::Batch {
            let (account, batch) = (self.batch.account.clone(), self.batch.id);
            draft.put(Record::AccountBatch(AccountBatch { account, batch }));
        }
        draft.put(Record::Batch(self.batch.clone()));
        for job in &self.jobs {
            draft.put(Record::Job(job.clone()));
        }
        if let Some(key) = self.batch.idempotency_key.clone() {
            draft.put(Record::IdempotencyRecord(IdempotencyRecord {
                account: self.batch.account.clone(),
                key,
                digest: self.digest,
                batch: self.batch.id,
            }));
        }
        Ok(self.batch.id)
    }
}

/// One step of one job.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) job: JobId,
    pub(super) batch: BatchId,
    pub(super) account: AccountId,
    /// The day of its submission, on which it counts.
    pub(super) day: Day,
    /// The site, when the step may teach something about it.
    pub(super) site: Option<String>,
    pub(super) fence: Option<Fence>,
    pub(super) input: StepInput,
    /// Writes the body of the notification, if the step ends the batch.
    pub(super) format: Arc<dyn NotificationFormat>,
}

/// What a step came to.
#[derive(Debug)]
pub(super) struct Stepped {
    pub(super) job: Job,
    /// The batch's status, if this was its last job.
    pub(super) ended: Option<BatchStatus>,
}

/// The ledger line that the end of one of a batch's jobs would write.
fn entry_keys(batch: BatchId, jobs: usize) -> impl Iterator<Item = Key> {
    let last = u32::try_from(jobs).unwrap_or(u32::MAX);
    (0..=last).map(move |it| Key::LedgerEntry(batch, it))
}

impl Change for Step {
    type Out = Result<Stepped, StepError>;

    fn keys(&self) -> Vec<Key> {
        let account = Key::Account(self.account.clone());
        let mut keys = vec![Key::Job(self.job), Key::Batch(self.batch), account];
        keys.push(Key::Usage(self.account.clone(), self.day));
        keys.extend(self.site.clone().map(Key::Site));
        keys
    }

    fn apply(&self, draft: &mut Draft, now: Timestamp) -> Self::Out {
        let (Some(job), Some(batch)) = (job_of(draft, self.job), batch_of(draft, self.batch))
        else {
            return Err(StepError::Stale);
        };
        let account = account_of(draft, &self.account, false);
        let records = Records { job, batch, account: &account };
        let known = job.trail.len();
        let transition = step(records, self.fence, self.input.clone(), now)?;
        let job = transition.job;
        draft.put(Record::Job(job.clone()));
        let mut ended = None;
        if let Some(ending) = transition.ending {
            draft.put(Record::Account(ending.account));
            draft.put(Record::LedgerEntry(ending.entry));
            if let Some(completion) = ending.completion {
                ended = Some(ending.batch.status());
                let body = self.format.body(&completion);
                draft.put(Record::Notification(completion.notification(&ending.batch, body)));
            }
            let mut usage = usage_of(draft, &self.account, self.day);
            let site = job.request.page().site();
            usage.settle(ending.batch.label.as_deref(), &site, job.hold, job.charged());
            draft.put(Record::Usage(usage));
            draft.put(Record::Batch(ending.batch));
        }
        if let Some(site) = &self.site {
            learn(draft, site, job.trail.get(known..).unwrap_or_default(), now);
        }
        Ok(Stepped { job, ended })
    }
}

/// Adds what the new attempts showed to the site's profile.
fn learn(draft: &mut Draft, site: &str, attempts: &[Attempt], now: Timestamp) {
    let lessons: Vec<_> = attempts.iter().filter_map(|it| Some((it.tier, lesson(it)?))).collect();
    if lessons.is_empty() {
        return;
    }
    let mut profile = match draft.get(&Key::Site(site.to_owned())) {
        Some(Record::Site(profile)) => profile.clone(),
        _ => SiteProfile::new(site, now),
    };
    for (tier, worked) in lessons {
        profile.learn(tier, worked, now);
    }
    draft.put(Record::Site(profile));
}

/// Whether the tier worked, where the attempt says anything about the tier at all.
fn lesson(attempt: &Attempt) -> Option<bool> {
    match &attempt.finding {
        Finding::Judged(Verdict::Usable | Verdict::Other(_)) => Some(true),
        Finding::Judged(Verdict::Blocked { .. } | Verdict::NeedsRendering | Verdict::Thin) => {
            Some(false)
        }
        Finding::Judged(Verdict::Transient { .. } | Verdict::Permanent(_))
        | Finding::Transport { .. } => None,
    }
}

/// Ends every job of a batch that has not ended.
#[derive(Debug)]
pub(super) struct Cancel {
    pub(super) batch: BatchId,
    pub(super) account: AccountId,
    pub(super) day: Day,
    pub(super) jobs: Vec<JobId>,
    pub(super) format: Arc<dyn NotificationFormat>,
}

impl Change for Cancel {
    /// The jobs that this ended, and the batch's status if it ended with them.
    type Out = (Vec<Job>, Option<BatchStatus>);

    fn keys(&self) -> Vec<Key> {
        let mut keys = vec![Key::Batch(self.batch), Key::Account(self.account.clone())];
        keys.push(Key::Usage(self.account.clone(), self.day));
        keys.extend(self.jobs.iter().map(|&it| Key::Job(it)));
        keys
    }

    fn apply(&self, draft: &mut Draft, now: Timestamp) -> Self::Out {
        let mut cancelled = Vec::new();
        let mut ended = None;
        for &job in &self.jobs {
            let step = Step {
                job,
                batch: self.batch,
                account: self.account.clone(),
                day: self.day,
                site: None,
                fence: None,
                input: StepInput::Cancel,
                format: Arc::clone(&self.format),
            };
            // A job that has ended refuses, and stays as it is.
            if let Ok(stepped) = step.apply(draft, now) {
                ended = ended.or(stepped.ended);
                cancelled.push(stepped.job);
            }
        }
        (cancelled, ended)
    }
}

/// Adds credits to an account.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) account: AccountId,
    pub(super) amount: Credits,
    /// Whether a new account's holds never fail.
    pub(super) unlimited: bool,
}

impl Change for Grant {
    /// The account afterwards, or `None` if the sum would not fit.
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

/// Writes a record whatever was there before.
#[derive(Debug)]
pub(super) struct Put(pub(super) Record);

impl Change for Put {
    type Out = ();

    fn keys(&self) -> Vec<Key> {
        vec![self.0.key()]
    }

    fn apply(&self, draft: &mut Draft, _now: Timestamp) {
        draft.put(self.0.clone());
    }
}

/// Books what became of one attempt to deliver an event.
#[derive(Debug)]
pub(super) struct Deliver {
    pub(super) notice: NotificationId,
    pub(super) worker: WorkerId,
    pub(super) attempt: DeliveryAttempt,
    pub(super) state: NotificationState,
    /// How long until the next attempt.
    pub(super) wait: Duration,
}

impl Change for Deliver {
    type Out = ();

    fn keys(&self) -> Vec<Key> {
        vec![Key::Notification(self.notice)]
    }

    fn apply(&self, draft: &mut Draft, now: Timestamp) {
        let Some(Record::Notification(notice)) = draft.get(&Key::Notification(self.notice)) else {
            return;
        };
        // Another worker took over when our lease ran out: what it does counts.
        if notice.lease.is_none_or(|it| it.worker != self.worker) {
            return;
        }
        let mut notice: Notification = notice.clone();
        notice.attempts.push(self.attempt.clone());
        notice.state = self.state;
        notice.ready_at = now.after(self.wait);
        notice.lease = None;
        draft.put(Record::Notification(notice));
    }
}

/// Makes an event due once more.
#[derive(Debug)]
pub(super) struct Redeliver(pub(super) NotificationId);

impl Change for Redeliver {
    /// The event afterwards, if there is one.
    type Out = Option<Notification>;

    fn keys(&self) -> Vec<Key> {
        vec![Key::Notification(self.0)]
    }

    fn apply(&self, draft: &mut Draft, now: Timestamp) -> Self::Out {
        let Some(Record::Notification(notice)) = draft.get(&Key::Notification(self.0)) else {
            return None;
        };
        let notice = notice.clone();
        if !matches!(notice.state, NotificationState::Delivered | NotificationState::GivenUp) {
            return Some(notice);
        }
        let notice = Notification {
            state: NotificationState::Pending,
            ready_at: now,
            lease: None,
            ..notice
        };
        draft.put(Record::Notification(notice.clone()));
        Some(notice)
    }
}

/// Removes a batch whole: with its jobs, its ledger lines, its event and its idempotency key.
#[derive(Debug)]
pub(super) struct Expire(pub(super) BatchRecord);

impl Change for Expire {
    type Out = ();

    fn keys(&self) -> Vec<Key> {
        let batch = &self.0;
        let mut keys = vec![Key::Batch(batch.id), Key::Notification(batch.event)];
        keys.push(Key::AccountBatch(batch.account.clone(), batch.id));
        keys.extend(batch.jobs.iter().map(|&it| Key::Job(it)));
        keys.extend(entry_keys(batch.id, batch.jobs.len()));
        keys.extend(
            batch
                .idempotency_key
                .clone()
                .map(|it| Key::IdempotencyRecord(batch.account.clone(), it)),
        );
        keys
    }

    fn apply(&self, draft: &mut Draft, now: Timestamp) {
        let due =
            batch_of(draft, self.0.id).is_some_and(|it| it.expires_at.is_some_and(|at| at <= now));
        if due {
            for key in self.keys() {
                draft.remove(&key);
            }
        }
    }
}

/// Removes one record that has served its time and takes nothing with it: a cached answer, or a day.
#[derive(Debug)]
pub(super) struct Forget(pub(super) Key);

impl Change for Forget {
    type Out = ();

    fn keys(&self) -> Vec<Key> {
        vec![self.0.clone()]
    }

    fn apply(&self, draft: &mut Draft, now: Timestamp) {
        // It may have been renewed since it was found to be due.
        if draft.get(&self.0).and_then(Record::due).is_some_and(|(_, at)| at <= now) {
            draft.remove(&self.0);
        }
    }
}

/// The code of a job that ended without a page.
pub(super) fn error_code(job: &Job) -> Option<ErrorCode> {
    match &job.outcome {
        Some(Outcome::Failed(error)) => Some(error.code),
        _ => None,
    }
}
