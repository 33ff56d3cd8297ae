//! Identifiers. Ids sort by the time they were made, so that a store can list the newest first.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::fmt::Hyphenated;
use uuid::{Builder, Uuid};

use crate::core::time::Timestamp;

/// The error for text that is not an id or name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is invalid: use {expected}")]
pub struct ParseIdError {
    given: String,
    expected: &'static str,
}

/// Returns a version 7 UUID: 48 bits of milliseconds, 12 bits of `order`, 62 bits of `random`.
fn uuid(at: Timestamp, order: u16, random: u64) -> Uuid {
    let mut bytes = [0; 10];
    bytes[..2].copy_from_slice(&order.to_be_bytes());
    // The two highest bits of the lower half are the variant.
    bytes[2..].copy_from_slice(&(random >> 2).to_be_bytes());
    Builder::from_unix_timestamp_millis(at.as_millis(), &bytes).into_uuid()
}

/// Parses the hyphenated form of a UUID, the only one that ids are written in.
fn parse_uuid(text: &str) -> Option<Uuid> {
    if text.len() != Hyphenated::LENGTH {
        return None;
    }
    Uuid::try_parse(text).ok()
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Returns a new id. `order` keeps ids of the same millisecond in order (12 bits are used);
            /// `random` makes them unguessable; the caller draws it.
            pub fn new(at: Timestamp, order: u16, random: u64) -> Self {
                Self(uuid(at, order, random))
            }

            /// The greatest id.
            pub const LAST: Self = Self(Uuid::max());

            /// Returns the id with these bytes, as [`Self::as_bytes`] returned them.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// Returns the 16 bytes of the id, which sort like the ids.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $prefix, self.0)
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

        /// Text in a readable format such as JSON, 16 bytes in a binary one.
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                if to.is_human_readable() {
                    to.collect_str(self)
                } else {
                    to.serialize_bytes(self.as_bytes())
                }
            }
        }

        /// Reads both forms from every format: serde reports a buffered value as readable even if its format is not.
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct Id;

                impl Visitor<'_> for Id {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expected)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }

                    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<$name, E> {
                        let uuid = Uuid::from_slice(bytes);
                        uuid.map($name).map_err(|_| E::invalid_length(bytes.len(), &"16 bytes"))
                    }
                }

                if from.is_human_readable() {
                    from.deserialize_str(Id)
                } else {
                    from.deserialize_bytes(Id)
                }
            }
        }
    };
}

uuid_id!(
    /// The id of a batch: `batch_` and a UUID.
    BatchId, "batch_", "a batch id (`batch_` and a UUID)"
);
uuid_id!(
    /// The id of a job: a UUID.
    JobId, "", "a job id (a UUID)"
);
uuid_id!(
    /// The id of a completion notification: a UUID, the same in all delivery attempts.
    NotificationId, "", "a delivery id (a UUID)"
);

uuid_id!(
    /// The id of a crawl: a UUID.
    CrawlId, "", "a crawl id (a UUID)"
);
uuid_id!(
    /// The id of a stored session: a UUID.
    SessionId, "", "a session id (a UUID)"
);

uuid_id!(
    /// The id of an extraction from a document that the caller supplied: `extract_` and a UUID.
    ExtractionId, "extract_", "an extraction id (`extract_` and a UUID)"
);

/// The name of an account: 1 to 128 bytes without control characters, chosen by your application.
///
/// ```
/// use rungs::core::id::AccountId;
///
/// assert_eq!(AccountId::new("acme")?.as_str(), "acme");
/// assert_eq!(AccountId::default().as_str(), "default");
/// # Ok::<(), rungs::core::id::ParseIdError>(())
/// ```
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    fn an_account_is_displayed_as_its_name() {
        let account = AccountId::new("acme").expect("a name");

        assert_eq!((account.as_str(), account.to_string().as_str()), ("acme", "acme"));
        let longest = "x".repeat(AccountId::MAX_LEN);
        assert!(AccountId::new(longest.clone()).is_ok());
        assert!(AccountId::new(longest + "x").is_err());
    }
}
