//! Reads a body to its end, within limits, and decides whether one that ends oddly is returned.
//!
//! Browsers show whatever arrived. A fetcher must not take half a page for a page, so the rule here is:
//!
//! * If the transfer is known to be complete, whatever could be decoded is returned, with a warning if it is not the whole stream:
//!   another attempt would bring the same bytes.
//! * An HTML page or a text above its limit is cut if the request allows it, and labeled. Its rest is read only to learn its
//!   size, and not for long.
//! * If the transfer broke off, or ended with the connection, so that nobody knows, the body is returned only if it is complete by its own measure: the compressed stream
//!   ended, or the text ends like a whole document. Otherwise it is an error, and another attempt may bring more.

use std::time::Duration;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::response::Parts;
use http::{HeaderMap, Version};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::timeout;

use crate::core::verdict::content_type;
use crate::fetch::http::decode::{self, Decoded};
use crate::net::error::cause_message;
use crate::ports::fetch::{FetchError, FetchErrorKind, FetchRequest, Truncation};

/// The longest body of a redirect that is read to reuse the connection.
const DRAIN_BYTES: u64 = 16_384;
/// The time to read it.
const DRAIN_TIME: Duration = Duration::from_millis(500);
/// The silence after which a body is checked: a server that announced more bytes than it has may never end it.
const SILENCE: Duration = Duration::from_secs(2);
/// The most memory that is reserved for a body because its length was announced.
const MAX_RESERVED_BYTES: u64 = 1 << 20;
/// The time in which the rest of a body that is cut is counted.
const COUNTING_TIME: Duration = Duration::from_secs(2);
/// The end of a text in which the end of a document is looked for.
const TAIL_BYTES: usize = 256;

/// A body, decoded.
#[derive(Debug)]
pub(super) struct ReadBody {
    pub(super) bytes: Vec<u8>,
    /// Warnings about a body that is incomplete or damaged.
    pub(super) warnings: Vec<String>,
    /// The sizes of a body that was cut.
    pub(super) truncation: Option<Truncation>,
}

/// The end of a body's transfer.
enum Ending {
    Complete,
    /// The end of the connection is the end of the body.
    Closed,
    Broken(hyper::Error),
    /// Nothing came for a while, and what came is complete.
    Silent,
    /// The rest exceeds the limit. The size is that of the whole body, if known.
    Cut {
        size: Option<u64>,
    },
}

/// The limits of a body.
#[derive(Clone, Copy, Debug)]
struct BodyLimits {
    /// The bytes that are kept, after decoding.
    kept: u64,
    /// The bytes from which a body is refused.
    most: u64,
}

/// Reads the body behind `head` to its end and decodes it; at most `request.max_bytes` after decoding.
pub(super) async fn read(
    head: &Parts,
    body: Incoming,
    request: &FetchRequest,
) -> Result<ReadBody, FetchError> {
    let headers = &head.headers;
    let codings = decode::codings(headers);
    let label = label(headers);
    let cutting = Cutting { request, label: label.as_deref() };
    let limits = BodyLimits { kept: request.max_bytes, most: request.most_bytes(cutting.label) };
    if codings.is_empty() && body.size_hint().lower() > limits.most {
        return Err(too_large(limits.most));
    }
    let (wire, ending) = Transfer { body, headers, limits, cutting }.run().await?;
    let is_framed = head.version >= Version::HTTP_2
        || headers.contains_key(CONTENT_LENGTH)
        || headers.contains_key(TRANSFER_ENCODING);
    let ending = match ending {
        Ending::Complete if !is_framed => Ending::Closed,
        ending => ending,
    };
    let decoded = decoded(wire, headers, limits).await?;
    if matches!(ending, Ending::Cut { .. }) || decoded.is_cut() {
        return cutting.cut(&ending, decoded);
    }
    judged(ending, decoded)
}

async fn decoded(
    wire: Vec<u8>,
    headers: &HeaderMap,
    limits: BodyLimits,
) -> Result<Decoded, FetchError> {
    let codings = decode::codings(headers);
    let BodyLimits { kept, most } = limits;
    let decoded = decode::decode(wire, &codings, is_textual(headers), kept, most);
    decoded.await.map_err(|decode::TooLarge| too_large(most))
}

/// Returns the label that counts of a body's media type.
fn label(headers: &HeaderMap) -> Option<String> {
    let labels = headers.get_all(CONTENT_TYPE).iter();
    let labels: Vec<_> = labels
        .map(|it| ("content-type".to_owned(), String::from_utf8_lossy(it.as_bytes()).into_owned()))
        .collect();
    content_type(&labels)
}

/// The rule for a body above its limit.
#[derive(Clone, Copy)]
struct Cutting<'a> {
    request: &'a FetchRequest,
    label: Option<&'a str>,
}

impl Cutting<'_> {
    /// Checks that a body that begins with these bytes may be cut.
    fn check(self, start: &[u8]) -> Result<(), FetchError> {
        let kept = self.request.max_bytes;
        let start = &start[..usize::try_from(kept).unwrap_or(usize::MAX).min(start.len())];
        self.request.cut(self.label, start, None).map(drop).ok_or_else(|| too_large(kept))
    }

    /// Returns the beginning of a body that exceeds the limit, if it is of a kind that can be cut.
    fn cut(self, ending: &Ending, decoded: Decoded) -> Result<ReadBody, FetchError> {
        let size = match ending {
            Ending::Cut { size } => *size,
            Ending::Complete if decoded.failure.is_none() => Some(decoded.size),
            _ => None,
        };
        let (mut bytes, kept) = (decoded.bytes, self.request.max_bytes);
        // A stream that was cut short before its limit is damaged, and nobody knows what is missing.
        let is_full = bytes.len() as u64 >= kept;
        let truncation = self.request.cut(self.label, &bytes, size).filter(|_| is_full);
        let truncation = truncation.ok_or_else(|| too_large(kept))?;
        bytes.truncate(usize::try_from(truncation.kept_bytes).unwrap_or(usize::MAX));
        let warnings = vec![truncation.warning()];
        Ok(ReadBody { bytes, warnings, truncation: Some(truncation) })
    }
}

/// Returns a body with its warnings.
///
/// # Errors
///
/// `Broken` if too much of it is missing.
fn judged(ending: Ending, decoded: Decoded) -> Result<ReadBody, FetchError> {
    let Decoded { bytes, has_end, note, failure, .. } = decoded;
    let is_whole = has_end && failure.is_none() || is_whole_text(&bytes);
    let (is_kept, fault) = match (&ending, failure) {
        (Ending::Complete | Ending::Closed, None) => (true, None),
        (Ending::Complete, Some(failure)) => (!bytes.is_empty(), Some(failure)),
        (Ending::Closed, Some(failure)) => (is_whole, Some(failure)),
        (Ending::Broken(error), _) => (is_whole, Some(cause_message(error))),
        (Ending::Silent | Ending::Cut { .. }, _) => {
            (true, Some("the server announced more than it sent".to_owned()))
        }
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
    Ok(ReadBody { bytes, warnings, truncation: None })
}

struct Transfer<'a> {
    body: Incoming,
    headers: &'a HeaderMap,
    limits: BodyLimits,
    cutting: Cutting<'a>,
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
            let BodyLimits { kept, most } = self.limits;
            let is_plain = codings.is_empty() && !decode::may_be_encoded(&wire);
            let encoded = kept.saturating_add(kept / 8).saturating_add(65_536);
            let longest = if is_plain { kept } else { encoded };
            let read = wire.len() as u64;
            if read <= longest {
                continue;
            }
            if most <= kept {
                return Err(too_large(kept));
            }
            let mut size = None;
            if is_plain {
                self.cutting.check(&wire)?;
                size = self.size(read).await?;
            }
            wire.truncate(usize::try_from(longest).unwrap_or(usize::MAX));
            return Ok((wire, Ending::Cut { size }));
        }
    }

    /// Returns the size of the body, of which `read` bytes were read: as announced, or counted if the rest comes soon.
    async fn size(&mut self, read: u64) -> Result<Option<u64>, FetchError> {
        if let Some(rest) = self.body.size_hint().exact() {
            return Ok(Some(read.saturating_add(rest)));
        }
        let (mut size, most) = (read, self.limits.most);
        let count = async {
            while let Some(frame) = self.body.frame().await {
                let Ok(frame) = frame else { return Ok(None) };
                size = size.saturating_add(frame.data_ref().map_or(0, |it| it.len() as u64));
                if size > most {
                    return Err(too_large(most));
                }
            }
            Ok(Some(size))
        };
        timeout(COUNTING_TIME, count).await.unwrap_or(Ok(None))
    }

    /// Returns `true` if the bytes so far are a complete body although more were announced.
    async fn is_complete(&self, wire: &[u8]) -> bool {
        let decoded = decoded(wire.to_vec(), self.headers, self.limits).await;
        decoded.is_ok_and(|it| {
            it.failure.is_none() && !it.is_cut() && (it.has_end || is_whole_text(&it.bytes))
        })
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
