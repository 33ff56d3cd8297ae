//! Ed25519 keys, read from PKCS#8 or a JSON Web Key.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The most bytes of a key file.
const MAX_FILE_BYTES: usize = 16 * 1_024;
const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

/// An Ed25519 key that signs requests.
pub struct BotKey {
    pair: Ed25519KeyPair,
    id: String,
}

/// The error for bytes that are not a private key. It contains nothing of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the file is not a private Ed25519 key: use PKCS#8, as `openssl genpkey -algorithm ed25519` writes it, or a JSON Web \
     Key with `kty` OKP, `crv` Ed25519, `d` and `x`"
)]
pub struct ParseBotKeyError;

#[derive(Deserialize)]
struct Jwk<'a> {
    kty: &'a str,
    crv: &'a str,
    d: &'a str,
    x: &'a str,
}

impl BotKey {
    /// Parses the content of a key file: PKCS#8 in PEM or in DER, or a JSON Web Key.
    ///
    /// # Errors
    ///
    /// [`ParseBotKeyError`] if it is neither, or a key of another kind.
    pub fn parse(file: &[u8]) -> Result<Self, ParseBotKeyError> {
        if file.len() > MAX_FILE_BYTES {
            return Err(ParseBotKeyError);
        }
        match std::str::from_utf8(file).map(str::trim) {
            Ok(text) if text.starts_with('{') => Self::from_jwk(text),
            Ok(text) if text.contains(PEM_BEGIN) => Self::from_pem(text),
            _ => Self::from_der(file),
        }
        .ok_or(ParseBotKeyError)
    }

    fn from_der(der: &[u8]) -> Option<Self> {
        // openssl writes the first version of PKCS#8, which has no public key to compare with.
        Some(Self::of(Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok()?))
    }

    fn from_pem(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once(PEM_BEGIN)?;
        let (base64, _) = rest.split_once(PEM_END)?;
        let base64: Zeroizing<String> = Zeroizing::new(base64.split_whitespace().collect());
        let der = Zeroizing::new(STANDARD.decode(base64.as_bytes()).ok()?);
        Self::from_der(&der)
    }

    fn from_jwk(text: &str) -> Option<Self> {
        let jwk: Jwk<'_> = serde_json::from_str(text).ok()?;
        let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
        if jwk.kty != "OKP" || jwk.crv != "Ed25519" {
            return None;
        }
        let (seed, public) = (Zeroizing::new(decoded(jwk.d)?), decoded(jwk.x)?);
        Some(Self::of(Ed25519KeyPair::from_seed_and_public_key(&seed, &public).ok()?))
    }

    fn of(pair: Ed25519KeyPair) -> Self {
        let x = URL_SAFE_NO_PAD.encode(pair.public_key());
        // The members that RFC 7638 names for this kind of key, in its order.
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        let id = URL_SAFE_NO_PAD.encode(Sha256::digest(members));
        Self { pair, id }
    }

    /// Returns the id: the thumbprint of the public key (RFC 7638).
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the public key as a JSON Web Key.
    pub fn public_jwk(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.pair.public_key());
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": self.id, "x": x, "use": "sig" })
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

/// Shows the key's id.
impl fmt::Debug for BotKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BotKey({})", self.id)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n\
        -----END PRIVATE KEY-----\n";
    const JWK: &str = r#"{"kty": "OKP", "crv": "Ed25519", "kid": "test-key-ed25519",
        "d": "n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU", "x": "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}"#;

    /// The key of RFC 9421, B.1.4.
    pub(in crate::net::bot_auth) fn rfc_9421_key() -> BotKey {
        BotKey::parse(PEM.as_bytes()).expect("a key")
    }

    /// A key of which only the tests know.
    pub(in crate::net::bot_auth) fn other_key() -> BotKey {
        BotKey::of(Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed"))
    }

    #[test]
    fn a_key_reads_from_every_form() {
        let der = STANDARD.decode(PEM.lines().nth(1).expect("a line")).expect("base64");

        for file in [PEM.as_bytes(), JWK.as_bytes(), &der] {
            let key = BotKey::parse(file).expect("a key");
            assert_eq!(key.id(), "poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U");
            assert_eq!(key.public_jwk()["x"], "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs");
            assert!(!format!("{key:?}").contains("n4Ni"));
        }
    }

    #[test]
    fn other_files_are_refused() {
        let swapped = JWK.replace("JrQLj5P", "KrQLj5P");
        let short = JWK.replace("n4Ni-H", "n4");
        let other = JWK.replace("Ed25519", "X25519");
        let cut = &PEM[..60];
        for file in ["", "{}", "[]", cut, &swapped, &short, &other, "\u{0}\u{1}"] {
            assert_eq!(BotKey::parse(file.as_bytes()).err(), Some(ParseBotKeyError), "{file}");
        }
    }
}
