//! Signatures of deliveries: only the signed body verifies.
//!
//! The contract's signature is checked against an independent HMAC of RFC 2104, the other one by the Standard Webhooks
//! library.

use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue};
use rungs::webhook::WebhookSecret;
use sha2::{Digest, Sha256};
use standardwebhooks::Webhook;

use super::bytes::Bytes;

/// The block size of SHA-256 in bytes.
const BLOCK: usize = 64;

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let (flip, bit) = (bytes.number(), bytes.byte() % 8);
    // The library wants deliveries of the last minutes.
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let sent_at = since_1970.as_secs() - u64::from(bytes.byte());
    let secret = String::from_utf8_lossy(bytes.line()).into_owned();
    let id: String =
        bytes.line().iter().map(|it| char::from(b'!' + it % 90)).filter(|it| *it != '.').collect();
    let forged = bytes.line().to_vec();
    // Deliveries are JSON, and the library takes nothing but text.
    let body = String::from_utf8_lossy(bytes.rest()).into_owned();
    let body = body.as_bytes();

    let signer = WebhookSecret::new(secret.clone());
    let (alterlab, standard) = (signer.alterlab(body), signer.standard(&id, sent_at, body));

    assert_eq!(format!("{signer:?}"), "WebhookSecret(..)", "the secret is shown");
    assert_eq!(alterlab, expected(secret.as_bytes(), body));
    let theirs = receiver(&secret);
    assert!(verifies(&theirs, &id, sent_at, standard.as_bytes(), body), "{standard}");
    let passes = verifies(&theirs, &id, sent_at, &forged, body);
    assert_eq!(passes, copies(&forged, &standard), "{}", forged.escape_ascii());
    let mut other = body.to_vec();
    if let Some(at) = usize::try_from(flip).ok().and_then(|it| it.checked_rem(body.len())) {
        other[at] ^= 1 << bit;
        assert_ne!(signer.alterlab(&other), alterlab, "a changed body has the same signature");
        assert!(!verifies(&theirs, &id, sent_at, standard.as_bytes(), &other));
    }
    let mut flipped = standard.clone().into_bytes();
    let at = "v1,".len() + usize::from(bit) * 5;
    flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
    assert!(!verifies(&theirs, &id, sent_at, &flipped, body), "a changed signature passes");
    assert!(!verifies(&theirs, &id, sent_at ^ 1, standard.as_bytes(), body), "the time is free");
    assert!(!verifies(&theirs, &format!("{id}x"), sent_at, standard.as_bytes(), body));
}

/// Returns `true` if `signature` contains `standard` in a form that a header can have.
fn copies(signature: &[u8], standard: &str) -> bool {
    let value = HeaderValue::from_bytes(signature);
    value.is_ok_and(|it| it.to_str().is_ok_and(|it| it.split(' ').any(|it| it == standard)))
}

/// A receiver that knows the same secret, read by the rules of the standard.
fn receiver(secret: &str) -> Webhook {
    let by_name = secret.starts_with("whsec_").then(|| Webhook::new(secret).ok()).flatten();
    let plain = || Webhook::from_bytes(secret.as_bytes().to_vec()).expect("any bytes are a key");
    by_name.unwrap_or_else(plain)
}

fn verifies(webhook: &Webhook, id: &str, sent_at: u64, signature: &[u8], body: &[u8]) -> bool {
    let mut headers = HeaderMap::new();
    let values = [
        ("webhook-id", id.as_bytes().to_vec()),
        ("webhook-timestamp", sent_at.to_string().into_bytes()),
        ("webhook-signature", signature.to_vec()),
    ];
    for (name, value) in values {
        let Ok(value) = HeaderValue::from_bytes(&value) else { return false };
        headers.insert(HeaderName::from_static(name), value);
    }
    webhook.verify(body, &headers).is_ok()
}

/// `sha256=` and the HMAC in hex.
fn expected(key: &[u8], body: &[u8]) -> String {
    let mut block = [0; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|it| it ^ 0x36)).chain_update(body).finalize();
    let outer = Sha256::new().chain_update(block.map(|it| it ^ 0x5c)).chain_update(inner);
    let hex = outer.finalize().iter().map(|it| format!("{it:02x}")).collect::<String>();
    format!("sha256={hex}")
}
