//! Settings of the service.

use std::time::Duration;

use crate::service::server::client_family::ClientFamily;

/// The host names that a service without API keys accepts in a request's `Host` header. A browser's `Origin` must be the
/// same address.
///
/// DNS rebinding lets any website point its own name at the visitor's machine. Its pages could then read from a service
/// on that machine, because the browser takes both for the same site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AllowedHosts {
    /// Every name. Choose this when your application authenticates requests before they reach the service. A reverse
    /// proxy in front must keep the `Host` header.
    Any,
    /// `localhost`, names below it, and IP addresses.
    LocalhostOrIp,
}

/// Limits and timeouts of the service. The limits of a batch belong to the engine
/// ([`Limits`](crate::core::request::Limits)).
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use rungs::service::ServiceOptions;
///
/// let options = ServiceOptions::default().with_scrape_wait(Duration::from_secs(20));
/// assert_eq!(options.max_body_bytes, 1 << 20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceOptions {
    /// Maximum size of a request body in bytes. Defaults to 1 MiB.
    pub max_body_bytes: u64,
    /// Maximum size of the body of `POST /extract` in bytes, which contains a whole document. Defaults to 6 MiB. A smaller
    /// value than `max_body_bytes` has no effect.
    pub max_document_body_bytes: u64,
    /// Time within which a request body must arrive. Defaults to 30 seconds.
    pub body_timeout: Duration,
    /// Time within which a client must read the next chunk of a streamed response. Defaults to 30 seconds.
    pub write_timeout: Duration,
    /// Maximum wait of `POST /scrape` for the page. After that, a client that can poll gets the job's id with status 202.
    /// Defaults to 60 seconds.
    pub scrape_wait: Duration,
    /// Requests of one API key at the same time, unless the key has a limit of its own. Defaults to 256.
    pub max_concurrent_per_key: u32,
    /// Event streams of one API key at the same time. Each counts as a request too. Defaults to 64.
    pub max_streams_per_key: u32,
    /// Host names accepted when no API key is required. Defaults to [`AllowedHosts::Any`].
    pub allowed_hosts: AllowedHosts,
    /// Client family assumed for every request instead of the one its headers name. Defaults to `None`.
    #[doc(hidden)]
    pub client_family: Option<ClientFamily>,
}

impl Default for ServiceOptions {
    fn default() -> Self {
        Self {
            max_body_bytes: 1_048_576,
            max_document_body_bytes: 6 * 1_048_576,
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            scrape_wait: Duration::from_mins(1),
            max_concurrent_per_key: 256,
            max_streams_per_key: 64,
            allowed_hosts: AllowedHosts::Any,
            client_family: None,
        }
    }
}

impl ServiceOptions {
    /// Sets the maximum size of a request body in bytes.
    #[must_use]
    pub fn with_max_body_bytes(mut self, bytes: u64) -> Self {
        self.max_body_bytes = bytes;
        self
    }

    /// Sets the maximum size of the body of `POST /extract` in bytes.
    #[must_use]
    pub fn with_max_document_body_bytes(mut self, bytes: u64) -> Self {
        self.max_document_body_bytes = bytes;
        self
    }

    /// Sets the time within which a request body must arrive.
    #[must_use]
    pub fn with_body_timeout(mut self, timeout: Duration) -> Self {
        self.body_timeout = timeout;
        self
    }

    /// Sets the time within which a client must read the next chunk of a streamed response.
    #[must_use]
    pub fn with_write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout;
        self
    }

    /// Sets the maximum wait of `POST /scrape` for the page.
    #[must_use]
    pub fn with_scrape_wait(mut self, wait: Duration) -> Self {
        self.scrape_wait = wait;
        self
    }

    /// Sets the requests of one API key at the same time, for keys without a limit of their own.
    #[must_use]
    pub fn with_max_concurrent_per_key(mut self, requests: u32) -> Self {
        self.max_concurrent_per_key = requests;
        self
    }

    /// Sets the event streams of one API key at the same time.
    #[must_use]
    pub fn with_max_streams_per_key(mut self, streams: u32) -> Self {
        self.max_streams_per_key = streams;
        self
    }

    /// Sets the host names accepted when no API key is required.
    #[must_use]
    pub fn with_allowed_hosts(mut self, hosts: AllowedHosts) -> Self {
        self.allowed_hosts = hosts;
        self
    }

    /// Treats every request as one of this client family.
    #[doc(hidden)]
    #[must_use]
    pub fn with_client_family(mut self, family: ClientFamily) -> Self {
        self.client_family = Some(family);
        self
    }
}
