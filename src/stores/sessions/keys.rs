//! The keys that seal sessions.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The length of a key in bytes.
const KEY_BYTES: usize = 32;
/// The length of a key's id in bytes.
pub(super) const ID_BYTES: usize = 8;

/// A key that seals sessions: 32 random bytes, erased from memory when it is dropped.
#[derive(Clone)]
pub struct SealingKey {
    bytes: Zeroizing<[u8; KEY_BYTES]>,
    id: [u8; ID_BYTES],
}

/// The error for a text without a valid key. It does not contain the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseSealingKeyError {
    /// The text is not the encoding of 32 bytes.
    #[error(
        "line {line} is not a sealing key: use 32 random bytes as 64 hexadecimal digits, as `openssl rand -hex 32` \
         prints them, or in base64"
    )]
    Malformed {
        /// The number of the line, from 1.
        line: usize,
    },
    /// The text has no key.
    #[error(
        "there is no sealing key: add a line with 32 random bytes, as `openssl rand -hex 32` prints them"
    )]
    Empty,
}

impl SealingKey {
    /// Returns the key with these bytes, which must be random.
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"rungs session key id");
        hash.update(bytes);
        let digest: [u8; 32] = hash.finalize().into();
        let mut id = [0; ID_BYTES];
        id.copy_from_slice(&digest[..ID_BYTES]);
        Self { bytes: Zeroizing::new(bytes), id }
    }

    /// Parses 64 hexadecimal digits, or base64.
    fn parse(text: &str) -> Option<Self> {
        let decoded = Zeroizing::new(if text.len() == 2 * KEY_BYTES {
            hex(text)?
        } else {
            STANDARD.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text)).ok()?
        });
        decoded.as_slice().try_into().ok().map(Self::from_bytes)
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }

    /// Returns the id of the key, which is stored beside what it sealed.
    pub(super) fn id(&self) -> [u8; ID_BYTES] {
        self.id
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|it| it.to_digit(16).and_then(|it| u8::try_from(it).ok())).collect();
    Some(Zeroizing::new(digits?).chunks(2).map(|it| it[0] << 4 | it[1]).collect())
}

/// Shows the key's id.
impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({:016x})", u64::from_be_bytes(self.id))
    }
}

/// The keys that seal sessions. The first one seals; all of them open.
///
/// To replace a key, put the new one in front and keep the old one until every session was written again: each use and
/// each change of a session seals it with the first key.
///
/// ```
/// use rungs::stores::SealingKeys;
///
/// let file = "# newest first\n\
///     00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n\
///     AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";
/// assert_eq!(SealingKeys::parse(file)?.len(), 2);
/// # Ok::<(), rungs::stores::ParseSealingKeyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SealingKeys {
    newest: SealingKey,
    older: Vec<SealingKey>,
}

impl SealingKeys {
    /// Returns a single key, which seals and opens.
    pub fn new(newest: SealingKey) -> Self {
        Self { newest, older: Vec::new() }
    }

    /// Adds a key that opens what it sealed before.
    #[must_use]
    pub fn with_older(mut self, key: SealingKey) -> Self {
        self.older.push(key);
        self
    }

    /// Parses one key per line, the newest first. Blank lines and lines that begin with `#` are skipped.
    ///
    /// # Errors
    ///
    /// [`ParseSealingKeyError`] names the line.
    pub fn parse(text: &str) -> Result<Self, ParseSealingKeyError> {
        let mut keys = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let malformed = ParseSealingKeyError::Malformed { line: number };
            keys.push(SealingKey::parse(line).ok_or(malformed)?);
        }
        let mut keys = keys.into_iter();
        let newest = keys.next().ok_or(ParseSealingKeyError::Empty)?;
        Ok(Self { newest, older: keys.collect() })
    }

    /// Returns the number of keys, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "there is always a key")]
    pub fn len(&self) -> usize {
        1 + self.older.len()
    }

    pub(super) fn newest(&self) -> &SealingKey {
        &self.newest
    }

    pub(super) fn with_id(&self, id: [u8; ID_BYTES]) -> Option<&SealingKey> {
        std::iter::once(&self.newest).chain(&self.older).find(|it| it.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    #[test]
    fn a_key_reads_from_hex_and_base64() {
        let bytes: [u8; 32] = std::array::from_fn(|it| u8::try_from(it).expect("small"));
        let base64 = STANDARD.encode(bytes);

        for text in [HEX, &HEX.to_uppercase(), &base64, base64.trim_end_matches('=')] {
            let keys = SealingKeys::parse(&format!("\n# a key\n {text} \n")).expect(text);
            assert_eq!(keys.newest().bytes(), &bytes, "{text}");
            assert!(!format!("{keys:?}").contains(&text[..8]), "{keys:?}");
        }
    }

    #[test]
    fn a_wrong_line_is_named_and_not_shown() {
        assert_eq!(SealingKeys::parse("# none\n").unwrap_err(), ParseSealingKeyError::Empty);
        for wrong in [&HEX[2..], "zz", &HEX.replace('1', "g"), "AAECAwQ="] {
            let error = SealingKeys::parse(&format!("{HEX}\n{wrong}")).unwrap_err();
            assert_eq!(error, ParseSealingKeyError::Malformed { line: 2 });
            assert!(!error.to_string().contains(wrong), "{error}");
        }
    }
}
