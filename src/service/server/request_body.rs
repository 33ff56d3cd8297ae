//! Request bodies.

use async_compression::tokio::bufread::GzipDecoder;
use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_ENCODING;
use http_body_util::BodyExt;
use serde_json::{Map, Value};
use tokio::io::AsyncReadExt;

use crate::service::server::options::ServiceOptions;
use crate::service::wire::{self, Problem};

/// Multiple of the body limit that is read and discarded. A client that is still sending then sees the response
/// instead of a broken connection.
const DRAIN_FACTOR: u64 = 8;

/// The encoding of U+FEFF, which some editors write before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads a request's body as JSON, within the limits of the service. The body may be compressed with gzip.
pub(super) async fn json(
    headers: &HeaderMap,
    body: Body,
    options: &ServiceOptions,
) -> Result<Value, Problem> {
    json_within(headers, body, options, options.max_body_bytes).await
}

/// Reads a request's body as [`json`] does, with another limit of its size.
pub(super) async fn json_within(
    headers: &HeaderMap,
    body: Body,
    options: &ServiceOptions,
    max_bytes: u64,
) -> Result<Value, Problem> {
    parsed(&received(headers, body, options, max_bytes).await?)
}

/// Reads a request's body as [`json`] does. An empty body is an empty object.
pub(super) async fn optional_json(
    headers: &HeaderMap,
    body: Body,
    options: &ServiceOptions,
) -> Result<Value, Problem> {
    let bytes = received(headers, body, options, options.max_body_bytes).await?;
    if bytes.trim_ascii().is_empty() { Ok(Value::Object(Map::new())) } else { parsed(&bytes) }
}

fn parsed(bytes: &[u8]) -> Result<Value, Problem> {
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    serde_json::from_slice(text)
        .map_err(|error| wire::bad_request(format!("invalid JSON ({error}): send a JSON object")))
}

/// Receives a body and decompresses it.
async fn received(
    headers: &HeaderMap,
    body: Body,
    options: &ServiceOptions,
    max_bytes: u64,
) -> Result<Vec<u8>, Problem> {
    let is_gzip = is_gzip(headers)?;
    let reading = read(body, max_bytes);
    let timed_out = |_| Err(wire::body_timeout(options.body_timeout));
    let bytes =
        tokio::time::timeout(options.body_timeout, reading).await.unwrap_or_else(timed_out)?;
    if is_gzip { decompressed(&bytes, max_bytes).await } else { Ok(bytes) }
}

/// Returns `true` if the body is compressed.
fn is_gzip(headers: &HeaderMap) -> Result<bool, Problem> {
    let Some(encoding) = headers.get(CONTENT_ENCODING) else { return Ok(false) };
    let encoding = encoding.to_str().unwrap_or("unreadable").trim().to_ascii_lowercase();
    match encoding.as_str() {
        "" | "identity" => Ok(false),
        "gzip" | "x-gzip" => Ok(true),
        _ => Err(wire::unsupported_body(
            "unsupported content encoding: send the body uncompressed or with `Content-Encoding: gzip`",
        )),
    }
}

/// Decompresses a body. The limit of bodies applies to the result too.
async fn decompressed(bytes: &[u8], max_bytes: u64) -> Result<Vec<u8>, Problem> {
    let mut decoder = GzipDecoder::new(bytes);
    decoder.multiple_members(true);
    let mut plain = Vec::new();
    let read = decoder.take(max_bytes.saturating_add(1)).read_to_end(&mut plain).await;
    read.map_err(|error| {
        wire::bad_request(format!("invalid gzip body ({error}): compress it again"))
    })?;
    if plain.len() as u64 > max_bytes {
        return Err(wire::body_too_large(max_bytes));
    }
    Ok(plain)
}

async fn read(mut body: Body, max_bytes: u64) -> Result<Vec<u8>, Problem> {
    let mut kept = Vec::new();
    let mut seen = 0_u64;
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|_| wire::bad_request("the request body ended early: send it again"))?;
        let Ok(data) = frame.into_data() else { continue };
        seen = seen.saturating_add(data.len() as u64);
        if seen <= max_bytes {
            kept.extend_from_slice(&data);
        } else if seen > max_bytes.saturating_mul(DRAIN_FACTOR) {
            break;
        }
    }
    if seen > max_bytes {
        return Err(wire::body_too_large(max_bytes));
    }
    Ok(kept)
}
