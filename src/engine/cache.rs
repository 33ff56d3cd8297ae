//! The response cache, for items that ask for it.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::core::credits::Credits;
use crate::core::job::Job;
use crate::core::record::{CacheEntry, Key, Record};
use crate::core::request::{Cache, CostControls, Item};
use crate::core::step::StepInput;
use crate::core::time::Timestamp;
use crate::engine::attempt::keep;
use crate::engine::changes::Put;
use crate::engine::report::Page;
use crate::engine::{Shared, artifacts};

/// Seconds that an entry serves if nothing is said.
const DEFAULT_TTL: u64 = 3_600;

/// Everything that matters for the answer, and whose it is: one account never sees another's.
fn digest(job: &Job) -> [u8; 32] {
    let item = Item {
        cost_controls: CostControls::default(),
        cache: Cache::default(),
        timeout: 0,
        ..Item::clone(&job.request)
    };
    let matters = serde_json::json!({ "account": job.account, "item": item });
    Sha256::digest(matters.to_string()).into()
}

/// Until when a result fetched now would serve.
pub(super) fn until(job: &Job, fetched_at: Timestamp) -> Option<Timestamp> {
    let ttl = Duration::from_secs(job.request.cache.ttl.unwrap_or(DEFAULT_TTL));
    job.request.cache.enabled.then(|| fetched_at.after(ttl))
}

/// The end of a job whose answer is in the cache. A hit costs nothing.
pub(super) async fn hit(shared: &Shared, job: &Job) -> Option<StepInput> {
    let wanted = job.request.cache;
    if !wanted.enabled || wanted.force_refresh {
        return None;
    }
    let Ok(Some(Record::CacheEntry(entry))) = shared.load(Key::CacheEntry(digest(job))).await
    else {
        return None;
    };
    if entry.expires_at <= shared.clock.now() {
        return None;
    }
    let bytes = shared.bodies.get(entry.body).await.ok().flatten()?;
    let mut page: Page = serde_json::from_slice(&bytes).ok()?;
    artifacts::copy(shared, job, &mut page.artifacts).await.ok()?;
    // Copied, so that it lives as long as this batch and not as the one that fetched it.
    let body = keep(shared, job, &page).await.ok()?;
    metrics::counter!("rungs_cache_hits").increment(1);
    let (tier, charged, attempts) = (entry.tier, Credits::ZERO, Vec::new());
    Some(StepInput::Succeed { tier, charged, body, cached: true, attempts })
}

/// The entry that a fresh result makes, if the item asked for it.
pub(super) fn entry(job: &Job, input: &StepInput, now: Timestamp) -> Option<CacheEntry> {
    let StepInput::Succeed { tier, body, cached: false, .. } = input else { return None };
    let expires_at = until(job, now)?;
    Some(CacheEntry {
        digest: digest(job),
        body: body.clone(),
        tier: *tier,
        fetched_at: now,
        expires_at,
    })
}

/// Keeps an entry. The result is committed already: without the entry it is only fetched again.
pub(super) async fn keep_entry(shared: &Shared, entry: CacheEntry) {
    if let Err(error) = shared.writer.apply(Put(Record::CacheEntry(entry))).await {
        tracing::warn!(%error, "an answer was not cached");
    }
}
