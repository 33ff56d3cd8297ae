//! Follows the requests and responses of one HTTP/1 connection and normalizes the responses.
//!
//! The filter performs no I/O: the stream passes it the bytes that were sent and received, and reads from it what the
//! client gets.

use std::io;

use crate::net::lenient::chunked::Chunks;
use crate::net::lenient::head::{self, Framing};

/// The bytes of a request that tell its method.
const METHOD_BYTES: usize = 8;

#[derive(Debug)]
enum State {
    /// No request is waiting for a response.
    Idle,
    /// The response's head is incomplete; its bytes so far are in `head`.
    Head,
    /// The rest of a body of known length.
    Length(u64),
    Chunked(Chunks),
    /// All further bytes pass unchanged: a body that ends with the connection, a tunnel, or something that is not HTTP.
    Pass,
}

/// The state of a connection.
#[derive(Debug)]
pub(super) struct Filter {
    state: State,
    max_head_bytes: usize,
    head: Vec<u8>,
    /// The position in `head` up to which no end was found.
    searched: usize,
    /// The first bytes of the current request.
    request: Vec<u8>,
    /// The number of requests that were sent.
    requests: usize,
    /// At least one byte of the current response was received.
    responded: bool,
    /// Bytes for the client, and how many of them it has read.
    out: Vec<u8>,
    read: usize,
}

impl Filter {
    pub(super) fn new(max_head_bytes: usize) -> Self {
        Self {
            state: State::Idle,
            max_head_bytes,
            head: Vec::new(),
            searched: 0,
            request: Vec::with_capacity(METHOD_BYTES),
            requests: 0,
            responded: false,
            out: Vec::new(),
            read: 0,
        }
    }

    /// Hands at most `room` bytes to `put`. Returns `false` if there are none.
    pub(super) fn drain(&mut self, room: usize, put: impl FnOnce(&[u8])) -> bool {
        let ready = &self.out[self.read..];
        if ready.is_empty() {
            return false;
        }
        let count = ready.len().min(room);
        put(&ready[..count]);
        self.read += count;
        if self.read == self.out.len() {
            self.read = 0;
            self.out.clear();
            if matches!(self.state, State::Idle) {
                // An idle connection keeps no memory.
                self.out = Vec::new();
            }
        }
        true
    }

    /// Returns `true` if nothing that is received will be changed before the next request.
    pub(super) fn passes_everything(&self) -> bool {
        matches!(self.state, State::Idle | State::Pass) && self.out.is_empty()
    }

    /// Returns `true` if the current request is not the connection's first and nothing of its response was received.
    pub(super) fn is_stale(&self) -> bool {
        self.requests > 1 && !self.responded && matches!(self.state, State::Head)
    }

    /// Notes bytes that were sent.
    pub(super) fn sent(&mut self, bytes: &[u8]) {
        let starts = match &self.state {
            State::Idle => true,
            // The end of a chunked body without its last line break.
            State::Chunked(chunks) => chunks.is_done(),
            _ => false,
        };
        // The rest of a request's body may follow a response that came early.
        if starts && bytes.first().is_some_and(u8::is_ascii_uppercase) {
            self.state = State::Head;
            self.request.clear();
            self.requests += 1;
            self.responded = false;
        }
        if matches!(self.state, State::Head) && self.request.len() < METHOD_BYTES {
            let count = bytes.len().min(METHOD_BYTES - self.request.len());
            self.request.extend_from_slice(&bytes[..count]);
        }
    }

    /// Takes bytes that were received.
    ///
    /// # Errors
    ///
    /// `InvalidData` if the head or a chunk contradicts itself.
    pub(super) fn receive(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.responded = true;
        while !bytes.is_empty() {
            bytes = match &mut self.state {
                State::Idle | State::Pass => {
                    self.out.extend_from_slice(bytes);
                    return Ok(());
                }
                State::Head => self.receive_head(bytes)?,
                State::Length(left) => {
                    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    self.out.extend_from_slice(&bytes[..count]);
                    *left -= count as u64;
                    if *left == 0 {
                        self.state = State::Idle;
                    }
                    &bytes[count..]
                }
                State::Chunked(chunks) => {
                    let rest = chunks.receive(bytes, &mut self.out)?;
                    if chunks.is_over() {
                        self.state = State::Idle;
                    }
                    rest
                }
            };
        }
        Ok(())
    }

    /// Notes the end of the connection: an incomplete head is handed out as it is.
    pub(super) fn end(&mut self) {
        self.out.append(&mut self.head);
        self.state = State::Pass;
    }

    /// Takes bytes of a head and returns those behind it.
    fn receive_head<'a>(&mut self, bytes: &'a [u8]) -> io::Result<&'a [u8]> {
        if self.head.is_empty()
            && let Some(end) = head::end(bytes, 0)
        {
            // The usual case: one read has the whole head.
            self.finish_head(&bytes[..end])?;
            return Ok(&bytes[end..]);
        }
        let before = self.head.len();
        self.head.extend_from_slice(bytes);
        let Some(end) = head::end(&self.head, self.searched) else {
            self.searched = self.head.len();
            if self.head.len() > self.max_head_bytes || !head::may_be_http(&self.head) {
                self.end();
            }
            return Ok(&[]);
        };
        let mut head = std::mem::take(&mut self.head);
        self.searched = 0;
        head.truncate(end);
        self.finish_head(&head)?;
        Ok(&bytes[end - before..])
    }

    fn finish_head(&mut self, head: &[u8]) -> io::Result<()> {
        let framing = head::normalize(head, &self.request, &mut self.out);
        self.state = match framing.map_err(|it| io::Error::new(io::ErrorKind::InvalidData, it))? {
            Framing::Interim => State::Head,
            Framing::Nothing | Framing::Length(0) => State::Idle,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Chunked(Chunks::default()),
            Framing::ToTheEnd => State::Pass,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns what a client reads of `response` if it arrives in pieces that end at `cuts`.
    fn read(response: &[u8], cuts: &[usize]) -> Result<Vec<u8>, String> {
        let mut filter = Filter::new(65_536);
        filter.sent(b"GET / HTTP/1.1\r\n\r\n");
        let mut out = Vec::new();
        let mut from = 0;
        let mut ends: Vec<usize> = cuts.iter().map(|it| it % (response.len() + 1)).collect();
        ends.push(response.len());
        ends.sort_unstable();
        for end in ends {
            if end > from {
                filter.receive(&response[from..end]).map_err(|it| it.to_string())?;
                from = end;
            }
            while filter.drain(7, |it| out.extend_from_slice(it)) {}
        }
        filter.end();
        while filter.drain(usize::MAX, |it| out.extend_from_slice(it)) {}
        Ok(out)
    }

    const PARTS: [&str; 28] = [
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.0 404\n",
        "http/1.2 200OK\r\n",
        "HTTP/1.1 100 Continue\r\n",
        "A: b\r\n",
        "Bad Name: x\r\n",
        "no colon\r\n",
        "X:\u{1}y\n",
        " folded\r\n",
        "\tfolded\n",
        "Content-Length: 5\r\n",
        "content-length:\n",
        "Content-Length: 7\r\n",
        "Content-Length: abc\r\n",
        "Transfer-Encoding: chunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "Set-Cookie: a=b\r\n",
        "\r\n",
        "\n",
        "\r",
        "5\r\nhello\r\n",
        "5\nhello\n",
        "0\r\n\r\n",
        "0\n\n",
        "hello",
        "B: c\rd\r\n",
        "3;x=y\r\nabc\r\n",
        ":\r\n",
    ];

    proptest! {
        #[test]
        fn how_bytes_are_split_does_not_change_the_result(
            parts in prop::collection::vec(prop::sample::select(&PARTS[..]), 0..14),
            cuts in prop::collection::vec(any::<usize>(), 0..12),
        ) {
            let response = parts.concat().into_bytes();
            let every: Vec<usize> = (0..=response.len()).collect();

            let whole = read(&response, &[]);

            prop_assert_eq!(&read(&response, &cuts), &whole);
            prop_assert_eq!(&read(&response, &every), &whole);
        }

        #[test]
        fn any_bytes_are_read_within_bounds(response in prop::collection::vec(any::<u8>(), 0..400)) {
            let response = [b"HTTP/1.1 200 OK\r\n".as_slice(), &response].concat();

            if let Ok(out) = read(&response, &[]) {
                // Each chunk needs at least as many bytes as are written for it, but for a CR before each LF.
                prop_assert!(out.len() <= 2 * response.len() + head::MAX_GROWTH);
            }
        }

        #[test]
        fn a_strict_response_passes_unchanged(
            headers in prop::collection::vec("[A-Za-z!#$%&'*+.^_`|~0-9-]{1,20}:[ -~]{0,30}", 0..10),
            body in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let framed = |it: &String| {
                let name = it.split(':').next().unwrap_or_default().to_ascii_lowercase();
                name == "content-length" || name == "transfer-encoding"
            };
            prop_assume!(!headers.iter().any(framed));
            let lines = headers.iter().map(|it| format!("{it}\r\n")).collect::<Vec<_>>().concat();
            let head = format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: {}\r\n\r\n", body.len());
            let response = [head.as_bytes(), &body].concat();

            prop_assert_eq!(read(&response, &[3, 50, 90]), Ok(response));
        }
    }

    #[test]
    fn a_response_to_head_has_no_body() {
        let mut filter = Filter::new(65_536);
        for _ in 0..2 {
            filter.sent(b"HEAD / HT");
            filter.receive(b"HTTP/1.1 200 OK\nContent-Length: 9\n\n").expect("a head");
            let mut out = Vec::new();
            filter.drain(usize::MAX, |it| out.extend_from_slice(it));
            assert_eq!(out, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
        }
    }

    #[test]
    fn only_a_request_after_the_first_is_stale_and_only_before_its_response() {
        let mut filter = Filter::new(65_536);
        filter.sent(b"GET / HTTP/1.1\r\n\r\n");
        assert!(!filter.is_stale());
        filter.receive(b"HTTP/1.1 204 No Content\r\n\r\n").expect("a head");
        assert!(!filter.is_stale());
        filter.sent(b"GET /");
        assert!(filter.is_stale());
        filter.receive(b"H").expect("a byte");
        assert!(!filter.is_stale());
    }

    #[test]
    fn an_endless_head_is_handed_on_at_its_limit() {
        let mut filter = Filter::new(100);
        filter.sent(b"GET / HTTP/1.1\r\n\r\n");
        filter.receive(b"HTTP/1.1 200 OK\r\n").expect("a line");
        for _ in 0..20 {
            filter.receive(b"X-More: more\r\n").expect("a line");
        }
        let mut out = 0;
        while filter.drain(usize::MAX, |it| out += it.len()) {}
        assert_eq!(out, 17 + 20 * 14);
    }
}
