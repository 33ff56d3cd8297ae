//! Decodes a body that was received: returns what can be decoded, and notes what is missing.
//!
//! The label is a hint. The marks of gzip, zstd and zlib take precedence over it, and a text that is labeled as
//! compressed stays as it is.

use async_compression::tokio::bufread::{BrotliDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use flate2::{Crc, Decompress, FlushDecompress, Status};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The most nested encodings that are decoded. Ordinary servers use one.
const MAX_ENCODINGS: usize = 4;
/// RFC 9659 limits a `zstd` window to 8 MiB; without the limit a response could claim 128 MiB.
const ZSTD_WINDOW_LOG: u32 = 23;
/// The size of the buffer that is decoded into.
const BUFFER_BYTES: usize = 16_384;
/// The bytes after which other tasks of the thread get their turn.
const TURN_BYTES: usize = 16 * BUFFER_BYTES;
/// The bytes by which a text is distinguished from compressed data.
const TEXT_BYTES: usize = 512;
const GZIP_MARK: [u8; 3] = [0x1f, 0x8b, 8];
const ZSTD_MARK: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Brotli,
    Zstd,
    Deflate,
}

/// The decoded bytes exceed their limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

/// The result of decoding.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    pub(super) bytes: Vec<u8>,
    /// The size of the content. It exceeds that of `bytes` if these were cut to their limit.
    pub(super) size: u64,
    /// `true` if the stream said that it is complete. A body without a coding never does.
    pub(super) has_end: bool,
    /// A fault that cost no byte of the content.
    pub(super) note: Option<&'static str>,
    /// The reason why the bytes are not all of the content.
    pub(super) failure: Option<String>,
}

impl Decoded {
    /// Returns bytes without a coding, cut to their limit.
    fn plain(mut bytes: Vec<u8>, limit: Limit) -> Self {
        let size = bytes.len() as u64;
        bytes.truncate(limit.kept);
        Self { bytes, size, ..Self::default() }
    }

    /// Returns `true` if the bytes are the beginning of a longer content.
    pub(super) fn is_cut(&self) -> bool {
        self.size > self.bytes.len() as u64
    }
}

/// The limits of the decoded bytes.
#[derive(Clone, Copy, Debug)]
struct Limit {
    /// The bytes that are kept.
    kept: usize,
    /// The bytes from which decoding stops.
    most: u64,
}

/// Returns the codings in the order in which they were applied. Returns none if one is unknown: the
/// body then stays as it is.
pub(super) fn codings(headers: &HeaderMap) -> Vec<Coding> {
    let mut found = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        for word in value.to_str().unwrap_or("?").split([',', ' ']) {
            let word = word.split(';').next().unwrap_or_default();
            found.push(match word.trim().trim_matches('"').to_ascii_lowercase().as_str() {
                "" | "identity" | "none" => continue,
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

/// Returns `true` if a body without a label may turn out to be compressed.
pub(super) fn may_be_encoded(bytes: &[u8]) -> bool {
    marked(bytes).is_some() || is_zlib(bytes)
}

/// Decodes `bytes` by its labels and marks. `is_textual` says that the content is text, so that a mark of
/// compression at its beginning is a missing label.
///
/// Of a content above `kept` bytes only these are returned; one above `most` bytes is an error.
pub(super) async fn decode(
    bytes: Vec<u8>,
    labels: &[Coding],
    is_textual: bool,
    kept: u64,
    most: u64,
) -> Result<Decoded, TooLarge> {
    let limit = Limit { kept: usize::try_from(kept).unwrap_or(usize::MAX), most };
    let size = bytes.len() as u64;
    let mut decoded = Decoded { bytes, size, ..Decoded::default() };
    let mut labels = labels.iter().rev();
    for _ in 0..MAX_ENCODINGS {
        let label = labels.next().copied();
        // What was cut on one stage cannot be decoded on the next.
        if decoded.bytes.is_empty() || decoded.is_cut() || label.is_none() && !is_textual {
            break;
        }
        let Some(next) = step(&decoded.bytes, label, limit).await? else {
            if label.is_none() {
                break;
            }
            decoded.note = Some("the body is not compressed as its Content-Encoding says");
            continue;
        };
        // What one stage lost, the next one cannot bring back.
        let note = decoded.note.take().or(next.note);
        let failure = decoded.failure.take().or(next.failure);
        decoded = Decoded { note, failure, ..next };
    }
    if decoded.size > most {
        return Err(TooLarge);
    }
    if decoded.bytes.len() > limit.kept {
        let Decoded { note, failure, .. } = decoded;
        return Ok(Decoded { note, failure, ..Decoded::plain(decoded.bytes, limit) });
    }
    Ok(decoded)
}

/// Undoes one coding. Returns `None` if the bytes are not compressed.
async fn step(
    bytes: &[u8],
    label: Option<Coding>,
    limit: Limit,
) -> Result<Option<Decoded>, TooLarge> {
    let mut candidates: Vec<Coding> = marked(bytes).into_iter().collect();
    if candidates.is_empty() {
        if is_zlib(bytes) {
            candidates.push(Coding::Deflate);
        }
        if label.is_some() && !is_text(bytes) {
            // Only these two have no mark of their own.
            candidates.extend([Coding::Brotli, Coding::Deflate]);
            candidates.sort_by_key(|it| Some(*it) != label);
        }
    }
    let mut best: Option<Decoded> = None;
    for coding in candidates {
        let is_guess = Some(coding) != label && marked(bytes).is_none();
        let decoded = match decode_one(bytes, coding, limit).await {
            // A wrong guess may decode to anything.
            Err(TooLarge) if is_guess => continue,
            decoded => decoded?,
        };
        if decoded.failure.is_none() {
            return Ok(Some(decoded));
        }
        if best.as_ref().is_none_or(|it| it.bytes.len() < decoded.bytes.len()) {
            best = Some(decoded);
        }
    }
    // Without a label, the mark may be a coincidence.
    Ok(best.filter(|it| label.is_some() || it.bytes.len() > bytes.len()))
}

fn marked(bytes: &[u8]) -> Option<Coding> {
    if bytes.starts_with(&GZIP_MARK) {
        return Some(Coding::Gzip);
    }
    bytes.starts_with(&ZSTD_MARK).then_some(Coding::Zstd)
}

/// Returns `true` if a stream starts with a zlib header: method 8, a valid window and the check
/// bits.
fn is_zlib(start: &[u8]) -> bool {
    let [first, second, ..] = start else { return false };
    first & 0x0f == 8
        && first >> 4 <= 7
        && (u16::from(*first) << 8 | u16::from(*second)) % 31 == 0
        && !second.is_ascii_alphanumeric()
}

/// Returns `true` if the beginning has no control characters, as no compressed data does for long.
fn is_text(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(TEXT_BYTES)];
    start.iter().all(|it| *it >= b' ' || matches!(it, b'\t' | b'\n' | b'\r' | 0x0c))
}

async fn decode_one(bytes: &[u8], coding: Coding, limit: Limit) -> Result<Decoded, TooLarge> {
    match coding {
        Coding::Gzip => gunzip(bytes, limit).await,
        Coding::Deflate => {
            let body = if is_zlib(bytes) { &bytes[2..] } else { bytes };
            let mut decoded = Decoded::default();
            let rest = inflate(body, &mut decoded, limit).await?;
            if is_zlib(bytes) && decoded.failure.is_none() && rest.len() < 4 {
                decoded.note = Some("the compressed body has no checksum");
            }
            Ok(decoded)
        }
        Coding::Brotli => {
            let (mut decoded, mut rest) = (Decoded::default(), bytes);
            let mut source = BrotliDecoder::new(bytes);
            if read(&mut source, &mut decoded, limit).await? {
                rest = source.into_inner();
            }
            note_rest(&mut decoded, rest);
            Ok(decoded)
        }
        Coding::Zstd => {
            let (mut decoded, mut rest) = (Decoded::default(), bytes);
            while rest.starts_with(&ZSTD_MARK) {
                let window = [DParameter::window_log_max(ZSTD_WINDOW_LOG)];
                let mut source = ZstdDecoder::with_params(rest, &window);
                if !read(&mut source, &mut decoded, limit).await? {
                    break;
                }
                rest = source.into_inner();
            }
            note_rest(&mut decoded, rest);
            Ok(decoded)
        }
    }
}

/// Notes bytes behind a stream that ended.
fn note_rest(decoded: &mut Decoded, rest: &[u8]) {
    if decoded.failure.is_none() && rest.iter().any(|it| *it != 0) {
        decoded.note = Some("the compressed body is followed by other bytes, which were ignored");
    }
}

/// Decodes every member of a gzip stream. Browsers check neither lengths nor checksums, so a wrong one is only noted.
async fn gunzip(bytes: &[u8], limit: Limit) -> Result<Decoded, TooLarge> {
    let (mut decoded, mut rest) = (Decoded::default(), bytes);
    while rest.starts_with(&GZIP_MARK) {
        let Some(body) = behind_gzip_header(rest) else {
            decoded.failure = Some("the compressed stream ends in its header".to_owned());
            return Ok(decoded);
        };
        let from = decoded.bytes.len();
        decoded.has_end = false;
        rest = inflate(body, &mut decoded, limit).await?;
        if decoded.failure.is_some() {
            return Ok(decoded);
        }
        let Some((trailer, behind)) = rest.split_at_checked(8) else {
            decoded.note = Some("the compressed body has no checksum");
            return Ok(decoded);
        };
        let mut sum = Crc::new();
        sum.update(&decoded.bytes[from..]);
        if decoded.is_cut() {
            // The checksum covers bytes that were not kept.
        } else if trailer[..4] != sum.sum().to_le_bytes()
            || trailer[4..] != sum.amount().to_le_bytes()
        {
            decoded.note = Some("the compressed body has a wrong checksum");
        }
        rest = behind;
    }
    note_rest(&mut decoded, rest);
    Ok(decoded)
}

/// Skips the header of a gzip member (RFC 1952, 2.3). Returns `None` if it is incomplete.
fn behind_gzip_header(member: &[u8]) -> Option<&[u8]> {
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    const HEADER_SUM: u8 = 2;
    let flags = *member.get(3)?;
    let mut rest = member.get(10..)?;
    if flags & EXTRA != 0 {
        let (length, behind) = rest.split_first_chunk::<2>()?;
        rest = behind.get(usize::from(u16::from_le_bytes(*length))..)?;
    }
    for _ in 0..(flags & (NAME | COMMENT)).count_ones() {
        let end = rest.iter().position(|it| *it == 0)?;
        rest = &rest[end + 1..];
    }
    if flags & HEADER_SUM != 0 { rest.get(2..) } else { Some(rest) }
}

/// Inflates one raw stream and returns the bytes behind it.
async fn inflate<'a>(
    bytes: &'a [u8],
    decoded: &mut Decoded,
    limit: Limit,
) -> Result<&'a [u8], TooLarge> {
    let mut source = Decompress::new(false);
    let mut buffer = vec![0; BUFFER_BYTES];
    let (mut rest, mut turn) = (bytes, 0);
    loop {
        let (read, written) = (source.total_in(), source.total_out());
        let result = source.decompress(rest, &mut buffer, FlushDecompress::None);
        let taken = usize::try_from(source.total_in() - read).unwrap_or(rest.len());
        let count = usize::try_from(source.total_out() - written).unwrap_or(0);
        rest = &rest[taken.min(rest.len())..];
        append(decoded, &buffer[..count.min(BUFFER_BYTES)], limit)?;
        match result {
            Ok(Status::StreamEnd) => {
                decoded.has_end = true;
                return Ok(rest);
            }
            Ok(_) if taken == 0 && count == 0 => {
                decoded.failure = Some("the compressed stream is cut short".to_owned());
                return Ok(rest);
            }
            Ok(_) => {}
            Err(_) => {
                decoded.failure = Some("the compressed stream is damaged".to_owned());
                return Ok(rest);
            }
        }
        turn += count;
        if turn >= TURN_BYTES {
            turn = 0;
            tokio::task::yield_now().await;
        }
    }
}

/// Reads a decoder to its end. Returns `false` if the stream failed.
async fn read(
    source: &mut (impl AsyncRead + Unpin),
    decoded: &mut Decoded,
    limit: Limit,
) -> Result<bool, TooLarge> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut turn = 0;
    loop {
        match source.read(&mut buffer).await {
            Ok(0) => {
                decoded.has_end = true;
                return Ok(true);
            }
            Ok(count) => {
                append(decoded, &buffer[..count], limit)?;
                turn += count;
            }
            Err(error) => {
                decoded.has_end = false;
                let is_cut = error.kind() == std::io::ErrorKind::UnexpectedEof;
                let how = if is_cut { "cut short" } else { "damaged" };
                decoded.failure = Some(format!("the compressed stream is {how}"));
                return Ok(false);
            }
        }
        if turn >= TURN_BYTES {
            turn = 0;
            tokio::task::yield_now().await;
        }
    }
}

fn append(decoded: &mut Decoded, bytes: &[u8], limit: Limit) -> Result<(), TooLarge> {
    decoded.size = decoded.size.saturating_add(bytes.len() as u64);
    if decoded.size > limit.most {
        return Err(TooLarge);
    }
    let room = limit.kept.saturating_sub(decoded.bytes.len());
    decoded.bytes.extend_from_slice(&bytes[..room.min(bytes.len())]);
    Ok(())
}
