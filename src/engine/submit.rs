//! Submissions: every item is checked, then the whole batch is recorded and its estimate held in one commit, or
//! it is refused and nothing is written.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument;

use crate::core::batch::{BatchKind, BatchRecord, ItemEvents, Tally};
use crate::core::claims::Priority;
use crate::core::credits::Credits;
use crate::core::id::{AccountId, BatchId, JobId, NotificationId};
use crate::core::job::{Job, JobState};
use crate::core::ladder::estimate;
use crate::core::record::Key;
use crate::core::request::{Item, JobRequest, ValidationError};
use crate::core::tier::Tier;
use crate::core::time::Timestamp;
use crate::core::trace::TraceContext;
use crate::core::url::{PageUrl, ParseUrlError, without_userinfo};
use crate::core::usage::Budget;
use crate::engine::Engine;
use crate::engine::changes::Accept;
use crate::engine::error::{EngineError, SubmitError};
use crate::engine::fingerprint::{Fingerprint, Submission};
use crate::engine::page_host;
use crate::engine::report::JobReport;
use crate::engine::shared::Shared;
use crate::engine::watch::BatchHandle;
use crate::ports::notify::WebhookUrlError;

/// A batch to submit: items, the account that pays, and the webhook for its completion.
///
/// ```
/// use std::time::Duration;
///
/// use rungs::prelude::*;
///
/// let urls = Batch::new(["https://example.com/", "https://example.org/"]);
///
/// let items = ["https://example.com/a", "https://example.com/b"]
///     .map(|url| Item::get(url).timeout(Duration::from_secs(30)));
/// let batch = Batch::new(items)
///     .account(AccountId::new("acme")?)
///     .max_tier(Tier::Stealth)
///     .idempotency_key("order-7");
/// # Ok::<(), rungs::Error>(())
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Batch {
    items: Vec<Item>,
    account: AccountId,
    webhook: Option<String>,
    item_events: ItemEvents,
    key: Option<String>,
    max_tier: Option<Tier>,
    form: BatchKind,
    label: Option<String>,
    budget: Option<Budget>,
    priority: Priority,
    trace: Option<Arc<TraceContext>>,
    /// The batch whose failed jobs are repeated.
    repeats: Option<BatchId>,
}

/// Shows the webhook's URL without its credentials.
impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            items,
            account,
            webhook,
            item_events,
            key,
            max_tier,
            form,
            label,
            budget,
            priority,
            trace,
            repeats,
        } = self;
        f.debug_struct("Batch")
            .field("items", items)
            .field("account", account)
            .field("webhook", &webhook.as_deref().map(without_userinfo))
            .field("item_events", item_events)
            .field("key", key)
            .field("max_tier", max_tier)
            .field("form", form)
            .field("label", label)
            .field("budget", budget)
            .field("priority", priority)
            .field("trace", trace)
            .field("repeats", repeats)
            .finish()
    }
}

impl Batch {
    /// Returns a batch of these items. A URL as `&str` or `String` is an item with default options.
    pub fn new<I: Into<Item>>(items: impl IntoIterator<Item = I>) -> Self {
        Self { items: items.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Sets the account that is charged. Defaults to the account `default`.
    pub fn account(mut self, account: AccountId) -> Self {
        self.account = account;
        self
    }

    /// Sets the URL to which the completion notification is delivered. Defaults to none.
    pub fn webhook(mut self, url: impl Into<String>) -> Self {
        self.webhook = Some(url.into());
        self
    }

    /// Sets the jobs whose ends are delivered to the webhook by themselves, as `job.completed` and `job.failed`. Defaults to
    /// none. The batch has its own notification in any case.
    pub fn item_events(mut self, events: ItemEvents) -> Self {
        self.item_events = events;
        self
    }

    /// Sets the idempotency key: 1 to 255 printable ASCII characters.
    ///
    /// A second submission with the same key and account returns the batch of the first one and charges nothing. If its
    /// contents differ, it is refused with [`SubmitError::KeyReused`]. A key is kept as long as its batch.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sets the highest tier of the items that do not set their own.
    pub fn max_tier(mut self, tier: Tier) -> Self {
        self.max_tier = Some(tier);
        self
    }

    /// Returns a batch of one page, whose notification is `job.completed` or `job.failed` instead of `batch.completed`.
    pub fn scrape(item: impl Into<Item>) -> Self {
        Self { form: BatchKind::Scrape, ..Self::new([item]) }
    }

    /// Sets the label under which usage and budgets are counted within the account, such as the name of an API key.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Sets the budget of the label, or of the whole account if the batch has no label. A submission that would exceed it
    /// is refused with [`SubmitError::OverBudget`].
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Sets the urgency of the batch among those of its account. Other accounts are not affected.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Sets the trace that the batch belongs to. Defaults to none.
    ///
    /// Each job keeps it, so that whichever process fetches its page can continue the trace
    /// ([`EngineBuilder::join_traces`](crate::engine::EngineBuilder::join_traces)), and the notification carries it to its
    /// receiver. The sites that are fetched do not get it.
    pub fn trace(mut self, context: TraceContext) -> Self {
        self.trace = Some(Arc::new(context));
        self
    }

    /// Returns these options with items that repeat failed jobs of `record`: for its account, and with its label and its
    /// webhook if there are no others.
    pub(super) fn repeating(
        self,
        record: BatchRecord,
        items: Vec<Item>,
        priority: Priority,
    ) -> Self {
        Self {
            items,
            account: record.account,
            webhook: self.webhook.or(record.webhook),
            item_events: if self.item_events.is_none() {
                record.item_events
            } else {
                self.item_events
            },
            label: self.label.or(record.label),
            form: record.form,
            priority,
            repeats: Some(record.id),
            ..self
        }
    }

    /// Returns `true` if the batch has an idempotency key.
    pub(super) fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// Returns the account that is charged.
    pub(super) fn payer(&self) -> &AccountId {
        &self.account
    }
}

impl Shared {
    /// Checks one item of `account`, including the host of its URL by the URL standard.
    pub(super) fn checked(
        &self,
        item: Item,
        account: &AccountId,
    ) -> Result<JobRequest, ValidationError> {
        let request = item.check(&self.config.limits)?;
        self.check_session_use(&request)?;
        self.check_own_proxy(&request, account)?;
        match page_host::check(request.page()) {
            Ok(()) => Ok(request),
            Err(error) => Err(ValidationError::new("url", error.to_string())),
        }
    }

    /// Refuses an item that asks for an own proxy which no fetcher has. Every attempt would fail.
    fn check_own_proxy(
        &self,
        request: &JobRequest,
        account: &AccountId,
    ) -> Result<(), ValidationError> {
        let advanced = request.advanced();
        let has = |id: Option<&str>| self.adapters.fetchers.have_own_proxy(account, id);
        let id = advanced.proxy_integration_id.as_deref();
        if !advanced.use_own_proxy || has(id) {
            return Ok(());
        }
        Err(if has(None) {
            let reason =
                "is not the id of an own proxy of this account: use a configured id, or none";
            ValidationError::new("advanced.proxy_integration_id", reason)
        } else {
            let reason = "cannot be met, because no own proxy is configured for this account: have one configured, \
                          or use `use_proxy` for the service's own";
            ValidationError::new("advanced.use_own_proxy", reason)
        })
    }

    /// Returns the checked requests of a batch, whose webhook URL is checked too.
    pub(super) fn requests(&self, batch: &Batch) -> Result<Vec<JobRequest>, SubmitError> {
        let most = self.config.limits.batch_items;
        match batch.items.len() {
            0 => return Err(SubmitError::Empty),
            given if given > most => return Err(SubmitError::TooMany { given, most }),
            _ => {}
        }
        let checked = |(index, mut item): (usize, Item)| {
            let controls = &mut item.cost_controls;
            controls.max_tier = controls.max_tier.or(batch.max_tier);
            self.checked(item, &batch.account).map_err(|error| SubmitError::Item { index, error })
        };
        let requests = batch.items.iter().cloned().enumerate().map(checked).collect();
        if let (Ok(_), Some(url)) = (&requests, &batch.webhook) {
            self.check_webhook(url)?;
        }
        requests
    }

    /// Returns `true` if there was a submission with the idempotency key of `batch`. It decides then: its sessions may have
    /// expired since.
    async fn has_submission(&self, batch: &Batch) -> Result<bool, EngineError> {
        let Some(key) = batch.key.clone() else { return Ok(false) };
        Ok(self.load(Key::IdempotencyRecord(batch.account.clone(), key)).await?.is_some())
    }

    pub(super) fn check_webhook(&self, url: &str) -> Result<(), SubmitError> {
        let notifier = self.adapters.notifier.as_ref().ok_or(SubmitError::NoNotifier)?;
        if url.len() > PageUrl::MAX_LEN {
            let error = WebhookUrlError::new(ParseUrlError::TooLong.to_string());
            return Err(SubmitError::Webhook(error));
        }
        notifier.accepts(url).map_err(SubmitError::Webhook)
    }

    /// Returns the change that accepts a batch whose items were checked.
    pub(super) fn accepting(&self, mut batch: Batch, requests: Vec<JobRequest>) -> Accept {
        let now = self.now();
        let items = std::mem::take(&mut batch.items);
        let fingerprint = batch.key.is_some().then(|| {
            let (account, webhook) = (batch.account.clone(), batch.webhook.clone());
            let (max_tier, form, retry_of) = (batch.max_tier, batch.form, batch.repeats);
            let item_events = batch.item_events;
            let submission = Submission { account, webhook, max_tier, form, retry_of, item_events };
            Fingerprint::new(items, &requests, submission)
        });
        let id = BatchId::new(now, 0, self.adapters.entropy.random_u64());
        let (account, priority, trace) = (&batch.account, batch.priority, batch.trace.as_ref());
        let origin = Origin { now, batch: id, account, priority, trace };
        let jobs: Vec<Job> = requests
            .into_iter()
            .enumerate()
            .map(|(index, request)| self.new_job(origin, index, request))
            .collect();
        let total = u32::try_from(jobs.len()).unwrap_or(u32::MAX);
        let mut record = BatchRecord {
            id,
            account: batch.account,
            inline_jobs: Vec::new(),
            tally: Tally { total, ..Tally::default() },
            estimate: jobs.iter().map(|it| it.hold).sum(),
            charged: Credits::ZERO,
            form: batch.form,
            label: batch.label,
            webhook: batch.webhook,
            item_events: batch.item_events,
            idempotency_key: batch.key,
            retry_of: batch.repeats,
            crawl: None,
            event: NotificationId::new(now, 0, self.adapters.entropy.random_u64()),
            entries: 1,
            created_at: now,
            ended_at: None,
            expires_at: None,
        };
        let job_ids = record.list_jobs(jobs.iter().map(|it| it.id).collect());
        let (unlimited, budget) = (self.config.settings.unlimited_accounts, batch.budget);
        Accept { batch: record, job_ids, jobs, fingerprint, unlimited, budget }
    }

    fn new_job(&self, origin: Origin<'_>, index: usize, request: JobRequest) -> Job {
        let order = u16::try_from(index % 4_096).unwrap_or_default();
        Job {
            id: JobId::new(origin.now, order, self.adapters.entropy.random_u64()),
            batch: origin.batch,
            account: origin.account.clone(),
            index: u32::try_from(index).unwrap_or(u32::MAX),
            hold: estimate(&request, &self.config.capabilities, &self.config.prices),
            request: Arc::new(request),
            priority: origin.priority,
            trace: origin.trace.cloned(),
            crawl: None,
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
    trace: Option<&'a Arc<TraceContext>>,
}

pub(super) fn printable(key: &str) -> bool {
    (1..=255).contains(&key.len()) && key.bytes().all(|it| (0x20..0x7f).contains(&it))
}

impl Engine {
    /// Submits a batch: checks every item, then records the jobs and holds the estimated credits in one commit.
    ///
    /// Once it has returned, every job will end and the batch emits one notification, even if the process crashes: the
    /// next engine on the same store resumes it. Jobs start at once and run without the returned handle.
    ///
    /// # Errors
    ///
    /// [`SubmitError`] names the invalid item and field, the limit or the missing credits. Nothing was written and nothing
    /// is held then.
    pub async fn submit(&self, batch: Batch) -> Result<BatchHandle, SubmitError> {
        let span = self.shared.config.traces.submit_span(batch.trace.as_deref(), batch.items.len());
        self.submit_in_span(batch).instrument(span).await
    }

    async fn submit_in_span(&self, batch: Batch) -> Result<BatchHandle, SubmitError> {
        let shared = &self.shared;
        if shared.lifecycle.stopping.is_cancelled() {
            return Err(EngineError::Stopped.into());
        }
        let requests = shared.requests(&batch)?;
        if batch.key.as_deref().is_some_and(|it| !printable(it)) {
            return Err(SubmitError::BadKey);
        }
        shared.set_clock_once().await?;
        if let Err(refused) = shared.check_sessions(&batch.account, &requests).await
            && !shared.has_submission(&batch).await?
        {
            return Err(refused);
        }
        let accept = shared.accepting(batch, requests);
        let ids = accept.jobs.iter().map(|it| it.id).collect();
        let handle = BatchHandle::new(self.clone(), accept.batch.clone(), ids);
        let count = accept.jobs.len();
        match shared.writer.apply(accept).await? {
            Err(refused) => Err(refused.into()),
            Ok(id) if id == handle.id() => {
                tracing::info!(batch = %id, jobs = count, "batch accepted");
                metrics::counter!("rungs_jobs_submitted").increment(count as u64);
                shared.scheduling.jobs_ready.notify_one();
                Ok(handle)
            }
            Ok(earlier) => Ok(self.batch_handle(earlier).await?),
        }
    }

    /// Submits a batch of one page and waits for its report.
    ///
    /// A page that fails is not an error of this call: [`JobReport::result`] contains its error.
    ///
    /// # Errors
    ///
    /// [`SubmitError`] if the item is refused, or if the engine is shut down before the page has ended.
    pub async fn scrape(&self, item: impl Into<Item>) -> Result<JobReport, SubmitError> {
        let mut handle = self.submit(Batch::scrape(item)).await?;
        let report = handle.report().await?;
        let job = report.into_jobs().into_iter().next();
        job.ok_or_else(|| EngineError::BatchNotFound(handle.id()).into())
    }
}
