//! A sorted map for many entries: some 10 bytes each, beside the part of the key that differs from the key before.
//!
//! The entries are in blocks. An entry consists of the number of bytes that its key shares with the previous key, the
//! number of its other key bytes, those bytes, the length of the packed value (1 byte), and the value. Entries are
//! contiguous: a change moves everything after it.
//!
//! # Invariants
//!
//! * Every key of a block is at least the bound of the block and less than the bound of the next one.
//! * The first entry of a block shares nothing, and a block is not empty.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::ops::{Bound, Range};

/// The most entries of a block. A lookup reads half of them.
const MOST: usize = 32;
/// The growth of a block, in bytes.
const STEP: usize = 64;

/// A value in a block, of at most 255 bytes.
pub(super) trait Packed: Copy {
    /// Appends the value.
    fn pack(self, to: &mut Vec<u8>);

    /// Takes the value from the beginning of `from`.
    fn unpack(from: &mut &[u8]) -> Self;
}

impl Packed for () {
    fn pack(self, _: &mut Vec<u8>) {}

    fn unpack(_: &mut &[u8]) -> Self {}
}

/// Appends a number: seven bits per byte, the lowest first.
pub(super) fn pack_number(mut number: u64, to: &mut Vec<u8>) {
    while number >= 0x80 {
        to.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    to.push(number.to_le_bytes()[0]);
}

/// Takes a number from the beginning of `from`.
pub(super) fn unpack_number(from: &mut &[u8]) -> u64 {
    let mut number = 0;
    let mut shift = 0;
    while let Some((&byte, rest)) = from.split_first() {
        *from = rest;
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 || shift >= u64::BITS {
            break;
        }
    }
    number
}

#[derive(Debug)]
struct Block {
    bytes: Vec<u8>,
    count: usize,
}

/// An entry in the bytes of a block.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The bytes that the key shares with the key before.
    shared: usize,
    begin: usize,
    /// The beginning of the rest of the key.
    rest: usize,
    /// The end of the key, at which the length of the value is.
    value: usize,
    end: usize,
}

/// The result of a search in a block.
enum Found {
    At(Place),
    /// The key would be here. It shares `shared` bytes with the key before and `with_next` with the next one.
    Missing {
        at: usize,
        shared: usize,
        with_next: usize,
    },
}

impl Block {
    fn new() -> Self {
        Self { bytes: Vec::new(), count: 0 }
    }

    /// Finds the parts of the entry at `begin`, `None` at the end.
    fn place(&self, begin: usize) -> Option<Place> {
        let mut left = self.bytes.get(begin..).filter(|it| !it.is_empty())?;
        let shared = unpack_length(&mut left);
        let length = unpack_length(&mut left);
        let rest = self.bytes.len() - left.len();
        let value = rest + length;
        let end = value + 1 + usize::from(*self.bytes.get(value)?);
        Some(Place { shared, begin, rest, value, end })
    }

    fn value<V: Packed>(&self, place: Place) -> V {
        V::unpack(&mut &self.bytes[place.value + 1..place.end])
    }

    /// Returns the part of an entry's key that it does not share.
    fn rest(&self, place: Place) -> &[u8] {
        &self.bytes[place.rest..place.value]
    }

    fn find(&self, key: &[u8]) -> Found {
        let mut at = 0;
        // The bytes that `key` shares with the entry before, which is less.
        let mut shared = 0;
        while let Some(place) = self.place(at) {
            if place.shared < shared {
                // It differs from the entry before where that one is equal to `key`, and is greater.
                return Found::Missing { at, shared, with_next: place.shared };
            }
            if place.shared == shared {
                let (mine, its) = (&key[shared..], self.rest(place));
                let equal = common(mine, its);
                match (mine.get(equal), its.get(equal)) {
                    (None, None) => return Found::At(place),
                    (None, Some(_)) => {
                        return Found::Missing { at, shared, with_next: shared + equal };
                    }
                    (Some(mine), Some(its)) if mine < its => {
                        return Found::Missing { at, shared, with_next: shared + equal };
                    }
                    _ => shared += equal,
                }
            }
            at = place.end;
        }
        Found::Missing { at, shared, with_next: 0 }
    }

    /// Puts `bytes` in the place of a range.
    fn replace(&mut self, range: Range<usize>, bytes: &[u8]) {
        if range.len() == bytes.len() {
            return self.bytes[range].copy_from_slice(bytes);
        }
        let longer = bytes.len().saturating_sub(range.len());
        if self.bytes.capacity() - self.bytes.len() < longer {
            self.bytes.reserve_exact(longer.next_multiple_of(STEP));
        }
        self.bytes.splice(range, bytes.iter().copied());
    }

    fn insert<V: Packed>(&mut self, key: &[u8], value: V, at: usize, ends: (usize, usize)) {
        let (shared, with_next) = ends;
        let mut new = Vec::with_capacity(key.len() + STEP);
        push_entry(&mut new, shared, &key[shared..], value);
        let mut to = at;
        if let Some(next) = self.place(at) {
            // The next key shares more with this one than with the one before.
            let more = with_next.saturating_sub(next.shared);
            push_head(&mut new, next.shared + more, self.rest(next).len() - more);
            to = next.rest + more;
        }
        self.replace(at..to, &new);
        self.count += 1;
    }

    fn remove(&mut self, place: Place) {
        let mut to = place.end;
        let mut new = Vec::new();
        if let Some(next) = self.place(place.end) {
            // What the next key shared with this one beyond the one before.
            let more = next.shared.saturating_sub(place.shared);
            push_head(&mut new, next.shared - more, self.rest(next).len() + more);
            new.extend_from_slice(&self.rest(place)[..more]);
            to = next.rest;
        }
        self.replace(place.begin..to, &new);
        self.count -= 1;
    }

    /// Calls `each` with all entries in order.
    fn each<V: Packed>(&self, mut each: impl FnMut(&[u8], V, usize)) {
        let (mut at, mut key) = (0, Vec::new());
        while let Some(place) = self.place(at) {
            key.truncate(place.shared);
            key.extend_from_slice(self.rest(place));
            each(&key, self.value(place), at);
            at = place.end;
        }
    }

    /// Takes the second half, or only the last entry if `is_last`. Returns its first key with it.
    fn split<V: Packed>(&mut self, is_last: bool) -> (Box<[u8]>, Self) {
        let kept = if is_last { self.count - 1 } else { self.count / 2 };
        let mut number = 0;
        let mut cut: (usize, Box<[u8]>) = (0, Box::default());
        self.each(|key, _: V, at| {
            if number == kept {
                cut = (at, Box::from(key));
            }
            number += 1;
        });
        let (at, bound) = cut;
        let mut bytes = Vec::with_capacity(self.bytes.len() - at + bound.len());
        if let Some(place) = self.place(at) {
            push_head(&mut bytes, 0, bound.len());
            bytes.extend_from_slice(&bound);
            bytes.extend_from_slice(&self.bytes[place.value..]);
        }
        let second = Self { bytes, count: self.count - kept };
        self.bytes.truncate(at);
        self.bytes.shrink_to_fit();
        self.count = kept;
        (bound, second)
    }
}

fn push_entry<V: Packed>(bytes: &mut Vec<u8>, shared: usize, rest: &[u8], value: V) {
    push_head(bytes, shared, rest.len());
    bytes.extend_from_slice(rest);
    push_value(bytes, value);
}

fn push_value<V: Packed>(bytes: &mut Vec<u8>, value: V) {
    let at = bytes.len();
    bytes.push(0);
    value.pack(bytes);
    bytes[at] = u8::try_from(bytes.len() - at - 1).unwrap_or(u8::MAX);
}

fn push_head(bytes: &mut Vec<u8>, shared: usize, length: usize) {
    pack_number(shared as u64, bytes);
    pack_number(length as u64, bytes);
}

#[inline]
fn unpack_length(from: &mut &[u8]) -> usize {
    if let Some((&byte, rest)) = from.split_first()
        && byte < 0x80
    {
        *from = rest;
        return usize::from(byte);
    }
    usize::try_from(unpack_number(from)).unwrap_or(usize::MAX)
}

/// Returns the length of the common beginning.
fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// A sorted map from bytes to small values.
#[derive(Debug)]
pub(super) struct CompactMap<V> {
    /// The blocks by their bounds.
    blocks: BTreeMap<Box<[u8]>, Block>,
    values: PhantomData<V>,
}

impl<V> Default for CompactMap<V> {
    fn default() -> Self {
        Self { blocks: BTreeMap::new(), values: PhantomData }
    }
}

impl<V: Packed> CompactMap<V> {
    /// Returns the block in which the key belongs, and its bound.
    fn block(&self, key: &[u8]) -> Option<(&[u8], &Block)> {
        let found = self.blocks.range::<[u8], _>((Bound::Unbounded, Bound::Included(key)));
        found.map(|(bound, block)| (&**bound, block)).next_back()
    }

    fn block_mut(&mut self, key: &[u8]) -> Option<(&[u8], &mut Block)> {
        let found = self.blocks.range_mut::<[u8], _>((Bound::Unbounded, Bound::Included(key)));
        found.map(|(bound, block)| (&**bound, block)).next_back()
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<V> {
        let block = self.block(key)?.1;
        match block.find(key) {
            Found::At(place) => Some(block.value(place)),
            Found::Missing { .. } => None,
        }
    }

    /// Sets a value and returns the previous one.
    pub(super) fn insert(&mut self, key: &[u8], value: V) -> Option<V> {
        if self.blocks.first_key_value().is_none_or(|(bound, _)| &**bound > key) {
            self.blocks.insert(Box::default(), Block::new());
        }
        let (_, block) = self.block_mut(key)?;
        match block.find(key) {
            Found::At(place) => {
                let old = block.value(place);
                let mut new = Vec::with_capacity(STEP);
                push_value(&mut new, value);
                block.replace(place.value..place.end, &new);
                return Some(old);
            }
            Found::Missing { at, shared, with_next } => {
                let is_last = at == block.bytes.len();
                block.insert(key, value, at, (shared, with_next));
                if block.count > MOST {
                    // Keys that only grow fill every block.
                    let (bound, second) = block.split::<V>(is_last);
                    self.blocks.insert(bound, second);
                }
            }
        }
        None
    }

    /// Removes a value and returns it.
    pub(super) fn remove(&mut self, key: &[u8]) -> Option<V> {
        let (bound, block) = self.block_mut(key)?;
        let Found::At(place) = block.find(key) else { return None };
        let value = block.value(place);
        block.remove(place);
        if block.count == 0 {
            let bound: Box<[u8]> = bound.into();
            self.blocks.remove(&bound);
        }
        Some(value)
    }

    /// Returns the blocks that can contain keys of a range.
    fn blocks_in(&self, range: &Range<&[u8]>) -> impl DoubleEndedIterator<Item = &Block> {
        let first = self.block(range.start).map_or(&[][..], |it| it.0);
        let bounds = (Bound::Included(first), Bound::Excluded(range.end.max(first)));
        self.blocks.range::<[u8], _>(bounds).map(|it| it.1)
    }

    /// Calls `each` with the entries of a range in order, until it returns `false`.
    pub(super) fn scan(&self, range: Range<&[u8]>, mut each: impl FnMut(&[u8], V) -> bool) {
        let mut goes_on = true;
        for block in self.blocks_in(&range) {
            block.each(|key, value: V, _| {
                if goes_on && range.start <= key {
                    goes_on = key < range.end && each(key, value);
                }
            });
            if !goes_on {
                return;
            }
        }
    }

    /// Returns the last `limit` values of a range, the last one first.
    pub(super) fn last(&self, range: Range<&[u8]>, limit: usize) -> Vec<V> {
        let mut found = Vec::new();
        for block in self.blocks_in(&range).rev() {
            let mut of_block = Vec::with_capacity(block.count);
            block.each(|key, value: V, _| {
                if range.start <= key && key < range.end {
                    of_block.push(value);
                }
            });
            found.extend(of_block.into_iter().rev().take(limit - found.len()));
            if found.len() >= limit {
                break;
            }
        }
        found
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.blocks.values().map(|it| it.count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Packed for u64 {
        fn pack(self, to: &mut Vec<u8>) {
            pack_number(self, to);
        }

        fn unpack(from: &mut &[u8]) -> Self {
            unpack_number(from)
        }
    }

    /// Numbers without a pattern, the same in each run.
    struct Draws(u64);

    impl Draws {
        fn below(&mut self, most: u64) -> u64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % most
        }

        /// A key that often is the beginning of another one, or shares one with it.
        fn key(&mut self) -> Vec<u8> {
            let length = if self.below(50) == 0 { 300 } else { self.below(7) };
            let most = 1 + self.below(3);
            (0..length).map(|_| self.below(most).to_le_bytes()[0]).collect()
        }
    }

    fn all(map: &CompactMap<u64>) -> Vec<(Vec<u8>, u64)> {
        let mut all = Vec::new();
        map.scan(&[][..]..&[u8::MAX; 400][..], |key, value| {
            all.push((key.to_vec(), value));
            true
        });
        all
    }

    #[test]
    fn the_map_answers_like_an_ordinary_one() {
        let mut draws = Draws(3);
        for _ in 0..20 {
            let (mut map, mut model) = (CompactMap::default(), BTreeMap::new());
            let removals = 1 + draws.below(5);
            for step in 0..600 {
                let key = draws.key();
                if draws.below(6) < removals {
                    assert_eq!(map.remove(&key), model.remove(&key), "{key:?}");
                } else {
                    let value = draws.below(u64::MAX) << draws.below(33);
                    assert_eq!(map.insert(&key, value), model.insert(key.clone(), value));
                }
                let (from, to) = (draws.key(), draws.key());
                let limit = usize::try_from(draws.below(5)).expect("small");
                assert_eq!(map.get(&from), model.get(&from).copied(), "{from:?}");
                if step % 10 == 0 && from <= to {
                    let expected = || model.range(from.clone()..to.clone()).map(|it| *it.1);
                    let mut found = Vec::new();
                    map.scan(from.as_slice()..to.as_slice(), |_, value| {
                        found.push(value);
                        found.len() < 3
                    });
                    assert_eq!(found, expected().take(3).collect::<Vec<_>>());
                    let last = expected().rev().take(limit).collect::<Vec<_>>();
                    assert_eq!(map.last(from.as_slice()..to.as_slice(), limit), last);
                }
            }
            assert_eq!(all(&map), model.clone().into_iter().collect::<Vec<_>>());
            assert_eq!(map.len(), model.len());
            for key in model.keys() {
                map.remove(key).expect("it is there");
            }
            assert!(map.blocks.is_empty(), "{map:?}");
        }
    }

    #[test]
    fn growing_keys_take_few_bytes() {
        let mut map = CompactMap::default();
        for number in 0..10_000_u64 {
            map.insert(&[&[7; 16][..], &number.to_be_bytes()].concat(), 1_u64);
        }

        let capacity: usize = map.blocks.values().map(|it| it.bytes.capacity()).sum();
        assert!(capacity < 10_000 * 8, "{capacity} bytes");
        assert!(map.blocks.len() < 10_000 / MOST + 2, "{} blocks", map.blocks.len());
    }

    #[test]
    fn numbers_read_back() {
        for number in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            pack_number(number, &mut bytes);
            bytes.push(9);
            let mut rest = bytes.as_slice();

            assert_eq!((unpack_number(&mut rest), rest), (number, &[9][..]));
        }
    }
}
