//! Time, chance and threads, which the engine takes from outside so that a test can drive them.

use std::fmt;
use std::time::Duration;

use crate::core::time::Timestamp;
use crate::ports::BoxFuture;

/// Says what time it is and waits.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The wall clock. It may jump; nothing in rungs needs it to be monotonic.
    fn now(&self) -> Timestamp;

    /// Resolves once `wait` has passed.
    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()>;
}

/// Draws random numbers: ids, which must not be guessable, and jitter.
pub trait Entropy: fmt::Debug + Send + Sync {
    /// 64 random bits.
    fn draw(&self) -> u64;
}

/// Work that would hold up an async thread.
pub type Work = Box<dyn FnOnce() + Send>;

/// Runs work that takes a processor for a while, such as reading a page.
pub trait Threads: fmt::Debug + Send + Sync {
    /// Resolves once `work` has run, or was given up. Dropping the future need not stop it.
    fn run(&self, work: Work) -> BoxFuture<'static, ()>;
}

// Compile-time check: the engine holds them as `Arc<dyn ...>`.
const _: Option<(&dyn Clock, &dyn Entropy, &dyn Threads)> = None;
