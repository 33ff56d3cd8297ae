//! The waits of crawls for something that cannot be read for now.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::core::id::{CrawlId, JobId};

/// The most crawls of which this process knows since when they wait.
const MAX_WAITING: usize = 1_024;
/// The most things of one crawl that have a time of their own.
const MAX_SUBJECTS: usize = 1_024;
/// The time for which a crawl waits for something that cannot be read for now. Then it continues without it, with a warning.
pub(super) const PATIENCE: Duration = Duration::from_mins(10);

/// Something that a crawl waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    /// The robots.txt of an origin.
    Robots(String),
    /// The result of a job.
    Result(JobId),
}

/// The things that could not be read when they were last needed, and the time on the monotonic clock at which each wait
/// began. A process that takes a crawl over begins again.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<HashMap<CrawlId, HashMap<Subject, Duration>>>);

impl Waiting {
    /// Notes that a crawl waits for something, and returns `true` if it has done so for as long as it may. It remains so until
    /// the wait ends.
    pub(super) fn is_over(&self, crawl: CrawlId, subject: &Subject, now: Duration) -> bool {
        let mut all = self.lock();
        if all.len() >= MAX_WAITING
            && !all.contains_key(&crawl)
            && let Some(oldest) =
                all.iter().min_by_key(|(_, it)| it.values().max().copied()).map(|(id, _)| *id)
        {
            // Most likely another process advances it by now.
            all.remove(&oldest);
        }
        let subjects = all.entry(crawl).or_default();
        let since = match subjects.get(subject) {
            Some(since) => *since,
            // Beyond the limit, all are taken to have the same cause.
            None if subjects.len() >= MAX_SUBJECTS => {
                subjects.values().min().copied().unwrap_or(now)
            }
            None => *subjects.entry(subject.clone()).or_insert(now),
        };
        now.saturating_sub(since) >= PATIENCE
    }

    /// Ends the wait for something.
    pub(super) fn end(&self, crawl: CrawlId, subject: &Subject) {
        let mut all = self.lock();
        if let Some(subjects) = all.get_mut(&crawl) {
            subjects.remove(subject);
        }
        if all.get(&crawl).is_some_and(HashMap::is_empty) {
            all.remove(&crawl);
        }
    }

    /// Forgets a crawl that has ended.
    pub(super) fn forget(&self, crawl: CrawlId) {
        self.lock().remove(&crawl);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CrawlId, HashMap<Subject, Duration>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::time::Timestamp;

    fn crawl(number: u64) -> CrawlId {
        CrawlId::new(Timestamp::from_millis(1_000), 0, number << 2)
    }

    fn robots(origin: &str) -> Subject {
        Subject::Robots(origin.to_owned())
    }

    #[test]
    fn a_wait_that_is_over_stays_over_until_it_ends() {
        let (all, one, other) = (Waiting::default(), robots("http://a"), robots("http://b"));

        assert!(!all.is_over(crawl(1), &one, Duration::ZERO));
        assert!(!all.is_over(crawl(1), &other, PATIENCE / 2));
        assert!(all.is_over(crawl(1), &one, PATIENCE));
        all.end(crawl(1), &other);
        assert!(all.is_over(crawl(1), &one, PATIENCE * 2));
        assert!(!all.is_over(crawl(1), &other, PATIENCE * 2), "it began again");
        assert!(!all.is_over(crawl(2), &one, PATIENCE * 2), "another crawl");
        all.end(crawl(1), &one);
        assert!(!all.is_over(crawl(1), &one, PATIENCE * 3));
    }

    #[test]
    fn a_crawl_waits_for_a_limited_number_of_things() {
        let all = Waiting::default();
        for number in 0..=MAX_SUBJECTS {
            all.is_over(crawl(1), &robots(&number.to_string()), Duration::ZERO);
        }

        assert!(all.is_over(crawl(1), &robots("http://a"), PATIENCE));
    }
}
