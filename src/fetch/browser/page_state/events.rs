//! The `DevTools` events that change a page's state.

use serde::Deserialize;
use tokio::time::Instant;

use super::{MAX_INFLIGHT, MAX_REDIRECTS, MainDocument, PageState};
use crate::ports::fetch::Redirect;

fn read<'a, T: Deserialize<'a>>(params: &'a str) -> Option<T> {
    serde_json::from_str(params).ok()
}

type HeaderMap = serde_json::Map<String, serde_json::Value>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestWillBeSent {
    request_id: String,
    loader_id: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    frame_id: Option<String>,
    request: RequestInfo,
    redirect_response: Option<ResponseInfo>,
}

#[derive(Deserialize)]
struct RequestInfo {
    url: String,
}

#[derive(Deserialize)]
struct ResponseInfo {
    url: String,
    status: u16,
    #[serde(default)]
    headers: HeaderMap,
    #[serde(default, rename = "mimeType")]
    media_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResponseReceived {
    request_id: String,
    response: ResponseInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResponseExtraInfo {
    request_id: String,
    #[serde(default)]
    headers: HeaderMap,
    status_code: u16,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoadingFailed {
    request_id: String,
    error_text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoadingFinished {
    request_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DataReceived {
    encoded_data_length: u64,
    data_length: u64,
}

#[derive(Deserialize)]
struct FrameNavigated {
    frame: FrameInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FrameInfo {
    id: String,
    parent_id: Option<String>,
    loader_id: String,
    url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FrameStoppedLoading {
    frame_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LifecycleEvent {
    frame_id: String,
    loader_id: String,
    name: String,
}

/// Applies one event. Returns `None` if it is unknown, malformed or about something else.
pub(super) fn apply(state: &mut PageState, method: &str, params: &str) -> Option<()> {
    match method {
        "Network.requestWillBeSent" => request_sent(state, read(params)?),
        "Network.responseReceived" => response_received(state, read(params)?)?,
        "Network.responseReceivedExtraInfo" => {
            let extra: ResponseExtraInfo = read(params)?;
            let documents = [&mut state.pending, &mut state.shown].into_iter().flatten();
            let document =
                documents.into_iter().find(|document| document.loader == extra.request_id)?;
            if extra.status_code == 304 {
                // The browser shows nothing for it, and reports no other response.
                let response = MainDocument { status: 304, ..document.clone() };
                state.response = Some(response);
                return Some(());
            }
            if document.status == 0 || document.status == extra.status_code {
                document.headers = header_list(extra.headers);
            }
        }
        "Network.dataReceived" => {
            let data: DataReceived = read(params)?;
            let bytes = data.encoded_data_length.max(data.data_length);
            state.loaded_bytes = state.loaded_bytes.saturating_add(bytes);
        }
        "Network.loadingFinished" | "Network.requestServedFromCache" => {
            request_ended(state, &read::<LoadingFinished>(params)?.request_id);
        }
        "Network.loadingFailed" => loading_failed(state, read(params)?),
        "Page.frameNavigated" => frame_navigated(state, read::<FrameNavigated>(params)?.frame),
        "Page.frameStoppedLoading" => {
            let FrameStoppedLoading { frame_id } = read(params)?;
            if frame_id == state.frame && state.pending.is_none() && state.shown.is_some() {
                // Loading was stopped, by the page or by a navigation that came to nothing: no more comes.
                mark_loaded(state);
            }
        }
        "Page.lifecycleEvent" => lifecycle(state, &read(params)?),
        "Page.javascriptDialogOpening" => state.dialogs = state.dialogs.saturating_add(1),
        "Page.downloadWillBegin" => {
            state.downloads = state.downloads.saturating_add(1);
            // The navigation became a download, so no document is pending.
            state.pending = None;
        }
        "Inspector.targetCrashed" | "Inspector.detached" => state.crashed = true,
        _ => return None,
    }
    Some(())
}

fn request_sent(state: &mut PageState, sent: RequestWillBeSent) {
    // Streams last as long as their page, pings have no response, and `Other` is the page's icon: loading
    // does not wait for them.
    let is_background = matches!(
        sent.kind.as_deref(),
        Some("EventSource" | "WebSocket" | "Media" | "Ping" | "Other")
    );
    if !is_background {
        if state.inflight.len() < MAX_INFLIGHT {
            state.inflight.insert(sent.request_id.clone(), sent.frame_id.clone());
        }
        state.quiet_since = None;
    }
    let is_main_document = sent.frame_id.as_ref() == Some(&state.frame)
        && sent.kind.as_deref() == Some("Document")
        && sent.request_id == sent.loader_id;
    if !is_main_document {
        return;
    }
    match sent.redirect_response {
        Some(hop) if state.redirects.len() < MAX_REDIRECTS => {
            state.redirects.push(Redirect { url: hop.url, status_code: hop.status });
        }
        Some(_) => {}
        None => state.navigations += 1,
    }
    state.navigation_error = None;
    state.requested_url.clone_from(&sent.request.url);
    state.pending = Some(MainDocument {
        loader: sent.loader_id,
        url: sent.request.url,
        ..MainDocument::default()
    });
}

fn response_received(state: &mut PageState, event: ResponseReceived) -> Option<()> {
    let ResponseReceived { request_id, response } = event;
    let pending = state.pending.as_mut().filter(|document| document.loader == request_id)?;
    pending.status = response.status;
    pending.media_type = response.media_type;
    // The raw headers of `responseReceivedExtraInfo` are more exact, and may have come before.
    if pending.headers.is_empty() {
        pending.headers = header_list(response.headers);
    }
    pending.url = response.url;
    state.response.clone_from(&state.pending);
    if matches!(response.status, 204 | 205) {
        // With these statuses the browser stays on the current document.
        state.pending = None;
    }
    Some(())
}

fn loading_failed(state: &mut PageState, event: LoadingFailed) {
    let LoadingFailed { request_id, error_text } = event;
    request_ended(state, &request_id);
    let is_of = |document: &Option<MainDocument>| {
        document.as_ref().is_some_and(|document| document.loader == request_id)
    };
    if is_of(&state.pending) {
        state.pending = None;
        state.navigation_error = Some(error_text);
    } else if is_of(&state.shown) && error_text != "net::ERR_ABORTED" {
        // A document that navigates while it is being received is aborted, which is not an error.
        state.truncation_error = Some(error_text);
    }
}

fn request_ended(state: &mut PageState, request: &str) {
    if state.inflight.remove(request).is_some() && state.inflight.is_empty() {
        state.quiet_since = Some(Instant::now());
    }
}

fn frame_navigated(state: &mut PageState, frame: FrameInfo) {
    if frame.parent_id.is_some() || frame.id != state.frame {
        return;
    }
    let pending = state.pending.take_if(|document| document.loader == frame.loader_id);
    // A document that the page writes itself, such as `about:blank`, has no response of a site.
    let document = pending.unwrap_or_default();
    let url = if document.url.is_empty() { frame.url } else { document.url };
    state.truncation_error = None;
    state.shown = Some(MainDocument { loader: frame.loader_id, url, ..document });
    state.is_parsed = false;
    state.is_loaded = false;
    // Requests of the previous document do not delay this one.
    state.inflight.clear();
}

fn lifecycle(state: &mut PageState, event: &LifecycleEvent) {
    if event.name == "networkIdle" {
        // The browser reports that the frame has nothing in flight. Some requests end without an event, such
        // as those that a frame was blocked from making.
        let before = state.inflight.len();
        state
            .inflight
            .retain(|_, frame| frame.as_ref().is_some_and(|frame| *frame != event.frame_id));
        if before > 0 && state.inflight.is_empty() {
            state.quiet_since = Some(Instant::now());
        }
    }
    let is_shown = state.shown.as_ref().is_some_and(|shown| shown.loader == event.loader_id);
    if event.frame_id != state.frame || !is_shown {
        return;
    }
    match event.name.as_str() {
        "DOMContentLoaded" => state.is_parsed = true,
        "load" => mark_loaded(state),
        _ => {}
    }
}

fn mark_loaded(state: &mut PageState) {
    state.is_parsed = true;
    state.is_loaded = true;
    if state.inflight.is_empty() {
        state.quiet_since.get_or_insert_with(Instant::now);
    }
}

/// Lower-cases names, and splits repeated headers, which come as lines of one value.
fn header_list(raw: HeaderMap) -> Vec<(String, String)> {
    let mut headers = Vec::with_capacity(raw.len());
    for (name, value) in raw {
        let name = name.to_ascii_lowercase();
        for line in value.as_str().unwrap_or_default().split('\n') {
            headers.push((name.clone(), line.to_owned()));
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::MAX_NAVIGATIONS;
    use super::*;

    fn page() -> PageState {
        PageState { frame: "F".to_owned(), ..PageState::default() }
    }

    fn receive(state: &mut PageState, method: &str, params: &Value) {
        apply(state, method, &params.to_string());
    }

    fn send(state: &mut PageState, id: &str, url: &str, hop: Option<u16>) {
        let redirect = hop.map(|status| json!({"url": "http://a/from", "status": status}));
        receive(
            state,
            "Network.requestWillBeSent",
            &json!({
                "requestId": id, "loaderId": id, "type": "Document", "frameId": "F",
                "request": {"url": url}, "redirectResponse": redirect,
            }),
        );
    }

    fn show(state: &mut PageState, id: &str, url: &str) {
        receive(
            state,
            "Network.responseReceived",
            &json!({
                "requestId": id, "response": {"url": url, "status": 200, "headers": {"X-A": "1\n2"}},
            }),
        );
        receive(
            state,
            "Page.frameNavigated",
            &json!({
                "frame": {"id": "F", "loaderId": id, "url": url},
            }),
        );
        for name in ["DOMContentLoaded", "load"] {
            let event = json!({"frameId": "F", "loaderId": id, "name": name});
            receive(state, "Page.lifecycleEvent", &event);
        }
        receive(state, "Network.loadingFinished", &json!({"requestId": id}));
    }

    #[test]
    fn a_document_has_its_redirects_and_headers() {
        let mut state = page();

        send(&mut state, "1", "http://a/from", None);
        send(&mut state, "1", "http://a/to", Some(302));
        assert!(!state.is_parsed());
        show(&mut state, "1", "http://a/to");

        assert!(state.is_loaded() && state.quiet_since().is_some());
        let redirect = Redirect { url: "http://a/from".to_owned(), status_code: 302 };
        assert_eq!(state.redirects, [redirect]);
        let shown = state.shown.expect("a document");
        assert_eq!((shown.status, shown.url.as_str()), (200, "http://a/to"));
        let twice = [("x-a".to_owned(), "1".to_owned()), ("x-a".to_owned(), "2".to_owned())];
        assert_eq!(shown.headers, twice);
    }

    #[test]
    fn a_page_that_navigates_is_not_loaded_until_its_next_document_is() {
        let mut state = page();
        send(&mut state, "1", "http://a/", None);
        show(&mut state, "1", "http://a/");

        send(&mut state, "2", "http://a/next", None);
        assert!(!state.is_parsed() && !state.is_loaded() && state.quiet_since().is_none());
        show(&mut state, "2", "http://a/next");

        assert!(state.is_loaded());
        assert_eq!(state.shown.map(|document| document.url).as_deref(), Some("http://a/next"));
        assert!(state.redirects.is_empty());
    }

    #[test]
    fn a_document_in_a_frame_is_not_the_main_document() {
        let mut state = page();
        send(&mut state, "1", "http://a/", None);
        show(&mut state, "1", "http://a/");

        receive(
            &mut state,
            "Network.requestWillBeSent",
            &json!({
                "requestId": "2", "loaderId": "2", "type": "Document", "frameId": "G",
                "request": {"url": "http://b/"},
            }),
        );
        assert!(state.is_loaded() && state.quiet_since().is_none());
        receive(&mut state, "Network.loadingFailed", &json!({"requestId": "2", "errorText": "no"}));

        assert!(state.quiet_since().is_some() && state.navigation_error.is_none());
        assert_eq!(state.shown.map(|document| document.url).as_deref(), Some("http://a/"));
    }

    #[test]
    fn a_response_without_a_document_is_kept() {
        let mut state = page();

        send(&mut state, "1", "http://a/", None);
        let response = json!({"url": "http://a/", "status": 204, "headers": {}});
        let received = json!({"requestId": "1", "response": response});
        receive(&mut state, "Network.responseReceived", &received);

        assert!(state.pending.is_none() && state.shown.is_none());
        assert_eq!(state.response.map(|document| document.status), Some(204));
    }

    #[test]
    fn a_navigation_loop_is_detected() {
        let mut state = page();

        for at in 0..=MAX_NAVIGATIONS {
            assert!(!state.is_navigation_loop());
            send(&mut state, &at.to_string(), "http://a/", None);
        }

        assert!(state.is_navigation_loop());
    }

    #[test]
    fn an_unknown_or_malformed_event_changes_nothing() {
        let mut state = page();

        assert!(apply(&mut state, "Network.requestWillBeSent", "{\"requestId\": 1}").is_none());
        assert!(apply(&mut state, "Other.thing", "{}").is_none());

        assert!(state.inflight.is_empty());
    }
}
