//! What a host needs to test its own parts: conformance kits and fixture sites.
//!
//! [`store`] holds the kit for stores and [`fetcher`] those for the four kinds of fetcher.
//!
//! A kit is a list of checks. Each is one promise of a port, named as the promise, and fails with
//! what was broken. It runs on a thread and a runtime of its own and has an end, so that a part that
//! hangs fails like any other. Every kit comes in two forms:
//!
//! * a macro that makes each check a `#[test]` of its own ([`crate::store_conformance!`],
//!   [`crate::store_reopen_conformance!`], [`crate::html_fetcher_conformance!`] and the like), for a
//!   test file of the host's;
//! * a function that runs them all and returns a [`KitReport`] ([`store::check_all`],
//!   [`store::check_all_reopened`], [`fetcher::check_html`] and the like), for a program or a test of
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
pub mod site;
pub mod store;

pub use kit::{CHECK_LIMIT, CheckFailure, KitReport, must_pass, run};
