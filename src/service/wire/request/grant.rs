//! A grant of credits to an account.

use serde_json::Value;

use crate::core::credits::Credits;
use crate::core::request::ValidationError;
use crate::service::wire::request::fields::{Fields, Lookups};

/// The body of `POST /accounts/{account}/grants`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireGrant {
    /// The credits to add.
    pub credits: Credits,
    /// The key of the grant, unless the request has it in a header.
    pub key: Option<String>,
}

/// Reads the body of `POST /accounts/{account}/grants`.
///
/// # Errors
///
/// The first error in a field.
pub fn read_grant(value: &Value) -> Result<WireGrant, ValidationError> {
    read_grant_with(value, None)
}

/// Reads a grant, and adds the look-ups of its fields to `lookups`.
pub(in crate::service::wire) fn read_grant_with(
    value: &Value,
    lookups: Option<&Lookups>,
) -> Result<WireGrant, ValidationError> {
    let fields = Fields::of(value, "body", lookups)?;
    let (credits, key) = (fields.whole("credits")?, fields.text("key")?);
    match credits {
        Some(0) => Err(ValidationError::new("credits", "must be at least 1")),
        Some(credits) => Ok(WireGrant { credits: Credits(credits), key }),
        None => {
            let reason = "is missing; add the number of credits (1,000,000 are one dollar)";
            Err(ValidationError::new("credits", reason))
        }
    }
}
