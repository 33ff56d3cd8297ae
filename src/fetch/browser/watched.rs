//! A page whose events are heard, and answered where it waits for an answer.

use std::ops::Deref;
use std::sync::OnceLock;

use serde_json::json;

use super::intercept::{Intercept, Paused};
use super::state::Seen;
use super::wire::{Listener, Wire};

/// What is seen of a page, and its wire.
#[derive(Debug)]
pub(super) struct Watched {
    seen: Seen,
    wire: Wire,
    session: String,
    intercept: OnceLock<Intercept>,
}

impl Watched {
    pub(super) fn new(wire: Wire, session: &str, frame: &str) -> Self {
        let (seen, session) = (Seen::new(frame), session.to_owned());
        Self { seen, wire, session, intercept: OnceLock::new() }
    }

    /// Says what is done to the page's requests. The first word counts: a page has one visit.
    pub(super) fn intercept(&self, intercept: Intercept) {
        drop(self.intercept.set(intercept));
    }
}

impl Deref for Watched {
    type Target = Seen;

    fn deref(&self) -> &Seen {
        &self.seen
    }
}

impl Listener for Watched {
    fn hear(&self, method: &str, params: &str) {
        match method {
            "Fetch.requestPaused" => {
                let Ok(paused) = serde_json::from_str::<Paused>(params) else { return };
                if let Some(intercept) = self.intercept.get() {
                    let is_main = paused.frame_id == self.state().frame;
                    let (method, params) = intercept.answer(&paused, is_main);
                    drop(self.wire.call(Some(&self.session), method, params));
                }
                return;
            }
            "Page.javascriptDialogOpening" => {
                // A page may be left; nothing else is agreed to.
                let leave = params.contains("\"beforeunload\"");
                let answer = json!({ "accept": leave });
                drop(self.wire.call(Some(&self.session), "Page.handleJavaScriptDialog", answer));
            }
            _ => {}
        }
        self.seen.hear(method, params);
    }
}
