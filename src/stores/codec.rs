//! The encoding of records as bytes.
//!
//! Not part of the public API: it is exported for tests only and may change in any release. Every release reads
//! the values of earlier ones.
//!
//! A value is one format byte, the version (8 bytes), the queue (1 byte, 0 for none) and time (8 bytes) of the
//! index entry that was written with it, and the record as JSON. The header is read without the record: a commit
//! compares versions and moves index entries without decoding old records. It removes exactly the entry that was
//! written, even if a later release computes another one.
//!
//! # Invariants
//!
//! * Values of older formats stay readable; an unknown format is an error, not a guess.

use crate::core::record::{Queue, Record};
use crate::core::time::Timestamp;
use crate::ports::store::{Version, Versioned};

/// The format that this release writes.
pub const FORMAT: u8 = 1;

const HEADER_BYTES: usize = 18;

/// The error for a value that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// A later release wrote the value.
    #[error(
        "a record has format {0}, and this release reads up to {FORMAT}: use the release that wrote it"
    )]
    UnknownFormat(u8),
    /// The value ends too early, or its header is invalid.
    #[error("the header of a record is invalid")]
    InvalidHeader,
    /// The JSON of the record cannot be read.
    #[error("the JSON of a record is invalid: {0}")]
    InvalidRecord(#[from] serde_json::Error),
}

/// The header of a value, which is read without its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The version of the record.
    pub version: Version,
    /// The index entry that belongs to the record.
    pub due: Option<(Queue, Timestamp)>,
}

/// Encodes a record with its version.
pub fn encode(version: Version, record: &Record) -> Result<Vec<u8>, CodecError> {
    let due = record.due();
    let mut bytes = vec![FORMAT];
    bytes.extend(version.to_be_bytes());
    bytes.push(due.map_or(0, |(queue, _)| queue as u8));
    bytes.extend(due.map_or(0, |(_, at)| at.as_millis()).to_be_bytes());
    serde_json::to_writer(&mut bytes, record)?;
    Ok(bytes)
}

/// Decodes the header of a value.
pub fn header(bytes: &[u8]) -> Result<Header, CodecError> {
    match bytes.first() {
        Some(&FORMAT) => {}
        Some(&other) => return Err(CodecError::UnknownFormat(other)),
        None => return Err(CodecError::InvalidHeader),
    }
    let number = |at: usize| {
        let bytes = bytes.get(at..at + 8).and_then(|it| it.try_into().ok());
        bytes.map(u64::from_be_bytes).ok_or(CodecError::InvalidHeader)
    };
    let version = number(1)?;
    let at = Timestamp::from_millis(number(10)?);
    let due = match bytes[9] {
        0 => None,
        byte => {
            let queue = Queue::ALL.into_iter().find(|it| *it as u8 == byte);
            Some((queue.ok_or(CodecError::InvalidHeader)?, at))
        }
    };
    Ok(Header { version, due })
}

/// Decodes a value.
pub fn decode(bytes: &[u8]) -> Result<Versioned, CodecError> {
    let version = header(bytes)?.version;
    let record = serde_json::from_slice(&bytes[HEADER_BYTES..])?;
    Ok(Versioned { version, record })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::credits::Credits;
    use crate::core::id::AccountId;
    use crate::core::ledger::Account;

    /// A value of format 1, which must stay readable: do not edit it.
    const FORMAT_1: &[u8] = b"\x01\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\0\0{\"Account\":{\"id\":\"a\",\"granted\":5,\"free\":5,\"held\":0,\"spent\":0,\"unlimited\":false}}";

    fn account() -> Record {
        let mut account = Account::limited(AccountId::new("a").expect("a valid name"));
        assert!(account.grant(Credits(5)));
        Record::Account(account)
    }

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let bytes = encode(7, &account()).expect("an account is JSON");

        let read = decode(&bytes).expect("readable");

        assert_eq!(read, Versioned { version: 7, record: account() });
    }

    #[test]
    fn format_1_stays_readable() {
        let read = decode(FORMAT_1).expect("readable");

        assert_eq!(read, Versioned { version: 7, record: account() });
    }

    #[test]
    fn an_unknown_format_is_named() {
        let error = decode(b"\x09whatever").expect_err("unknown").to_string();

        assert!(error.contains("format 9"), "{error}");
    }

    #[test]
    fn no_prefix_of_a_value_panics_or_passes() {
        for end in 0..FORMAT_1.len() {
            assert!(decode(&FORMAT_1[..end]).is_err(), "{end}");
        }
    }
}
