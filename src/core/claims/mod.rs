//! Decides which due jobs a worker claims, so that no site and no account holds the others up.
//!
//! A worker claims a few jobs at a time. [`Shares`] says how many jobs of each account and site it has
//! in hand and how many more it takes; [`JobIndex`] picks the jobs.
//!
//! # Order of a claim
//!
//! 1. Accounts take turns: the account with the fewest jobs in hand for its weight is next.
//! 2. Within an account, urgent jobs come before normal ones, and those before low ones.
//! 3. Within a priority, the site with the fewest jobs in hand is next, and of one site the job that has
//!    been due for longest.
//!
//! # Invariants
//!
//! * A claim never exceeds the share of an account or a site.
//! * The same index and the same claim pick the same jobs.

pub(in crate::core) mod claim;
mod in_hand;
mod index;
mod shares;

pub use in_hand::JobsInHand;
pub use index::JobIndex;
pub use shares::{AccountShare, Priority, Shares, SiteShare};
