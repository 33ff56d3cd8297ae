//! What a host may choose about the service.

use std::time::Duration;

use crate::service::server::client::Client;

/// By which names a service without keys may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// By any: who is let in is decided before it.
    Any,
    /// As `localhost`, or by its address. A site can have its own name lead to the machine of whoever
    /// looks at it, and its pages could then read what is there.
    ThisMachine,
}

/// The bounds of the service itself; those of a batch are the engine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes of a request's body; 1 MiB.
    pub body_bytes: usize,
    /// How long a client may take to send a body; 30 seconds.
    pub body_time: Duration,
    /// How long a client may take to read the next piece of an answer; 30 seconds.
    pub read_time: Duration,
    /// How long a scrape is waited for before it is answered with its job's id, for clients that can
    /// take that; 60 seconds.
    pub hold: Duration,
    /// By which names it may be called where no key is needed; any.
    pub names: Names,
    /// Speaks to every client as to this one, whatever it says it is; for tests.
    pub client: Option<Client>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            body_bytes: 1_048_576,
            body_time: Duration::from_secs(30),
            read_time: Duration::from_secs(30),
            hold: Duration::from_secs(60),
            names: Names::Any,
            client: None,
        }
    }
}
