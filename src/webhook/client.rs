//! Sends one delivery attempt.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, DATE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

use crate::core::id::AccountId;
use crate::core::time::Timestamp;
use crate::core::verdict::status::{http_date, wait_of};
use crate::net::error::request_error;
use crate::net::proxy::{basic_authorization, percent_decoded};
use crate::net::{Clients, Guard, NetPolicy};
use crate::ports::BoxFuture;
use crate::ports::fetch::FetchErrorKind;
use crate::ports::notify::{DeliveryOutcome, DeliveryRequest, Notifier, WebhookUrlError};
use crate::webhook::sign::WebhookSecret;

/// Maximum duration of one attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum wait for the response's body once its status has arrived.
const BODY_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum number of bytes that are read of the response's body.
const MAX_BODY_BYTES: usize = 1_024;

/// Sends webhooks over HTTPS, behind the address guard. Redirects are not followed. User and password of a URL are sent
/// as Basic authentication.
///
/// Plain `http` is accepted only for addresses in a network that the [`NetPolicy`] allows.
///
/// # Example
///
/// ```
/// use rungs::net::NetPolicy;
/// use rungs::webhook::Webhooks;
///
/// let network = NetPolicy::new().allow_network("10.0.0.0/8")?;
/// let webhooks = Webhooks::signed_with("whsec_c2VjcmV0").network(network);
/// # Ok::<(), rungs::net::ParseNetworkError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Webhooks {
    secret: Option<WebhookSecret>,
    /// The secrets of accounts that have their own.
    account_secrets: Arc<BTreeMap<AccountId, WebhookSecret>>,
    clients: Clients,
}

impl Webhooks {
    /// Signs every notification with `secret`: any text, or `whsec_` followed by base64. Check a configured one with
    /// [`WebhookSecret::parse`] first: anything else after `whsec_` is used as plain text.
    pub fn signed_with(secret: impl Into<String>) -> Self {
        Self { secret: Some(WebhookSecret::new(secret)), ..Self::unsigned() }
    }

    /// Sends notifications without a signature. Receivers cannot verify the sender.
    pub fn unsigned() -> Self {
        Self { secret: None, account_secrets: Arc::default(), clients: Clients::default() }
    }

    /// Signs the notifications of `account` with a secret of its own.
    pub fn account_secret(mut self, account: AccountId, secret: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.account_secrets).insert(account, WebhookSecret::new(secret));
        self
    }

    /// Sets the network policy: allowed networks, name resolution and root certificates. Proxies
    /// are not used.
    pub fn network(mut self, policy: NetPolicy) -> Self {
        self.clients = self.clients.with_policy(policy);
        self
    }

    fn guard(&self) -> &Guard {
        self.clients.policy().guard()
    }

    fn checked(&self, url: &str) -> Result<Url, String> {
        let url = Url::parse(url.trim()).map_err(|why| format!("the URL is malformed: {why}"))?;
        let literal = literal_addresses(&url);
        if let Some(addresses) = &literal
            && addresses.iter().all(|it| self.guard().check(*it).is_err())
        {
            return Err(
                "the URL's address is not public: use a public host, or have the operator allow it"
                    .to_owned(),
            );
        }
        // Plain http is accepted for addresses that had to be allowed, never for public ones.
        let is_local =
            literal.is_some_and(|it| it.into_iter().any(|it| self.had_to_be_allowed(it)));
        match url.scheme() {
            "https" => Ok(url),
            "http" if is_local => Ok(url),
            _ => Err("the URL must start with https://".to_owned()),
        }
    }

    /// Returns `true` if `address` is allowed only because of the policy.
    fn had_to_be_allowed(&self, address: IpAddr) -> bool {
        Guard::default().check(address).is_err() && self.guard().check(address).is_ok()
    }

    async fn send(&self, delivery: DeliveryRequest) -> DeliveryOutcome {
        let deadline = Instant::now() + ATTEMPT_TIMEOUT;
        let mut url = match self.checked(&delivery.url) {
            Ok(url) => url,
            Err(reason) => return refused(reason),
        };
        url.set_fragment(None);
        let Some(request) = self.request(&url, &delivery) else {
            return refused("the webhook request cannot be built from its URL".to_owned());
        };
        match timeout_at(deadline, self.clients.direct().request(request)).await {
            Err(_) => failed(format!("no response within {} seconds", ATTEMPT_TIMEOUT.as_secs())),
            Ok(Ok(response)) => {
                let status = response.status().as_u16();
                // Only the status decides; the body is kept to help find a mistake.
                let until = deadline.min(Instant::now() + BODY_TIMEOUT);
                let retry_after = retry_after(response.headers(), delivery.sent_at);
                let body = body_start(response.into_body(), until).await;
                outcome(status, body, retry_after)
            }
            Ok(Err(error)) => {
                let error = request_error(error);
                match error.kind() {
                    FetchErrorKind::PrivateAddress => refused(error.to_string()),
                    _ => failed(error.to_string()),
                }
            }
        }
    }

    fn request(&self, url: &Url, delivery: &DeliveryRequest) -> Option<Request<Full<Bytes>>> {
        let mut bare = url.clone();
        let _ = bare.set_username("");
        let _ = bare.set_password(None);
        let mut request = Request::new(Full::new(Bytes::from(delivery.body.clone())));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = bare.as_str().parse().ok()?;
        *request.headers_mut() = self.headers(delivery)?;
        if !url.username().is_empty() || url.password().is_some() {
            let user = percent_decoded(url.username())?;
            let password = percent_decoded(url.password().unwrap_or_default())?;
            let value = basic_authorization(&user, &password);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        Some(request)
    }

    fn secret_of(&self, account: &AccountId) -> Option<&WebhookSecret> {
        self.account_secrets.get(account).or(self.secret.as_ref())
    }

    fn headers(&self, delivery: &DeliveryRequest) -> Option<HeaderMap> {
        let id = delivery.id.to_string();
        let body = delivery.body.as_bytes();
        let sent_at = delivery.sent_at.as_millis() / 1_000;
        let mut pairs = vec![
            ("x-alterlab-event", delivery.event.to_owned()),
            ("x-alterlab-delivery", id.clone()),
            ("x-alterlab-attempt", delivery.attempt.to_string()),
            ("webhook-id", id.clone()),
            ("webhook-timestamp", sent_at.to_string()),
        ];
        if let Some(secret) = self.secret_of(&delivery.account) {
            pairs.push(("x-alterlab-signature", secret.alterlab(body)));
            pairs.push(("webhook-signature", secret.standard(&id, sent_at, body)));
        }
        if let Some(trace) = &delivery.trace {
            pairs.push(("traceparent", trace.to_string()));
            pairs.extend(trace.state().map(|it| ("tracestate", it.to_owned())));
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let agent = concat!("rungs/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        for (name, value) in pairs {
            headers.insert(HeaderName::from_static(name), HeaderValue::try_from(value).ok()?);
        }
        Some(headers)
    }
}

/// Returns the addresses that the URL itself contains: a literal, or those of `localhost`.
fn literal_addresses(url: &Url) -> Option<Vec<IpAddr>> {
    match url.host()? {
        Host::Ipv4(it) => Some(vec![it.into()]),
        Host::Ipv6(it) => Some(vec![it.into()]),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            let local = name == "localhost" || name.ends_with(".localhost");
            local.then(|| vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
        }
    }
}

/// Reads the first bytes of a body as text. If the body ends early or is slow, the part that was read
/// is kept.
async fn body_start(mut body: Incoming, until: Instant) -> Option<String> {
    let mut kept = Vec::new();
    while kept.len() < MAX_BODY_BYTES {
        let Ok(Some(Ok(frame))) = timeout_at(until, body.frame()).await else { break };
        let Ok(data) = frame.into_data() else { continue };
        let room = MAX_BODY_BYTES - kept.len();
        kept.extend_from_slice(&data[..data.len().min(room)]);
    }
    (!kept.is_empty()).then(|| String::from_utf8_lossy(&kept).into_owned())
}

/// Returns the wait that the receiver asks for. A date counts from the response's own `Date`, or else from `sent_at`.
fn retry_after(headers: &HeaderMap, sent_at: Timestamp) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|it| it.to_str().ok());
    let date = || text(DATE).and_then(|it| http_date(it.trim()));
    let now = || date().or(Some(sent_at.as_millis() / 1_000));
    wait_of(text(RETRY_AFTER)?, now)
}

fn outcome(
    status: u16,
    response_body: Option<String>,
    retry_after: Option<Duration>,
) -> DeliveryOutcome {
    match status {
        200..=299 => DeliveryOutcome::Accepted { status, response_body },
        410 => {
            let reason =
                "the receiver responded with 410 Gone; no further attempt is made".to_owned();
            DeliveryOutcome::Refused { status: Some(status), reason, response_body }
        }
        _ => {
            let reason = format!("the receiver responded with status {status}");
            DeliveryOutcome::Failed { status: Some(status), reason, response_body, retry_after }
        }
    }
}

fn failed(reason: String) -> DeliveryOutcome {
    DeliveryOutcome::Failed { status: None, reason, response_body: None, retry_after: None }
}

fn refused(reason: String) -> DeliveryOutcome {
    DeliveryOutcome::Refused { status: None, reason, response_body: None }
}

impl Notifier for Webhooks {
    fn deliver(&self, delivery: DeliveryRequest) -> BoxFuture<'_, DeliveryOutcome> {
        Box::pin(self.send(delivery))
    }

    fn accepts(&self, url: &str) -> Result<(), WebhookUrlError> {
        self.checked(url).map(drop).map_err(WebhookUrlError::new)
    }

    fn signs(&self, account: &AccountId) -> bool {
        self.secret_of(account).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_to_public_addresses_is_accepted() {
        let hooks = Webhooks::unsigned();

        assert_eq!(hooks.accepts("https://example.com/hook"), Ok(()));
        for it in [
            "http://example.com/",
            "http://127.0.0.1/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://localhost/",
            "https://[::1]/",
            "https://169.254.169.254/",
            "ftp://example.com/",
            "hook",
        ] {
            assert!(hooks.accepts(it).is_err(), "{it}");
        }
    }

    #[test]
    fn plain_http_is_accepted_in_an_allowed_network() {
        let network = NetPolicy::new().allow_network("127.0.0.0/8").expect("network");
        let hooks = Webhooks::unsigned().network(network);

        assert_eq!(hooks.accepts("http://127.0.0.1:9/"), Ok(()));
        assert_eq!(hooks.accepts("http://localhost:9/"), Ok(()));
        assert!(hooks.accepts("http://8.8.8.8/").is_err());
        assert!(hooks.accepts("http://10.0.0.1/").is_err());
    }

    #[test]
    fn only_2xx_is_accepted_and_only_410_is_final() {
        assert!(matches!(outcome(204, None, None), DeliveryOutcome::Accepted { status: 204, .. }));
        assert!(matches!(
            outcome(410, None, None),
            DeliveryOutcome::Refused { status: Some(410), .. }
        ));
        for status in [301, 404, 500] {
            assert!(matches!(
                outcome(status, None, None),
                DeliveryOutcome::Failed { status: Some(_), .. }
            ));
        }
    }
}
