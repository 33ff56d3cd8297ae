//! A client of the REST API that survives the loss of its server.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::PATIENCE;

/// The longest wait for one response.
const RESPONSE_PATIENCE: Duration = Duration::from_secs(20);
/// The wait before a request is sent again.
const PAUSE: Duration = Duration::from_millis(50);

/// The address of the API server, which changes when it is started again.
pub(crate) type Address = Arc<Mutex<SocketAddr>>;

/// One request, sent until the server responds to it.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a str,
}

impl Request<'_> {
    /// Sends the request until the status of the response is neither 429 nor 5xx.
    pub(crate) fn answer(&self, address: &Address) -> (u16, Value) {
        let began = Instant::now();
        let mut last = None;
        while began.elapsed() < PATIENCE {
            let server = *address.lock().unwrap_or_else(PoisonError::into_inner);
            match self.send(server) {
                Some((status, body)) if status != 429 && status < 500 => return (status, body),
                other => last = other.or(last),
            }
            thread::sleep(PAUSE);
        }
        panic!("{} {} was not answered within {PATIENCE:?}: {last:?}", self.method, self.path);
    }

    /// Sends the request once. `None` if the connection is lost.
    fn send(&self, server: SocketAddr) -> Option<(u16, Value)> {
        let Self { method, path, headers, body } = self;
        let mut stream = TcpStream::connect(server).ok()?;
        stream.set_read_timeout(Some(RESPONSE_PATIENCE)).ok()?;
        // In HTTP/1.0 a response ends with its connection.
        let mut head = format!(
            "{method} {path} HTTP/1.0\r\nhost: {server}\r\ncontent-length: {}\r\n\
             content-type: application/json\r\n",
            body.len()
        );
        for (name, value) in *headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).ok()?;
        let mut response = Vec::new();
        stream.read_to_end(&mut response).ok()?;
        parse(&String::from_utf8(response).ok()?)
    }
}

/// Reads a response. `None` if a part is missing.
fn parse(response: &str) -> Option<(u16, Value)> {
    let (head, body) = response.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(body).ok()?))
}
