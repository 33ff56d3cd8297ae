//! Slots: the parts into which sites, and everything else that falls due, are divided among processes.
//!
//! Each of the processes that share a store claims only from the slots that it owns. Pacing, robots.txt, profiles and
//! connections of a site then stay within one process. Slots are for politeness and to spare needless claims; leases and
//! fences are for correctness. While two processes disagree about a slot, a site may get more requests at once than it
//! should, and nothing else happens.
//!
//! # Invariants
//!
//! * The slot of a record never changes. A store may keep it as a column.
//! * Processes that know the same workers agree about the owner of every slot.
//! * When a worker comes or goes, only slots that it gets or had change their owner.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::core::id::WorkerId;

/// A slot, of [`Slot::COUNT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

impl Slot {
    /// The number of slots.
    pub const COUNT: u16 = 1_024;

    /// Returns slot `number`, or `None` from [`Slot::COUNT`] on.
    pub const fn new(number: u16) -> Option<Self> {
        if number < Self::COUNT { Some(Self(number)) } else { None }
    }

    /// Returns the slot of a name: its FNV-1a hash with 64 bits, mixed, modulo [`Slot::COUNT`].
    ///
    /// Stores keep the result, so the function is part of their format.
    pub fn of(name: &[u8]) -> Self {
        let hash = name.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let rest = mixed(hash) % u64::from(Self::COUNT);
        Self(u16::try_from(rest).unwrap_or_default())
    }

    /// Returns the number, below [`Slot::COUNT`].
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Returns all slots in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }
}

/// The finalizer of `SplitMix64`: every bit of the input changes half of the output.
fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

const WORDS: usize = Slot::COUNT as usize / 64;

/// A set of slots.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slots([u64; WORDS]);

impl Slots {
    /// All slots: the share of a process that is alone.
    pub const ALL: Self = Self([u64::MAX; WORDS]);
    /// No slot.
    pub const NONE: Self = Self([0; WORDS]);

    /// Returns the slots that `worker` owns among the workers that are alive, by rendezvous hashing.
    ///
    /// `worker` is counted even if `alive` does not contain it.
    pub fn owned(worker: WorkerId, alive: &[WorkerId]) -> Self {
        let rank = |of: WorkerId, slot: Slot| {
            // Mixed before the slot is added, so that ids that differ in one bit do not share their ranks.
            (mixed(mixed(of.0).wrapping_add(u64::from(slot.0))), of.0)
        };
        let is_owned = |slot: &Slot| {
            let own = rank(worker, *slot);
            alive.iter().all(|&it| rank(it, *slot) <= own)
        };
        Slot::all().filter(is_owned).collect()
    }

    /// Returns `true` if the slot is in the set.
    pub fn contains(&self, slot: Slot) -> bool {
        self.0[usize::from(slot.0) / 64] & (1 << (slot.0 % 64)) != 0
    }

    /// Returns `true` if every slot is in the set.
    pub fn is_all(&self) -> bool {
        *self == Self::ALL
    }

    /// Returns the number of slots in the set.
    pub fn len(&self) -> usize {
        self.0.iter().map(|it| it.count_ones() as usize).sum()
    }

    /// Returns the slots that are in at least one of the sets.
    #[must_use]
    pub fn with(mut self, others: &Self) -> Self {
        self.0.iter_mut().zip(others.0).for_each(|(own, other)| *own |= other);
        self
    }

    /// Returns the slots that are in both sets.
    #[must_use]
    pub fn and(mut self, others: &Self) -> Self {
        self.0.iter_mut().zip(others.0).for_each(|(own, other)| *own &= other);
        self
    }

    /// Returns the slots that are in this set and not in `others`.
    #[must_use]
    pub fn without(mut self, others: &Self) -> Self {
        self.0.iter_mut().zip(others.0).for_each(|(own, other)| *own &= !other);
        self
    }

    /// Returns `true` if no slot is in the set.
    pub fn is_empty(&self) -> bool {
        *self == Self::NONE
    }

    /// Returns the slots of the set in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = Slot> + '_ {
        Slot::all().filter(|it| self.contains(*it))
    }
}

impl Default for Slots {
    fn default() -> Self {
        Self::ALL
    }
}

impl FromIterator<Slot> for Slots {
    fn from_iter<I: IntoIterator<Item = Slot>>(slots: I) -> Self {
        let mut set = Self::NONE;
        for slot in slots {
            set.0[usize::from(slot.0) / 64] |= 1 << (slot.0 % 64);
        }
        set
    }
}

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slots({} of {})", self.len(), Slot::COUNT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workers(count: u64) -> Vec<WorkerId> {
        // Neighbors, which a weak hash would not tell apart.
        (0..count).map(|it| WorkerId(1_000 + it)).collect()
    }

    fn divided(alive: &[WorkerId]) -> Vec<Slots> {
        alive.iter().map(|&it| Slots::owned(it, alive)).collect()
    }

    #[test]
    fn every_slot_has_one_owner() {
        for count in 1..=9 {
            let parts = divided(&workers(count));

            let owners = |slot| parts.iter().filter(|it| it.contains(slot)).count();
            assert!(Slot::all().all(|it| owners(it) == 1), "{count} workers");
        }
    }

    #[test]
    fn slots_are_divided_evenly() {
        for (count, fair) in [(2, 512), (4, 256), (8, 128)] {
            let sizes: Vec<_> = divided(&workers(count)).iter().map(Slots::len).collect();

            assert!(
                sizes.iter().all(|it| (fair * 7 / 10..=fair * 13 / 10).contains(it)),
                "{sizes:?}"
            );
        }
    }

    #[test]
    fn a_worker_that_leaves_moves_only_its_own_slots() {
        let all = workers(5);
        let before = divided(&all);

        let after = divided(&all[..4]);

        for (before, after) in before.iter().zip(&after) {
            assert!(before.iter().all(|it| after.contains(it)), "the others keep what they had");
        }
    }

    #[test]
    fn a_worker_that_is_alone_or_unknown_owns_slots() {
        let alone = Slots::owned(WorkerId(1), &[]);
        let unknown = Slots::owned(WorkerId(1), &workers(1));

        assert!(alone.is_all());
        assert!(!unknown.is_empty() && !unknown.is_all(), "{unknown:?}");
    }

    #[test]
    fn the_slot_of_a_name_never_changes() {
        let numbers =
            ["", "example.com", "example.com:8443"].map(|it| Slot::of(it.as_bytes()).number());

        assert_eq!(numbers, [155, 695, 668]);
    }

    #[test]
    fn similar_names_spread_over_the_slots() {
        let names = (0..4_096).map(|it| format!("host-{it}.example.com"));

        let used: Slots = names.map(|it| Slot::of(it.as_bytes())).collect();

        // Of 1,024 slots, about 19 are empty after 4,096 random names.
        assert!(used.len() > 980, "{used:?}");
    }

    #[test]
    fn a_set_contains_the_slots_that_were_put_into_it() {
        let slots: Vec<_> = [0, 63, 64, 1_023].into_iter().filter_map(Slot::new).collect();

        let set: Slots = slots.iter().copied().collect();

        assert_eq!(set.iter().collect::<Vec<_>>(), slots);
        assert_eq!(Slot::new(Slot::COUNT), None);
        assert_eq!((set.len(), Slots::ALL.len(), Slots::NONE.len()), (4, 1_024, 0));
        assert_eq!(
            (Slots::ALL.without(&set).with(&set), set.without(&set)),
            (Slots::ALL, Slots::NONE)
        );
        assert_eq!((set.and(&Slots::ALL), set.and(&Slots::ALL.without(&set))), (set, Slots::NONE));
    }
}
