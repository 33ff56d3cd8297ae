//! One flush for all who wait for one.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Lets writers share flushes: those who write while a flush runs are all served by the next one.
///
/// # Invariants
///
/// * Who is told `Ok` is covered by a flush that began after its write.
/// * After a failed flush nobody is told `Ok`: the system may have dropped the dirty pages, and a
///   second flush that succeeds says nothing about them.
#[derive(Debug, Default)]
pub(super) struct SharedFlush {
    written: AtomicU64,
    flushed: Mutex<Flushed>,
}

#[derive(Debug, Default)]
struct Flushed {
    upto: u64,
    failed: bool,
}

impl SharedFlush {
    /// Marks a write as done; call it once the write is in place.
    pub(super) fn ticket(&self) -> u64 {
        self.written.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Returns once a flush covers `ticket`, running `flush` if none does yet.
    pub(super) fn wait(
        &self,
        ticket: u64,
        flush: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let mut flushed = self.flushed.lock().unwrap_or_else(PoisonError::into_inner);
        if flushed.upto >= ticket {
            return Ok(());
        }
        if flushed.failed {
            return Err(io::Error::other("an earlier flush failed; open the store again"));
        }
        let upto = self.written.load(Ordering::Acquire);
        // Set first, so that a flush that panics counts as failed.
        flushed.failed = true;
        flush()?;
        *flushed = Flushed { upto, failed: false };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_flush_serves_all_who_wrote_before_it() {
        let shared = SharedFlush::default();
        let (first, second) = (shared.ticket(), shared.ticket());
        let mut flushes = 0;

        for ticket in [second, first] {
            let flush = || {
                flushes += 1;
                Ok(())
            };
            shared.wait(ticket, flush).expect("flushed");
        }

        assert_eq!(flushes, 1);
    }

    #[test]
    fn after_a_failed_flush_nothing_is_acknowledged() {
        let shared = SharedFlush::default();
        let ticket = shared.ticket();

        assert!(shared.wait(ticket, || Err(io::Error::other("full"))).is_err());

        assert!(shared.wait(ticket, || Ok(())).is_err());
    }
}
