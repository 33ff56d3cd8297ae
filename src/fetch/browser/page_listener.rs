//! Receives one page's events, and answers those that the page waits on.

use std::sync::{Arc, OnceLock};

use serde_json::json;

use super::connection::{Connection, EventListener};
use super::intercept::{Intercept, Paused};
use super::page_state::PageTracker;

/// A page's event listener: it updates the tracker, lets paused requests continue and closes dialogs.
#[derive(Debug)]
pub(super) struct PageListener {
    tracker: Arc<PageTracker>,
    connection: Connection,
    session: String,
    intercept: OnceLock<Intercept>,
}

impl PageListener {
    pub(super) fn new(connection: Connection, session: &str, frame: &str) -> Self {
        let tracker = Arc::new(PageTracker::new(frame));
        Self { tracker, connection, session: session.to_owned(), intercept: OnceLock::new() }
    }

    /// The state that the page's events report.
    pub(super) fn tracker(&self) -> &PageTracker {
        &self.tracker
    }

    /// Sets the changes to the page's requests. Only the first call counts: a page is rendered once.
    pub(super) fn intercept(&self, intercept: Intercept) {
        drop(self.intercept.set(intercept));
    }

    /// Resumes a request, after its check if it needs one.
    fn resume(&self, intercept: &Intercept, paused: &Paused) {
        let (resume, check) = {
            let state = self.tracker.state();
            (intercept.resume(paused, &state.frame), intercept.check_of(paused, &state.frame))
        };
        let connection = self.connection.clone();
        let Some((check, url)) = check else {
            drop(connection.call(Some(&self.session), resume.0, resume.1));
            return;
        };
        let (refusal, session) = (Intercept::refusal(paused), self.session.clone());
        let tracker = Arc::clone(&self.tracker);
        tokio::spawn(async move {
            let (method, params) = match check.check(&url).await {
                Ok(()) => resume,
                Err(error) => {
                    tracker.refuse(error);
                    refusal
                }
            };
            drop(connection.call(Some(&session), method, params));
        });
    }
}

impl EventListener for PageListener {
    fn on_event(&self, method: &str, params: &str) {
        match method {
            "Fetch.requestPaused" => {
                let Ok(paused) = serde_json::from_str::<Paused>(params) else { return };
                if let Some(intercept) = self.intercept.get() {
                    self.resume(intercept, &paused);
                }
                return;
            }
            "Page.javascriptDialogOpening" => {
                // Leaving the page is accepted, so that navigation continues; every other dialog is dismissed.
                let is_leaving = params.contains("\"beforeunload\"");
                let reply = json!({ "accept": is_leaving });
                drop(self.connection.call(
                    Some(&self.session),
                    "Page.handleJavaScriptDialog",
                    reply,
                ));
            }
            _ => {}
        }
        self.tracker.on_event(method, params);
    }
}
