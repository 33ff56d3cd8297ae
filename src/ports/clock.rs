//! Time, randomness and blocking work. The engine takes them through these traits, so that a test can control
//! them.

use std::fmt;
use std::time::Duration;

use crate::core::time::Timestamp;
use crate::ports::BoxFuture;

/// Reads the time and waits.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Returns the wall clock time. It may jump: durations are measured with [`Clock::monotonic`].
    fn now(&self) -> Timestamp;

    /// Returns the time since some fixed moment by a clock that never jumps. Defaults to the wall clock, for a clock that
    /// does not jump either.
    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.now().as_millis())
    }

    /// Resolves once `wait` has passed.
    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()>;
}

/// Generates random numbers, for jitter and for ids, which must not be guessable.
pub trait Entropy: fmt::Debug + Send + Sync {
    /// Returns 64 random bits.
    ///
    /// Use a cryptographically secure source outside of tests.
    fn random_u64(&self) -> u64;
}

/// A piece of work that would block an async thread.
pub type BlockingWork = Box<dyn FnOnce() + Send>;

/// Runs work that keeps a processor busy for a while, such as extracting a page.
pub trait BlockingPool: fmt::Debug + Send + Sync {
    /// Resolves once `work` has run or was abandoned. Dropping the future need not stop it.
    fn run(&self, work: BlockingWork) -> BoxFuture<'static, ()>;

    /// Runs work that takes a few milliseconds at most, like [`BlockingPool::run`], which is the default.
    ///
    /// A pool may run it before it returns, on the async thread of the caller, which saves two changes of threads.
    fn run_short(&self, work: BlockingWork) -> BoxFuture<'static, ()> {
        self.run(work)
    }
}

// Compile-time check: the engine holds them as `Arc<dyn ...>`.
const _: Option<(&dyn Clock, &dyn Entropy, &dyn BlockingPool)> = None;
