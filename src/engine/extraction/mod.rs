//! Extractions from documents that the caller supplies. Nothing is fetched.
//!
//! The price is held in one commit, the document is read on the blocking pool, and a second commit settles the hold and
//! stores the result, which is also the cache's. A process that dies in between leaves a hold that is released when the
//! record expires.

mod changes;
mod options;
mod run;

use std::sync::Arc;

use crate::core::credits::Credits;
use crate::core::extraction::{ExtractionRecord, ExtractionState};
use crate::core::id::{AccountId, ExtractionId};
use crate::core::ledger::Overdrawn;
use crate::core::record::{Key, Record, RecordKind};
use crate::core::request::ValidationError;
use crate::core::usage::OverBudget;
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::ports::extract::{ExtractError, Extracted};
use crate::ports::store::ListQuery;

pub(super) use changes::ExpireExtraction;
pub use options::Extraction;

/// A finished extraction: its record and its result.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExtractionReport {
    /// The record, with the price.
    pub record: ExtractionRecord,
    /// The formats and everything else that was found.
    pub extracted: Extracted,
}

impl ExtractionReport {
    /// Returns the credits charged.
    pub fn charged(&self) -> Credits {
        self.record.charged()
    }

    /// Returns `true` if the result came from the cache, at no charge.
    pub fn is_cached(&self) -> bool {
        matches!(self.record.state, ExtractionState::Succeeded { cached: true, .. })
    }
}

/// An extraction without a result. Nothing was charged.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractionError {
    /// An option or the document is invalid.
    #[error(transparent)]
    Invalid(#[from] ValidationError),
    /// The price exceeds `max_credits` of the options.
    #[error(
        "the extraction costs {price}, and max_credits is {most}: raise it, or drop the prompt"
    )]
    TooExpensive {
        /// The price.
        price: Credits,
        /// The limit.
        most: Credits,
    },
    /// The account's free credits do not cover the price.
    #[error(transparent)]
    Overdrawn(#[from] Overdrawn),
    /// The extraction would exceed its budget.
    #[error(transparent)]
    OverBudget(#[from] OverBudget),
    /// The idempotency key is empty, too long, or not printable.
    #[error("the idempotency key is invalid: use 1 to 255 printable ASCII characters")]
    BadKey,
    /// The idempotency key was used for other contents.
    #[error("the idempotency key was already used for another request: choose a new key")]
    KeyReused,
    /// An extraction with the same idempotency key is running.
    #[error("an extraction with the same idempotency key is still running: retry in a few seconds")]
    InProgress,
    /// The engine has as many extractions under way as it may have.
    #[error("too many extractions are under way: retry in a few seconds")]
    Busy,
    /// The cache has no result, and the caller wants no other.
    #[error("the cache has no result for this document and these options: use cache auto")]
    NotCached,
    /// The document could not be read.
    #[error(transparent)]
    Failed(#[from] ExtractError),
    /// The engine was shut down, or its store failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Engine {
    /// Reads a document that the caller supplies, as the pages of a batch are read, and charges
    /// [`PriceList::extraction`](crate::core::price::PriceList::extraction).
    ///
    /// The price is held first and settled together with the result. If this process dies in between, or the future is
    /// dropped, the hold is released or the extraction ends without a reader.
    ///
    /// # Errors
    ///
    /// [`ExtractionError`]. Nothing is charged then.
    pub async fn extract(
        &self,
        extraction: Extraction,
    ) -> Result<ExtractionReport, ExtractionError> {
        if self.shared.lifecycle.stopping.is_cancelled() {
            return Err(EngineError::Stopped.into());
        }
        run::extract(&self.shared, extraction).await
    }

    /// Returns up to `limit` extractions of an account that are still stored, newest first, starting after `after`.
    ///
    /// # Errors
    ///
    /// [`EngineError::Store`] if the store fails.
    pub async fn extractions(
        &self,
        account: &AccountId,
        after: Option<ExtractionId>,
        limit: usize,
    ) -> Result<Vec<ExtractionRecord>, EngineError> {
        let after = Key::Extraction(account.clone(), after.unwrap_or(ExtractionId::LAST));
        let kind = RecordKind::Extraction;
        let query = ListQuery { kind, after: Some(after), descending: true, limit };
        let found = self.shared.adapters.store.list(query).await?;
        let records = found.into_iter().map_while(|it| match it.record {
            // The list continues with the accounts that sort before this one.
            Record::Extraction(it) if it.account == *account => Some(it),
            _ => None,
        });
        Ok(records.collect())
    }
}

/// Decodes a stored result.
fn stored(bytes: &[u8]) -> Option<Extracted> {
    let mut extracted: Extracted = serde_json::from_slice(bytes).ok()?;
    extracted.unfold_text();
    Some(extracted)
}

/// Encodes a result to store.
fn encoded(extracted: &Extracted) -> Result<Vec<u8>, EngineError> {
    let mut extracted = extracted.clone();
    extracted.fold_text();
    serde_json::to_vec(&extracted).map_err(|source| {
        let source = Box::new(source);
        let error = crate::ports::store::StoreError::Backend { store: "bodies", source };
        EngineError::Store(Arc::new(error))
    })
}
