//! Claims crawls that are due and advances each: discovers, reads links, submits batches.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use crate::core::crawl::{CrawlChunk, CrawlPage, CrawlRecord, SitemapUse, StopReason, Wait};
use crate::core::id::JobId;
use crate::core::job::Fence;
use crate::core::record::{Key, Queue, Record};
use crate::core::request::{Item, JobRequest};
use crate::engine::changes::{Accept, NotAccepted};
use crate::engine::crawl::changes::{Advance, AdvanceCrawl, NotAdvanced};
use crate::engine::crawl::frontier::{NewUrls, Selector};
use crate::engine::error::EngineError;
use crate::engine::map::address::Address;
use crate::engine::map::sitemap::Search;
use crate::engine::robots;
use crate::engine::shared::Shared;
use crate::engine::submit::Batch;
use crate::engine::subrequest;

/// The longest sleep of the loop if another process may have put something into the store.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The longest sleep of the loop if no other process uses the store.
const ALONE_INTERVAL: Duration = Duration::from_secs(30);
/// The shortest time between two claims, which each end of a page would cause.
const CLAIM_INTERVAL: Duration = Duration::from_millis(20);
/// Crawls that are advanced at the same time.
const CRAWLS_AT_ONCE: usize = 4;
/// Pages whose links are read in one commit.
const PAGES_AT_ONCE: usize = 64;
/// The time limit of reading a site's robots.txt and sitemaps in one step.
const DISCOVERY: Duration = Duration::from_secs(20);
/// The time after which a crawl whose step failed is tried again.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Advances crawls until the engine stops.
pub(in crate::engine) async fn run(shared: Arc<Shared>) {
    let mut running = JoinSet::new();
    while !shared.lifecycle.stopping.is_cancelled() {
        while running.try_join_next().is_some() {}
        let limit = CRAWLS_AT_ONCE.saturating_sub(running.len());
        let claim = shared.claim(Queue::Crawls, lease(&shared), limit);
        let claimed = match shared.claim_due(claim).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::error!(%error, "claiming crawls failed");
                shared.sleep_unless_stopping(POLL_INTERVAL).await;
                continue;
            }
        };
        let any = !claimed.is_empty();
        for found in claimed {
            let Record::Crawl(crawl) = found.record.clone() else { continue };
            shared.writer.keep(found);
            let span = tracing::info_span!("crawl", id = %crawl.id);
            running.spawn(advance(Arc::clone(&shared), crawl).instrument(span));
        }
        if any {
            continue;
        }
        let has_room = running.len() < CRAWLS_AT_ONCE;
        let longest = if shared.peers.is_some() { POLL_INTERVAL } else { ALONE_INTERVAL };
        let due = shared.wait_for_due(Queue::Crawls, &shared.scheduling.crawls_ready, longest);
        tokio::select! {
            biased;
            () = shared.lifecycle.stopping.cancelled() => {}
            Some(_) = running.join_next() => {}
            () = due, if has_room => {}
        }
        shared.sleep_unless_stopping(CLAIM_INTERVAL).await;
    }
    // A step that is running gives its lease back.
    while running.join_next().await.is_some() {}
}

/// Returns the duration of a lease, which outlasts the discovery of a site.
fn lease(shared: &Shared) -> Duration {
    shared.config.settings.lease.max(DISCOVERY * 2)
}

/// Advances a claimed crawl in a task of its own, so that a panic in an adapter of the application ends only this crawl.
async fn advance(shared: Arc<Shared>, crawl: CrawlRecord) {
    let fence = Fence { worker: shared.worker, claim: crawl.claims };
    let work = work(Arc::clone(&shared), crawl.clone(), fence);
    let task = AbortOnDropHandle::new(tokio::spawn(work.in_current_span()));
    if let Err(error) = task.await
        && error.is_panic()
    {
        tracing::error!("a fetcher or an extractor panicked: the crawl ends early");
        let mut step = Step { shared: &shared, crawl, fence };
        let _ = step.stop(StopReason::InternalError, Vec::new()).await;
    }
    shared.crawl_changed();
}

async fn work(shared: Arc<Shared>, crawl: CrawlRecord, fence: Fence) {
    let id = crawl.id;
    let mut step = Step { shared: &shared, crawl, fence };
    let done = tokio::select! {
        biased;
        done = step.run() => done,
        () = shared.lifecycle.stopping.cancelled() => Err(Stopped::Aborted),
    };
    match done {
        Ok(()) | Err(Stopped::Stale) => {}
        Err(Stopped::Aborted) => step.put_back().await,
        Err(Stopped::Failed(error)) => {
            tracing::error!(%error, "advancing a crawl failed");
            shared.sleep_unless_stopping(AFTER_FAILURE).await;
            step.put_back().await;
        }
        Err(Stopped::Waiting(reason)) => {
            tracing::info!(%reason, "a crawl waits");
            shared.sleep_unless_stopping(AFTER_FAILURE).await;
            step.put_back().await;
        }
    }
    if step.crawl.ended_at.is_some() {
        tracing::info!(status = step.crawl.status().as_str(), "crawl ended");
        shared.scheduling.crawls.seen.forget(id);
        shared.scheduling.crawls.waiting.end(id);
        shared.scheduling.notifications_ready.notify_one();
    }
}

/// The reason why a step did not get to its end.
enum Stopped {
    /// Another process holds the crawl, or it was canceled.
    Stale,
    /// The engine stops.
    Aborted,
    Failed(EngineError),
    /// Something that the step needs cannot be read for now.
    Waiting(String),
}

impl From<EngineError> for Stopped {
    fn from(error: EngineError) -> Self {
        Self::Failed(error)
    }
}

/// The work of one claim of a crawl.
struct Step<'a> {
    shared: &'a Shared,
    /// The newest known state.
    crawl: CrawlRecord,
    fence: Fence,
}

impl Step<'_> {
    async fn run(&mut self) -> Result<(), Stopped> {
        if self.crawl.stop == Some(StopReason::Canceled) {
            // Whoever canceled it may have died before its batches were canceled.
            self.shared.cancel_open_batches(&self.crawl).await?;
            return self.commit(Advance::Release(Wait::None)).await;
        }
        if !self.crawl.is_seeded {
            self.seed().await?;
        }
        let mut wait = self.submit().await?;
        while !self.crawl.unread.is_empty() && self.crawl.stop.is_none() {
            self.read().await?;
            wait = self.submit().await?;
        }
        if self.crawl.lease.is_none() {
            // It has ended or was stopped.
            return Ok(());
        }
        self.commit(Advance::Release(wait)).await
    }

    /// Applies a part of the step.
    async fn commit(&mut self, advance: Advance) -> Result<(), Stopped> {
        // Only a batch is refused.
        self.apply(advance).await?.map_err(|_| Stopped::Stale)
    }

    /// Applies a part of the step, which an account or a budget may refuse.
    async fn apply(&mut self, advance: Advance) -> Result<Result<(), NotAccepted>, Stopped> {
        let (crawl, fence, ends) = (self.crawl.id, self.fence, self.shared.ends());
        match self.shared.writer.apply(AdvanceCrawl { crawl, fence, advance, ends }).await? {
            Ok(crawl) => {
                self.crawl = crawl;
                Ok(Ok(()))
            }
            Err(NotAdvanced::Stale) => Err(Stopped::Stale),
            Err(NotAdvanced::Refused(reason)) => Ok(Err(reason)),
        }
    }

    /// Stops the crawl: nothing more is read or submitted.
    async fn stop(&mut self, reason: StopReason, warnings: Vec<String>) -> Result<(), Stopped> {
        self.commit(Advance::Stop { reason, warnings }).await
    }

    /// Gives the lease back after a failure or before the engine stops.
    async fn put_back(&mut self) {
        if self.commit(Advance::Release(Wait::None)).await.is_err() {
            tracing::debug!("the crawl was not put back: its lease expires");
        }
    }

    /// Reads robots.txt and the sitemaps, and admits the start page and those that the sitemaps name.
    async fn seed(&mut self) -> Result<(), Stopped> {
        let crawl = self.crawl.clone();
        let mut selector = Selector::new(self.shared, &crawl, DISCOVERY).await?;
        let Some(start) = Address::parse(crawl.template.page().as_str()) else {
            return self.stop(StopReason::NoSitemap, Vec::new()).await;
        };
        let mut new = NewUrls::default();
        let is_only = crawl.rules.sitemap == SitemapUse::Only;
        if !is_only {
            if !selector.is_allowed(&start).await {
                if let Some(trouble) = selector.take_trouble() {
                    return Err(Stopped::Waiting(trouble));
                }
                return self.stop(StopReason::Robots, selector.warnings).await;
            }
            new.start(&start);
        }
        let mut warnings = Vec::new();
        if crawl.rules.sitemap != SitemapUse::Skip && new.urls.len() < crawl.room() as usize {
            let robots =
                robots::rules(self.shared, crawl.template.page(), selector.time_left()).await;
            let robots = robots.ok().flatten().map(|it| it.robots).unwrap_or_default();
            let found = {
                let wants = |address: &Address| selector.is_in_scope(address);
                let search = Search {
                    start: &start,
                    robots: &robots,
                    path: crawl.rules.sitemap_path.as_deref(),
                    wants: &wants,
                    limit: crawl.room() as usize,
                    deadline: selector.time_left(),
                };
                search.run(self.shared).await
            };
            warnings = found.warnings;
            // A page of a sitemap is as near as a link of the start page.
            let depth = u16::from(crawl.rules.max_depth > 0 && !is_only);
            let pages = found.pages.into_iter().map(|it| (it.address, depth));
            selector.select(pages, &mut new).await;
        }
        if let Some(trouble) = selector.take_trouble() {
            return Err(Stopped::Waiting(trouble));
        }
        warnings.append(&mut selector.warnings);
        selector.keep();
        self.shared.scheduling.crawls.waiting.end(crawl.id);
        if new.urls.is_empty() {
            return self.stop(StopReason::NoSitemap, warnings).await;
        }
        let (read, chunks) = (Vec::new(), crawl.chunks);
        self.commit(Advance::Admit { read, urls: new.urls, chunks, warnings }).await
    }

    /// Reads the links of some pages and admits those that are new.
    async fn read(&mut self) -> Result<(), Stopped> {
        let crawl = self.crawl.clone();
        let mut selector = Selector::new(self.shared, &crawl, DISCOVERY).await?;
        let mut new = NewUrls::default();
        let mut read: Vec<JobId> = Vec::new();
        let mut trouble = None;
        for page in crawl.unread.iter().take(PAGES_AT_ONCE) {
            if !read.is_empty() && selector.time_left().is_zero() {
                // The others are read in the next round, with time of their own.
                break;
            }
            if crawl.follows(page.depth) {
                let links = selector.links(page).await;
                selector.select(links, &mut new).await;
            }
            match selector.take_trouble() {
                // The links that were added before it are known when the page is read again.
                Some(found) => drop(trouble.get_or_insert(found)),
                None => read.push(page.job),
            }
        }
        if let Some(trouble) = trouble {
            if read.is_empty() {
                return Err(Stopped::Waiting(trouble));
            }
        } else {
            self.shared.scheduling.crawls.waiting.end(crawl.id);
        }
        let (chunks, warnings) = (crawl.chunks, std::mem::take(&mut selector.warnings));
        selector.keep();
        self.commit(Advance::Admit { read, urls: new.urls, chunks, warnings }).await
    }

    /// Submits the next chunks while there is room for them.
    async fn submit(&mut self) -> Result<Wait, Stopped> {
        while self.crawl.may_submit() {
            let key = Key::CrawlChunk(self.crawl.id, self.crawl.submitted);
            let Some(Record::CrawlChunk(chunk)) = self.shared.load(key).await? else {
                return Err(Stopped::Stale);
            };
            if !self.submit_chunk(chunk).await? {
                return Ok(Wait::ForCredits);
            }
        }
        Ok(Wait::None)
    }

    /// Submits as much of a chunk as the credits cover. Returns `false` if that is nothing: the crawl waits for the holds of
    /// its other jobs, or ends.
    async fn submit_chunk(&mut self, chunk: CrawlChunk) -> Result<bool, Stopped> {
        let requests = self.requests(&chunk);
        let whole = self.accepting(requests.clone(), &chunk);
        let estimates: Vec<_> = whole.jobs.iter().map(|it| it.hold).collect();
        let mut count = self.crawl.affordable(&estimates);
        while count > 0 {
            let accept = Box::new(self.accepting(requests[..count].to_vec(), &chunk));
            let submit = Advance::Submit { chunk: chunk.clone(), count, accept };
            match self.apply(submit).await? {
                Ok(()) => {
                    metrics::counter!("rungs_jobs_submitted").increment(count as u64);
                    self.shared.scheduling.jobs_ready.notify_one();
                    return Ok(true);
                }
                // The account or the budget of its label covers less.
                Err(reason) => {
                    tracing::debug!(?reason, count, "a batch of a crawl was refused");
                    count /= 2;
                }
            }
        }
        if self.crawl.open_jobs() == 0 {
            self.stop(StopReason::OutOfCredits, Vec::new()).await?;
        }
        Ok(false)
    }

    /// Returns the requests of a chunk, whose URLs were checked when they were admitted.
    fn requests(&self, chunk: &CrawlChunk) -> Vec<JobRequest> {
        let template = &self.crawl.template;
        let request = |url: &str| {
            subrequest::for_crawl(template, url).unwrap_or_else(|_| (**template).clone())
        };
        chunk.urls.iter().map(|it| request(&it.url)).collect()
    }

    fn accepting(&self, requests: Vec<JobRequest>, chunk: &CrawlChunk) -> Accept {
        let crawl = &self.crawl;
        let mut batch =
            Batch::new(Vec::<Item>::new()).account(crawl.account.clone()).priority(crawl.priority);
        if let Some(label) = &crawl.label {
            batch = batch.label(label.clone());
        }
        if let Some(budget) = crawl.budget {
            batch = batch.budget(budget);
        }
        if let Some(trace) = &crawl.trace {
            batch = batch.trace((**trace).clone());
        }
        let mut accept = self.shared.accepting(batch, requests);
        accept.batch.crawl = Some(crawl.id);
        for (job, url) in accept.jobs.iter_mut().zip(&chunk.urls) {
            job.crawl = Some(CrawlPage::new(crawl.id, url.depth));
        }
        accept
    }
}
