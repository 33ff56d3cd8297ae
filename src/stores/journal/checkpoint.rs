//! Checkpoints: the changes of a segment that is full, so that opening a store does not read its bodies and records.
//!
//! A checkpoint only repeats what its segment contains. One that is missing, damaged or of another length is ignored,
//! and the segment is read instead.
//!
//! The file is a magic number (8 bytes), the length of the segment (8), changes, and the CRC-32 (4) of all of it with
//! the id of the store and the number of the segment. A change is its kind (1) and its fields in the order of
//! [`Change`], little endian.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crc32fast::Hasher;

use crate::core::record::Queue;
use crate::core::time::Timestamp;
use crate::stores::sync_dir;

use super::frame::{Place, u32_at, u64_at};
use super::index::{BodyEntry, Change, Entry, Span};
use super::scan::scan;
use super::segment::{Segment, numbered};

const MAGIC: [u8; 8] = *b"rungsix1";
const HEAD: usize = 16;
/// The largest checkpoint that is read, in bytes.
const MAX_BYTES: u64 = 1 << 28;

/// Writes the checkpoint of a full segment.
///
/// # Errors
///
/// Fails if the segment cannot be read to its end, or if the disk fails.
pub(super) fn write(dir: &Path, segment: &Segment) -> io::Result<()> {
    let length = segment.length()?;
    let place = Place { store: segment.store, segment: segment.number, offset: 0 };
    let path = Segment::checkpoint_path(dir, segment.number);
    let partial = partial_path(dir, segment.number);
    let mut out = Summed { out: BufWriter::new(File::create(&partial)?), sum: sum_of(place) };
    out.write(&MAGIC)?;
    out.write(&length.to_le_bytes())?;
    let mut written = Ok(());
    let mut bytes = Vec::new();
    let file = File::open(Segment::path(dir, segment.number))?;
    let end = scan(file, place, length, &mut |change| {
        bytes.clear();
        encode(&mut bytes, change);
        if written.is_ok() {
            written = out.write(&bytes);
        }
    })?;
    written?;
    if end != length {
        return Err(io::Error::other("a full segment does not end with a whole frame"));
    }
    let sum = out.sum.finalize();
    out.out.write_all(&sum.to_le_bytes())?;
    out.out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    fs::rename(&partial, &path)?;
    sync_dir(dir)
}

/// Passes the changes of a checkpoint to `each`. Returns `false`, and passes none, if it is missing or not of this
/// segment.
pub(super) fn read(
    dir: &Path,
    place: Place,
    length: u64,
    each: &mut dyn FnMut(&Change<'_>),
) -> io::Result<bool> {
    let path = Segment::checkpoint_path(dir, place.segment);
    match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
        Ok(found) if found.len() > MAX_BYTES || !found.is_file() => return Ok(false),
        Ok(_) => {}
    }
    let bytes = fs::read(&path)?;
    let Some((body, sum)) = bytes.split_last_chunk::<4>() else { return Ok(false) };
    let mut expected = sum_of(place);
    expected.update(body);
    let is_ours = expected.finalize() == u32::from_le_bytes(*sum)
        && body.starts_with(&MAGIC)
        && u64_at(body, MAGIC.len()) == Some(length);
    if !is_ours {
        return Ok(false);
    }
    let mut rest = body.get(HEAD..).unwrap_or_default();
    while !rest.is_empty() {
        let Some((change, after)) = decode(rest, place.segment) else {
            return Err(io::Error::other("a checkpoint has a change of an unknown kind"));
        };
        each(&change);
        rest = after;
    }
    Ok(true)
}

/// Removes partial checkpoints of a process that was killed.
pub(super) fn remove_partial(dir: &Path) -> io::Result<()> {
    for number in numbered(dir, ".partial")? {
        fs::remove_file(partial_path(dir, number))?;
    }
    Ok(())
}

/// Returns the path of a checkpoint that is not complete.
fn partial_path(dir: &Path, number: u32) -> PathBuf {
    Segment::checkpoint_path(dir, number).with_extension("partial")
}

struct Summed {
    out: BufWriter<File>,
    sum: Hasher,
}

impl Summed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.update(bytes);
        self.out.write_all(bytes)
    }
}

fn sum_of(place: Place) -> Hasher {
    let mut sum = Hasher::new();
    sum.update(&place.store.to_le_bytes());
    sum.update(&place.segment.to_le_bytes());
    sum
}

fn encode(bytes: &mut Vec<u8>, change: &Change<'_>) {
    let key_of = |bytes: &mut Vec<u8>, key: &[u8]| {
        bytes.extend(u32::try_from(key.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(key);
    };
    let span_of = |bytes: &mut Vec<u8>, span: Span| {
        bytes.extend(span.offset.to_le_bytes());
        bytes.extend(span.length.to_le_bytes());
    };
    match change {
        Change::Record { key, entry } => {
            bytes.push(1);
            key_of(bytes, key);
            bytes.extend(entry.version.to_le_bytes());
            bytes.push(entry.due.map_or(0, |(queue, _)| queue as u8));
            bytes.extend(entry.due.map_or(0, |(_, at)| at.as_millis()).to_le_bytes());
            span_of(bytes, entry.span);
        }
        Change::Removed { key } => {
            bytes.push(2);
            key_of(bytes, key);
        }
        Change::Body { batch, entry } => {
            bytes.push(3);
            bytes.extend(batch);
            bytes.extend(entry.number.to_le_bytes());
            span_of(bytes, entry.span);
        }
        Change::BodiesRemoved { batch } => {
            bytes.push(4);
            bytes.extend(batch);
        }
    }
}

/// Decodes the first change, and returns the bytes behind it.
fn decode(bytes: &[u8], segment: u32) -> Option<(Change<'_>, &[u8])> {
    let (kind, rest) = bytes.split_first()?;
    let key_of = |rest: &mut &'_ [u8]| -> Option<usize> {
        let length = usize::try_from(u32_at(rest, 0)?).ok()?;
        *rest = rest.get(4..)?;
        (length <= rest.len()).then_some(length)
    };
    let span_of = |rest: &[u8], at: usize| {
        Some(Span { segment, offset: u32_at(rest, at)?, length: u32_at(rest, at + 4)? })
    };
    let mut rest = rest;
    match kind {
        1 => {
            let length = key_of(&mut rest)?;
            let (key, rest) = rest.split_at(length);
            let at = Timestamp::from_millis(u64_at(rest, 9)?);
            let due = match rest.get(8)? {
                0 => None,
                byte => Some((Queue::ALL.into_iter().find(|it| *it as u8 == *byte)?, at)),
            };
            let entry = Entry { version: u64_at(rest, 0)?, due, span: span_of(rest, 17)? };
            Some((Change::Record { key, entry }, rest.get(25..)?))
        }
        2 => {
            let length = key_of(&mut rest)?;
            let (key, rest) = rest.split_at(length);
            Some((Change::Removed { key }, rest))
        }
        3 => {
            let batch = *rest.first_chunk()?;
            let entry = BodyEntry { number: u64_at(rest, 16)?, span: span_of(rest, 24)? };
            Some((Change::Body { batch, entry }, rest.get(32..)?))
        }
        4 => {
            let (batch, rest) = rest.split_first_chunk()?;
            Some((Change::BodiesRemoved { batch: *batch }, rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_read_back_and_no_prefix_panics() {
        let span = Span { segment: 3, offset: 40, length: 9 };
        let due = Some((Queue::Expiry, Timestamp::from_millis(7)));
        let changes = [
            Change::Record { key: b"key", entry: Entry { version: 2, due, span } },
            Change::Record { key: b"", entry: Entry { version: 1, due: None, span } },
            Change::Removed { key: b"gone" },
            Change::Body { batch: [1; 16], entry: BodyEntry { number: 5, span } },
            Change::BodiesRemoved { batch: [2; 16] },
        ];
        for change in changes {
            let mut bytes = Vec::new();
            encode(&mut bytes, &change);
            for end in 0..bytes.len() {
                assert_eq!(decode(&bytes[..end], 3), None, "{change:?} cut at {end}");
            }
            bytes.push(9);

            assert_eq!(decode(&bytes, 3), Some((change, &[9][..])));
        }
    }
}
