//! API keys: the account and the limits of each.

use std::fmt::Write as _;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::core::id::AccountId;
use crate::core::usage::Budget;
use crate::ports::clock::Entropy;
use crate::service::server::key_limits::KeyLimits;

/// Minimum length of a key in characters: a shorter one can be guessed.
const MIN_LEN: usize = 16;
/// Maximum length of a key in characters.
const MAX_LEN: usize = 512;

/// An error of [`ApiKey::new`] or [`Keys::new`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiKeysError {
    /// The key is too short to be safe, too long, or not printable.
    #[error("invalid API key: use {MIN_LEN} to {MAX_LEN} printable ASCII characters")]
    InvalidKey,
    /// The text is not a hash.
    #[error(
        "`{0}` is not the hash of an API key: use `sha256:` and 64 hexadecimal digits, as `rungs key` prints them"
    )]
    InvalidHash(String),
    /// Two keys have the same name or the same hash.
    #[error("two API keys have the name or the hash of `{0}`: remove one of them")]
    Duplicate(String),
    /// A limit is zero, so that the key could never be used.
    #[error("the API key `{0}` has a limit of zero: remove the limit or the key")]
    ZeroLimit(String),
}

/// The routes that an API key opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum KeyScope {
    /// The API, for the key's account.
    #[default]
    Api,
    /// The metrics of the whole process at `/metrics`, and nothing else.
    Metrics,
    /// The balances of all accounts and grants to them, and nothing else.
    Admin,
}

/// The settings of an API key: account, hash and limits.
///
/// They never contain the key itself. A file of keys is a JSON list of these settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ApiKey {
    /// Name of the key, under which its usage is reported.
    pub name: String,
    /// Account that owns the key's batches and pays for them. Defaults to the default account.
    #[serde(default)]
    pub account: AccountId,
    /// `sha256:` and the hash in hexadecimal. Keys are random, so a slow password hash adds nothing.
    pub hash: String,
    /// Requests per minute; a request that may change something counts as two. Defaults to no limit.
    #[serde(default)]
    pub requests_per_minute: Option<u32>,
    /// Requests at the same time. Defaults to no limit.
    #[serde(default)]
    pub concurrent: Option<u32>,
    /// Spending limit per period. Defaults to no limit.
    #[serde(default)]
    pub spend: Option<Budget>,
    /// Routes that the key opens. Defaults to those of the API.
    #[serde(default)]
    pub scope: KeyScope,
}

impl ApiKey {
    /// Creates the settings of a key without limits.
    ///
    /// # Errors
    ///
    /// [`ApiKeysError::InvalidKey`] unless `secret` has 16 to 512 printable ASCII characters.
    pub fn new(
        name: impl Into<String>,
        account: AccountId,
        secret: &str,
    ) -> Result<Self, ApiKeysError> {
        let printable = secret.bytes().all(|it| it.is_ascii_graphic());
        if !printable || !(MIN_LEN..=MAX_LEN).contains(&secret.len()) {
            return Err(ApiKeysError::InvalidKey);
        }
        let mut hash = "sha256:".to_owned();
        for byte in digest(secret) {
            write!(hash, "{byte:02x}").expect("writing to a string cannot fail");
        }
        Ok(Self {
            name: name.into(),
            account,
            hash,
            requests_per_minute: None,
            concurrent: None,
            spend: None,
            scope: KeyScope::Api,
        })
    }

    /// Sets the routes that the key opens.
    #[must_use]
    pub fn with_scope(mut self, scope: KeyScope) -> Self {
        self.scope = scope;
        self
    }

    /// Limits the requests per minute; a request that may change something counts as two.
    #[must_use]
    pub fn with_requests_per_minute(mut self, requests: u32) -> Self {
        self.requests_per_minute = Some(requests);
        self
    }

    /// Limits the requests at the same time.
    #[must_use]
    pub fn with_concurrent_requests(mut self, requests: u32) -> Self {
        self.concurrent = Some(requests);
        self
    }

    /// Limits what the key may spend per period.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.spend = Some(budget);
        self
    }

    /// Generates a random key as clients send it: `sk_live_` and 32 characters.
    pub fn random(entropy: &dyn Entropy) -> String {
        const SYMBOLS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let mut key = "sk_live_".to_owned();
        for _ in 0..4 {
            let symbols =
                entropy.random_u64().to_be_bytes().map(|it| SYMBOLS[usize::from(it & 31)]);
            key.extend(symbols.map(char::from));
        }
        key
    }
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn parse_hash(text: &str) -> Option<[u8; 32]> {
    let hex = text.strip_prefix("sha256:")?;
    if hex.len() != 64 || !hex.bytes().all(|it| it.is_ascii_hexdigit()) {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, digits) in hash.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(hash)
}

/// A key in use, with the state of its limits.
#[derive(Debug)]
pub(super) struct KeyState {
    pub(super) name: String,
    pub(super) account: AccountId,
    pub(super) budget: Option<Budget>,
    pub(super) limits: KeyLimits,
    scope: Option<KeyScope>,
    hash: [u8; 32],
}

impl KeyState {
    /// Returns `true` if the key opens routes of this scope.
    pub(super) fn opens(&self, scope: KeyScope) -> bool {
        self.scope.is_none_or(|it| it == scope)
    }
}

/// The API keys that a service accepts.
///
/// Without keys, every request acts for the default account. Such a service must only be reachable from its own
/// machine; `rungs serve` refuses to listen elsewhere.
///
/// # Example
///
/// ```
/// use rungs::core::id::AccountId;
/// use rungs::service::{ApiKey, Keys};
///
/// let key = ApiKey::new("ci", AccountId::default(), "sk_live_0123456789abcdef")?;
/// let keys = Keys::new([key.with_requests_per_minute(120)])?;
/// assert!(keys.are_required());
/// # Ok::<(), rungs::service::ApiKeysError>(())
/// ```
#[derive(Debug)]
pub struct Keys {
    keys: Vec<Arc<KeyState>>,
    /// State for every request where no key is required.
    anonymous: Option<Arc<KeyState>>,
}

impl Default for Keys {
    /// Requires no key.
    fn default() -> Self {
        let anonymous = KeyState {
            name: "anyone".to_owned(),
            account: AccountId::default(),
            budget: None,
            limits: KeyLimits::default(),
            scope: None,
            hash: [0; 32],
        };
        Self { keys: Vec::new(), anonymous: Some(Arc::new(anonymous)) }
    }
}

impl Keys {
    /// Accepts these keys. An empty list requires no key.
    ///
    /// # Errors
    ///
    /// [`ApiKeysError`] for the first key that cannot be used.
    pub fn new(keys: impl IntoIterator<Item = ApiKey>) -> Result<Self, ApiKeysError> {
        let mut states: Vec<Arc<KeyState>> = Vec::new();
        for key in keys {
            let hash =
                parse_hash(&key.hash).ok_or_else(|| ApiKeysError::InvalidHash(key.hash.clone()))?;
            if states.iter().any(|it| it.hash == hash || it.name == key.name) {
                return Err(ApiKeysError::Duplicate(key.name));
            }
            if key.requests_per_minute == Some(0) || key.concurrent == Some(0) {
                return Err(ApiKeysError::ZeroLimit(key.name));
            }
            states.push(Arc::new(KeyState {
                limits: KeyLimits::new(key.requests_per_minute, key.concurrent),
                name: key.name,
                account: key.account,
                budget: key.spend,
                scope: Some(key.scope),
                hash,
            }));
        }
        if states.is_empty() {
            return Ok(Self::default());
        }
        Ok(Self { keys: states, anonymous: None })
    }

    /// Returns `true` if requests must present a key.
    pub fn are_required(&self) -> bool {
        self.anonymous.is_none()
    }

    /// Returns the key of an account with this name.
    pub(super) fn named(&self, account: &AccountId, name: &str) -> Option<&KeyState> {
        let mut keys = self.keys.iter().chain(&self.anonymous);
        keys.find(|it| it.name == name && it.account == *account).map(AsRef::as_ref)
    }

    /// Finds the key that a request presents.
    ///
    /// Its duration reveals nothing about the keys: it compares every hash, each to its end.
    pub(super) fn find(&self, secret: Option<&str>) -> Option<Arc<KeyState>> {
        if let Some(anonymous) = &self.anonymous {
            return Some(Arc::clone(anonymous));
        }
        let hash = digest(secret.filter(|it| it.len() <= MAX_LEN)?);
        let mut found = None;
        for key in &self.keys {
            if bool::from(key.hash.ct_eq(&hash)) {
                found = Some(key);
            }
        }
        found.map(Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::SystemEntropy;

    const SECRET: &str = "sk_live_0123456789abcdef";

    fn acme() -> ApiKey {
        ApiKey::new("first", AccountId::new("acme").expect("a name"), SECRET).expect("long enough")
    }

    #[test]
    fn only_the_exact_key_is_found() {
        let keys = Keys::new([acme()]).expect("usable");

        assert_eq!(keys.find(Some(SECRET)).expect("known").account.as_str(), "acme");
        for other in [None, Some(""), Some("sk_live_0123456789abcdeF"), Some(acme().hash.as_str())]
        {
            assert!(keys.find(other).is_none(), "{other:?}");
        }
        assert!(keys.are_required());
    }

    #[test]
    fn without_keys_every_request_acts_for_the_default_account() {
        let keys = Keys::new([]).expect("usable");

        assert!(!keys.are_required());
        assert_eq!(keys.find(None).expect("anyone").account, AccountId::default());
        assert_eq!(keys.find(Some("whatever")).expect("anyone").account, AccountId::default());
    }

    #[test]
    fn a_key_that_cannot_be_used_is_named() {
        let short = ApiKey::new("a", AccountId::default(), "sk_live_1");
        assert_eq!(short, Err(ApiKeysError::InvalidKey));
        let plain = ApiKey { hash: SECRET.to_owned(), ..acme() };
        assert_eq!(Keys::new([plain]).err(), Some(ApiKeysError::InvalidHash(SECRET.to_owned())));
        let again = ApiKey { name: "second".to_owned(), ..acme() };
        let duplicate = Keys::new([acme(), again]).err();
        assert_eq!(duplicate, Some(ApiKeysError::Duplicate("second".to_owned())));
        let never = acme().with_concurrent_requests(0);
        assert_eq!(Keys::new([never]).err(), Some(ApiKeysError::ZeroLimit("first".to_owned())));
    }

    #[test]
    fn random_keys_are_long_and_distinct() {
        let keys = [ApiKey::random(&SystemEntropy), ApiKey::random(&SystemEntropy)];

        assert!(keys.iter().all(|it| it.starts_with("sk_live_") && it.len() == 40), "{keys:?}");
        assert_ne!(keys[0], keys[1]);
    }

    #[test]
    fn the_hash_is_plain_sha_256() {
        // printf sk_live_0123456789abcdef | sha256sum
        let hash = "sha256:342e20dec519556fcfd48f5437e0531f1f3beab35b6ebccddb916d264d67f76e";

        assert_eq!(acme().hash, hash);
        assert_eq!(parse_hash(hash), Some(digest(SECRET)));
    }
}
