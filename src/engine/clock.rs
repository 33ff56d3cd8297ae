//! The machine's clock, randomness and threads: the defaults of the ports in [`crate::ports::clock`].

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::runtime::{Handle, RuntimeFlavor};

use crate::core::time::{Timestamp, millis};
use crate::ports::BoxFuture;
use crate::ports::clock::{BlockingPool, BlockingWork, Clock, Entropy};

/// The machine's clock, with waits on tokio's timer.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(millis(since))
    }

    fn monotonic(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(wait))
    }
}

/// The machine's random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// # Panics
    ///
    /// Panics if the machine has no source of randomness, because ids could then be guessed.
    fn random_u64(&self) -> u64 {
        getrandom::u64().expect("the machine has a source of randomness")
    }
}

/// tokio's threads for blocking work.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemBlockingPool;

impl BlockingPool for SystemBlockingPool {
    fn run(&self, work: BlockingWork) -> BoxFuture<'static, ()> {
        let running = tokio::task::spawn_blocking(work);
        // A panic drops the sender of the result, which the caller notices.
        Box::pin(async move { drop(running.await) })
    }

    /// Runs the work at once if the runtime has other threads for the tasks that would have to wait for it.
    fn run_short(&self, work: BlockingWork) -> BoxFuture<'static, ()> {
        let flavor = Handle::try_current().map(|it| it.runtime_flavor());
        if !matches!(flavor, Ok(RuntimeFlavor::MultiThread)) {
            return self.run(work);
        }
        work();
        Box::pin(std::future::ready(()))
    }
}
