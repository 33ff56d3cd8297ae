//! What is known of one page from its events.
//!
//! Events are taken in where they are read, into a state of bounded size: a page that makes a
//! million requests fills no queue.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::core::request::WaitCondition;
use crate::ports::fetch::Redirect;

/// No request for this long is an idle network, as other drivers of browsers have it.
const IDLE: Duration = Duration::from_millis(500);
/// Requests of a page that are kept track of at once; more count as none.
const MAX_INFLIGHT: usize = 4_096;
/// The most documents that a page may lead to by itself.
const MAX_NAVIGATIONS: usize = 20;
/// The most hops that are told.
const MAX_REDIRECTS: usize = 50;

/// A document as it was answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Main {
    /// The browser's name for the load, and for the document's own request.
    loader: String,
    pub(super) url: String,
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
}

/// What is known.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) frame: String,
    /// The document that is on its way.
    coming: Option<Main>,
    /// The one that is shown.
    pub(super) shown: Option<Main>,
    pub(super) redirects: Vec<Redirect>,
    navigations: usize,
    parsed: bool,
    loaded: bool,
    /// Requests on their way, and the frames that they are for.
    inflight: HashMap<String, Option<String>>,
    quiet_since: Option<Instant>,
    pub(super) bytes: u64,
    /// The address that was asked for last.
    pub(super) asked: String,
    /// Why the last navigation failed, in the browser's word.
    pub(super) failed: Option<String>,
    /// Why the document that is shown is not whole, in the browser's word.
    pub(super) broke_off: Option<String>,
    pub(super) crashed: bool,
    pub(super) dialogs: u32,
    pub(super) downloads: u32,
}

impl State {
    /// Whether the document that is shown was parsed.
    pub(super) fn is_parsed(&self) -> bool {
        self.parsed && self.coming.is_none()
    }

    /// Whether it has loaded all that it names.
    pub(super) fn is_loaded(&self) -> bool {
        self.loaded && self.coming.is_none()
    }

    /// Since when it has loaded nothing more.
    pub(super) fn quiet_since(&self) -> Option<Instant> {
        self.quiet_since.filter(|_| self.is_loaded() && self.inflight.is_empty())
    }

    /// Whether the page leads from one document to the next without end.
    pub(super) fn wanders(&self) -> bool {
        self.navigations > MAX_NAVIGATIONS
    }
}

/// A page's state, and who waits for it to change.
#[derive(Debug, Default)]
pub(super) struct Seen {
    state: Mutex<State>,
    changed: Notify,
}

impl Seen {
    /// Of a page whose main frame is `frame`.
    pub(super) fn new(frame: &str) -> Self {
        let state = State { frame: frame.to_owned(), ..State::default() };
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in one event.
    pub(super) fn hear(&self, method: &str, params: &str) {
        if take(&mut self.state(), method, params).is_some() {
            self.changed.notify_waiters();
        }
    }

    /// Waits until `look` sees something.
    pub(super) async fn until<T>(&self, mut look: impl FnMut(&State) -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From here on no change is missed.
            changed.as_mut().enable();
            if let Some(seen) = look(&self.state()) {
                return seen;
            }
            changed.await;
        }
    }

    /// Waits until the page counts as loaded.
    pub(super) async fn reached(&self, condition: WaitCondition) {
        match condition {
            WaitCondition::DomContentLoaded => self.until(|it| it.is_parsed().then_some(())).await,
            WaitCondition::Load => self.until(|it| it.is_loaded().then_some(())).await,
            WaitCondition::NetworkIdle => self.quiet(IDLE).await,
        }
    }

    /// Waits until the page has loaded nothing for `pause`.
    pub(super) async fn quiet(&self, pause: Duration) {
        loop {
            let since = self.until(State::quiet_since).await;
            let until = since + pause;
            tokio::time::sleep_until(until).await;
            if self.state().quiet_since() == Some(since) {
                return;
            }
        }
    }
}

fn read<'a, T: Deserialize<'a>>(params: &'a str) -> Option<T> {
    serde_json::from_str(params).ok()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    request_id: String,
    loader_id: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    frame_id: Option<String>,
    request: Addressed,
    redirect_response: Option<Response>,
}

#[derive(Deserialize)]
struct Addressed {
    url: String,
}

#[derive(Deserialize)]
struct Response {
    url: String,
    status: u16,
    #[serde(default)]
    headers: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Received {
    request_id: String,
    response: Response,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extra {
    request_id: String,
    #[serde(default)]
    headers: serde_json::Map<String, serde_json::Value>,
    status_code: u16,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failed {
    request_id: String,
    error_text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    request_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    encoded_data_length: u64,
    data_length: u64,
}

#[derive(Deserialize)]
struct Navigated {
    frame: Frame,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Frame {
    id: String,
    parent_id: Option<String>,
    loader_id: String,
    url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stopped {
    frame_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lifecycle {
    frame_id: String,
    loader_id: String,
    name: String,
}

/// Takes in one event; whether there was anything to it.
fn take(state: &mut State, method: &str, params: &str) -> Option<()> {
    match method {
        "Network.requestWillBeSent" => sent(state, read(params)?),
        "Network.responseReceived" => {
            let Received { request_id, response } = read(params)?;
            let coming = state.coming.as_mut().filter(|it| it.loader == request_id)?;
            coming.status = response.status;
            if matches!(response.status, 204 | 205) {
                // By these a site says to stay where one is.
                state.coming = None;
                return Some(());
            }
            // The raw ones are better, and may have come before.
            if coming.headers.is_empty() {
                coming.headers = headers(response.headers);
            }
            coming.url = response.url;
        }
        "Network.responseReceivedExtraInfo" => {
            let extra: Extra = read(params)?;
            let main = [&mut state.coming, &mut state.shown].into_iter().flatten();
            let main = main.into_iter().find(|it| it.loader == extra.request_id)?;
            if main.status == 0 || main.status == extra.status_code {
                main.headers = headers(extra.headers);
            }
        }
        "Network.dataReceived" => {
            let data: Data = read(params)?;
            state.bytes =
                state.bytes.saturating_add(data.encoded_data_length.max(data.data_length));
        }
        "Network.loadingFinished" | "Network.requestServedFromCache" => {
            settle(state, &read::<Request>(params)?.request_id);
        }
        "Network.loadingFailed" => {
            let Failed { request_id, error_text } = read(params)?;
            settle(state, &request_id);
            let is = |it: &Option<Main>| it.as_ref().is_some_and(|it| it.loader == request_id);
            if is(&state.coming) {
                state.coming = None;
                state.failed = Some(error_text);
            } else if is(&state.shown) && error_text != "net::ERR_ABORTED" {
                // Aborted is what a page is that leads on before it is there.
                state.broke_off = Some(error_text);
            }
        }
        "Page.frameNavigated" => navigated(state, read::<Navigated>(params)?.frame),
        "Page.frameStoppedLoading" => {
            let Stopped { frame_id } = read(params)?;
            if frame_id == state.frame && state.coming.is_none() && state.shown.is_some() {
                // Whatever was stopped, by the page itself or by what it led to, is as it will be.
                all_there(state);
            }
        }
        "Page.lifecycleEvent" => lifecycle(state, &read(params)?),
        "Page.javascriptDialogOpening" => state.dialogs = state.dialogs.saturating_add(1),
        "Page.downloadWillBegin" => {
            state.downloads = state.downloads.saturating_add(1);
            // What it was led to is no document, so none is coming.
            state.coming = None;
        }
        "Inspector.targetCrashed" | "Inspector.detached" => state.crashed = true,
        _ => return None,
    }
    Some(())
}

fn sent(state: &mut State, sent: Sent) {
    // What lasts as long as its page, is told to nobody, or is the page's icon is nothing to wait for.
    let is_aside = matches!(
        sent.kind.as_deref(),
        Some("EventSource" | "WebSocket" | "Media" | "Ping" | "Other")
    );
    if !is_aside {
        if state.inflight.len() < MAX_INFLIGHT {
            state.inflight.insert(sent.request_id.clone(), sent.frame_id.clone());
        }
        state.quiet_since = None;
    }
    let is_main = sent.frame_id.as_ref() == Some(&state.frame)
        && sent.kind.as_deref() == Some("Document")
        && sent.request_id == sent.loader_id;
    if !is_main {
        return;
    }
    match sent.redirect_response {
        Some(hop) if state.redirects.len() < MAX_REDIRECTS => {
            state.redirects.push(Redirect { url: hop.url, status_code: hop.status });
        }
        Some(_) => {}
        None => state.navigations += 1,
    }
    state.failed = None;
    state.asked.clone_from(&sent.request.url);
    state.coming = Some(Main { loader: sent.loader_id, url: sent.request.url, ..Main::default() });
}

fn settle(state: &mut State, request: &str) {
    if state.inflight.remove(request).is_some() && state.inflight.is_empty() {
        state.quiet_since = Some(Instant::now());
    }
}

fn navigated(state: &mut State, frame: Frame) {
    if frame.parent_id.is_some() || frame.id != state.frame {
        return;
    }
    let coming = state.coming.take_if(|it| it.loader == frame.loader_id);
    // What the page writes by itself, such as `about:blank`, has no answer of a site.
    let shown = coming.unwrap_or_default();
    let url = if shown.url.is_empty() { frame.url } else { shown.url };
    state.broke_off = None;
    state.shown = Some(Main { loader: frame.loader_id, url, ..shown });
    (state.parsed, state.loaded) = (false, false);
    // Requests of the document before are of no interest to this one.
    state.inflight.clear();
}

fn lifecycle(state: &mut State, event: &Lifecycle) {
    if event.name == "networkIdle" {
        // The browser itself says that the frame waits for nothing: the end of some requests is not
        // told, such as of those that a frame was blocked from.
        let of_frame = |it: &Option<String>| it.as_ref().is_none_or(|it| *it == event.frame_id);
        let before = state.inflight.len();
        state.inflight.retain(|_, frame| !of_frame(frame));
        if before > 0 && state.inflight.is_empty() {
            state.quiet_since = Some(Instant::now());
        }
    }
    let shown = state.shown.as_ref().is_some_and(|it| it.loader == event.loader_id);
    if event.frame_id != state.frame || !shown {
        return;
    }
    match event.name.as_str() {
        "DOMContentLoaded" => state.parsed = true,
        "load" => all_there(state),
        _ => {}
    }
}

fn all_there(state: &mut State) {
    (state.parsed, state.loaded) = (true, true);
    if state.inflight.is_empty() {
        state.quiet_since.get_or_insert_with(Instant::now);
    }
}

/// Names in lower case; several values of one name come as lines of one text.
fn headers(raw: serde_json::Map<String, serde_json::Value>) -> Vec<(String, String)> {
    let mut all = Vec::with_capacity(raw.len());
    for (name, value) in raw {
        let name = name.to_ascii_lowercase();
        for line in value.as_str().unwrap_or_default().split('\n') {
            all.push((name.clone(), line.to_owned()));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn page() -> State {
        State { frame: "F".to_owned(), ..State::default() }
    }

    fn hear(state: &mut State, method: &str, params: &Value) {
        take(state, method, &params.to_string());
    }

    fn send(state: &mut State, id: &str, url: &str, hop: Option<u16>) {
        let redirect = hop.map(|it| json!({"url": "http://a/from", "status": it}));
        hear(
            state,
            "Network.requestWillBeSent",
            &json!({
                "requestId": id, "loaderId": id, "type": "Document", "frameId": "F",
                "request": {"url": url}, "redirectResponse": redirect,
            }),
        );
    }

    fn show(state: &mut State, id: &str, url: &str) {
        hear(
            state,
            "Network.responseReceived",
            &json!({
                "requestId": id, "response": {"url": url, "status": 200, "headers": {"X-A": "1\n2"}},
            }),
        );
        hear(
            state,
            "Page.frameNavigated",
            &json!({
                "frame": {"id": "F", "loaderId": id, "url": url},
            }),
        );
        for name in ["DOMContentLoaded", "load"] {
            let event = json!({"frameId": "F", "loaderId": id, "name": name});
            hear(state, "Page.lifecycleEvent", &event);
        }
        hear(state, "Network.loadingFinished", &json!({"requestId": id}));
    }

    #[test]
    fn a_document_is_told_with_its_hops_and_headers() {
        let mut state = page();

        send(&mut state, "1", "http://a/from", None);
        send(&mut state, "1", "http://a/to", Some(302));
        assert!(!state.is_parsed());
        show(&mut state, "1", "http://a/to");

        assert!(state.is_loaded() && state.quiet_since().is_some());
        let told = Redirect { url: "http://a/from".to_owned(), status_code: 302 };
        assert_eq!(state.redirects, [told]);
        let shown = state.shown.expect("it is shown");
        assert_eq!((shown.status, shown.url.as_str()), (200, "http://a/to"));
        let twice = [("x-a".to_owned(), "1".to_owned()), ("x-a".to_owned(), "2".to_owned())];
        assert_eq!(shown.headers, twice);
    }

    #[test]
    fn a_page_that_leads_on_is_not_loaded_until_the_next_one_is() {
        let mut state = page();
        send(&mut state, "1", "http://a/", None);
        show(&mut state, "1", "http://a/");

        send(&mut state, "2", "http://a/next", None);
        assert!(!state.is_parsed() && !state.is_loaded() && state.quiet_since().is_none());
        show(&mut state, "2", "http://a/next");

        assert!(state.is_loaded());
        assert_eq!(state.shown.map(|it| it.url).as_deref(), Some("http://a/next"));
        assert!(state.redirects.is_empty());
    }

    #[test]
    fn what_a_frame_loads_is_no_answer_of_the_page() {
        let mut state = page();
        send(&mut state, "1", "http://a/", None);
        show(&mut state, "1", "http://a/");

        hear(
            &mut state,
            "Network.requestWillBeSent",
            &json!({
                "requestId": "2", "loaderId": "2", "type": "Document", "frameId": "G",
                "request": {"url": "http://b/"},
            }),
        );
        assert!(state.is_loaded() && state.quiet_since().is_none());
        hear(&mut state, "Network.loadingFailed", &json!({"requestId": "2", "errorText": "no"}));

        assert!(state.quiet_since().is_some() && state.failed.is_none());
        assert_eq!(state.shown.map(|it| it.url).as_deref(), Some("http://a/"));
    }

    #[test]
    fn a_page_without_end_is_seen() {
        let mut state = page();

        for at in 0..=MAX_NAVIGATIONS {
            assert!(!state.wanders());
            send(&mut state, &at.to_string(), "http://a/", None);
        }

        assert!(state.wanders());
    }

    #[test]
    fn what_is_no_event_changes_nothing() {
        let mut state = page();

        assert!(take(&mut state, "Network.requestWillBeSent", "{\"requestId\": 1}").is_none());
        assert!(take(&mut state, "Other.thing", "{}").is_none());

        assert!(state.inflight.is_empty());
    }
}
