//! Claims crawls that are due and advances each: discovers, reads links, submits batches.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{self, JoinSet};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use crate::core::crawl::{CrawlChunk, CrawlPage, CrawlRecord, StopReason, Wait};
use crate::core::id::{AccountId, JobId};
use crate::core::job::Fence;
use crate::core::record::{Key, Queue, Record};
use crate::core::request::{Item, JobRequest};
use crate::engine::changes::{Accept, NotAccepted};
use crate::engine::crawl::changes::{Advance, AdvanceCrawl, NotAdvanced, SitemapsState};
use crate::engine::crawl::discovery::{self, Discovered, Discovery};
use crate::engine::crawl::frontier::{NewUrls, Selector};
use crate::engine::error::EngineError;
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
const CRAWLS_AT_ONCE: usize = 8;
/// The most of them that belong to one account, so that one with many crawls leaves room for others.
const PER_ACCOUNT: usize = 4;
/// The most claimed crawls that wait for another one of their account.
const MAX_PARKED: usize = 32;
/// The time that a step may take, for which a parked crawl needs a lease.
const FOR_STEP: Duration = Duration::from_mins(1);
/// Pages whose links are read in one commit.
const PAGES_AT_ONCE: usize = 64;
/// The time after which a crawl whose step failed is tried again.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// The time after which a crawl is claimed again whose account has as many claimed crawls as it may.
const BEFORE_TURN: Duration = Duration::from_secs(10);

/// The crawls that this process has claimed.
#[derive(Default)]
struct Claimed {
    running: JoinSet<()>,
    /// The accounts of the crawls that are being advanced.
    accounts: HashMap<task::Id, AccountId>,
    /// The crawls that wait for another one of their account.
    parked: VecDeque<CrawlRecord>,
}

impl Claimed {
    fn room(&self) -> usize {
        CRAWLS_AT_ONCE.saturating_sub(self.running.len())
    }

    fn has_room_for(&self, account: &AccountId) -> bool {
        let own = self.accounts.values().filter(|it| *it == account).count();
        self.room() > 0 && own < PER_ACCOUNT
    }

    /// Advances a crawl, or parks it if its account has as many as it may. Beyond the limit, it is due again later, so that
    /// crawls of other accounts are claimed before it.
    fn add(&mut self, shared: &Arc<Shared>, crawl: CrawlRecord) {
        if !self.has_room_for(&crawl.account) {
            if self.parked.len() < MAX_PARKED {
                self.parked.push_back(crawl);
            } else {
                let until = Wait::Until(shared.now().after(BEFORE_TURN));
                self.running.spawn(put_back(Arc::clone(shared), crawl, until));
            }
            return;
        }
        let (account, span) = (crawl.account.clone(), tracing::info_span!("crawl", id = %crawl.id));
        let task = self.running.spawn(advance(Arc::clone(shared), crawl).instrument(span));
        self.accounts.insert(task.id(), account);
    }

    /// Forgets a task that has ended, and advances a crawl that waited for it.
    fn ended(&mut self, shared: &Arc<Shared>, task: task::Id) {
        self.accounts.remove(&task);
        let enough = shared.now().after(FOR_STEP);
        let parked = std::mem::take(&mut self.parked);
        let (parked, late): (VecDeque<_>, VecDeque<_>) =
            parked.into_iter().partition(|it| it.lease.is_some_and(|lease| lease.until > enough));
        self.parked = parked;
        for crawl in late {
            // Its lease could expire within the step.
            self.running.spawn(put_back(Arc::clone(shared), crawl, Wait::None));
        }
        let next = self.parked.iter().position(|it| self.has_room_for(&it.account));
        if let Some(crawl) = next.and_then(|it| self.parked.remove(it)) {
            self.add(shared, crawl);
        }
    }
}

/// Returns the id of a task that has ended, even if it panicked.
fn id_of(ended: Result<(task::Id, ()), task::JoinError>) -> task::Id {
    ended.map_or_else(|error| error.id(), |(id, ())| id)
}

/// Gives the lease of a claimed crawl back.
async fn put_back(shared: Arc<Shared>, crawl: CrawlRecord, wait: Wait) {
    let fence = Fence { worker: shared.worker, claim: crawl.claims };
    Step { shared: &shared, crawl, fence }.put_back(wait).await;
}

/// Advances crawls until the engine stops.
pub(in crate::engine) async fn run(shared: Arc<Shared>) {
    let mut all = Claimed::default();
    while !shared.lifecycle.stopping.is_cancelled() {
        while let Some(ended) = all.running.try_join_next_with_id() {
            all.ended(&shared, id_of(ended));
        }
        let claim = shared.claim(Queue::Crawls, lease(&shared), all.room());
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
            all.add(&shared, crawl);
        }
        if any {
            continue;
        }
        let has_room = all.room() > 0;
        let longest = if shared.peers.is_some() { POLL_INTERVAL } else { ALONE_INTERVAL };
        let due = shared.wait_for_due(Queue::Crawls, &shared.scheduling.crawls_ready, longest);
        tokio::select! {
            biased;
            () = shared.lifecycle.stopping.cancelled() => {}
            Some(ended) = all.running.join_next_with_id() => all.ended(&shared, id_of(ended)),
            () = due, if has_room => {}
        }
        shared.sleep_unless_stopping(CLAIM_INTERVAL).await;
    }
    for crawl in std::mem::take(&mut all.parked) {
        all.running.spawn(put_back(Arc::clone(&shared), crawl, Wait::None));
    }
    // A step that is running gives its lease back.
    while all.running.join_next().await.is_some() {}
}

/// Returns the duration of a lease, which outlasts what a claim reads of a site.
fn lease(shared: &Shared) -> Duration {
    shared.config.settings.lease.max(FOR_STEP * 2)
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
        Err(Stopped::Aborted) => step.put_back(Wait::None).await,
        Err(Stopped::Failed(error)) => {
            tracing::error!(%error, "advancing a crawl failed");
            step.put_back(step.after_failure()).await;
        }
        Err(Stopped::Waiting(reason)) => {
            tracing::info!(%reason, "a crawl waits");
            step.put_back(step.after_failure()).await;
        }
    }
    if step.crawl.ended_at.is_some() {
        tracing::info!(status = step.crawl.status().as_str(), "crawl ended");
        shared.scheduling.crawls.forget(id);
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
        let mut continues = None;
        if !self.crawl.is_seeded {
            continues = self.seed().await?;
        }
        let mut wait = self.submit().await?;
        while !self.crawl.unread.is_empty() && self.crawl.stop.is_none() {
            let trouble = self.read().await?;
            wait = self.submit().await?;
            if let Some(reason) = trouble {
                return Err(Stopped::Waiting(reason));
            }
        }
        if self.crawl.lease.is_none() {
            // It has ended or was stopped.
            return Ok(());
        }
        let until = continues.map(|it| Wait::Until(self.shared.now().after(it)));
        self.commit(Advance::Release(until.unwrap_or(wait))).await
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
    async fn put_back(&mut self, wait: Wait) {
        for _ in 0..2 {
            match self.commit(Advance::Release(wait)).await {
                Ok(()) | Err(Stopped::Stale) => return,
                Err(_) => self.shared.sleep_unless_stopping(AFTER_FAILURE).await,
            }
        }
        tracing::debug!("the crawl was not put back: its lease expires");
    }

    /// Returns the wait before a step that failed is tried again.
    fn after_failure(&self) -> Wait {
        Wait::Until(self.shared.now().after(AFTER_FAILURE))
    }

    /// Reads robots.txt and the sitemaps, and admits the start page and those that the sitemaps name. Returns the time after
    /// which the discovery continues, unless it has come to its end.
    async fn seed(&mut self) -> Result<Option<Duration>, Stopped> {
        let (shared, crawl) = (self.shared, self.crawl.clone());
        let discoveries = &shared.scheduling.crawls.discoveries;
        let began = || Discovery::new(shared, &crawl);
        let mut discovery = discoveries.take(crawl.id).unwrap_or_else(began);
        let mut selector = Selector::new(shared, &crawl, discovery::PER_CLAIM).await?;
        let mut new = NewUrls::default();
        let discovered = discovery.advance(shared, &crawl, &mut selector, &mut new).await;
        let warnings = selector.take_warnings();
        selector.keep();
        let continues = match discovered {
            Discovered::Disallowed => {
                return self.stop(StopReason::Robots, warnings).await.map(|()| None);
            }
            // Its time begins once robots.txt is known.
            Discovered::Unknown(trouble) => return Err(Stopped::Waiting(trouble)),
            Discovered::All => None,
            Discovered::Some(wait) => Some(wait),
        };
        if continues.is_none() && new.urls.is_empty() && crawl.admitted == 0 {
            return self.stop(StopReason::NoSitemap, warnings).await.map(|()| None);
        }
        let sitemaps = match continues {
            Some(_) => SitemapsState::Left,
            None => SitemapsState::Read,
        };
        // A discovery whose pages were not admitted begins again.
        self.admit(Vec::new(), new, warnings, sitemaps).await?;
        let continues = continues.filter(|_| !self.crawl.is_seeded);
        if continues.is_some() {
            discoveries.put(crawl.id, discovery);
        }
        Ok(continues)
    }

    /// Reads the links of some pages and admits those that are new. Returns the reason if none of the pages could be read to
    /// the end.
    async fn read(&mut self) -> Result<Option<String>, Stopped> {
        let crawl = self.crawl.clone();
        let mut selector = Selector::new(self.shared, &crawl, discovery::PER_CLAIM).await?;
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
                // The links that were added are known when the page is read again.
                Some(found) => drop(trouble.get_or_insert(found)),
                None => read.push(page.job),
            }
        }
        let trouble = trouble.filter(|_| read.is_empty());
        let warnings = selector.take_warnings();
        selector.keep();
        if trouble.is_none() || !new.urls.is_empty() {
            self.admit(read, new, warnings, SitemapsState::Left).await?;
        }
        Ok(trouble)
    }

    /// Admits URLs, and marks the pages that named them as read.
    async fn admit(
        &mut self,
        read: Vec<JobId>,
        new: NewUrls,
        warnings: Vec<String>,
        sitemaps: SitemapsState,
    ) -> Result<(), Stopped> {
        let chunks = self.crawl.chunks;
        self.commit(Advance::Admit { read, urls: new.urls, chunks, warnings, sitemaps }).await
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
