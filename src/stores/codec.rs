//! The encoding of records as bytes.
//!
//! Not part of the public API: it is exported for tests only and may change in any release. Every release reads
//! the values of earlier ones.
//!
//! A value is one format byte, the version (8 bytes), the queue (1 byte, 0 for none) and time (8 bytes) of the
//! index entry that was written with it, and the record: as `MessagePack` with named fields in format 2, as JSON in format
//! 1, which is only read. Ids and digests are bytes in `MessagePack`, and a request omits the options that have their
//! defaults. The header is read without the record: a commit
//! compares versions and moves index entries without decoding old records. It removes exactly the entry that was
//! written, even if a later release computes another one.
//!
//! # Invariants
//!
//! * Values of older formats stay readable; an unknown format is an error, not a guess.
//! * Fields have names, so that a later release can add one with a default and read what this one wrote.

use std::error::Error;

use serde::{Deserialize, Serialize};

use crate::core::record::{Queue, Record};
use crate::core::time::Timestamp;
use crate::ports::store::{Version, Versioned};

/// The format that this release writes.
pub const FORMAT: u8 = 2;

/// The format of JSON records, which earlier releases wrote.
const JSON_FORMAT: u8 = 1;

const HEADER_BYTES: usize = 18;

/// The approximate size of a record: the capacity of a new buffer.
const RECORD_BYTES: usize = 512;

/// The deepest nesting of a record that is read. A request's schema and actions have 64 levels at most.
const MAX_DEPTH: usize = 160;

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
    /// The record behind the header is invalid.
    #[error("a record is invalid: {0}")]
    InvalidRecord(#[source] Box<dyn Error + Send + Sync>),
}

fn invalid_record(why: impl Into<Box<dyn Error + Send + Sync>>) -> CodecError {
    CodecError::InvalidRecord(why.into())
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
    let mut bytes = Vec::with_capacity(HEADER_BYTES + RECORD_BYTES);
    encode_to(&mut bytes, version, record)?;
    Ok(bytes)
}

/// Appends a record with its version to `bytes`, and returns its header.
pub fn encode_to(
    bytes: &mut Vec<u8>,
    version: Version,
    record: &Record,
) -> Result<Header, CodecError> {
    let due = record.due();
    bytes.push(FORMAT);
    bytes.extend_from_slice(&version.to_be_bytes());
    bytes.push(due.map_or(0, |(queue, _)| queue as u8));
    bytes.extend_from_slice(&due.map_or(0, |(_, at)| at.as_millis()).to_be_bytes());
    let mut named = rmp_serde::Serializer::new(bytes).with_struct_map();
    record.serialize(&mut named).map_err(invalid_record)?;
    Ok(Header { version, due })
}

/// Decodes the header of a value.
pub fn header(bytes: &[u8]) -> Result<Header, CodecError> {
    match bytes.first() {
        Some(&(FORMAT | JSON_FORMAT)) => {}
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
    let (format, record) = (bytes[0], &bytes[HEADER_BYTES..]);
    let record = if format == JSON_FORMAT {
        serde_json::from_slice(record).map_err(invalid_record)?
    } else {
        packed(record)?
    };
    Ok(Versioned { version, record })
}

/// Decodes a record of format 2.
fn packed(bytes: &[u8]) -> Result<Record, CodecError> {
    let mut from = rmp_serde::Deserializer::new(bytes);
    from.set_max_depth(MAX_DEPTH);
    let record = Record::deserialize(&mut from).map_err(invalid_record)?;
    if from.into_inner().is_empty() {
        Ok(record)
    } else {
        Err(invalid_record("it has bytes after its end"))
    }
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

    /// The same record in format 2, which must stay readable, too.
    const FORMAT_2: &[u8] = b"\x02\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\0\0\x81\xa7Account\x86\xa2id\xa1a\xa7granted\x05\xa4free\x05\xa4held\0\xa5spent\0\xa9unlimited\xc2";

    #[test]
    fn a_record_is_written_in_the_newest_format() {
        assert_eq!(encode(7, &account()).expect("plain data"), FORMAT_2);
    }

    #[test]
    fn every_format_stays_readable() {
        for bytes in [FORMAT_1, FORMAT_2] {
            let read = decode(bytes).expect("readable");

            assert_eq!(read, Versioned { version: 7, record: account() });
        }
    }

    #[test]
    fn an_unknown_format_is_named() {
        let error = decode(b"\x09whatever").expect_err("unknown").to_string();

        assert!(error.contains("format 9"), "{error}");
    }

    #[test]
    fn no_prefix_of_a_value_panics_or_passes() {
        for bytes in [FORMAT_1, FORMAT_2] {
            for end in 0..bytes.len() {
                assert!(decode(&bytes[..end]).is_err(), "{end}");
            }
        }
    }

    #[test]
    fn a_value_with_more_behind_it_is_refused() {
        for bytes in [FORMAT_1, FORMAT_2] {
            assert!(decode(&[bytes, b"\0"].concat()).is_err(), "{bytes:?}");
        }
    }

    /// Arrays that never end and lengths that no value has: neither the stack nor the memory may run out.
    #[test]
    fn a_hostile_value_is_refused() {
        let head = &FORMAT_2[..HEADER_BYTES];
        let arrays = vec![0x91; 100_000];
        let nested = [b"\x81\xa3Job\x81\xa7request\x81\xb1extraction_schema", &arrays[..]];
        let long = [b"\x81\xa7Account\x81\xa2id\xdb", &[u8::MAX; 4][..]];
        for record in [nested.concat(), long.concat()] {
            assert!(decode(&[head, &record].concat()).is_err());
        }
    }
}
