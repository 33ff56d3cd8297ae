//! What a host needs to test its own parts: conformance kits, a manual clock, a fixture site.

pub mod site;
pub mod store;

use std::future::Future;

/// Runs `future` to its end on a runtime of its own, so that a test needs none.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime needs nothing but threads")
        .block_on(future)
}
