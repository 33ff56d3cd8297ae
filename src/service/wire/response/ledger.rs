//! The ledger of a batch.

use serde_json::{Value, json};

use crate::core::batch::BatchRecord;
use crate::core::credits::Credits;
use crate::core::ledger::{Booking, LedgerEntry};

/// Serializes a batch's ledger: its hold, and the settlement of each part of it.
pub(crate) fn ledger(batch: &BatchRecord, entries: &[LedgerEntry]) -> Value {
    let mut total_held = Credits::ZERO;
    let mut total_charged = Credits::ZERO;
    let mut total_released = Credits::ZERO;
    let mut lines = Vec::with_capacity(entries.len());
    for entry in entries {
        let (kind, held, charged, released) = match entry.booking {
            Booking::Hold { amount } => ("hold", amount, Credits::ZERO, Credits::ZERO),
            Booking::Settle { charged, released } => ("settle", Credits::ZERO, charged, released),
        };
        total_held = total_held.saturating_add(held);
        total_charged = total_charged.saturating_add(charged);
        total_released = total_released.saturating_add(released);
        lines.push(json!({
            "number": entry.number,
            "job_id": entry.job.map(|it| it.to_string()),
            "kind": kind,
            "held": held,
            "charged": charged,
            "released": released,
            "at": entry.at.to_string(),
        }));
    }
    json!({
        "batch_id": batch.id.to_string(),
        "entries": lines,
        "held": total_held,
        "charged": total_charged,
        "released": total_released,
    })
}
