//! Properties that hold for any input: of the planner, the ledger, prices, waits and records.

mod backoff;
#[cfg(feature = "sled")]
mod body_files;
mod content_hash;
mod format;
mod given;
mod learned;
mod ledger;
mod planner;
mod prices;
mod records;
mod simulation;
