//! Accepting work: checked, then recorded and held in one commit, or refused whole.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::core::batch::{BatchKind, BatchRecord, Tally};
use crate::core::claims::Priority;
use crate::core::credits::Credits;
use crate::core::id::{AccountId, BatchId, JobId, NotificationId};
use crate::core::job::{Job, JobState};
use crate::core::ladder::{Reach, estimate};
use crate::core::price::AddOns;
use crate::core::request::{Item, JobRequest, ValidationError};
use crate::core::tier::Tier;
use crate::core::time::Timestamp;
use crate::core::url::{PageUrl, ParseUrlError};
use crate::core::usage::Budget;
use crate::engine::Engine;
use crate::engine::changes::{Accept, NotAccepted};
use crate::engine::error::{EngineError, SubmitError};
use crate::engine::page_host;
use crate::engine::report::JobReport;
use crate::engine::shared::Shared;
use crate::engine::watch::BatchHandle;

/// Items to submit together.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Batch {
    items: Vec<Item>,
    account: AccountId,
    webhook: Option<String>,
    key: Option<String>,
    max_tier: Option<Tier>,
    form: BatchKind,
    label: Option<String>,
    budget: Option<Budget>,
    priority: Priority,
}

impl Batch {
    /// A batch of these items; a `&str` is the simplest of them.
    pub fn new<I: Into<Item>>(items: impl IntoIterator<Item = I>) -> Self {
        Self { items: items.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Who pays.
    pub fn account(mut self, account: AccountId) -> Self {
        self.account = account;
        self
    }

    /// Where `batch.completed` goes.
    pub fn webhook(mut self, url: impl Into<String>) -> Self {
        self.webhook = Some(url.into());
        self
    }

    /// Submitting again with the same key gives the same batch.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The highest tier of the items that do not say one themselves.
    pub fn max_tier(mut self, tier: Tier) -> Self {
        self.max_tier = Some(tier);
        self
    }

    /// One page by itself: its end is told as the job's and not as the batch's.
    pub fn scrape(item: impl Into<Item>) -> Self {
        Self { form: BatchKind::Scrape, ..Self::new([item]) }
    }

    /// A word for who submits it, by which usage and budgets are told apart within an account.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// What the label, or without one the account, may spend: a submission beyond it is refused.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Sets the urgency of the batch among those of its account. Other accounts are not affected.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// What is submitted, reduced to what tells it from another submission.
    fn digest(&self) -> [u8; 32] {
        let body = serde_json::json!({
            "items": self.items, "account": self.account,
            "webhook": self.webhook, "max_tier": self.max_tier, "form": self.form,
        });
        Sha256::digest(body.to_string()).into()
    }
}

/// The expected and the highest price of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Estimate {
    /// The tier of the first attempt, `None` if no tier can be used.
    pub tier: Option<Tier>,
    /// The price on that tier, add-ons included.
    pub credits: Credits,
    /// The price on the most expensive tier that the item allows: the amount held at submission.
    pub hold: Credits,
}

impl Shared {
    /// Checks one item, down to what the URL standard says of its address.
    fn checked(&self, item: Item) -> Result<JobRequest, ValidationError> {
        let request = item.check(&self.config.limits)?;
        if request.advanced().session_id.is_some() {
            // Without its session the page would be another one, and paid for.
            let reason = "names a stored session, and nothing here stores sessions; send `cookies`";
            return Err(ValidationError::new("advanced.session_id", reason));
        }
        match page_host::check(request.page()) {
            Ok(()) => Ok(request),
            Err(error) => Err(ValidationError::new("url", error.to_string())),
        }
    }

    /// What a batch asks for, checked with the place where its end is told.
    fn requests(&self, batch: &Batch) -> Result<Vec<JobRequest>, SubmitError> {
        let most = self.config.limits.batch_items;
        match batch.items.len() {
            0 => return Err(SubmitError::Empty),
            given if given > most => return Err(SubmitError::TooMany { given, most }),
            _ => {}
        }
        let checked = |(index, mut item): (usize, Item)| {
            let controls = &mut item.cost_controls;
            controls.max_tier = controls.max_tier.or(batch.max_tier);
            self.checked(item).map_err(|error| SubmitError::Item { index, error })
        };
        let requests = batch.items.iter().cloned().enumerate().map(checked).collect();
        if let (Ok(_), Some(url)) = (&requests, &batch.webhook) {
            self.check_webhook(url)?;
        }
        requests
    }

    fn estimated(&self, request: &JobRequest) -> Estimate {
        let tier =
            Reach::of(request, &self.config.capabilities, &self.config.prices).usable.first();
        let add_ons = AddOns::asked(request);
        let credits = tier.map(|it| self.config.prices.quote(request, it, add_ons));
        let hold = estimate(request, &self.config.capabilities, &self.config.prices);
        Estimate { tier, credits: credits.unwrap_or_default(), hold }
    }

    fn check_webhook(&self, url: &str) -> Result<(), SubmitError> {
        let Some(notifier) = &self.adapters.notifier else {
            let reason = "nothing here delivers webhooks; build the engine with `.webhooks(...)`";
            return Err(SubmitError::Webhook(reason.to_owned()));
        };
        if url.len() > PageUrl::MAX_LEN {
            return Err(SubmitError::Webhook(ParseUrlError::TooLong.to_string()));
        }
        notifier.accepts(url).map_err(|it| SubmitError::Webhook(it.to_string()))
    }

    fn new_job(&self, origin: Origin<'_>, index: usize, request: JobRequest) -> Job {
        let order = u16::try_from(index % 4_096).unwrap_or_default();
        Job {
            id: JobId::new(origin.now, order, self.adapters.entropy.draw()),
            batch: origin.batch,
            account: origin.account.clone(),
            index: u32::try_from(index).unwrap_or(u32::MAX),
            hold: estimate(&request, &self.config.capabilities, &self.config.prices),
            request: Arc::new(request),
            priority: origin.priority,
            state: JobState::Queued,
            claims: 0,
            lost: 0,
            lease: None,
            trail: Vec::new(),
            used: Duration::ZERO,
            ready_at: origin.now,
            deadline: origin.now.after(self.config.settings.job_deadline),
            created_at: origin.now,
            started_at: None,
            ended_at: None,
            outcome: None,
        }
    }
}

/// The submission that a new job belongs to.
#[derive(Clone, Copy)]
struct Origin<'a> {
    now: Timestamp,
    batch: BatchId,
    account: &'a AccountId,
    priority: Priority,
}

fn printable(key: &str) -> bool {
    (1..=255).contains(&key.len()) && key.bytes().all(|it| (0x20..0x7f).contains(&it))
}

impl Engine {
    /// Accepts a batch: once this has returned, every job will end, whatever crashes.
    ///
    /// # Errors
    ///
    /// [`SubmitError`] naming what is wrong; then nothing was written and nothing is held.
    pub async fn submit(&self, batch: Batch) -> Result<BatchHandle, SubmitError> {
        let shared = &self.shared;
        if shared.lifecycle.stopping.is_cancelled() {
            return Err(EngineError::Stopped.into());
        }
        let requests = shared.requests(&batch)?;
        if batch.key.as_deref().is_some_and(|it| !printable(it)) {
            return Err(SubmitError::BadKey);
        }
        let accept = self.accepting(batch, requests);
        let handle = BatchHandle::new(self.clone(), accept.batch.clone());
        let count = accept.jobs.len();
        match shared.writer.apply(accept).await? {
            Err(NotAccepted::Overdrawn(overdrawn)) => Err(overdrawn.into()),
            Err(NotAccepted::OverBudget(over)) => Err(over.into()),
            Err(NotAccepted::KeyReused(batch)) => Err(SubmitError::KeyReused { batch }),
            Ok(id) if id == handle.id() => {
                tracing::info!(batch = %id, jobs = count, "accepted");
                metrics::counter!("rungs_jobs_submitted").increment(count as u64);
                shared.scheduling.jobs_ready.notify_one();
                Ok(handle)
            }
            Ok(earlier) => Ok(self.batch_handle(earlier).await?),
        }
    }

    fn accepting(&self, batch: Batch, requests: Vec<JobRequest>) -> Accept {
        let shared = &self.shared;
        let (now, digest) = (shared.now(), batch.digest());
        let id = BatchId::new(now, 0, shared.adapters.entropy.draw());
        let (account, priority) = (&batch.account, batch.priority);
        let origin = Origin { now, batch: id, account, priority };
        let jobs: Vec<Job> = requests
            .into_iter()
            .enumerate()
            .map(|(index, request)| shared.new_job(origin, index, request))
            .collect();
        let total = u32::try_from(jobs.len()).unwrap_or(u32::MAX);
        let record = BatchRecord {
            id,
            account: batch.account,
            jobs: jobs.iter().map(|it| it.id).collect(),
            tally: Tally { total, ..Tally::default() },
            estimate: jobs.iter().map(|it| it.hold).sum(),
            charged: Credits::ZERO,
            form: batch.form,
            label: batch.label,
            webhook: batch.webhook,
            idempotency_key: batch.key,
            event: NotificationId::new(now, 0, shared.adapters.entropy.draw()),
            entries: 1,
            created_at: now,
            ended_at: None,
            expires_at: None,
        };
        let (unlimited, budget) = (shared.config.settings.unlimited_accounts, batch.budget);
        Accept { batch: record, jobs, digest, unlimited, budget }
    }

    /// Fetches one page and waits for it: a batch with one job.
    pub async fn scrape(&self, item: impl Into<Item>) -> Result<JobReport, SubmitError> {
        let mut handle = self.submit(Batch::scrape(item)).await?;
        let report = handle.report().await?;
        let job = report.into_jobs().into_iter().next();
        job.ok_or_else(|| EngineError::BatchNotFound(handle.id()).into())
    }

    /// What an item would cost, without submitting it.
    ///
    /// # Errors
    ///
    /// The [`ValidationError`] for which a submission would be refused.
    pub fn estimate(&self, item: impl Into<Item>) -> Result<Estimate, ValidationError> {
        let shared = &self.shared;
        Ok(shared.estimated(&shared.checked(item.into())?))
    }

    /// What each item of a batch would cost, in their order, without submitting it.
    ///
    /// # Errors
    ///
    /// What is wrong with the batch, as a submission would say it. Whether the account can pay is not
    /// looked at.
    pub fn estimate_batch(&self, batch: &Batch) -> Result<Vec<Estimate>, SubmitError> {
        let shared = &self.shared;
        let requests = shared.requests(batch)?;
        Ok(requests.iter().map(|it| shared.estimated(it)).collect())
    }
}
