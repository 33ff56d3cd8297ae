//! A progress event that all listeners of a batch share.

#[cfg(feature = "server")]
use std::sync::OnceLock;

use crate::engine::watch::ProgressEvent;

/// A progress event, with what it is serialized to for listeners that send it on.
#[derive(Debug)]
pub(crate) struct SharedEvent {
    event: ProgressEvent,
    #[cfg(feature = "server")]
    serialized: OnceLock<String>,
}

impl SharedEvent {
    pub(super) fn new(event: ProgressEvent) -> Self {
        Self {
            event,
            #[cfg(feature = "server")]
            serialized: OnceLock::new(),
        }
    }

    /// Returns the event.
    pub(crate) fn event(&self) -> &ProgressEvent {
        &self.event
    }

    /// Returns what the first caller serialized the event to. Every caller of a process passes the same function.
    #[cfg(feature = "server")]
    pub(crate) fn serialized(&self, serialize: impl FnOnce(&ProgressEvent) -> String) -> &str {
        self.serialized.get_or_init(|| serialize(&self.event))
    }
}
