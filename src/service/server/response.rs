//! Response bodies: JSON at once, or text that is produced while it is sent.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::body::{Body as HttpBody, Frame};
use serde_json::Value;
use tokio::sync::mpsc;

/// Maximum number of chunks that wait for the client to read them. A response holds these chunks and the one being
/// produced in memory, and no more of a batch.
const BUFFERED_CHUNKS: usize = 1;

/// Creates a JSON response.
pub(super) fn json(status: StatusCode, value: &Value) -> Response {
    serialized(status, value.to_string())
}

/// Creates a JSON response from a serialized value.
pub(super) fn serialized(status: StatusCode, json: String) -> Response {
    typed(status, "application/json", json)
}

/// Creates a response of this media type.
pub(super) fn typed(
    status: StatusCode,
    media_type: &'static str,
    body: impl Into<Body>,
) -> Response {
    let mut response = (status, body.into()).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// Creates a streamed response and the writer of its chunks.
pub(super) fn streamed(
    media_type: &'static str,
    write_timeout: Duration,
) -> (ChunkWriter, Response) {
    let (chunks, receiver) = mpsc::channel(BUFFERED_CHUNKS);
    let body = Body::new(ChunkBody { receiver });
    (ChunkWriter { chunks, write_timeout }, typed(StatusCode::OK, media_type, body))
}

/// The client closed the connection, or stopped reading.
#[derive(Debug)]
pub(super) struct Disconnected;

/// Writes the chunks of a streamed response.
#[derive(Debug)]
pub(super) struct ChunkWriter {
    chunks: mpsc::Sender<Result<Bytes, Truncated>>,
    write_timeout: Duration,
}

impl ChunkWriter {
    /// Sends the next chunk, once the client has read the previous ones.
    pub(super) async fn write(&self, chunk: String) -> Result<(), Disconnected> {
        self.send(Ok(chunk.into())).await
    }

    /// Waits until the client has closed the connection.
    pub(super) async fn closed(&self) {
        self.chunks.closed().await;
    }

    /// Aborts the response. The client detects that it is incomplete.
    pub(super) async fn abort(&self) {
        let _ = self.send(Err(Truncated)).await;
    }

    async fn send(&self, chunk: Result<Bytes, Truncated>) -> Result<(), Disconnected> {
        self.chunks.send_timeout(chunk, self.write_timeout).await.map_err(|_| Disconnected)
    }
}

/// The error that makes hyper close a connection in the middle of a response.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the response could not be completed")]
struct Truncated;

struct ChunkBody {
    receiver: mpsc::Receiver<Result<Bytes, Truncated>>,
}

impl HttpBody for ChunkBody {
    type Data = Bytes;
    type Error = Truncated;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Truncated>>> {
        let chunk = ready!(self.receiver.poll_recv(cx));
        Poll::Ready(chunk.map(|it| it.map(Frame::data)))
    }
}
