//! Result bodies in the log.
//!
//! A reference is the batch, the number of the body and the checksum of its payload. It names no place, so a body can
//! be copied when the segment that contains it is removed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::core::extraction::ExtractionState;
use crate::core::id::BatchId;
use crate::core::job::{BodyRef, Outcome};
use crate::core::record::Record;
use crate::ports::BoxFuture;
use crate::ports::store::{Bodies, StoreError, Write};
use crate::stores::blocking_if_long;
use crate::stores::compress::BodyCodec;

use super::frame::{BODY_HEAD, BodyHead, FrameKind, HEAD, Head, MAX_PAYLOAD, Place, read_body};
use super::index::{BodyEntry, Change};
use super::segment::Segment;
use super::state::{MAX_PENDING, State};
use super::{Journal, STORE, changed, damaged, failed};

/// The size of a body up to which it is compressed and read on an async thread, in bytes.
const SMALL: usize = 65_536;

/// The parts of a [`BodyRef`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reference {
    batch: BatchId,
    number: u64,
    sum: u32,
}

impl Reference {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let reference = Self {
            batch: parts.next()?.parse().ok()?,
            number: parts.next()?.parse().ok()?,
            sum: u32::from_str_radix(parts.next()?, 16).ok()?,
        };
        parts.next().is_none().then_some(reference)
    }

    fn to_body_ref(self) -> BodyRef {
        BodyRef(format!("{}:{}:{:08x}", self.batch, self.number, self.sum))
    }
}

/// Refuses writes that name a body that a failed write lost.
pub(super) fn check_named(state: &State, writes: &[Write]) -> Result<(), StoreError> {
    if state.lost_bodies.is_empty() {
        return Ok(());
    }
    let records = writes.iter().filter_map(|it| it.record.as_ref());
    check_kept(state, records.flat_map(named_by))
}

/// Refuses bodies that a failed write lost.
fn check_kept<'a>(
    state: &State,
    mut bodies: impl Iterator<Item = &'a BodyRef>,
) -> Result<(), StoreError> {
    let is_lost = |body: &BodyRef| {
        Reference::parse(&body.0).is_some_and(|it| {
            state.lost_bodies.contains(&it.number)
                && state.index.body(*it.batch.as_bytes(), it.number).is_none()
        })
    };
    if bodies.any(is_lost) {
        let why = &state.lost_because;
        return Err(failed(format!(
            "a failed write lost a result ({why}): its page has to be fetched again"
        )));
    }
    Ok(())
}

/// Returns the bodies that a record names.
fn named_by(record: &Record) -> Vec<&BodyRef> {
    match record {
        Record::Job(job) => match &job.outcome {
            Some(Outcome::Succeeded { body, .. }) => vec![body],
            _ => Vec::new(),
        },
        Record::Extraction(extraction) => match &extraction.state {
            ExtractionState::Succeeded { body, .. } => vec![body],
            ExtractionState::Running | ExtractionState::Failed => Vec::new(),
        },
        Record::CacheEntry(entry) => entry.body.iter().collect(),
        Record::Crawl(crawl) => crawl.unread.iter().map(|it| &it.body).collect(),
        // Listed, so that a new kind is not forgotten here.
        Record::Account(_)
        | Record::Batch(_)
        | Record::LedgerEntry(_)
        | Record::Notification(_)
        | Record::Site(_)
        | Record::IdempotencyRecord(_)
        | Record::AccountBatch(_)
        | Record::Usage(_)
        | Record::Grant(_)
        | Record::BatchJobs(_)
        | Record::Worker(_)
        | Record::CrawlChunk(_)
        | Record::Session(_) => Vec::new(),
    }
}

impl Journal {
    /// Returns a body's payload, complete but for its number.
    async fn compressed(&self, batch: BatchId, body: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let handle = self.handle.clone();
        let is_large = body.len() > SMALL;
        let compress = move || {
            let too_large = || failed("a body exceeds 1 GiB: lower `max_response_bytes`");
            let length = u32::try_from(body.len()).map_err(|_| too_large())?;
            let compressed = handle.codec.compress(&body).map_err(failed)?;
            let head = BodyHead { batch: *batch.as_bytes(), number: 0, length };
            let mut payload = Vec::with_capacity(BODY_HEAD + compressed.len());
            payload.extend(head.encode());
            payload.extend(compressed);
            if payload.len() > MAX_PAYLOAD { Err(too_large()) } else { Ok(payload) }
        };
        blocking_if_long(is_large, STORE, compress).await
    }

    async fn put_body(
        &self,
        batch: BatchId,
        body: Vec<u8>,
        others: &[BodyRef],
    ) -> Result<BodyRef, StoreError> {
        let mut payload = self.compressed(batch, body).await?;
        let shared = &self.handle.shared;
        let number = shared.next_body.fetch_add(1, Ordering::AcqRel);
        payload[16..24].copy_from_slice(&number.to_le_bytes());
        let head = Head::of(FrameKind::Body, &payload);
        let put = |state: &mut State| {
            // In the log after the others: what cuts them off later cuts this one off, too.
            check_kept(state, others.iter())?;
            shared.reserve(state, HEAD + payload.len())?;
            let span = state.append(head, &payload)?;
            let entry = BodyEntry { number, span };
            state.index.apply(&Change::Body { batch: *batch.as_bytes(), entry });
            if payload.len() > SMALL {
                // Its thread writes it, and syncs it on that occasion.
                return Ok(((), state.end_position()));
            }
            // A killed process loses nothing, and the next commit's sync covers it.
            state.write_through()?;
            Ok(((), state.durable))
        };
        self.on_state_with_room(MAX_PENDING, put).await?;
        Ok(Reference { batch, number, sum: head.sum }.to_body_ref())
    }

    async fn get_body(&self, body: BodyRef) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(reference) = Reference::parse(&body.0) else {
            let shown: String = body.0.chars().take(80).collect();
            return Err(damaged(format!("`{shown}` names no body")));
        };
        let find = |state: &mut State| {
            let entry = state.index.body(*reference.batch.as_bytes(), reference.number);
            let found = entry.map(|it| Ok((state.segment(it.span)?, it)));
            // One that was just copied to the end of the log is in memory until the next sync.
            let is_in_memory = entry.is_some_and(|it| state.is_in_memory(it.span));
            let upto = if is_in_memory { state.end_position() } else { state.durable };
            Ok((found.transpose()?, upto))
        };
        let Some((segment, entry)) = self.on_state(find).await? else { return Ok(None) };
        let is_large = entry.span.length as usize > SMALL;
        let handle = Arc::clone(&self.handle);
        let body = move || read(&handle.codec, &segment, entry, reference).map(Some);
        blocking_if_long(is_large, STORE, body).await
    }

    async fn remove_bodies(&self, batch: BatchId) -> Result<(), StoreError> {
        let batch = *batch.as_bytes();
        let shared = &self.handle.shared;
        let remove = |state: &mut State| {
            if state.index.has_bodies(batch) {
                // Not refused on a full disk: this is how space becomes free.
                let _ = shared.make_room(state, (HEAD + batch.len()) as u64);
                state.append(Head::of(FrameKind::BodiesRemoved, &batch), &batch)?;
                state.index.apply(&Change::BodiesRemoved { batch });
                // A batch whose bodies come back after a failed sync is not removed a second time.
                state.dirty = state.end_position();
            }
            Ok(((), state.dirty))
        };
        self.on_state(remove).await
    }
}

/// Reads and decompresses a body that is on disk.
fn read(
    codec: &BodyCodec,
    segment: &Segment,
    entry: BodyEntry,
    reference: Reference,
) -> Result<Vec<u8>, StoreError> {
    let span = entry.span;
    let place =
        Place { store: segment.store, segment: segment.number, offset: u64::from(span.offset) };
    let frame = segment.read(place.offset, span.length as usize);
    let frame = frame.map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => changed(span),
        _ => failed(error),
    })?;
    let (head, named, payload) = read_body(&frame, place).ok_or_else(|| changed(span))?;
    if named.batch != *reference.batch.as_bytes()
        || named.number != reference.number
        || head.sum != reference.sum
    {
        return Err(damaged("a reference does not belong to its body"));
    }
    let compressed = payload.get(BODY_HEAD..).ok_or_else(|| changed(span))?;
    let body = codec.decompress(compressed).map_err(|error| damaged(error.to_string()))?;
    if body.len() as u64 == u64::from(named.length) { Ok(body) } else { Err(changed(span)) }
}

impl Bodies for Journal {
    fn put(&self, batch: BatchId, body: Vec<u8>) -> BoxFuture<'_, Result<BodyRef, StoreError>> {
        Box::pin(async move { self.put_body(batch, body, &[]).await })
    }

    fn put_naming(
        &self,
        batch: BatchId,
        body: Vec<u8>,
        others: Vec<BodyRef>,
    ) -> BoxFuture<'_, Result<BodyRef, StoreError>> {
        Box::pin(async move { self.put_body(batch, body, &others).await })
    }

    fn get(&self, body: BodyRef) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        Box::pin(self.get_body(body))
    }

    fn remove(&self, batch: BatchId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.remove_bodies(batch))
    }
}
