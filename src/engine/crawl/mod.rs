//! Crawls: a site is discovered page by page, and fetched as batches.
//!
//! [`core::crawl`](crate::core::crawl) counts and decides. Here, a loop claims crawls that are due, reads the links that the
//! workers kept beside their results, compares them with the URLs that were seen, and submits the next batches. A batch is
//! submitted in the commit that takes its URLs from the frontier, so that a crash neither loses nor repeats one.

mod changes;
mod discovery;
mod frontier;
mod handle;
mod run;
mod waiting;

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::core::batch::Tally;
use crate::core::claims::Priority;
use crate::core::crawl::{CrawlRecord, CrawlRules, SitemapUse};
use crate::core::credits::Credits;
use crate::core::id::{AccountId, BatchId, CrawlId, NotificationId};
use crate::core::job::Job;
use crate::core::ladder::estimate;
use crate::core::record::{Key, Record, RecordKind};
use crate::core::request::{Item, Method, ValidationError};
use crate::core::tier::Tier;
use crate::core::trace::TraceContext;
use crate::core::url::without_userinfo;
use crate::core::usage::Budget;
use crate::engine::Engine;
use crate::engine::error::{EngineError, SubmitError};
use crate::engine::map::address::Address;
use crate::engine::shared::Shared;
use crate::engine::submit::printable;
use crate::ports::store::ListQuery;

pub use handle::CrawlHandle;

pub(super) use changes::end_page;
pub(super) use run::run;

use changes::{CancelCrawl, Create, Ends, ExpireCrawl, open_batches};
use discovery::Discoveries;
use frontier::SeenUrls;
use waiting::Waiting;

/// Chunks that are loaded at once.
const CHUNKS_AT_ONCE: u32 = 64;

/// A crawl to submit: the start page, the rules, and the options of its pages.
///
/// ```
/// use rungs::prelude::*;
///
/// let docs = Crawl::of(Item::get("https://example.com/docs/").formats([Format::Markdown]))
///     .max_pages(500)
///     .include(["/docs/*"])
///     .max_credits(Credits(1_000_000));
/// ```
#[derive(Clone)]
#[must_use]
pub struct Crawl {
    item: Item,
    rules: CrawlRules,
    account: AccountId,
    label: Option<String>,
    budget: Option<Budget>,
    priority: Priority,
    max_tier: Option<Tier>,
    webhook: Option<String>,
    trace: Option<Arc<TraceContext>>,
    key: Option<String>,
}

/// Shows the webhook's URL without its credentials.
impl fmt::Debug for Crawl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crawl")
            .field("item", &self.item)
            .field("rules", &self.rules)
            .field("account", &self.account)
            .field("webhook", &self.webhook.as_deref().map(without_userinfo))
            .finish_non_exhaustive()
    }
}

impl Crawl {
    /// Returns a crawl that starts at the page of `item`. All pages are fetched with its options, but only those with the
    /// scheme, host and port of the start page receive its headers, cookies and session. The method must be `GET`.
    pub fn of(item: impl Into<Item>) -> Self {
        Self {
            item: item.into(),
            rules: CrawlRules::default(),
            account: AccountId::default(),
            label: None,
            budget: None,
            priority: Priority::default(),
            max_tier: None,
            webhook: None,
            trace: None,
            key: None,
        }
    }

    /// Sets the most pages, 1 to 100,000. Defaults to 50.
    pub fn max_pages(mut self, pages: u32) -> Self {
        self.rules.max_pages = pages;
        self
    }

    /// Sets the most links from the start page to a page, 0 to 50. Defaults to 3.
    pub fn max_depth(mut self, depth: u16) -> Self {
        self.rules.max_depth = depth;
        self
    }

    /// Fetches only pages whose path matches one of these globs. The start page is always fetched.
    pub fn include<S: Into<String>>(mut self, patterns: impl IntoIterator<Item = S>) -> Self {
        self.rules.include = patterns.into_iter().map(Into::into).collect();
        self
    }

    /// Fetches no page whose path matches one of these globs.
    pub fn exclude<S: Into<String>>(mut self, patterns: impl IntoIterator<Item = S>) -> Self {
        self.rules.exclude = patterns.into_iter().map(Into::into).collect();
        self
    }

    /// Follows links to hosts below that of the start page.
    pub fn include_subdomains(mut self) -> Self {
        self.rules.include_subdomains = true;
        self
    }

    /// Fetches pages that robots.txt disallows, unless the engine's own [`RobotsPolicy`] obeys it.
    ///
    /// [`RobotsPolicy`]: crate::engine::RobotsPolicy
    pub fn ignore_robots(mut self) -> Self {
        self.rules.respect_robots = false;
        self
    }

    /// Sets the use of the site's sitemaps. Defaults to [`SitemapUse::Include`].
    pub fn sitemap(mut self, sitemap: SitemapUse) -> Self {
        self.rules.sitemap = sitemap;
        self
    }

    /// Sets the most credits of the whole crawl. It ends when they do not cover another page.
    pub fn max_credits(mut self, credits: Credits) -> Self {
        self.rules.max_credits = Some(credits);
        self
    }

    /// Sets the most pages of the crawl that are fetched at the same time, 1 to 50. Defaults to the engine's limits.
    pub fn max_concurrency(mut self, pages: u32) -> Self {
        self.rules.max_concurrency = Some(pages);
        self
    }

    /// Sets all rules.
    pub fn rules(mut self, rules: CrawlRules) -> Self {
        self.rules = rules;
        self
    }

    /// Sets the account that is charged. Defaults to the account `default`.
    pub fn account(mut self, account: AccountId) -> Self {
        self.account = account;
        self
    }

    /// Sets the label under which usage and budgets are counted within the account.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Sets the budget of the label, or of the account. A batch that would exceed it is not submitted, and the crawl ends.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Sets the urgency of the pages among those of the account.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Sets the highest tier, unless the item sets its own.
    pub fn max_tier(mut self, tier: Tier) -> Self {
        self.max_tier = Some(tier);
        self
    }

    /// Sets the URL to which `crawl.completed` is delivered. Defaults to none.
    pub fn webhook(mut self, url: impl Into<String>) -> Self {
        self.webhook = Some(url.into());
        self
    }

    /// Sets the idempotency key: 1 to 255 printable ASCII characters.
    ///
    /// A second submission with the same key and account returns the first crawl and fetches nothing. If its contents
    /// differ, it is refused with [`SubmitError::CrawlKeyReused`]. A key is kept as long as its crawl.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sets the trace that the crawl belongs to. Defaults to none.
    pub fn trace(mut self, context: TraceContext) -> Self {
        self.trace = Some(Arc::new(context));
        self
    }
}

impl<T: Into<Item>> From<T> for Crawl {
    fn from(item: T) -> Self {
        Self::of(item)
    }
}

/// The result of [`Engine::cancel_crawl`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CrawlCancellation {
    /// The crawl's record after the call.
    pub crawl: CrawlRecord,
    /// The number of jobs that this call canceled.
    pub canceled_jobs: usize,
    /// The credits that this call released.
    pub released: Credits,
}

/// The state of crawls that this process keeps in memory.
#[derive(Debug)]
pub(super) struct Crawls {
    seen: SeenUrls,
    waiting: Waiting,
    discoveries: Discoveries,
    /// Counts changes, to wake those who follow a crawl.
    changed: watch::Sender<u64>,
}

impl Default for Crawls {
    fn default() -> Self {
        Self {
            seen: SeenUrls::default(),
            waiting: Waiting::default(),
            discoveries: Discoveries::default(),
            changed: watch::channel(0).0,
        }
    }
}

impl Crawls {
    /// Forgets a crawl that has ended.
    fn forget(&self, crawl: CrawlId) {
        self.seen.forget(crawl);
        self.waiting.forget(crawl);
        drop(self.discoveries.take(crawl));
    }
}

impl Shared {
    fn ends(&self) -> Ends {
        Ends {
            retention: self.config.settings.retention,
            format: Arc::clone(&self.adapters.notification_format),
        }
    }

    /// Wakes whoever follows or advances crawls, after one has changed.
    pub(super) fn crawl_changed(&self) {
        self.scheduling.crawls.changed.send_modify(|it| *it = it.wrapping_add(1));
        self.scheduling.crawls_ready.notify_one();
    }

    /// Loads a crawl's record.
    pub(super) async fn crawl(&self, id: CrawlId) -> Result<CrawlRecord, EngineError> {
        match self.load(Key::Crawl(id)).await? {
            Some(Record::Crawl(crawl)) => Ok(crawl),
            _ => Err(EngineError::CrawlNotFound(id)),
        }
    }

    /// Returns the batches of a crawl's chunks from number `from` on, `None` for one that is gone. The chunks that were
    /// submitted are the first ones.
    async fn crawl_batches(
        &self,
        crawl: &CrawlRecord,
        from: u32,
    ) -> Result<Vec<Option<BatchId>>, EngineError> {
        let mut batches = Vec::new();
        let mut next = from;
        while next < crawl.submitted {
            let end = next.saturating_add(CHUNKS_AT_ONCE).min(crawl.submitted);
            let keys = (next..end).map(|it| Key::CrawlChunk(crawl.id, it)).collect();
            let found = self.adapters.store.load(keys).await?;
            batches.extend(found.into_iter().map(|it| match it.map(|it| it.record) {
                Some(Record::CrawlChunk(chunk)) => chunk.batch,
                _ => None,
            }));
            next = end;
        }
        Ok(batches)
    }

    /// Removes an expired crawl with its batches.
    pub(super) async fn remove_crawl(&self, crawl: CrawlRecord) -> Result<(), EngineError> {
        // Its batches first: after a crash in between, the record is due again.
        for id in self.crawl_batches(&crawl, 0).await?.into_iter().flatten() {
            let batch = match self.batch(id).await {
                Ok(batch) => batch,
                Err(EngineError::BatchNotFound(_)) => continue,
                Err(error) => return Err(error),
            };
            super::reaper::remove_batch(self, batch).await?;
        }
        self.writer.apply(ExpireCrawl { crawl }).await
    }

    fn check_crawl(&self, crawl: &mut Crawl) -> Result<CrawlRecord, SubmitError> {
        crawl.rules.check().map_err(SubmitError::Option)?;
        let is_known = crawl.item.advanced.if_changed_since_hash.is_some();
        let unsupported =
            [(crawl.item.cache.enabled, "cache"), (is_known, "advanced.if_changed_since_hash")];
        if let Some((_, field)) = unsupported.into_iter().find(|it| it.0) {
            let reason = "is not supported in a crawl: leave it out";
            return Err(SubmitError::Option(ValidationError::new(field, reason)));
        }
        if crawl.item.method != Method::Get {
            let reason = "must be GET in a crawl: links are followed with GET only";
            return Err(SubmitError::Option(ValidationError::new("method", reason)));
        }
        let controls = &mut crawl.item.cost_controls;
        controls.max_tier = controls.max_tier.or(crawl.max_tier);
        let start = Address::parse(&crawl.item.url).map(|it| it.url);
        let item = Item { url: start.unwrap_or(crawl.item.url.clone()), ..crawl.item.clone() };
        let template = self.checked(item, &crawl.account).map_err(SubmitError::Option)?;
        if let Some(url) = &crawl.webhook {
            self.check_webhook(url)?;
        }
        let now = self.now();
        let random = || self.adapters.entropy.random_u64();
        let id = CrawlId::new(now, 0, random());
        let event = NotificationId::new(now, 0, random());
        let mut record = CrawlRecord::new(id, event, Arc::new(template), crawl.rules.clone(), now);
        record.account = crawl.account.clone();
        record.label.clone_from(&crawl.label);
        record.budget = crawl.budget;
        record.priority = crawl.priority;
        record.trace.clone_from(&crawl.trace);
        record.webhook.clone_from(&crawl.webhook);
        if crawl.key.as_deref().is_some_and(|it| !printable(it)) {
            return Err(SubmitError::BadKey);
        }
        record.idempotency_key.clone_from(&crawl.key);
        Ok(record)
    }

    /// Returns the hold of one page of a crawl.
    fn page_estimate(&self, crawl: &CrawlRecord) -> Credits {
        estimate(&crawl.template, &self.config.capabilities, &self.config.prices)
    }

    /// Refuses a crawl whose first page is not covered.
    async fn check_credits(&self, record: &CrawlRecord) -> Result<(), SubmitError> {
        if self.config.settings.unlimited_accounts {
            return Ok(());
        }
        let page = self.page_estimate(record);
        let mut account = match self.load(Key::Account(record.account.clone())).await? {
            Some(Record::Account(account)) => account.with_limit(),
            _ => crate::core::ledger::Account::limited(record.account.clone()),
        };
        Ok(account.hold(page)?)
    }
}

/// Crawls.
impl Engine {
    /// Submits a crawl. Its pages are found and fetched in the background, as batches that belong to it.
    ///
    /// Once it has returned, the crawl will end and emit one notification, even if the process crashes: the next engine on
    /// the same store resumes it.
    ///
    /// # Errors
    ///
    /// [`SubmitError::Option`] names the invalid option. The credits of the first page must be free; the others are held
    /// batch by batch.
    pub async fn crawl(&self, crawl: impl Into<Crawl>) -> Result<CrawlHandle, SubmitError> {
        let shared = &self.shared;
        if shared.lifecycle.stopping.is_cancelled() {
            return Err(EngineError::Stopped.into());
        }
        shared.set_clock_once().await?;
        let record = shared.check_crawl(&mut crawl.into())?;
        let create = Create { crawl: record.clone(), digest: digest(&record) };
        if !create.is_repeated(shared).await? {
            shared.check_sessions(&record.account, std::slice::from_ref(&*record.template)).await?;
            shared.check_credits(&record).await?;
        }
        match shared.writer.apply(create).await? {
            Ok(id) if id == record.id => {
                tracing::info!(crawl = %record.id, "crawl accepted");
                shared.scheduling.crawls_ready.notify_one();
                Ok(CrawlHandle::new(self.clone(), record))
            }
            Ok(earlier) => Ok(self.crawl_handle(earlier).await?),
            Err(crawl) => Err(SubmitError::CrawlKeyReused { crawl }),
        }
    }

    /// Returns the estimate of a whole crawl: the hold of its pages, up to its `max_credits`.
    pub fn estimate_crawl(&self, crawl: &CrawlRecord) -> Credits {
        let page = self.shared.page_estimate(crawl);
        let all = Credits(page.0.saturating_mul(crawl.rules.max_pages.into()));
        crawl.rules.max_credits.map_or(all, |it| it.min(all))
    }

    /// Returns a crawl's record: its status and counts, without its pages.
    ///
    /// # Errors
    ///
    /// [`EngineError::CrawlNotFound`] if there is no such crawl.
    pub async fn crawl_record(&self, id: CrawlId) -> Result<CrawlRecord, EngineError> {
        self.shared.crawl(id).await
    }

    /// Returns at most `limit` crawls of all accounts, newest first, starting after `after`.
    ///
    /// # Errors
    ///
    /// [`EngineError::Store`] if the store fails.
    pub async fn crawls(
        &self,
        after: Option<CrawlId>,
        limit: usize,
    ) -> Result<Vec<CrawlRecord>, EngineError> {
        let after = after.map(Key::Crawl);
        let list = ListQuery { kind: RecordKind::Crawl, after, descending: true, limit };
        let found = self.shared.adapters.store.list(list).await?;
        let crawls = found.into_iter().filter_map(|it| match it.record {
            Record::Crawl(crawl) => Some(crawl),
            _ => None,
        });
        Ok(crawls.collect())
    }

    /// Returns a handle on a crawl that was submitted before, perhaps by an earlier process.
    ///
    /// # Errors
    ///
    /// [`EngineError::CrawlNotFound`] if there is no such crawl.
    pub async fn crawl_handle(&self, id: CrawlId) -> Result<CrawlHandle, EngineError> {
        Ok(CrawlHandle::new(self.clone(), self.shared.crawl(id).await?))
    }

    /// Returns the records of a crawl's jobs, in the order in which their pages were found.
    ///
    /// # Errors
    ///
    /// [`EngineError::CrawlNotFound`] if there is no such crawl.
    pub async fn crawl_jobs(&self, id: CrawlId) -> Result<Vec<Job>, EngineError> {
        let mut jobs = Vec::new();
        for batch in self.crawl_batches(id).await? {
            jobs.extend(self.jobs(batch).await.map_err(|error| match error {
                // The crawl is being removed.
                EngineError::BatchNotFound(_) => EngineError::CrawlNotFound(id),
                error => error,
            })?);
        }
        Ok(jobs)
    }

    /// Returns the batches of a crawl that were submitted, in the order in which their pages were found.
    ///
    /// # Errors
    ///
    /// [`EngineError::CrawlNotFound`] if there is no such crawl.
    pub async fn crawl_batches(&self, id: CrawlId) -> Result<Vec<BatchId>, EngineError> {
        let crawl = self.shared.crawl(id).await?;
        Ok(self.shared.crawl_batches(&crawl, 0).await?.into_iter().flatten().collect())
    }

    /// Cancels a crawl: its jobs that have not ended are canceled and their holds released, and no page is added.
    ///
    /// # Errors
    ///
    /// [`EngineError::CrawlNotFound`] if there is no such crawl, [`EngineError::CrawlEnded`] if it has ended.
    pub async fn cancel_crawl(&self, id: CrawlId) -> Result<CrawlCancellation, EngineError> {
        let shared = &self.shared;
        shared.set_clock_once().await?;
        let cancel = CancelCrawl { crawl: id, ends: shared.ends() };
        let (crawl, is_new) =
            shared.writer.apply(cancel).await?.ok_or(EngineError::CrawlNotFound(id))?;
        if crawl.ended_at.is_some() && !is_new {
            return Err(EngineError::CrawlEnded(id));
        }
        let (canceled_jobs, released) = shared.cancel_open_batches(&crawl).await?;
        shared.crawl_changed();
        shared.scheduling.notifications_ready.notify_one();
        let crawl = shared.crawl(id).await?;
        Ok(CrawlCancellation { crawl, canceled_jobs, released })
    }
}

impl Shared {
    async fn cancel_open_batches(
        &self,
        crawl: &CrawlRecord,
    ) -> Result<(usize, Credits), EngineError> {
        let (mut jobs, mut released) = (0, Credits::ZERO);
        for batch in open_batches(crawl) {
            let (canceled, credits) = self.cancel_batch(batch).await?;
            jobs += canceled;
            released = released.saturating_add(credits);
        }
        Ok((jobs, released))
    }
}

/// Returns the digest of a submission: everything that the crawl does depends on it.
fn digest(crawl: &CrawlRecord) -> [u8; 32] {
    let contents = (&crawl.template, &crawl.rules, &crawl.webhook);
    Sha256::digest(rmp_serde::to_vec_named(&contents).expect("a submission is plain data")).into()
}

/// Returns the number of jobs that have ended.
fn ended(tally: Tally) -> u32 {
    tally.succeeded.saturating_add(tally.failed)
}
