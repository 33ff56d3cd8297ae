//! Records as bytes, for stores that keep bytes.
//!
//! A value is one format byte, the version (8 bytes), the queue (1 byte, 0 for none) and moment
//! (8 bytes) of the index entry that was written with it, and the record as JSON. The head can be
//! read alone: a commit compares versions and moves index entries without reading old records, and
//! removes exactly the entry that was written, whatever a later release thinks is due.
//!
//! # Invariants
//!
//! * What an older format wrote stays readable; an unknown format is an error, not a guess.

use crate::core::record::{Queue, Record};
use crate::core::time::Timestamp;
use crate::ports::store::{Version, Versioned};

/// The format that is written.
pub const FORMAT: u8 = 1;

const HEAD: usize = 18;

/// A value that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// A later release wrote it.
    #[error("a record has format {0}, but this release reads only up to {FORMAT}")]
    UnknownFormat(u8),
    /// It ends too early, or its head makes no sense.
    #[error("a record's head cannot be read")]
    BadHead,
    /// The record itself cannot be read.
    #[error("a record cannot be read: {0}")]
    BadRecord(#[from] serde_json::Error),
}

/// What is known of a value without reading its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The record's version.
    pub version: Version,
    /// The index entry that belongs to it.
    pub due: Option<(Queue, Timestamp)>,
}

/// Writes a record with its version.
pub fn encode(version: Version, record: &Record) -> Result<Vec<u8>, CodecError> {
    let due = record.due();
    let mut bytes = vec![FORMAT];
    bytes.extend(version.to_be_bytes());
    bytes.push(due.map_or(0, |(queue, _)| queue as u8));
    bytes.extend(due.map_or(0, |(_, at)| at.as_millis()).to_be_bytes());
    serde_json::to_writer(&mut bytes, record)?;
    Ok(bytes)
}

/// Reads the head of a value.
pub fn head(bytes: &[u8]) -> Result<Head, CodecError> {
    match bytes.first() {
        Some(&FORMAT) => {}
        Some(&other) => return Err(CodecError::UnknownFormat(other)),
        None => return Err(CodecError::BadHead),
    }
    let number = |at: usize| {
        let bytes = bytes.get(at..at + 8).and_then(|it| it.try_into().ok());
        bytes.map(u64::from_be_bytes).ok_or(CodecError::BadHead)
    };
    let version = number(1)?;
    let at = Timestamp::from_millis(number(10)?);
    let due = match bytes[9] {
        0 => None,
        byte => {
            let queue = Queue::ALL.into_iter().find(|it| *it as u8 == byte);
            Some((queue.ok_or(CodecError::BadHead)?, at))
        }
    };
    Ok(Head { version, due })
}

/// Reads a value.
pub fn decode(bytes: &[u8]) -> Result<Versioned, CodecError> {
    let version = head(bytes)?.version;
    let record = serde_json::from_slice(&bytes[HEAD..])?;
    Ok(Versioned { version, record })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::credits::Credits;
    use crate::core::id::AccountId;
    use crate::core::ledger::Account;

    /// What format 1 wrote. It must stay readable for ever: do not edit it.
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
