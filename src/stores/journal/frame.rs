//! Frames: the entries of a segment.
//!
//! A frame is a head of 16 bytes and a payload. All numbers are little endian.
//!
//! | bytes | head |
//! |---|---|
//! | 4 | CRC-32 of the rest of the head, the position of the frame and the id of the store |
//! | 4 | CRC-32 of the payload |
//! | 4 | length of the payload |
//! | 1 | kind |
//! | 3 | zeros |
//!
//! | kind | payload |
//! |---|---|
//! | 1: commit | writes, each: length of the key (4), length of the value (4, all ones for a removal), CRC-32 of the lengths, key and value (4), key, value |
//! | 2: body | batch (16), number (8), length before compression (4), zstd frame |
//! | 3: bodies removed | batch (16) |
//!
//! Because the checksum covers the position, a frame that an earlier write left behind is never taken for a later one.
//! The checksum of a write lets one value be read and checked without the rest of its frame.

use crc32fast::Hasher;

/// The bytes of a frame's head.
pub(super) const HEAD: usize = 16;
/// The most bytes of a payload: 1 GiB.
pub(super) const MAX_PAYLOAD: usize = 1 << 30;
/// The bytes of a write before its key.
pub(super) const WRITE_HEAD: usize = 12;
/// The bytes of a body's payload before its zstd frame.
pub(super) const BODY_HEAD: usize = 28;
/// The length of the value of a removal.
const REMOVED: u32 = u32::MAX;

/// The kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum FrameKind {
    Commit = 1,
    Body = 2,
    BodiesRemoved = 3,
}

/// The place of a frame, which its checksum covers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) store: u64,
    pub(super) segment: u32,
    pub(super) offset: u64,
}

/// A frame's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: FrameKind,
    pub(super) length: usize,
    /// The CRC-32 of the payload.
    pub(super) sum: u32,
}

impl Head {
    /// Returns the head of a payload of at most [`MAX_PAYLOAD`] bytes.
    pub(super) fn of(kind: FrameKind, payload: &[u8]) -> Self {
        Self { kind, length: payload.len(), sum: crc32fast::hash(payload) }
    }

    pub(super) fn encode(&self, place: Place) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        bytes[4..8].copy_from_slice(&self.sum.to_le_bytes());
        bytes[8..12].copy_from_slice(&u32::try_from(self.length).unwrap_or(u32::MAX).to_le_bytes());
        bytes[12] = self.kind as u8;
        let sum = head_sum(&bytes[4..], place);
        bytes[..4].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Decodes the head at `place`, `None` if it was not written there.
    pub(super) fn decode(bytes: &[u8; HEAD], place: Place) -> Option<Self> {
        if u32_at(bytes, 0)? != head_sum(&bytes[4..], place) {
            return None;
        }
        let kind = match bytes[12] {
            1 => FrameKind::Commit,
            2 => FrameKind::Body,
            3 => FrameKind::BodiesRemoved,
            _ => return None,
        };
        let length = usize::try_from(u32_at(bytes, 8)?).ok()?;
        (length <= MAX_PAYLOAD).then_some(Self { kind, length, sum: u32_at(bytes, 4)? })
    }

    /// Returns `true` if this payload is the one that was written.
    pub(super) fn matches(&self, payload: &[u8]) -> bool {
        payload.len() == self.length && crc32fast::hash(payload) == self.sum
    }
}

fn head_sum(head: &[u8], place: Place) -> u32 {
    let mut sum = Hasher::new();
    sum.update(head);
    sum.update(&place.store.to_le_bytes());
    sum.update(&place.segment.to_le_bytes());
    sum.update(&place.offset.to_le_bytes());
    sum.finalize()
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|it| u32::from_le_bytes(*it))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|it| u64::from_le_bytes(*it))
}

/// One write of a commit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RecordWrite<'a> {
    pub(super) key: &'a [u8],
    /// The encoded record; `None` if it is removed.
    pub(super) value: Option<&'a [u8]>,
    /// The bytes of the whole write.
    pub(super) length: usize,
}

/// Appends a write to a payload and returns its length. `value` appends the encoded record, and returns `None` if there
/// is none because the record is removed.
pub(super) fn push_write<H, E>(
    payload: &mut Vec<u8>,
    key: &[u8],
    value: impl FnOnce(&mut Vec<u8>) -> Result<Option<H>, E>,
) -> Result<(usize, Option<H>), E> {
    let begin = payload.len();
    payload.extend_from_slice(&[0; WRITE_HEAD]);
    payload.extend_from_slice(key);
    let value_at = payload.len();
    let header = value(payload)?;
    let short = |length: usize| u32::try_from(length).unwrap_or(REMOVED);
    let value_length = header.as_ref().map_or(REMOVED, |_| short(payload.len() - value_at));
    let (head, rest) = payload[begin..].split_at_mut(WRITE_HEAD);
    head[..4].copy_from_slice(&short(key.len()).to_le_bytes());
    head[4..8].copy_from_slice(&value_length.to_le_bytes());
    let sum = write_sum(&head[..8], rest);
    head[8..].copy_from_slice(&sum.to_le_bytes());
    Ok((payload.len() - begin, header))
}

/// Returns the CRC-32 of a write: of its lengths, and of its key and value.
fn write_sum(lengths: &[u8], rest: &[u8]) -> u32 {
    let mut sum = Hasher::new();
    sum.update(lengths);
    sum.update(rest);
    sum.finalize()
}

/// Reads the write at the beginning of `bytes`, `None` if it is not what was written.
pub(super) fn read_write(bytes: &[u8]) -> Option<RecordWrite<'_>> {
    let (key_length, value_length) = (u32_at(bytes, 0)?, u32_at(bytes, 4)?);
    let sum = u32_at(bytes, 8)?;
    let rest = bytes.get(WRITE_HEAD..)?;
    let (key, rest) = rest.split_at_checked(usize::try_from(key_length).ok()?)?;
    let value = match value_length {
        REMOVED => None,
        length => Some(rest.get(..usize::try_from(length).ok()?)?),
    };
    let length = WRITE_HEAD + key.len() + value.map_or(0, <[u8]>::len);
    let is_whole = write_sum(&bytes[..8], &bytes[WRITE_HEAD..length]) == sum;
    is_whole.then_some(RecordWrite { key, value, length })
}

/// The beginning of a body's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BodyHead {
    pub(super) batch: [u8; 16],
    pub(super) number: u64,
    /// The length before compression, in bytes.
    pub(super) length: u32,
}

impl BodyHead {
    pub(super) fn encode(&self) -> [u8; BODY_HEAD] {
        let mut bytes = [0; BODY_HEAD];
        bytes[..16].copy_from_slice(&self.batch);
        bytes[16..24].copy_from_slice(&self.number.to_le_bytes());
        bytes[24..].copy_from_slice(&self.length.to_le_bytes());
        bytes
    }

    pub(super) fn decode(payload: &[u8]) -> Option<Self> {
        let batch = *payload.first_chunk()?;
        Some(Self { batch, number: u64_at(payload, 16)?, length: u32_at(payload, 24)? })
    }
}

/// Reads the frame of a body at `place`: its head, the beginning of its payload, and the whole payload. `None` if it is
/// not what was written.
pub(super) fn read_body(frame: &[u8], place: Place) -> Option<(Head, BodyHead, &[u8])> {
    let (head, payload) = frame.split_first_chunk::<HEAD>()?;
    let head = Head::decode(head, place).filter(|it| it.kind == FrameKind::Body)?;
    let named = BodyHead::decode(payload).filter(|_| head.matches(payload))?;
    Some((head, named, payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(payload: &mut Vec<u8>, key: &[u8], value: Option<&[u8]>) -> usize {
        let push = |to: &mut Vec<u8>| {
            to.extend(value.unwrap_or_default());
            Ok::<_, ()>(value.map(|_| ()))
        };
        push_write(payload, key, push).expect("it does not fail").0
    }

    const PLACE: Place = Place { store: 7, segment: 1, offset: 32 };

    #[test]
    fn a_head_is_valid_only_where_it_was_written() {
        let head = Head::of(FrameKind::Commit, b"payload");
        let bytes = head.encode(PLACE);

        assert_eq!(Head::decode(&bytes, PLACE), Some(head));
        let elsewhere = [
            Place { store: 8, ..PLACE },
            Place { segment: 2, ..PLACE },
            Place { offset: 33, ..PLACE },
        ];
        for place in elsewhere {
            assert_eq!(Head::decode(&bytes, place), None, "{place:?}");
        }
        assert!(head.matches(b"payload") && !head.matches(b"paylord") && !head.matches(b"payloa"));
    }

    #[test]
    fn a_flipped_bit_of_a_head_or_a_write_is_detected() {
        let head = Head::of(FrameKind::Body, b"payload").encode(PLACE);
        let mut write = Vec::new();
        pushed(&mut write, b"key", Some(b"value"));
        pushed(&mut write, b"gone", None);
        for bit in 0..HEAD * 8 {
            let mut flipped = head;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Head::decode(&flipped, PLACE), None, "bit {bit}");
        }
        for bit in 0..(WRITE_HEAD + 8) * 8 {
            let mut flipped = write.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read_write(&flipped), None, "bit {bit}");
        }
    }

    #[test]
    fn writes_read_back_in_turn() {
        let mut payload = Vec::new();
        let first = pushed(&mut payload, b"key", Some(b"value"));
        let second = pushed(&mut payload, b"gone", None);

        let read = read_write(&payload);
        assert_eq!(read, Some(RecordWrite { key: b"key", value: Some(b"value"), length: first }));
        let read = read_write(&payload[first..]);
        assert_eq!(read, Some(RecordWrite { key: b"gone", value: None, length: second }));
        assert_eq!(read_write(&payload[first + second..]), None);
    }

    #[test]
    fn no_prefix_of_a_write_passes() {
        let mut payload = Vec::new();
        pushed(&mut payload, b"key", Some(b"value"));

        for end in 0..payload.len() {
            assert_eq!(read_write(&payload[..end]), None, "{end}");
            assert!(end >= BODY_HEAD || BodyHead::decode(&payload[..end]).is_none());
        }
    }
}
