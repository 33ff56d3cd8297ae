//! Web Bot Auth: requests that are signed, so that sites can verify their sender.
//!
//! Signatures are HTTP Message Signatures (RFC 9421) with Ed25519, with the parameters of
//! draft-meunier-web-bot-auth-architecture. The keys are published as draft-meunier-http-message-signatures-directory
//! describes.
//!
//! # Invariants
//!
//! * A signature covers the authority that the request is sent to, so a site cannot use it at another one.
//! * The directory is signed for the authority of `Signature-Agent` only: another site cannot pass it off as its own.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::json;
use sha2::{Digest, Sha256};
use url::Url;

use crate::core::time::Timestamp;
use crate::ports::key_directory::{DirectoryResponse, KeyDirectory};

mod base;
mod key;

use base::{Component, Parameters, signed};
pub use key::{BotKey, ParseBotKeyError};

/// The label of a request's signature, and the key of its agent.
const LABEL: &str = "sig1";
/// The tag of a request's signature.
const REQUEST_TAG: &str = "web-bot-auth";
/// The tag of a directory's signature.
const DIRECTORY_TAG: &str = "http-message-signatures-directory";
/// The default lifetime of a request's signature. It covers the time to the first byte and clocks that differ.
const LIFETIME: Duration = Duration::from_mins(5);
/// The longest lifetime, which the draft recommends as a limit.
const MAX_LIFETIME: Duration = Duration::from_hours(24);
/// The lifetime of a directory's signature.
const DIRECTORY_LIFETIME: Duration = Duration::from_hours(1);
/// The random bytes of a nonce.
const NONCE_BYTES: usize = 64;
/// The longest URL of an agent, in bytes.
const MAX_AGENT_BYTES: usize = 1_024;

/// The identity that signs requests.
///
/// ```
/// use rungs::net::{BotKey, WebBotAuth};
/// use rungs::prelude::*;
///
/// # fn example() -> Result<(), rungs::Error> {
/// let key = BotKey::parse(&std::fs::read("bot.pem")?)?;
/// let identity = WebBotAuth::new(key).agent("https://bot.example.com")?;
/// let http = Http::new().web_bot_auth(identity);
/// # drop(http);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct WebBotAuth {
    key: Arc<BotKey>,
    /// Keys that are published and do not sign requests: the next one, or the one before.
    others: Vec<Arc<BotKey>>,
    agent: Option<Agent>,
    form: AgentForm,
    lifetime: Duration,
}

/// The origin whose directory has the keys.
#[derive(Clone, Debug)]
struct Agent {
    url: String,
    authority: String,
}

/// The form of the header `Signature-Agent`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AgentForm {
    /// A dictionary with one entry, as the drafts since 2025 define it.
    #[default]
    Dictionary,
    /// A string, as earlier drafts define it and some verifiers still expect.
    Text,
}

/// The error for a URL that is not that of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the URL of the agent must be an origin such as https://bot.example.com: leave out path, query and user info"
)]
pub struct AgentUrlError;

impl WebBotAuth {
    /// Returns an identity that signs with `key` and names no directory.
    pub fn new(key: BotKey) -> Self {
        Self {
            key: Arc::new(key),
            others: Vec::new(),
            agent: None,
            form: AgentForm::default(),
            lifetime: LIFETIME,
        }
    }

    /// Sets the origin whose `/.well-known/http-message-signatures-directory` has the keys. Requests name it in
    /// `Signature-Agent`. Defaults to none: sites then need the key by other means.
    ///
    /// # Errors
    ///
    /// [`AgentUrlError`] if the text is not an `https` origin, or an `http` one on this machine.
    pub fn agent(mut self, url: &str) -> Result<Self, AgentUrlError> {
        let parsed = Url::parse(url).map_err(|_| AgentUrlError)?;
        let authority = authority(&parsed).ok_or(AgentUrlError)?;
        let is_here =
            ["localhost", "127.0.0.1", "[::1]"].contains(&parsed.host_str().unwrap_or(""));
        let is_origin = parsed.path() == "/"
            && parsed.query().is_none()
            && parsed.fragment().is_none()
            && parsed.username().is_empty()
            && parsed.password().is_none();
        let is_open = parsed.scheme() == "https" || parsed.scheme() == "http" && is_here;
        let url = parsed.origin().ascii_serialization();
        if !is_origin || !is_open || url.len() > MAX_AGENT_BYTES {
            return Err(AgentUrlError);
        }
        self.agent = Some(Agent { url, authority });
        Ok(self)
    }

    /// Publishes a key that does not sign requests: the next one before it is used, or the one before.
    pub fn also_publish(mut self, key: BotKey) -> Self {
        self.others.push(Arc::new(key));
        self
    }

    /// Sets the form of the header `Signature-Agent`. Defaults to [`AgentForm::Dictionary`].
    pub fn agent_form(mut self, form: AgentForm) -> Self {
        self.form = form;
        self
    }

    /// Sets the lifetime of a request's signature, 10 s to 24 hours. Defaults to 5 minutes.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime.clamp(Duration::from_secs(10), MAX_LIFETIME);
        self
    }

    /// Returns the headers that sign a request to `url`. `None` if the URL has no host or the system has no random
    /// numbers.
    pub(crate) fn sign(&self, url: &Url, now: Timestamp) -> Option<Vec<(&'static str, String)>> {
        let mut nonce = [0; NONCE_BYTES];
        SystemRandom::new().fill(&mut nonce).ok()?;
        Some(self.sign_with(&authority(url)?, now, &STANDARD.encode(nonce), LABEL))
    }

    fn sign_with(
        &self,
        authority: &str,
        now: Timestamp,
        nonce: &str,
        label: &'static str,
    ) -> Vec<(&'static str, String)> {
        let mut components = vec![Component::new("\"@authority\"", authority)];
        let mut headers = Vec::new();
        if let Some(agent) = &self.agent {
            let text = format!("\"{}\"", agent.url);
            let (name, header) = match self.form {
                AgentForm::Dictionary => {
                    (format!("\"signature-agent\";key=\"{label}\""), format!("{label}={text}"))
                }
                AgentForm::Text => ("\"signature-agent\"".to_owned(), text.clone()),
            };
            components.push(Component::new(name, text));
            headers.push(("signature-agent", header));
        }
        let parameters = Parameters {
            created: now,
            expires: now.after(self.lifetime),
            nonce: Some(nonce),
            tag: REQUEST_TAG,
        };
        let (input, signature) = signed(&self.key, &components, &parameters);
        headers.push(("signature-input", format!("{label}={input}")));
        headers.push(("signature", format!("{label}=:{signature}:")));
        headers
    }

    fn keys(&self) -> impl Iterator<Item = &BotKey> {
        std::iter::once(&self.key).chain(&self.others).map(AsRef::as_ref)
    }
}

impl KeyDirectory for WebBotAuth {
    fn directory(&self, authority: &str, now: Timestamp) -> DirectoryResponse {
        let keys: Vec<_> = self.keys().map(BotKey::public_jwk).collect();
        let mut response = DirectoryResponse::new(json!({ "keys": keys }).to_string());
        response.headers.push(("cache-control", "max-age=3600".to_owned()));
        let authority = authority.to_ascii_lowercase();
        if self.agent.as_ref().is_none_or(|it| it.authority != authority) {
            return response;
        }
        let digest = STANDARD.encode(Sha256::digest(response.body.as_bytes()));
        let digest = format!("sha-256=:{digest}:");
        let components = [
            Component::new("\"@authority\";req", authority),
            Component::new("\"content-digest\"", digest.clone()),
        ];
        let parameters = Parameters {
            created: now,
            expires: now.after(DIRECTORY_LIFETIME),
            nonce: None,
            tag: DIRECTORY_TAG,
        };
        let (mut inputs, mut signatures) = (Vec::new(), Vec::new());
        for (number, key) in self.keys().enumerate() {
            let (input, signature) = signed(key, &components, &parameters);
            inputs.push(format!("binding{number}={input}"));
            signatures.push(format!("binding{number}=:{signature}:"));
        }
        response.headers.push(("content-digest", digest));
        response.headers.push(("signature-input", inputs.join(", ")));
        response.headers.push(("signature", signatures.join(", ")));
        response
    }
}

/// Shows the ids of the keys.
impl fmt::Debug for WebBotAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, others, agent, form, lifetime } = self;
        f.debug_struct("WebBotAuth")
            .field("key", key)
            .field("others", others)
            .field("agent", &agent.as_ref().map(|it| &it.url))
            .field("form", form)
            .field("lifetime", lifetime)
            .finish()
    }
}

/// Returns the host in lower case, and the port if it is not the default of the scheme.
fn authority(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATED: Timestamp = Timestamp::from_millis(1_735_689_600_000);

    /// The key of RFC 9421, B.1.4, with which the drafts sign their examples.
    fn identity() -> WebBotAuth {
        WebBotAuth::new(key::tests::rfc_9421_key())
    }

    fn header(headers: &[(&str, String)], name: &str) -> String {
        headers.iter().find(|it| it.0 == name).expect(name).1.clone()
    }

    #[test]
    fn requests_are_signed_as_in_the_published_vectors() {
        let with_agent = || identity().agent("https://signature-agent.test").expect("an origin");
        let legacy = with_agent().agent_form(AgentForm::Text).lifetime(Duration::from_hours(1));
        let far = |mut it: WebBotAuth| {
            it.lifetime = Duration::from_hours(876_000);
            it
        };
        // The drafts' examples: without an agent, with one in a dictionary, and with one as a text.
        for (identity, label, nonce, agent, signature) in [
            (
                far(identity()),
                "sig1",
                "zIW8+cdmA3vdYagbxojpONwa/l0EKJ/O3/wD486VvsQjO/RxPaSt6ZxvQaMcQzNnqKN/mQ6hpGiFro2L2qkz5A==",
                None,
                "QKN4fTdIYfh82fvoZCQiQA1weuozfCS/Led2zTMbewMMqH8PI2Wsy/5c4ao6B6D09nraNQdBNOADg8aM1MqfCg==",
            ),
            (
                far(identity()),
                "sig1",
                "g0iqFa9e1ffijlyOScDkXpfSmTbYpRNSGPJrQ1It20ahwgzB3jOUcdgLgFxUg7RMtW4V8IILaKKtA+YuSyIgJQ==",
                None,
                "FFASViSdcgsyaqqYiCnkHreeZzbNKcTzDvZC5uVlP/dn9IbWj8j0o4wKFTH3rBnUiSUBduwm1Gp5VlIPCp01Ag==",
            ),
            (
                far(with_agent()),
                "agent2",
                "n9p433xm+NJ3ph3upfBIGmsuwHw387YV7Q/F+6BSpGCVjYCqQw6rznNA8PVVLySrAWsv0hQtFioQb6E1YsauiA==",
                Some("agent2=\"https://signature-agent.test\""),
                "RdNFx5Bj6au3YgAMQL/RzmUlZE8QZLIaXGRpw985hWnwPfMxT228NMk6ehRS1PSl4e8PhbNZACSanGdhEwYCCg==",
            ),
            (
                legacy,
                "sig2",
                "e8N7S2MFd/qrd6T2R3tdfAuuANngKI7LFtKYI/vowzk4lAZYadIX6wW25MwG7DCT9RUKAJ0qVkU0mEeLElW1qg==",
                Some("\"https://signature-agent.test\""),
                "jdq0SqOwHdyHr9+r5jw3iYZH6aNGKijYp/EstF4RQTQdi5N5YYKrD+mCT1HA1nZDsi6nJKuHxUi/5Syp3rLWBA==",
            ),
        ] {
            let signed = identity.sign_with("example.com", CREATED, nonce, label);

            assert_eq!(header(&signed, "signature"), format!("{label}=:{signature}:"));
            let found = signed.iter().find(|it| it.0 == "signature-agent").map(|it| it.1.as_str());
            assert_eq!(found, agent);
            let input = header(&signed, "signature-input");
            assert!(
                input.contains(";keyid=\"poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U\""),
                "{input}"
            );
            assert!(input.ends_with(";tag=\"web-bot-auth\""), "{input}");
        }
    }

    #[test]
    fn a_signature_is_for_the_authority_of_the_url() {
        let nonces = |url: &str| {
            let signed = identity().sign(&Url::parse(url).expect(url), CREATED).expect("signed");
            header(&signed, "signature-input")
        };

        assert_ne!(nonces("https://a.test/"), nonces("https://a.test/"), "each has its nonce");
        let of = |url: &str| authority(&Url::parse(url).expect(url)).expect("a host");
        assert_eq!(of("https://U:p@A.test:443/x"), "a.test");
        assert_eq!(of("http://a.test:8080/"), "a.test:8080");
        assert_eq!(of("https://a.test:80/"), "a.test:80");
    }

    #[test]
    fn a_directory_is_signed_for_its_own_authority_only() {
        let mut identity = identity().agent("https://signature-agent.test/").expect("an origin");
        let public = identity.key.public_jwk();

        let response = identity.directory("Signature-Agent.test", CREATED);
        let elsewhere = identity.directory("evil.test", CREATED);

        let body: serde_json::Value = serde_json::from_str(&response.body).expect("JSON");
        assert_eq!(body, json!({ "keys": [public] }));
        assert_eq!(elsewhere.body, response.body);
        assert!(elsewhere.headers.iter().all(|it| it.0 != "signature"), "{elsewhere:?}");
        let input = header(&response.headers, "signature-input");
        let covered = "binding0=(\"@authority\";req \"content-digest\");created=1735689600;keyid=";
        assert!(input.starts_with(covered), "{input}");
        assert!(input.ends_with(";tag=\"http-message-signatures-directory\""), "{input}");
        identity = identity.also_publish(key::tests::other_key());
        let two = identity.directory("signature-agent.test", CREATED);
        assert!(header(&two.headers, "signature").contains(", binding1=:"), "each key signs");
    }

    #[test]
    fn an_agent_is_an_origin() {
        for url in [
            "bot.test",
            "http://bot.test",
            "https://bot.test/x",
            "https://bot.test/?q",
            "https://u@bot.test",
            "ftp://bot.test",
            "",
        ] {
            assert!(identity().agent(url).is_err(), "{url}");
        }
        assert!(identity().agent("http://localhost:8080").is_ok());
    }
}
