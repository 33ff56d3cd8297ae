//! Posting a delivery.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

use crate::core::id::AccountId;
use crate::fetch::guard::ParseNetworkError;
use crate::fetch::http::{Direct, RootCertificateError, error};
use crate::ports::BoxFuture;
use crate::ports::fetch::FetchErrorKind;
use crate::ports::notify::{DeliveryOutcome, DeliveryRequest, Notifier};
use crate::webhook::sign::WebhookSecret;

/// How long one attempt may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long the receiver's words are waited for once its status is there.
const ANSWER_TIME: Duration = Duration::from_secs(2);
/// Bytes of the receiver's answer that are read.
const ANSWER_BYTES: usize = 1_024;

/// Posts deliveries over HTTPS, behind the address guard, and follows no redirect.
///
/// Plain `http` is accepted only for addresses in a network that was opened.
#[derive(Clone, Debug)]
pub struct Webhooks {
    secret: Option<WebhookSecret>,
    /// The secrets of accounts that have one of their own.
    secrets: Arc<BTreeMap<AccountId, WebhookSecret>>,
    net: Direct,
}

impl Webhooks {
    /// Deliveries signed with `secret`.
    pub fn signed_with(secret: impl Into<String>) -> Self {
        Self { secret: Some(WebhookSecret::new(secret)), ..Self::unsigned() }
    }

    /// Deliveries without a signature: a receiver cannot tell whom they are from.
    pub fn unsigned() -> Self {
        Self { secret: None, secrets: Arc::default(), net: Direct::default() }
    }

    /// Signs what is an account's with a secret of its own.
    pub fn account_secret(mut self, account: AccountId, secret: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.secrets).insert(account, WebhookSecret::new(secret));
        self
    }

    /// Opens a network such as `127.0.0.0/8`.
    ///
    /// # Errors
    ///
    /// [`ParseNetworkError`] if the text is none.
    pub fn allow_network(mut self, network: &str) -> Result<Self, ParseNetworkError> {
        self.net = self.net.allow_network(network)?;
        Ok(self)
    }

    /// Opens every address, for a closed network of the host's own.
    pub fn allow_private(mut self) -> Self {
        self.net = self.net.allow_private();
        self
    }

    /// Trusts more roots than the compiled-in ones.
    ///
    /// # Errors
    ///
    /// [`RootCertificateError`] if there is none in it, or one that cannot be a root.
    pub fn extra_roots(mut self, roots: impl AsRef<[u8]>) -> Result<Self, RootCertificateError> {
        self.net = self.net.extra_roots(roots.as_ref())?;
        Ok(self)
    }

    /// Gives `host` a fixed address, which the guard judges as any other.
    pub fn resolve(mut self, host: &str, address: SocketAddr) -> Self {
        self.net = self.net.resolve(host, address);
        self
    }

    fn checked(&self, url: &str) -> Result<Url, String> {
        let url = Url::parse(url.trim()).map_err(|_| "the webhook URL cannot be parsed")?;
        let local = literal(&url);
        if let Some(addresses) = &local {
            let open = addresses.iter().any(|it| self.net.guard().check(*it).is_ok());
            if !open {
                return Err("the webhook URL names an address that is not public".to_owned());
            }
        }
        // Public addresses never get plain http; those that had to be opened do.
        let opened = local.is_some_and(|it| it.into_iter().any(|it| self.is_opened(it)));
        match url.scheme() {
            "https" => Ok(url),
            "http" if opened => Ok(url),
            _ => Err("the webhook URL must start with https://".to_owned()),
        }
    }

    /// Whether it takes an opened network to reach `address`.
    fn is_opened(&self, address: IpAddr) -> bool {
        let closed = crate::fetch::guard::Guard::default();
        closed.check(address).is_err() && self.net.guard().check(address).is_ok()
    }

    async fn post(&self, delivery: DeliveryRequest) -> DeliveryOutcome {
        let deadline = Instant::now() + TIMEOUT;
        let refused =
            |reason: String| DeliveryOutcome::Refused { status: None, reason, response_body: None };
        let mut url = match self.checked(&delivery.url) {
            Ok(url) => url,
            Err(reason) => return refused(reason),
        };
        url.set_fragment(None);
        let Some(request) = self.request(&url, &delivery) else {
            return refused("the webhook URL cannot be requested".to_owned());
        };
        let client = self.net.client();
        match timeout_at(deadline, client.request(request)).await {
            Err(_) => failed(None, "no answer within 10 seconds".to_owned()),
            Ok(Ok(response)) => {
                let status = response.status().as_u16();
                // The status says whether it was taken; the words are for whoever looks for a reason.
                let until = deadline.min(Instant::now() + ANSWER_TIME);
                judged(status, beginning(response.into_body(), until).await)
            }
            Ok(Err(error)) => {
                let error = error::from_client(error);
                if error.kind() == FetchErrorKind::PrivateAddress {
                    return refused(error.to_string());
                }
                failed(None, error.to_string())
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
        Some(request)
    }

    fn headers(&self, delivery: &DeliveryRequest) -> Option<HeaderMap> {
        let id = delivery.id.to_string();
        let body = delivery.body.as_bytes();
        let mut pairs = vec![
            ("x-alterlab-event", delivery.event.to_owned()),
            ("x-alterlab-delivery", id.clone()),
            ("x-alterlab-attempt", delivery.attempt.to_string()),
            ("webhook-id", id.clone()),
            ("webhook-timestamp", delivery.sent_at.to_string()),
        ];
        if let Some(secret) = self.secrets.get(&delivery.account).or(self.secret.as_ref()) {
            pairs.push(("x-alterlab-signature", secret.alterlab(body)));
            pairs.push(("webhook-signature", secret.standard(&id, delivery.sent_at, body)));
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

/// The addresses that the URL itself tells: its literal, or what `localhost` stands for.
fn literal(url: &Url) -> Option<Vec<IpAddr>> {
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

/// The first bytes of an answer as text. One that breaks off, or is slow, is what came of it.
async fn beginning(mut body: Incoming, until: Instant) -> Option<String> {
    let mut kept = Vec::new();
    while kept.len() < ANSWER_BYTES {
        let Ok(Some(Ok(frame))) = timeout_at(until, body.frame()).await else { break };
        let Ok(data) = frame.into_data() else { continue };
        let room = ANSWER_BYTES - kept.len();
        kept.extend_from_slice(&data[..data.len().min(room)]);
    }
    (!kept.is_empty()).then(|| String::from_utf8_lossy(&kept).into_owned())
}

fn judged(status: u16, response_body: Option<String>) -> DeliveryOutcome {
    match status {
        200..=299 => DeliveryOutcome::Accepted { status, response_body },
        410 => {
            let reason = "the receiver is gone (410)".to_owned();
            DeliveryOutcome::Refused { status: Some(status), reason, response_body }
        }
        _ => {
            let reason = format!("the receiver answered {status}");
            DeliveryOutcome::Failed { status: Some(status), reason, response_body }
        }
    }
}

fn failed(status: Option<u16>, reason: String) -> DeliveryOutcome {
    DeliveryOutcome::Failed { status, reason, response_body: None }
}

impl Notifier for Webhooks {
    fn deliver(&self, delivery: DeliveryRequest) -> BoxFuture<'_, DeliveryOutcome> {
        Box::pin(self.post(delivery))
    }

    fn accepts(&self, url: &str) -> Result<(), String> {
        self.checked(url).map(drop)
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
    fn an_opened_network_takes_plain_http_too() {
        let hooks = Webhooks::unsigned().allow_network("127.0.0.0/8").expect("network");

        assert_eq!(hooks.accepts("http://127.0.0.1:9/"), Ok(()));
        assert_eq!(hooks.accepts("http://localhost:9/"), Ok(()));
        assert!(hooks.accepts("http://8.8.8.8/").is_err());
        assert!(hooks.accepts("http://10.0.0.1/").is_err());
    }

    #[test]
    fn only_2xx_is_accepted_and_only_410_is_final() {
        assert!(matches!(judged(204, None), DeliveryOutcome::Accepted { status: 204, .. }));
        assert!(matches!(judged(410, None), DeliveryOutcome::Refused { status: Some(410), .. }));
        for status in [301, 404, 500] {
            assert!(matches!(
                judged(status, None),
                DeliveryOutcome::Failed { status: Some(_), .. }
            ));
        }
    }
}
