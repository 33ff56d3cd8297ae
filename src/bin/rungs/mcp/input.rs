//! Standard input with an end that both sides can see.
//!
//! The protocol's implementation stops at the end of its input and still writes the results of running calls for a few
//! seconds. This reader reports the end, so that calls can return in time, and ends the input when the process is
//! asked to stop.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A reader that reports its end, and can be ended.
#[derive(Debug)]
pub(super) struct Input<R> {
    reader: R,
    /// Canceled at the end of the input.
    ended: CancellationToken,
    /// Completes when the input is to end.
    end: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<R> Input<R> {
    /// Creates a reader that cancels `ended` at its end, and ends when `end` is canceled.
    pub(super) fn new(reader: R, ended: CancellationToken, end: CancellationToken) -> Self {
        Self { reader, ended, end: Box::pin(end.cancelled_owned()) }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Input<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ended.is_cancelled() {
            return Poll::Ready(Ok(()));
        }
        if self.end.as_mut().poll(cx).is_ready() {
            self.ended.cancel();
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.reader).poll_read(cx, buffer);
        let is_end = match &read {
            Poll::Ready(Ok(())) => buffer.filled().len() == before && buffer.remaining() > 0,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if is_end {
            self.ended.cancel();
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn the_end_of_the_input_is_reported() {
        let ended = CancellationToken::new();
        let mut input = Input::new(&b"message"[..], ended.clone(), CancellationToken::new());
        let mut text = String::new();

        let read = input.read_to_string(&mut text).await;

        assert!(read.is_ok_and(|it| it == 7) && ended.is_cancelled());
    }

    #[tokio::test]
    async fn an_input_that_waits_can_be_ended() {
        let (mut writer, reader) = tokio::io::duplex(64);
        let end = CancellationToken::new();
        let mut input = Input::new(reader, CancellationToken::new(), end.clone());
        writer.write_all(b"message").await.expect("room");
        let mut buffer = [0; 7];
        input.read_exact(&mut buffer).await.expect("a message");

        let (read, ()) = tokio::join!(input.read(&mut buffer), async { end.cancel() });

        assert!(read.is_ok_and(|it| it == 0));
    }
}
