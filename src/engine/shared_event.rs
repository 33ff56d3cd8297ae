//! A progress event that all listeners of a batch share.

use std::sync::Arc;
#[cfg(feature = "server")]
use std::sync::OnceLock;

use crate::engine::watch::ProgressEvent;

/// A progress event and its serialized form, which all listeners share.
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

    /// Returns the event, as a copy if other listeners need it.
    pub(super) fn into_event(self: Arc<Self>) -> ProgressEvent {
        Arc::try_unwrap(self).map_or_else(|it| it.event.clone(), |it| it.event)
    }

    /// Returns the event.
    pub(crate) fn event(&self) -> &ProgressEvent {
        &self.event
    }

    /// Returns the serialized event. The first call runs `serialize` and keeps its result, so all callers must pass the
    /// same function.
    #[cfg(feature = "server")]
    pub(crate) fn serialized(&self, serialize: impl FnOnce(&ProgressEvent) -> String) -> &str {
        self.serialized.get_or_init(|| serialize(&self.event))
    }
}
