//! What must hold for any input: the planner, the ledger, prices, waits and records.

mod backoff;
mod format;
mod given;
mod ledger;
mod planner;
mod prices;
mod records;
