//! One question on its way: posted, and posted again where that can help.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use serde_json::Value;

use crate::core::backoff::Backoff;
use crate::fetch::http::{HttpClient, error};
use crate::llm::ChatModel;
use crate::ports::fetch::FetchErrorKind;
use crate::ports::prompt::PromptError;

/// The most bytes of an answer.
const MAX_ANSWER: usize = 4 << 20;
/// Symbols of a provider's reason that are passed on.
const REASON: usize = 200;

/// Who is asked, and how often.
pub(super) struct Post<'a> {
    pub(super) client: &'a HttpClient,
    pub(super) model: &'a ChatModel,
    pub(super) provider: &'a str,
    pub(super) retry: Backoff,
}

/// Why one try brought nothing.
enum Failed {
    /// It may work later, in the time that the provider asks for if it says one.
    ForNow(PromptError, Option<Duration>),
    ForGood(PromptError),
}

impl Post<'_> {
    /// Posts a question until it is answered, refused, or tried often enough.
    pub(super) async fn send(&self, body: &Value) -> Result<Value, PromptError> {
        let bytes = Bytes::from(body.to_string());
        let mut retries = 0;
        loop {
            match self.once(bytes.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(Failed::ForGood(why)) => return Err(why),
                Err(Failed::ForNow(why, _)) if retries >= self.retry.retries => return Err(why),
                Err(Failed::ForNow(_, asked)) => {
                    retries += 1;
                    let wait = asked.unwrap_or_else(|| self.retry.exact(retries, 2));
                    tokio::time::sleep(wait.min(self.retry.longest)).await;
                }
            }
        }
    }

    async fn once(&self, body: Bytes) -> Result<Value, Failed> {
        let unreachable = |reason: String| PromptError::Unreachable {
            provider: self.provider.to_owned(),
            reason,
        };
        let request = self
            .request(body)
            .ok_or_else(|| Failed::ForGood(unreachable("its key or URL cannot be sent".into())))?;
        let response = self.client.request(request).await.map_err(|source| {
            let error = error::from_client(source);
            let why = unreachable(error.to_string());
            match error.kind() {
                FetchErrorKind::PrivateAddress | FetchErrorKind::Tls => Failed::ForGood(why),
                _ => Failed::ForNow(why, None),
            }
        })?;
        let status = response.status().as_u16();
        let asked = retry_after(&response);
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        let body =
            body.map_err(|_| Failed::ForNow(unreachable("its answer broke off".into()), None))?;
        let body = body.to_bytes();
        if (200..300).contains(&status) {
            let no_json = |_| PromptError::NoAnswer {
                provider: self.provider.to_owned(),
                reason: "it is no JSON".to_owned(),
            };
            return serde_json::from_slice(&body).map_err(no_json).map_err(Failed::ForGood);
        }
        let refused = PromptError::Refused {
            provider: self.provider.to_owned(),
            status,
            reason: reason(&body),
        };
        match status {
            408 | 409 | 425 | 429 | 500..=599 => Err(Failed::ForNow(refused, asked)),
            _ => Err(Failed::ForGood(refused)),
        }
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

/// What a provider says is wrong: the error's message if it has one, else the beginning of the body.
fn reason(body: &[u8]) -> String {
    let said = serde_json::from_slice::<Value>(body).ok();
    let message = said.as_ref().and_then(|it| {
        let error = it.get("error")?;
        error.get("message").or(Some(error))?.as_str()
    });
    let text = String::from_utf8_lossy(body);
    let plain = message.unwrap_or(&text).chars().map(|it| if it.is_control() { ' ' } else { it });
    plain.take(REASON).collect()
}
