//! Conformance kits and fixture sites, for testing your own stores and fetchers.
//!
//! [`store`] contains the kit for stores, [`session`] that for stores of sessions, and [`fetcher`] those for the four
//! kinds of fetcher.
//!
//! A kit is a list of checks. Each checks one guarantee of a port and is named after it. A failure
//! states what your implementation did and what it must do. A check runs on its own thread and
//! runtime with a time limit of 2 minutes, so that an implementation that hangs fails too. Every kit comes in two forms:
//!
//! * a macro that makes each check a `#[test]` of its own ([`crate::store_conformance!`],
//!   [`crate::store_reopen_conformance!`], [`crate::http_fetcher_conformance!`] and the like), for a
//!   test file of your application;
//! * a function that runs them all and returns a [`KitReport`] ([`store::check_all`],
//!   [`store::check_all_reopened`], [`fetcher::check_http`] and the like), for a program or a test of
//!   another shape.
//!
//! ```
//! use rungs::stores::Memory;
//! use rungs::testkit::store;
//!
//! let report = store::check_all(Memory::new);
//!
//! assert!(report.failed.is_empty(), "{report}");
//! ```

pub mod fetcher;
mod kit;
pub mod session;
pub mod site;
pub mod store;

pub use kit::{CHECK_LIMIT, CheckFailure, KitReport, must_pass, run};
