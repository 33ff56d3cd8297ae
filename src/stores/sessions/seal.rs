//! Seals and opens secrets.
//!
//! A sealed secret is a version byte, the id of its key, a nonce, and the secret as JSON, encrypted, with its tag.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::{Zeroize, Zeroizing};

use crate::core::session::{Session, SessionState};
use crate::ports::session::SessionStoreError;
use crate::stores::sessions::keys::{ID_BYTES, SealingKey, SealingKeys};

/// The only version so far.
const VERSION: u8 = 1;
/// The bytes before the encrypted part.
const HEAD: usize = 1 + ID_BYTES + NONCE_LEN;

fn cipher(key: &SealingKey) -> Result<LessSafeKey, SessionStoreError> {
    let key = UnboundKey::new(&AES_256_GCM, key.bytes()).map_err(|_| SessionStoreError::Sealed)?;
    Ok(LessSafeKey::new(key))
}

/// Returns what is authenticated beside the secret. No two sessions share it.
fn context(session: &Session) -> Vec<u8> {
    let mut context = b"rungs session\0".to_vec();
    context.extend(session.id.as_bytes());
    // Names have no control characters, so a zero byte ends one.
    context.extend(session.account.as_str().as_bytes());
    context.push(0);
    context.extend(session.domain.to_string().into_bytes());
    context
}

/// Seals a secret with the newest key.
pub(super) fn seal(
    keys: &SealingKeys,
    session: &Session,
    state: &SessionState,
) -> Result<Vec<u8>, SessionStoreError> {
    let key = keys.newest();
    let mut nonce = [0; NONCE_LEN];
    let no_random = || SessionStoreError::Backend("the system has no random numbers".into());
    SystemRandom::new().fill(&mut nonce).map_err(|_| no_random())?;
    let json =
        serde_json::to_vec(state).map_err(|error| SessionStoreError::Backend(error.into()))?;
    let mut secret = Zeroizing::new(json);
    let tag = cipher(key)?
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(context(session)),
            &mut secret,
        )
        .map_err(|_| SessionStoreError::Sealed)?;
    let mut sealed = Vec::with_capacity(HEAD + secret.len() + tag.as_ref().len());
    sealed.push(VERSION);
    sealed.extend(key.id());
    sealed.extend(nonce);
    sealed.extend_from_slice(&secret);
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

/// Opens a secret with the key that sealed it.
pub(super) fn open(
    keys: &SealingKeys,
    session: &Session,
    mut sealed: Vec<u8>,
) -> Result<SessionState, SessionStoreError> {
    let opened = open_in_place(keys, session, &mut sealed);
    sealed.zeroize();
    opened
}

fn open_in_place(
    keys: &SealingKeys,
    session: &Session,
    sealed: &mut [u8],
) -> Result<SessionState, SessionStoreError> {
    const SEALED: SessionStoreError = SessionStoreError::Sealed;
    let (head, secret) = sealed.split_at_mut_checked(HEAD).ok_or(SEALED)?;
    let (version, rest) = head.split_first().ok_or(SEALED)?;
    if *version != VERSION {
        return Err(SEALED);
    }
    let (id, nonce) = rest.split_at(ID_BYTES);
    let id = id.try_into().map_err(|_| SEALED)?;
    let nonce = nonce.try_into().map_err(|_| SEALED)?;
    let key = keys.with_id(id).ok_or(SEALED)?;
    let plain = cipher(key)?
        .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(context(session)), secret)
        .map_err(|_| SEALED)?;
    // The error of the parser could contain a part of the secret.
    serde_json::from_slice(plain).map_err(|_| SEALED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::{AccountId, SessionId};
    use crate::core::session::{SessionCookie, SessionDomain};
    use crate::core::time::Timestamp;

    fn session(account: &str, number: u64, domain: &str) -> Session {
        let now = Timestamp::from_millis(1);
        let account = AccountId::new(account).expect("a name");
        let domain = SessionDomain::parse(domain).expect("a domain");
        Session::new(SessionId::new(now, 0, number << 2), account, "mine", domain, now)
    }

    fn secret(session: &Session) -> SessionState {
        SessionState::default().with_cookies([SessionCookie::new("sid", "s3cret", &session.domain)])
    }

    fn keys(byte: u8) -> SealingKeys {
        SealingKeys::new(SealingKey::from_bytes([byte; 32]))
    }

    #[test]
    fn a_sealed_secret_opens_for_its_session_only() {
        let mine = session("acme", 1, "a.test");
        let sealed = seal(&keys(1), &mine, &secret(&mine)).expect("sealed");

        assert!(!String::from_utf8_lossy(&sealed).contains("s3cret"));
        assert_eq!(open(&keys(1), &mine, sealed.clone()).expect("opened"), secret(&mine));
        for other in [
            session("other", 1, "a.test"),
            session("acme", 2, "a.test"),
            session("acme", 1, "evil.test"),
            session("acme", 1, "http://a.test"),
        ] {
            let opened = open(&keys(1), &other, sealed.clone());
            assert!(matches!(opened, Err(SessionStoreError::Sealed)), "{other:?}");
        }
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let mine = session("acme", 1, "a.test");
        let sealed = seal(&keys(1), &mine, &secret(&mine)).expect("sealed");

        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open(&keys(1), &mine, changed).is_err(), "byte {at}");
            assert!(open(&keys(1), &mine, sealed[..at].to_vec()).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn the_newest_key_seals_and_older_ones_open() {
        let mine = session("acme", 1, "a.test");
        let old = seal(&keys(1), &mine, &secret(&mine)).expect("sealed");
        let rotated = keys(2).with_older(SealingKey::from_bytes([1; 32]));

        let new = seal(&rotated, &mine, &secret(&mine)).expect("sealed");

        assert_eq!(open(&rotated, &mine, old.clone()).expect("opened"), secret(&mine));
        assert!(open(&keys(2), &mine, new.clone()).is_ok() && open(&keys(1), &mine, new).is_err());
        assert!(open(&keys(2), &mine, old).is_err(), "without the old key");
    }
}
