//! The changes that crawls make to records.

use std::sync::Arc;
use std::time::Duration;

use crate::core::crawl::{CrawlChunk, CrawlRecord, CrawlUrl, PageEnd, StopReason, Wait};
use crate::core::credits::Credits;
use crate::core::id::{BatchId, CrawlId, JobId};
use crate::core::job::{Fence, Job, Outcome};
use crate::core::record::{IdempotencyRecord, Key, Record};
use crate::core::time::Timestamp;
use crate::engine::changes::{Accept, NotAccepted};
use crate::engine::error::EngineError;
use crate::engine::shared::Shared;
use crate::engine::writer::{Change, Draft};
use crate::ports::notify::NotificationFormat;

/// Everything that the end of a crawl needs.
#[derive(Clone, Debug)]
pub(super) struct Ends {
    /// The time for which a crawl is kept after its end.
    pub(super) retention: Duration,
    /// Writes the body of its notification.
    pub(super) format: Arc<dyn NotificationFormat>,
}

fn crawl_of(draft: &Draft, id: CrawlId) -> Option<&CrawlRecord> {
    match draft.get(&Key::Crawl(id))? {
        Record::Crawl(crawl) => Some(crawl),
        _ => None,
    }
}

/// Writes a crawl, which ends if nothing is left to do. Returns `true` if it has ended.
fn put(
    draft: &mut Draft,
    mut crawl: CrawlRecord,
    now: Timestamp,
    retention: Duration,
    format: &dyn NotificationFormat,
) -> bool {
    if let Some(completion) = crawl.settle(now, retention) {
        let body = format.body(&completion);
        draft.put(Record::Notification(crawl.notification(&completion, body)));
    }
    let has_ended = crawl.ended_at.is_some();
    draft.put(Record::Crawl(crawl));
    has_ended
}

/// Reports the end of a job to its crawl, if it has one. Returns `true` if the crawl has ended with it.
pub(in crate::engine) fn end_page(
    draft: &mut Draft,
    job: &mut Job,
    now: Timestamp,
    retention: Duration,
    format: &dyn NotificationFormat,
) -> bool {
    let Some(page) = &mut job.crawl else { return false };
    let Some(crawl) = crawl_of(draft, page.crawl) else { return false };
    let mut crawl = crawl.clone();
    let (charged, body) = match &job.outcome {
        Some(Outcome::Succeeded { charged, body, .. }) => (*charged, Some(body.clone())),
        _ => (Credits::ZERO, None),
    };
    let end =
        PageEnd { job: job.id, batch: job.batch, depth: page.depth, hold: job.hold, charged, body };
    page.order = Some(crawl.page_ended(end, now));
    put(draft, crawl, now, retention, format)
}

/// Creates a crawl, unless its idempotency key was used before.
#[derive(Debug)]
pub(super) struct Create {
    pub(super) crawl: CrawlRecord,
    /// The digest of the submission.
    pub(super) digest: [u8; 32],
}

fn key_of(crawl: &CrawlRecord) -> Option<Key> {
    let key = CrawlRecord::stored_key(crawl.idempotency_key.as_deref()?);
    Some(Key::IdempotencyRecord(crawl.account.clone(), key))
}

impl Create {
    /// Returns `true` if the idempotency key was used before. The first crawl is returned then, although it may hold the last
    /// credits of the account or its session may be gone.
    pub(super) async fn is_repeated(&self, shared: &Shared) -> Result<bool, EngineError> {
        let Some(key) = key_of(&self.crawl) else { return Ok(false) };
        Ok(shared.load(key).await?.is_some())
    }
}

impl Change for Create {
    /// The crawl: this one, or the one that an earlier submission with the same key created. The error is the crawl of a
    /// submission with other contents.
    type Out = Result<CrawlId, CrawlId>;

    fn keys(&self) -> Vec<Key> {
        let mut keys = vec![Key::Crawl(self.crawl.id)];
        keys.extend(key_of(&self.crawl));
        keys
    }

    fn apply(&self, draft: &mut Draft, _now: Timestamp) -> Self::Out {
        if let Some(key) = key_of(&self.crawl) {
            if let Some(Record::IdempotencyRecord(earlier)) = draft.get(&key) {
                let id = CrawlId::from_bytes(*earlier.batch.as_bytes());
                return if earlier.digest == self.digest { Ok(id) } else { Err(id) };
            }
            let Key::IdempotencyRecord(account, key) = key else { return Err(self.crawl.id) };
            let batch = BatchId::from_bytes(*self.crawl.id.as_bytes());
            let digest = self.digest;
            draft.put(Record::IdempotencyRecord(IdempotencyRecord { account, key, digest, batch }));
        }
        draft.put(Record::Crawl(self.crawl.clone()));
        Ok(self.crawl.id)
    }
}

/// The part of a step that a claim of a crawl takes.
#[derive(Debug)]
pub(super) enum Advance {
    /// Admits URLs that were not seen before, and marks the pages that named them as read.
    Admit {
        /// The pages whose links were read.
        read: Vec<JobId>,
        /// The new URLs, each once.
        urls: Vec<CrawlUrl>,
        /// The number of chunks with which the URLs were compared.
        chunks: u32,
        /// Warnings of the discovery.
        warnings: Vec<String>,
        /// The state of the sitemaps afterwards.
        sitemaps: SitemapsState,
    },
    /// Submits the first `count` URLs of the next chunk as a batch.
    Submit {
        /// The chunk.
        chunk: CrawlChunk,
        /// The number of URLs.
        count: usize,
        /// The batch.
        accept: Box<Accept>,
    },
    /// Stops the crawl.
    Stop {
        /// The reason.
        reason: StopReason,
        /// Warnings of the discovery.
        warnings: Vec<String>,
    },
    /// Gives the lease back.
    Release(Wait),
}

/// The state of a site's sitemaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SitemapsState {
    /// All were read to the end.
    Read,
    /// Some may be left, unless an earlier step has read all.
    Left,
}

/// A step of a crawl under a claim.
#[derive(Debug)]
pub(super) struct AdvanceCrawl {
    pub(super) crawl: CrawlId,
    pub(super) fence: Fence,
    pub(super) advance: Advance,
    pub(super) ends: Ends,
}

/// The reason why a step changed nothing.
#[derive(Debug)]
pub(super) enum NotAdvanced {
    /// Another process holds the crawl, or it was canceled or has ended.
    Stale,
    /// The batch was refused.
    Refused(NotAccepted),
}

impl Change for AdvanceCrawl {
    /// The crawl afterwards.
    type Out = Result<CrawlRecord, NotAdvanced>;

    fn keys(&self) -> Vec<Key> {
        let mut keys = vec![Key::Crawl(self.crawl)];
        if let Advance::Submit { chunk, accept, .. } = &self.advance {
            keys.push(Key::CrawlChunk(self.crawl, chunk.number));
            keys.extend(accept.keys());
        }
        keys
    }

    fn apply(&self, draft: &mut Draft, now: Timestamp) -> Self::Out {
        let crawl = crawl_of(draft, self.crawl).filter(|it| it.is_held_by(self.fence));
        let Some(mut crawl) = crawl.cloned() else { return Err(NotAdvanced::Stale) };
        match &self.advance {
            Advance::Admit { read, urls, chunks, warnings, sitemaps } => {
                if crawl.chunks != *chunks {
                    return Err(NotAdvanced::Stale);
                }
                crawl.is_seeded |= *sitemaps == SitemapsState::Read;
                crawl.warn(warnings.iter().cloned());
                for chunk in crawl.admit(urls.clone()) {
                    draft.put(Record::CrawlChunk(chunk));
                }
                crawl.mark_read(read);
                // Sitemaps name pages for which there is no room.
                crawl.is_seeded |= crawl.room() == 0;
            }
            Advance::Submit { chunk, count, accept } => {
                let batch = accept.batch.id;
                if crawl.submitted != chunk.number || !crawl.may_submit() {
                    return Err(NotAdvanced::Stale);
                }
                accept.apply(draft, now).map_err(NotAdvanced::Refused)?;
                let (chunk, rest) = crawl.submit(chunk, *count, batch, accept.batch.estimate);
                draft.put(Record::CrawlChunk(chunk));
                if let Some(rest) = rest {
                    draft.put(Record::CrawlChunk(rest));
                }
            }
            Advance::Stop { reason, warnings } => {
                crawl.is_seeded = true;
                crawl.warn(warnings.iter().cloned());
                crawl.stop(*reason, now);
                crawl.lease = None;
            }
            Advance::Release(wait) => crawl.release(*wait, now),
        }
        put(draft, crawl, now, self.ends.retention, self.ends.format.as_ref());
        crawl_of(draft, self.crawl).cloned().ok_or(NotAdvanced::Stale)
    }
}

/// Cancels a crawl: nothing more is read or submitted. Its open batches are canceled afterwards.
#[derive(Debug)]
pub(super) struct CancelCrawl {
    pub(super) crawl: CrawlId,
    pub(super) ends: Ends,
}

impl Change for CancelCrawl {
    /// The crawl afterwards, and `true` if this call canceled it; `None` if there is no such crawl.
    type Out = Option<(CrawlRecord, bool)>;

    fn keys(&self) -> Vec<Key> {
        vec![Key::Crawl(self.crawl)]
    }

    fn apply(&self, draft: &mut Draft, now: Timestamp) -> Self::Out {
        let mut crawl = crawl_of(draft, self.crawl)?.clone();
        let is_live = crawl.ended_at.is_none() && crawl.stop != Some(StopReason::Canceled);
        if is_live {
            // An earlier reason does not matter to the caller, who wants it to end now.
            crawl.stop = None;
            crawl.is_seeded = true;
            crawl.stop(StopReason::Canceled, now);
            put(draft, crawl, now, self.ends.retention, self.ends.format.as_ref());
        }
        Some((crawl_of(draft, self.crawl)?.clone(), is_live))
    }
}

/// Removes a crawl and its chunks, whose batches were removed before.
#[derive(Debug)]
pub(super) struct ExpireCrawl {
    pub(super) crawl: CrawlRecord,
}

impl Change for ExpireCrawl {
    type Out = ();

    fn is_repeatable(&self) -> bool {
        true
    }

    fn keys(&self) -> Vec<Key> {
        let crawl = &self.crawl;
        let mut keys = vec![Key::Crawl(crawl.id), Key::Notification(crawl.event)];
        keys.extend((0..crawl.chunks).map(|it| Key::CrawlChunk(crawl.id, it)));
        keys.extend(key_of(crawl));
        keys
    }

    fn apply(&self, draft: &mut Draft, now: Timestamp) {
        let crawl = crawl_of(draft, self.crawl.id);
        if crawl.is_some_and(|it| it.expires_at.is_some_and(|at| at <= now)) {
            for key in self.keys() {
                draft.remove(&key);
            }
        }
    }
}

/// Returns the batches of a crawl that have not ended.
pub(super) fn open_batches(crawl: &CrawlRecord) -> Vec<BatchId> {
    crawl.open.iter().map(|it| it.batch).collect()
}
