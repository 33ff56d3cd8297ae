//! The `DevTools` protocol over the two pipes of a browser that this process started.
//!
//! Messages are JSON texts, each followed by a NUL byte. A pipe has no port that other programs on the
//! machine could find, and it needs no handshake. When this process ends, even by a crash, the pipe closes
//! and the browser exits.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::error::CallError;

/// Maximum number of bytes in one message from the browser. The largest legitimate ones are screenshots: 40
/// million pixels are some 60 MiB as base64. A page that floods the browser with output is over it.
const MAX_MESSAGE_BYTES: usize = 128 << 20;
/// Maximum number of calls that wait to be written. One page keeps fewer than ten in flight.
const MAX_QUEUED_CALLS: usize = 1_024;
/// Bytes read at a time.
const READ_CHUNK_BYTES: usize = 64 << 10;
/// Capacity above which an empty read buffer is freed after a large message.
const MAX_IDLE_BUFFER_BYTES: usize = 1 << 20;

/// Receives the events of one page.
pub(super) trait EventListener: Send + Sync {
    /// Handles one event. It runs on the reading task, so it must not block.
    fn on_event(&self, method: &str, params: &str);
}

type RawResponse = Result<Box<RawValue>, CallError>;

/// A `DevTools` connection to one browser. Clones share it.
#[derive(Clone)]
pub(super) struct Connection(Arc<Inner>);

struct Inner {
    calls: mpsc::Sender<Vec<u8>>,
    state: Mutex<ConnectionState>,
    ended: CancellationToken,
}

#[derive(Default)]
struct ConnectionState {
    last_id: u64,
    pending: HashMap<u64, oneshot::Sender<RawResponse>>,
    listeners: HashMap<String, Weak<dyn EventListener>>,
    failure: Option<CallError>,
}

#[derive(Serialize)]
struct OutgoingCall<'a, P> {
    id: u64,
    method: &'a str,
    params: P,
    #[serde(rename = "sessionId", skip_serializing_if = "Option::is_none")]
    session: Option<&'a str>,
}

#[derive(Deserialize)]
struct IncomingMessage<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "sessionId")]
    session: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<ErrorObject>,
}

#[derive(Deserialize)]
struct ErrorObject {
    message: String,
}

/// The response to a call that was sent. Dropping it ignores the response.
#[derive(Debug)]
#[must_use = "a call whose response is ignored may have failed"]
pub(super) struct PendingResponse(Result<oneshot::Receiver<RawResponse>, CallError>);

impl PendingResponse {
    /// Waits for the response and decodes its result.
    pub(super) async fn decode<T: DeserializeOwned>(self) -> Result<T, CallError> {
        let disconnected = |_| CallError::Disconnected("it did not respond".to_owned());
        let raw = self.0?.await.map_err(disconnected)??;
        serde_json::from_str(raw.get()).map_err(|error| CallError::Unexpected(error.to_string()))
    }

    /// Waits until the call succeeded and ignores its result.
    pub(super) async fn done(self) -> Result<(), CallError> {
        self.decode::<serde::de::IgnoredAny>().await.map(|_| ())
    }
}

impl Connection {
    /// Starts the protocol on the two pipes. It ends when either pipe ends or `ended` is cancelled, and
    /// cancels `ended` when it ends.
    pub(super) fn start(
        to_browser: impl AsyncWrite + Send + Unpin + 'static,
        from_browser: impl AsyncRead + Send + Unpin + 'static,
        ended: CancellationToken,
    ) -> Self {
        let (calls, queue) = mpsc::channel(MAX_QUEUED_CALLS);
        let inner = Inner { calls, state: Mutex::default(), ended: ended.clone() };
        let connection = Self(Arc::new(inner));
        tokio::spawn(write(to_browser, queue, ended.clone()));
        let reader = connection.clone();
        tokio::spawn(async move {
            let failure = tokio::select! {
                failure = reader.read(from_browser) => failure,
                () = ended.cancelled() => killed(),
            };
            reader.end(failure);
        });
        connection
    }

    /// Sends a call to the browser, or to the page with this session.
    pub(super) fn call(
        &self,
        session: Option<&str>,
        method: &str,
        params: impl Serialize,
    ) -> PendingResponse {
        PendingResponse(self.send(session, method, params))
    }

    fn send(
        &self,
        session: Option<&str>,
        method: &str,
        params: impl Serialize,
    ) -> Result<oneshot::Receiver<RawResponse>, CallError> {
        let (sender, response) = oneshot::channel();
        let mut state = self.state();
        if let Some(failure) = &state.failure {
            return Err(failure.clone());
        }
        state.last_id += 1;
        let id = state.last_id;
        let mut bytes = serde_json::to_vec(&OutgoingCall { id, method, params, session })
            .map_err(|error| CallError::Unexpected(error.to_string()))?;
        bytes.push(0);
        let queue_full = |_| CallError::Disconnected("it does not read its pipe".to_owned());
        self.0.calls.try_send(bytes).map_err(queue_full)?;
        state.pending.insert(id, sender);
        Ok(response)
    }

    /// Delivers a page's events to `listener` while it lives.
    pub(super) fn listen(&self, session: &str, listener: &Arc<impl EventListener + 'static>) {
        let weak = Arc::downgrade(listener);
        self.state().listeners.insert(session.to_owned(), weak);
    }

    /// Stops delivering a page's events.
    pub(super) fn forget(&self, session: &str) {
        self.state().listeners.remove(session);
    }

    /// Waits until the connection has ended.
    pub(super) async fn ended(&self) {
        self.0.ended.cancelled().await;
    }

    /// Returns `true` if the connection has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.0.ended.is_cancelled()
    }

    /// Returns why the connection ended, or `None` while it is alive.
    pub(super) fn failure(&self) -> Option<CallError> {
        self.has_ended().then(|| self.state().failure.clone().unwrap_or_else(killed))
    }

    fn state(&self) -> MutexGuard<'_, ConnectionState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, failure: CallError) {
        let mut state = self.state();
        state.failure.get_or_insert(failure);
        // Cancelled before the callers are woken, so that they see that the connection has ended.
        self.0.ended.cancel();
        // Dropping the senders wakes the callers.
        state.pending.clear();
        state.listeners.clear();
    }

    /// Reads messages until the pipe ends, and returns why it ended.
    async fn read(&self, mut from_browser: impl AsyncRead + Unpin) -> CallError {
        let mut buffer: Vec<u8> = Vec::new();
        let mut scanned = 0;
        loop {
            buffer.reserve(READ_CHUNK_BYTES);
            match from_browser.read_buf(&mut buffer).await {
                Ok(0) => return CallError::Disconnected("its pipe was closed".to_owned()),
                Ok(_) => {}
                Err(error) => {
                    return CallError::Disconnected(format!("its pipe broke: {error}"));
                }
            }
            let mut start = 0;
            while let Some(length) = buffer[scanned..].iter().position(|byte| *byte == 0) {
                let end = scanned + length;
                self.dispatch(&buffer[start..end]);
                start = end + 1;
                scanned = start;
            }
            buffer.drain(..start);
            scanned = buffer.len();
            if buffer.len() > MAX_MESSAGE_BYTES {
                return CallError::MessageTooLarge(MAX_MESSAGE_BYTES >> 20);
            }
            if buffer.is_empty() && buffer.capacity() > MAX_IDLE_BUFFER_BYTES {
                buffer = Vec::new();
            }
        }
    }

    fn dispatch(&self, bytes: &[u8]) {
        // A newer browser may send messages of another shape; they are skipped.
        let Ok(message) = serde_json::from_slice::<IncomingMessage<'_>>(bytes) else {
            tracing::warn!(bytes = bytes.len(), "a message from the browser cannot be parsed");
            return;
        };
        match (message.id, message.method) {
            (Some(id), _) => {
                let response = match (message.error, message.result) {
                    (Some(error), _) => Err(CallError::Rejected(error.message)),
                    (None, Some(result)) => Ok(result.to_owned()),
                    (None, None) => Err(CallError::Unexpected("it has no result".to_owned())),
                };
                let sender = self.state().pending.remove(&id);
                if let Some(sender) = sender {
                    // The caller may have given up, and then ignores the response.
                    drop(sender.send(response));
                }
            }
            (None, Some(method)) => {
                let Some(session) = message.session else { return };
                let listener = self.state().listeners.get(&*session).and_then(Weak::upgrade);
                if let Some(listener) = listener {
                    listener.on_event(&method, message.params.map_or("{}", RawValue::get));
                }
            }
            (None, None) => {}
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}

fn killed() -> CallError {
    CallError::Disconnected("it was killed".to_owned())
}

async fn write(
    mut to_browser: impl AsyncWrite + Unpin,
    mut queue: mpsc::Receiver<Vec<u8>>,
    ended: CancellationToken,
) {
    loop {
        let call = tokio::select! {
            () = ended.cancelled() => return,
            call = queue.recv() => call,
        };
        let Some(call) = call else { return };
        let written = tokio::select! {
            () = ended.cancelled() => return,
            written = to_browser.write_all(&call) => written,
        };
        if written.is_err() {
            ended.cancel();
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::io::DuplexStream;

    use super::*;

    #[derive(Default)]
    struct Recorder(Mutex<Vec<String>>);

    impl EventListener for Recorder {
        fn on_event(&self, method: &str, params: &str) {
            self.0.lock().expect("one thread").push(format!("{method} {params}"));
        }
    }

    /// Returns a connection, the calls that its browser reads, and the pipe on which the browser writes.
    fn connection() -> (Connection, DuplexStream, DuplexStream, CancellationToken) {
        let (to_browser, calls) = tokio::io::duplex(1 << 16);
        let (messages, from_browser) = tokio::io::duplex(1 << 16);
        let ended = CancellationToken::new();
        (Connection::start(to_browser, from_browser, ended.clone()), calls, messages, ended)
    }

    async fn next_call(calls: &mut DuplexStream) -> Value {
        let mut bytes = Vec::new();
        loop {
            match calls.read_u8().await.expect("a call") {
                0 => return serde_json::from_slice(&bytes).expect("JSON"),
                byte => bytes.push(byte),
            }
        }
    }

    async fn send(messages: &mut DuplexStream, message: &Value) {
        messages.write_all(format!("{message}\0").as_bytes()).await.expect("room");
    }

    #[tokio::test]
    async fn responses_reach_their_calls_in_any_order() {
        let (connection, mut calls, mut messages, _) = connection();
        let first = connection.call(None, "A.a", json!({}));
        let second = connection.call(Some("s"), "B.b", json!({"x": 1}));

        let a = next_call(&mut calls).await;
        let b = next_call(&mut calls).await;
        send(&mut messages, &json!({"id": b["id"], "result": {"v": 2}})).await;
        send(&mut messages, &json!({"id": a["id"], "error": {"code": 1, "message": "no"}})).await;

        assert_eq!((&b["method"], &b["sessionId"]), (&json!("B.b"), &json!("s")));
        assert_eq!(second.decode::<Value>().await, Ok(json!({"v": 2})));
        assert_eq!(first.done().await, Err(CallError::Rejected("no".to_owned())));
    }

    #[tokio::test]
    async fn an_event_reaches_only_its_own_page() {
        let (connection, _calls, mut messages, _) = connection();
        let (one, other) = (Arc::new(Recorder::default()), Arc::new(Recorder::default()));
        connection.listen("1", &one);
        connection.listen("2", &other);

        send(&mut messages, &json!({"method": "M", "params": {"n": 1}, "sessionId": "1"})).await;
        send(&mut messages, &json!({"method": "Unknown.event", "params": {}})).await;
        messages.write_all(b"not JSON\0").await.expect("room");
        send(&mut messages, &json!({"method": "N", "params": {}, "sessionId": "2"})).await;
        drop(messages);
        while !connection.has_ended() {
            tokio::task::yield_now().await;
        }

        assert_eq!(*one.0.lock().expect("one thread"), [r#"M {"n":1}"#]);
        assert_eq!(*other.0.lock().expect("one thread"), ["N {}"]);
    }

    #[tokio::test]
    async fn the_end_of_the_pipe_fails_pending_and_later_calls() {
        let (connection, mut calls, messages, ended) = connection();
        let pending = connection.call(None, "A.a", json!({}));
        next_call(&mut calls).await;

        drop(messages);
        ended.cancelled().await;

        assert!(matches!(pending.done().await, Err(CallError::Disconnected(_))));
        let after = connection.call(None, "A.a", json!({})).done().await;
        assert_eq!(after, Err(CallError::Disconnected("its pipe was closed".to_owned())));
    }

    #[tokio::test]
    async fn an_endless_message_ends_the_connection() {
        let (connection, mut calls, mut messages, _) = connection();
        let pending = connection.call(None, "A.a", json!({}));
        next_call(&mut calls).await;

        let flood = vec![b'x'; 1 << 20];
        while messages.write_all(&flood).await.is_ok() {}

        assert!(matches!(pending.done().await, Err(CallError::Disconnected(_))));
        assert_eq!(connection.failure(), Some(CallError::MessageTooLarge(MAX_MESSAGE_BYTES >> 20)));
    }

    #[tokio::test]
    async fn calls_to_a_browser_that_does_not_read_fail() {
        let (to_browser, _calls) = tokio::io::duplex(64);
        let (_messages, from_browser) = tokio::io::duplex(64);
        let connection = Connection::start(to_browser, from_browser, CancellationToken::new());

        let calls: Vec<_> =
            (0..MAX_QUEUED_CALLS + 8).map(|_| connection.call(None, "A.a", json!({}))).collect();

        assert!(calls.into_iter().any(|call| call.0.is_err()));
    }
}
