//! Reads a body: counts its bytes and decodes it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_compression::tokio::bufread::{
    BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder,
};
use async_compression::zstd::DParameter;
use bytes::{Buf, Bytes};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader, ReadBuf};
use tokio::time::timeout;

use crate::net::error::cause_message;
use crate::ports::fetch::{FetchError, FetchErrorKind};

/// The most nested encodings that are decoded. Ordinary servers use one.
const MAX_ENCODINGS: usize = 4;
/// RFC 9659 limits a `zstd` window to 8 MiB; without the limit a response could claim 128 MiB.
const ZSTD_WINDOW_LOG: u32 = 23;
/// The longest body of a redirect that is read to reuse the connection.
const DRAIN_BYTES: u64 = 16_384;
/// The time to read it.
const DRAIN_TIME: Duration = Duration::from_millis(500);

type Reader = Box<dyn AsyncBufRead + Send + Unpin>;

/// Reads `body` to its end and decodes it; at most `max_bytes` after decoding.
pub(super) async fn read(
    body: Incoming,
    headers: &HeaderMap,
    max_bytes: u64,
) -> Result<Vec<u8>, FetchError> {
    let codings = codings(headers);
    if codings.is_empty() && body.size_hint().lower() > max_bytes {
        return Err(too_large(max_bytes));
    }
    // Encoded bytes are bounded too: an endless stream of empty members decodes to nothing.
    let wire = max_bytes.saturating_add(max_bytes / 8).saturating_add(65_536);
    let mut reader: Reader = Box::new(Chunks { body, chunk: Bytes::new(), left: wire });
    if reader.fill_buf().await.map_err(|it| read_error(it, max_bytes))?.is_empty() {
        return Ok(Vec::new());
    }
    for coding in codings.iter().rev() {
        reader = decoder(reader, *coding).await.map_err(|it| read_error(it, max_bytes))?;
    }
    let mut out = Vec::new();
    let mut buffer = vec![0; 16_384];
    loop {
        let count = reader.read(&mut buffer).await.map_err(|it| read_error(it, max_bytes))?;
        if count == 0 {
            return Ok(out);
        }
        if (out.len() + count) as u64 > max_bytes {
            return Err(too_large(max_bytes));
        }
        out.extend_from_slice(&buffer[..count]);
    }
}

/// Reads and discards a short body so that the connection can be reused; a longer one closes the
/// connection.
pub(super) async fn drain(body: Incoming) {
    if body.size_hint().upper().is_some_and(|it| it <= DRAIN_BYTES) {
        let _ = timeout(DRAIN_TIME, body.collect()).await;
    }
}

fn too_large(max_bytes: u64) -> FetchError {
    FetchError::new(FetchErrorKind::TooLarge, format!("the body exceeds {max_bytes} bytes"))
}

fn read_error(error: io::Error, max_bytes: u64) -> FetchError {
    if error.kind() == io::ErrorKind::FileTooLarge {
        return too_large(max_bytes);
    }
    let message = format!("the body is incomplete or damaged: {}", cause_message(&error));
    FetchError::new(FetchErrorKind::Broken, message).with_source(error)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Brotli,
    Zstd,
    Deflate,
}

/// Returns the codings in the order in which they were applied. Returns none if one is unknown: the
/// body then stays as it is.
fn codings(headers: &HeaderMap) -> Vec<Coding> {
    let mut found = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        for word in value.to_str().unwrap_or("?").split(',') {
            found.push(match word.trim().to_ascii_lowercase().as_str() {
                "" | "identity" => continue,
                "gzip" | "x-gzip" => Coding::Gzip,
                "br" => Coding::Brotli,
                "zstd" => Coding::Zstd,
                "deflate" => Coding::Deflate,
                _ => return Vec::new(),
            });
        }
    }
    if found.len() > MAX_ENCODINGS { Vec::new() } else { found }
}

async fn decoder(mut from: Reader, coding: Coding) -> io::Result<Reader> {
    Ok(match coding {
        Coding::Gzip => {
            let mut decoder = GzipDecoder::new(from);
            decoder.multiple_members(true);
            Box::new(BufReader::new(decoder))
        }
        Coding::Brotli => Box::new(BufReader::new(BrotliDecoder::new(from))),
        Coding::Zstd => {
            let window = [DParameter::window_log_max(ZSTD_WINDOW_LOG)];
            let mut decoder = ZstdDecoder::with_params(from, &window);
            decoder.multiple_members(true);
            Box::new(BufReader::new(decoder))
        }
        // `deflate` means zlib, but some servers send the raw stream.
        Coding::Deflate if is_zlib(from.fill_buf().await?) => {
            Box::new(BufReader::new(ZlibDecoder::new(from)))
        }
        Coding::Deflate => Box::new(BufReader::new(DeflateDecoder::new(from))),
    })
}

/// Returns `true` if a stream starts with a zlib header: method 8, a valid window and the check
/// bits.
fn is_zlib(start: &[u8]) -> bool {
    match start {
        [first, second, ..] => {
            first & 0x0f == 8
                && first >> 4 <= 7
                && (u16::from(*first) << 8 | u16::from(*second)) % 31 == 0
        }
        [first] => *first == 0x78,
        [] => false,
    }
}

/// A body as a reader, with a limit on the bytes read from the connection.
struct Chunks {
    body: Incoming,
    chunk: Bytes,
    left: u64,
}

impl AsyncBufRead for Chunks {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        while this.chunk.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                None => break,
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    match this.left.checked_sub(data.len() as u64) {
                        Some(left) => this.left = left,
                        None => return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into())),
                    }
                    this.chunk = data;
                }
            }
        }
        Poll::Ready(Ok(&this.chunk))
    }

    fn consume(self: Pin<&mut Self>, count: usize) {
        self.get_mut().chunk.advance(count);
    }
}

impl AsyncRead for Chunks {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let ready = ready!(self.as_mut().poll_fill_buf(cx))?;
        let count = ready.len().min(buf.remaining());
        buf.put_slice(&ready[..count]);
        self.consume(count);
        Poll::Ready(Ok(()))
    }
}
