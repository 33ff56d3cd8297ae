//! Sends one chat completion request, and retries it if a retry can help.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use serde_json::Value;

use crate::core::backoff::Backoff;
use crate::llm::ChatModel;
use crate::net::client::HttpClient;
use crate::net::error::request_error;
use crate::ports::fetch::{FetchError, FetchErrorKind};
use crate::ports::prompt::{NoAnswerReason, PromptError};

/// Maximum number of bytes in a response.
const MAX_RESPONSE_BYTES: usize = 4 << 20;
/// Maximum number of characters of a provider's error message that are passed on.
const MAX_REASON_CHARS: usize = 200;

/// A model with the HTTP client and the retries of requests to it.
pub(super) struct Transport<'a> {
    pub(super) client: HttpClient,
    pub(super) model: &'a ChatModel,
    /// The provider's name in messages.
    pub(super) provider: &'a str,
    pub(super) retry: Backoff,
}

/// The failure of one try.
enum TryError {
    /// A later try may succeed, after the time in `Retry-After` if there is one.
    Transient(PromptError, Option<Duration>),
    Permanent(PromptError),
}

impl Transport<'_> {
    /// Sends a request until there is a response, a permanent failure, or no retry is left.
    pub(super) async fn send(&self, body: &Value) -> Result<Value, PromptError> {
        let bytes = Bytes::from(body.to_string());
        let mut retries = 0;
        loop {
            match self.try_once(bytes.clone()).await {
                Ok(response) => return Ok(response),
                Err(TryError::Permanent(error)) => return Err(error),
                Err(TryError::Transient(error, _)) if retries >= self.retry.retries => {
                    return Err(error);
                }
                Err(TryError::Transient(_, retry_after)) => {
                    retries += 1;
                    let wait = retry_after.unwrap_or_else(|| self.retry.exact(retries, 2));
                    tokio::time::sleep(wait.min(self.retry.longest)).await;
                }
            }
        }
    }

    async fn try_once(&self, body: Bytes) -> Result<Value, TryError> {
        let request = self.request(body).ok_or_else(|| {
            let reason = "the request cannot be built from its URL and API key";
            TryError::Permanent(
                self.unreachable(FetchError::new(FetchErrorKind::InvalidUrl, reason)),
            )
        })?;
        let response = self.client.request(request).await.map_err(|source| {
            let source = request_error(source);
            let kind = source.kind();
            let error = self.unreachable(source);
            match kind {
                FetchErrorKind::PrivateAddress | FetchErrorKind::Tls => TryError::Permanent(error),
                _ => TryError::Transient(error, None),
            }
        })?;
        let status = response.status().as_u16();
        let wait = retry_after(&response);
        let body = Limited::new(response.into_body(), MAX_RESPONSE_BYTES).collect().await;
        let body = body.map_err(|source| {
            let reason = format!("the response is incomplete: {source}");
            let error = FetchError::new(FetchErrorKind::Broken, reason);
            TryError::Transient(self.unreachable(error), None)
        })?;
        self.judge(status, wait, &body.to_bytes())
    }

    fn judge(
        &self,
        status: u16,
        retry_after: Option<Duration>,
        body: &[u8],
    ) -> Result<Value, TryError> {
        if (200..300).contains(&status) {
            return serde_json::from_slice(body).map_err(|why| {
                let reason = NoAnswerReason::Malformed(format!("the response is not JSON: {why}"));
                TryError::Permanent(PromptError::NoAnswer {
                    provider: self.provider.to_owned(),
                    reason,
                })
            });
        }
        let error = PromptError::Refused {
            provider: self.provider.to_owned(),
            status,
            reason: reason(body),
        };
        match status {
            408 | 409 | 425 | 429 | 500..=599 => Err(TryError::Transient(error, retry_after)),
            _ => Err(TryError::Permanent(error)),
        }
    }

    fn unreachable(&self, error: FetchError) -> PromptError {
        PromptError::Unreachable { provider: self.provider.to_owned(), error: Arc::new(error) }
    }

    fn request(&self, body: Bytes) -> Option<Request<Full<Bytes>>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.model.base.as_str().parse().ok()?;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let agent = concat!("rungs/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        if let Some(key) = &self.model.key {
            let mut value = HeaderValue::try_from(format!("Bearer {key}")).ok()?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Some(request)
    }
}

fn retry_after(response: &Response<Incoming>) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Returns the message of a provider's error, or the start of the body if it has no such field.
fn reason(body: &[u8]) -> String {
    let parsed = serde_json::from_slice::<Value>(body).ok();
    let message = parsed.as_ref().and_then(|it| {
        let error = it.get("error")?;
        error.get("message").or(Some(error))?.as_str()
    });
    let text = String::from_utf8_lossy(body);
    let plain = message.unwrap_or(&text).chars().map(|it| if it.is_control() { ' ' } else { it });
    plain.take(MAX_REASON_CHARS).collect()
}
