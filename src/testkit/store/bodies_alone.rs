//! The checks of bodies, for implementations that keep no records.

use std::sync::Arc;

use crate::core::record::{Claim, Key, Queue};
use crate::core::time::Timestamp;
use crate::ports::BoxFuture;
use crate::ports::store::{Bodies, ListQuery, Store, StoreError, Versioned, Write};
use crate::testkit::kit::{self, CHECK_LIMIT, KitReport};
use crate::testkit::store::{CHECKS, Check};

/// The names of the checks that use nothing but bodies.
const NAMES: &[&str] = &[
    "a_body_reads_back_until_its_batch_is_removed",
    "bodies_of_one_batch_are_kept_apart",
    "concurrent_bodies_are_all_kept",
    "a_large_body_is_kept",
    "bodies_of_many_batches_are_kept_apart",
    "every_handle_reads_the_same_bodies",
    "a_dropped_put_harms_no_other_body",
    "a_body_is_whole_or_gone_while_its_batch_is_removed",
    "a_batch_may_have_bodies_again",
    "a_foreign_reference_returns_no_body",
    "removing_absent_bodies_succeeds",
];

/// Bodies in the place of a store. The checks above use no records.
#[derive(Debug)]
struct BodiesAlone(Arc<dyn Bodies>);

fn no_records<T: Send + 'static>() -> BoxFuture<'static, Result<T, StoreError>> {
    Box::pin(async { Err(StoreError::Damaged { store: "bodies", what: "no records".to_owned() }) })
}

impl Store for BodiesAlone {
    fn load(&self, _: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Versioned>>, StoreError>> {
        no_records()
    }

    fn list(&self, _: ListQuery) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        no_records()
    }

    fn claim(&self, _: Claim) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        no_records()
    }

    fn commit(&self, _: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>> {
        no_records()
    }

    fn due(&self, _: Queue, _: Timestamp) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        no_records()
    }

    fn bodies(&self) -> Option<Arc<dyn Bodies>> {
        Some(Arc::clone(&self.0))
    }
}

/// Runs every check of bodies, each against a new and empty [`Bodies`] from `open`.
///
/// A check that fails prints its panic like a test.
pub fn check_bodies<B: Bodies + 'static>(
    open: impl Fn() -> B + Clone + Send + 'static,
) -> KitReport {
    let of_bodies = CHECKS.iter().filter(|(name, _)| NAMES.contains(name));
    let checks = of_bodies.map(|&(name, check): &(&'static str, Check)| {
        let open = open.clone();
        (name, move || check(Arc::new(BodiesAlone(Arc::new(open())))))
    });
    kit::report(CHECK_LIMIT, checks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores::Memory;

    #[test]
    fn bodies_are_checked_without_records() {
        let report = check_bodies(Memory::new);

        assert!(report.failed.is_empty(), "{report}");
        assert_eq!(report.passed.len(), NAMES.len());
    }
}
