//! The records of a store, their keys, and the queues in which they fall due.

use serde::{Deserialize, Serialize};

use crate::core::batch::{BatchJobs, BatchRecord, Notification, NotificationState};
use crate::core::crawl::{CrawlChunk, CrawlRecord};
use crate::core::extraction::ExtractionRecord;
use crate::core::id::{
    AccountId, BatchId, CrawlId, ExtractionId, JobId, NotificationId, SessionId, WorkerId,
};
use crate::core::job::{BodyRef, Job, JobState, Lease};
use crate::core::ladder::SiteProfile;
use crate::core::ledger::{Account, GrantRecord, LedgerEntry};
use crate::core::session::SealedSession;
use crate::core::slots::Slot;
use crate::core::tier::Tier;
use crate::core::time::{Day, Timestamp};
use crate::core::url::site_of;
use crate::core::usage::DailyUsage;
use crate::core::validators::Validators;
use crate::core::worker::WorkerRecord;

pub use crate::core::claims::claim::{Claim, ClaimClock};

/// The record of an idempotency key that was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IdempotencyRecord {
    /// The account that submitted the batch.
    pub account: AccountId,
    /// The key.
    pub key: String,
    /// The SHA-256 digest of the submission.
    #[serde(with = "digest_bytes")]
    pub digest: [u8; 32],
    /// The batch that the submission created.
    pub batch: BatchId,
}

/// A digest: 32 numbers in a readable format such as JSON, 32 bytes in a binary one.
mod digest_bytes {
    use std::fmt;

    use serde::de::{self, Visitor};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(digest: &[u8; 32], to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() { digest.serialize(to) } else { to.serialize_bytes(digest) }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 32], D::Error> {
        struct Digest;

        impl Visitor<'_> for Digest {
            type Value = [u8; 32];

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("32 bytes")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<[u8; 32], E> {
                bytes.try_into().map_err(|_| E::invalid_length(bytes.len(), &self))
            }
        }

        if from.is_human_readable() {
            <[u8; 32]>::deserialize(from)
        } else {
            from.deserialize_bytes(Digest)
        }
    }
}

/// An entry of the response cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CacheEntry {
    /// The SHA-256 digest of everything that the result depends on.
    #[serde(with = "digest_bytes")]
    pub digest: [u8; 32],
    /// The reference to the result; `None` if the last fetch showed only that the page had not changed.
    pub body: Option<BodyRef>,
    /// The tier that fetched the page.
    pub tier: Tier,
    /// The time of the fetch.
    pub fetched_at: Timestamp,
    /// The time from which the entry serves no result by itself.
    pub expires_at: Timestamp,
    /// The hash of the page's main content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_hash: Option<String>,
    /// The validators for a conditional request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validators: Option<Validators>,
    /// The time at which the entry is removed, if it is kept for its validators. Defaults to `expires_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<Timestamp>,
}

impl CacheEntry {
    /// Returns the time at which the entry is removed.
    fn removed_at(&self) -> Timestamp {
        self.kept_until.map_or(self.expires_at, |it| it.max(self.expires_at))
    }
}

/// The membership of a batch in an account, by which the batches of an account are listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountBatch {
    /// The account.
    pub account: AccountId,
    /// The batch.
    pub batch: BatchId,
}

/// The key of a record. Keys sort by kind, then by their parts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// An account.
    Account(AccountId),
    /// A batch; newer ones are greater.
    Batch(BatchId),
    /// A ledger entry of a batch, by its number.
    LedgerEntry(BatchId, u32),
    /// A job.
    Job(JobId),
    /// A notification of the outbox.
    Notification(NotificationId),
    /// A site's profile, by site.
    Site(String),
    /// An idempotency key of an account.
    IdempotencyRecord(AccountId, String),
    /// An entry of the response cache, by digest.
    CacheEntry([u8; 32]),
    /// A batch of an account; newer ones are greater.
    AccountBatch(AccountId, BatchId),
    /// The usage of an account on a day.
    Usage(AccountId, Day),
    /// A grant to an account, by its key.
    Grant(AccountId, String),
    /// The list of a batch's jobs.
    BatchJobs(BatchId),
    /// A process that claims.
    Worker(WorkerId),
    /// An extraction of an account; newer ones are greater.
    Extraction(AccountId, ExtractionId),
    /// A crawl; newer ones are greater.
    Crawl(CrawlId),
    /// A part of a crawl's URLs, by its number.
    CrawlChunk(CrawlId, u32),
    /// A stored session of an account; newer ones are greater.
    Session(AccountId, SessionId),
}

/// The kind of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RecordKind {
    /// Accounts.
    Account = 1,
    /// Batches.
    Batch = 2,
    /// Ledger entries.
    LedgerEntry = 3,
    /// Jobs.
    Job = 4,
    /// Notifications.
    Notification = 5,
    /// Site profiles.
    Site = 6,
    /// Idempotency keys.
    IdempotencyRecord = 7,
    /// Entries of the response cache.
    CacheEntry = 8,
    /// Batches by account.
    AccountBatch = 9,
    /// Daily usage.
    Usage = 10,
    /// Grants.
    Grant = 11,
    /// Lists of a batch's jobs.
    BatchJobs = 12,
    /// Processes that claim from a shared store.
    Worker = 13,
    /// Extractions from supplied documents.
    Extraction = 14,
    /// Crawls.
    Crawl = 15,
    /// Parts of the URLs of crawls.
    CrawlChunk = 16,
    /// Stored sessions.
    Session = 17,
}

impl RecordKind {
    /// All kinds.
    pub const ALL: [Self; 17] = [
        Self::Account,
        Self::Batch,
        Self::LedgerEntry,
        Self::Job,
        Self::Notification,
        Self::Site,
        Self::IdempotencyRecord,
        Self::CacheEntry,
        Self::AccountBatch,
        Self::Usage,
        Self::Grant,
        Self::BatchJobs,
        Self::Worker,
        Self::Extraction,
        Self::Crawl,
        Self::CrawlChunk,
        Self::Session,
    ];
}

impl Key {
    /// Returns the kind.
    pub fn kind(&self) -> RecordKind {
        match self {
            Self::Account(_) => RecordKind::Account,
            Self::Batch(_) => RecordKind::Batch,
            Self::LedgerEntry(..) => RecordKind::LedgerEntry,
            Self::Job(_) => RecordKind::Job,
            Self::Notification(_) => RecordKind::Notification,
            Self::Site(_) => RecordKind::Site,
            Self::IdempotencyRecord(..) => RecordKind::IdempotencyRecord,
            Self::CacheEntry(_) => RecordKind::CacheEntry,
            Self::AccountBatch(..) => RecordKind::AccountBatch,
            Self::Usage(..) => RecordKind::Usage,
            Self::Grant(..) => RecordKind::Grant,
            Self::BatchJobs(_) => RecordKind::BatchJobs,
            Self::Worker(_) => RecordKind::Worker,
            Self::Extraction(..) => RecordKind::Extraction,
            Self::Crawl(_) => RecordKind::Crawl,
            Self::CrawlChunk(..) => RecordKind::CrawlChunk,
            Self::Session(..) => RecordKind::Session,
        }
    }

    /// Returns the key as bytes: the kind, then parts that sort like the key. Different keys have
    /// different bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.kind() as u8];
        match self {
            Self::Account(id) => bytes.extend(id.as_str().as_bytes()),
            Self::Batch(id) | Self::BatchJobs(id) => bytes.extend(id.as_bytes()),
            Self::LedgerEntry(id, number) => {
                bytes.extend(id.as_bytes());
                bytes.extend(number.to_be_bytes());
            }
            Self::Job(id) => bytes.extend(id.as_bytes()),
            Self::Notification(id) => bytes.extend(id.as_bytes()),
            Self::Site(site) => bytes.extend(site.as_bytes()),
            Self::IdempotencyRecord(account, key) => {
                of_account(&mut bytes, account, key.as_bytes());
            }
            Self::CacheEntry(digest) => bytes.extend(digest),
            Self::AccountBatch(account, batch) => of_account(&mut bytes, account, batch.as_bytes()),
            Self::Usage(account, day) => of_account(&mut bytes, account, &day.to_bytes()),
            Self::Grant(account, key) => of_account(&mut bytes, account, key.as_bytes()),
            Self::Worker(id) => bytes.extend(id.0.to_be_bytes()),
            Self::Extraction(account, id) => of_account(&mut bytes, account, id.as_bytes()),
            Self::Crawl(id) => bytes.extend(id.as_bytes()),
            Self::CrawlChunk(id, number) => {
                bytes.extend(id.as_bytes());
                bytes.extend(number.to_be_bytes());
            }
            Self::Session(account, id) => of_account(&mut bytes, account, id.as_bytes()),
        }
        bytes
    }
}

/// Appends an account's name and a part of its own. Names contain no control characters, so the zero
/// byte ends the name.
fn of_account(bytes: &mut Vec<u8>, account: &AccountId, rest: &[u8]) {
    bytes.extend(account.as_str().as_bytes());
    bytes.push(0);
    bytes.extend(rest);
}

/// A queue of records that fall due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Queue {
    /// Jobs to claim, and leases that expire.
    Jobs = 1,
    /// Notifications to deliver.
    Notifications = 2,
    /// Records to remove.
    Expiry = 3,
    /// Crawls with something to read or to submit, and leases that expire.
    Crawls = 4,
}

impl Queue {
    /// All queues.
    pub const ALL: [Self; 4] = [Self::Jobs, Self::Notifications, Self::Expiry, Self::Crawls];
}

/// A record of a store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// An account.
    Account(Account),
    /// A batch.
    Batch(BatchRecord),
    /// A ledger entry.
    #[serde(rename = "Entry")]
    LedgerEntry(LedgerEntry),
    /// A job.
    Job(Job),
    /// A notification.
    #[serde(rename = "Notice")]
    Notification(Notification),
    /// A site's profile, by site.
    Site(SiteProfile),
    /// An idempotency key.
    #[serde(rename = "Submission")]
    IdempotencyRecord(IdempotencyRecord),
    /// An entry of the response cache.
    #[serde(rename = "Cached")]
    CacheEntry(CacheEntry),
    /// A batch of an account.
    #[serde(rename = "Owned")]
    AccountBatch(AccountBatch),
    /// The usage of an account on a day.
    Usage(DailyUsage),
    /// A grant to an account.
    Grant(GrantRecord),
    /// The list of a batch's jobs, unless the batch is small.
    BatchJobs(BatchJobs),
    /// A process that claims from a shared store.
    Worker(WorkerRecord),
    /// An extraction from a supplied document.
    Extraction(ExtractionRecord),
    /// A crawl.
    Crawl(CrawlRecord),
    /// A part of a crawl's URLs.
    CrawlChunk(CrawlChunk),
    /// A stored session, whose secret is sealed.
    Session(SealedSession),
}

impl Record {
    /// Returns the key.
    pub fn key(&self) -> Key {
        match self {
            Self::Account(it) => Key::Account(it.id().clone()),
            Self::Batch(it) => Key::Batch(it.id),
            Self::LedgerEntry(it) => Key::LedgerEntry(it.batch, it.number),
            Self::Job(it) => Key::Job(it.id),
            Self::Notification(it) => Key::Notification(it.id),
            Self::Site(it) => Key::Site(it.site.clone()),
            Self::IdempotencyRecord(it) => {
                Key::IdempotencyRecord(it.account.clone(), it.key.clone())
            }
            Self::CacheEntry(it) => Key::CacheEntry(it.digest),
            Self::AccountBatch(it) => Key::AccountBatch(it.account.clone(), it.batch),
            Self::Usage(it) => Key::Usage(it.account.clone(), it.day),
            Self::Grant(it) => Key::Grant(it.account.clone(), it.key.clone()),
            Self::BatchJobs(it) => Key::BatchJobs(it.batch),
            Self::Worker(it) => Key::Worker(it.id),
            Self::Extraction(it) => Key::Extraction(it.account.clone(), it.id),
            Self::Crawl(it) => Key::Crawl(it.id),
            Self::CrawlChunk(it) => Key::CrawlChunk(it.crawl, it.number),
            Self::Session(it) => Key::Session(it.session.account.clone(), it.session.id),
        }
    }

    /// Returns a batch and the ids of its jobs from the records that a store has for [`Key::Batch`] and
    /// [`Key::BatchJobs`], in this order. `None` without the batch.
    pub fn into_batch_and_jobs(
        records: impl IntoIterator<Item = Self>,
    ) -> Option<(BatchRecord, Vec<JobId>)> {
        let mut records = records.into_iter();
        let Some(Self::Batch(batch)) = records.next() else { return None };
        let jobs = match records.next() {
            Some(Self::BatchJobs(list)) => list.jobs,
            _ => batch.inline_jobs.clone(),
        };
        Some((batch, jobs))
    }

    /// Returns the queue and the time at which the record is due next. A store keeps this as an index.
    pub fn due(&self) -> Option<(Queue, Timestamp)> {
        let leased = |ready: Timestamp, lease: &Option<Lease>| lease.map_or(ready, |it| it.until);
        match self {
            Self::Job(job) => match job.state {
                JobState::Queued => Some((Queue::Jobs, job.ready_at)),
                JobState::Processing => Some((Queue::Jobs, leased(job.ready_at, &job.lease))),
                JobState::Succeeded | JobState::Failed => None,
            },
            Self::Notification(it) => (it.state == NotificationState::Pending)
                .then(|| (Queue::Notifications, leased(it.ready_at, &it.lease))),
            Self::Batch(batch) => batch.expires_at.map(|at| (Queue::Expiry, at)),
            Self::CacheEntry(it) => Some((Queue::Expiry, it.removed_at())),
            Self::Usage(it) => Some((Queue::Expiry, it.expires_at())),
            Self::Worker(it) => Some((Queue::Expiry, it.expires_at())),
            Self::Extraction(it) => Some((Queue::Expiry, it.expires_at)),
            Self::Crawl(it) => match it.expires_at {
                Some(at) => Some((Queue::Expiry, at)),
                None => it.due().map(|at| (Queue::Crawls, at)),
            },
            Self::Account(_)
            | Self::LedgerEntry(_)
            | Self::Site(_)
            | Self::IdempotencyRecord(_)
            | Self::AccountBatch(_)
            | Self::Grant(_)
            | Self::BatchJobs(_)
            | Self::CrawlChunk(_)
            | Self::Session(_) => None,
        }
    }

    /// Returns the queue that other processes should check after the record was written at `now`: for a job, a
    /// notification or a crawl that is due and free, or a batch that has ended. A shared store calls it for `Store::changed`.
    pub fn wakes(&self, now: Timestamp) -> Option<Queue> {
        let is_free = match self {
            Self::Job(job) => job.lease.is_none(),
            Self::Notification(it) => it.lease.is_none(),
            Self::Batch(batch) => {
                return batch.expires_at.or(batch.ended_at).map(|_| Queue::Expiry);
            }
            Self::Crawl(it) => it.ended_at.is_none() && it.lease.is_none(),
            _ => false,
        };
        self.due().filter(|(_, at)| is_free && *at <= now).map(|(queue, _)| queue)
    }

    /// Returns the slot of the record, which never changes. A store that is shared keeps it beside [`Record::due`].
    ///
    /// Jobs have the slot of their site and notifications that of their receiver, so that one process paces all
    /// requests to a site. Other records have the slot of their key.
    pub fn slot(&self) -> Slot {
        let site = match self {
            Self::Job(job) => Some(job.request.page().site()),
            Self::Notification(it) => it.url.as_deref().and_then(site_of),
            _ => None,
        };
        match site {
            Some(site) => Slot::of(site.as_bytes()),
            None => Slot::of(&self.key().to_bytes()),
        }
    }

    /// Returns the record under the lease of `claim`, or `None` if its kind has no leases. A store then returns the
    /// record unchanged and writes nothing.
    #[must_use]
    pub fn claimed(&self, claim: &Claim) -> Option<Self> {
        match self {
            Self::Job(job) => job.claimed(claim.worker, claim.now, claim.until).map(Self::Job),
            Self::Notification(notice) => {
                let lease = Some(Lease { worker: claim.worker, until: claim.until });
                Some(Self::Notification(Notification { lease, ..notice.clone() }))
            }
            Self::Crawl(crawl) => crawl.claimed(claim.worker, claim.until).map(Self::Crawl),
            _ => None,
        }
    }

    /// Returns the record without the lease of a process that is gone, or `None` if it has none.
    #[must_use]
    pub fn abandoned(&self, now: Timestamp) -> Option<Self> {
        match self {
            Self::Job(job) => job.abandoned(now).map(Self::Job),
            Self::Crawl(crawl) => crawl.abandoned(now).map(Self::Crawl),
            Self::Notification(notice) => {
                notice.lease?;
                Some(Self::Notification(Notification {
                    lease: None,
                    ready_at: now,
                    ..notice.clone()
                }))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
