//! One visit: open, go there, wait, act, and take what is shown.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use super::Inner;
use super::actions;
use super::capture::{self, Limit};
use super::error::{CallError, broken, from_net, late, over_memory, too_large, too_many};
use super::gateway::Gateway;
use super::intercept::Intercept;
use super::limits::ChromeLimits;
use super::pool::Company;
use super::state::{Seen, State};
use super::tab::{Opening, Tab};
use crate::core::request::{JobRequest, WaitCondition};
use crate::ports::fetch::{FetchError, FetchErrorKind, FetchRequest, Fetched, Rendered};

const DOCUMENT_WAIT: &str = include_str!("js/wait_for.js");
const BANNERS: &str = include_str!("js/banners.js");
const SCROLL: &str = include_str!("js/scroll.js");
const COUNT: &str = "function () { return document.getElementsByTagName('*').length; }";
const OPEN_SHADOW: &str = include_str!("js/open_shadow.js");

/// What a scrolled page is given to begin to load more.
const SCROLLED: Duration = Duration::from_millis(300);
/// How long a scrolled page may go on loading.
const SCROLL_LOAD: Duration = Duration::from_secs(5);

/// A page that is being visited.
#[derive(Debug)]
pub(super) struct Visit<'a> {
    pub(super) tab: Tab,
    pub(super) limits: &'a ChromeLimits,
    pub(super) options: &'a JobRequest,
    pub(super) until: Instant,
    pub(super) warnings: Vec<String>,
}

/// Why a visit brought no page.
#[derive(Debug)]
pub(super) enum Unseen {
    /// The browser was lost under it, which may be no fault of the page.
    Lost(String),
    /// What the attempt came to.
    Failed(FetchError),
}

impl From<FetchError> for Unseen {
    fn from(error: FetchError) -> Self {
        Self::Failed(error)
    }
}

impl From<CallError> for Unseen {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Gone(_) => Self::Lost(error.to_string()),
            _ => Self::Failed(error.into()),
        }
    }
}

/// Visits the page once.
pub(super) async fn once(
    inner: &Inner,
    request: &FetchRequest,
    until: Instant,
    company: Company,
) -> Result<Rendered, Unseen> {
    let route = inner.network.route(request)?;
    let gateway = inner.gateways.to(&inner.network, route.via).await?;
    let place = inner.pool.place(company).await?;
    let tab = Tab::open(place, opening(request, gateway)).await?;
    let (limits, options) = (&inner.limits, &*request.options);
    let (own_proxy, proxied) = (route.is_own(), route.is_proxied());
    let visit = Visit { tab, limits, options, until, warnings: route.warnings };
    let mut rendered = visit.watched(request).await?;
    rendered.page.own_proxy = own_proxy;
    rendered.page.proxied = proxied;
    Ok(rendered)
}

fn opening(request: &FetchRequest, gateway: Arc<Gateway>) -> Opening {
    let advanced = &request.options.advanced;
    let agent = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("user-agent"));
    Opening {
        gateway,
        intercept: Intercept::of(request),
        agent: agent.map(|(_, value)| value.clone()),
        language: request.options.location.language.clone(),
        cookies: advanced.cookies.clone(),
        url: request.url.as_str().to_owned(),
        first: advanced.flatten_shadow_dom.then_some(OPEN_SHADOW),
    }
}

/// What ends a page whatever it is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    Crashed,
    /// Its document is not whole.
    BrokeOff(String),
    Wanders,
    /// It loads more than so many.
    Bytes(u64),
}

pub(super) fn trouble(state: &State, limits: &ChromeLimits) -> Option<Trouble> {
    if state.crashed {
        return Some(Trouble::Crashed);
    }
    if let Some(word) = &state.broke_off {
        return Some(Trouble::BrokeOff(word.clone()));
    }
    if state.wanders() {
        return Some(Trouble::Wanders);
    }
    (state.bytes > limits.page_bytes).then_some(Trouble::Bytes(limits.page_bytes))
}

impl From<Trouble> for FetchError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::BrokeOff(word) => from_net(&word),
            Trouble::Crashed => broken("the page's process in the browser ended"),
            Trouble::Wanders => FetchError::new(
                FetchErrorKind::Redirect,
                "the page leads from one document to the next without end",
            ),
            Trouble::Bytes(most) => {
                too_large(format!("the page loads more than {most} bytes in all"))
            }
        }
    }
}

impl Visit<'_> {
    fn explain(&self, trouble: Trouble) -> FetchError {
        if !matches!(trouble, Trouble::BrokeOff(_)) {
            self.tab.distrust();
        }
        if trouble == Trouble::Crashed && self.tab.was_overfed() {
            return over_memory(self.limits.memory);
        }
        trouble.into()
    }

    /// Shows the page, until something ends it.
    async fn watched(mut self, request: &FetchRequest) -> Result<Rendered, Unseen> {
        let (watched, limits) = (Arc::clone(self.tab.watched()), self.limits);
        let trouble = watched.until(move |state| trouble(state, limits));
        let ended = self.tab.ended();
        let result = tokio::select! {
            biased;
            () = ended => Err(broken("the browser ended")),
            trouble = trouble => Err(self.explain(trouble)),
            result = self.show(request) => result,
        };
        // Before the page is left, with which a browser ends that is to have no more of them.
        result.map_err(|error| match self.tab.fault() {
            Some(fault) => fault.into(),
            None => self.blame(error).into(),
        })
    }

    /// After a failure the browser is not trusted with another page, unless it is the site's.
    fn blame(&self, error: FetchError) -> FetchError {
        if matches!(error.kind(), FetchErrorKind::Internal | FetchErrorKind::TooLarge) {
            self.tab.distrust();
        }
        error
    }

    async fn show(&mut self, request: &FetchRequest) -> Result<Rendered, FetchError> {
        self.go(request).await?;
        self.tab.provide();
        self.settle().await?;
        self.count().await?;
        self.wait_for().await?;
        if self.options.advanced.remove_cookie_banners {
            self.again::<u32>(BANNERS, &json!({})).await?;
        }
        self.scroll().await?;
        let acted = actions::run(self).await?;
        let limit = Limit { nodes: self.limits.nodes, bytes: request.max_bytes };
        let document = capture::document(self, limit).await?;
        let (mut screenshot, mut pdf) = (None, None);
        if self.options.advanced.screenshot {
            screenshot = Some(capture::screenshot(self).await?);
        }
        if self.options.advanced.generate_pdf {
            pdf = Some(capture::print(self).await?);
        }
        self.note_manners();
        let warnings = std::mem::take(&mut self.warnings);
        let page = fetched(&self.tab.watched().state(), document, warnings);
        Ok(Rendered { page, screenshot, pdf, actions: acted.results, pictures: acted.pictures })
    }

    /// Leads the tab to the page, until its document is there.
    async fn go(&self, request: &FetchRequest) -> Result<(), FetchError> {
        let ask = json!({"url": request.url.as_str(), "transitionType": "typed"});
        let going: Going = self.tab.call("Page.navigate", ask).get().await?;
        if going.is_download {
            return Err(FetchError::new(
                FetchErrorKind::Unsupported,
                "the address is a download, which a browser does not show",
            ));
        }
        if let Some(word) = going.error_text {
            return Err(self.unreached(request, &word));
        }
        let watched = self.tab.watched();
        let there = watched.until(|state| match &state.failed {
            Some(word) => Some(Err(word.clone())),
            None => state.shown.as_ref().filter(|it| it.status > 0).map(|_| Ok(())),
        });
        there.await.map_err(|word| self.unreached(request, &word))
    }

    fn unreached(&self, request: &FetchRequest, word: &str) -> FetchError {
        let asked_last = self.tab.watched().state().asked.clone();
        self.tab.gateway().unreached([&asked_last, request.url.as_str()], word)
    }

    /// Waits until the page counts as loaded.
    async fn settle(&mut self) -> Result<(), FetchError> {
        let watched = self.tab.watched();
        let condition = self.options.advanced.wait_condition;
        let loaded = watched.reached(condition);
        if timeout(self.share(self.limits.load), loaded).await.is_err() {
            let warning = not_reached(watched, condition)?;
            self.warnings.push(warning);
        }
        Ok(())
    }

    /// A document that will be refused for its size is refused before anything else is done to it.
    async fn count(&self) -> Result<(), FetchError> {
        let nodes: u64 = self.again(COUNT, &json!({})).await?;
        if nodes > self.limits.nodes.into() {
            return Err(too_many(nodes, self.limits.nodes));
        }
        Ok(())
    }

    /// At most `limit`, and no more than most of what is left: what comes after has to have some.
    pub(super) fn share(&self, limit: Duration) -> Duration {
        let left = self.until.saturating_duration_since(Instant::now());
        limit.min(left.mul_f64(0.7))
    }

    async fn wait_for(&mut self) -> Result<(), FetchError> {
        let Some(selector) = &self.options.wait_for else { return Ok(()) };
        let limit = self.share(self.limits.selector);
        if !self.selector(selector, limit).await? {
            let warning = format!("wait_for was not met: nothing matched `{selector}` in time");
            self.warnings.push(warning);
        }
        Ok(())
    }

    /// Whether `selector` matches within `limit`, on this document or one that it leads to.
    pub(super) async fn selector(
        &self,
        selector: &str,
        limit: Duration,
    ) -> Result<bool, FetchError> {
        let until = Instant::now() + limit;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            let ask = json!({"selector": selector, "ms": ms});
            let found = timeout(left, self.tab.run(DOCUMENT_WAIT, &ask)).await;
            match found {
                Ok(Ok(found)) => return Ok(found),
                Ok(Err(error)) if error.left_the_page() => self.next_document(until).await?,
                // The script's own words: the selector is no selector.
                Ok(Err(CallError::Odd(why))) => {
                    return Err(FetchError::new(FetchErrorKind::Unsupported, why));
                }
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => return Ok(false),
            }
        }
    }

    /// Runs a script of ours that is to run on whatever is shown in the end.
    pub(super) async fn again<T: serde::de::DeserializeOwned + Default>(
        &self,
        function: &str,
        argument: &serde_json::Value,
    ) -> Result<T, FetchError> {
        loop {
            match self.tab.run(function, argument).await {
                Ok(value) => return Ok(value),
                Err(error) if error.left_the_page() => self.next_document(self.until).await?,
                // A helper that does not work on an odd document is no reason to lose the page.
                Err(CallError::Odd(why)) => {
                    tracing::debug!(why, "a script of ours failed");
                    return Ok(T::default());
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits for the document that the page leads to.
    pub(super) async fn next_document(&self, until: Instant) -> Result<(), FetchError> {
        let parsed = self.tab.watched().until(|it| it.is_parsed().then_some(()));
        if timeout_at(until, parsed).await.is_err() {
            return Err(late());
        }
        // Between the news of a document and its world there may be a moment.
        tokio::time::sleep(Duration::from_millis(10)).await;
        Ok(())
    }

    async fn scroll(&mut self) -> Result<(), FetchError> {
        if !self.options.advanced.scroll_to_load {
            return Ok(());
        }
        self.scroll_down(self.options.advanced.scroll_count.into()).await?;
        Ok(())
    }

    /// Scrolls to the end, `times` times at most, until nothing more comes; how often it did.
    pub(super) async fn scroll_down(&self, times: u32) -> Result<u32, FetchError> {
        let mut length = 0_f64;
        for done in 0..times {
            let now: f64 = self.again(SCROLL, &json!({})).await?;
            tokio::time::sleep(SCROLLED.min(self.share(SCROLLED))).await;
            let quiet = self.tab.watched().quiet(SCROLLED);
            // A page that never rests is taken as it is.
            let _ = timeout(self.share(SCROLL_LOAD), quiet).await;
            if done > 0 && now <= length {
                return Ok(done);
            }
            length = now;
        }
        Ok(times)
    }

    fn note_manners(&mut self) {
        let (dialogs, downloads) = {
            let state = self.tab.watched().state();
            (state.dialogs, state.downloads)
        };
        if dialogs > 0 {
            self.warnings.push(dismissed(dialogs));
        }
        if downloads > 0 {
            self.warnings.push(format!("the page began {downloads} downloads, which were refused"));
        }
    }
}

/// The warning of a page that is taken before it was loaded; one without a document cannot be.
pub(super) fn not_reached(seen: &Seen, condition: WaitCondition) -> Result<String, FetchError> {
    if !seen.state().is_parsed() {
        return Err(late());
    }
    Ok(format!("wait_condition was not met: the page had not reached {condition}"))
}

/// The warning of a page that opened dialogs.
pub(super) fn dismissed(dialogs: u32) -> String {
    format!("the page opened {dialogs} dialogs, which were dismissed")
}

/// A document as the page that it was answered as.
pub(super) fn fetched(
    state: &State,
    document: capture::Document,
    warnings: Vec<String>,
) -> Fetched {
    let shown = state.shown.clone().unwrap_or_default();
    // The document's own address knows of what its scripts did to it; it is only theirs within
    // their site.
    let said = Url::parse(&document.url).ok();
    let answered = Url::parse(&shown.url).ok();
    let final_url = match (said, answered) {
        (Some(said), Some(answered)) if said.origin() == answered.origin() => bare(said),
        (_, Some(answered)) => bare(answered),
        _ => shown.url,
    };
    let mut headers = shown.headers;
    // What is handed on is a document of our own writing.
    headers.retain(|(name, _)| {
        !matches!(name.as_str(), "content-type" | "content-encoding" | "content-length")
    });
    headers.push(("content-type".to_owned(), "text/html; charset=utf-8".to_owned()));
    Fetched {
        status: shown.status,
        headers,
        body: document.html.into_bytes(),
        final_url,
        redirects: state.redirects.clone(),
        warnings,
        ..Fetched::default()
    }
}

/// An address without its userinfo and fragment.
fn bare(mut url: Url) -> String {
    // Neither fails on an address that a page was got from.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    url.into()
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Going {
    error_text: Option<String>,
    #[serde(default)]
    is_download: bool,
}
