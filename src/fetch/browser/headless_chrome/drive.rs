//! Renders one page with the blocking driver, on a thread of its own.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use ::headless_chrome::Browser;
use ::headless_chrome::browser::tab::{RequestPausedDecision, Tab};
use ::headless_chrome::protocol::cdp::types::{Event, Method};
use ::headless_chrome::protocol::cdp::{Fetch, Inspector, Network, Page};
use ::headless_chrome::types::PrintToPdfOptions;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use super::super::capture::{DOCUMENT_JS, DocumentLimits, DocumentSnapshot, invalid_base64};
use super::super::cookies;
use super::super::error::{broken, is_download, timed_out};
use super::super::intercept::{Intercept, Paused};
use super::super::isolated_page::body_buffers;
use super::super::page_state::PageTracker;
use super::super::render::{
    MAX_STEP_SHARE, dialogs_dismissed, fetched, not_loaded, selector_not_found, shown_or_failed,
};
use super::{PageTask, internal};
use crate::ports::fetch::{FetchError, Rendered};

/// The driver's own timeout. It is longer than any attempt, because the driver closes the connection when a
/// call times out.
const DRIVER_TIMEOUT: Duration = Duration::from_hours(1);
/// Maximum number of dialogs that are dismissed. Each takes a thread; a page with more runs into its deadline.
const MAX_DIALOGS: u32 = 20;

/// Renders the page in the browser that listens on `url`. Every blocking call ends when that browser is killed.
pub(super) fn render(
    mut task: PageTask,
    url: String,
    runtime: &Handle,
) -> Result<Rendered, FetchError> {
    let browser = Browser::connect_with_timeout(url, DRIVER_TIMEOUT).map_err(driver_error)?;
    let tab = browser.new_tab().map_err(driver_error)?;
    set_up(&tab, &task)?;
    navigate(&tab, &task, runtime)?;
    wait_for_load(&mut task, runtime)?;
    wait_for(&tab, &mut task)?;
    let limits = DocumentLimits::of(&task.request, task.limits.max_elements);
    let params = json!({
        "flatten": false, "nodes": limits.elements, "bytes": limits.bytes, "most": limits.most_bytes,
    });
    // Returned as text, because this driver returns objects by reference.
    let script = format!("JSON.stringify(({})({params}))", DOCUMENT_JS.trim());
    let snapshot = tab.evaluate(&script, false).map_err(driver_error)?.value;
    let snapshot = snapshot.as_ref().and_then(Value::as_str).unwrap_or_default();
    let snapshot: DocumentSnapshot = serde_json::from_str(snapshot)
        .map_err(|error| internal("the document cannot be read").with_source(error))?;
    let document = snapshot.check(limits)?;
    let advanced = task.request.options.advanced();
    let screenshot = advanced.screenshot.then(|| screenshot(&tab)).transpose()?;
    let pdf = advanced.generate_pdf.then(|| print(&tab)).transpose()?;
    let state = task.tracker.state();
    if state.dialogs > 0 {
        task.warnings.push(dialogs_dismissed(state.dialogs));
    }
    let page = fetched(&state, document, task.warnings);
    Ok(Rendered { page, screenshot, pdf, ..Rendered::default() })
}

fn driver_error(error: impl fmt::Display) -> FetchError {
    broken(format!("headless_chrome: {error:#}"))
}

fn call<C>(tab: &Tab, params: Value) -> Result<C::ReturnObject, FetchError>
where
    C: Method + Serialize + DeserializeOwned + fmt::Debug,
{
    let unknown = |error| internal("the driver does not support the call").with_source(error);
    let method: C = serde_json::from_value(params).map_err(unknown)?;
    tab.call_method(method).map_err(driver_error)
}

fn set_up(tab: &Arc<Tab>, task: &PageTask) -> Result<(), FetchError> {
    let request = &task.request;
    task.tracker.state().frame.clone_from(tab.get_target_id());
    let (tracker, weak_tab) = (Arc::clone(&task.tracker), Arc::downgrade(tab));
    let dialogs = AtomicU32::new(0);
    let listener = move |event: &Event| on_event(&tracker, event, &weak_tab, &dialogs);
    tab.add_event_listener(Arc::new(listener)).map_err(driver_error)?;
    tab.call_method(Inspector::Enable(None)).map_err(driver_error)?;
    call::<Network::Enable>(tab, body_buffers())?;
    call::<Page::SetDownloadBehavior>(tab, json!({"behavior": "deny"}))?;
    let user_agent = request
        .headers_to_send()
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("user-agent"))
        .cloned();
    let language = &request.options.location().language;
    if user_agent.is_some() || language.is_some() {
        let user_agent = match user_agent {
            Some((_, value)) => value,
            None => own_user_agent(tab)?,
        };
        let languages = language.as_ref().map(|language| format!("{language},en"));
        tab.set_user_agent(&user_agent, languages.as_deref(), None).map_err(driver_error)?;
    }
    if let Some(params) = cookies::to_set(request) {
        call::<Network::SetCookies>(tab, params)?;
    }
    if let Some(source) = cookies::storage_script(request) {
        let params = json!({ "source": source, "worldName": "rungs" });
        call::<Page::AddScriptToEvaluateOnNewDocument>(tab, params)?;
    }
    if let Some(intercept) = Intercept::of(request) {
        let patterns = intercept.patterns();
        let main_frame = tab.get_target_id().clone();
        let resume = move |_, _, event: Fetch::events::RequestPausedEvent| {
            resume(&intercept, &main_frame, &event)
        };
        tab.enable_request_interception(Arc::new(resume)).map_err(driver_error)?;
        call::<Fetch::Enable>(tab, patterns)?;
    }
    Ok(())
}

fn own_user_agent(tab: &Tab) -> Result<String, FetchError> {
    let value = tab.evaluate("navigator.userAgent", false).map_err(driver_error)?.value;
    Ok(value.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned())
}

/// Resumes or blocks a request, by the same rules as the other driver.
fn resume(
    intercept: &Intercept,
    main_frame: &str,
    event: &Fetch::events::RequestPausedEvent,
) -> RequestPausedDecision {
    let paused = serde_json::to_value(&event.params).and_then(serde_json::from_value::<Paused>);
    let Ok(paused) = paused else { return RequestPausedDecision::Continue(None) };
    let (method, params) = intercept.resume(&paused, main_frame);
    if method == "Fetch.failRequest" {
        if let Ok(fail) = serde_json::from_value(params) {
            return RequestPausedDecision::Fail(fail);
        }
        return RequestPausedDecision::Continue(None);
    }
    RequestPausedDecision::Continue(serde_json::from_value(params).ok())
}

/// Applies an event. It runs on the tab's own thread, which must not call the tab.
fn on_event(tracker: &PageTracker, event: &Event, tab: &Weak<Tab>, dialogs: &AtomicU32) {
    let (method, params) = match event {
        Event::NetworkRequestWillBeSent(event) => {
            ("Network.requestWillBeSent", to_json(&event.params))
        }
        Event::NetworkResponseReceived(event) => {
            ("Network.responseReceived", to_json(&event.params))
        }
        Event::NetworkResponseReceivedExtraInfo(event) => {
            ("Network.responseReceivedExtraInfo", to_json(&event.params))
        }
        Event::NetworkDataReceived(event) => ("Network.dataReceived", to_json(&event.params)),
        Event::NetworkLoadingFinished(event) => ("Network.loadingFinished", to_json(&event.params)),
        Event::NetworkRequestServedFromCache(event) => {
            ("Network.requestServedFromCache", to_json(&event.params))
        }
        Event::NetworkLoadingFailed(event) => ("Network.loadingFailed", to_json(&event.params)),
        Event::PageFrameNavigated(event) => ("Page.frameNavigated", to_json(&event.params)),
        Event::PageFrameStoppedLoading(event) => {
            ("Page.frameStoppedLoading", to_json(&event.params))
        }
        Event::PageLifecycleEvent(event) => ("Page.lifecycleEvent", to_json(&event.params)),
        Event::PageDownloadWillBegin(event) => ("Page.downloadWillBegin", to_json(&event.params)),
        Event::InspectorTargetCrashed(_) => ("Inspector.targetCrashed", String::new()),
        Event::PageJavascriptDialogOpening(event) => {
            if let Some(tab) = tab.upgrade()
                && dialogs.fetch_add(1, Ordering::SeqCst) < MAX_DIALOGS
            {
                std::thread::spawn(move || {
                    call::<Page::HandleJavaScriptDialog>(&tab, json!({"accept": false}))
                });
            }
            ("Page.javascriptDialogOpening", to_json(&event.params))
        }
        _ => return,
    };
    tracker.on_event(method, &params);
}

fn to_json(params: &impl Serialize) -> String {
    serde_json::to_string(params).unwrap_or_default()
}

fn navigate(tab: &Tab, task: &PageTask, runtime: &Handle) -> Result<(), FetchError> {
    let url = task.request.url.as_str();
    let navigation_error = |net_error: &str| {
        let requested = task.tracker.state().requested_url.clone();
        task.gateway.explain([&requested, url], net_error)
    };
    let navigation = call::<Page::Navigate>(tab, json!({ "url": url }))?;
    if task.tracker.state().downloads > 0 {
        return Err(is_download());
    }
    if let Some(net_error) = navigation.error_text {
        return Err(navigation_error(&net_error));
    }
    let shown = task.tracker.wait_until(shown_or_failed);
    let shown = block_on(runtime, task.at_most(DRIVER_TIMEOUT), shown).ok_or_else(timed_out)?;
    shown.map_err(|net_error| navigation_error(&net_error))
}

/// Blocks until the future is ready; returns `None` if that takes longer than `limit`.
fn block_on<T>(runtime: &Handle, limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    runtime.block_on(async { timeout(limit, future).await.ok() })
}

impl PageTask {
    /// Returns `limit`, or most of the remaining time if that is less.
    fn at_most(&self, limit: Duration) -> Duration {
        let remaining = self.deadline.saturating_duration_since(Instant::now());
        limit.min(remaining.mul_f64(MAX_STEP_SHARE))
    }
}

fn wait_for_load(task: &mut PageTask, runtime: &Handle) -> Result<(), FetchError> {
    let condition = task.request.options.advanced().wait_condition;
    let loaded = task.tracker.wait_for_condition(condition);
    if block_on(runtime, task.at_most(task.limits.load_timeout), loaded).is_none() {
        let warning = not_loaded(&task.tracker, condition)?;
        task.warnings.push(warning);
    }
    Ok(())
}

fn wait_for(tab: &Tab, task: &mut PageTask) -> Result<(), FetchError> {
    let Some(selector) = task.request.options.wait_for() else { return Ok(()) };
    let limit = task.at_most(task.limits.selector_timeout);
    if tab.wait_for_element_with_custom_timeout(selector, limit).is_err() {
        // The driver reports a dead browser in the same way. A call tells the difference.
        tab.evaluate("0", false).map_err(driver_error)?;
        let warning = selector_not_found(selector);
        task.warnings.push(warning);
    }
    Ok(())
}

fn screenshot(tab: &Tab) -> Result<Vec<u8>, FetchError> {
    let params = json!({"format": "png", "captureBeyondViewport": true});
    let screenshot = call::<Page::CaptureScreenshot>(tab, params)?;
    STANDARD.decode(screenshot.data).map_err(invalid_base64)
}

fn print(tab: &Tab) -> Result<Vec<u8>, FetchError> {
    let options = PrintToPdfOptions {
        print_background: Some(true),
        prefer_css_page_size: Some(true),
        ..PrintToPdfOptions::default()
    };
    tab.print_to_pdf(Some(options)).map_err(driver_error)
}
