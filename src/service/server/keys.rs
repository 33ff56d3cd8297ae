//! API keys: who may ask, on whose account, and how much.

use std::fmt::Write as _;
use std::sync::Arc;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::core::id::AccountId;
use crate::core::usage::Budget;
use crate::ports::clock::Entropy;
use crate::service::server::gate::Gate;

/// The shortest key: what is shorter can be guessed.
const MIN_LEN: usize = 16;
/// The longest that is hashed.
const MAX_LEN: usize = 512;

/// Keys that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiKeysError {
    /// Too short to be safe, or too long to be a key.
    #[error("an API key must have {MIN_LEN} to {MAX_LEN} printable ASCII characters")]
    Length,
    /// Not a hash.
    #[error(
        "`{0}` is not `sha256:` and 64 hexadecimal digits; `rungs key` prints a key with its hash"
    )]
    Hash(String),
    /// Two keys that nobody could tell apart.
    #[error("the key `{0}` is there twice")]
    Twice(String),
    /// A limit of nothing, with which the key could not be used at all.
    #[error("the key `{0}` has a limit of zero; leave the limit out, or the key")]
    Zero(String),
}

/// An API key: never itself, only its hash.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// What it is called where its use is shown.
    pub name: String,
    /// Whose credits it spends, and whose batches it sees.
    #[serde(default)]
    pub account: AccountId,
    /// `sha256:` and the hash in hex. A key is random, so it needs no slow hash.
    pub hash: String,
    /// Requests in a minute, of which one that changes something counts twice; no limit if not said.
    #[serde(default)]
    pub requests_per_minute: Option<u32>,
    /// Requests at the same time; no limit if not said.
    #[serde(default)]
    pub concurrent: Option<u32>,
    /// What may be spent with it in a period; no limit if not said.
    #[serde(default)]
    pub spend: Option<Budget>,
}

impl ApiKey {
    /// A key of `account` without limits.
    ///
    /// # Errors
    ///
    /// [`ApiKeysError::Length`].
    pub fn new(
        name: impl Into<String>,
        account: AccountId,
        secret: &str,
    ) -> Result<Self, ApiKeysError> {
        let printable = secret.bytes().all(|it| it.is_ascii_graphic());
        if !printable || !(MIN_LEN..=MAX_LEN).contains(&secret.len()) {
            return Err(ApiKeysError::Length);
        }
        let mut hash = "sha256:".to_owned();
        for byte in digest(secret) {
            write!(hash, "{byte:02x}").expect("a string takes every write");
        }
        let (requests_per_minute, concurrent, spend) = (None, None, None);
        Ok(Self { name: name.into(), account, hash, requests_per_minute, concurrent, spend })
    }

    /// A new random key as clients send it.
    pub fn random(entropy: &dyn Entropy) -> String {
        const SYMBOLS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let mut key = "sk_live_".to_owned();
        for _ in 0..4 {
            let symbols = entropy.draw().to_be_bytes().map(|it| SYMBOLS[usize::from(it & 31)]);
            key.extend(symbols.map(char::from));
        }
        key
    }
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn read_hash(text: &str) -> Option<[u8; 32]> {
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

/// A key in use.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) name: String,
    pub(super) account: AccountId,
    pub(super) budget: Option<Budget>,
    pub(super) gate: Gate,
    hash: [u8; 32],
}

/// The keys of a service.
///
/// Without any, everyone is the default account: then the service must be reachable for its own host
/// alone, and `rungs serve` refuses to listen anywhere else.
#[derive(Debug)]
pub struct Keys {
    known: Vec<Arc<Known>>,
    /// Who asks where nobody needs a key.
    anyone: Option<Arc<Known>>,
}

impl Default for Keys {
    fn default() -> Self {
        let anyone = Known {
            name: "anyone".to_owned(),
            account: AccountId::default(),
            budget: None,
            gate: Gate::default(),
            hash: [0; 32],
        };
        Self { known: Vec::new(), anyone: Some(Arc::new(anyone)) }
    }
}

impl Keys {
    /// These keys and no other; without any, everyone.
    ///
    /// # Errors
    ///
    /// [`ApiKeysError`] naming the first that cannot be used.
    pub fn new(keys: impl IntoIterator<Item = ApiKey>) -> Result<Self, ApiKeysError> {
        let mut known: Vec<Arc<Known>> = Vec::new();
        for key in keys {
            let hash = read_hash(&key.hash).ok_or_else(|| ApiKeysError::Hash(key.hash.clone()))?;
            if known.iter().any(|it| it.hash == hash || it.name == key.name) {
                return Err(ApiKeysError::Twice(key.name));
            }
            if key.requests_per_minute == Some(0) || key.concurrent == Some(0) {
                return Err(ApiKeysError::Zero(key.name));
            }
            let gate = Gate::new(key.requests_per_minute, key.concurrent);
            let (name, account, budget) = (key.name, key.account, key.spend);
            known.push(Arc::new(Known { name, account, budget, gate, hash }));
        }
        if known.is_empty() {
            return Ok(Self::default());
        }
        Ok(Self { known, anyone: None })
    }

    /// Whether a key must be shown.
    pub fn are_needed(&self) -> bool {
        self.anyone.is_none()
    }

    /// Whose key this is. How long that takes tells nothing of the keys: what is compared are hashes,
    /// all of them, each to its end.
    pub(super) fn find(&self, secret: Option<&str>) -> Option<Arc<Known>> {
        if let Some(anyone) = &self.anyone {
            return Some(Arc::clone(anyone));
        }
        let hash = digest(secret.filter(|it| it.len() <= MAX_LEN)?);
        let mut found = None;
        for key in &self.known {
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
    fn a_key_is_found_by_itself_and_by_nothing_else() {
        let keys = Keys::new([acme()]).expect("usable");

        assert_eq!(keys.find(Some(SECRET)).expect("known").account.as_str(), "acme");
        for other in [None, Some(""), Some("sk_live_0123456789abcdeF"), Some(acme().hash.as_str())]
        {
            assert!(keys.find(other).is_none(), "{other:?}");
        }
        assert!(keys.are_needed());
    }

    #[test]
    fn without_keys_everyone_is_the_default_account() {
        let keys = Keys::new([]).expect("usable");

        assert!(!keys.are_needed());
        assert_eq!(keys.find(None).expect("anyone").account, AccountId::default());
        assert_eq!(keys.find(Some("whatever")).expect("anyone").account, AccountId::default());
    }

    #[test]
    fn keys_that_cannot_be_used_are_named() {
        let short = ApiKey::new("a", AccountId::default(), "sk_live_1");
        assert_eq!(short, Err(ApiKeysError::Length));
        let plain = ApiKey { hash: SECRET.to_owned(), ..acme() };
        assert!(matches!(Keys::new([plain]), Err(ApiKeysError::Hash(it)) if it == SECRET));
        let again = ApiKey { name: "second".to_owned(), ..acme() };
        assert!(
            matches!(Keys::new([acme(), again]), Err(ApiKeysError::Twice(it)) if it == "second")
        );
        let never = ApiKey { concurrent: Some(0), ..acme() };
        assert!(matches!(Keys::new([never]), Err(ApiKeysError::Zero(_))));
    }

    #[test]
    fn a_random_key_is_long_and_never_the_same() {
        let keys = [ApiKey::random(&SystemEntropy), ApiKey::random(&SystemEntropy)];

        assert!(keys.iter().all(|it| it.starts_with("sk_live_") && it.len() == 40), "{keys:?}");
        assert_ne!(keys[0], keys[1]);
    }

    #[test]
    fn the_hash_is_the_plain_sha_256_that_other_programs_make() {
        // printf sk_live_0123456789abcdef | sha256sum
        let hash = "sha256:342e20dec519556fcfd48f5437e0531f1f3beab35b6ebccddb916d264d67f76e";

        assert_eq!(acme().hash, hash);
        assert_eq!(read_hash(hash), Some(digest(SECRET)));
    }
}
