//! Checks that are shared by all readers of documents.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::shared::assert_kind;
use super::{AMPLE, ends};
use crate::core::request::{Item, Limits};
use crate::ports::BoxFuture;
use crate::ports::fetch::{
    DocumentRequest, FetchError, FetchErrorKind as Kind, Fetched, OcrEngine, OcrText, PdfReader,
    PdfText,
};
use crate::testkit::kit::{breach, must, must_eq};

/// One attempt at a document, by any kind of reader.
pub(super) trait Reader: Send + Sync + 'static {
    type Text: Debug + PartialEq + Send + 'static;

    fn attempt(&self, request: DocumentRequest) -> BoxFuture<'_, Result<Self::Text, FetchError>>;
}

impl Reader for Arc<dyn PdfReader> {
    type Text = PdfText;

    fn attempt(&self, request: DocumentRequest) -> BoxFuture<'_, Result<PdfText, FetchError>> {
        self.read(request)
    }
}

impl Reader for Arc<dyn OcrEngine> {
    type Text = OcrText;

    fn attempt(&self, request: DocumentRequest) -> BoxFuture<'_, Result<OcrText, FetchError>> {
        self.recognize(request)
    }
}

fn request(bytes: Vec<u8>) -> DocumentRequest {
    let item = Item::get("https://example.com/document");
    let options = item.check(&Limits::default()).expect("a plain item passes");
    let document = Arc::new(Fetched::new(200, bytes));
    DocumentRequest { document, options: Arc::new(options), deadline: AMPLE }
}

/// Reads a document within an ample deadline.
pub(super) async fn read<R: Reader>(
    fetcher: &R,
    bytes: impl Into<Vec<u8>>,
) -> Result<R::Text, FetchError> {
    let request = request(bytes.into());
    ends(request.deadline, "reading a document", fetcher.attempt(request)).await
}

/// Reads a complete document.
pub(super) async fn text<R: Reader>(fetcher: &R, bytes: impl Into<Vec<u8>>) -> R::Text {
    let read = read(fetcher, bytes).await;
    read.unwrap_or_else(|error| {
        breach!("the reader refused a whole document with `{error}`", "read it")
    })
}

pub(super) async fn nothing_is_refused(fetcher: &impl Reader) {
    let result = read(fetcher, b"").await;

    must!(result.is_err(), "the reader read no bytes as {result:?}", "return an error");
}

pub(super) async fn other_documents_are_refused(fetcher: &impl Reader, more: &[&[u8]]) {
    let noise: Vec<u8> = (0..5_000_u32).map(|it| (it * 7_919 % 251) as u8).collect();
    let things: [&[u8]; 4] = [&noise, b"<html><p>a page</p></html>", b"GIF8", &[0; 1_000]];

    for bytes in things.iter().chain(more) {
        let result = read(fetcher, *bytes).await;
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(20)]).into_owned();
        must!(result.is_err(), "the reader read `{start}` as {result:?}", "return an error");
    }
}

/// A truncated or corrupted document gives text or an error, within the deadline.
pub(super) async fn damage_ends_with_text_or_an_error(fetcher: &impl Reader, whole: &[u8]) {
    const PLACES: usize = 40;
    for place in 0..PLACES {
        let at = whole.len() * place / PLACES;
        read(fetcher, &whole[..at]).await.ok();
        let mut turned = whole.to_vec();
        turned[at] ^= 0x55;
        read(fetcher, turned).await.ok();
    }
}

pub(super) async fn reading_is_deterministic(fetcher: &impl Reader, whole: &[u8]) {
    let first = text(fetcher, whole).await;

    must_eq!(text(fetcher, whole).await, first, "the second reading of a document");
}

pub(super) async fn a_deadline_of_zero_is_a_timeout(fetcher: &impl Reader, whole: &[u8]) {
    let ask = DocumentRequest { deadline: Duration::ZERO, ..request(whole.to_vec()) };

    let result = ends(Duration::ZERO, "an attempt without time", fetcher.attempt(ask)).await;

    assert_kind(result, Kind::Timeout);
}

/// Two documents are read many times concurrently without mixing.
pub(super) async fn readings_are_kept_apart<R: Reader + Clone>(fetcher: R, whole: &[u8]) {
    let expected = text(&fetcher, whole).await;
    let mut readings = JoinSet::new();
    for number in 0..8 {
        let (fetcher, bytes) = (fetcher.clone(), if number % 2 == 0 { whole } else { b"nothing" });
        let bytes = bytes.to_vec();
        readings.spawn(async move { (number, read(&fetcher, bytes).await) });
    }

    for (number, result) in readings.join_all().await {
        if number % 2 == 0 {
            must_eq!(result.ok().as_ref(), Some(&expected), "a document read beside others");
        } else {
            must!(result.is_err(), "the reader read garbage as {result:?}", "return an error");
        }
    }
}

/// Drops attempts at many points; the next is as good as the first.
pub(super) async fn dropped_attempts_do_not_affect_the_next(fetcher: &impl Reader, whole: &[u8]) {
    let expected = text(fetcher, whole).await;
    for polls in 0..4 {
        let attempt = fetcher.attempt(request(whole.to_vec()));
        crate::testkit::kit::abandoned_after(polls, attempt).await;
    }

    must_eq!(text(fetcher, whole).await, expected, "a document read after dropped attempts");
}
