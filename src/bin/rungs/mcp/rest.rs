//! Requests to the REST API in this process.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use tower_service::Service;

use crate::mcp::answer;

/// Maximum size of a response in bytes. A page is in it up to six times, and a text of 5 MiB in several formats must fit.
const MAX_RESPONSE_BYTES: usize = 256 * 1_048_576;
/// Headers with which a client presents its API key.
const KEY_HEADERS: [&str; 2] = ["x-api-key", "authorization"];
/// The header with the account's balance in dollars.
const BALANCE: &str = "x-alterlab-balance";

/// The API key that requests present.
#[derive(Clone, Debug)]
pub(super) enum Credentials {
    /// The key of this process. The secret is marked as sensitive, so that it is never logged.
    Own { name: String, secret: HeaderValue },
    /// The key that the request over HTTP presented.
    OfRequest,
}

/// The REST API.
#[derive(Clone, Debug)]
pub(super) struct Rest {
    router: Router,
    credentials: Credentials,
}

/// The REST API as one caller sees it.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    router: Router,
    headers: HeaderMap,
    /// Name of the caller's API key.
    pub(super) key: String,
    max_response_bytes: usize,
}

/// A response that succeeded.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Value,
    /// The account's balance, such as `$0.42`.
    pub(super) balance: Option<String>,
}

/// The reason why a call failed, for the model.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) message: String,
    /// Body of the error response, or null.
    pub(super) body: Value,
    /// `true` if the request may have been accepted, and charged, before it failed.
    pub(super) may_cost: bool,
}

impl Failure {
    /// Creates a failure that no response explains.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), body: Value::Null, may_cost: false }
    }

    /// Creates a failure of a request that may have been charged.
    pub(super) fn after_acceptance(message: impl Into<String>) -> Self {
        Self { may_cost: true, ..Self::new(message) }
    }

    /// Converts an error response.
    fn of(status: StatusCode, body: Value) -> Self {
        let text = |name: &str| body[name].as_str().filter(|it| !it.is_empty());
        let message = match (text("code"), text("message")) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            _ => format!("the request failed with status {}", status.as_u16()),
        };
        Self { message, body, may_cost: false }
    }

    /// Returns the id of the page that failed, if it was accepted.
    pub(super) fn job_id(&self) -> Option<&str> {
        self.body["details"]["job_id"].as_str()
    }
}

impl Rest {
    pub(super) fn new(router: Router, credentials: Credentials) -> Self {
        Self { router, credentials }
    }

    /// Returns `true` if clients present API keys, and are told apart by them.
    pub(super) fn has_many_callers(&self) -> bool {
        matches!(self.credentials, Credentials::OfRequest)
    }

    /// Returns the API for the sender of a request over HTTP, or for the process on the other end of stdio.
    pub(super) fn caller(&self, request: Option<&axum::http::request::Parts>) -> Caller {
        let mut headers = HeaderMap::new();
        let mut key = String::new();
        match (&self.credentials, request) {
            (Credentials::Own { name, secret }, _) => {
                key.clone_from(name);
                headers.insert(HeaderName::from_static(KEY_HEADERS[0]), secret.clone());
            }
            (Credentials::OfRequest, Some(parts)) => {
                if let Some(caller) = parts.extensions.get::<rungs::service::Caller>() {
                    key.clone_from(&caller.key);
                }
                for name in KEY_HEADERS.map(HeaderName::from_static) {
                    if let Some(mut value) = parts.headers.get(&name).cloned() {
                        value.set_sensitive(true);
                        headers.insert(name, value);
                    }
                }
            }
            // Impossible over HTTP. Without a key, the API refuses every request.
            (Credentials::OfRequest, None) => {}
        }
        let max_response_bytes = MAX_RESPONSE_BYTES;
        Caller { router: self.router.clone(), headers, key, max_response_bytes }
    }
}

impl Caller {
    pub(super) async fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.send(Method::GET, path, None, None).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<Answer, Failure> {
        self.send(Method::DELETE, path, None, None).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.send(Method::POST, path, Some(body), None).await
    }

    /// Sends a request that has an effect once, however often it is repeated with the same key.
    pub(super) async fn post_once(
        &self,
        path: &str,
        body: &Value,
        key: &str,
    ) -> Result<Answer, Failure> {
        self.send(Method::POST, path, Some(body), Some(key)).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        once: Option<&str>,
    ) -> Result<Answer, Failure> {
        let may_cost = method == Method::POST;
        let mut request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        if let Some(headers) = request.headers_mut() {
            headers.extend(self.headers.clone());
        }
        if let Some(key) = once {
            request = request.header("idempotency-key", key);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |it| Body::from(it.to_string()));
        let request = request.body(body).map_err(|error| Failure::new(error.to_string()))?;
        // A router is always ready, and answers every request.
        let Ok(response) = self.router.clone().call(request).await;
        let (head, body) = response.into_parts();
        let was_charged = may_cost && head.status.is_success();
        let received = received(body, self.max_response_bytes).await;
        let bytes = received.map_err(|failure| {
            if was_charged {
                Failure { may_cost: true, ..failure }
            } else {
                Failure::new(failure.message)
            }
        })?;
        let body = answer::parse(&bytes);
        let balance = head.headers.get(BALANCE).and_then(|it| it.to_str().ok()).map(str::to_owned);
        if head.status.is_success() {
            Ok(Answer { status: head.status, body, balance })
        } else {
            // A server error may follow the commit that charged the request.
            let may_cost = may_cost && head.status.is_server_error();
            Err(Failure { may_cost, ..Failure::of(head.status, body) })
        }
    }
}

/// Receives a response of at most `most` bytes. A failure has the ids of a larger one, because its pages were paid for.
async fn received(mut body: Body, most: usize) -> Result<Bytes, Failure> {
    let broken = || Failure::new("the result could not be read: try again later");
    // A response of this process is one chunk, which is in memory by now. Others are streams of chunks.
    let first = match body.frame().await {
        None => return Ok(Bytes::new()),
        Some(frame) => frame.ok().and_then(|it| it.into_data().ok()).ok_or_else(broken)?,
    };
    let Some(rest) = most.checked_sub(first.len()) else {
        return Err(too_large(most, &answer::ids(&first)));
    };
    let rest = match Limited::new(body, rest).collect().await {
        Ok(rest) => rest.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Err(too_large(most, &answer::ids(&first)));
        }
        Err(_) => return Err(broken()),
    };
    Ok(if rest.is_empty() { first } else { Bytes::from([first, rest].concat()) })
}

/// Creates the failure of a call whose result is too large. `ids` are those in the result.
fn too_large(most: usize, ids: &Map<String, Value>) -> Failure {
    let most = most >> 20;
    let mut message =
        format!("the result exceeds {most} MiB: request fewer `formats`, or fewer pages");
    if let Some(id) = ids.get("job_id").and_then(Value::as_str) {
        message.push_str(&format!(
            "; the page is kept, and `rungs serve` with the same store returns it at /api/v1/jobs/{id}"
        ));
    }
    Failure { body: json!({ "details": ids }), ..Failure::new(message) }
}

/// Escapes an id for a path.
pub(super) fn segment(id: &str) -> String {
    utf8_percent_encode(id, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use axum::body::HttpBody;
    use axum::routing::{get, post};
    use hyper::body::Frame;

    use super::*;

    /// A response above the limit of the tests. What a site determines stands before the id, and has another one.
    const LARGE: &str = r#"{"content":{"json":{"job_id":"job_of_site"}},"job_id":"job_1","result":{"job_id":"no"}}"#;

    fn caller() -> Caller {
        let problem = |status| async move { (status, r#"{"code":"CODE","message":"text"}"#) };
        let large = || async { Body::from(LARGE) };
        let router = Router::new()
            .route("/api/v1/refused", post(move || problem(StatusCode::BAD_REQUEST)))
            .route("/api/v1/failed", post(move || problem(StatusCode::INTERNAL_SERVER_ERROR)))
            .route("/api/v1/read", get(move || problem(StatusCode::INTERNAL_SERVER_ERROR)))
            .route("/api/v1/large", get(large).post(large));
        let (headers, key) = (HeaderMap::new(), String::new());
        Caller { router, headers, key, max_response_bytes: LARGE.len() - 1 }
    }

    #[tokio::test]
    async fn a_failure_after_a_possible_charge_may_cost() {
        let caller = caller();
        let posted = async |path| caller.post(path, &Value::Null).await.expect_err("a failure");

        let refused = posted("/refused").await;
        assert!(!refused.may_cost && refused.message == "CODE: text", "{refused:?}");
        assert!(posted("/failed").await.may_cost);
        assert!(posted("/large").await.may_cost);
        assert!(!caller.get("/read").await.expect_err("a failure").may_cost);
        assert!(!caller.get("/large").await.expect_err("a failure").may_cost);
    }

    #[tokio::test]
    async fn a_result_that_is_too_large_keeps_its_id() {
        let failure = caller().post("/large", &Value::Null).await.expect_err("a failure");

        assert_eq!(failure.job_id(), Some("job_1"));
        assert!(failure.message.contains("/api/v1/jobs/job_1"), "{failure:?}");
    }

    #[derive(Debug)]
    struct Chunks(VecDeque<&'static str>);

    impl HttpBody for Chunks {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let chunk = self.0.pop_front();
            Poll::Ready(chunk.map(|it| Ok(Frame::data(Bytes::from_static(it.as_bytes())))))
        }
    }

    #[tokio::test]
    async fn a_stream_is_read_up_to_the_limit() {
        let stream = || Body::new(Chunks(VecDeque::from([r#"{"job_id":"job_1"}"#, "cd"])));

        let whole = received(stream(), 20).await.expect("within the limit");
        let large = received(stream(), 19).await.expect_err("above the limit");

        assert_eq!(whole, r#"{"job_id":"job_1"}cd"#);
        assert_eq!(large.job_id(), Some("job_1"));
    }

    #[test]
    fn the_key_is_not_in_debug_output() {
        let mut secret = HeaderValue::from_static("sk_live_secret");
        secret.set_sensitive(true);
        let rest = Rest::new(Router::new(), Credentials::Own { name: "mcp".to_owned(), secret });
        let request = Request::builder().header("authorization", "Bearer sk_live_other");
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let other = Rest::new(Router::new(), Credentials::OfRequest);

        let shown = format!("{rest:?} {:?} {:?}", rest.caller(None), other.caller(Some(&parts)));

        assert!(!shown.contains("sk_live"), "{shown}");
        assert_eq!(other.caller(Some(&parts)).headers["authorization"], "Bearer sk_live_other");
    }
}
