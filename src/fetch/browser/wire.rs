//! The `DevTools` protocol over the two pipes of a browser that we started.
//!
//! Messages are JSON texts that each end in a NUL. A pipe has no port that others on the machine
//! could find, needs no handshake, and its end is the browser's end: when the host dies, however it
//! dies, the browser reads the end of its pipe and leaves.

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

/// The most bytes of one message: a screenshot of the most pixels has its place, a page that would
/// flood the host has not.
const MAX_MESSAGE: usize = 128 << 20;
/// The most calls that wait to be written.
const MAX_UNSENT: usize = 1_024;
/// What is read at once.
const CHUNK: usize = 64 << 10;

/// Who hears what happens on one page.
pub(super) trait Listener: Send + Sync {
    /// An event of the page. It is called on the reading task, so it must not wait.
    fn hear(&self, method: &str, params: &str);
}

/// A browser that can be asked things.
#[derive(Clone)]
pub(super) struct Wire(Arc<Inner>);

struct Inner {
    unsent: mpsc::Sender<Vec<u8>>,
    state: Mutex<State>,
    ended: CancellationToken,
}

#[derive(Default)]
struct State {
    last_id: u64,
    waiting: HashMap<u64, oneshot::Sender<Result<Box<RawValue>, CallError>>>,
    pages: HashMap<String, Weak<dyn Listener>>,
    why_ended: Option<CallError>,
}

#[derive(Serialize)]
struct Call<'a, P> {
    id: u64,
    method: &'a str,
    params: P,
    #[serde(rename = "sessionId", skip_serializing_if = "Option::is_none")]
    session: Option<&'a str>,
}

#[derive(Deserialize)]
struct Message<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "sessionId")]
    session: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    message: String,
}

/// The answer to a call that was sent. Dropping it is no harm: the answer is passed over then.
#[derive(Debug)]
#[must_use = "a call that nobody waits for may have failed"]
pub(super) struct Answer(Result<oneshot::Receiver<Result<Box<RawValue>, CallError>>, CallError>);

impl Answer {
    /// Waits for it.
    pub(super) async fn get<T: DeserializeOwned>(self) -> Result<T, CallError> {
        let gone = |_| CallError::Gone("it did not answer".to_owned());
        let raw = self.0?.await.map_err(gone)??;
        serde_json::from_str(raw.get()).map_err(|why| CallError::Odd(why.to_string()))
    }

    /// Waits until it was done.
    pub(super) async fn done(self) -> Result<(), CallError> {
        self.get::<serde::de::IgnoredAny>().await.map(|_| ())
    }
}

impl Wire {
    /// Talks over `to` and `from` until either ends or `ended` is cancelled; its end cancels `ended`.
    pub(super) fn start(
        to: impl AsyncWrite + Send + Unpin + 'static,
        from: impl AsyncRead + Send + Unpin + 'static,
        ended: CancellationToken,
    ) -> Self {
        let (unsent, queue) = mpsc::channel(MAX_UNSENT);
        let inner = Inner { unsent, state: Mutex::default(), ended: ended.clone() };
        let wire = Self(Arc::new(inner));
        tokio::spawn(write(to, queue, ended.clone()));
        let reading = wire.clone();
        tokio::spawn(async move {
            let why = tokio::select! {
                why = reading.read(from) => why,
                () = ended.cancelled() => was_ended(),
            };
            reading.end(why);
        });
        wire
    }

    /// Sends a call to the browser, or to one of its pages.
    pub(super) fn call(
        &self,
        session: Option<&str>,
        method: &str,
        params: impl Serialize,
    ) -> Answer {
        Answer(self.send(session, method, params))
    }

    fn send(
        &self,
        session: Option<&str>,
        method: &str,
        params: impl Serialize,
    ) -> Result<oneshot::Receiver<Result<Box<RawValue>, CallError>>, CallError> {
        let (tell, answer) = oneshot::channel();
        let mut state = self.state();
        if let Some(why) = &state.why_ended {
            return Err(why.clone());
        }
        state.last_id += 1;
        let id = state.last_id;
        let mut bytes = serde_json::to_vec(&Call { id, method, params, session })
            .map_err(|why| CallError::Odd(why.to_string()))?;
        bytes.push(0);
        let full = |_| CallError::Gone("it does not read".to_owned());
        self.0.unsent.try_send(bytes).map_err(full)?;
        state.waiting.insert(id, tell);
        Ok(answer)
    }

    /// Has `listener` hear the events of a page, as long as it lives.
    pub(super) fn listen(&self, session: &str, listener: &Arc<impl Listener + 'static>) {
        let weak = Arc::downgrade(listener);
        self.state().pages.insert(session.to_owned(), weak);
    }

    /// No more events of a page.
    pub(super) fn forget(&self, session: &str) {
        self.state().pages.remove(session);
    }

    /// Resolves when it is over.
    pub(super) async fn ended(&self) {
        self.0.ended.cancelled().await;
    }

    /// Whether it is over.
    pub(super) fn has_ended(&self) -> bool {
        self.0.ended.is_cancelled()
    }

    /// Why it is over, if it is.
    pub(super) fn fault(&self) -> Option<CallError> {
        self.has_ended().then(|| self.state().why_ended.clone().unwrap_or_else(was_ended))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, why: CallError) {
        let mut state = self.state();
        state.why_ended.get_or_insert(why);
        // Before those who wait are told, so that they see that it is over.
        self.0.ended.cancel();
        // By the end of the channel.
        state.waiting.clear();
        state.pages.clear();
    }

    /// Reads until the end, and says how it ended.
    async fn read(&self, mut from: impl AsyncRead + Unpin) -> CallError {
        let mut held: Vec<u8> = Vec::new();
        let mut looked_at = 0;
        loop {
            held.reserve(CHUNK);
            match from.read_buf(&mut held).await {
                Ok(0) => return CallError::Gone("its pipe was closed".to_owned()),
                Ok(_) => {}
                Err(why) => return CallError::Gone(format!("its pipe broke: {why}")),
            }
            let mut begin = 0;
            while let Some(at) = held[looked_at..].iter().position(|it| *it == 0) {
                let end = looked_at + at;
                self.take(&held[begin..end]);
                begin = end + 1;
                looked_at = begin;
            }
            held.drain(..begin);
            looked_at = held.len();
            if held.len() > MAX_MESSAGE {
                return CallError::Flooded(MAX_MESSAGE >> 20);
            }
            if held.is_empty() && held.capacity() > 16 * CHUNK {
                held = Vec::new();
            }
        }
    }

    fn take(&self, bytes: &[u8]) {
        // A browser that is newer than this may say things that are not understood; it goes on.
        let Ok(message) = serde_json::from_slice::<Message<'_>>(bytes) else {
            tracing::warn!(bytes = bytes.len(), "a message of the browser cannot be read");
            return;
        };
        match (message.id, message.method) {
            (Some(id), _) => {
                let answer = match (message.error, message.result) {
                    (Some(fault), _) => Err(CallError::Refused(fault.message)),
                    (None, Some(result)) => Ok(result.to_owned()),
                    (None, None) => Err(CallError::Odd("it is empty".to_owned())),
                };
                let waiting = self.state().waiting.remove(&id);
                if let Some(tell) = waiting {
                    // Who no longer waits needs no answer.
                    drop(tell.send(answer));
                }
            }
            (None, Some(method)) => {
                let Some(session) = message.session else { return };
                let page = self.state().pages.get(&*session).and_then(Weak::upgrade);
                if let Some(page) = page {
                    page.hear(&method, message.params.map_or("{}", RawValue::get));
                }
            }
            (None, None) => {}
        }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

fn was_ended() -> CallError {
    CallError::Gone("it was ended".to_owned())
}

async fn write(
    mut to: impl AsyncWrite + Unpin,
    mut queue: mpsc::Receiver<Vec<u8>>,
    ended: CancellationToken,
) {
    loop {
        let bytes = tokio::select! {
            () = ended.cancelled() => return,
            bytes = queue.recv() => bytes,
        };
        let Some(bytes) = bytes else { return };
        let written = tokio::select! {
            () = ended.cancelled() => return,
            written = to.write_all(&bytes) => written,
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

    use super::*;

    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Listener for Heard {
        fn hear(&self, method: &str, params: &str) {
            self.0.lock().expect("one thread").push(format!("{method} {params}"));
        }
    }

    /// A wire, and what a browser reads and writes on the other end.
    fn wire() -> (Wire, tokio::io::DuplexStream, tokio::io::DuplexStream, CancellationToken) {
        let (to, reads) = tokio::io::duplex(1 << 16);
        let (writes, from) = tokio::io::duplex(1 << 16);
        let ended = CancellationToken::new();
        (Wire::start(to, from, ended.clone()), reads, writes, ended)
    }

    async fn said(reads: &mut tokio::io::DuplexStream) -> Value {
        let mut bytes = Vec::new();
        loop {
            match reads.read_u8().await.expect("a call") {
                0 => return serde_json::from_slice(&bytes).expect("JSON"),
                it => bytes.push(it),
            }
        }
    }

    async fn says(writes: &mut tokio::io::DuplexStream, message: &Value) {
        writes.write_all(format!("{message}\0").as_bytes()).await.expect("room");
    }

    #[tokio::test]
    async fn answers_find_their_calls_in_any_order() {
        let (wire, mut reads, mut writes, _) = wire();
        let first = wire.call(None, "A.a", json!({}));
        let second = wire.call(Some("s"), "B.b", json!({"x": 1}));

        let a = said(&mut reads).await;
        let b = said(&mut reads).await;
        says(&mut writes, &json!({"id": b["id"], "result": {"v": 2}})).await;
        says(&mut writes, &json!({"id": a["id"], "error": {"code": 1, "message": "no"}})).await;

        assert_eq!((&b["method"], &b["sessionId"]), (&json!("B.b"), &json!("s")));
        assert_eq!(second.get::<Value>().await, Ok(json!({"v": 2})));
        assert_eq!(first.done().await, Err(CallError::Refused("no".to_owned())));
    }

    #[tokio::test]
    async fn events_reach_the_page_that_they_are_of_and_no_other() {
        let (wire, _reads, mut writes, _) = wire();
        let (one, other) = (Arc::new(Heard::default()), Arc::new(Heard::default()));
        wire.listen("1", &one);
        wire.listen("2", &other);

        says(&mut writes, &json!({"method": "M", "params": {"n": 1}, "sessionId": "1"})).await;
        says(&mut writes, &json!({"method": "nobody's", "params": {}})).await;
        writes.write_all(b"not JSON\0").await.expect("room");
        says(&mut writes, &json!({"method": "N", "params": {}, "sessionId": "2"})).await;
        drop(writes);
        while !wire.has_ended() {
            tokio::task::yield_now().await;
        }

        assert_eq!(*one.0.lock().expect("one thread"), [r#"M {"n":1}"#]);
        assert_eq!(*other.0.lock().expect("one thread"), ["N {}"]);
    }

    #[tokio::test]
    async fn the_end_of_the_pipe_fails_who_waits_and_who_comes_after() {
        let (wire, mut reads, writes, ended) = wire();
        let waiting = wire.call(None, "A.a", json!({}));
        said(&mut reads).await;

        drop(writes);
        ended.cancelled().await;

        assert!(matches!(waiting.done().await, Err(CallError::Gone(_))));
        let after = wire.call(None, "A.a", json!({})).done().await;
        assert_eq!(after, Err(CallError::Gone("its pipe was closed".to_owned())));
    }

    #[tokio::test]
    async fn a_message_without_end_is_not_held() {
        let (wire, mut reads, mut writes, _) = wire();
        let waiting = wire.call(None, "A.a", json!({}));
        said(&mut reads).await;

        let flood = vec![b'x'; 1 << 20];
        while writes.write_all(&flood).await.is_ok() {}

        assert!(matches!(waiting.done().await, Err(CallError::Gone(_))));
        assert_eq!(wire.fault(), Some(CallError::Flooded(MAX_MESSAGE >> 20)));
    }

    #[tokio::test]
    async fn a_browser_that_does_not_read_is_given_up() {
        let (to, _reads) = tokio::io::duplex(64);
        let (_writes, from) = tokio::io::duplex(64);
        let wire = Wire::start(to, from, CancellationToken::new());

        let calls: Vec<_> =
            (0..MAX_UNSENT + 8).map(|_| wire.call(None, "A.a", json!({}))).collect();

        assert!(calls.into_iter().any(|it| it.0.is_err()));
    }
}
