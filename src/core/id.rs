//! Identifiers. Ids sort by the time they were made, so that a store can list the newest first.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::core::time::Timestamp;

/// The error for text that is not an id or name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not {expected}")]
pub struct ParseIdError {
    given: String,
    expected: &'static str,
}

/// The 16 bytes behind every id: a version 7 UUID (RFC 9562), 48 bits of milliseconds first.
fn uuid_bytes(at: Timestamp, order: u16, random: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&at.as_millis().to_be_bytes()[2..]);
    bytes[6..8].copy_from_slice(&(0x7000 | (order & 0x0fff)).to_be_bytes());
    bytes[8..].copy_from_slice(&(random >> 2 | 1 << 63).to_be_bytes());
    bytes
}

fn write_uuid(bytes: &[u8; 16], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            f.write_str("-")?;
        }
        write!(f, "{byte:02x}")?;
    }
    Ok(())
}

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    let mut digits = 0;
    for (at, symbol) in text.chars().enumerate() {
        if matches!(at, 8 | 13 | 18 | 23) {
            if symbol != '-' {
                return None;
            }
            continue;
        }
        let value = u8::try_from(symbol.to_digit(16)?).ok()?;
        *bytes.get_mut(digits / 2)? |= if digits % 2 == 0 { value << 4 } else { value };
        digits += 1;
    }
    (digits == 32).then_some(bytes)
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name([u8; 16]);

        impl $name {
            /// Returns a new id. `order` keeps ids of the same millisecond in order (12 bits are used);
            /// `random` makes them unguessable; the caller draws it.
            pub fn new(at: Timestamp, order: u16, random: u64) -> Self {
                Self(uuid_bytes(at, order, random))
            }

            /// The greatest id.
            pub const LAST: Self = Self([u8::MAX; 16]);

            /// Returns the 16 bytes of the id, which sort like the ids.
            pub fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                write_uuid(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                text.strip_prefix($prefix)
                    .and_then(parse_uuid)
                    .map(Self)
                    .ok_or_else(|| ParseIdError { given: text.chars().take(80).collect(), expected: $expected })
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseIdError;

            fn try_from(text: String) -> Result<Self, ParseIdError> {
                text.parse()
            }
        }
    };
}

uuid_id!(
    /// A batch: `batch_` and a UUID.
    BatchId, "batch_", "a batch id (`batch_` and a UUID)"
);
uuid_id!(
    /// A job, one URL of a batch: a UUID.
    JobId, "", "a job id (a UUID)"
);
uuid_id!(
    /// A completion notification: a UUID, the same in all delivery attempts.
    NotificationId, "", "a delivery id (a UUID)"
);

uuid_id!(
    /// A stored session, whose cookies a job may use: a UUID.
    SessionId, "", "a session id (a UUID)"
);

/// An account, whose credits batches spend: any short text that your application chooses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct AccountId(String);

impl AccountId {
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 128;

    /// Parses a name of 1 to [`Self::MAX_LEN`] bytes without control characters.
    pub fn new(name: impl Into<String>) -> Result<Self, ParseIdError> {
        let name = name.into();
        if name.is_empty() || name.len() > Self::MAX_LEN || name.chars().any(char::is_control) {
            let expected = "an account name (1 to 128 bytes, no control characters)";
            return Err(ParseIdError { given: name.chars().take(80).collect(), expected });
        }
        Ok(Self(name))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for AccountId {
    /// Returns the account `default`, for applications that have only one.
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<AccountId> for String {
    fn from(id: AccountId) -> Self {
        id.0
    }
}

impl TryFrom<String> for AccountId {
    type Error = ParseIdError;

    fn try_from(name: String) -> Result<Self, ParseIdError> {
        Self::new(name)
    }
}

/// The id of one engine in the leases it takes: random, new at each start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WorkerId(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        let id = BatchId::new(Timestamp::from_millis(1_764_000_000_000), 7, u64::MAX);

        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().starts_with("batch_019a"), "{id}");
    }

    #[test]
    fn later_ids_sort_after_earlier_ones() {
        let at = |ms, order| JobId::new(Timestamp::from_millis(ms), order, 9);

        assert!(at(5, 0) < at(5, 1));
        assert!(at(5, 4095) < at(6, 0));
    }

    #[test]
    fn malformed_ids_are_refused() {
        for text in ["", "batch_", "batch_019", "019a0000-0000-7000-8000-00000000000g", "é"] {
            assert!(text.parse::<BatchId>().is_err(), "{text}");
            assert!(text.parse::<JobId>().is_err(), "{text}");
        }
        assert!(AccountId::new("").is_err());
        assert!(AccountId::new("a\nb").is_err());
    }

    #[test]
    fn an_id_is_a_version_7_uuid_with_the_milliseconds_first() {
        let at = Timestamp::from_millis(0x0199_1234_5678);

        let (low, high) = (JobId::new(at, 0x0abc, 0), JobId::new(at, 0xffff, u64::MAX));

        assert_eq!(low.to_string(), "01991234-5678-7abc-8000-000000000000");
        assert_eq!(high.to_string(), "01991234-5678-7fff-bfff-ffffffffffff");
        let other = JobId::new(at, 0, 0x1234_5678_9abc_def0);
        assert_eq!(other.to_string(), "01991234-5678-7000-848d-159e26af37bc");
    }

    #[test]
    fn an_account_is_written_as_it_was_named() {
        let account = AccountId::new("acme").expect("a name");

        assert_eq!((account.as_str(), account.to_string().as_str()), ("acme", "acme"));
        let longest = "x".repeat(AccountId::MAX_LEN);
        assert!(AccountId::new(longest.clone()).is_ok());
        assert!(AccountId::new(longest + "x").is_err());
    }
}
