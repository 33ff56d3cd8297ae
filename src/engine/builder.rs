//! Putting an engine together.

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
use crate::engine::Engine;
use crate::engine::clock::{SystemBlockingPool, SystemClock, SystemEntropy};
use crate::engine::error::BuildError;
use crate::engine::pace::Pacing;
use crate::engine::robots::RobotsPolicy;
use crate::engine::shared::{Adapters, Config};
use crate::ports::clock::{BlockingPool, Clock, Entropy};
use crate::ports::extract::Extractor;
use crate::ports::fetch::{BrowserFetcher, HttpFetcher, OcrEngine, PdfReader};
use crate::ports::notify::{NotificationFormat, Notifier};
use crate::ports::prompt::PromptExtractor;
use crate::ports::store::{Bodies, Store};

/// How much an engine does at once, and for how long.
///
/// ```
/// use rungs::Settings;
///
/// let settings = Settings::default().with_concurrency(8).with_limited_accounts();
/// assert!(!settings.unlimited_accounts);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// Pages fetched at the same time; 32. While one account uses all of them, up to a quarter more are fetched for
    /// others, so that an account whose pages hang does not keep them waiting.
    pub concurrency: usize,
    /// Pages fetched at the same time for one account. Defaults to `None`: no limit but `concurrency`. A job that waits
    /// for its account holds no permit that another account needs.
    pub per_account: Option<usize>,
    /// How each site is treated.
    pub pacing: Pacing,
    /// When a failed page is tried again.
    pub retry: Backoff,
    /// When a failed delivery is tried again.
    pub webhook_retry: RetrySchedule,
    /// How long a worker may be silent before its job is given to another; 30 seconds.
    pub lease: Duration,
    /// When a job is given up, however long its site's queue is; 24 hours.
    pub job_deadline: Duration,
    /// How long a batch is kept after its end, with its pages, ledger and notification. Defaults to 24 hours, which is also
    /// the minimum. Cache entries expire by their item's `cache.ttl` and daily usage after 62 days, whatever is set here.
    pub retention: Duration,
    /// How long running jobs may go on after a shutdown; 10 seconds.
    pub grace: Duration,
    /// Whether a new account's holds never fail; yes.
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
            lease: Duration::from_secs(30),
            job_deadline: Duration::from_hours(24),
            retention: MIN_RETENTION,
            grace: Duration::from_secs(10),
            unlimited_accounts: true,
        }
    }
}

impl Settings {
    /// Sets how many pages are fetched at the same time. Defaults to 32.
    pub fn with_concurrency(mut self, pages: usize) -> Self {
        self.concurrency = pages;
        self
    }

    /// Sets the rate and the concurrency per site.
    pub fn with_pacing(mut self, pacing: Pacing) -> Self {
        self.pacing = pacing;
        self
    }

    /// Sets when and how often a failed page is retried.
    pub fn with_retry(mut self, retry: Backoff) -> Self {
        self.retry = retry;
        self
    }

    /// Sets how often a failed page is retried. Defaults to 2.
    pub fn with_retries(mut self, retries: u32) -> Self {
        self.retry.retries = retries;
        self
    }

    /// Sets when and how often a failed webhook delivery is retried.
    pub fn with_webhook_retry(mut self, retry: impl Into<RetrySchedule>) -> Self {
        self.webhook_retry = retry.into();
        self
    }

    /// Sets how long a worker may be silent before its job goes to another. Defaults to 30 s.
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets when a job is given up, however long its site's queue is. Defaults to 24 hours.
    pub fn with_job_deadline(mut self, deadline: Duration) -> Self {
        self.job_deadline = deadline;
        self
    }

    /// Sets how long running jobs may continue after a shutdown. Defaults to 10 s.
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets how many pages of one account are fetched at the same time. Defaults to no limit.
    pub fn with_per_account(mut self, pages: usize) -> Self {
        self.per_account = Some(pages);
        self
    }

    /// Sets how long an ended batch is kept, at least 24 hours, which is the default.
    pub fn with_retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }

    /// Refuses submissions that an account's credits do not cover. By default a new account's credits are unlimited.
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

    fn capabilities(&self) -> Capabilities {
        let browser = self.browser.iter().map(|_| Tier::Browser);
        Capabilities {
            tiers: self.http.keys().copied().chain(browser).collect(),
            pdf: self.pdf.is_some(),
            ocr: self.ocr.is_some(),
        }
    }
}

/// Puts an engine together; nothing starts before [`EngineBuilder::build`].
#[derive(Debug)]
#[must_use]
pub struct EngineBuilder {
    store: Option<Arc<dyn Store>>,
    bodies: Option<Arc<dyn Bodies>>,
    fetchers: Fetchers,
    extractor: Option<Arc<dyn Extractor>>,
    prompts: Option<Arc<dyn PromptExtractor>>,
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
}

impl Default for EngineBuilder {
    fn default() -> Self {
        Self {
            store: None,
            bodies: None,
            fetchers: Fetchers::default(),
            extractor: default_extractor(),
            prompts: None,
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
        }
    }
}

/// The built-in extractor, where it is built in.
fn default_extractor() -> Option<Arc<dyn Extractor>> {
    #[cfg(feature = "html")]
    let built_in: Option<Arc<dyn Extractor>> = Some(Arc::new(crate::extract::HtmlExtractor));
    #[cfg(not(feature = "html"))]
    let built_in = None;
    built_in
}

impl EngineBuilder {
    /// Keeps records in `store`. Required.
    pub fn store(mut self, store: impl Store + 'static) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Keeps result bodies in `bodies`. Required where the store brings no place for them.
    pub fn bodies(mut self, bodies: impl Bodies + 'static) -> Self {
        self.bodies = Some(Arc::new(bodies));
        self
    }

    /// Fetches over HTTP, on the tiers that `fetcher` reports in [`HttpFetcher::tiers`].
    ///
    /// Call it once per fetcher. Where two report the same tier, the later call wins, so a fetcher for one tier goes
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

    /// Returns `true` if a fetcher was given.
    pub(crate) fn has_fetcher(&self) -> bool {
        !self.fetchers.http.is_empty() || self.fetchers.browser.is_some()
    }

    /// Renders pages on tier 4.
    pub fn browser(mut self, fetcher: impl BrowserFetcher + 'static) -> Self {
        self.fetchers.browser = Some(Arc::new(fetcher));
        self
    }

    /// Reads PDFs.
    pub fn pdf(mut self, fetcher: impl PdfReader + 'static) -> Self {
        self.fetchers.pdf = Some(Arc::new(fetcher));
        self
    }

    /// Reads images.
    pub fn ocr(mut self, fetcher: impl OcrEngine + 'static) -> Self {
        self.fetchers.ocr = Some(Arc::new(fetcher));
        self
    }

    /// Turns documents into formats; the built-in one if not said.
    pub fn extractor(mut self, extractor: impl Extractor + 'static) -> Self {
        self.extractor = Some(Arc::new(extractor));
        self
    }

    /// Answers `extraction_prompt`. Without it a result says that its prompt was not answered.
    pub fn prompts(mut self, prompts: impl PromptExtractor + 'static) -> Self {
        self.prompts = Some(Arc::new(prompts));
        self
    }

    /// Delivers `batch.completed`. Without it a submission with a webhook is refused.
    pub fn webhooks(mut self, notifier: impl Notifier + 'static) -> Self {
        self.notifier = Some(Arc::new(notifier));
        self
    }

    /// Writes the bodies of notifications with `format`. Defaults to the JSON of the REST API.
    pub fn notification_format(mut self, format: impl NotificationFormat + 'static) -> Self {
        self.notification_format = Arc::new(format);
        self
    }

    /// Takes the time from `clock`.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Takes chance from `entropy`.
    pub fn entropy(mut self, entropy: impl Entropy + 'static) -> Self {
        self.entropy = Arc::new(entropy);
        self
    }

    /// Extracts pages on `pool`. Defaults to tokio's threads for blocking work.
    pub fn blocking_pool(mut self, pool: impl BlockingPool + 'static) -> Self {
        self.blocking_pool = Arc::new(pool);
        self
    }

    /// How much is done at once, and for how long.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// The bounds of a submission.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What pages cost.
    pub fn prices(mut self, prices: PriceList) -> Self {
        self.prices = prices;
        self
    }

    /// Whether a site's robots.txt binds the engine; it is ignored if not said.
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

    /// Checks that the parts fit together and starts the engine, inside the current tokio runtime.
    ///
    /// # Errors
    ///
    /// [`BuildError`] naming the first part that is missing. Nothing is started then.
    pub fn build(self) -> Result<Engine, BuildError> {
        let has_fetcher = self.has_fetcher();
        let store = self.store.ok_or(BuildError::NoStore)?;
        let bodies = self.bodies.or_else(|| store.bodies()).ok_or(BuildError::NoBodies)?;
        if !has_fetcher {
            return Err(BuildError::NoFetcher);
        }
        let extractor = self.extractor.ok_or(BuildError::NoExtractor)?;
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
        it if it.pacing.per_second.is_some_and(|it| !(it.is_finite() && it > 0.0)) => {
            wrong("pacing.per_second", "above zero")
        }
        it if it.retention < MIN_RETENTION => wrong("retention", "at least 24 hours"),
        it if it.lease < Duration::from_secs(1) => wrong("lease", "at least one second"),
        _ => Ok(()),
    }
}
