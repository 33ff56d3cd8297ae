//! Messages over standard input and output, one per line.
//!
//! The transport of the protocol's implementation drops lines that are not JSON without a response. This one responds to
//! each line that is not a message, and otherwise does the same.
//!
//! # Invariants
//!
//! * A line is buffered up to [`MAX_LINE_BYTES`]; the rest of a longer one is skipped.
//! * At most one response to a malformed line waits for the client to read.
//! * Lines are written whole: one writer at a time has the output.

use std::io;
use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::mcp::malformed;

/// Maximum size of a message.
pub(super) const MAX_LINE_BYTES: usize = 16 * 1_048_576;
/// The mark that some programs write before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A transport on a reader and a writer.
#[derive(Debug)]
pub(super) struct Stdio<R, W> {
    reader: BufReader<R>,
    line: Vec<u8>,
    /// `true` while the rest of a line above the limit is skipped.
    is_skipping: bool,
    max_line_bytes: usize,
    /// `None` once the transport is closed.
    writer: Arc<Mutex<Option<W>>>,
    /// The task that writes the response to a malformed line. It outlives a call of `receive`, which may be dropped at any
    /// time.
    response: Option<JoinHandle<io::Result<()>>>,
}

/// A step of reading a line.
enum Step {
    More,
    Line,
    TooLong,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin + Send + 'static> Stdio<R, W> {
    /// Creates a transport of messages up to [`MAX_LINE_BYTES`].
    pub(super) fn new(reader: R, writer: W) -> Self {
        Self {
            reader: BufReader::new(reader),
            line: Vec::new(),
            is_skipping: false,
            max_line_bytes: MAX_LINE_BYTES,
            writer: Arc::new(Mutex::new(Some(writer))),
            response: None,
        }
    }

    /// Reads up to the end of a line. Returns `None` at the end of the input; a line without an end is not a message.
    async fn step(&mut self) -> Option<Step> {
        let available = self.reader.fill_buf().await.ok().filter(|it| !it.is_empty())?;
        let end = available.iter().position(|it| *it == b'\n');
        let taken = end.map_or(available.len(), |it| it + 1);
        let was_skipping = self.is_skipping;
        let is_too_long = !was_skipping && self.line.len() + taken > self.max_line_bytes;
        if is_too_long {
            self.line = Vec::new();
        } else if !was_skipping {
            self.line.extend_from_slice(&available[..taken]);
        }
        self.is_skipping = (was_skipping || is_too_long) && end.is_none();
        self.reader.consume(taken);
        Some(match end {
            _ if is_too_long => Step::TooLong,
            Some(_) if !was_skipping => Step::Line,
            _ => Step::More,
        })
    }

    /// Parses the line that was read, or starts the response to one that is not a message.
    fn parse(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        let line = std::mem::take(&mut self.line);
        let text = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line).trim_ascii();
        if text.is_empty() {
            return None;
        }
        let message = serde_json::from_slice(text).ok();
        if message.is_none()
            && let Some(response) = malformed::response(text)
        {
            self.respond(response);
        }
        message
    }

    fn respond(&mut self, response: serde_json::Value) {
        let writer = Arc::clone(&self.writer);
        self.response = Some(tokio::spawn(async move { write(&writer, &response).await }));
    }
}

async fn write<W: AsyncWrite + Unpin>(
    writer: &Mutex<Option<W>>,
    message: &impl Serialize,
) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    let mut writer = writer.lock().await;
    let Some(writer) = writer.as_mut() else { return Err(io::ErrorKind::NotConnected.into()) };
    writer.write_all(&line).await?;
    writer.flush().await
}

impl<R, W> Transport<RoleServer> for Stdio<R, W>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send + 'static,
{
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let writer = Arc::clone(&self.writer);
        async move { write(&writer, &message).await }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            if let Some(response) = &mut self.response {
                let written = response.await;
                self.response = None;
                written.ok()?.ok()?;
            }
            match self.step().await? {
                Step::More => {}
                Step::TooLong => self.respond(malformed::too_long(self.max_line_bytes)),
                Step::Line => {
                    if let Some(message) = self.parse() {
                        return Some(message);
                    }
                }
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        drop(self.writer.lock().await.take());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::io::DuplexStream;

    use super::*;

    /// Passes the input to a transport with this limit, and returns the methods of its messages and its responses.
    async fn passed(input: &[u8], max_line_bytes: usize) -> (Vec<Value>, Vec<Value>) {
        let (output, mut shown): (DuplexStream, DuplexStream) = tokio::io::duplex(1 << 16);
        let mut transport = Stdio { max_line_bytes, ..Stdio::new(input, output) };
        let mut methods = Vec::new();
        while let Some(message) = transport.receive().await {
            methods.push(serde_json::to_value(message).expect("JSON")["method"].clone());
        }
        transport.close().await.expect("closed");
        let mut text = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut shown, &mut text).await.expect("text");
        (methods, text.lines().map(|it| serde_json::from_str(it).expect("JSON")).collect())
    }

    #[tokio::test]
    async fn a_line_that_is_not_a_message_is_answered_and_the_next_is_read() {
        let input = concat!(
            "{bad\n",
            "\n",
            "{\"jsonrpc\":\"2.0\",\"id\":9}\r\n",
            "\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n",
            "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"pi",
        );

        let (methods, responses) = passed(input.as_bytes(), MAX_LINE_BYTES).await;

        assert_eq!(methods, [json!("ping")]);
        let seen: Vec<_> =
            responses.iter().map(|it| (it["id"].clone(), it["error"]["code"].clone())).collect();
        assert_eq!(seen, [(Value::Null, json!(-32_700)), (json!(9), json!(-32_600))]);
    }

    #[tokio::test]
    async fn a_line_above_the_limit_is_answered_once_and_skipped() {
        let ping = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n";
        let input = format!("{}\n{ping}", "x".repeat(50_000));

        let (methods, responses) = passed(input.as_bytes(), 100).await;

        assert_eq!((methods.len(), responses.len()), (1, 1), "{responses:?}");
        assert_eq!(responses[0]["error"]["code"], -32_600);
    }
}
