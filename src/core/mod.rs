//! Decides what a job may do next and what it costs.
//!
//! This module performs no I/O and reads no clock. Every function takes the facts it needs, including the
//! time, and returns a value; the engine carries it out. A test can therefore run a year of leases in a second,
//! and a fuzzer needs no runtime.
//!
//! # Architecture invariants
//!
//! * No async code, no runtime, no clock.
//! * No imports from any other module of the crate.
//! * Deterministic: the same input always gives the same output. Randomness is passed in.

/// Implements `Display` with `as_str`.
macro_rules! display_as_str {
    ($($name:ty),+ $(,)?) => {
        $(
            impl std::fmt::Display for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str(self.as_str())
                }
            }
        )+
    };
}

/// Writes fields as the derived `Debug` does, with other values for some of them.
macro_rules! debug_struct {
    ($f:ident, $name:ident { $($field:ident $(: $value:expr)?),* $(,)? }) => {
        $f.debug_struct(stringify!($name))
            $(.field(stringify!($field), debug_struct!(@value $field $($value)?)))*
            .finish()
    };
    (@value $field:ident) => { $field };
    (@value $field:ident $value:expr) => { &$value };
}

pub mod backoff;
pub mod batch;
pub mod claims;
pub mod completion;
pub mod crawl;
pub mod credits;
pub mod cut;
pub mod extraction;
pub mod failure;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod id;
pub mod job;
pub mod ladder;
pub mod ledger;
pub(crate) mod pattern;
pub mod price;
pub mod record;
pub mod request;
pub mod robots;
pub mod session;
pub mod skipped;
pub mod slots;
#[doc(hidden)]
pub mod step;
pub mod tier;
pub mod time;
pub mod trace;
pub mod url;
pub mod usage;
pub mod validators;
pub mod verdict;
pub(crate) mod wildcard;
pub mod window;
pub mod worker;
