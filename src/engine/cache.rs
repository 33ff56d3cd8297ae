//! The response cache, for items that enable it or name the content hash that they know.
//!
//! An entry serves one account until its item's `cache.ttl` has passed (an hour by default). A job that is
//! served from the cache gets a copy of the result, which is kept as long as the job's own batch. An entry
//! serves no result once the batch that fetched its page has been removed.
//!
//! An entry with validators outlives its `cache.ttl`. The next fetch of the page is then a conditional request, and a
//! 304 is a hit: the result is again a copy, or says only that the page is unchanged.
//!
//! # Invariants
//!
//! * Validators are sent only for the same account and item, on the same tier, and to the same URL.
//! * Validators are kept only for a page that one `GET` over HTTP brought as a whole.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::core::credits::Credits;
use crate::core::job::{BodyRef, Job};
use crate::core::record::{CacheEntry, Key, Record};
use crate::core::request::{ActionKind, Advanced, Cache, CostControls, Item, JobRequest, Method};
use crate::core::step::StepInput;
use crate::core::tier::Tier;
use crate::core::time::Timestamp;
use crate::core::validators::Validators;
use crate::engine::artifacts;
use crate::engine::page_labels::OwnProxyDiscount;
use crate::engine::report::Page;
use crate::engine::result::{not_json, store_page};
use crate::engine::shared::Shared;
use crate::engine::stored_page::StoredPage;
use crate::engine::writer::{Change, Draft};
use crate::ports::fetch::Redirect;
use crate::ports::store::StoreError;

/// The default time for which an entry serves its result without a request.
const DEFAULT_TTL: Duration = Duration::from_hours(1);
/// The time for which the validators of a page are kept whose item names a known content hash: a month, so that they
/// last from one weekly or monthly run to the next.
const KNOWN_FOR: Duration = Duration::from_hours(31 * 24);

/// A page that the site declared unchanged.
#[derive(Debug)]
pub(super) enum Confirmed {
    /// A page with the content hash that the item names: the result carries no content.
    Known,
    /// A page whose stored result is copied.
    Stored(Vec<u8>),
}

/// Result of looking a job up in the cache.
pub(super) enum Lookup {
    /// The end of the job.
    Hit(StepInput),
    /// An entry to be confirmed by a conditional request.
    Known(Box<CacheEntry>),
    /// Nothing.
    Miss,
}

/// A fetched page, as an entry describes it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) tier: Tier,
    /// The result; `None` if it carries no content.
    pub(super) body: Option<BodyRef>,
    pub(super) fetched_at: Timestamp,
    /// The time at which the cache stops serving the result; `None` if the item does not use the cache.
    pub(super) cached_until: Option<Timestamp>,
    pub(super) content_hash: Option<String>,
    pub(super) validators: Option<Validators>,
}

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
        advanced: Advanced { if_changed_since_hash: None, ..job.request.advanced().clone() },
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

/// Returns `true` if the item names `hash` as the content hash that it knows, and asks for nothing that the hash does not
/// cover: the text of images, or the values of scripts.
pub(super) fn is_known(request: &JobRequest, hash: Option<&str>) -> bool {
    let advanced = request.advanced();
    if advanced.ocr || advanced.actions.iter().any(|it| it.kind == ActionKind::Evaluate) {
        return false;
    }
    let known = advanced.if_changed_since_hash.as_deref();
    matches!((known, hash), (Some(known), Some(hash)) if known.eq_ignore_ascii_case(hash))
}

/// Returns `true` if the item names a content hash, which is empty for a page that is not known yet.
fn tracks_changes(request: &JobRequest) -> bool {
    request.advanced().if_changed_since_hash.is_some()
}

/// Returns `true` if a 304 can stand for the whole result: the request has no conditions of its own and no session, which
/// may log in as somebody else, and nothing but the response goes into the result.
pub(super) fn is_conditional(request: &JobRequest) -> bool {
    let is_own = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.starts_with("if-") || name == "range"
    };
    request.method() == Method::Get
        && !request.needs_browser()
        && !request.advanced().ocr
        && request.advanced().session_id.is_none()
        && !request.headers_to_send().iter().any(|(name, _)| is_own(name))
}

/// Returns `true` if the validators of the page are of use: a later request can send them, and its item has an entry.
pub(super) fn keeps_validators(request: &JobRequest) -> bool {
    (request.cache().enabled || tracks_changes(request)) && is_conditional(request)
}

/// Looks a job up. A result that the cache serves without a request costs nothing.
pub(super) async fn lookup(shared: &Shared, job: &Job) -> Lookup {
    let wanted = job.request.cache();
    // A cached result need not have the links that a crawl follows.
    if job.crawl.is_some() || (!wanted.enabled && !tracks_changes(&job.request)) {
        return Lookup::Miss;
    }
    let Ok(Some(Record::CacheEntry(entry))) = shared.load(Key::CacheEntry(digest(job))).await
    else {
        return Lookup::Miss;
    };
    let is_fresh = wanted.enabled && !wanted.force_refresh && entry.expires_at > shared.now();
    if is_fresh && let Some(hit) = fresh_hit(shared, job, &entry).await {
        metrics::counter!("rungs_cache_hits").increment(1);
        return Lookup::Hit(hit);
    }
    // Without a result, a 304 helps only those who know the page.
    let can_serve = entry.body.is_some() || is_known(&job.request, entry.content_hash.as_deref());
    if can_serve && entry.validators.is_some() && is_conditional(&job.request) {
        return Lookup::Known(Box::new(entry));
    }
    Lookup::Miss
}

/// The status of a page that was not transferred.
pub(super) const NOT_MODIFIED: u16 = 304;

/// Returns the end of a job whose entry has not expired.
async fn fresh_hit(shared: &Shared, job: &Job, entry: &CacheEntry) -> Option<StepInput> {
    let body = if is_known(&job.request, entry.content_hash.as_deref()) {
        let (final_url, redirects) = address(shared, job, entry).await;
        let page = Page {
            status_code: NOT_MODIFIED,
            final_url,
            redirects,
            fetched_at: entry.fetched_at,
            cached_until: Some(entry.expires_at),
            content_hash: entry.content_hash.clone(),
            unchanged: true,
            ..Page::default()
        };
        store_page(shared, job, page).await.ok()?
    } else {
        let bytes = shared.adapters.bodies.get(entry.body.clone()?).await.ok().flatten()?;
        let cached_until = Some(entry.expires_at);
        let changes = CopyChanges { cached_until, own_proxy_discount: None };
        store_copy(shared, job, bytes, changes).await.ok()?
    };
    let (tier, charged, attempts) = (entry.tier, Credits::ZERO, Vec::new());
    Some(StepInput::Succeed { tier, charged, body, cached: true, attempts })
}

/// Returns the URL that the page of an entry came from, and how it was reached.
async fn address(shared: &Shared, job: &Job, entry: &CacheEntry) -> (String, Vec<Redirect>) {
    if let Some(body) = entry.body.clone()
        && let Ok(Some(bytes)) = shared.adapters.bodies.get(body).await
        && let Ok(stored) = StoredPage::parse(&bytes)
    {
        let parts = stored.parts();
        return (parts.final_url.clone(), parts.redirects.clone());
    }
    let confirmed = entry.validators.as_ref().map(|it| it.url.clone());
    (confirmed.unwrap_or_else(|| job.request.page().as_str().to_owned()), Vec::new())
}

/// The fields in which the copy of a result differs from the original.
#[derive(Clone, Copy)]
pub(super) struct CopyChanges {
    pub(super) cached_until: Option<Timestamp>,
    pub(super) own_proxy_discount: Option<OwnProxyDiscount>,
}

/// Stores a copy of a stored result, because the original is removed with the batch that fetched it.
pub(super) async fn store_copy(
    shared: &Shared,
    job: &Job,
    bytes: Vec<u8>,
    changes: CopyChanges,
) -> Result<BodyRef, StoreError> {
    let stored = StoredPage::parse(&bytes).map_err(not_json)?;
    let CopyChanges { cached_until, own_proxy_discount } = changes;
    let parts = stored.parts();
    if parts.artifacts.is_empty()
        && parts.cached_until == cached_until
        && parts.own_proxy_discount == own_proxy_discount
    {
        return shared.put_body(job.batch, bytes).await;
    }
    let mut page = Page::from_stored(&bytes).map_err(not_json)?;
    page.cached_until = cached_until;
    page.own_proxy_discount = own_proxy_discount;
    artifacts::copy(shared, job, &mut page.artifacts).await?;
    store_page(shared, job, page).await
}

/// Returns the entry for a fetched page, if its item uses the cache or names a content hash.
pub(super) fn new_entry(shared: &Shared, job: &Job, found: Found) -> Option<CacheEntry> {
    let now = shared.now();
    let tracks = tracks_changes(&job.request);
    let expires_at = found.cached_until;
    if expires_at.is_none() && !(tracks && found.validators.is_some()) {
        return None;
    }
    let lifetime = if tracks { KNOWN_FOR } else { shared.config.settings.retention };
    Some(CacheEntry {
        digest: digest(job),
        body: found.body,
        tier: found.tier,
        fetched_at: found.fetched_at,
        expires_at: expires_at.unwrap_or(now),
        content_hash: found.content_hash,
        kept_until: found.validators.is_some().then(|| now.after(lifetime)),
        validators: found.validators,
    })
}

/// Stores an entry. Its result is already committed, so a failure only causes another fetch of the page.
pub(super) async fn store_entry(shared: &Shared, entry: CacheEntry) {
    if let Err(error) = shared.writer.apply(StoreEntry(entry)).await {
        tracing::warn!(%error, "storing a cache entry failed");
    }
}

/// Writes an entry. One without a result does not replace the result of the same content that the cache still serves.
#[derive(Debug)]
struct StoreEntry(CacheEntry);

impl Change for StoreEntry {
    type Out = ();

    fn keys(&self) -> Vec<Key> {
        vec![Key::CacheEntry(self.0.digest)]
    }

    fn apply(&self, draft: &mut Draft, now: Timestamp) {
        let new = &self.0;
        let is_served = match draft.get(&Key::CacheEntry(new.digest)) {
            Some(Record::CacheEntry(old)) => {
                old.body.is_some() && old.content_hash == new.content_hash && old.expires_at > now
            }
            _ => false,
        };
        if new.body.is_some() || !is_served {
            draft.put(Record::CacheEntry(new.clone()));
        }
    }
}
