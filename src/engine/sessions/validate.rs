//! Validation: one request for the start page of a session's domain, with the session.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::core::id::{AccountId, SessionId};
use crate::core::request::Item;
use crate::core::session::{LoginSigns, Session, SessionState, login_signs};
use crate::core::tier::Tier;
use crate::core::time::Timestamp;
use crate::core::verdict::{DocumentKind, Response, Verdict, judge};
use crate::engine::attempt::timed_out;
use crate::engine::sessions::{SessionError, Sessions};
use crate::engine::{robots, subrequest};
use crate::ports::fetch::{AttemptSession, FetchError, FetchRequest, Fetched};
use crate::ports::session::StoredSession;

/// The time limit of a validation, waits included.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The most bytes of the start page.
const MAX_BYTES: u64 = 5 * 1_024 * 1_024;
/// The time before its expiry in which a cookie counts as expiring soon.
const SOON: Duration = Duration::from_hours(72);
/// The confidence in a page with a sign for the result.
const WITH_SIGN: u8 = 95;
/// The confidence in a page that shows content and no sign.
const WITHOUT_SIGN: u8 = 60;

/// The result of a validation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionValidation {
    /// The session afterwards.
    pub session: Session,
    /// `true` if the site showed its start page to a visitor that is not asked to log in.
    pub is_valid: bool,
    /// The confidence in the result, 0 to 100; 0 if the site could not be reached.
    pub confidence: u8,
    /// The HTTP status of the start page, `None` without a response.
    pub status: Option<u16>,
    /// The signs that were found.
    pub signs: LoginSigns,
    /// The earliest expiry of a cookie.
    pub cookies_expire_at: Option<Timestamp>,
    /// `true` if a cookie expires within 72 hours.
    pub expires_soon: bool,
    /// An explanation of the result.
    pub details: String,
}

impl Sessions<'_> {
    /// Requests the start page of the session's domain with the session, and records the result in its health. It costs no
    /// credits, waits for its turn at the site like a page, and obeys robots.txt if the engine does.
    ///
    /// # Errors
    ///
    /// [`SessionError::NotFound`], or [`SessionError::NotValidated`] if no HTTP fetcher can make the request.
    pub async fn validate(
        &self,
        account: &AccountId,
        id: SessionId,
    ) -> Result<SessionValidation, SessionError> {
        let stored = self.shared.stored_session(account, id).await?;
        let stored = stored.ok_or(SessionError::NotFound(id))?;
        if stored.session.has_expired(self.shared.now()) {
            return Ok(self.expired(stored));
        }
        let replacements = stored.session.replacements;
        let page = stored.session.domain.start_page();
        let attempt = AttemptSession::new(stored.session.domain, stored.state);
        let fetched = tokio::select! {
            biased;
            fetched = self.start_page(account, &page, attempt.clone()) => fetched?,
            () = self.shared.sleep(TIMEOUT) => Err(timed_out(TIMEOUT)),
        };
        let now = self.shared.now();
        let can_render = self.shared.adapters.fetchers.browser.is_some();
        let missing = fetched.as_ref().ok().and_then(|it| missing(&page, it, &attempt, can_render));
        let mut result = assess(&page, fetched.as_ref(), missing);
        let renewed =
            if result.is_valid == Some(true) { attempt.take_changes() } else { Vec::new() };
        let changed = self.shared.change_session(account, id, |it| {
            let is_current = it.session.replacements == replacements;
            if is_current {
                it.session.validated(result.is_valid, result.confidence, now);
                it.adopt(&renewed, now);
            } else {
                it.session.validated(None, 0, now);
            }
            Ok((is_current, first_expiry(&it.state)))
        });
        let (session, (is_current, cookies_expire_at)) = changed.await?;
        if !is_current {
            result = Assessment::unknown(
                "the session was refreshed during the validation: validate it again".to_owned(),
            );
        }
        Ok(SessionValidation {
            session,
            is_valid: result.is_valid == Some(true),
            confidence: result.confidence,
            status: fetched.as_ref().ok().map(|it| it.status),
            signs: result.signs,
            cookies_expire_at,
            expires_soon: cookies_expire_at.is_some_and(|it| it <= now.after(SOON)),
            details: result.details,
        })
    }

    /// Returns the result for a session that cannot be used any more. Nothing is requested.
    fn expired(self, stored: StoredSession) -> SessionValidation {
        SessionValidation {
            session: self.shared.shown(stored.session),
            is_valid: false,
            confidence: 100,
            status: None,
            signs: LoginSigns::default(),
            cookies_expire_at: first_expiry(&stored.state),
            expires_soon: true,
            details: "its `expires_at` has passed: refresh it".to_owned(),
        }
    }

    /// Requests the start page, like a page of the account.
    async fn start_page(
        &self,
        account: &AccountId,
        page: &str,
        session: AttemptSession,
    ) -> Result<Result<Fetched, FetchError>, SessionError> {
        let shared = self.shared;
        let fetchers = &shared.adapters.fetchers;
        let tier = [Tier::Http, Tier::Curl].into_iter().find(|it| fetchers.http(*it).is_some());
        let fetcher = tier.and_then(|it| fetchers.http(it).map(|fetcher| (it, fetcher)));
        let Some((tier, fetcher)) = fetcher else {
            let reason = "no fetcher serves tier 1 or 2: add one with `.http(...)`";
            return Err(SessionError::NotValidated(reason.to_owned()));
        };
        let options = Item::get(page).timeout(TIMEOUT).check(&shared.config.limits)?;
        if let Err(error) = robots::check(shared, options.page(), TIMEOUT).await {
            return Err(SessionError::NotValidated(error.message));
        }
        let site = options.page().site();
        let permit = shared.scheduling.permits.request(&site, TIMEOUT).await;
        let permit = permit.map_err(|pause| {
            let seconds = pause.as_secs();
            SessionError::NotValidated(format!("the site asks to wait {seconds} s"))
        })?;
        let request = FetchRequest::new(Arc::new(options), tier)
            .with_account(account.clone())
            .with_max_bytes(MAX_BYTES)
            .with_session(Some(session));
        let check = robots::redirect_check(shared);
        let started_at = shared.now();
        let response = fetcher.fetch(FetchRequest { redirect_check: check, ..request }).await;
        subrequest::observe(shared, &site, response.as_ref(), started_at);
        drop(permit);
        Ok(response)
    }
}

fn first_expiry(state: &SessionState) -> Option<Timestamp> {
    state.cookies.iter().filter_map(|it| it.expires_at).min()
}

/// Returns a part of the session that the request for the start page did not carry and that pages may be fetched with.
fn missing(
    page: &str,
    fetched: &Fetched,
    session: &AttemptSession,
    can_render: bool,
) -> Option<&'static str> {
    if can_render && !session.state().storage.is_empty() {
        return Some("only a browser sends its local storage");
    }
    let origin = |url: &str| Url::parse(url).ok().map(|it| it.origin());
    let own = origin(page);
    let hops = fetched.redirects.iter().map(|it| it.url.as_str());
    let mut reached = hops.chain([fetched.final_url.as_str()]).filter(|it| !it.is_empty());
    let has_left = !session.headers().is_empty() && reached.any(|it| origin(it) != own);
    has_left.then_some("its headers are not sent after a redirect to another origin")
}

/// The result before the session is changed.
struct Assessment {
    /// `None` if the site could not be reached, or does not show it.
    is_valid: Option<bool>,
    confidence: u8,
    signs: LoginSigns,
    details: String,
}

impl Assessment {
    /// Returns a result that changes nothing.
    fn unknown(details: String) -> Self {
        Self { is_valid: None, confidence: 0, signs: LoginSigns::default(), details }
    }
}

/// Judges the start page. `missing` is a part of the session that the request did not carry.
fn assess(page: &str, fetched: Result<&Fetched, &FetchError>, missing: Option<&str>) -> Assessment {
    let fetched = match fetched {
        Ok(fetched) => fetched,
        Err(error) => {
            return Assessment::unknown(format!("the site could not be reached: {error}"));
        }
    };
    let response = Response::new(fetched.status, &fetched.headers, &fetched.body);
    let signs = login_signs(page, &fetched.final_url, &response);
    if let (Some(sign), Some(missing)) = (signs.logged_out.first(), missing) {
        let details =
            format!("the site asks for a login ({sign}), but {missing}: fetch a page with it");
        return Assessment { signs, ..Assessment::unknown(details) };
    }
    if let Some(sign) = signs.logged_out.first() {
        let details = format!("the site asks for a login: {sign}");
        return Assessment { is_valid: Some(false), confidence: WITH_SIGN, signs, details };
    }
    let judgment = judge(&response);
    let shows_content = match judgment.verdict {
        Verdict::Usable | Verdict::NeedsRendering | Verdict::Thin => true,
        Verdict::Other(kind) => kind == DocumentKind::Json || kind == DocumentKind::Text,
        _ => false,
    };
    if !shows_content {
        let status = fetched.status;
        let details = "the start page does not show whether the session is valid";
        return Assessment::unknown(format!("{details}: status {status}"));
    }
    match signs.logged_in.first() {
        Some(sign) => {
            let details = format!("the site treats the visitor as logged in: {sign}");
            Assessment { is_valid: Some(true), confidence: WITH_SIGN, signs, details }
        }
        None => Assessment {
            is_valid: Some(true),
            confidence: WITHOUT_SIGN,
            signs,
            details: "the site shows its start page and asks for no login".to_owned(),
        },
    }
}
