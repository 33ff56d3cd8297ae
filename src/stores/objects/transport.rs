//! Sends the requests of `object_store` over the HTTP client that pages are fetched with.
//!
//! `object_store` signs requests and decides about retries. This module makes one request within a deadline, and reads
//! its whole response.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::header::USER_AGENT;
use http::response::Parts;
use http_body_util::{BodyExt, Full, Limited};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use tokio::time::timeout;

use crate::net::error::{cause_message, request_error};
use crate::net::{ClientLimits, Clients};
use crate::ports::fetch::FetchErrorKind;
use crate::stores::objects::ObjectsOptions;
use crate::stores::objects::error::code;

/// Maximum number of bytes in the body of a response: the largest compressed body, with some room.
const MAX_RESPONSE_BYTES: usize = (1 << 30) + (16 << 20);
const AGENT: HeaderValue = HeaderValue::from_static(concat!("rungs/", env!("CARGO_PKG_VERSION")));

/// Hands our client to `object_store`.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    clients: Clients,
    limit: Duration,
}

/// The failure of one request, as the client's own errors do not tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RequestFailure {
    /// There was no response.
    NoResponse {
        /// The host and port.
        host: String,
        kind: HttpErrorKind,
        /// The reason, without credentials and query.
        reason: String,
    },
    /// The response was not a success.
    Response {
        /// The host and port.
        host: String,
        status: u16,
        /// The provider's error code in the body.
        code: Option<String>,
    },
}

impl RequestFailure {
    pub(super) fn host(&self) -> &str {
        let (Self::NoResponse { host, .. } | Self::Response { host, .. }) = self;
        host
    }

    /// Replaces the failure of the previous request, which was tried again. A request outside of an operation has
    /// nobody to report to.
    fn record(failure: Option<Self>) {
        let _ = FAILURE.try_with(|it| *it.borrow_mut() = failure);
    }
}

tokio::task_local! {
    /// The last request of the current operation that failed.
    static FAILURE: RefCell<Option<RequestFailure>>;
}

/// Runs an operation, and returns its result with the last request that failed.
pub(super) async fn observed<T>(operation: impl Future<Output = T>) -> (T, Option<RequestFailure>) {
    let observed = async {
        let done = operation.await;
        (done, FAILURE.with(RefCell::take))
    };
    FAILURE.scope(RefCell::default(), observed).await
}

impl Transport {
    pub(super) fn new(options: ObjectsOptions) -> Self {
        let limits = ClientLimits {
            connect_timeout: ClientLimits::default().connect_timeout.min(options.request_timeout),
            max_idle_per_host: options.max_requests,
            ..ClientLimits::default()
        };
        let clients = Clients::new(options.network, limits);
        Self { clients, limit: options.request_timeout }
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let host = request.uri().authority().map_or_else(String::new, ToString::to_string);
        let sent = timeout(self.limit, self.exchange(request)).await.unwrap_or_else(|_| {
            let reason = format!("no response within {} ms", self.limit.as_millis());
            Err((HttpErrorKind::Timeout, reason))
        });
        let (parts, body) = sent.map_err(|(kind, reason)| {
            let error = HttpError::new(kind, io::Error::other(reason.clone()));
            let host = host.clone();
            RequestFailure::record(Some(RequestFailure::NoResponse { host, kind, reason }));
            error
        })?;
        let status = parts.status;
        RequestFailure::record((!status.is_success()).then(|| {
            let code = code(&String::from_utf8_lossy(&body));
            RequestFailure::Response { host, status: status.as_u16(), code }
        }));
        Ok(HttpResponse::from_parts(parts, body.into()))
    }

    async fn exchange(
        &self,
        request: HttpRequest,
    ) -> Result<(Parts, Bytes), (HttpErrorKind, String)> {
        let (mut parts, body) = request.into_parts();
        parts.headers.entry(USER_AGENT).or_insert(AGENT);
        let body = if let Some(bytes) = body.as_bytes() {
            bytes.clone()
        } else {
            let body = body.collect().await;
            body.map_err(|it| (HttpErrorKind::Unknown, it.to_string()))?.to_bytes()
        };
        let request = http::Request::from_parts(parts, Full::new(body));
        let response = self.clients.direct().request(request).await.map_err(|error| {
            let error = request_error(error);
            let kind = match error.kind() {
                FetchErrorKind::Dns | FetchErrorKind::Connect => HttpErrorKind::Connect,
                FetchErrorKind::Timeout => HttpErrorKind::Timeout,
                FetchErrorKind::Broken => HttpErrorKind::Interrupted,
                // Another try meets the same certificate or address.
                _ => HttpErrorKind::Unknown,
            };
            (kind, error.to_string())
        })?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_RESPONSE_BYTES).collect().await.map_err(|error| {
            let reason = format!("the response is incomplete: {}", cause_message(&*error));
            (HttpErrorKind::Interrupted, reason)
        })?;
        Ok((parts, body.to_bytes()))
    }
}

impl HttpConnector for Transport {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

/// The trait is declared with a macro; this is the signature that it makes.
impl HttpService for Transport {
    fn call<'this, 'future>(
        &'this self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'future>>
    where
        'this: 'future,
        Self: 'future,
    {
        Box::pin(self.send(request))
    }
}
