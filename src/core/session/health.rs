//! The health of a session, from what sites respond to its jobs.

use serde::{Deserialize, Serialize};

use crate::core::failure::ErrorCode;
use crate::core::session::Session;
use crate::core::time::Timestamp;

/// Refusals in a row after which a session counts as invalid. One refusal is often the page's or the site's.
const MAX_REFUSALS: u32 = 3;

/// The status of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SessionStatus {
    /// The session can be used.
    #[default]
    Active,
    /// The site asked for a login, or the expiry has passed.
    Expired,
    /// The site refused it several times in a row.
    Invalid,
    /// The session was changed and not used since.
    PendingValidation,
}

impl SessionStatus {
    /// All statuses.
    pub const ALL: [Self; 4] =
        [Self::Active, Self::Expired, Self::Invalid, Self::PendingValidation];

    /// Returns the status in snake case, such as `pending_validation`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Invalid => "invalid",
            Self::PendingValidation => "pending_validation",
        }
    }
}

display_as_str!(SessionStatus);

/// The result of a page that was fetched with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionOutcome {
    /// The site showed the page.
    Accepted,
    /// The site asked for a login.
    LoggedOut,
    /// The site refused the visitor.
    Refused,
    /// The result does not show whether the session is valid.
    Unrelated,
}

impl SessionOutcome {
    /// Returns the outcome of a job that failed with this code.
    pub fn of_failure(code: ErrorCode) -> Self {
        match code {
            ErrorCode::LoginRequired => Self::LoggedOut,
            ErrorCode::BlockedByAntibot | ErrorCode::ChallengeDetected => Self::Refused,
            _ => Self::Unrelated,
        }
    }
}

impl Session {
    /// Counts a page that was fetched with it.
    pub fn count(&mut self, outcome: SessionOutcome, now: Timestamp) {
        self.used_at = Some(now);
        self.total_requests = self.total_requests.saturating_add(1);
        match outcome {
            SessionOutcome::Accepted => {
                self.successful_requests = self.successful_requests.saturating_add(1);
                self.consecutive_failures = 0;
                self.status = SessionStatus::Active;
            }
            SessionOutcome::LoggedOut => {
                self.consecutive_failures = self.consecutive_failures.saturating_add(1);
                self.status = SessionStatus::Expired;
            }
            SessionOutcome::Refused => {
                self.consecutive_failures = self.consecutive_failures.saturating_add(1);
                if self.consecutive_failures >= MAX_REFUSALS {
                    self.status = SessionStatus::Invalid;
                }
            }
            SessionOutcome::Unrelated => {}
        }
    }

    /// Records a validation: `Some(true)` if the site showed its page to a logged-in visitor, `None` if the site could
    /// not be reached, which changes no status.
    pub fn validated(&mut self, is_valid: Option<bool>, confidence: u8, now: Timestamp) {
        (self.validated_at, self.confidence) = (Some(now), Some(confidence));
        match is_valid {
            Some(true) => {
                self.status = SessionStatus::Active;
                self.consecutive_failures = 0;
            }
            Some(false) => {
                self.status = SessionStatus::Expired;
                self.consecutive_failures = self.consecutive_failures.saturating_add(1);
            }
            None => {}
        }
    }

    /// Resets its health, as after a change of its secret.
    pub fn renew(&mut self) {
        self.status = SessionStatus::Active;
        self.consecutive_failures = 0;
        self.validated_at = None;
        self.confidence = None;
    }

    /// Returns its status at `now`: expired from [`Session::expires_at`] on.
    pub fn status_at(&self, now: Timestamp) -> SessionStatus {
        if self.has_expired(now) { SessionStatus::Expired } else { self.status }
    }

    /// Returns `true` if its expiry has passed, so that it cannot be used.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|it| it <= now)
    }

    /// Returns the share of its pages that the site showed, 0 to 1; 0 if it was not used.
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 52 bits")]
    pub fn success_rate(&self) -> f64 {
        if self.total_requests == 0 {
            return 0.0;
        }
        self.successful_requests as f64 / self.total_requests as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::{AccountId, SessionId};
    use crate::core::session::SessionDomain;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn session() -> Session {
        let domain = SessionDomain::parse("a.test").expect("a domain");
        Session::new(SessionId::new(at(1), 0, 7), AccountId::default(), "mine", domain, at(1))
    }

    #[test]
    fn a_login_page_expires_a_session_until_the_site_accepts_it_again() {
        let mut session = session();

        session.count(SessionOutcome::LoggedOut, at(2));
        assert_eq!((session.status, session.consecutive_failures), (SessionStatus::Expired, 1));
        session.count(SessionOutcome::Accepted, at(3));

        assert_eq!((session.status, session.consecutive_failures), (SessionStatus::Active, 0));
        assert_eq!(session.used_at, Some(at(3)));
        assert!((session.success_rate() - 0.5).abs() < 1e-9);
    }

    #[test]
    fn only_refusals_in_a_row_invalidate_a_session() {
        use SessionOutcome::{Accepted, Refused, Unrelated};
        let after = |outcomes: &[SessionOutcome]| {
            let mut session = session();
            for outcome in outcomes {
                session.count(*outcome, at(2));
            }
            session.status
        };

        assert_eq!(after(&[Refused, Refused, Accepted, Refused, Refused]), SessionStatus::Active);
        assert_eq!(after(&[Refused, Unrelated, Refused, Refused]), SessionStatus::Invalid);
        assert_eq!(after(&[Unrelated; 9]), SessionStatus::Active);
    }

    #[test]
    fn a_session_expires_at_its_time() {
        let mut session = session();
        session.expires_at = Some(at(9));

        assert_eq!(session.status_at(at(8)), SessionStatus::Active);
        assert_eq!(session.status_at(at(9)), SessionStatus::Expired);
        assert!(session.success_rate().abs() < 1e-9);
    }
}
