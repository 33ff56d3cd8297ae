//! A body: read, counted and decoded.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

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

use crate::fetch::http::error::from_body;
use crate::ports::fetch::{FetchError, FetchErrorKind};

/// Encodings on top of each other that are undone; a server that nests more is no ordinary one.
const MAX_ENCODINGS: usize = 4;
/// RFC 9659: a `zstd` window is at most 8 MiB, so that a response cannot claim 128.
const ZSTD_WINDOW_LOG: u32 = 23;
/// A redirect's body up to here is read, so that its connection can be used again.
const DRAIN_BYTES: u64 = 16_384;

type Reader = Box<dyn AsyncBufRead + Send + Unpin>;

/// Reads `body` to its end, decoded, up to `most` bytes.
pub(crate) async fn read(
    body: Incoming,
    headers: &HeaderMap,
    most: u64,
) -> Result<Vec<u8>, FetchError> {
    let codings = codings(headers);
    if codings.is_empty() && body.size_hint().lower() > most {
        return Err(too_large(most));
    }
    // Encoded bytes are bounded too: empty members, for one, go in for ever and come out as nothing.
    let wire = most.saturating_add(most / 8).saturating_add(65_536);
    let mut reader: Reader = Box::new(Chunks { body, chunk: Bytes::new(), left: wire });
    if reader.fill_buf().await.map_err(|it| sort(it, most))?.is_empty() {
        return Ok(Vec::new());
    }
    for coding in codings.iter().rev() {
        reader = decoder(reader, *coding).await.map_err(|it| sort(it, most))?;
    }
    let mut out = Vec::new();
    let mut buffer = vec![0; 16_384];
    loop {
        let count = reader.read(&mut buffer).await.map_err(|it| sort(it, most))?;
        if count == 0 {
            return Ok(out);
        }
        if (out.len() + count) as u64 > most {
            return Err(too_large(most));
        }
        out.extend_from_slice(&buffer[..count]);
    }
}

/// Reads a body that nobody wants, if that is quickly done; otherwise the connection is given up.
pub(crate) async fn drain(body: Incoming) {
    if body.size_hint().upper().is_some_and(|it| it <= DRAIN_BYTES) {
        let brief = std::time::Duration::from_millis(500);
        let _ = tokio::time::timeout(brief, body.collect()).await;
    }
}

fn too_large(most: u64) -> FetchError {
    FetchError::new(FetchErrorKind::TooLarge, format!("the body is over {most} bytes"))
}

fn sort(error: io::Error, most: u64) -> FetchError {
    if error.kind() == io::ErrorKind::FileTooLarge { too_large(most) } else { from_body(error) }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Brotli,
    Zstd,
    Deflate,
}

/// The codings in the order they were applied; none if one is unknown, and the body stays as it is.
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
        // The word means zlib, but some servers send the bare stream.
        Coding::Deflate if is_zlib(from.fill_buf().await?) => {
            Box::new(BufReader::new(ZlibDecoder::new(from)))
        }
        Coding::Deflate => Box::new(BufReader::new(DeflateDecoder::new(from))),
    })
}

/// Whether a stream begins with zlib's header: method 8, a window it knows, and its check sum.
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

/// A body as a reader, with a limit on what it takes from the connection.
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
