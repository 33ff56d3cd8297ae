//! Handles on crawls: the pages in the order in which they ended, and the end of the crawl.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::core::crawl::{CrawlRecord, CrawlRules, CrawlStatus};
use crate::core::id::{CrawlId, JobId};
use crate::core::job::Job;
use crate::engine::Engine;
use crate::engine::crawl::ended;
use crate::engine::error::EngineError;

/// The interval at which a waiter reads the store, because another process may be running the crawl.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The most jobs that are loaded at once.
const JOBS_AT_ONCE: usize = 256;

/// A handle on a crawl. The crawl runs without it.
///
/// ```
/// use rungs::prelude::*;
///
/// async fn titles(engine: &Engine) -> Result<(), rungs::Error> {
///     let mut crawl = engine.crawl("https://example.com/docs/").await?;
///     while let Some(job) = crawl.next_page().await? {
///         let page = engine.with_page(job).await?;
///         println!("{}: {:?}", page.job().request.page(), page.page().and_then(Page::title));
///     }
///     println!("{}", crawl.record().status());
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct CrawlHandle {
    engine: Engine,
    record: CrawlRecord,
    /// The number of pages that were returned.
    returned: u32,
    /// Pages that ended, by their number in the order of the ends.
    ready: BTreeMap<u32, JobId>,
    /// Jobs that had not ended when they were last read.
    waiting: Vec<JobId>,
    /// The number of chunks whose jobs are known.
    chunks: u32,
}

impl CrawlHandle {
    pub(super) fn new(engine: Engine, record: CrawlRecord) -> Self {
        Self { engine, record, returned: 0, ready: BTreeMap::new(), waiting: Vec::new(), chunks: 0 }
    }

    /// Returns the id of the crawl.
    pub fn id(&self) -> CrawlId {
        self.record.id
    }

    /// Returns the crawl's record as it was last read.
    pub fn record(&self) -> &CrawlRecord {
        &self.record
    }

    /// Skips the first pages in the order of their ends, because they were returned before. The order never changes.
    #[must_use]
    pub fn after(mut self, pages: u32) -> Self {
        self.returned = pages.min(CrawlRules::MAX_PAGES);
        self
    }

    /// Returns the number of pages that were returned or skipped.
    pub fn position(&self) -> u32 {
        self.returned
    }

    /// Returns the next page whose job has ended, or `None` once all were returned and the crawl has ended. It may be dropped
    /// at any time without losing a page.
    ///
    /// # Errors
    ///
    /// [`EngineError::Stopped`] if the engine shuts down first, [`EngineError::CrawlNotFound`] or
    /// [`EngineError::JobNotFound`] if the crawl has expired, [`EngineError::Store`] if the store fails.
    pub async fn next_page(&mut self) -> Result<Option<Job>, EngineError> {
        let mut changed = self.engine.shared.scheduling.crawls.changed.subscribe();
        loop {
            if let Some(&id) = self.ready.get(&(self.returned + 1)) {
                let job = self.engine.job(id).await?;
                self.returned += 1;
                self.ready.remove(&self.returned);
                return Ok(Some(job));
            }
            changed.mark_unchanged();
            let is_stopping = self.engine.shared.lifecycle.stopping.is_cancelled();
            self.refresh().await?;
            if self.ready.contains_key(&(self.returned + 1)) {
                continue;
            }
            if self.record.ended_at.is_some() {
                // Its pages are removed before it, once it has expired.
                let is_whole = self.returned >= ended(self.record.tally);
                return if is_whole {
                    Ok(None)
                } else {
                    Err(EngineError::CrawlNotFound(self.id()))
                };
            }
            if is_stopping {
                return Err(EngineError::Stopped);
            }
            let shared = &self.engine.shared;
            tokio::select! {
                biased;
                () = shared.lifecycle.stopping.cancelled() => {}
                _ = changed.changed() => {}
                () = shared.sleep(POLL_INTERVAL) => {}
            }
        }
    }

    /// Waits for the end of the crawl and returns its final status.
    ///
    /// # Errors
    ///
    /// Those of [`CrawlHandle::next_page`].
    pub async fn wait(&mut self) -> Result<CrawlStatus, EngineError> {
        let mut changed = self.engine.shared.scheduling.crawls.changed.subscribe();
        loop {
            changed.mark_unchanged();
            let is_stopped = self.engine.shared.lifecycle.stopped.is_cancelled();
            self.record = self.engine.crawl_record(self.id()).await?;
            if self.record.ended_at.is_some() {
                return Ok(self.record.status());
            }
            if is_stopped {
                return Err(EngineError::Stopped);
            }
            let shared = &self.engine.shared;
            tokio::select! {
                biased;
                () = shared.lifecycle.stopped.cancelled() => {}
                _ = changed.changed() => {}
                () = shared.sleep(POLL_INTERVAL) => {}
            }
        }
    }

    /// Reads the crawl, and the jobs that ended since the last time.
    async fn refresh(&mut self) -> Result<(), EngineError> {
        // First: every end that it counts can be read afterwards.
        self.record = self.engine.crawl_record(self.id()).await?;
        let shared = &self.engine.shared;
        let batches = shared.crawl_batches(&self.record, self.chunks).await?;
        for batch in batches.into_iter().map_while(|it| it) {
            match self.engine.job_ids(batch).await {
                Ok(ids) => self.waiting.extend(ids),
                // The crawl is being removed.
                Err(EngineError::BatchNotFound(_)) => {}
                Err(error) => return Err(error),
            }
            self.chunks += 1;
        }
        let ended = ended(self.record.tally);
        if ended <= self.returned + u32::try_from(self.ready.len()).unwrap_or(u32::MAX) {
            return Ok(());
        }
        let mut left = Vec::new();
        for ids in self.waiting.chunks(JOBS_AT_ONCE) {
            let jobs = self.engine.jobs_with_ids(ids).await?;
            for job in jobs {
                match job.crawl.and_then(|it| it.order) {
                    Some(order) if order > self.returned => {
                        self.ready.insert(order, job.id);
                    }
                    Some(_) => {}
                    None => left.push(job.id),
                }
            }
        }
        self.waiting = left;
        Ok(())
    }
}
