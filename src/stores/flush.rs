//! Group flush: one flush for all waiting writers.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Lets writers share flushes: the next flush covers all writes made while one runs.
///
/// # Invariants
///
/// * An acknowledged write is covered by a flush that began after it.
/// * After a failed flush nothing is acknowledged: the system may have dropped the dirty pages, and a later
///   successful flush would not cover them.
#[derive(Debug, Default)]
pub(super) struct SharedFlush {
    written: AtomicU64,
    flushed: AtomicU64,
    /// Held while a flush runs. Contains the reason of a failed flush.
    failed: Mutex<Option<String>>,
}

impl SharedFlush {
    /// Returns a flush that continues after ticket `number`, up to which everything is on disk.
    pub(super) fn behind(number: u64) -> Self {
        Self {
            written: AtomicU64::new(number),
            flushed: AtomicU64::new(number),
            failed: Mutex::default(),
        }
    }

    /// Returns the ticket of a write. Call it once the write is applied.
    pub(super) fn ticket(&self) -> u64 {
        self.written.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Returns the last ticket.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// Returns once a flush covers `ticket`, running `flush` if none does yet. `flush` receives the last
    /// ticket that it covers.
    pub(super) fn wait(
        &self,
        ticket: u64,
        flush: impl FnOnce(u64) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.covers(ticket) {
            return Ok(());
        }
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        // Another flush may have ended while this one waited for the lock.
        if self.covers(ticket) {
            return Ok(());
        }
        if let Some(why) = &*failed {
            let what = format!("an earlier write failed ({why}): open the store again");
            return Err(io::Error::other(what));
        }
        let upto = self.written();
        // Set first, so that a flush that panics counts as failed.
        *failed = Some("its flush did not end".to_owned());
        let flushed = flush(upto);
        *failed = flushed.as_ref().err().map(ToString::to_string);
        if flushed.is_ok() {
            self.flushed.store(upto, Ordering::Release);
        }
        flushed
    }

    /// Records a write that failed halfway, which no flush will cover.
    pub(super) fn fail(&self, why: &impl ToString) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        self.ticket();
        *failed = Some(why.to_string());
    }

    /// Returns `true` if a write or a flush failed, after which nothing is acknowledged.
    pub(super) fn has_failed(&self) -> bool {
        // Held while a flush runs, of which nothing is known yet.
        self.failed.try_lock().is_ok_and(|it| it.is_some())
    }

    fn covers(&self, ticket: u64) -> bool {
        self.flushed.load(Ordering::Acquire) >= ticket
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn one_flush_covers_all_earlier_writes() {
        let shared = SharedFlush::default();
        let (first, second) = (shared.ticket(), shared.ticket());
        let mut flushes = Vec::new();

        for ticket in [second, first] {
            let flush = |upto| {
                flushes.push(upto);
                Ok(())
            };
            shared.wait(ticket, flush).expect("flushed");
        }

        assert_eq!(flushes, [second]);
    }

    #[test]
    fn a_write_after_a_flush_waits_for_the_next_flush() {
        let shared = SharedFlush::behind(7);
        let mut flushes = Vec::new();

        for expected in [8, 9] {
            let ticket = shared.ticket();
            assert_eq!((ticket, shared.written()), (expected, expected));
            let flush = |upto| {
                flushes.push(upto);
                Ok(())
            };
            shared.wait(ticket, flush).expect("flushed");
        }

        assert_eq!(flushes, [8, 9]);
    }

    #[test]
    fn earlier_writes_need_no_flush() {
        let shared = SharedFlush::behind(7);

        let waited = shared.wait(7, |_| Err(io::Error::other("nothing to flush")));

        assert!(waited.is_ok(), "{waited:?}");
    }

    #[test]
    fn nothing_is_acknowledged_after_a_failed_flush() {
        let shared = SharedFlush::default();
        let before = shared.ticket();
        shared.wait(before, |_| Ok(())).expect("flushed");
        let ticket = shared.ticket();

        assert!(shared.wait(ticket, |_| Err(io::Error::other("full"))).is_err());

        for later in [ticket, shared.ticket()] {
            let error = shared.wait(later, |_| Ok(())).expect_err("nothing is known of it");
            assert!(error.to_string().contains("(full)"), "it says why: {error}");
        }
        assert!(shared.wait(before, |_| Ok(())).is_ok(), "that one was on disk");
    }

    #[test]
    fn nothing_is_acknowledged_after_a_partial_write() {
        let shared = SharedFlush::default();
        let before = shared.ticket();
        shared.wait(before, |_| Ok(())).expect("flushed");

        shared.fail(&"half a write");

        assert!(shared.wait(shared.written(), |_| Ok(())).is_err());
        assert!(shared.wait(shared.ticket(), |_| Ok(())).is_err());
    }
    #[test]
    fn a_flush_that_panics_has_failed() {
        let shared = SharedFlush::default();
        let ticket = shared.ticket();
        let flush = AssertUnwindSafe(|| shared.wait(ticket, |_| panic!("while flushing")));
        assert!(catch_unwind(flush).is_err());

        assert!(shared.wait(ticket, |_| Ok(())).is_err());
    }
}
