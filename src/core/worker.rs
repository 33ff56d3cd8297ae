//! Workers: the processes that claim from a store that several share.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::core::id::WorkerId;
use crate::core::slots::Slots;
use crate::core::time::Timestamp;

/// The record of a process that claims, written again every few seconds while it is alive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WorkerRecord {
    /// The id of the process in its leases.
    pub id: WorkerId,
    /// The time at which it began to claim.
    pub started_at: Timestamp,
    /// The time until which it counts as alive.
    pub until: Timestamp,
    /// The slots in which the process had unfinished jobs when it wrote the record. The owner of such a slot claims no job
    /// there until they have ended.
    #[serde(default = "no_slots", skip_serializing_if = "Slots::is_empty")]
    pub in_hand: Slots,
    /// `true` if the process only finishes its jobs and has given its slots to the others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_leaving: bool,
}

fn no_slots() -> Slots {
    Slots::NONE
}

impl WorkerRecord {
    /// The time for which the record of a process that died is kept.
    const KEPT: Duration = Duration::from_mins(1);

    /// Returns the record of a process that counts as alive until `until`.
    pub fn new(id: WorkerId, started_at: Timestamp, until: Timestamp) -> Self {
        Self { id, started_at, until, in_hand: Slots::NONE, is_leaving: false }
    }

    /// Sets the slots of claimed jobs.
    #[must_use]
    pub fn with_in_hand(mut self, slots: Slots) -> Self {
        self.in_hand = slots;
        self
    }

    /// Marks the process as one that owns no slots.
    #[must_use]
    pub fn leaving(mut self) -> Self {
        self.is_leaving = true;
        self
    }

    /// Returns `true` if the process counts as alive.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        now < self.until
    }

    /// Returns the time at which the record is removed.
    pub fn expires_at(&self) -> Timestamp {
        self.until.after(Self::KEPT)
    }
}
