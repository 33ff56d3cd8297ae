//! Claims of records that are due.

use crate::core::claims::Shares;
use crate::core::id::WorkerId;
use crate::core::record::Queue;
use crate::core::slots::Slots;
use crate::core::time::Timestamp;

/// The clock that decides what is due for a claim, and when its leases end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClaimClock {
    /// The clock of the caller: [`Claim::now`] is the time.
    #[default]
    Caller,
    /// The clock of the store. A store without one uses [`Claim::now`].
    Store,
}

/// A claim of records that are due.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claim {
    /// The queue.
    pub queue: Queue,
    /// The worker that claims.
    pub worker: WorkerId,
    /// The current time by the clock of the caller.
    pub now: Timestamp,
    /// The time at which the lease expires.
    pub until: Timestamp,
    /// The most records to return.
    pub limit: usize,
    /// The number of jobs to take of each account and site; other queues have no shares.
    pub shares: Shares,
    /// The clock that decides what is due and when leases end.
    pub clock: ClaimClock,
    /// The slots to take records from. A store that is not shared may ignore it: its engine has all slots.
    pub slots: Slots,
    /// The most records to take of one slot. A store that is not shared may ignore it.
    pub per_slot: usize,
}

impl Claim {
    /// Returns a claim of up to `limit` records from all slots, without shares.
    pub fn new(
        queue: Queue,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Self {
        let (shares, slots, per_slot) = (Shares::default(), Slots::ALL, usize::MAX);
        let clock = ClaimClock::Caller;
        Self { queue, worker, now, until, limit, shares, clock, slots, per_slot }
    }

    /// Takes no more of each account and site than these shares.
    #[must_use]
    pub fn with_shares(self, shares: Shares) -> Self {
        Self { shares, ..self }
    }

    /// Takes only from these slots, and at most `per_slot` records of each.
    #[must_use]
    pub fn within(self, slots: Slots, per_slot: usize) -> Self {
        Self { slots, per_slot, ..self }
    }

    /// Lets the clock of the store decide, if it has one.
    #[must_use]
    pub fn by_the_stores_clock(self) -> Self {
        Self { clock: ClaimClock::Store, ..self }
    }

    /// Returns the claim as it is carried out by a store whose clock shows `now`: at that time, for a lease of the same
    /// duration. A claim by the clock of the caller stays as it is.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        match self.clock {
            ClaimClock::Caller => self,
            ClaimClock::Store => Self { now, until: now.after(self.until.since(self.now)), ..self },
        }
    }
}
