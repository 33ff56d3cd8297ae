//! Reads documents in their readers, and starts a reader again that a signal ended.
//!
//! A reader runs as a process of its own, which an operator, a supervisor or the kernel's memory killer may end. That
//! says nothing about the document, so the reading is repeated, as often as the retry policy says and within the
//! job's time. During a shutdown a reading that keeps being interrupted waits until its job goes back to the queue.

use std::time::Duration;

use crate::engine::shared::Shared;
use crate::ports::BoxFuture;
use crate::ports::fetch::{
    DocumentRequest, FetchError, FetchErrorKind, OcrEngine, OcrText, PdfReader, PdfText,
};

/// Reads an image.
pub(super) async fn recognize(
    shared: &Shared,
    reader: &dyn OcrEngine,
    request: DocumentRequest,
) -> Result<OcrText, FetchError> {
    uninterrupted(shared, request, |request| reader.recognize(request)).await
}

/// Reads a PDF.
pub(super) async fn read_pdf(
    shared: &Shared,
    reader: &dyn PdfReader,
    request: DocumentRequest,
) -> Result<PdfText, FetchError> {
    uninterrupted(shared, request, |request| reader.read(request)).await
}

/// Repeats a reading that is interrupted.
async fn uninterrupted<'a, T>(
    shared: &Shared,
    mut request: DocumentRequest,
    read: impl Fn(DocumentRequest) -> BoxFuture<'a, Result<T, FetchError>>,
) -> Result<T, FetchError> {
    let retry = shared.config.settings.retry;
    let mut retries = 0;
    loop {
        let began = shared.monotonic();
        let error = match read(request.clone()).await {
            Err(error) if error.kind() == FetchErrorKind::Interrupted => error,
            result => return result,
        };
        let took = shared.elapsed(began);
        retries += 1;
        let wait = retry.wait(retries, shared.adapters.entropy.random_u64());
        let left = request.deadline.saturating_sub(took).saturating_sub(wait);
        if retries > retry.retries || left == Duration::ZERO {
            if shared.lifecycle.stopping.is_cancelled() {
                // The end of the grace period puts the job back, and with it this reading ends.
                shared.lifecycle.aborting.cancelled().await;
            }
            return Err(error);
        }
        tracing::warn!(%error, "a reader was interrupted and is started again");
        shared.sleep(wait).await;
        request.deadline = left;
    }
}
