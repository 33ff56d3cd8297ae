//! Running checks: each on a thread of its own, with a runtime and with an end.

use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// How long one check may take before it has failed. Far more than any needs: it is there so that a
/// part that hangs ends as a failed check and not as a test that never ends.
pub const CHECK_LIMIT: Duration = Duration::from_secs(120);

/// Threads of a check's runtime. More than one, so that a part that is only right as long as
/// nothing runs beside it is caught.
const WORKERS: usize = 4;

/// Runs `future` to its end on a runtime of its own, so that a test needs none.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .expect("a runtime needs nothing but threads")
        .block_on(future)
}

/// A check that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckFailure {
    /// Its name.
    pub check: &'static str,
    /// What it said.
    pub said: String,
}

/// What a kit found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KitReport {
    /// The checks that passed, in the order of the kit.
    pub passed: Vec<&'static str>,
    /// The checks that failed.
    pub failed: Vec<CheckFailure>,
}

impl KitReport {
    /// Whether the check of that name failed.
    pub fn has_failed(&self, check: &str) -> bool {
        self.failed.iter().any(|it| it.check == check)
    }
}

impl fmt::Display for KitReport {
    /// How many passed, and each failed check with what it said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} checks passed, {} failed", self.passed.len(), self.failed.len())?;
        for it in &self.failed {
            write!(f, "\n  {}: {}", it.check, it.said)?;
        }
        Ok(())
    }
}

/// Runs named checks one after another, each for `limit` at most.
pub(super) fn report<C, F>(
    limit: Duration,
    checks: impl IntoIterator<Item = (&'static str, C)>,
) -> KitReport
where
    C: FnOnce() -> F + Send + 'static,
    F: Future<Output = ()>,
{
    let mut report = KitReport::default();
    for (check, begin) in checks {
        match outcome(limit, begin) {
            Ok(()) => report.passed.push(check),
            Err(said) => report.failed.push(CheckFailure { check, said }),
        }
    }
    report
}

/// Runs one check and panics with what it said; what the kits' macros call.
///
/// # Panics
///
/// If the check fails, or does not end within [`CHECK_LIMIT`].
pub fn must_pass<F: Future<Output = ()>>(check: impl FnOnce() -> F + Send + 'static) {
    if let Err(said) = outcome(CHECK_LIMIT, check) {
        // The check's own thread has printed what it panicked with.
        resume_unwind(Box::new(said));
    }
}

fn outcome<F: Future<Output = ()>>(
    limit: Duration,
    check: impl FnOnce() -> F + Send + 'static,
) -> Result<(), String> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let ended = catch_unwind(AssertUnwindSafe(|| run(check())));
        // Nobody listens any more to one that took too long.
        let _ = tell.send(ended.map_err(|panic| words(&*panic)));
    });
    // A thread that hangs is left behind: nothing can end it, and the process is a test's.
    told.recv_timeout(limit).unwrap_or_else(|_| {
        let said = format!("it did not end within {} ms", limit.as_millis());
        eprintln!("a check failed: {said}");
        Err(said)
    })
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
    text.unwrap_or_else(|| "it panicked without a word".to_owned())
}

/// Tasks that all begin once the last of them is there: a race that is over before the others come to it
/// proves nothing.
pub(super) fn at_once<F>(tasks: impl IntoIterator<Item = F>) -> JoinSet<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let tasks: Vec<F> = tasks.into_iter().collect();
    let line = Arc::new(Barrier::new(tasks.len()));
    let started = tasks.into_iter().map(|task| {
        let line = Arc::clone(&line);
        async move {
            line.wait().await;
            task.await
        }
    });
    started.collect()
}

/// Polls `future` up to `polls` times, lets others run in between, and drops it: what is left of a
/// caller that went away.
pub(super) async fn abandoned_after<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    for _ in 0..polls {
        let polled = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        if let Poll::Ready(done) = polled {
            return Some(done);
        }
        tokio::task::yield_now().await;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    type Check = fn() -> std::pin::Pin<Box<dyn Future<Output = ()>>>;

    #[test]
    fn a_check_that_panics_or_hangs_fails_and_the_next_still_runs() {
        let panics: Check = || Box::pin(async { panic!("as it was told") });
        let waits: Check = || Box::pin(std::future::pending());
        let blocks: Check = || {
            Box::pin(async {
                thread::park();
                thread::park();
            })
        };
        let passes: Check = || Box::pin(async {});

        // A panic prints where it was, which takes a busy machine longer than one waits for a hang here.
        let panicked = report(CHECK_LIMIT, [("panics", panics), ("passes", passes)]);
        let hung = report(
            Duration::from_millis(500),
            [("waits", waits), ("blocks", blocks), ("passes", passes)],
        );

        assert_eq!(panicked.failed[0].said, "as it was told");
        assert!(hung.has_failed("waits") && hung.has_failed("blocks"), "{hung}");
        assert_eq!((panicked.passed, hung.passed), (vec!["passes"], vec!["passes"]));
    }
}
