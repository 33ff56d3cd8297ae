//! Tier 4 with the crate `headless_chrome`, as a second driver of the same Chromium.
//!
//! The crate has no deadline for a call, closes the connection of every tab when one response comes late, leaves
//! a thread for each closed tab and does not check certificates by itself. Each page therefore gets a browser of
//! its own, which is launched, watched and killed here, and a thread that talks to it. At the deadline the browser
//! is killed, which ends every call that still waits. Its pages reach the network through the same gateway and
//! address guard.
//!
//! This driver costs a browser launch for each page, and it supports less: page actions are refused, and other
//! unsupported options become warnings. [`Chrome`] is the better choice; `ARCHITECTURE.md` compares the two.

use std::sync::Arc;

use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, timeout};

use super::attempt::within;
use super::error::{over_memory, timed_out};
use super::gateway::{Gateway, Gateways};
use super::limits::ChromeLimits;
use super::page_state::PageTracker;
use super::render::{PageFailure, page_failure};
use super::{Chrome, chromium, process, profile_dir};
use crate::core::id::AccountId;
use crate::core::request::JobRequest;
use crate::ports::BoxFuture;
use crate::ports::fetch::{BrowserFetcher, FetchError, FetchErrorKind, FetchRequest, Rendered};

mod drive;
mod launch;

/// Renders pages in Chromium with the crate `headless_chrome`.
///
/// Page actions are an error. `include_iframes`, `flatten_shadow_dom`, `remove_cookie_banners` and
/// `scroll_to_load` are ignored with a warning. The crate talks to the browser over a port on the loopback
/// interface, which other programs on the machine can find.
///
/// # Example
///
/// ```
/// use rungs::fetch::{Chrome, HeadlessChrome};
///
/// let driver = HeadlessChrome::new(Chrome::new());
/// ```
#[derive(Clone, Debug)]
pub struct HeadlessChrome {
    settings: Chrome,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    gateways: Gateways,
    permits: Arc<Semaphore>,
    is_prepared: OnceCell<()>,
}

/// One page, for the thread that renders it.
struct PageTask {
    request: FetchRequest,
    limits: ChromeLimits,
    gateway: Arc<Gateway>,
    tracker: Arc<PageTracker>,
    deadline: Instant,
    warnings: Vec<String>,
}

impl HeadlessChrome {
    /// Creates a fetcher with the program, the sandbox, the limits and the network policy of `settings`.
    /// [`ChromeLimits::max_tabs`] limits the number of browsers, since each page has one of its own.
    pub fn new(settings: Chrome) -> Self {
        let max_browsers = settings.launch.limits.max_tabs.clamp(1, Semaphore::MAX_PERMITS);
        let inner = Inner {
            gateways: Gateways::default(),
            permits: Arc::new(Semaphore::new(max_browsers)),
            is_prepared: OnceCell::new(),
        };
        Self { settings, inner: Arc::new(inner) }
    }

    async fn attempt(
        &self,
        request: FetchRequest,
        deadline: Instant,
    ) -> Result<Rendered, FetchError> {
        if !request.options.advanced().actions.is_empty() {
            let message =
                "advanced.actions: headless_chrome runs no page actions: use the driver `Chrome`";
            return Err(FetchError::new(FetchErrorKind::Unsupported, message));
        }
        let options = &self.settings.launch;
        let network = &self.settings.network;
        let route = network.route(&request)?;
        let gateway = self.inner.gateways.to(network, route.via).await?;
        let permit = Arc::clone(&self.inner.permits).acquire_owned().await;
        let permit = permit.map_err(|_| internal("the semaphore of browsers is closed"))?;
        let program = chromium::find(options.program.as_deref())?;
        self.inner.is_prepared.get_or_init(prepare).await;

        let launched = launch::launch(&program, options, &gateway);
        let launched = timeout(options.limits.launch_timeout, launched);
        let (browser, url) = launched.await.map_err(|_| timed_out())??;
        let tracker = Arc::new(PageTracker::default());
        let limits = options.limits.clone();
        let warnings = [route.warnings.clone(), ignored_options(&request.options)].concat();
        let task = PageTask {
            request,
            limits,
            gateway,
            tracker: Arc::clone(&tracker),
            deadline,
            warnings,
        };
        let rendered = spawn_thread(task, url, permit)?;
        let result = tokio::select! {
            rendered = rendered => {
                rendered.unwrap_or_else(|_| Err(internal("the driver panicked")))
            }
            failure = tracker.wait_until(|state| page_failure(state, &options.limits)) => {
                match failure {
                    PageFailure::Crashed if browser.take_memory_exceeded() => {
                        Err(over_memory(options.limits.max_memory_bytes))
                    }
                    failure => Err(failure.into()),
                }
            }
        };
        // Ends the thread, whatever it waits for.
        drop(browser);
        let mut rendered = result?;
        rendered.page.own_proxy = route.is_own();
        rendered.page.proxied = route.is_proxied();
        Ok(rendered)
    }
}

impl BrowserFetcher for HeadlessChrome {
    fn render(&self, request: FetchRequest) -> BoxFuture<'_, Result<Rendered, FetchError>> {
        Box::pin(async move {
            let allowed = request.deadline.min(self.settings.launch.limits.total_timeout);
            within(allowed, |deadline| self.attempt(request, deadline)).await
        })
    }

    fn max_pages(&self) -> Option<usize> {
        Some(self.settings.launch.limits.max_tabs.max(1))
    }

    fn has_own_proxy(&self, account: &AccountId, id: Option<&str>) -> bool {
        self.settings.network.has_own_proxy(account, id)
    }
}

/// Runs once before the first browser is launched.
async fn prepare() {
    drop(tokio::task::spawn_blocking(profile_dir::clean_up).await);
    process::warn_if_memory_is_unlimited();
}

/// Renders the page on a thread of its own: the driver may block as long as a page takes, which the shared pool
/// of blocking threads is not for.
fn spawn_thread(
    task: PageTask,
    url: String,
    permit: OwnedSemaphorePermit,
) -> Result<oneshot::Receiver<Result<Rendered, FetchError>>, FetchError> {
    let (sender, rendered) = oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    let thread = std::thread::Builder::new().name("headless_chrome".to_owned());
    let spawned = thread.spawn(move || {
        // The attempt may have ended, and then ignores the result.
        drop(sender.send(drive::render(task, url, &runtime)));
        drop(permit);
    });
    spawned.map_err(|error| internal("no thread can be started").with_source(error))?;
    Ok(rendered)
}

/// Builds the warnings for options that this driver does not support.
fn ignored_options(options: &JobRequest) -> Vec<String> {
    let advanced = options.advanced();
    let requested = [
        ("include_iframes", advanced.include_iframes),
        ("flatten_shadow_dom", advanced.flatten_shadow_dom),
        ("remove_cookie_banners", advanced.remove_cookie_banners),
        ("scroll_to_load", advanced.scroll_to_load),
    ];
    let ignored = requested.into_iter().filter(|(_, is_requested)| *is_requested);
    ignored
        .map(|(name, _)| {
            format!("advanced.{name} was ignored: headless_chrome does not support it; use the driver `Chrome`")
        })
        .collect()
}

fn internal(message: &str) -> FetchError {
    FetchError::new(FetchErrorKind::Internal, message)
}
