//! The authenticated sender of a request.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::core::id::AccountId;
use crate::core::time::Timestamp;
use crate::engine::{Batch, Crawl, Extraction, Map};
use crate::service::server::client_family::ClientFamily;
use crate::service::server::key_limits::Permit;
use crate::service::server::keys::KeyState;
use crate::service::wire::{self, Problem};

/// The API key and the client family of an authenticated request.
///
/// The request counts as running, against the key's concurrency limit, until the last clone is dropped. A streamed
/// response therefore keeps one.
#[derive(Clone, Debug)]
pub(super) struct Principal {
    key: Arc<KeyState>,
    family: ClientFamily,
    _permit: Arc<Permit>,
}

impl Principal {
    pub(super) fn new(key: Arc<KeyState>, family: ClientFamily, permit: Permit) -> Self {
        Self { key, family, _permit: Arc::new(permit) }
    }

    /// Attributes a batch to the key: its account, its name as the label, and its spending limit.
    pub(super) fn attribute(&self, batch: Batch) -> Batch {
        let batch = batch.account(self.key.account.clone()).label(self.key.name.clone());
        match self.key.budget {
            Some(budget) => batch.budget(budget),
            None => batch,
        }
    }

    /// Attributes a crawl to the key, as [`Self::attribute`] does.
    pub(super) fn attribute_crawl(&self, crawl: Crawl) -> Crawl {
        let crawl = crawl.account(self.key.account.clone()).label(self.key.name.clone());
        match self.key.budget {
            Some(budget) => crawl.budget(budget),
            None => crawl,
        }
    }

    /// Attributes a map to the key, as [`Self::attribute`] does.
    pub(super) fn attribute_map(&self, map: Map) -> Map {
        let map = map.account(self.key.account.clone()).label(self.key.name.clone());
        match self.key.budget {
            Some(budget) => map.budget(budget),
            None => map,
        }
    }

    /// Attributes an extraction to the key, as [`Principal::attribute`] does for a batch.
    pub(super) fn attribute_extraction(&self, extraction: Extraction) -> Extraction {
        let extraction = extraction.account(self.key.account.clone()).label(self.key.name.clone());
        match self.key.budget {
            Some(budget) => extraction.budget(budget),
            None => extraction,
        }
    }

    /// Lets one more event stream of the key begin, up to this limit. It counts until the permit is dropped.
    pub(super) fn begin_stream(&self, limit: u32, now: Timestamp) -> Result<Permit, Problem> {
        self.key.limits.enter_stream(limit).map_err(|refusal| {
            let retry_after = refusal.retry_after(now);
            let message = format!(
                "too many event streams for this API key: close one of {limit}, or retry after {} s",
                retry_after.as_secs()
            );
            wire::rate_limited(message, retry_after)
        })
    }

    /// Counts a message on a connection of the key against its requests per minute.
    pub(super) fn count_message(&self, now: Timestamp) -> Result<(), Problem> {
        self.key.limits.count_message(now).map_err(|refusal| {
            let retry_after = refusal.retry_after(now);
            let seconds = retry_after.as_secs();
            let message =
                format!("too many requests per minute for this API key: retry after {seconds} s");
            wire::rate_limited(message, retry_after)
        })
    }

    /// The account whose batches the request may see and whose credits it spends.
    pub(super) fn account(&self) -> &AccountId {
        &self.key.account
    }

    /// The family of clients that the request comes from.
    pub(super) fn family(&self) -> ClientFamily {
        self.family
    }
}

/// The API key that a request to a guarded route presented, see [`Service::guarded`].
///
/// [`Service::guarded`]: crate::service::Service::guarded
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caller {
    /// Name of the key; `anyone` if the service requires none.
    pub key: String,
    /// Account of the key.
    pub account: AccountId,
}

impl Caller {
    pub(super) fn new(key: &KeyState) -> Self {
        Self { key: key.name.clone(), account: key.account.clone() }
    }
}

impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Absent only on a route outside the authentication layer, which is a bug in the router.
        parts.extensions.get::<Self>().cloned().ok_or_else(wire::unauthorized)
    }
}
