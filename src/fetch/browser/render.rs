//! Renders a page once: open a tab, navigate, wait, run actions and capture the result.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use super::Inner;
use super::actions;
use super::capture::{self, DocumentLimits, RenderedDocument};
use super::cookies;
use super::error::{
    CallError, broken, from_net_error, is_download, over_memory, timed_out, too_large,
    too_many_elements,
};
use super::gateway::Gateway;
use super::intercept::Intercept;
use super::limits::ChromeLimits;
use super::page_state::{PageState, PageTracker};
use super::pool::Sharing;
use super::tab::{Tab, TabOptions};
use crate::core::request::{JobRequest, WaitCondition};
use crate::core::session::SessionCookie;
use crate::fetch::header_rules::without_target;
use crate::ports::fetch::{FetchError, FetchErrorKind, FetchRequest, Fetched, Rendered};

const WAIT_FOR_JS: &str = include_str!("js/wait_for.js");
const BANNERS_JS: &str = include_str!("js/banners.js");
const SCROLL_JS: &str = include_str!("js/scroll.js");
const OPEN_SHADOW_JS: &str = include_str!("js/open_shadow.js");
const COUNT_ELEMENTS_JS: &str = "function () { return document.getElementsByTagName('*').length; }";

/// Pause after which a scrolled page without network activity counts as loaded. Lazy loaders react within one
/// or two animation frames; their debounce timers are usually 100 to 250 ms.
const SCROLL_PAUSE: Duration = Duration::from_millis(300);
/// Maximum time that a page loads after one scroll.
const SCROLL_LOAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Share of the remaining time that one step may use, so that capturing the document always has some.
pub(super) const MAX_STEP_SHARE: f64 = 0.7;
/// Pause between the event of a new document and the existence of its JavaScript context.
const NEW_CONTEXT_PAUSE: Duration = Duration::from_millis(10);

/// A page being rendered.
#[derive(Debug)]
pub(super) struct Rendering<'a> {
    pub(super) tab: Tab,
    pub(super) limits: &'a ChromeLimits,
    pub(super) options: &'a JobRequest,
    pub(super) deadline: Instant,
    pub(super) warnings: Vec<String>,
}

/// The reason why a page was not rendered.
#[derive(Debug)]
pub(super) enum RenderError {
    /// The browser ended, which need not be the page's fault: it can be rendered again.
    BrowserLost(String),
    /// The attempt failed.
    Failed(FetchError),
}

impl From<FetchError> for RenderError {
    fn from(error: FetchError) -> Self {
        Self::Failed(error)
    }
}

impl From<CallError> for RenderError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Disconnected(_) => Self::BrowserLost(error.to_string()),
            _ => Self::Failed(error.into()),
        }
    }
}

/// Renders the page once.
pub(super) async fn once(
    inner: &Inner,
    request: &FetchRequest,
    deadline: Instant,
    sharing: Sharing,
) -> Result<Rendered, RenderError> {
    let route = inner.network.route(request)?;
    let gateway = inner.gateways.to(&inner.network, route.via).await?;
    let permit = inner.pool.acquire(sharing).await?;
    let tab = Tab::open(permit, tab_options(request, gateway)).await?;
    let (limits, options) = (&inner.limits, &*request.options);
    let (own_proxy, proxied) = (route.is_own(), route.is_proxied());
    let rendering = Rendering { tab, limits, options, deadline, warnings: route.warnings };
    let mut rendered = rendering.run(request).await?;
    rendered.page.own_proxy = own_proxy;
    rendered.page.proxied = proxied;
    Ok(rendered)
}

fn tab_options(request: &FetchRequest, gateway: Arc<Gateway>) -> TabOptions {
    let advanced = request.options.advanced();
    let user_agent = request
        .headers_to_send()
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("user-agent"))
        .cloned();
    TabOptions {
        gateway,
        intercept: Intercept::of(request),
        user_agent: user_agent.map(|(_, value)| value),
        language: request.options.location().language.clone(),
        cookies: cookies::to_set(request),
        storage_script: cookies::storage_script(request),
        init_script: advanced.flatten_shadow_dom.then_some(OPEN_SHADOW_JS),
    }
}

/// A condition of the page that ends its rendering at any step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PageFailure {
    /// The renderer process ended.
    Crashed,
    /// The document was received in part only; Chromium's error name.
    Truncated(String),
    /// The page navigates from one document to the next without end.
    NavigationLoop,
    /// The page loads more than this many bytes.
    TooManyBytes(u64),
}

/// Returns the failure that a page's state shows, if any.
pub(super) fn page_failure(state: &PageState, limits: &ChromeLimits) -> Option<PageFailure> {
    if state.crashed {
        return Some(PageFailure::Crashed);
    }
    if let Some(net_error) = &state.truncation_error {
        return Some(PageFailure::Truncated(net_error.clone()));
    }
    if state.is_navigation_loop() {
        return Some(PageFailure::NavigationLoop);
    }
    let limit = limits.max_page_bytes;
    (state.loaded_bytes > limit).then_some(PageFailure::TooManyBytes(limit))
}

impl From<PageFailure> for FetchError {
    fn from(failure: PageFailure) -> Self {
        match failure {
            PageFailure::Crashed => broken("the page's renderer process crashed"),
            PageFailure::Truncated(net_error) => from_net_error(&net_error),
            PageFailure::NavigationLoop => FetchError::new(
                FetchErrorKind::Redirect,
                "the page navigates from one document to the next without end",
            ),
            PageFailure::TooManyBytes(limit) => too_large(format!(
                "the page loads more than {limit} bytes: set `block_images` or raise `max_page_bytes`"
            )),
        }
    }
}

impl Rendering<'_> {
    /// Renders the page, and stops as soon as the page or the browser fails.
    async fn run(mut self, request: &FetchRequest) -> Result<Rendered, RenderError> {
        let limits = self.limits;
        let failure = self.tab.wait_until(move |state| page_failure(state, limits));
        let browser_ended = self.tab.browser_ended();
        let result = tokio::select! {
            biased;
            () = browser_ended => Err(broken("the browser ended")),
            failure = failure => Err(self.explain(failure)),
            result = self.render(request) => result,
        };
        // Asked before the tab is dropped: a retired browser ends with its last tab.
        result.map_err(|error| match self.tab.browser_failure() {
            Some(failure) => failure.into(),
            None => self.retire_after(error).into(),
        })
    }

    fn explain(&self, failure: PageFailure) -> FetchError {
        if !matches!(failure, PageFailure::Truncated(_)) {
            self.tab.retire_browser();
        }
        if failure == PageFailure::Crashed && self.tab.take_memory_exceeded() {
            return over_memory(self.limits.max_memory_bytes);
        }
        failure.into()
    }

    /// Retires the browser after a failure that the site alone does not explain.
    fn retire_after(&self, error: FetchError) -> FetchError {
        if matches!(error.kind(), FetchErrorKind::Internal | FetchErrorKind::TooLarge) {
            self.tab.retire_browser();
        }
        error
    }

    async fn render(&mut self, request: &FetchRequest) -> Result<Rendered, FetchError> {
        let given = self.cookies_for(request).await?;
        self.navigate(request).await?;
        self.tab.prewarm_next();
        if let Some(page) = self.without_document() {
            return Ok(Rendered::new(page));
        }
        self.wait_for_load().await?;
        self.check_element_count().await?;
        self.settle().await?;
        // A stub may have led to another document.
        if let Some(page) = self.without_document() {
            return Ok(Rendered::new(page));
        }
        self.wait_for().await?;
        if self.options.advanced().remove_cookie_banners {
            self.run_script::<u32>(BANNERS_JS, &json!({})).await?;
        }
        if self.options.advanced().scroll_to_load {
            self.scroll_down(self.options.advanced().scroll_count.into()).await?;
        }
        let outcomes = actions::run(self).await?;
        let limits = DocumentLimits::of(request, self.limits.max_elements);
        let document = capture::document(self, limits).await?;
        let (mut screenshot, mut pdf) = (None, None);
        if self.options.advanced().screenshot {
            screenshot = Some(capture::screenshot(self).await?);
        }
        if self.options.advanced().generate_pdf {
            pdf = Some(capture::print(self).await?);
        }
        if let Some(session) = &request.session {
            cookies::report(session, &given, &self.cookies_for(request).await?);
        }
        self.warn_about_dialogs_and_downloads();
        let warnings = std::mem::take(&mut self.warnings);
        let page = fetched(&self.tab.tracker().state(), document, warnings);
        let (actions, pictures) = (outcomes.results, outcomes.screenshots);
        Ok(Rendered { page, screenshot, pdf, actions, pictures })
    }

    /// Returns the cookies of the page's context, which no other page shares; none for a request without a session.
    async fn cookies_for(&self, request: &FetchRequest) -> Result<Vec<SessionCookie>, FetchError> {
        if request.session.is_none() {
            return Ok(Vec::new());
        }
        let found: Value = self.tab.cookies().decode().await?;
        Ok(cookies::found(&found))
    }

    /// Navigates to the URL and waits until a document with a response is shown.
    async fn navigate(&self, request: &FetchRequest) -> Result<(), FetchError> {
        let params = json!({"url": request.url.as_str(), "transitionType": "typed"});
        let navigation: Navigation = self.tab.call("Page.navigate", params).decode().await?;
        if navigation.is_download {
            return Err(is_download());
        }
        let net_error = match navigation.error_text {
            Some(net_error) => net_error,
            None => match self.tab.tracker().wait_until(shown_or_failed).await {
                Ok(()) => return Ok(()),
                Err(net_error) => net_error,
            },
        };
        if answered(&mut self.tab.tracker().state(), &net_error) {
            return Ok(());
        }
        Err(self.navigation_error(request, &net_error))
    }

    /// Returns the response if the browser shows no document for it: its status has none, or it is a document of
    /// another kind.
    fn without_document(&self) -> Option<Fetched> {
        let state = self.tab.tracker().state();
        let response = state.response.as_ref()?;
        let is_shown = state.shown.as_ref().is_some_and(|it| it.is_of_same_load(response));
        if is_shown && !response.is_other_document() {
            return None;
        }
        if !is_shown && state.shown.is_some() {
            // A later navigation came to nothing, and the page stayed.
            return None;
        }
        let final_url = Url::parse(&response.url).map(without_userinfo_and_fragment);
        Some(Fetched {
            status: response.status,
            headers: response.labeled_headers(),
            final_url: final_url.unwrap_or_else(|_| response.url.clone()),
            redirects: state.redirects.clone(),
            warnings: self.warnings.clone(),
            ..Fetched::default()
        })
    }

    fn navigation_error(&self, request: &FetchRequest, net_error: &str) -> FetchError {
        let requested = {
            let mut state = self.tab.tracker().state();
            if let Some(refused) = state.refused.take() {
                return refused;
            }
            state.requested_url.clone()
        };
        self.tab.gateway().explain([&requested, request.url.as_str()], net_error)
    }

    /// Waits until the page meets its wait condition.
    async fn wait_for_load(&mut self) -> Result<(), FetchError> {
        let tracker = self.tab.tracker();
        let condition = self.options.advanced().wait_condition;
        let loaded = tracker.wait_for_condition(condition);
        if timeout(self.at_most(self.limits.load_timeout), loaded).await.is_err() {
            let warning = not_loaded(tracker, condition)?;
            self.warnings.push(warning);
        }
        Ok(())
    }

    /// Refuses a document with too many elements before any more work is done on it.
    async fn check_element_count(&self) -> Result<(), FetchError> {
        let elements: u64 = self.run_script(COUNT_ELEMENTS_JS, &json!({})).await?;
        let limit = self.limits.max_elements;
        if elements > limit.into() { Err(too_many_elements(elements, limit)) } else { Ok(()) }
    }

    /// Returns `limit`, or most of the remaining time if that is less.
    pub(super) fn at_most(&self, limit: Duration) -> Duration {
        let remaining = self.deadline.saturating_duration_since(Instant::now());
        limit.min(remaining.mul_f64(MAX_STEP_SHARE))
    }

    async fn wait_for(&mut self) -> Result<(), FetchError> {
        let Some(selector) = self.options.wait_for() else { return Ok(()) };
        let limit = self.at_most(self.limits.selector_timeout);
        if !self.wait_for_selector(selector, limit).await? {
            self.warnings.push(selector_not_found(selector));
        }
        Ok(())
    }

    /// Returns `true` if `selector` matches within `limit`, in this document or one the page navigates to.
    pub(super) async fn wait_for_selector(
        &self,
        selector: &str,
        limit: Duration,
    ) -> Result<bool, FetchError> {
        let deadline = Instant::now() + limit;
        loop {
            let remaining = deadline.saturating_duration_since(Instant::now());
            let ms = u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX);
            let params = json!({"selector": selector, "ms": ms});
            let found = timeout(remaining, self.tab.run(WAIT_FOR_JS, &params)).await;
            match found {
                Ok(Ok(found)) => return Ok(found),
                Ok(Err(error)) if error.is_navigation() => self.next_document(deadline).await?,
                // The script threw: the selector is invalid.
                Ok(Err(CallError::Unexpected(reason))) => {
                    return Err(FetchError::new(FetchErrorKind::Unsupported, reason));
                }
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => return Ok(false),
            }
        }
    }

    /// Runs one of our scripts on the document that is shown in the end.
    pub(super) async fn run_script<T: serde::de::DeserializeOwned + Default>(
        &self,
        function: &str,
        argument: &serde_json::Value,
    ) -> Result<T, FetchError> {
        loop {
            match self.tab.run(function, argument).await {
                Ok(value) => return Ok(value),
                Err(error) if error.is_navigation() => self.next_document(self.deadline).await?,
                // A helper script that fails on an unusual document must not fail the page.
                Err(CallError::Unexpected(reason)) => {
                    tracing::debug!(reason, "a helper script failed");
                    return Ok(T::default());
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits until the document that the page navigates to is parsed.
    pub(super) async fn next_document(&self, deadline: Instant) -> Result<(), FetchError> {
        let parsed = self.tab.tracker().wait_until_parsed();
        timeout_at(deadline, parsed).await.map_err(|_| timed_out())?;
        tokio::time::sleep(NEW_CONTEXT_PAUSE).await;
        Ok(())
    }

    /// Scrolls to the end of the page until it stops growing, at most `times` times. Returns how often it
    /// scrolled.
    pub(super) async fn scroll_down(&self, times: u32) -> Result<u32, FetchError> {
        let mut height = 0_f64;
        for scrolls in 0..times {
            let new_height: f64 = self.run_script(SCROLL_JS, &json!({})).await?;
            tokio::time::sleep(self.at_most(SCROLL_PAUSE)).await;
            let quiet = self.tab.tracker().wait_for_quiet(SCROLL_PAUSE);
            // A page that keeps loading is used as it is.
            let _ = timeout(self.at_most(SCROLL_LOAD_TIMEOUT), quiet).await;
            if scrolls > 0 && new_height <= height {
                return Ok(scrolls);
            }
            height = new_height;
        }
        Ok(times)
    }

    fn warn_about_dialogs_and_downloads(&mut self) {
        let (dialogs, downloads) = {
            let state = self.tab.tracker().state();
            (state.dialogs, state.downloads)
        };
        if dialogs > 0 {
            self.warnings.push(dialogs_dismissed(dialogs));
        }
        if downloads > 0 {
            self.warnings.push(format!("the downloads of the page were blocked ({downloads})"));
        }
    }
}

/// Returns `Ok` once a document with a response is shown, or Chromium's error name once navigation fails.
pub(super) fn shown_or_failed(state: &PageState) -> Option<Result<(), String>> {
    match &state.navigation_error {
        Some(net_error) => Some(Err(net_error.clone())),
        None => state.shown.as_ref().filter(|document| document.status > 0).map(|_| Ok(())),
    }
}

/// Returns `true` if the site responded although Chromium reports a failed navigation: with a status that has no
/// document, such as 204, with an error status and an empty body, or by asking for a password.
fn answered(state: &mut PageState, net_error: &str) -> bool {
    if net_error.contains("ERR_INVALID_AUTH_CREDENTIALS") {
        let url = state.requested_url.clone();
        let response = state.response.get_or_insert_default();
        if response.url.is_empty() {
            response.url = url;
        }
        response.status = 401;
        return true;
    }
    let is_status = ["ERR_ABORTED", "ERR_HTTP_RESPONSE_CODE_FAILURE"];
    let status = state.response.as_ref().map_or(0, |it| it.status);
    is_status.iter().any(|it| net_error.contains(it))
        && (matches!(status, 204 | 205 | 304) || status >= 400)
}

/// Builds the warning for a page that is used before it met its wait condition. A page without a parsed
/// document cannot be used.
pub(super) fn not_loaded(
    tracker: &PageTracker,
    condition: WaitCondition,
) -> Result<String, FetchError> {
    if !tracker.state().is_parsed() {
        return Err(timed_out());
    }
    Ok(format!(
        "wait_condition was not met: the page did not reach {condition} in time; \
         use an earlier condition or wait_for"
    ))
}

/// Builds the warning for a `wait_for` selector that did not match.
pub(super) fn selector_not_found(selector: &str) -> String {
    format!("wait_for was not met: nothing matched `{selector}` in time; check the selector")
}

/// Builds the warning for a page that opened dialogs.
pub(super) fn dialogs_dismissed(dialogs: u32) -> String {
    format!("the dialogs of the page were dismissed ({dialogs})")
}

/// Combines the captured document with the response it came in.
pub(super) fn fetched(
    state: &PageState,
    document: RenderedDocument,
    mut warnings: Vec<String>,
) -> Fetched {
    let response = state.shown.clone().unwrap_or_default();
    // Scripts may have changed the document's URL, which counts within the origin that was fetched.
    let document_url = Url::parse(&document.url).ok();
    let response_url = Url::parse(&response.url).ok();
    let final_url = match (document_url, response_url) {
        (Some(document), Some(response)) if document.origin() == response.origin() => {
            without_userinfo_and_fragment(document)
        }
        (_, Some(response)) => without_userinfo_and_fragment(response),
        _ => response.url,
    };
    let mut headers = response.headers;
    // The body is serialized here, whatever the response's type and encoding were.
    headers.retain(|(name, _)| {
        !matches!(name.as_str(), "content-type" | "content-encoding" | "content-length")
    });
    headers.push(("content-type".to_owned(), "text/html; charset=utf-8".to_owned()));
    if matches!(response.status, 301..=303 | 307 | 308) {
        // A redirect with a target would have been followed.
        warnings.push(without_target(response.status));
    }
    warnings.extend(document.truncation.map(|it| it.warning()));
    Fetched {
        status: response.status,
        headers,
        body: document.html.into_bytes(),
        final_url,
        redirects: state.redirects.clone(),
        warnings,
        truncation: document.truncation,
        ..Fetched::default()
    }
}

fn without_userinfo_and_fragment(mut url: Url) -> String {
    // Neither call fails on a URL with a host, and a page was fetched from this one.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    url.into()
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Navigation {
    error_text: Option<String>,
    #[serde(default)]
    is_download: bool,
}
