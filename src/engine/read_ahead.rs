//! Reads the results of many jobs in order, some of them ahead of their use.
//!
//! A result in an object store takes a request of tens of milliseconds. Read one after another, those of a batch of 100
//! take seconds.
//!
//! # Invariants
//!
//! * At most [`MOST_READS`] results are being read or wait to be used.
//! * Their number grows by one with each result, and is at most [`MAX_BYTES`] by the size of the largest so far: a few
//!   results that are much larger than all before them may exceed that once.

use std::collections::VecDeque;
use std::fmt;

use tokio_util::task::AbortOnDropHandle;

use crate::core::job::Job;
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::queries::{reported, unreadable};
use crate::engine::report::{JobSnapshot, Page};
use crate::engine::stored_page::{StoredPage, StoredResult};

/// The most results that are read at the same time.
const MOST_READS: usize = 16;
/// The number of reads until the size of a result is known.
const FIRST_READS: usize = 2;
/// The memory of results that are read ahead, in bytes.
const MAX_BYTES: usize = 16 << 20;

/// The stored page of a job; `None` for a job without one.
type Bytes = Result<Option<Vec<u8>>, EngineError>;

/// The stored results of jobs, in the order of the jobs ([`Engine::stored_results`]).
pub struct StoredResults {
    engine: Engine,
    jobs: std::vec::IntoIter<Job>,
    reads: VecDeque<(Job, AbortOnDropHandle<Bytes>)>,
    /// The size of the largest result so far, in bytes.
    largest: usize,
    /// The number of results that were returned.
    returned: usize,
}

impl fmt::Debug for StoredResults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (left, reading) = (self.jobs.len(), self.reads.len());
        let mut shown = f.debug_struct("StoredResults");
        shown.field("left", &left).field("reading", &reading).finish_non_exhaustive()
    }
}

impl StoredResults {
    pub(super) fn new(engine: Engine, jobs: Vec<Job>) -> Self {
        let (jobs, reads) = (jobs.into_iter(), VecDeque::with_capacity(MOST_READS));
        Self { engine, jobs, reads, largest: 0, returned: 0 }
    }

    fn most_reads(&self) -> usize {
        let by_size = (MAX_BYTES / self.largest.max(1)).max(1);
        by_size.min(MOST_READS).min(FIRST_READS + self.returned)
    }

    async fn next_bytes(&mut self) -> Option<(Job, Bytes)> {
        while self.reads.len() < self.most_reads() {
            let Some(job) = self.jobs.next() else { break };
            let engine = self.engine.clone();
            let requested = job.clone();
            // A task of its own, so that a slow consumer does not use up the deadline of a request.
            let read = tokio::spawn(async move { engine.stored_bytes(&requested).await });
            self.reads.push_back((job, AbortOnDropHandle::new(read)));
        }
        // It is removed only once it is there, so that a canceled call loses nothing.
        let (_, read) = self.reads.front_mut()?;
        let read = read.await;
        let (job, _) = self.reads.pop_front()?;
        let bytes = match read {
            Ok(bytes) => bytes,
            // The store of bodies panicked, or the runtime shuts down.
            Err(_) => Err(EngineError::ResultMissing(job.id)),
        };
        if let Ok(Some(bytes)) = &bytes {
            self.largest = self.largest.max(bytes.len());
        }
        self.returned += 1;
        Some((job, bytes))
    }

    /// Passes the next job with its stored result to `read`, without decoding its large values. Returns `None` after the
    /// last job. A stored page that is missing or damaged is the error of its job. Cancel safe.
    ///
    /// # Errors
    ///
    /// [`EngineError::JobNotFound`] if the job has expired since, [`EngineError::Store`] if the store cannot be reached.
    pub async fn next<T>(
        &mut self,
        read: impl FnOnce(&Job, StoredResult<'_>) -> T,
    ) -> Option<Result<T, EngineError>> {
        let (job, bytes) = self.next_bytes().await?;
        let bytes = match bytes {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Some(Ok(read(&job, job.failure().map(Err)))),
            Err(error) if concerns_all(&error) => return Some(Err(error)),
            Err(error) => return Some(Ok(read(&job, Some(Err(&reported(&job, &error)))))),
        };
        Some(Ok(match StoredPage::parse(&bytes) {
            Ok(page) => read(&job, Some(Ok(&page))),
            Err(error) => read(&job, Some(Err(&reported(&job, &unreadable(&job, error))))),
        }))
    }

    /// Returns the next job with its page. Returns `None` after the last job.
    pub(super) async fn next_snapshot(&mut self) -> Option<Result<JobSnapshot, EngineError>> {
        let (job, bytes) = self.next_bytes().await?;
        let page = bytes.and_then(|bytes| {
            let page = bytes.map(|it| Page::from_stored(&it)).transpose();
            page.map_err(|error| unreadable(&job, error))
        });
        Some(match page {
            Ok(page) => Ok(JobSnapshot::new(job, page)),
            Err(error) if concerns_all(&error) => Err(error),
            Err(error) => {
                let error = reported(&job, &error);
                Ok(JobSnapshot::unreadable(job, error))
            }
        })
    }
}

/// Returns `true` if the error concerns the whole list, not a single result.
fn concerns_all(error: &EngineError) -> bool {
    error.is_not_found() || error.is_unavailable()
}
