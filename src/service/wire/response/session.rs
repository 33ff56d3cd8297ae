//! Sessions, without their secrets.

use serde_json::{Value, json};

use crate::core::session::Session;
use crate::core::time::Timestamp;
use crate::engine::SessionValidation;

/// Serializes a session as it is at `now`. Names of cookies and headers are in it, values never.
pub(crate) fn session(session: &Session, now: Timestamp) -> Value {
    let headers = (!session.header_names.is_empty()).then_some(&session.header_names);
    let time = |at: Option<Timestamp>| at.map(|it| it.to_string());
    json!({
        "id": session.id.to_string(),
        "name": session.name,
        "domain": session.domain.host(),
        "cookie_names": session.cookie_names,
        "cookie_count": session.cookie_names.len(),
        "header_names": headers,
        "storage_origins": session.storage_origins,
        "status": session.status.as_str(),
        "expires_at": time(session.expires_at),
        "expiry_status": expiry_status(session, now),
        "last_validated_at": time(session.validated_at),
        "validation_confidence": session.confidence,
        "consecutive_failures": session.consecutive_failures,
        "last_used_at": time(session.used_at),
        "total_requests": session.total_requests,
        "successful_requests": session.successful_requests,
        "success_rate": session.success_rate(),
        "notes": session.notes,
        "created_at": session.created_at.to_string(),
        "updated_at": session.updated_at.to_string(),
    })
}

/// Returns what is known about the session's expiry: no time, one to come, or one that has passed.
fn expiry_status(session: &Session, now: Timestamp) -> &'static str {
    match session.expires_at {
        None => "none",
        Some(_) if session.has_expired(now) => "expired",
        Some(_) => "valid",
    }
}

/// Serializes a list of sessions.
pub(crate) fn sessions(all: &[Session], now: Timestamp) -> Value {
    let sessions: Vec<Value> = all.iter().map(|it| session(it, now)).collect();
    json!({ "total": sessions.len(), "sessions": sessions })
}

/// Serializes the removal of a session. Some clients parse it, so it is not empty.
pub(crate) fn session_removed(id: &str) -> Value {
    json!({ "deleted": true, "id": id })
}

/// Serializes the result of a validation.
pub(crate) fn session_validation(result: &SessionValidation) -> Value {
    let session = &result.session;
    json!({
        "id": session.id.to_string(),
        "name": session.name,
        "domain": session.domain.host(),
        "status": session.status.as_str(),
        "is_valid": result.is_valid,
        "valid": result.is_valid,
        "confidence": result.confidence,
        "http_status": result.status,
        "detected_user": null,
        "cookie_expiry_detected": result.cookies_expire_at.map(|it| it.to_string()),
        "cookies_expiring_soon": result.expires_soon,
        "indicators_found": {
            "logged_in": result.signs.logged_in,
            "logged_out": result.signs.logged_out,
        },
        "consecutive_failures": session.consecutive_failures,
        "details": result.details,
        "reason": result.details,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::{AccountId, SessionId};
    use crate::core::session::{SessionDomain, SessionStatus};

    #[test]
    fn a_login_page_does_not_pass_the_expiry() {
        let at = Timestamp::from_millis;
        let domain = SessionDomain::parse("a.test").expect("a domain");
        let id = SessionId::new(at(1), 0, 7);
        let mut it = Session::new(id, AccountId::default(), "mine", domain, at(1));
        let shown = |it: &Session, now: u64| session(it, at(now))["expiry_status"].clone();

        assert_eq!(shown(&it, 5), "none");
        (it.expires_at, it.status) = (Some(at(9)), SessionStatus::Expired);
        assert_eq!((shown(&it, 8), shown(&it, 9)), (json!("valid"), json!("expired")));
    }
}
