//! A retry of a batch.

use serde_json::Value;

use crate::core::credits::Credits;
use crate::core::request::ValidationError;
use crate::core::tier::Tier;
use crate::service::wire::request::fields::{Fields, Lookups};
use crate::service::wire::request::item::{max_credits, tier};

/// The body of `POST /batch/{id}/retry`. An absent field keeps the value of the first submission.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WireRetry {
    /// Highest tier of every page.
    pub max_tier: Option<Tier>,
    /// The most that each page may cost.
    pub max_credits: Option<Credits>,
    /// URL that the notification of the new batch is posted to.
    pub webhook_url: Option<String>,
}

/// Reads the body of `POST /batch/{id}/retry`.
///
/// # Errors
///
/// The first error in a field.
pub fn read_retry(value: &Value) -> Result<WireRetry, ValidationError> {
    read_retry_with(value, None)
}

/// Reads a retry, and adds the look-ups of its fields to `lookups`.
pub(in crate::service::wire) fn read_retry_with(
    value: &Value,
    lookups: Option<&Lookups>,
) -> Result<WireRetry, ValidationError> {
    let fields = Fields::of(value, "body", lookups)?;
    let mut retry = WireRetry { webhook_url: fields.webhook()?, ..WireRetry::default() };
    if let Some(inside) = fields.object("cost_controls")? {
        retry.max_tier = tier(inside, "cost_controls.max_tier")?;
        retry.max_credits = max_credits(inside)?;
    }
    Ok(retry)
}
