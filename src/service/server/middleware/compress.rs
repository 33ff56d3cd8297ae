//! Compression of JSON responses for clients that accept gzip.
//!
//! Event streams, artifacts and the files of the web page are sent as they are.

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_compression::Level;
use async_compression::tokio::write::GzipEncoder;
use axum::Error;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::{Body as HttpBody, Frame};
use tokio::io::AsyncWrite;

/// Size in bytes below which a response is not compressed: it fits a few packets anyway.
const MIN_BYTES: u64 = 4_096;
/// Bytes compressed at once, so that a large page does not keep a thread from other requests.
const SLICE_BYTES: usize = 65_536;
/// Steps without output after which other tasks get their turn.
const STEPS_PER_POLL: usize = 16;

/// Compresses a JSON response if the client accepts gzip.
pub(in crate::service::server) async fn compress(request: Request, next: Next) -> Response {
    let is_accepted = *request.method() != Method::HEAD && accepts_gzip(request.headers());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let is_json = headers.get(CONTENT_TYPE).is_some_and(|it| it == "application/json");
    if !is_json || headers.contains_key(CONTENT_ENCODING) {
        return response;
    }
    headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    let is_small = response.body().size_hint().upper().is_some_and(|it| it < MIN_BYTES);
    if is_small || !is_accepted {
        return response;
    }
    let (mut head, body) = response.into_parts();
    head.headers.remove(CONTENT_LENGTH);
    head.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    Response::from_parts(head, Body::new(GzipBody::new(body)))
}

/// Returns `true` if `Accept-Encoding` lists gzip, or everything, with a weight above zero.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let (mut gzip, mut any) = (None, None);
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|it| it.to_str().ok());
    for coding in values.flat_map(|it| it.split(',')) {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = parameters.trim().strip_prefix("q=").map(str::parse::<f32>);
        let is_accepted = !weight.is_some_and(|it| it.is_ok_and(|weight| weight <= 0.0));
        match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => gzip = Some(is_accepted),
            "*" => any = Some(is_accepted),
            _ => {}
        }
    }
    gzip.or(any).unwrap_or(false)
}

/// The gzip of a body, made while it is read. An error of the body is passed on, so that the client detects it.
struct GzipBody {
    body: Body,
    chunk: Bytes,
    encoder: GzipEncoder<Vec<u8>>,
    stage: Stage,
}

#[derive(Clone, Copy)]
enum Stage {
    Reading,
    Finishing,
    Finished,
}

impl GzipBody {
    fn new(body: Body) -> Self {
        let encoder = GzipEncoder::with_quality(Vec::new(), Level::Fastest);
        Self { body, chunk: Bytes::new(), encoder, stage: Stage::Reading }
    }

    /// Reads a chunk, compresses a part of one, or writes the end.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let encoder = Pin::new(&mut self.encoder);
        match self.stage {
            Stage::Reading if self.chunk.is_empty() => {
                match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                    Some(frame) => self.chunk = frame?.into_data().unwrap_or_default(),
                    None => self.stage = Stage::Finishing,
                }
            }
            Stage::Reading => {
                let slice = &self.chunk[..self.chunk.len().min(SLICE_BYTES)];
                let written = ready!(encoder.poll_write(cx, slice)).map_err(Error::new)?;
                drop(self.chunk.split_to(written));
            }
            Stage::Finishing => {
                ready!(encoder.poll_shutdown(cx)).map_err(Error::new)?;
                self.stage = Stage::Finished;
            }
            Stage::Finished => {}
        }
        Poll::Ready(Ok(()))
    }
}

impl HttpBody for GzipBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        for _ in 0..STEPS_PER_POLL {
            let compressed = mem::take(self.encoder.get_mut());
            if !compressed.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(compressed.into()))));
            }
            if matches!(self.stage, Stage::Finished) {
                return Poll::Ready(None);
            }
            if let Err(error) = ready!(self.poll_step(cx)) {
                return Poll::Ready(Some(Err(error)));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_accepted_if_its_weight_is_above_zero() {
        let accepts = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
            accepts_gzip(&headers)
        };

        for value in ["gzip", "br, GZIP;q=0.1", "x-gzip", "*", "identity;q=0, *;q=0.5", "gzip; q=1"]
        {
            assert!(accepts(value), "{value}");
        }
        for value in ["", "br", "gzip;q=0", "gzip; q=0.000, *", "*;q=0", "gzipped"] {
            assert!(!accepts(value), "{value}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
