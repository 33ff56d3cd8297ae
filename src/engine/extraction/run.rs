//! Runs an extraction between its two commits.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::OwnedSemaphorePermit;

use crate::core::credits::Credits;
use crate::core::extraction::{ExtractionRecord, ExtractionState, ModelUse};
use crate::core::id::{AccountId, ExtractionId};
use crate::core::ledger::HeldFor;
use crate::core::record::{CacheEntry, Key, Record};
use crate::core::request::{Cache, CostControls, ExtractionCache, Item};
use crate::core::tier::Tier;
use crate::engine::changes::NotAccepted;
use crate::engine::error::EngineError;
use crate::engine::extraction::changes::{self, Begin, End};
use crate::engine::extraction::options::{Checked, Extraction, media_type};
use crate::engine::extraction::{ExtractionError, ExtractionReport, encoded, stored};
use crate::engine::prompt;
use crate::engine::shared::Shared;
use crate::engine::submit::printable;
use crate::ports::extract::{Document, ExtractError, Extracted};
use crate::ports::prompt::PromptAnswer;

/// The time beyond the timeout of the options after which a running extraction counts as lost.
const LOST_AFTER: Duration = Duration::from_mins(15);
/// The length of a text that is hashed at once.
const SHORT_BYTES: usize = 65_536;

/// A checked extraction, with what identifies it.
struct Work {
    checked: Checked,
    digest: [u8; 32],
    /// The parts of the price: base, prompt, large document.
    price: [Credits; 3],
}

/// The contents of an extraction that its result depends on.
#[derive(Serialize)]
struct Contents<'a> {
    extraction: &'static str,
    account: &'a AccountId,
    url: &'a str,
    item: Item,
}

pub(super) async fn extract(
    shared: &Arc<Shared>,
    extraction: Extraction,
) -> Result<ExtractionReport, ExtractionError> {
    let checked = extraction.check(&shared.config.limits)?;
    if checked.key.as_deref().is_some_and(|it| !printable(it)) {
        return Err(ExtractionError::BadKey);
    }
    let prices = &shared.config.prices;
    let price = prices.extraction(checked.chars, checked.request.prompt().is_some());
    let is_short = checked.document.len() <= SHORT_BYTES;
    let (digest, checked) = shared.compute(is_short, move || (digest(&checked), checked)).await?;
    shared.set_clock_once().await?;
    let work = Work { checked, digest, price };
    // Before the cache and the limits: they may have changed since the first call.
    if let Some(earlier) = earlier(shared, &work).await? {
        return repeated(shared, &work.checked.account, earlier).await;
    }
    let hit = lookup(shared, &work).await;
    if hit.is_none() && work.checked.cache == ExtractionCache::Only {
        return Err(ExtractionError::NotCached);
    }
    let room = if hit.is_some() { None } else { Some(room(shared, &work).await?) };
    let record = begun(shared, &work, hit.is_some())?;
    let begin = Begin {
        record: record.clone(),
        digest,
        budget: work.checked.budget,
        unlimited: shared.config.settings.unlimited_accounts,
    };
    match shared.writer.apply(begin).await? {
        Ok(id) if id == record.id => {}
        Ok(earlier) => return repeated(shared, &record.account, earlier).await,
        Err(NotAccepted::Overdrawn(overdrawn)) => {
            return Err(overdrawn.held_for(HeldFor::Extraction).into());
        }
        Err(NotAccepted::OverBudget(over)) => {
            return Err(over.held_for(HeldFor::Extraction).into());
        }
        Err(NotAccepted::KeyReused(_)) => return Err(ExtractionError::KeyReused),
    }
    metrics::counter!("rungs_extractions").increment(1);
    // In a task of its own, so that the hold is settled even if the caller goes away.
    let running = Arc::clone(shared);
    let task = async move {
        let _room = room;
        finish(&running, work, record, hit).await
    };
    let ended = shared.lifecycle.tasks.spawn(task).await;
    ended.unwrap_or_else(|_| Err(ExtractError::Panicked.into()))
}

/// Waits for room in memory for the document.
async fn room(shared: &Shared, work: &Work) -> Result<OwnedSemaphorePermit, ExtractionError> {
    let room = Arc::clone(&shared.scheduling.extraction_room).acquire_owned();
    tokio::select! {
        biased;
        room = room => room.map_err(|_| ExtractionError::Busy),
        () = shared.adapters.clock.sleep(work.checked.request.timeout()) => {
            Err(ExtractionError::Busy)
        }
    }
}

/// Returns the extraction that an earlier call with the same idempotency key began.
async fn earlier(shared: &Shared, work: &Work) -> Result<Option<ExtractionId>, ExtractionError> {
    let Some(key) = work.checked.key.clone() else { return Ok(None) };
    let key = Key::IdempotencyRecord(work.checked.account.clone(), key);
    let Some(Record::IdempotencyRecord(earlier)) = shared.load(key).await? else {
        return Ok(None);
    };
    let begun = changes::begun_by(&earlier, &work.digest);
    begun.map(Some).map_err(|_| ExtractionError::KeyReused)
}

/// Returns a hash of everything that the result depends on, the account included.
fn digest(checked: &Checked) -> [u8; 32] {
    let item = Item {
        url: String::new(),
        cost_controls: CostControls::default(),
        cache: Cache::default(),
        timeout: Duration::ZERO,
        ..checked.request.item().clone()
    };
    let contents = Contents {
        extraction: checked.document_type.as_str(),
        account: &checked.account,
        url: checked.url(),
        item,
    };
    let json = serde_json::to_vec(&contents).expect("options are plain data");
    let mut hasher = Sha256::new();
    // The length separates the options from the document.
    hasher.update((json.len() as u64).to_be_bytes());
    hasher.update(json);
    hasher.update(checked.document.as_bytes());
    hasher.finalize().into()
}

/// Builds the record of an extraction that starts now.
fn begun(shared: &Shared, work: &Work, is_hit: bool) -> Result<ExtractionRecord, ExtractionError> {
    let Work { checked, price, .. } = work;
    let price = if is_hit { Credits::ZERO } else { price.iter().copied().sum() };
    if let Some(most) = checked.request.cost_controls().max_credits.filter(|it| *it < price) {
        return Err(ExtractionError::TooExpensive { price, most });
    }
    let now = shared.now();
    let id = ExtractionId::new(now, 0, shared.adapters.entropy.random_u64());
    let lost_at = now.after(checked.request.timeout()).after(LOST_AFTER);
    let mut record = ExtractionRecord::new(id, checked.account.clone(), price, now, lost_at);
    record.label.clone_from(&checked.label);
    record.idempotency_key.clone_from(&checked.key);
    record.site = checked.has_url.then(|| checked.request.page().site());
    record.content_chars = checked.chars;
    record.profile = checked.request.profile();
    Ok(record)
}

/// Returns the cached result, unless the cache is to be skipped.
async fn lookup(shared: &Shared, work: &Work) -> Option<Extracted> {
    if work.checked.cache == ExtractionCache::Skip {
        return None;
    }
    let found = shared.load(Key::CacheEntry(work.digest)).await.ok().flatten();
    let Some(Record::CacheEntry(entry)) = found else { return None };
    if entry.expires_at <= shared.now() {
        return None;
    }
    let bytes = shared.adapters.bodies.get(entry.body?).await.ok().flatten()?;
    stored(&bytes)
}

/// Returns the result of an earlier extraction with the same idempotency key.
async fn repeated(
    shared: &Shared,
    account: &AccountId,
    id: ExtractionId,
) -> Result<ExtractionReport, ExtractionError> {
    let found = shared.load(changes::key(account, id)).await?;
    let Some(Record::Extraction(record)) = found else { return Err(ExtractionError::InProgress) };
    let ExtractionState::Succeeded { body, .. } = &record.state else {
        return Err(ExtractionError::InProgress);
    };
    let bytes = shared.adapters.bodies.get(body.clone()).await.map_err(EngineError::from)?;
    // The result is removed just before its record: once both are gone, the key is free.
    let extracted = bytes.as_deref().and_then(stored).ok_or(ExtractionError::InProgress)?;
    Ok(ExtractionReport { record, extracted })
}

/// Reads the document and ends the extraction.
async fn finish(
    shared: &Shared,
    work: Work,
    begun: ExtractionRecord,
    hit: Option<Extracted>,
) -> Result<ExtractionReport, ExtractionError> {
    let is_hit = hit.is_some();
    let work = Arc::new(work);
    let read = tokio::select! {
        biased;
        // A model may take minutes, for which a shutdown does not wait.
        () = shared.lifecycle.aborting.cancelled() => Err(EngineError::Stopped.into()),
        read = read(shared, &work, hit) => read,
    };
    let stored = match read {
        Ok(extracted) => match store(shared, &begun, &extracted).await {
            Ok(body) => Ok((extracted, body)),
            Err(error) => Err(error.into()),
        },
        Err(error) => Err(error),
    };
    let kept = shared.config.settings.retention;
    let (extracted, body) = match stored {
        Ok(it) => it,
        Err(error) => {
            let state = ExtractionState::Failed;
            shared.writer.apply(End { begun, state, cached: None, kept }).await?;
            return Err(error);
        }
    };
    let now = shared.now();
    let is_final = !prompt::may_be_answered_later(shared, &work.checked.request, &extracted);
    let cached = (!is_hit && is_final).then(|| CacheEntry {
        digest: work.digest,
        body: Some(body.clone()),
        tier: Tier::Curl,
        fetched_at: now,
        expires_at: now.after(work.checked.cache_ttl),
        content_hash: None,
        validators: None,
        kept_until: None,
    });
    let [base, prompt, large] = work.price;
    let prompt = if extracted.prompted.is_some() { prompt } else { Credits::ZERO };
    let charged = if is_hit { Credits::ZERO } else { [base, prompt, large].into_iter().sum() };
    let model = extracted.prompted.as_ref().map(model_use);
    let state = ExtractionState::Succeeded { charged, body, cached: is_hit, model };
    let end = End { begun: begun.clone(), state, cached, kept };
    match shared.writer.apply(end).await {
        Ok(Some(record)) => Ok(ExtractionReport { record, extracted }),
        Ok(None) => Err(ExtractError::Abandoned.into()),
        Err(error) => match unless_ended(shared, begun, kept).await {
            Some(record) => Ok(ExtractionReport { record, extracted }),
            None => Err(error.into()),
        },
    }
}

/// Ends an extraction as failed after its result was not committed: the store may have lost it, and would refuse it
/// again. Returns the record if the commit was applied although it failed.
async fn unless_ended(
    shared: &Shared,
    begun: ExtractionRecord,
    kept: Duration,
) -> Option<ExtractionRecord> {
    let key = changes::key(&begun.account, begun.id);
    let state = ExtractionState::Failed;
    match shared.writer.apply(End { begun, state, cached: None, kept }).await {
        Ok(Some(_)) => None,
        Ok(None) => match shared.load(key).await.ok().flatten()? {
            Record::Extraction(it) if matches!(it.state, ExtractionState::Succeeded { .. }) => {
                Some(it)
            }
            _ => None,
        },
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the hold of an extraction stays until its record expires");
            None
        }
    }
}

async fn store(
    shared: &Shared,
    begun: &ExtractionRecord,
    extracted: &Extracted,
) -> Result<crate::core::job::BodyRef, EngineError> {
    Ok(shared.put_body(begun.id.bodies(), encoded(extracted)?).await?)
}

/// Returns the cached result, or reads the document and asks the model.
async fn read(
    shared: &Shared,
    work: &Arc<Work>,
    hit: Option<Extracted>,
) -> Result<Extracted, ExtractionError> {
    if let Some(extracted) = hit {
        return Ok(extracted);
    }
    let extractor = Arc::clone(&shared.adapters.extractor);
    let is_short = work.checked.document.len() <= extractor.short_document_bytes();
    let reading = Arc::clone(work);
    let extract = move || {
        let Checked { document, document_type, request, .. } = &reading.checked;
        let read = |tier| {
            extractor.extract(Document {
                body: document.as_bytes(),
                content_type: Some(media_type(*document_type)),
                url: reading.checked.url(),
                tier,
                options: request,
                wants_links: false,
            })
        };
        match read(Tier::Curl) {
            // A page that shows nothing may contain its data for its scripts.
            Err(ExtractError::Empty) => read(Tier::LightJs),
            Ok(it) if it.text.trim().is_empty() => read(Tier::LightJs).or(Ok(it)),
            done => done,
        }
    };
    let mut extracted = shared.compute(is_short, extract).await??;
    extracted.images = Vec::new();
    let request = &work.checked.request;
    prompt::answer(shared, request, work.checked.url(), &mut extracted, request.timeout()).await;
    Ok(extracted)
}

fn model_use(answer: &PromptAnswer) -> ModelUse {
    let mut used = ModelUse::new(answer.provider.clone(), answer.model.clone());
    (used.input_tokens, used.output_tokens) = (answer.input_tokens, answer.output_tokens);
    used.cost_microcents = answer.cost_microcents;
    used.latency = answer.latency;
    used
}
