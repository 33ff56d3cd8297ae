//! The session of a job: checked at submission, opened when an attempt begins, and written back when the job has ended.

use url::Url;

use crate::core::failure::{ErrorCode, JobError};
use crate::core::id::{AccountId, SessionId};
use crate::core::job::Job;
use crate::core::request::{JobRequest, ValidationError};
use crate::core::session::{Session, SessionDomain, SessionOutcome, login_signs};
use crate::core::step::StepInput;
use crate::core::tier::Tier;
use crate::core::verdict::{Judgment, Response, Verdict};
use crate::engine::attempt::FetchedPage;
use crate::engine::error::{EngineError, SubmitError};
use crate::engine::sessions::SessionError;
use crate::engine::shared::Shared;
use crate::ports::fetch::AttemptSession;
use crate::ports::session::StoredSession;
use crate::ports::store::StoreError;

/// The field of an item that names a session.
const FIELD: &str = "advanced.session_id";

/// The session that a running job uses.
#[derive(Debug)]
pub(in crate::engine) struct JobSession {
    pub(in crate::engine) name: String,
    id: SessionId,
    account: AccountId,
    /// The site of the job's page, which gets the headers.
    site: (String, bool),
    /// The number of the secret: the account may replace it while the job runs.
    replacements: u64,
    attempt: AttemptSession,
}

/// The reason for which a job has no session to run with.
#[derive(Debug)]
pub(in crate::engine) enum NotOpened {
    /// The store cannot be reached for longer than a short outage, so that the job has to wait.
    Unavailable,
    /// The job's error.
    Failed(JobError),
}

fn host_of(url: &str) -> Option<String> {
    Url::parse(url).ok()?.host_str().map(str::to_owned)
}

fn covers(domain: &SessionDomain, url: &str) -> bool {
    host_of(url).is_some_and(|it| domain.covers(&it))
}

impl Shared {
    /// Refuses items that name a session while the engine has no store for them.
    pub(in crate::engine) fn check_session_use(
        &self,
        request: &JobRequest,
    ) -> Result<(), ValidationError> {
        if request.advanced().session_id.is_none() || self.adapters.sessions.is_some() {
            return Ok(());
        }
        // Without its session a site would serve another page, and the job would be charged for it.
        Err(ValidationError::new(FIELD, SessionError::Unavailable.to_string()))
    }

    /// Checks that the sessions of a submission exist, have not expired and belong to the pages that name them.
    pub(in crate::engine) async fn check_sessions(
        &self,
        account: &AccountId,
        requests: &[JobRequest],
    ) -> Result<(), SubmitError> {
        let mut known: Vec<Session> = Vec::new();
        for (index, request) in requests.iter().enumerate() {
            let Some(id) = request.advanced().session_id else { continue };
            let refused = |reason: String| {
                let error = ValidationError::new(FIELD, reason);
                SubmitError::Item { index, error }
            };
            if !known.iter().any(|it| it.id == id) {
                let found = match self.session_store() {
                    Ok(store) => store.find(account.clone(), id).await.map_err(SessionError::from),
                    Err(error) => Err(error),
                };
                match found {
                    Ok(Some(session)) => known.push(session),
                    Ok(None) => {
                        let reason =
                            "is not the id of a session of this account: create the session first";
                        return Err(refused(reason.to_owned()));
                    }
                    Err(SessionError::Engine(error)) => return Err(error.into()),
                    Err(error @ SessionError::Store(_)) => {
                        let (store, source) = ("sessions", Box::new(error));
                        return Err(EngineError::from(StoreError::Backend { store, source }).into());
                    }
                    Err(error) => return Err(refused(error.to_string())),
                }
            }
            let Some(session) = known.iter().find(|it| it.id == id) else { continue };
            if session.has_expired(self.now()) {
                return Err(refused("has expired: refresh the session".to_owned()));
            }
            if !covers(&session.domain, request.page().as_str()) {
                let domain = session.domain.host();
                return Err(refused(format!(
                    "is a session of {domain}, which the URL is not part of: create a session for its domain"
                )));
            }
            let is_safe = request.page().is_https() || !session.domain.is_https();
            if !is_safe && !session.header_names.is_empty() {
                // The site would show a logged-out page, which would be charged.
                let reason =
                    "has headers, which are sent over https only: write the URL with https://";
                return Err(refused(reason.to_owned()));
            }
        }
        Ok(())
    }
}

impl JobSession {
    /// Opens the session `id`, which the job names, as it is now.
    ///
    /// # Errors
    ///
    /// The job's error if the session was deleted, has expired, or cannot be opened, and [`NotOpened::Unavailable`] during
    /// an outage of the store.
    pub(in crate::engine) async fn open(
        shared: &Shared,
        job: &Job,
        id: SessionId,
    ) -> Result<Self, NotOpened> {
        let gone = |reason: &str| {
            let message = format!("session {id} {reason}");
            NotOpened::Failed(JobError::new(ErrorCode::LoginRequired, message))
        };
        let found = shared.stored_session(&job.account, id).await;
        let stored = found.map_err(|error| {
            if error.is_outage() {
                return NotOpened::Unavailable;
            }
            let shown = &error as &dyn std::error::Error;
            tracing::error!(error = shown, "opening a session failed");
            let cause = match &error {
                SessionError::Store(source) => source.to_string(),
                error => error.to_string(),
            };
            NotOpened::Failed(JobError::new(ErrorCode::InternalError, cause))
        })?;
        let Some(StoredSession { session, state, .. }) = stored else {
            return Err(gone("was deleted: create it again and retry the page"));
        };
        if session.has_expired(shared.now()) {
            return Err(gone("has expired: refresh it and retry the page"));
        }
        let page = job.request.page();
        Ok(Self {
            name: session.name,
            id,
            account: job.account.clone(),
            site: (page.site(), page.is_https()),
            replacements: session.replacements,
            attempt: AttemptSession::new(session.domain, state),
        })
    }

    /// Returns a copy with the changes that were reported so far. Later ones change only one of the two.
    pub(in crate::engine) fn snapshot(&self) -> Self {
        let (name, account, site) = (self.name.clone(), self.account.clone(), self.site.clone());
        let (id, replacements, attempt) = (self.id, self.replacements, self.attempt.snapshot());
        Self { name, id, account, site, replacements, attempt }
    }

    /// Returns the session for a request of the job, `None` if the URL is outside of its domain. Headers go to the site
    /// of the job's page only, and over plain HTTP only if the domain allows it.
    pub(in crate::engine) fn for_request(&self, request: &JobRequest) -> Option<AttemptSession> {
        let page = request.page();
        if !covers(self.attempt.domain(), page.as_str()) {
            return None;
        }
        let is_own = self.site.0 == page.site() && self.site.1 == page.is_https();
        let is_safe = page.is_https() || !self.attempt.domain().is_https();
        Some(if is_own && is_safe { self.attempt.clone() } else { self.attempt.without_headers() })
    }

    /// Returns the verdict on a page that is the site's login, `None` for any other page.
    pub(in crate::engine) fn judge(
        &self,
        job: &Job,
        page: &FetchedPage,
        tier: Tier,
        can_render: bool,
    ) -> Option<Judgment> {
        let (requested, fetched) = (job.request.page().as_str(), &page.response);
        let reached = if fetched.final_url.is_empty() { requested } else { &fetched.final_url };
        let mut response = Response::new(fetched.status, &fetched.headers, &fetched.body);
        response.rendered = page.rendered;
        let signs = login_signs(requested, reached, &response);
        let sign = signs.logged_out.first()?;
        if tier < Tier::Browser && can_render && !self.attempt.state().storage.is_empty() {
            // Its scripts may log in with the local storage, which only a browser has.
            let signal = format!("asks for a login: {sign}");
            return Some(Judgment { verdict: Verdict::NeedsRendering, signal });
        }
        let signal = format!(
            "the site asks for a login ({sign}): the session has expired, refresh its cookies"
        );
        Some(Judgment { verdict: Verdict::Permanent(ErrorCode::LoginRequired), signal })
    }

    /// Counts the page of a job whose end was committed, and keeps what the site changed. A failure is logged: the page is
    /// not lost for it.
    pub(in crate::engine) async fn finish(&self, shared: &Shared, job: &Job, end: &StepInput) {
        let (outcome, made) = match end {
            StepInput::Succeed { attempts, .. } => (SessionOutcome::Accepted, attempts),
            StepInput::Fail { error, attempts } => {
                (SessionOutcome::of_failure(error.code), attempts)
            }
            _ => return,
        };
        if made.is_empty() && job.trail.is_empty() {
            return;
        }
        // A site that asks for a login also deletes cookies, which would make the session useless for good.
        let accepted = outcome == SessionOutcome::Accepted;
        let changes = if accepted { self.attempt.take_changes() } else { Vec::new() };
        let now = shared.now();
        let (replacements, changes) = (self.replacements, &changes);
        let change = move |stored: &mut StoredSession| {
            if stored.session.replacements == replacements {
                stored.session.count(outcome, now);
                stored.adopt(changes, now);
            } else {
                // The account refreshed it meanwhile: the page shows nothing about the new secret.
                stored.session.count(SessionOutcome::Unrelated, now);
            }
            Ok(())
        };
        let write = || shared.change_session(&self.account, self.id, change);
        match shared.wait_out("writing a session back", SessionError::is_outage, write).await {
            // It was deleted while the job ran.
            Ok(_) | Err(SessionError::NotFound(_)) => {}
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "writing a session back failed");
            }
        }
    }
}
