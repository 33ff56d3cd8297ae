//! The builder of an engine, and its settings.
//!
//! [`EngineBuilder::build`] checks once that the parts fit together. Nothing runs before it, and no setting is
//! checked again after it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::core::backoff::{Backoff, RetrySchedule};
use crate::core::id::AccountId;
use crate::core::ladder::Capabilities;
use crate::core::price::PriceList;
use crate::core::request::Limits;
use crate::core::step::MIN_RETENTION;
use crate::core::tier::Tier;
use crate::core::trace::TraceContext;
use crate::engine::Engine;
use crate::engine::clock::{SystemBlockingPool, SystemClock, SystemEntropy};
use crate::engine::error::BuildError;
use crate::engine::guarded_format::GuardedFormat;
use crate::engine::pace::Pacing;
use crate::engine::robots::RobotsPolicy;
use crate::engine::shared::{Adapters, Config, Duty};
use crate::engine::traces::Traces;
use crate::ports::clock::{BlockingPool, Clock, Entropy};
use crate::ports::extract::Extractor;
use crate::ports::fetch::{BrowserFetcher, HttpFetcher, OcrEngine, PdfReader};
use crate::ports::notify::{NotificationFormat, Notifier};
use crate::ports::prompt::PromptExtractor;
use crate::ports::session::SessionStore;
use crate::ports::store::{Bodies, Store};

/// The concurrency, retries and lifetimes of an engine.
///
/// ```
/// use std::time::Duration;
///
/// use rungs::Settings;
///
/// let settings = Settings::default()
///     .with_concurrency(8)
///     .with_retention(Duration::from_hours(72))
///     .with_limited_accounts();
///
/// assert_eq!(settings.lease, Duration::from_secs(30));
/// assert!(!settings.unlimited_accounts);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// Pages fetched at the same time, at least 1. Defaults to 32. While one account uses all of them, up to a quarter
    /// more are fetched for others, so that an account whose pages hang does not delay them.
    pub concurrency: usize,
    /// Pages fetched at the same time for one account, at least 1. Defaults to `None`: only `concurrency` limits them.
    /// A job that waits for its account holds no permit that another account needs.
    pub per_account: Option<usize>,
    /// The rate and the concurrency per site. Defaults to 8 requests at the same time and no rate.
    pub pacing: Pacing,
    /// The retries of a page after transient failures. Defaults to [`Backoff::PAGE`]: 2 retries, after 0.5 s and 1 s.
    pub retry: Backoff,
    /// The retries of a webhook delivery. Defaults to [`RetrySchedule::WEBHOOK`].
    pub webhook_retry: RetrySchedule,
    /// Webhook deliveries that run at the same time, at least 1. Defaults to 16.
    pub deliveries: usize,
    /// Webhook deliveries to one receiver (host and port) at the same time, at least 1. Defaults to 4.
    pub deliveries_per_receiver: usize,
    /// The time without a renewal after which another worker may claim a job, at least 1 s. Defaults to 30 s. A running
    /// worker renews its leases three times as often.
    pub lease: Duration,
    /// The longest time from submission to the end of a job, waits for its site included. Defaults to 24 hours. A job
    /// that exceeds it fails with `TIMEOUT`.
    pub job_deadline: Duration,
    /// The time for which a batch is kept after its end, with its pages, ledger and notification. Defaults to 24 hours,
    /// which is also the minimum. Cache entries expire after their item's `cache.ttl`, and daily usage after 62 days,
    /// whatever the retention is.
    pub retention: Duration,
    /// The time that running jobs get to finish during [`Engine::shutdown`]. Defaults to 10 s.
    pub grace: Duration,
    /// `true` opens new accounts without a limit: their holds never fail. Defaults to `true`.
    pub unlimited_accounts: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: 32,
            per_account: None,
            pacing: Pacing::default(),
            retry: Backoff::PAGE,
            webhook_retry: RetrySchedule::WEBHOOK,
            deliveries: 16,
            deliveries_per_receiver: 4,
            lease: Duration::from_secs(30),
            job_deadline: Duration::from_hours(24),
            retention: MIN_RETENTION,
            grace: Duration::from_secs(10),
            unlimited_accounts: true,
        }
    }
}

impl Settings {
    /// Sets the number of pages fetched at the same time. Defaults to 32.
    #[must_use]
    pub fn with_concurrency(mut self, pages: usize) -> Self {
        self.concurrency = pages;
        self
    }

    /// Sets the number of pages fetched at the same time for one account. Defaults to no limit.
    #[must_use]
    pub fn with_per_account(mut self, pages: usize) -> Self {
        self.per_account = Some(pages);
        self
    }

    /// Sets the rate and the concurrency per site.
    #[must_use]
    pub fn with_pacing(mut self, pacing: Pacing) -> Self {
        self.pacing = pacing;
        self
    }

    /// Sets the retry policy for transient failures of a page. Defaults to [`Backoff::PAGE`].
    #[must_use]
    pub fn with_retry(mut self, retry: Backoff) -> Self {
        self.retry = retry;
        self
    }

    /// Sets the number of retries of a page. Defaults to 2.
    #[must_use]
    pub fn with_retries(mut self, retries: u32) -> Self {
        self.retry.retries = retries;
        self
    }

    /// Sets the retry schedule for webhook deliveries: a [`RetrySchedule`] or a [`Backoff`]. Defaults to
    /// [`RetrySchedule::WEBHOOK`].
    #[must_use]
    pub fn with_webhook_retry(mut self, retry: impl Into<RetrySchedule>) -> Self {
        self.webhook_retry = retry.into();
        self
    }

    /// Sets the number of webhook deliveries that run at the same time. Defaults to 16.
    #[must_use]
    pub fn with_deliveries(mut self, deliveries: usize) -> Self {
        self.deliveries = deliveries;
        self
    }

    /// Sets the number of webhook deliveries to one receiver at the same time. Defaults to 4.
    #[must_use]
    pub fn with_deliveries_per_receiver(mut self, deliveries: usize) -> Self {
        self.deliveries_per_receiver = deliveries;
        self
    }

    /// Sets the time without a renewal after which another worker may claim a job, at least 1 s. Defaults to 30 s.
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets the longest time from submission to the end of a job. Defaults to 24 hours.
    #[must_use]
    pub fn with_job_deadline(mut self, deadline: Duration) -> Self {
        self.job_deadline = deadline;
        self
    }

    /// Sets the time for which an ended batch is kept, at least 24 hours. Defaults to 24 hours.
    #[must_use]
    pub fn with_retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }

    /// Sets the time that running jobs get to finish during a shutdown. Defaults to 10 s.
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Opens new accounts without credits, so that a submission beyond its account's balance is refused. By default, new
    /// accounts are unlimited.
    #[must_use]
    pub fn with_limited_accounts(mut self) -> Self {
        self.unlimited_accounts = false;
        self
    }
}

/// The configured fetchers and readers. Without one, its tiers or documents are unavailable.
#[derive(Clone, Debug, Default)]
pub(super) struct Fetchers {
    http: BTreeMap<Tier, Arc<dyn HttpFetcher>>,
    pub(super) browser: Option<Arc<dyn BrowserFetcher>>,
    pub(super) pdf: Option<Arc<dyn PdfReader>>,
    pub(super) ocr: Option<Arc<dyn OcrEngine>>,
}

impl Fetchers {
    /// Makes `fetcher` serve the tiers that it reports. The browser's tier is never one of them.
    fn add_http(&mut self, fetcher: &Arc<dyn HttpFetcher>) {
        for tier in fetcher.tiers().into_iter().filter(|&tier| tier < Tier::Browser) {
            self.http.insert(tier, Arc::clone(fetcher));
        }
    }

    /// Returns the fetcher that serves `tier`.
    pub(super) fn http(&self, tier: Tier) -> Option<&dyn HttpFetcher> {
        self.http.get(&tier).map(AsRef::as_ref)
    }

    /// Returns the fetcher of the lowest tier, for requests that belong to no attempt, such as robots.txt.
    pub(super) fn lowest_http(&self) -> Option<&dyn HttpFetcher> {
        self.http.values().next().map(AsRef::as_ref)
    }

    /// Returns `true` if a fetcher can use an own proxy of `account`: the one with this id, or any.
    pub(super) fn have_own_proxy(&self, account: &AccountId, id: Option<&str>) -> bool {
        self.http.values().any(|it| it.has_own_proxy(account, id))
            || self.browser.as_ref().is_some_and(|it| it.has_own_proxy(account, id))
    }

    fn capabilities(&self) -> Capabilities {
        let browser = self.browser.iter().map(|_| Tier::Browser);
        Capabilities {
            tiers: self.http.keys().copied().chain(browser).collect(),
            pdf: self.pdf.is_some(),
            ocr: self.ocr.is_some(),
        }
    }
}

/// A builder of an [`Engine`]: its store, its fetchers and its settings.
///
/// A store and one fetcher are required. Every other part has a default. Nothing starts before
/// [`EngineBuilder::build`].
///
/// ```
/// use rungs::ports::fetch::{Fetched, fetcher_fn};
/// use rungs::prelude::*;
///
/// # #[cfg(not(feature = "html"))]
/// # fn main() {}
/// # #[cfg(feature = "html")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), rungs::Error> {
/// // A fetcher made of a closure, for tests. `Http::new()` fetches from the network.
/// let fixture = fetcher_fn([Tier::Curl], |_| async {
///     let html = "<title>Bread</title><p>Flour, water, salt and time are all that a good loaf needs.</p>";
///     Ok(Fetched::new(200, html).header("content-type", "text/html"))
/// });
/// let engine = Engine::builder()
///     .store(Memory::default())
///     .http(fixture)
///     .settings(Settings::default().with_concurrency(8))
///     .build()?;
///
/// assert_eq!(engine.settings().concurrency, 8);
/// assert_eq!(engine.scrape("https://example.com/").await?.result()?.title(), Some("Bread"));
/// engine.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct EngineBuilder {
    store: Option<Arc<dyn Store>>,
    bodies: Option<Arc<dyn Bodies>>,
    fetchers: Fetchers,
    extractor: Option<Arc<dyn Extractor>>,
    prompts: Option<Arc<dyn PromptExtractor>>,
    sessions: Option<Arc<dyn SessionStore>>,
    notifier: Option<Arc<dyn Notifier>>,
    notification_format: Arc<dyn NotificationFormat>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    blocking_pool: Arc<dyn BlockingPool>,
    settings: Settings,
    limits: Limits,
    prices: PriceList,
    robots: RobotsPolicy,
    weights: BTreeMap<AccountId, u32>,
    duty: Duty,
    traces: Traces,
}

impl Default for EngineBuilder {
    fn default() -> Self {
        Self {
            store: None,
            bodies: None,
            fetchers: Fetchers::default(),
            extractor: default_extractor(),
            prompts: None,
            sessions: None,
            notifier: None,
            notification_format: Arc::new(crate::wire::WebhookBody),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            blocking_pool: Arc::new(SystemBlockingPool),
            settings: Settings::default(),
            limits: Limits::default(),
            prices: PriceList::default(),
            robots: RobotsPolicy::default(),
            weights: BTreeMap::new(),
            duty: Duty::All,
            traces: Traces::default(),
        }
    }
}

/// Returns the built-in extractor, if its feature is on.
fn default_extractor() -> Option<Arc<dyn Extractor>> {
    #[cfg(feature = "html")]
    let built_in: Option<Arc<dyn Extractor>> = Some(Arc::new(crate::extract::HtmlExtractor));
    #[cfg(not(feature = "html"))]
    let built_in = None;
    built_in
}

impl EngineBuilder {
    /// Sets the store of records: batches, jobs, accounts and notifications. Required.
    pub fn store(mut self, store: impl Store + 'static) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Sets the store of result bodies. Defaults to the store's own ([`Store::bodies`]); required if it has none. The
    /// built-in stores have one.
    pub fn bodies(mut self, bodies: impl Bodies + 'static) -> Self {
        self.bodies = Some(Arc::new(bodies));
        self
    }

    /// Adds an HTTP fetcher for the tiers that it reports in [`HttpFetcher::tiers`].
    ///
    /// Call it once per fetcher. If two report the same tier, the later one serves it. Add a fetcher for a single tier
    /// after the one for the rest:
    ///
    /// ```
    /// # use rungs::ports::fetch::{Fetched, fetcher_fn};
    /// # use rungs::prelude::*;
    /// # let vendor = fetcher_fn([Tier::Stealth], |_| async { Ok(Fetched::new(200, "")) });
    /// # #[cfg(feature = "http")]
    /// let builder = Engine::builder().http(Http::new()).http(vendor);
    /// ```
    pub fn http(mut self, fetcher: impl HttpFetcher + 'static) -> Self {
        let fetcher: Arc<dyn HttpFetcher> = Arc::new(fetcher);
        self.fetchers.add_http(&fetcher);
        self
    }

    /// Returns `true` if at least one fetcher is set.
    pub(crate) fn has_fetcher(&self) -> bool {
        !self.fetchers.http.is_empty() || self.fetchers.browser.is_some()
    }

    /// Sets the fetcher of tier 4, which renders pages in a browser. Without one, tier 4 is unavailable.
    pub fn browser(mut self, fetcher: impl BrowserFetcher + 'static) -> Self {
        self.fetchers.browser = Some(Arc::new(fetcher));
        self
    }

    /// Sets the reader of PDFs. Without one, PDFs fail with `PDF_PARSE_FAILED`.
    pub fn pdf(mut self, fetcher: impl PdfReader + 'static) -> Self {
        self.fetchers.pdf = Some(Arc::new(fetcher));
        self
    }

    /// Sets the OCR engine, which reads the text on images. Without one, images fail with `OCR_UNAVAILABLE`.
    pub fn ocr(mut self, fetcher: impl OcrEngine + 'static) -> Self {
        self.fetchers.ocr = Some(Arc::new(fetcher));
        self
    }

    /// Sets the extractor, which turns documents into formats. Defaults to `HtmlExtractor`, which the feature `html`
    /// provides; required without that feature.
    pub fn extractor(mut self, extractor: impl Extractor + 'static) -> Self {
        self.extractor = Some(Arc::new(extractor));
        self
    }

    /// Sets the language models that answer `extraction_prompt`. Without them, a result with a prompt contains a warning.
    pub fn prompts(mut self, prompts: impl PromptExtractor + 'static) -> Self {
        self.prompts = Some(Arc::new(prompts));
        self
    }

    /// Sets the store of sessions, such as `SealedSessions` on the store of records. Without one, items that name a session
    /// are refused.
    pub fn sessions(mut self, sessions: impl SessionStore + 'static) -> Self {
        self.sessions = Some(Arc::new(sessions));
        self
    }

    /// Sets the notifier, which delivers completion notifications to webhooks. Without one, a submission with a webhook
    /// is refused with [`SubmitError::NoNotifier`](crate::engine::SubmitError::NoNotifier).
    pub fn webhooks(mut self, notifier: impl Notifier + 'static) -> Self {
        self.notifier = Some(Arc::new(notifier));
        self
    }

    /// Sets the format of notification bodies. Defaults to the JSON of the REST API, which also takes the place of a body
    /// whose format panics.
    pub fn notification_format(mut self, format: impl NotificationFormat + 'static) -> Self {
        let fallback = Arc::new(crate::wire::WebhookBody);
        self.notification_format = Arc::new(GuardedFormat { format: Arc::new(format), fallback });
        self
    }

    /// Sets the clock. Defaults to the clock of the machine.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the source of randomness. Defaults to that of the machine.
    pub fn entropy(mut self, entropy: impl Entropy + 'static) -> Self {
        self.entropy = Arc::new(entropy);
        self
    }

    /// Sets the pool that extracts pages. Defaults to tokio's threads for blocking work.
    pub fn blocking_pool(mut self, pool: impl BlockingPool + 'static) -> Self {
        self.blocking_pool = Arc::new(pool);
        self
    }

    /// Sets the concurrency, retries and lifetimes.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Sets the limits of a submission, such as 100 items per batch.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the prices of tiers and add-ons.
    pub fn prices(mut self, prices: PriceList) -> Self {
        self.prices = prices;
        self
    }

    /// Sets the treatment of robots.txt. Defaults to [`RobotsPolicy::Ignore`].
    pub fn robots(mut self, policy: RobotsPolicy) -> Self {
        self.robots = policy;
        self
    }

    /// Sets the weight of an account: one with weight 2 gets twice the turns of one with weight 1, which is
    /// the default, while both have pages waiting. Zero counts as 1.
    pub fn account_weight(mut self, account: AccountId, weight: u32) -> Self {
        self.weights.insert(account, weight.max(1));
        self
    }

    /// Sets the function that makes a span part of the trace of a submission that has one ([`Batch::trace`]). It is called
    /// with the new spans `submit`, `job` and `delivery` before they are entered, and sets their remote parent:
    /// `tracing_opentelemetry` has a method for it. It must not block or panic. Defaults to none.
    ///
    /// [`Batch::trace`]: crate::engine::Batch::trace
    pub fn join_traces(
        mut self,
        join: impl Fn(&tracing::Span, &TraceContext) + Send + Sync + 'static,
    ) -> Self {
        self.traces = Traces::joined_by(join);
        self
    }

    /// Lets the engine serve calls only: submissions, reports and cancellations. Jobs, notifications and expired records are
    /// left to other processes that share the store. Defaults to doing all of it.
    ///
    /// The fetchers still decide which tiers a submission may ask for and what is held for it, so give it the same ones. A
    /// page that costs more than its hold is charged the hold, with a warning in its result.
    pub fn calls_only(mut self) -> Self {
        self.duty = Duty::CallsOnly;
        self
    }

    /// Checks that the parts fit together and starts the engine's tasks on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// [`BuildError`] names the first part that is missing, or the first setting out of range. No task is started then.
    pub fn build(self) -> Result<Engine, BuildError> {
        let has_fetcher = self.has_fetcher();
        let store = self.store.ok_or(BuildError::NoStore)?;
        let bodies = self.bodies.or_else(|| store.bodies()).ok_or(BuildError::NoBodies)?;
        if !has_fetcher {
            return Err(BuildError::NoFetcher);
        }
        let extractor = self.extractor.ok_or(BuildError::NoExtractor)?;
        if self.duty == Duty::CallsOnly && !store.is_shared() {
            let (field, must_be) = ("calls_only", "left out: no other process can open this store");
            return Err(BuildError::Setting { field, must_be });
        }
        check(&self.settings)?;
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(BuildError::NoRuntime);
        }
        let capabilities = self.fetchers.capabilities();
        let adapters = Adapters {
            store,
            bodies,
            fetchers: self.fetchers,
            extractor,
            prompts: self.prompts,
            sessions: self.sessions,
            notifier: self.notifier,
            notification_format: self.notification_format,
            clock: self.clock,
            entropy: self.entropy,
            blocking_pool: self.blocking_pool,
        };
        let config = Config {
            settings: self.settings,
            limits: self.limits,
            prices: self.prices,
            robots: self.robots,
            weights: self.weights,
            capabilities,
            duty: self.duty,
            traces: self.traces,
        };
        Ok(Engine::start(adapters, config))
    }
}

fn check(settings: &Settings) -> Result<(), BuildError> {
    let wrong = |field, must_be| Err(BuildError::Setting { field, must_be });
    match settings {
        it if it.concurrency == 0 => wrong("concurrency", "at least 1"),
        it if it.per_account == Some(0) => wrong("per_account", "at least 1, or `None`"),
        it if it.pacing.per_host == 0 => wrong("pacing.per_host", "at least 1"),
        it if it.deliveries == 0 => wrong("deliveries", "at least 1"),
        it if it.deliveries_per_receiver == 0 => wrong("deliveries_per_receiver", "at least 1"),
        it if it.pacing.per_second.is_some_and(|it| !(it.is_finite() && it > 0.0)) => {
            wrong("pacing.per_second", "a finite number above zero")
        }
        it if it.retention < MIN_RETENTION => wrong("retention", "at least 24 hours"),
        it if it.lease < Duration::from_secs(1) => wrong("lease", "at least 1 second"),
        _ => Ok(()),
    }
}
