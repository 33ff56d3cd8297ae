//! The response cache, for items that enable it.
//!
//! An entry serves one account until its item's `cache.ttl` has passed (an hour by default). A job that is
//! served from the cache gets a copy of the result, which is kept as long as the job's own batch. An entry is
//! removed when it expires. It serves nothing once the batch that fetched its page has been removed.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::core::credits::Credits;
use crate::core::job::Job;
use crate::core::record::{CacheEntry, Key, Record};
use crate::core::request::{Cache, CostControls, Item};
use crate::core::step::StepInput;
use crate::core::time::Timestamp;
use crate::engine::artifacts;
use crate::engine::changes::Put;
use crate::engine::report::Page;
use crate::engine::result::store_page;
use crate::engine::shared::Shared;
use crate::engine::stored_page::StoredPage;

/// The default lifetime of an entry.
const DEFAULT_TTL: Duration = Duration::from_hours(1);

/// Returns a hash of everything that the response depends on. It includes the account, so that no account is
/// served the response of another.
///
/// Of the cost controls only the tiers count: a page of another tier than the forced one, or of a higher tier than
/// allowed, is another response. The rest decides how a page is fetched and not what it is.
fn digest(job: &Job) -> [u8; 32] {
    let controls = job.request.cost_controls();
    let item = Item {
        cost_controls: CostControls {
            force_tier: controls.force_tier,
            max_tier: controls.max_tier,
            ..CostControls::default()
        },
        cache: Cache::default(),
        timeout: Duration::ZERO,
        ..job.request.item().clone()
    };
    let relevant = serde_json::json!({ "account": job.account, "item": item });
    Sha256::digest(relevant.to_string()).into()
}

/// Returns when a result that was fetched at `fetched_at` expires; `None` if the item does not use the
/// cache.
pub(super) fn expiry(job: &Job, fetched_at: Timestamp) -> Option<Timestamp> {
    let ttl = job.request.cache().ttl.unwrap_or(DEFAULT_TTL);
    job.request.cache().enabled.then(|| fetched_at.after(ttl))
}

/// Returns the end of a job whose result is in the cache. A cached result costs nothing.
pub(super) async fn lookup(shared: &Shared, job: &Job) -> Option<StepInput> {
    let wanted = job.request.cache();
    if !wanted.enabled || wanted.force_refresh {
        return None;
    }
    let Ok(Some(Record::CacheEntry(entry))) = shared.load(Key::CacheEntry(digest(job))).await
    else {
        return None;
    };
    if entry.expires_at <= shared.now() {
        return None;
    }
    let bytes = shared.adapters.bodies.get(entry.body).await.ok().flatten()?;
    // A copy, because the original is removed with the batch that fetched it.
    let has_artifacts = !StoredPage::parse(&bytes).ok()?.parts().artifacts.is_empty();
    let body = if has_artifacts {
        let mut page = Page::from_stored(&bytes).ok()?;
        artifacts::copy(shared, job, &mut page.artifacts).await.ok()?;
        store_page(shared, job, page).await.ok()?
    } else {
        shared.put_body(job.batch, bytes).await.ok()?
    };
    metrics::counter!("rungs_cache_hits").increment(1);
    let (tier, charged, attempts) = (entry.tier, Credits::ZERO, Vec::new());
    Some(StepInput::Succeed { tier, charged, body, cached: true, attempts })
}

/// Returns the entry for a job that ended with a fetched result, if its item uses the cache.
pub(super) fn new_entry(job: &Job, input: &StepInput, now: Timestamp) -> Option<CacheEntry> {
    let StepInput::Succeed { tier, body, cached: false, .. } = input else { return None };
    let expires_at = expiry(job, now)?;
    Some(CacheEntry {
        digest: digest(job),
        body: body.clone(),
        tier: *tier,
        fetched_at: now,
        expires_at,
    })
}

/// Stores an entry. Its result is already committed, so a failure only causes another fetch of the page.
pub(super) async fn store_entry(shared: &Shared, entry: CacheEntry) {
    if let Err(error) = shared.writer.apply(Put(Record::CacheEntry(entry))).await {
        tracing::warn!(%error, "storing a cache entry failed");
    }
}
