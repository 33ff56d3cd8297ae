//! The decisions: what a job is, what it may do next, and what it costs.
//!
//! Nothing here waits, reads a clock, or touches a socket. Every function takes the facts it needs
//! (including the time) and returns a value; the engine is what carries the value out. That is why
//! this module can be tested by a loop, run a year of leases in a second, and be fuzzed without a
//! runtime.
//!
//! # Architecture invariants
//!
//! * No async code, no runtime, no clock.
//! * Nothing here imports from any other module of the crate.
//! * Same inputs, same outputs: no randomness that was not passed in.

/// Writes the type by its `as_str`.
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

pub mod backoff;
pub mod batch;
pub mod claims;
pub mod completion;
pub mod credits;
pub mod failure;
#[cfg(test)]
mod fixtures;
pub mod id;
pub mod job;
pub mod ladder;
pub mod ledger;
pub mod price;
pub mod record;
pub mod request;
pub mod robots;
#[doc(hidden)]
pub mod step;
pub mod tier;
pub mod time;
pub mod url;
pub mod usage;
pub mod verdict;
pub mod window;
