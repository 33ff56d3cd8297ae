//! The state of one page, derived from its events.
//!
//! Events are applied on the reading task, to a state of bounded size. A page that makes a million requests
//! therefore fills no queue.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::core::request::WaitCondition;
use crate::ports::fetch::{FetchError, Redirect};

mod events;

/// Time without requests after which the network counts as idle: the 500 ms of Puppeteer's `networkidle0`.
const NETWORK_IDLE: Duration = Duration::from_millis(500);
/// Maximum number of requests in flight that are tracked; the rest are ignored.
const MAX_INFLIGHT: usize = 4_096;
/// Maximum number of documents that one page may navigate to. Chromium itself follows 20 redirects.
const MAX_NAVIGATIONS: usize = 20;
/// Maximum number of redirects that are reported.
const MAX_REDIRECTS: usize = 50;

/// The response to a request for the page's main document.
#[derive(Clone, Debug, Default)]
pub(super) struct MainDocument {
    /// The browser's id of the load, which is also the id of the document's own request.
    loader: String,
    pub(super) url: String,
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    /// The media type that the browser took the document for.
    media_type: String,
}

impl MainDocument {
    /// Returns `true` if both are documents of the same load.
    pub(super) fn is_of_same_load(&self, other: &Self) -> bool {
        self.loader == other.loader
    }

    /// Returns the headers, with the type that the browser detected if the site sent none.
    pub(super) fn labeled_headers(&self) -> Vec<(String, String)> {
        let mut headers = self.headers.clone();
        if !self.media_type.is_empty() && !headers.iter().any(|(name, _)| name == "content-type") {
            headers.push(("content-type".to_owned(), self.media_type.clone()));
        }
        headers
    }

    /// Returns `true` if the response is a document that a reader reads and no page: a PDF or an image.
    pub(super) fn is_other_document(&self) -> bool {
        let content_type = self.headers.iter().find(|(name, _)| name == "content-type");
        let media = content_type.map_or(self.media_type.as_str(), |(_, value)| value.trim());
        let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        (200..300).contains(&self.status)
            && (media == "application/pdf"
                || media.starts_with("image/") && media != "image/svg+xml")
    }
}

/// A page's state.
#[derive(Debug, Default)]
pub(super) struct PageState {
    /// The id of the main frame.
    pub(super) frame: String,
    /// The document that was requested and is not shown yet.
    pending: Option<MainDocument>,
    /// The document that is shown.
    pub(super) shown: Option<MainDocument>,
    /// The last response to a request for the main document, shown or not.
    pub(super) response: Option<MainDocument>,
    pub(super) redirects: Vec<Redirect>,
    navigations: usize,
    is_parsed: bool,
    is_loaded: bool,
    /// The ids of requests in flight, with the frame of each.
    inflight: HashMap<String, Option<String>>,
    quiet_since: Option<Instant>,
    /// Bytes received so far, subresources included.
    pub(super) loaded_bytes: u64,
    /// The URL of the last main document that was requested.
    pub(super) requested_url: String,
    /// The reason why the main document was not requested.
    pub(super) refused: Option<FetchError>,
    /// Chromium's error name of the last navigation, if it failed.
    pub(super) navigation_error: Option<String>,
    /// Chromium's error name if the shown document was received in part only.
    pub(super) truncation_error: Option<String>,
    pub(super) crashed: bool,
    pub(super) dialogs: u32,
    pub(super) downloads: u32,
}

impl PageState {
    /// Returns `true` if the shown document is parsed and no other is pending.
    pub(super) fn is_parsed(&self) -> bool {
        self.is_parsed && self.pending.is_none()
    }

    /// Returns `true` if the shown document and its subresources are loaded and no other is pending.
    pub(super) fn is_loaded(&self) -> bool {
        self.is_loaded && self.pending.is_none()
    }

    /// Returns the time of the last network activity of a loaded page, or `None` while it is loading.
    pub(super) fn quiet_since(&self) -> Option<Instant> {
        self.quiet_since.filter(|_| self.is_loaded() && self.inflight.is_empty())
    }

    /// Returns how many documents the page has navigated to, or begun to.
    pub(super) fn navigations(&self) -> usize {
        self.navigations
    }

    /// Returns `true` if the page has navigated more often than any page needs to.
    pub(super) fn is_navigation_loop(&self) -> bool {
        self.navigations > MAX_NAVIGATIONS
    }
}

/// A page's state, and a way to wait for it to change.
#[derive(Debug, Default)]
pub(super) struct PageTracker {
    state: Mutex<PageState>,
    changed: Notify,
}

impl PageTracker {
    /// Creates the tracker of a page whose main frame is `frame`.
    pub(super) fn new(frame: &str) -> Self {
        let state = PageState { frame: frame.to_owned(), ..PageState::default() };
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, PageState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes why the main document is not requested.
    pub(super) fn refuse(&self, reason: FetchError) {
        self.state().refused = Some(reason);
    }

    /// Applies one event.
    pub(super) fn on_event(&self, method: &str, params: &str) {
        if events::apply(&mut self.state(), method, params).is_some() {
            self.changed.notify_waiters();
        }
    }

    /// Waits until `check` returns a value for the current state.
    pub(super) async fn wait_until<T>(&self, mut check: impl FnMut(&PageState) -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before the check, so that no change is missed.
            changed.as_mut().enable();
            if let Some(value) = check(&self.state()) {
                return value;
            }
            changed.await;
        }
    }

    /// Waits until the page's main document is parsed.
    pub(super) async fn wait_until_parsed(&self) {
        self.wait_until(|state| state.is_parsed().then_some(())).await;
    }

    /// Waits until the page meets the job's wait condition.
    pub(super) async fn wait_for_condition(&self, condition: WaitCondition) {
        match condition {
            WaitCondition::DomContentLoaded => self.wait_until_parsed().await,
            WaitCondition::Load => {
                self.wait_until(|state| state.is_loaded().then_some(())).await;
            }
            WaitCondition::NetworkIdle => self.wait_for_quiet(NETWORK_IDLE).await,
        }
    }

    /// Waits until the page is loaded and has had no network activity for `pause`.
    pub(super) async fn wait_for_quiet(&self, pause: Duration) {
        loop {
            let since = self.wait_until(PageState::quiet_since).await;
            tokio::time::sleep_until(since + pause).await;
            if self.state().quiet_since() == Some(since) {
                return;
            }
        }
    }
}
