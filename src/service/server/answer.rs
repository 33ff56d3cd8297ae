//! Answers: JSON at once, or text that is made while it is sent.

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

/// Pieces that wait for a client to read them: with the one being made, what an answer holds of a
/// batch in memory.
const AHEAD: usize = 1;

/// A JSON answer.
pub(super) fn json(status: StatusCode, value: &Value) -> Response {
    text(status, "application/json", value.to_string())
}

/// An answer of another type.
pub(super) fn text(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = (status, body.into()).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// An answer that is written piece by piece, with where to write it.
pub(super) fn pieces(kind: &'static str, patience: Duration) -> (Pieces, Response) {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let body = Body::new(Written { receiver });
    (Pieces { sender, patience }, text(StatusCode::OK, kind, body))
}

/// The client does not read on, or is gone.
#[derive(Debug)]
pub(super) struct Gone;

/// Where the pieces of an answer go.
#[derive(Debug)]
pub(super) struct Pieces {
    sender: mpsc::Sender<Result<Bytes, Broken>>,
    patience: Duration,
}

impl Pieces {
    /// Hands over the next piece, once the client has taken those before it.
    pub(super) async fn write(&self, piece: String) -> Result<(), Gone> {
        self.send(Ok(piece.into())).await
    }

    /// Ends the answer so that the client sees that it is not whole.
    pub(super) async fn abort(&self) {
        let _ = self.send(Err(Broken)).await;
    }

    async fn send(&self, piece: Result<Bytes, Broken>) -> Result<(), Gone> {
        self.sender.send_timeout(piece, self.patience).await.map_err(|_| Gone)
    }
}

/// An answer could not be made to its end.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the answer could not be made to its end")]
struct Broken;

struct Written {
    receiver: mpsc::Receiver<Result<Bytes, Broken>>,
}

impl HttpBody for Written {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let piece = ready!(self.receiver.poll_recv(cx));
        Poll::Ready(piece.map(|it| it.map(Frame::data)))
    }
}
