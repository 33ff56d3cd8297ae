//! Reads HTTP/1 responses as leniently as browsers and curl do.
//!
//! [`LenientStream`] stands between a connection and hyper's client. It rewrites the head of each response into a
//! strict one ([`head`]) and normalizes chunked bodies ([`chunked`]); every other byte passes unchanged. hyper's own
//! options for invalid headers, folded lines and blanks before a colon are not used: they cover a part of what servers
//! send, and each drops a different line than browsers do. Its limit on the number of headers is raised instead.
//!
//! HTTP/2 is not affected: its connections pass everything.
//!
//! # Invariants
//!
//! * A head that is already strict passes byte by byte.
//! * How the bytes are split into reads does not change the result.
//! * At most `max_head_bytes` of a head are buffered, and what is written is at most [`head::MAX_GROWTH`] longer.
//! * One response is read per request. hyper does not pipeline, and discards a connection that sends more than it was
//!   asked for, so a response that is split in two is never taken for the response to another request.

use std::fmt;
use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::Uri;
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use tower_service::Service;

use filter::Filter;

mod chunked;
mod filter;
mod head;

/// The most bytes that are read at once.
const READ_BYTES: usize = 16_384;

/// A reused connection broke before the first byte of the response.
///
/// The server closed it while it was idle, so it is safe to send a request without a body again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server closed the reused connection")]
pub(crate) struct StaleConnection;

/// Returns the status of a response's head; `None` if it is not HTTP.
pub(crate) fn response_status(head: &[u8]) -> Option<u16> {
    head::status(head)
}

/// A connector whose connections read responses leniently.
#[derive(Clone, Debug)]
pub(crate) struct LenientConnector<C> {
    inner: C,
    max_head_bytes: usize,
}

impl<C> LenientConnector<C> {
    /// Wraps `inner`. Heads of more than `max_head_bytes` are passed on as they are, for hyper to refuse.
    pub(crate) fn new(inner: C, max_head_bytes: usize) -> Self {
        Self { inner, max_head_bytes }
    }
}

impl<C> Service<Uri> for LenientConnector<C>
where
    C: Service<Uri>,
    C::Response: Connection,
    C::Future: Send + 'static,
{
    type Response = LenientStream<C::Response>;
    type Error = C::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, C::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = self.inner.call(to);
        let max_head_bytes = self.max_head_bytes;
        Box::pin(async move { Ok(LenientStream::new(connecting.await?, max_head_bytes)) })
    }
}

/// A connection that reads responses leniently.
pub(crate) struct LenientStream<S> {
    inner: S,
    /// `None` for HTTP/2.
    filter: Option<Filter>,
}

impl<S: Connection> LenientStream<S> {
    fn new(inner: S, max_head_bytes: usize) -> Self {
        let is_http_2 = inner.connected().is_negotiated_h2();
        Self { inner, filter: (!is_http_2).then(|| Filter::new(max_head_bytes)) }
    }
}

impl<S> fmt::Debug for LenientStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LenientStream").field("filter", &self.filter).finish_non_exhaustive()
    }
}

impl<S: Connection> Connection for LenientStream<S> {
    fn connected(&self) -> Connected {
        self.inner.connected()
    }
}

impl<S: Read + Unpin> Read for LenientStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { inner, filter } = self.get_mut();
        let Some(filter) = filter else { return Pin::new(inner).poll_read(cx, buf) };
        loop {
            if filter.drain(buf.remaining(), |bytes| buf.put_slice(bytes)) {
                return Poll::Ready(Ok(()));
            }
            if filter.passes_everything() {
                return Pin::new(inner).poll_read(cx, buf);
            }
            let mut space = [MaybeUninit::uninit(); READ_BYTES];
            let room = buf.remaining().min(READ_BYTES);
            let mut read = ReadBuf::uninit(&mut space[..room]);
            match ready!(Pin::new(&mut *inner).poll_read(cx, read.unfilled())) {
                Ok(()) if read.filled().is_empty() => {
                    if filter.is_stale() {
                        return Poll::Ready(Err(stale()));
                    }
                    // An unfinished head is hyper's to judge.
                    filter.end();
                    filter.drain(buf.remaining(), |bytes| buf.put_slice(bytes));
                    return Poll::Ready(Ok(()));
                }
                Ok(()) => filter.receive(read.filled())?,
                Err(_) if filter.is_stale() => return Poll::Ready(Err(stale())),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl<S: Write + Unpin> Write for LenientStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { inner, filter } = self.get_mut();
        let written = ready!(Pin::new(inner).poll_write(cx, buf));
        let Some(filter) = filter else { return Poll::Ready(written) };
        Poll::Ready(match written {
            Ok(count) => {
                filter.sent(&buf[..count]);
                Ok(count)
            }
            Err(error) => {
                // The write that failed began the request if nothing was sent since the last response.
                filter.sent(&buf[..buf.len().min(1)]);
                Err(if filter.is_stale() { stale() } else { error })
            }
        })
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

fn stale() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, StaleConnection)
}
