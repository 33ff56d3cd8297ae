//! Waits for what a loaded page announces: a refresh, another document, or content that its scripts fill in.
//!
//! A page that shows its content is never waited for. What a page shows is read by a script of ours after it met
//! its wait condition; a page that looks unfinished is looked at again after each change of its document, until
//! it shows something, or its time is over. Timers of the page's scripts cannot be seen from outside without
//! replacing functions of the page. The times here are chosen for them: long enough for the delays of stubs and
//! applications that were met, for those that inline scripts write down, and for responses that are under way.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, timeout};
use url::Url;

use super::error::CallError;
use super::render::Rendering;
use crate::core::request::WaitCondition;
use crate::core::verdict::Refresh;
use crate::core::verdict::shell::announces_more;
use crate::ports::fetch::FetchError;

const PROBE_JS: &str = include_str!("js/probe.js");
const CHANGE_JS: &str = include_str!("js/change.js");

/// Time that a page without content has to fill itself.
const FILL_PATIENCE: Duration = Duration::from_secs(5);
/// Time that a page has that says what it does: "checking your browser", "please wait".
const NOTE_PATIENCE: Duration = Duration::from_secs(15);
/// Time that a page has beyond the delay of the refresh that it announces.
const REFRESH_PATIENCE: Duration = Duration::from_secs(3);
/// Time that one page, with all documents that it leads to, is waited for.
const MAX_PATIENCE: Duration = Duration::from_secs(40);
/// Time without changes after which a document that changed is looked at.
const QUIET: Duration = Duration::from_millis(250);
/// Time that a page has beyond the delay of a timer in its scripts.
const TIMER_PATIENCE: Duration = Duration::from_secs(2);
/// Visible characters beside an empty element for an application below which the page has no content.
const UNFILLED: usize = 400;
/// Visible characters below which a page with scripts has no content.
const BARE: usize = 60;
/// Visible characters below which a page has no content although it has pictures.
const NOTHING: usize = 16;

/// The visible content of a document.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Probe {
    text: String,
    length: usize,
    title: String,
    refresh: String,
    base: String,
    url: String,
    scripts: usize,
    media: usize,
    frames: usize,
    frameset: bool,
    /// The element that an application fills is empty.
    unfilled: bool,
    /// The longest delay of a timer that the page's own scripts write down, in milliseconds.
    delay: u64,
}

impl Probe {
    /// Returns `true` if the document's content is in its frames.
    pub(super) fn is_framed(&self) -> bool {
        self.frames > 0 && (self.frameset || self.length < BARE)
    }

    /// Returns the time to wait for more, from when the document was loaded; `None` if it is complete.
    /// `header` is the value of its `Refresh` header.
    fn patience(&self, header: Option<&str>) -> Option<Duration> {
        let refresh = header.and_then(Refresh::parse).or_else(|| Refresh::parse(&self.refresh));
        if let Some(refresh) = refresh.filter(|it| it.leads_on(self.length))
            && self.leads_elsewhere(&refresh.target)
        {
            return Some(refresh.delay + REFRESH_PATIENCE);
        }
        let notes = || announces_more(&self.text) || announces_more(&self.title);
        if self.scripts > 0 && self.length < self.text.len().max(400) && notes() {
            return Some(NOTE_PATIENCE);
        }
        let is_bare = self.length < NOTHING || self.length < BARE && self.media == 0;
        let is_unfilled = self.unfilled && self.length < UNFILLED;
        let timer = Duration::from_millis(self.delay) + TIMER_PATIENCE;
        (self.scripts > 0 && (is_bare || is_unfilled) && !self.is_framed())
            .then_some(FILL_PATIENCE.max(timer))
    }

    fn leads_elsewhere(&self, target: &str) -> bool {
        let without_fragment = |mut url: Url| {
            url.set_fragment(None);
            url
        };
        let base = Url::parse(&self.base).ok();
        let target = base.and_then(|base| base.join(target).ok()).map(without_fragment);
        target.is_some() && target != Url::parse(&self.url).ok().map(without_fragment)
    }
}

impl Rendering<'_> {
    /// Waits while the page announces more than it shows.
    pub(super) async fn settle(&mut self) -> Result<(), FetchError> {
        let condition = self.options.advanced().wait_condition;
        // Both are instructions on how long to wait.
        if condition == WaitCondition::DomContentLoaded || self.options.wait_for().is_some() {
            return Ok(());
        }
        let began = Instant::now();
        let (mut document, mut shown_since) = (self.navigations(), began);
        let mut waited = false;
        loop {
            if self.navigations() != document {
                (document, shown_since) = (self.navigations(), Instant::now());
                self.load_again(condition).await;
            }
            let Some(patience) = self.probe().await?.patience(self.refresh_header().as_deref())
            else {
                break;
            };
            // A response that its scripts wait for may still fill it.
            let patience = if self.has_requests() { patience.max(NOTE_PATIENCE) } else { patience };
            let left = patience.saturating_sub(shown_since.elapsed());
            let left = self.at_most(left.min(MAX_PATIENCE.saturating_sub(began.elapsed())));
            if left.is_zero() {
                return Ok(());
            }
            waited = true;
            // A request may begin at any time, so the page is looked at again before its time is over.
            self.change_within(left.min(FILL_PATIENCE), document).await?;
        }
        if waited {
            // The rest of what began to come.
            self.load_again(condition).await;
        }
        Ok(())
    }

    /// Describes what the document shows.
    pub(super) async fn probe(&self) -> Result<Probe, FetchError> {
        self.run_script(PROBE_JS, &json!({})).await
    }

    fn navigations(&self) -> usize {
        self.tab.tracker().state().navigations()
    }

    fn has_requests(&self) -> bool {
        self.tab.tracker().state().quiet_since().is_none()
    }

    fn refresh_header(&self) -> Option<String> {
        let state = self.tab.tracker().state();
        let headers = &state.shown.as_ref()?.headers;
        headers.iter().find(|(name, _)| name == "refresh").map(|(_, value)| value.clone())
    }

    /// Waits until the page meets its wait condition again. A page that does not is used as it is.
    async fn load_again(&self, condition: WaitCondition) {
        let loaded = self.tab.tracker().wait_for_condition(condition);
        let _ = timeout(self.at_most(FILL_PATIENCE), loaded).await;
    }

    /// Waits until the document changes or the page navigates away from it, at most for `limit`.
    async fn change_within(&self, limit: Duration, document: usize) -> Result<(), FetchError> {
        let ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let params = json!({"ms": ms, "quiet": u64::try_from(QUIET.as_millis()).unwrap_or(0)});
        let changed = async {
            match self.tab.run::<bool>(CHANGE_JS, &params).await {
                Err(error) if error.is_navigation() => self.next_document(self.deadline).await,
                Err(error @ CallError::Disconnected(_)) => Err(error.into()),
                Ok(_) | Err(_) => Ok(()),
            }
        };
        let left =
            self.tab.wait_until(move |state| (state.navigations() != document).then_some(()));
        tokio::select! {
            changed = timeout(limit, changed) => changed.unwrap_or(Ok(())),
            () = left => self.next_document(self.deadline).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(text: &str) -> Probe {
        Probe {
            text: text.to_owned(),
            length: text.len(),
            scripts: 1,
            base: "http://a/b".to_owned(),
            url: "http://a/b".to_owned(),
            ..Probe::default()
        }
    }

    #[test]
    fn a_page_that_shows_something_is_not_waited_for() {
        let page = probe(&"words to read ".repeat(10));

        assert_eq!(page.patience(None), None);
        assert_eq!(Probe { scripts: 0, ..probe("") }.patience(None), None, "nothing would fill it");
        assert_eq!(Probe { media: 1, ..probe("a picture of a kettle") }.patience(None), None);
    }

    #[test]
    fn a_page_that_announces_more_is_waited_for() {
        assert_eq!(probe("").patience(None), Some(FILL_PATIENCE));
        assert_eq!(probe("please wait").patience(None), Some(NOTE_PATIENCE));
        let timer = Probe { delay: 8_000, ..probe("") };
        assert_eq!(timer.patience(None), Some(Duration::from_secs(8) + TIMER_PATIENCE));
        let frame = "links and a footer ".repeat(6);
        let unfilled = Probe { unfilled: true, ..probe(&frame) };
        assert_eq!(unfilled.patience(None), Some(FILL_PATIENCE));
        assert_eq!(Probe { unfilled: true, ..probe(&frame.repeat(4)) }.patience(None), None);
        let title = Probe { title: "just a moment...".to_owned(), ..probe("") };
        assert_eq!(title.patience(None), Some(NOTE_PATIENCE));
    }

    #[test]
    fn a_refresh_is_waited_for_if_it_leads_to_another_page() {
        let refresh = |value: &str| Probe { refresh: value.to_owned(), ..probe(&"x".repeat(90)) };
        let two = Some(Duration::from_secs(2) + REFRESH_PATIENCE);

        assert_eq!(refresh("2;url=/c").patience(None), two);
        assert_eq!(refresh("").patience(Some("2;url=/c")), two);
        assert_eq!(refresh("2;url=/b#c").patience(None), None, "the page itself");
        assert_eq!(refresh("300;url=/c").patience(None), None);
    }

    #[test]
    fn a_page_in_frames_is_complete() {
        let framed = Probe { frames: 1, ..probe("") };

        assert!(framed.is_framed());
        assert_eq!(framed.patience(None), None);
        assert!(!Probe { frames: 1, length: BARE, ..probe("") }.is_framed());
        assert!(Probe { frames: 2, frameset: true, length: BARE, ..probe("") }.is_framed());
    }
}
