//! A batch's progress events as a [`Stream`].

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::engine::error::EngineError;
use crate::engine::watch::{BatchHandle, ProgressEvent};
use crate::ports::BoxFuture;

/// A stream of a batch's progress events, made by [`BatchHandle::into_events`].
///
/// It yields the events of [`BatchHandle::next_event`] and ends after [`ProgressEvent::BatchEnded`] or after an error:
/// [`EngineError::Stopped`] if the engine begins to shut down. Dropping it does not affect the batch.
pub struct ProgressEvents {
    /// The next event, with the handle that it came from; `None` once the stream has ended.
    next: Option<BoxFuture<'static, (BatchHandle, NextEvent)>>,
}

impl ProgressEvents {
    pub(super) fn new(handle: BatchHandle) -> Self {
        Self { next: Some(next_of(handle)) }
    }
}

/// The result of [`BatchHandle::next_event`], as a stream yields it.
type NextEvent = Option<Result<ProgressEvent, EngineError>>;

fn next_of(mut handle: BatchHandle) -> BoxFuture<'static, (BatchHandle, NextEvent)> {
    Box::pin(async move {
        let event = handle.next_event().await.transpose();
        (handle, event)
    })
}

impl Stream for ProgressEvents {
    type Item = Result<ProgressEvent, EngineError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<NextEvent> {
        let Some(next) = self.next.as_mut() else { return Poll::Ready(None) };
        let Poll::Ready((handle, event)) = next.as_mut().poll(cx) else { return Poll::Pending };
        self.next = matches!(event, Some(Ok(_))).then(|| next_of(handle));
        Poll::Ready(event)
    }
}

impl fmt::Debug for ProgressEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProgressEvents").field("ended", &self.next.is_none()).finish()
    }
}
