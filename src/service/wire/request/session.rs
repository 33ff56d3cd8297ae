//! Sessions: new ones, changes and refreshes.

use serde_json::Value;

use crate::core::request::ValidationError;
use crate::core::session::SessionState;
use crate::core::time::Timestamp;
use crate::engine::{NewSession, SessionSecret, SessionUpdate};
use crate::service::wire::request::fields::{Fields, Lookups};

/// Reads the body of `POST /sessions`. Errors contain no values.
///
/// # Errors
///
/// The first error in a field.
pub(in crate::service) fn read_session(value: &Value) -> Result<NewSession, ValidationError> {
    read_session_with(value, None)
}

/// Reads a session, and adds the look-ups of its fields to `lookups`.
pub(in crate::service::wire) fn read_session_with(
    value: &Value,
    lookups: Option<&Lookups>,
) -> Result<NewSession, ValidationError> {
    let fields = Fields::of(value, "body", lookups)?;
    let required = |name: &'static str, text: Option<String>| {
        text.ok_or_else(|| ValidationError::new(name, "is missing"))
    };
    let (name, domain) = (fields.text("name")?, fields.text("domain")?);
    let (notes, expires_at) = (fields.text("notes")?, time(fields)?);
    let secret = secret(fields)?;
    let mut session = NewSession::new(required("name", name)?, required("domain", domain)?);
    session = session.secret(secret);
    if let Some(notes) = notes {
        session = session.notes(notes);
    }
    Ok(match expires_at {
        Some(at) => session.expires_at(at),
        None => session,
    })
}

/// Reads the body of `PATCH /sessions/{id}`. Notes and an expiry that are null are removed.
///
/// # Errors
///
/// The first error in a field.
pub(in crate::service) fn read_session_update(
    value: &Value,
) -> Result<SessionUpdate, ValidationError> {
    read_session_update_with(value, None)
}

/// Reads a change, and adds the look-ups of its fields to `lookups`.
pub(in crate::service::wire) fn read_session_update_with(
    value: &Value,
    lookups: Option<&Lookups>,
) -> Result<SessionUpdate, ValidationError> {
    let fields = Fields::of(value, "body", lookups)?;
    let (name, notes, at) = (fields.text("name")?, fields.text("notes")?, time(fields)?);
    let mut update = SessionUpdate::default();
    if let Some(name) = name {
        update = update.name(name);
    }
    if let Some(notes) = notes {
        update = update.notes(notes);
    } else if fields.is_null("notes") {
        update = update.without_notes();
    }
    if let Some(at) = at {
        update = update.expires_at(at);
    } else if fields.is_null("expires_at") {
        update = update.without_expiry();
    }
    Ok(update.secret(secret(fields)?))
}

/// Reads the body of `POST /sessions/{id}/refresh`.
///
/// # Errors
///
/// The first error in a field.
pub(in crate::service) fn read_session_refresh(
    value: &Value,
) -> Result<SessionSecret, ValidationError> {
    read_session_refresh_with(value, None)
}

/// Reads a refresh, and adds the look-ups of its fields to `lookups`.
pub(in crate::service::wire) fn read_session_refresh_with(
    value: &Value,
    lookups: Option<&Lookups>,
) -> Result<SessionSecret, ValidationError> {
    let secret = secret(Fields::of(value, "body", lookups)?)?;
    if secret.is_empty() {
        let reason = "are missing: send the new cookies, `headers` or `storage_state`";
        return Err(ValidationError::new("cookies", reason));
    }
    Ok(secret)
}

fn time(fields: Fields<'_>) -> Result<Option<Timestamp>, ValidationError> {
    let Some(text) = fields.text("expires_at")? else { return Ok(None) };
    let at = Timestamp::from_iso_8601(&text);
    at.map(Some).ok_or_else(|| {
        let reason = "must be a time in ISO 8601, such as 2026-12-31T23:59:59Z";
        ValidationError::new("expires_at", reason)
    })
}

/// Reads cookies, headers and storage state.
fn secret(fields: Fields<'_>) -> Result<SessionSecret, ValidationError> {
    let mut secret = SessionSecret::default();
    let (cookies, headers) = (fields.pairs("cookies")?, fields.pairs("headers")?);
    let agent = fields.text("user_agent")?;
    if let Some(cookies) = cookies {
        secret = secret.cookies(cookies);
    }
    if let Some(headers) = headers {
        secret = secret.headers(headers);
    }
    if let Some(agent) = agent {
        secret = secret.user_agent(agent);
    }
    if let Some(state) = fields.value("storage_state") {
        secret = secret.storage_state(SessionState::from_storage_state(state)?);
    }
    Ok(secret)
}
