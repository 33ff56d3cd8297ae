//! Reads a body to its end, within limits, and decides whether one that ends oddly is returned.
//!
//! Browsers show whatever arrived. A fetcher must not take half a page for a page, so the rule here is:
//!
//! * If the transfer is known to be complete, whatever could be decoded is returned, with a warning if it is not the whole stream:
//!   another attempt would bring the same bytes.
//! * If the transfer broke off, or ended with the connection, so that nobody knows, the body is returned only if it is complete by its own measure: the compressed stream
//!   ended, or the text ends like a whole document. Otherwise it is an error, and another attempt may bring more.

use std::time::Duration;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::response::Parts;
use http::{HeaderMap, Version};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::timeout;

use crate::fetch::http::decode::{self, Decoded};
use crate::net::error::cause_message;
use crate::ports::fetch::{FetchError, FetchErrorKind};

/// The longest body of a redirect that is read to reuse the connection.
const DRAIN_BYTES: u64 = 16_384;
/// The time to read it.
const DRAIN_TIME: Duration = Duration::from_millis(500);
/// The silence after which a body is checked: a server that announced more bytes than it has may never end it.
const SILENCE: Duration = Duration::from_secs(2);
/// The most memory that is reserved for a body because its length was announced.
const MAX_RESERVED_BYTES: u64 = 1 << 20;
/// The end of a text in which the end of a document is looked for.
const TAIL_BYTES: usize = 256;

/// A body, decoded.
#[derive(Debug)]
pub(super) struct ReadBody {
    pub(super) bytes: Vec<u8>,
    /// Warnings about a body that is incomplete or damaged.
    pub(super) warnings: Vec<String>,
}

/// The end of a body's transfer.
enum Ending {
    Complete,
    /// The end of the connection is the end of the body.
    Closed,
    Broken(hyper::Error),
    /// Nothing came for a while, and what came is complete.
    Silent,
}

/// Reads the body behind `head` to its end and decodes it; at most `max_bytes` after decoding.
pub(super) async fn read(
    head: &Parts,
    body: Incoming,
    max_bytes: u64,
) -> Result<ReadBody, FetchError> {
    let headers = &head.headers;
    let codings = decode::codings(headers);
    if codings.is_empty() && body.size_hint().lower() > max_bytes {
        return Err(too_large(max_bytes));
    }
    let (wire, ending) = Transfer { body, headers, max_bytes }.run().await?;
    let is_framed = head.version >= Version::HTTP_2
        || headers.contains_key(CONTENT_LENGTH)
        || headers.contains_key(TRANSFER_ENCODING);
    let ending = match ending {
        Ending::Complete if !is_framed => Ending::Closed,
        ending => ending,
    };
    judged(ending, decoded(wire, headers, max_bytes).await?)
}

async fn decoded(
    wire: Vec<u8>,
    headers: &HeaderMap,
    max_bytes: u64,
) -> Result<Decoded, FetchError> {
    let codings = decode::codings(headers);
    let decoded = decode::decode(wire, &codings, is_textual(headers), max_bytes);
    decoded.await.map_err(|decode::TooLarge| too_large(max_bytes))
}

/// Returns a body with its warnings.
///
/// # Errors
///
/// `Broken` if too much of it is missing.
fn judged(ending: Ending, decoded: Decoded) -> Result<ReadBody, FetchError> {
    let Decoded { bytes, has_end, note, failure } = decoded;
    let is_whole = has_end && failure.is_none() || is_whole_text(&bytes);
    let (is_kept, fault) = match (&ending, failure) {
        (Ending::Complete | Ending::Closed, None) => (true, None),
        (Ending::Complete, Some(failure)) => (!bytes.is_empty(), Some(failure)),
        (Ending::Closed, Some(failure)) => (is_whole, Some(failure)),
        (Ending::Broken(error), _) => (is_whole, Some(cause_message(error))),
        (Ending::Silent, _) => (true, Some("the server announced more than it sent".to_owned())),
    };
    if !is_kept {
        let fault = fault.unwrap_or_default();
        let message = format!("the body is incomplete or damaged: {fault}");
        let error = FetchError::new(FetchErrorKind::Broken, message);
        return Err(match ending {
            Ending::Broken(source) => error.with_source(source),
            _ => error,
        });
    }
    let fault = fault.map(|it| format!("the body may be incomplete: {it}"));
    let warnings = note.map(str::to_owned).into_iter().chain(fault).collect();
    Ok(ReadBody { bytes, warnings })
}

struct Transfer<'a> {
    body: Incoming,
    headers: &'a HeaderMap,
    max_bytes: u64,
}

impl Transfer<'_> {
    /// Reads the bytes as they are sent.
    async fn run(mut self) -> Result<(Vec<u8>, Ending), FetchError> {
        let codings = decode::codings(self.headers);
        let expected = self.body.size_hint().exact().unwrap_or(0).min(MAX_RESERVED_BYTES);
        let mut wire = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
        loop {
            let Ok(frame) = timeout(SILENCE, self.body.frame()).await else {
                if self.is_complete(&wire).await {
                    return Ok((wire, Ending::Silent));
                }
                continue;
            };
            let data = match frame {
                None => return Ok((wire, Ending::Complete)),
                Some(Err(error)) => return Ok((wire, Ending::Broken(error))),
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            };
            wire.extend_from_slice(&data);
            // Encoded bytes are bounded too: an endless stream of empty members decodes to nothing.
            let most = if codings.is_empty() && !decode::may_be_encoded(&wire) {
                self.max_bytes
            } else {
                self.max_bytes.saturating_add(self.max_bytes / 8).saturating_add(65_536)
            };
            if wire.len() as u64 > most {
                return Err(too_large(self.max_bytes));
            }
        }
    }

    /// Returns `true` if the bytes so far are a complete body although more were announced.
    async fn is_complete(&self, wire: &[u8]) -> bool {
        let decoded = decoded(wire.to_vec(), self.headers, self.max_bytes).await;
        decoded.is_ok_and(|it| it.failure.is_none() && (it.has_end || is_whole_text(&it.bytes)))
    }
}

/// Reads and discards a short body so that the connection can be reused; a longer one closes the
/// connection.
pub(super) async fn drain(body: Incoming) {
    if body.size_hint().upper().is_some_and(|it| it <= DRAIN_BYTES) {
        let _ = timeout(DRAIN_TIME, body.collect()).await;
    }
}

/// Returns `true` if the type is one of texts, or there is none: such a body is never compressed by itself.
fn is_textual(headers: &HeaderMap) -> bool {
    let Some(label) = headers.get_all(CONTENT_TYPE).iter().next_back() else { return true };
    let label = String::from_utf8_lossy(label.as_bytes()).to_ascii_lowercase();
    let media = label.split(';').next().unwrap_or_default().trim();
    let is_part = |it: &&str| media.contains(*it);
    media.is_empty() || ["text/", "html", "json", "xml", "javascript"].iter().any(is_part)
}

/// Returns `true` if a text ends like a whole HTML document.
fn is_whole_text(bytes: &[u8]) -> bool {
    let tail = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
    let tail = String::from_utf8_lossy(tail).to_ascii_lowercase();
    let mut tail = tail.trim_end();
    // Servers and caches add remarks behind the document.
    while let Some(before) = tail.strip_suffix("-->").and_then(|it| it.rsplit_once("<!--")) {
        tail = before.0.trim_end();
    }
    tail.ends_with("</html>")
}

fn too_large(max_bytes: u64) -> FetchError {
    FetchError::new(FetchErrorKind::TooLarge, format!("the body exceeds {max_bytes} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_document_is_told_by_its_end() {
        for (text, is_whole) in [
            ("<p>x</p></body></HTML>\n", true),
            ("<p>x</html> <!-- cached --> \n<!-- 3 ms -->", true),
            ("<p>x</p></body></htm", false),
            ("<p>x</p>", false),
            ("", false),
        ] {
            assert_eq!(is_whole_text(text.as_bytes()), is_whole, "{text}");
        }
    }
}
