//! Tier 4 by the crate `headless_chrome`, as a second driver of the same Chromium.
//!
//! That driver has no deadline for a call, closes the connection of every tab when one answer comes
//! late, leaves a thread for each closed tab and does not check certificates by itself. So each page
//! has a browser of its own, which is started, watched and ended here, and a thread that talks to it;
//! when the time is over the browser is killed, and with it every call that still waits. What such a
//! page may reach is asked of the same guard, through the same gateway.
//!
//! It costs the start of a browser for each page, and it does less: page actions are refused, and what
//! else it does not do is said in the warnings. [`Chrome`] is the better choice; see ARCHITECTURE.md.

use std::sync::Arc;

use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, timeout};

use super::error::{late, over_memory};
use super::gateway::{Gateway, Gateways};
use super::limits::ChromeLimits;
use super::state::Seen;
use super::visit::{Trouble, trouble};
use super::visits::within;
use super::{Chrome, profile, program};
use crate::core::request::JobRequest;
use crate::ports::BoxFuture;
use crate::ports::fetch::{BrowserFetcher, FetchError, FetchErrorKind, FetchRequest, Rendered};

mod drive;
mod launch;

/// Renders pages in Chromium by the crate `headless_chrome`.
///
/// Not served: page actions, which are an error, and `include_iframes`, `flatten_shadow_dom`,
/// `remove_cookie_banners` and `scroll_to_load`, which are warnings. The port by which the crate talks
/// to the browser is on the loopback interface, where other programs of the machine can find it.
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
    places: Arc<Semaphore>,
    cleaned: OnceCell<()>,
}

/// What the thread of one page is given.
struct Visit {
    request: FetchRequest,
    limits: ChromeLimits,
    gateway: Arc<Gateway>,
    seen: Arc<Seen>,
    until: Instant,
    warnings: Vec<String>,
}

impl HeadlessChrome {
    /// With the program, the sandbox, the limits and the way out of `settings`. The places of
    /// [`ChromeLimits::tabs`] are browsers here.
    pub fn new(settings: Chrome) -> Self {
        let places = settings.start.limits.tabs.clamp(1, Semaphore::MAX_PERMITS);
        let places = Arc::new(Semaphore::new(places));
        let (gateways, cleaned) = (Gateways::default(), OnceCell::new());
        Self { settings, inner: Arc::new(Inner { gateways, places, cleaned }) }
    }

    async fn attempt(&self, request: FetchRequest, until: Instant) -> Result<Rendered, FetchError> {
        if !request.options.advanced.actions.is_empty() {
            let message = "advanced.actions: headless_chrome does none; use `Chrome`";
            return Err(FetchError::new(FetchErrorKind::Unsupported, message));
        }
        let start = &self.settings.start;
        let network = &self.settings.network;
        let route = network.route(&request)?;
        let gateway = self.inner.gateways.to(network, route.via).await?;
        let place = Arc::clone(&self.inner.places).acquire_owned().await;
        let place = place.map_err(|_| internal("there are no places"))?;
        let clean = async { drop(tokio::task::spawn_blocking(profile::clean_up).await) };
        self.inner.cleaned.get_or_init(|| clean).await;

        let program = program::find(start.program.as_deref())?;
        let launched = launch::launch(&program, start.sandbox, start.limits.memory, &gateway);
        let launched = timeout(start.limits.launch, launched);
        let (process, url) = launched.await.map_err(|_| late())??;
        let seen = Arc::new(Seen::default());
        let limits = start.limits.clone();
        let warnings = [route.warnings.clone(), unmet_options(&request.options)].concat();
        let visit = Visit { request, limits, gateway, seen: Arc::clone(&seen), until, warnings };
        let shown = on_a_thread(visit, url, place)?;
        let result = tokio::select! {
            shown = shown => shown.unwrap_or_else(|_| Err(internal("the driver panicked"))),
            trouble = seen.until(|it| trouble(it, &start.limits)) => match trouble {
                Trouble::Crashed if process.was_overfed() => Err(over_memory(start.limits.memory)),
                trouble => Err(trouble.into()),
            },
        };
        // With it the thread ends, whatever it waits for.
        drop(process);
        let mut rendered = result?;
        rendered.page.own_proxy = route.is_own();
        rendered.page.proxied = route.is_proxied();
        Ok(rendered)
    }
}

impl BrowserFetcher for HeadlessChrome {
    fn render(&self, request: FetchRequest) -> BoxFuture<'_, Result<Rendered, FetchError>> {
        Box::pin(async move {
            let allowed = request.deadline.min(self.settings.start.limits.total);
            within(allowed, |until| self.attempt(request, until)).await
        })
    }
}

/// A thread of its own: the driver blocks, and a pool of threads that are shared has no place for what
/// may wait as long as a page.
fn on_a_thread(
    visit: Visit,
    url: String,
    place: OwnedSemaphorePermit,
) -> Result<oneshot::Receiver<Result<Rendered, FetchError>>, FetchError> {
    let (tell, shown) = oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    let thread = std::thread::Builder::new().name("headless_chrome".to_owned());
    let spawned = thread.spawn(move || {
        // Who no longer waits needs no answer.
        drop(tell.send(drive::show(visit, url, &runtime)));
        drop(place);
    });
    spawned.map_err(|why| internal("there is no thread for the page").with_source(why))?;
    Ok(shown)
}

/// What is asked for and not done here.
fn unmet_options(options: &JobRequest) -> Vec<String> {
    let advanced = &options.advanced;
    let asked = [
        ("include_iframes", advanced.include_iframes),
        ("flatten_shadow_dom", advanced.flatten_shadow_dom),
        ("remove_cookie_banners", advanced.remove_cookie_banners),
        ("scroll_to_load", advanced.scroll_to_load),
    ];
    let said = |name| format!("advanced.{name} was not met: headless_chrome does not do it");
    asked.into_iter().filter(|it| it.1).map(|it| said(it.0)).collect()
}

fn internal(message: &str) -> FetchError {
    FetchError::new(FetchErrorKind::Internal, message)
}
