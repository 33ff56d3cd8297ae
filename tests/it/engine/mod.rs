//! The engine end to end, with fetchers of the tests' own or sites on loopback.

mod batches;
mod escalation;
mod cancel;
mod options;
mod robots;
mod scheduling;
mod stopping;
