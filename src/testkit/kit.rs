//! Runs checks, each on its own thread and runtime, with a time limit.

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

/// The time limit of one check, far more than any check needs. An implementation that hangs fails the check
/// instead of blocking the test.
pub const CHECK_LIMIT: Duration = Duration::from_mins(2);

/// The threads of a check's runtime: more than one, so that an implementation fails that is correct only without
/// concurrency.
const WORKERS: usize = 4;

/// Runs `future` to its end on a new runtime, so that a test needs none.
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
#[non_exhaustive]
pub struct CheckFailure {
    /// The name of the check.
    pub check: &'static str,
    /// The failure in words: what the implementation did, and what it must do.
    pub message: String,
}

impl fmt::Display for CheckFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.message)
    }
}

/// The results of a kit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KitReport {
    /// The names of the checks that passed, in the order of the kit.
    pub passed: Vec<&'static str>,
    /// The checks that failed.
    pub failed: Vec<CheckFailure>,
}

impl KitReport {
    /// Returns `true` if the check of that name failed.
    pub fn has_failed(&self, check: &str) -> bool {
        self.failed.iter().any(|it| it.check == check)
    }
}

impl fmt::Display for KitReport {
    /// Writes the counts and each failure.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} checks passed, {} failed", self.passed.len(), self.failed.len())?;
        for it in &self.failed {
            write!(f, "\n  {it}")?;
        }
        Ok(())
    }
}

/// Runs named checks one after another, each with this time limit.
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
            Err(message) => report.failed.push(CheckFailure { check, message }),
        }
    }
    report
}

/// Runs one check and panics with its failure; the macros of the kits call it.
///
/// # Panics
///
/// Panics if the check fails or does not end within [`CHECK_LIMIT`].
pub fn must_pass<F: Future<Output = ()>>(check: impl FnOnce() -> F + Send + 'static) {
    if let Err(message) = outcome(CHECK_LIMIT, check) {
        // The check's own thread has printed the message already.
        resume_unwind(Box::new(message));
    }
}

fn outcome<F: Future<Output = ()>>(
    limit: Duration,
    check: impl FnOnce() -> F + Send + 'static,
) -> Result<(), String> {
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(|| run(check())));
        // The receiver is gone if the check took too long.
        let _ = sender.send(result.map_err(|panic| words(&*panic)));
    });
    // A thread that hangs is left behind: nothing can end it, and the process is a test's.
    ended.recv_timeout(limit).unwrap_or_else(|_| {
        let message =
            format!("a call did not end within {} ms{MUST}end by then", limit.as_millis());
        eprintln!("a check failed: {message}");
        Err(message)
    })
}

/// Returns the failure of a check in words. A panic of the implementation itself becomes one too.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    if text.contains(MUST) {
        return text.to_owned();
    }
    format!("the implementation panicked with `{text}`{MUST}return a value or an error")
}

/// The words between what an implementation did and what it must do.
const MUST: &str = "; it must ";
/// The number of characters of a value that a failure shows, because some records have megabytes.
const MAX_SHOWN: usize = 600;

/// Fails the running check: the implementation did one thing and must do another.
#[track_caller]
pub(super) fn fail(did: impl fmt::Display, must: impl fmt::Display) -> ! {
    panic!("{did}{MUST}{must}")
}

/// Fails the running check unless `holds`.
#[track_caller]
pub(super) fn must_hold(holds: bool, did: impl fmt::Display, must: impl fmt::Display) {
    if !holds {
        fail(did, must);
    }
}

/// Fails the running check unless `found`, which `what` names, equals `expected`.
#[track_caller]
pub(super) fn must_be<A, B>(found: &A, expected: &B, what: impl fmt::Display)
where
    A: PartialEq<B> + fmt::Debug,
    B: fmt::Debug,
{
    if found != expected {
        let (found, expected) = (shown(found), shown(expected));
        fail(format_args!("{what} was {found}"), format_args!("be {expected}"));
    }
}

/// A call that must succeed.
pub(super) trait MustSucceed<T> {
    /// Returns the value, or fails the running check if `call` failed.
    fn must_succeed(self, call: &str) -> T;
}

impl<T, E: fmt::Display> MustSucceed<T> for Result<T, E> {
    #[track_caller]
    fn must_succeed(self, call: &str) -> T {
        self.unwrap_or_else(|error| fail(format_args!("{call} failed with `{error}`"), "succeed"))
    }
}

/// A value that must be there.
pub(super) trait MustBeThere<T> {
    /// Returns the value, or fails the running check if `what` is missing.
    fn must_be_there(self, what: &str) -> T;
}

impl<T> MustBeThere<T> for Option<T> {
    #[track_caller]
    fn must_be_there(self, what: &str) -> T {
        self.unwrap_or_else(|| fail(format_args!("{what} was missing"), "be there"))
    }
}

/// Returns the result of a task of a check, or fails the check with the failure of the task.
pub(super) fn joined<T>(result: Result<T, tokio::task::JoinError>) -> T {
    result.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        Err(error) => {
            fail(format_args!("a task of the check ended early: {error}"), "run to its end")
        }
    })
}

/// Returns the beginning of a value's debug form.
pub(super) fn shown(value: &impl fmt::Debug) -> String {
    let text = format!("{value:?}");
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// Fails the check unless the condition holds: what the implementation did, and what it must do.
macro_rules! must {
    ($holds:expr, $did:literal, $must:literal) => {
        $crate::testkit::kit::must_hold($holds, format_args!($did), format_args!($must))
    };
}

/// Fails the check unless the two are equal; the words name the first.
macro_rules! must_eq {
    ($found:expr, $expected:expr, $what:literal) => {
        $crate::testkit::kit::must_be(&$found, &$expected, format_args!($what))
    };
}

/// Fails the check: what the implementation did, and what it must do.
macro_rules! breach {
    ($did:literal, $must:literal) => {
        $crate::testkit::kit::fail(format_args!($did), format_args!($must))
    };
}
pub(super) use {breach, must, must_eq};

/// Runs tasks that begin together once the last of them is ready. Otherwise the first could finish before the
/// others start, which would test nothing.
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

/// Polls `future` up to `polls` times, yielding in between, and drops it, like a caller that gives up.
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
    fn a_check_that_panics_or_hangs_only_fails_itself() {
        let panics: Check = || Box::pin(async { panic!("a test message") });
        let waits: Check = || Box::pin(std::future::pending());
        let blocks: Check = || {
            Box::pin(async {
                thread::park();
                thread::park();
            })
        };
        let passes: Check = || Box::pin(async {});

        // A panic prints its location, which takes a busy machine longer than the limit for a hang here.
        let panicked = report(CHECK_LIMIT, [("panics", panics), ("passes", passes)]);
        let hung = report(
            Duration::from_secs(2),
            [("waits", waits), ("blocks", blocks), ("passes", passes)],
        );

        let message =
            "the implementation panicked with `a test message`; it must return a value or an error";
        assert_eq!(panicked.failed[0].message, message);
        assert!(hung.has_failed("waits") && hung.has_failed("blocks"), "{hung}");
        assert_eq!((panicked.passed, hung.passed), (vec!["passes"], vec!["passes"]));
    }
}
