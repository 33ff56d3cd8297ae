//! References to bodies, and the names of objects.

use std::fmt;
use std::str::FromStr;

use object_store::path::Path;
use sha2::{Digest, Sha256};

use crate::core::id::BatchId;

/// The start of every reference. No other store's references begin like this.
const MARK: &str = "object";
/// Maximum number of characters of a reference.
const MAX_CHARS: usize = 200;

/// The part of an object that is a body: the text of a [`BodyRef`](crate::core::job::BodyRef).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Location {
    pub(super) batch: BatchId,
    pub(super) object: ObjectName,
    /// The position of the compressed body in the object, in bytes.
    pub(super) offset: u64,
    /// The length of the compressed body, in bytes.
    pub(super) length: u32,
    /// The first 8 bytes of the SHA-256 of the compressed body.
    pub(super) sum: u64,
}

impl Location {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_CHARS {
            return None;
        }
        let mut parts = text.strip_prefix(MARK)?.strip_prefix(':')?.split(':');
        let location = Self {
            batch: parts.next()?.parse().ok()?,
            object: parts.next()?.parse().ok()?,
            offset: parts.next()?.parse().ok()?,
            length: parts.next()?.parse().ok().filter(|it| *it > 0)?,
            sum: u64::from_str_radix(parts.next()?, 16).ok()?,
        };
        let is_canonical = parts.next().is_none() && location.to_string() == text;
        is_canonical.then_some(location)
    }

    /// Returns `true` if these bytes are the compressed body.
    pub(super) fn matches(&self, compressed: &[u8]) -> bool {
        compressed.len() == self.length as usize && checksum(compressed) == self.sum
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { batch, object, offset, length, sum } = self;
        write!(f, "{MARK}:{batch}:{object}:{offset}:{length}:{sum:016x}")
    }
}

/// The first 8 bytes of the SHA-256 of a compressed body.
fn checksum(compressed: &[u8]) -> u64 {
    let digest: [u8; 32] = Sha256::digest(compressed).into();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(first)
}

/// A compressed body with its checksum, which takes as long as the compression.
#[derive(Debug)]
pub(super) struct Compressed {
    pub(super) bytes: Vec<u8>,
    pub(super) sum: u64,
}

impl Compressed {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { sum: checksum(&bytes), bytes }
    }
}

/// The name of an object within its batch, which no other object of any process has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ObjectName {
    /// A random number of the handle that wrote the object.
    pub(super) writer: u64,
    /// The number of the object among those of its writer.
    pub(super) number: u64,
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.writer, self.number)
    }
}

impl FromStr for ObjectName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (writer, number) = text.split_once('-').ok_or(())?;
        let writer = u64::from_str_radix(writer, 16).map_err(|_| ())?;
        Ok(Self { writer, number: number.parse().map_err(|_| ())? })
    }
}

/// Returns the path that all objects of a batch begin with.
///
/// Ids of batches begin with their time, and an object store splits its load by the start of names: the last two
/// digits, which are random, come first.
pub(super) fn batch_path(prefix: &Path, batch: BatchId) -> Path {
    let name = batch.to_string();
    let shard = name.get(name.len().saturating_sub(2)..).unwrap_or_default();
    prefix.clone().join(shard.to_owned()).join(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::store::sample;

    fn location() -> Location {
        Location {
            batch: sample::batch_id(1),
            object: ObjectName { writer: 7, number: 12 },
            offset: 1_000,
            length: 4,
            sum: checksum(b"body"),
        }
    }

    #[test]
    fn a_reference_reads_back_as_it_was_written() {
        let text = location().to_string();

        assert_eq!(Location::parse(&text), Some(location()));
        assert!(location().matches(b"body"));
        assert!(!location().matches(b"bodY") && !location().matches(b"bod"));
    }

    #[test]
    fn a_changed_reference_is_not_one() {
        let text = location().to_string();
        for end in 0..text.len() {
            assert_eq!(Location::parse(&text[..end]), None, "{end}");
        }
        for (from, to) in [
            ("object:", "body:"),
            (":1000:", ":+1000:"),
            (":4:", ":0:"),
            (":4:", ":04:"),
            ("-12", "-12/.."),
        ] {
            assert_eq!(Location::parse(&text.replace(from, to)), None, "{to}");
        }
        assert_eq!(Location::parse(&format!("{text}:")), None);
        assert_eq!(Location::parse(&"x".repeat(100_000)), None);
    }

    #[test]
    fn objects_of_a_batch_share_a_path_that_begins_with_random_digits() {
        let batch = sample::batch_id(1);
        let id = batch.to_string();

        let path = batch_path(&Path::from("pages/eu"), batch);

        assert_eq!(path.as_ref(), format!("pages/eu/{}/{id}", &id[id.len() - 2..]));
    }
}
