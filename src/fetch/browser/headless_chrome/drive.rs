//! One page, on the thread that waits for it.

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

use super::super::blank::kept_bodies;
use super::super::capture::{DOCUMENT, Limit, Taken};
use super::super::error::{broken, late};
use super::super::intercept::{Intercept, Paused};
use super::super::state::Seen;
use super::super::tab::set_cookies;
use super::super::visit::{dismissed, fetched, not_reached};
use super::{Visit, internal};
use crate::ports::fetch::{FetchError, FetchErrorKind, Rendered};

/// Longer than any page: a call that is given up for its time closes the connection.
const NEVER: Duration = Duration::from_secs(3_600);
/// Dialogs that are dismissed; a page with more of them ends with its time.
const MAX_DIALOGS: u32 = 20;

/// Shows the page. Whatever it waits for ends with the browser.
pub(super) fn show(
    mut visit: Visit,
    url: String,
    runtime: &Handle,
) -> Result<Rendered, FetchError> {
    let browser = Browser::connect_with_timeout(url, NEVER).map_err(|why| said(&why))?;
    let tab = browser.new_tab().map_err(|why| said(&why))?;
    set_up(&tab, &visit)?;
    go(&tab, &visit, runtime)?;
    settle(&mut visit, runtime)?;
    wait_for(&tab, &mut visit)?;
    let limit = Limit { nodes: visit.limits.nodes, bytes: visit.request.max_bytes };
    let ask = json!({"flatten": false, "nodes": limit.nodes, "bytes": limit.bytes});
    // As text: values come back by reference otherwise.
    let script = format!("JSON.stringify(({})({ask}))", DOCUMENT.trim());
    let taken = tab.evaluate(&script, false).map_err(|why| said(&why))?.value;
    let taken = taken.as_ref().and_then(Value::as_str).unwrap_or_default();
    let taken: Taken = serde_json::from_str(taken)
        .map_err(|why| internal("the document cannot be read").with_source(why))?;
    let document = taken.within(limit)?;
    let advanced = &visit.request.options.advanced;
    let screenshot = advanced.screenshot.then(|| screenshot(&tab)).transpose()?;
    let pdf = advanced.generate_pdf.then(|| print(&tab)).transpose()?;
    let state = visit.seen.state();
    if state.dialogs > 0 {
        visit.warnings.push(dismissed(state.dialogs));
    }
    let page = fetched(&state, document, visit.warnings);
    Ok(Rendered { page, screenshot, pdf, ..Rendered::default() })
}

/// The driver's words for a failure.
fn said(why: &impl fmt::Display) -> FetchError {
    broken(format!("headless_chrome: {why:#}"))
}

fn ask<C>(tab: &Tab, params: Value) -> Result<C::ReturnObject, FetchError>
where
    C: Method + Serialize + DeserializeOwned + fmt::Debug,
{
    let odd = |why| internal("the driver does not know the call").with_source(why);
    let call: C = serde_json::from_value(params).map_err(odd)?;
    tab.call_method(call).map_err(|why| said(&why))
}

fn set_up(tab: &Arc<Tab>, visit: &Visit) -> Result<(), FetchError> {
    let request = &visit.request;
    visit.seen.state().frame.clone_from(tab.get_target_id());
    let (seen, weak) = (Arc::clone(&visit.seen), Arc::downgrade(tab));
    let dialogs = AtomicU32::new(0);
    let listener = move |event: &Event| hear(&seen, event, &weak, &dialogs);
    tab.add_event_listener(Arc::new(listener)).map_err(|why| said(&why))?;
    tab.call_method(Inspector::Enable(None)).map_err(|why| said(&why))?;
    ask::<Network::Enable>(tab, kept_bodies())?;
    ask::<Page::SetDownloadBehavior>(tab, json!({"behavior": "deny"}))?;
    let agent = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("user-agent"));
    let language = &request.options.location.language;
    if agent.is_some() || language.is_some() {
        let own = || tab.evaluate("navigator.userAgent", false).map_err(|why| said(&why));
        let agent = match agent {
            Some((_, value)) => value.clone(),
            None => own()?.value.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned(),
        };
        let language = language.as_ref().map(|it| format!("{it},en"));
        tab.set_user_agent(&agent, language.as_deref(), None).map_err(|why| said(&why))?;
    }
    let cookies = &request.options.advanced.cookies;
    if !cookies.is_empty() {
        ask::<Network::SetCookies>(tab, set_cookies(cookies, request.url.as_str()))?;
    }
    if let Some(intercept) = Intercept::of(request) {
        let patterns = intercept.patterns();
        let main = tab.get_target_id().clone();
        let decide =
            move |_, _, event: Fetch::events::RequestPausedEvent| decide(&intercept, &main, &event);
        tab.enable_request_interception(Arc::new(decide)).map_err(|why| said(&why))?;
        ask::<Fetch::Enable>(tab, patterns)?;
    }
    Ok(())
}

/// What becomes of a request: the same as with the other driver.
fn decide(
    intercept: &Intercept,
    main: &str,
    event: &Fetch::events::RequestPausedEvent,
) -> RequestPausedDecision {
    let paused = serde_json::to_value(&event.params).and_then(serde_json::from_value::<Paused>);
    let Ok(paused) = paused else { return RequestPausedDecision::Continue(None) };
    let (method, params) = intercept.answer(&paused, paused.frame_id == main);
    if method == "Fetch.failRequest" {
        if let Ok(fail) = serde_json::from_value(params) {
            return RequestPausedDecision::Fail(fail);
        }
        return RequestPausedDecision::Continue(None);
    }
    RequestPausedDecision::Continue(serde_json::from_value(params).ok())
}

/// Takes in an event. It is called on the tab's own thread, where nothing may be asked of the tab.
fn hear(seen: &Seen, event: &Event, tab: &Weak<Tab>, dialogs: &AtomicU32) {
    let (method, params) = match event {
        Event::NetworkRequestWillBeSent(it) => ("Network.requestWillBeSent", text(&it.params)),
        Event::NetworkResponseReceived(it) => ("Network.responseReceived", text(&it.params)),
        Event::NetworkResponseReceivedExtraInfo(it) => {
            ("Network.responseReceivedExtraInfo", text(&it.params))
        }
        Event::NetworkDataReceived(it) => ("Network.dataReceived", text(&it.params)),
        Event::NetworkLoadingFinished(it) => ("Network.loadingFinished", text(&it.params)),
        Event::NetworkRequestServedFromCache(it) => {
            ("Network.requestServedFromCache", text(&it.params))
        }
        Event::NetworkLoadingFailed(it) => ("Network.loadingFailed", text(&it.params)),
        Event::PageFrameNavigated(it) => ("Page.frameNavigated", text(&it.params)),
        Event::PageFrameStoppedLoading(it) => ("Page.frameStoppedLoading", text(&it.params)),
        Event::PageLifecycleEvent(it) => ("Page.lifecycleEvent", text(&it.params)),
        Event::PageDownloadWillBegin(it) => ("Page.downloadWillBegin", text(&it.params)),
        Event::InspectorTargetCrashed(_) => ("Inspector.targetCrashed", String::new()),
        Event::PageJavascriptDialogOpening(it) => {
            if let Some(tab) = tab.upgrade()
                && dialogs.fetch_add(1, Ordering::SeqCst) < MAX_DIALOGS
            {
                std::thread::spawn(move || {
                    ask::<Page::HandleJavaScriptDialog>(&tab, json!({"accept": false}))
                });
            }
            ("Page.javascriptDialogOpening", text(&it.params))
        }
        _ => return,
    };
    seen.hear(method, &params);
}

fn text(params: &impl Serialize) -> String {
    serde_json::to_string(params).unwrap_or_default()
}

fn go(tab: &Tab, visit: &Visit, runtime: &Handle) -> Result<(), FetchError> {
    let url = visit.request.url.as_str();
    let unreached = |word: &str| {
        let asked_last = visit.seen.state().asked.clone();
        visit.gateway.unreached([&asked_last, url], word)
    };
    let going = ask::<Page::Navigate>(tab, json!({ "url": url }))?;
    if visit.seen.state().downloads > 0 {
        let message = "the address is a download, which a browser does not show";
        return Err(FetchError::new(FetchErrorKind::Unsupported, message));
    }
    if let Some(word) = going.error_text {
        return Err(unreached(&word));
    }
    let there = visit.seen.until(|state| match &state.failed {
        Some(word) => Some(Err(word.clone())),
        None => state.shown.as_ref().filter(|it| it.status > 0).map(|_| Ok(())),
    });
    within(runtime, visit.left(NEVER), there).ok_or_else(late)?.map_err(|word| unreached(&word))
}

fn within<T>(runtime: &Handle, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    runtime.block_on(async { timeout(limit, work).await.ok() })
}

impl Visit {
    /// At most `limit`, and most of what is left.
    fn left(&self, limit: Duration) -> Duration {
        limit.min(self.until.saturating_duration_since(Instant::now()).mul_f64(0.7))
    }
}

fn settle(visit: &mut Visit, runtime: &Handle) -> Result<(), FetchError> {
    let (seen, condition) = (&visit.seen, visit.request.options.advanced.wait_condition);
    let loaded = seen.reached(condition);
    if within(runtime, visit.left(visit.limits.load), loaded).is_none() {
        let warning = not_reached(seen, condition)?;
        visit.warnings.push(warning);
    }
    Ok(())
}

fn wait_for(tab: &Tab, visit: &mut Visit) -> Result<(), FetchError> {
    let Some(selector) = &visit.request.options.wait_for else { return Ok(()) };
    let limit = visit.left(visit.limits.selector);
    let found = tab.wait_for_element_with_custom_timeout(selector, limit).is_ok();
    if !found {
        // The browser may be over, and then nothing more can be asked.
        tab.evaluate("0", false).map_err(|why| said(&why))?;
        let warning = format!("wait_for was not met: nothing matched `{selector}` in time");
        visit.warnings.push(warning);
    }
    Ok(())
}

fn screenshot(tab: &Tab) -> Result<Vec<u8>, FetchError> {
    let ask_for = json!({"format": "png", "captureBeyondViewport": true});
    let taken = ask::<Page::CaptureScreenshot>(tab, ask_for)?;
    STANDARD.decode(taken.data).map_err(|why| internal("a picture cannot be read").with_source(why))
}

fn print(tab: &Tab) -> Result<Vec<u8>, FetchError> {
    let options = PrintToPdfOptions {
        print_background: Some(true),
        prefer_css_page_size: Some(true),
        ..PrintToPdfOptions::default()
    };
    tab.print_to_pdf(Some(options)).map_err(|why| said(&why))
}
