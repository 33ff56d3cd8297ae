//! Runs named checks of a kit against a part with a mistake.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rungs::testkit::must_pass;

/// Runs the checks at the same time, because many broken parts keep a check waiting, and returns each one's failure in
/// words, `None` if it passed. A check that does not end within `limit` has failed.
pub(crate) fn failures<C, F>(
    limit: Duration,
    checks: impl IntoIterator<Item = (&'static str, C)>,
) -> Vec<(&'static str, Option<String>)>
where
    C: FnOnce() -> F + Send + 'static,
    F: Future<Output = ()>,
{
    let begin = |(name, check): (&'static str, C)| {
        let (sender, ended) = mpsc::channel();
        thread::spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(|| must_pass(check)));
            // The receiver is gone if the check took too long.
            let _ = sender.send(result.err().map(|it| *it.downcast::<String>().expect("words")));
        });
        (name, ended)
    };
    let until = Instant::now() + limit;
    let running: Vec<_> = checks.into_iter().map(begin).collect();
    let waited = running.into_iter().map(|(name, ended)| {
        let hung = Some("a call did not end; it must end in time".to_owned());
        (name, ended.recv_timeout(until - Instant::now().min(until)).unwrap_or(hung))
    });
    waited.collect()
}

/// Asserts that every check failed, and that each failure states what the part did and what it must do.
pub(crate) fn assert_caught(
    mistake: &str,
    may_panic: bool,
    failures: Vec<(&'static str, Option<String>)>,
) {
    for (check, failure) in failures {
        let message = failure.unwrap_or_else(|| panic!("{mistake} passed `{check}`"));
        let (did, must) = message.split_once("; it must ").expect("both are said");
        assert!(!did.is_empty() && !must.is_empty(), "{mistake}: {check}: {message}");
        assert!(may_panic || !did.contains("panicked"), "{mistake}: {check}: {message}");
    }
}
