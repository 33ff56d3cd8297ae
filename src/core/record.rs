//! What a store keeps: records by key, with the moment at which each next needs attention.

use serde::{Deserialize, Serialize};

use crate::core::batch::{BatchRecord, Notification, NotificationState};
use crate::core::id::{AccountId, BatchId, JobId, NotificationId, WorkerId};
use crate::core::job::{BodyRef, Job, JobState, Lease};
use crate::core::ladder::SiteProfile;
use crate::core::ledger::{Account, LedgerEntry};
use crate::core::tier::Tier;
use crate::core::time::{Day, Timestamp};
use crate::core::usage::DailyUsage;

/// A batch that was submitted with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRecord {
    /// Who submitted it.
    pub account: AccountId,
    /// With which key.
    pub key: String,
    /// SHA-256 of what was submitted.
    pub digest: [u8; 32],
    /// What came of it.
    pub batch: BatchId,
}

/// An answer that may serve again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheEntry {
    /// SHA-256 of everything that matters for the answer.
    pub digest: [u8; 32],
    /// Where the result is.
    pub body: BodyRef,
    /// The tier that got it.
    pub tier: Tier,
    /// When it was fetched.
    pub fetched_at: Timestamp,
    /// Until when it serves.
    pub expires_at: Timestamp,
}

/// That a batch is one of an account's, so that they are listed without looking at everyone's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountBatch {
    /// Whose it is.
    pub account: AccountId,
    /// Which.
    pub batch: BatchId,
}

/// A record's name. Keys order by kind, then by their parts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// An account.
    Account(AccountId),
    /// A batch; newer ones are greater.
    Batch(BatchId),
    /// A line of a batch's ledger.
    Entry(BatchId, u32),
    /// A job.
    Job(JobId),
    /// An event of the outbox.
    Notification(NotificationId),
    /// A site's profile.
    Site(String),
    /// An account's idempotency key.
    Submission(AccountId, String),
    /// An answer in the response cache.
    Cached([u8; 32]),
    /// A batch among those of its account; newer ones are greater.
    Owned(AccountId, BatchId),
    /// An account's day.
    Usage(AccountId, Day),
}

/// A key's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Accounts.
    Account = 1,
    /// Batches.
    Batch = 2,
    /// Ledger lines.
    Entry = 3,
    /// Jobs.
    Job = 4,
    /// Events.
    Notification = 5,
    /// Site profiles.
    Site = 6,
    /// Idempotency keys.
    Submission = 7,
    /// Cached answers.
    Cached = 8,
    /// Batches by account.
    Owned = 9,
    /// Accounts' days.
    Usage = 10,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::Account,
        Self::Batch,
        Self::Entry,
        Self::Job,
        Self::Notification,
        Self::Site,
        Self::Submission,
        Self::Cached,
        Self::Owned,
        Self::Usage,
    ];
}

impl Key {
    /// The key's kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Account(_) => Kind::Account,
            Self::Batch(_) => Kind::Batch,
            Self::Entry(..) => Kind::Entry,
            Self::Job(_) => Kind::Job,
            Self::Notification(_) => Kind::Notification,
            Self::Site(_) => Kind::Site,
            Self::Submission(..) => Kind::Submission,
            Self::Cached(_) => Kind::Cached,
            Self::Owned(..) => Kind::Owned,
            Self::Usage(..) => Kind::Usage,
        }
    }

    /// The key as bytes: the kind, then parts that order as the key does. No two keys share them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.kind() as u8];
        match self {
            Self::Account(id) => bytes.extend(id.as_str().as_bytes()),
            Self::Batch(id) => bytes.extend(id.as_bytes()),
            Self::Entry(id, number) => {
                bytes.extend(id.as_bytes());
                bytes.extend(number.to_be_bytes());
            }
            Self::Job(id) => bytes.extend(id.as_bytes()),
            Self::Notification(id) => bytes.extend(id.as_bytes()),
            Self::Site(site) => bytes.extend(site.as_bytes()),
            Self::Submission(account, key) => of_account(&mut bytes, account, key.as_bytes()),
            Self::Cached(digest) => bytes.extend(digest),
            Self::Owned(account, batch) => of_account(&mut bytes, account, batch.as_bytes()),
            Self::Usage(account, day) => of_account(&mut bytes, account, &day.to_bytes()),
        }
        bytes
    }
}

/// Appends an account's name and what is the account's. Names hold no control characters, so the zero
/// byte ends the name.
fn of_account(bytes: &mut Vec<u8>, account: &AccountId, rest: &[u8]) {
    bytes.extend(account.as_str().as_bytes());
    bytes.push(0);
    bytes.extend(rest);
}

/// A queue of things that fall due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Queue {
    /// Jobs to claim, and leases that run out.
    Jobs = 1,
    /// Events to deliver.
    Notifications = 2,
    /// Records to remove.
    Expiry = 3,
}

impl Queue {
    /// All queues.
    pub const ALL: [Self; 3] = [Self::Jobs, Self::Notifications, Self::Expiry];
}

/// A request for what is due in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Which queue.
    pub queue: Queue,
    /// Who asks.
    pub worker: WorkerId,
    /// The time it is.
    pub now: Timestamp,
    /// Until when the lease shall run.
    pub until: Timestamp,
    /// How many at most.
    pub limit: usize,
}

/// Anything a store keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// An account.
    Account(Account),
    /// A batch.
    Batch(BatchRecord),
    /// A ledger line.
    Entry(LedgerEntry),
    /// A job.
    Job(Job),
    /// An event.
    #[serde(rename = "Notice")]
    Notification(Notification),
    /// A site's profile.
    Site(SiteProfile),
    /// An idempotency key.
    Submission(IdempotencyRecord),
    /// A cached answer.
    Cached(CacheEntry),
    /// A batch of an account's.
    Owned(AccountBatch),
    /// An account's day.
    Usage(DailyUsage),
}

impl Record {
    /// The record's name.
    pub fn key(&self) -> Key {
        match self {
            Self::Account(it) => Key::Account(it.id().clone()),
            Self::Batch(it) => Key::Batch(it.id),
            Self::Entry(it) => Key::Entry(it.batch, it.number),
            Self::Job(it) => Key::Job(it.id),
            Self::Notification(it) => Key::Notification(it.id),
            Self::Site(it) => Key::Site(it.site.clone()),
            Self::Submission(it) => Key::Submission(it.account.clone(), it.key.clone()),
            Self::Cached(it) => Key::Cached(it.digest),
            Self::Owned(it) => Key::Owned(it.account.clone(), it.batch),
            Self::Usage(it) => Key::Usage(it.account.clone(), it.day),
        }
    }

    /// When it next needs attention, and in which queue. A store keeps this as an index.
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
            Self::Cached(it) => Some((Queue::Expiry, it.expires_at)),
            Self::Usage(it) => Some((Queue::Expiry, it.expires_at())),
            Self::Account(_)
            | Self::Entry(_)
            | Self::Site(_)
            | Self::Submission(_)
            | Self::Owned(_) => None,
        }
    }

    /// The record under the claimer's lease, or `None` where its kind has no leases: then the store
    /// hands it out as it is and writes nothing.
    #[must_use]
    pub fn claimed(&self, claim: &Claim) -> Option<Self> {
        match self {
            Self::Job(job) => job.claimed(claim.worker, claim.now, claim.until).map(Self::Job),
            Self::Notification(notice) => {
                let lease = Some(Lease { worker: claim.worker, until: claim.until });
                Some(Self::Notification(Notification { lease, ..notice.clone() }))
            }
            _ => None,
        }
    }

    /// The record without the lease of a process that is gone, or `None` if it has none.
    #[must_use]
    pub fn abandoned(&self, now: Timestamp) -> Option<Self> {
        match self {
            Self::Job(job) => job.abandoned(now).map(Self::Job),
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
mod tests {
    use super::*;
    use crate::core::batch::NotificationKind;
    use crate::core::fixtures::{MINE, OTHERS, account, at, batch, held_job, job};

    fn notice() -> Notification {
        Notification {
            id: batch(1).event,
            batch: batch(1).id,
            account: AccountId::default(),
            event: NotificationKind::BatchCompleted,
            url: None,
            body: String::new(),
            state: NotificationState::Pending,
            attempts: Vec::new(),
            ready_at: at(3),
            lease: None,
        }
    }

    fn claim() -> Claim {
        Claim { queue: Queue::Jobs, worker: MINE, now: at(5), until: at(35), limit: 1 }
    }

    #[test]
    fn keys_order_as_bytes_as_they_order_themselves_and_none_shares_anothers() {
        let account = |name: &str| AccountId::new(name).expect("a name");
        let keys = [
            Key::Account(account("a")),
            Key::Account(account("ab")),
            Key::Batch(batch(1).id),
            Key::Entry(batch(1).id, 1),
            Key::Entry(batch(1).id, 256),
            Key::Job(job().id),
            Key::Notification(notice().id),
            Key::Site("example.com".to_owned()),
            Key::Submission(account("a"), "bc".to_owned()),
            Key::Submission(account("ab"), "c".to_owned()),
            Key::Cached([1; 32]),
            Key::Cached([2; 32]),
            Key::Owned(account("a"), batch(1).id),
            Key::Owned(account("ab"), batch(1).id),
            Key::Usage(account("a"), at(0).day()),
            Key::Usage(account("a"), at(0).day().next()),
            Key::Usage(account("ab"), at(0).day()),
        ];

        assert!(keys.is_sorted_by(|a, b| a < b));
        let bytes = keys.each_ref().map(Key::to_bytes);
        assert!(bytes.is_sorted_by(|a, b| a < b), "{bytes:?}");
        assert!(keys.iter().zip(&bytes).all(|(key, bytes)| bytes[0] == key.kind() as u8));
    }

    #[test]
    fn a_record_is_due_when_it_next_needs_attention_and_never_once_that_is_over() {
        let leased = Notification { lease: Some(Lease { worker: MINE, until: at(9) }), ..notice() };
        let told = Notification { state: NotificationState::Delivered, ..notice() };
        let ended = crate::core::batch::BatchRecord { expires_at: Some(at(7)), ..batch(1) };

        assert_eq!(Record::Job(job()).due(), Some((Queue::Jobs, at(0))));
        assert_eq!(Record::Job(held_job()).due(), Some((Queue::Jobs, at(30))));
        assert_eq!(Record::Job(Job { state: JobState::Failed, ..job() }).due(), None);
        assert_eq!(Record::Notification(notice()).due(), Some((Queue::Notifications, at(3))));
        assert_eq!(Record::Notification(leased).due(), Some((Queue::Notifications, at(9))));
        assert_eq!(Record::Notification(told).due(), None);
        assert_eq!(Record::Batch(batch(1)).due(), None);
        assert_eq!(Record::Batch(ended).due(), Some((Queue::Expiry, at(7))));
        assert_eq!(Record::Account(account(0)).due(), None);
    }

    #[test]
    fn a_claim_gives_jobs_and_events_a_lease_and_nothing_else() {
        let lease = Some(Lease { worker: MINE, until: at(35) });

        let Some(Record::Job(job)) = Record::Job(job()).claimed(&claim()) else { panic!("queued") };
        assert_eq!(job.lease, lease);
        let claimed = Record::Notification(notice()).claimed(&claim());
        assert_eq!(claimed, Some(Record::Notification(Notification { lease, ..notice() })));
        assert_eq!(Record::Batch(batch(1)).claimed(&claim()), None);
    }

    #[test]
    fn what_a_dead_process_held_is_due_at_once_and_what_it_did_not_stays() {
        let leased =
            Notification { lease: Some(Lease { worker: OTHERS, until: at(9) }), ..notice() };

        let freed = Record::Notification(leased).abandoned(at(5));
        assert_eq!(freed, Some(Record::Notification(Notification { ready_at: at(5), ..notice() })));
        assert_eq!(Record::Notification(notice()).abandoned(at(5)), None);
        let job = Record::Job(held_job()).abandoned(at(5)).expect("it was held");
        assert_eq!(job.due(), Some((Queue::Jobs, at(5))));
        assert_eq!(Record::Account(account(0)).abandoned(at(5)), None);
    }
}
