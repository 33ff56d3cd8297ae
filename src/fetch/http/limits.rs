//! The limits of the HTTP fetcher.

use std::time::Duration;

use crate::net::ClientLimits;

/// Limits of every request. A job's own timeout and size limit apply in addition.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use rungs::fetch::http::HttpLimits;
///
/// let limits = HttpLimits::default().with_max_redirects(3).with_connect_timeout(Duration::from_secs(2));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpLimits {
    /// The most bytes of a response's head. Defaults to 262,144, as in Chromium; less than 8,192 counts as 8,192.
    pub max_header_bytes: usize,
    /// The most redirects that are followed. Defaults to 20, as in browsers.
    pub max_redirects: usize,
    /// The time to connect, including name resolution and the proxy. Defaults to 10 s.
    pub connect_timeout: Duration,
    /// The time until the response's head has arrived. Defaults to 30 s.
    pub first_byte_timeout: Duration,
    /// The time of one attempt in all, whatever its deadline. Defaults to 300 s.
    pub total_timeout: Duration,
    /// The time an idle connection is kept. Defaults to 60 s.
    pub idle_timeout: Duration,
    /// The number of idle connections that are kept per host. Defaults to 32.
    pub max_idle_per_host: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        let ClientLimits { max_header_bytes, connect_timeout, idle_timeout, max_idle_per_host } =
            ClientLimits::default();
        Self {
            max_header_bytes,
            max_redirects: 20,
            connect_timeout,
            first_byte_timeout: Duration::from_secs(30),
            total_timeout: Duration::from_mins(5),
            idle_timeout,
            max_idle_per_host,
        }
    }
}

impl HttpLimits {
    /// Sets [`max_header_bytes`](Self::max_header_bytes).
    #[must_use]
    pub fn with_max_header_bytes(mut self, bytes: usize) -> Self {
        self.max_header_bytes = bytes;
        self
    }

    /// Sets [`max_redirects`](Self::max_redirects).
    #[must_use]
    pub fn with_max_redirects(mut self, redirects: usize) -> Self {
        self.max_redirects = redirects;
        self
    }

    /// Sets [`connect_timeout`](Self::connect_timeout).
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets [`first_byte_timeout`](Self::first_byte_timeout).
    #[must_use]
    pub fn with_first_byte_timeout(mut self, timeout: Duration) -> Self {
        self.first_byte_timeout = timeout;
        self
    }

    /// Sets [`total_timeout`](Self::total_timeout).
    #[must_use]
    pub fn with_total_timeout(mut self, timeout: Duration) -> Self {
        self.total_timeout = timeout;
        self
    }

    /// Sets [`idle_timeout`](Self::idle_timeout).
    #[must_use]
    pub fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Sets [`max_idle_per_host`](Self::max_idle_per_host).
    #[must_use]
    pub fn with_max_idle_per_host(mut self, connections: usize) -> Self {
        self.max_idle_per_host = connections;
        self
    }

    /// Returns the part that a client is built with.
    pub(super) fn of_client(&self) -> ClientLimits {
        ClientLimits {
            max_header_bytes: self.max_header_bytes,
            connect_timeout: self.connect_timeout,
            idle_timeout: self.idle_timeout,
            max_idle_per_host: self.max_idle_per_host,
        }
    }
}
