//! The changes that extractions make to records.

use std::time::Duration;

use crate::core::credits::Credits;
use crate::core::extraction::{ExtractionRecord, ExtractionState};
use crate::core::id::{AccountId, BatchId, ExtractionId};
use crate::core::record::{CacheEntry, IdempotencyRecord, Key, Record};
use crate::core::time::Timestamp;
use crate::core::usage::{Budget, UsageTotals};
use crate::engine::budgets;
use crate::engine::changes::{NotAccepted, account_of, stored_account, usage_of};
use crate::engine::writer::{Change, Draft};

/// Begins an extraction: writes its record, its hold and its idempotency key, or nothing.
#[derive(Debug)]
pub(super) struct Begin {
    pub(super) record: ExtractionRecord,
    /// The digest of the contents.
    pub(super) digest: [u8; 32],
    pub(super) budget: Option<Budget>,
    /// `true` if accounts have no limit, so that holds never fail.
    pub(super) unlimited: bool,
}

fn key_of(record: &ExtractionRecord) -> Key {
    Key::Extraction(record.account.clone(), record.id)
}

fn idempotency_key(record: &ExtractionRecord) -> Option<Key> {
    let key = record.idempotency_key.clone()?;
    Some(Key::IdempotencyRecord(record.account.clone(), key))
}

fn usage_key(record: &ExtractionRecord) -> Key {
    Key::Usage(record.account.clone(), record.created_at.day())
}

impl Change for Begin {
    /// The extraction: this one, or the one that an earlier call with the same key began.
    type Out = Result<ExtractionId, NotAccepted>;

    fn keys(&self) -> Vec<Key> {
        let record = &self.record;
        let mut keys = vec![key_of(record), Key::Account(record.account.clone())];
        keys.extend(idempotency_key(record));
        keys.extend(budgets::days(&record.account, self.budget, record.created_at.day()));
        keys
    }

    fn apply(&self, draft: &mut Draft, _now: Timestamp) -> Self::Out {
        let record = &self.record;
        let key = idempotency_key(record);
        if let Some(Record::IdempotencyRecord(earlier)) = key.as_ref().and_then(|it| draft.get(it))
        {
            return begun_by(earlier, &self.digest);
        }
        let mut account = account_of(draft, &record.account, self.unlimited);
        account.hold(record.held).map_err(NotAccepted::Overdrawn)?;
        let day = record.created_at.day();
        let more = UsageTotals { jobs: 1, held: record.held, spent: Credits::ZERO };
        let label = record.label.as_deref();
        budgets::check(draft, &record.account, label, self.budget, (more, day))
            .map_err(NotAccepted::OverBudget)?;
        let mut usage = usage_of(draft, &record.account, day);
        usage.submit(label, more.jobs, more.held);
        draft.put(Record::Account(account));
        draft.put(Record::Usage(usage));
        draft.put(Record::Extraction(record.clone()));
        if let Some(key) = record.idempotency_key.clone() {
            draft.put(Record::IdempotencyRecord(IdempotencyRecord {
                account: record.account.clone(),
                key,
                digest: self.digest,
                batch: BatchId::from_bytes(*record.id.as_bytes()),
            }));
        }
        Ok(record.id)
    }
}

/// Returns the extraction that an earlier call with the same idempotency key began, if it had the same contents.
pub(super) fn begun_by(
    earlier: &IdempotencyRecord,
    digest: &[u8; 32],
) -> Result<ExtractionId, NotAccepted> {
    if earlier.digest == *digest {
        Ok(ExtractionId::from_bytes(*earlier.batch.as_bytes()))
    } else {
        Err(NotAccepted::KeyReused(earlier.batch))
    }
}

/// Ends a running extraction and settles its hold.
#[derive(Debug)]
pub(super) struct End {
    pub(super) begun: ExtractionRecord,
    pub(super) state: ExtractionState,
    /// The entry of the cache, if the result is new.
    pub(super) cached: Option<CacheEntry>,
    /// The time for which the record is kept.
    pub(super) kept: Duration,
}

fn running(draft: &Draft, begun: &ExtractionRecord) -> Option<ExtractionRecord> {
    match draft.get(&key_of(begun)) {
        Some(Record::Extraction(record)) if record.is_running() => Some(record.clone()),
        _ => None,
    }
}

/// Returns the keys of a settlement.
fn settled_keys(record: &ExtractionRecord) -> Vec<Key> {
    let mut keys = vec![key_of(record), Key::Account(record.account.clone()), usage_key(record)];
    keys.extend(idempotency_key(record));
    keys
}

fn settle(draft: &mut Draft, record: &ExtractionRecord, charged: Credits) {
    let mut account = stored_account(draft, &record.account);
    account.settle(record.held, charged);
    let mut usage = usage_of(draft, &record.account, record.created_at.day());
    let label = record.label.as_deref();
    match &record.site {
        Some(site) => usage.settle(label, site, record.held, charged),
        None => usage.settle_without_site(label, record.held, charged),
    }
    draft.put(Record::Account(account));
    draft.put(Record::Usage(usage));
}

impl Change for End {
    /// The record afterwards, or `None` if the hold was released because the extraction took too long.
    type Out = Option<ExtractionRecord>;

    /// The caller has the result in hand, which would be lost.
    fn is_patient(&self) -> bool {
        true
    }

    fn keys(&self) -> Vec<Key> {
        let mut keys = settled_keys(&self.begun);
        keys.extend(self.cached.as_ref().map(|it| Key::CacheEntry(it.digest)));
        keys
    }

    fn apply(&self, draft: &mut Draft, now: Timestamp) -> Self::Out {
        let record = running(draft, &self.begun)?.ended(self.state.clone(), now, self.kept)?;
        settle(draft, &record, record.charged());
        draft.put(Record::Extraction(record.clone()));
        if let Some(entry) = &self.cached {
            draft.put(Record::CacheEntry(entry.clone()));
        }
        if record.state == ExtractionState::Failed
            && let Some(key) = idempotency_key(&record)
        {
            // A repetition reads the document again.
            draft.remove(&key);
        }
        Some(record)
    }
}

/// Removes an expired extraction with its idempotency key. One that never ended gets its hold back.
#[derive(Debug)]
pub(in crate::engine) struct ExpireExtraction(pub(in crate::engine) ExtractionRecord);

impl Change for ExpireExtraction {
    type Out = ();

    fn is_repeatable(&self) -> bool {
        true
    }

    fn keys(&self) -> Vec<Key> {
        settled_keys(&self.0)
    }

    fn apply(&self, draft: &mut Draft, now: Timestamp) {
        let Some(Record::Extraction(record)) = draft.get(&key_of(&self.0)).cloned() else { return };
        if record.expires_at > now {
            return;
        }
        if record.is_running() {
            settle(draft, &record, Credits::ZERO);
        }
        let owns = |key: &Key| match draft.get(key) {
            Some(Record::IdempotencyRecord(it)) => it.batch == record.id.bodies(),
            _ => false,
        };
        let own_key = idempotency_key(&record).filter(owns);
        draft.remove(&key_of(&record));
        if let Some(key) = own_key {
            draft.remove(&key);
        }
    }
}

/// The account and the id of a record, which name it in the store.
pub(super) fn key(account: &AccountId, id: ExtractionId) -> Key {
    Key::Extraction(account.clone(), id)
}
