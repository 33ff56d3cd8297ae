//! The two signatures of a delivery.
//!
//! `X-Alterlab-Signature` covers the raw body. `webhook-signature`, as defined by
//! [Standard Webhooks], also covers the id and the time, so a receiver can detect a replay.
//!
//! [Standard Webhooks]: https://www.standardwebhooks.com

use std::fmt;

use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use base64::{Engine as _, alphabet};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The start of a secret in the form of Standard Webhooks.
const PREFIX: &str = "whsec_";

/// The error for a secret that begins like one of Standard Webhooks and is none. It does not contain the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the secret begins with `whsec_`, but no base64 follows: copy it in full, or use a text without this prefix"
)]
#[non_exhaustive]
pub struct ParseSecretError;

/// The shared secret that signs webhooks: any text, or `whsec_` followed by base64.
///
/// Your receiver verifies signatures with the same text.
///
/// # Invariants
///
/// * `Debug` does not show the secret.
///
/// # Example
///
/// ```
/// use rungs::webhook::WebhookSecret;
///
/// let secret = WebhookSecret::new("whsec_c2VjcmV0");
/// let signature = secret.alterlab(br#"{"event":"batch.completed"}"#);
/// assert!(signature.starts_with("sha256="));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret {
    text: String,
    /// The key of Standard Webhooks: the decoded base64.
    key: Vec<u8>,
}

impl WebhookSecret {
    /// Creates a secret. A `whsec_` that is not followed by base64 is used as plain text; [`parse`](Self::parse) refuses it.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let key = decoded(&text).unwrap_or_else(|| text.as_bytes().to_vec());
        Self { text, key }
    }

    /// Parses a secret that a person configured.
    ///
    /// # Errors
    ///
    /// [`ParseSecretError`] if a `whsec_` is not followed by base64, which receivers could not verify.
    ///
    /// # Example
    ///
    /// ```
    /// use rungs::webhook::WebhookSecret;
    ///
    /// assert!(WebhookSecret::parse("whsec_c2VjcmV0").is_ok());
    /// assert!(WebhookSecret::parse("whsec_!!!").is_err());
    /// ```
    pub fn parse(text: impl Into<String>) -> Result<Self, ParseSecretError> {
        let text = text.into();
        if let Some(rest) = text.strip_prefix(PREFIX) {
            // Receivers that verify `X-Alterlab-Signature` use the whole text, in whichever base64 it is.
            let read = [&ANY_STANDARD, &ANY_URL_SAFE].map(|it| it.decode(rest).unwrap_or_default());
            if read.iter().all(Vec::is_empty) {
                return Err(ParseSecretError);
            }
        }
        Ok(Self::new(text))
    }

    /// Returns the value of `X-Alterlab-Signature`: `sha256=` and the HMAC of the raw body in hex.
    pub fn alterlab(&self, body: &[u8]) -> String {
        use fmt::Write as _;

        let mut value = "sha256=".to_owned();
        for byte in hmac(self.text.as_bytes(), &[body]) {
            write!(value, "{byte:02x}").expect("writing to a string cannot fail");
        }
        value
    }

    /// Returns the value of `webhook-signature`: `v1,` and the HMAC of id, time and body in base64.
    pub fn standard(&self, id: &str, sent_at: u64, body: &[u8]) -> String {
        let head = format!("{id}.{sent_at}.");
        format!("v1,{}", STANDARD.encode(hmac(&self.key, &[head.as_bytes(), body])))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(..)")
    }
}

const UNPADDED_TOO: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
/// Base64 with and without padding, in the alphabet of Standard Webhooks and in that of URLs.
const ANY_STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, UNPADDED_TOO);
const ANY_URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, UNPADDED_TOO);

/// Returns the bytes that a secret with the prefix stands for.
fn decoded(text: &str) -> Option<Vec<u8>> {
    text.strip_prefix(PREFIX).and_then(|it| STANDARD.decode(it).ok())
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC accepts keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alterlab_signature_is_the_hmac_of_the_raw_body() {
        // RFC 4231, test case 2.
        assert_eq!(
            WebhookSecret::new("Jefe").alterlab(b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        );
    }

    #[test]
    fn the_standard_signature_equals_that_of_the_standard_library() {
        let text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let theirs = standardwebhooks::Webhook::new(text).expect("secret");

        let ours = WebhookSecret::new(text).standard("msg_1", 1_700_000_000, b"{}");

        assert_eq!(ours, theirs.sign("msg_1", 1_700_000_000, b"{}").expect("signed"));
    }

    #[test]
    fn a_secret_without_base64_is_used_as_text() {
        let theirs = standardwebhooks::Webhook::from_bytes(b"hush".to_vec()).expect("secret");

        let ours = WebhookSecret::new("hush").standard("msg_1", 1, b"{}");

        assert_eq!(ours, theirs.sign("msg_1", 1, b"{}").expect("signed"));
    }

    #[test]
    fn a_prefix_without_base64_is_refused_where_a_secret_is_parsed() {
        for text in ["whsec_!!!", "whsec_", "whsec_c2VjcmV", "whsec_c2Vj cmV0"] {
            let error = WebhookSecret::parse(text).expect_err(text).to_string();
            assert!(!error.contains("!!!"), "{error}");
        }
        let url_safe = "whsec_3q2-7w_aAbCdEfGhIjKlMnOpQrStUvWxYz012345678";
        for text in ["hush", "whsec_c2VjcmV0", "whsec_c2VjcmU", url_safe, "", "whsec"] {
            assert_eq!(WebhookSecret::parse(text), Ok(WebhookSecret::new(text)));
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert!(!format!("{:?}", WebhookSecret::new("hush")).contains("hush"));
    }
}
