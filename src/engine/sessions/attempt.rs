//! The session of an attempt: opened under the permit of its request, so that it is as new as the request.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::core::failure::JobError;
use crate::core::tier::Tier;
use crate::engine::ladder::{Ladder, pause_too_long};
use crate::engine::permits::FetchPermit;
use crate::engine::sessions::{JobSession, NotOpened, SessionError};

/// The time for opening a session under a permit. A store that takes longer is waited for without it.
const OPENING: Duration = Duration::from_secs(2);

/// The reason for which an attempt was not made.
#[derive(Debug)]
pub(in crate::engine) enum NotAttempted {
    /// The site asks for a pause that is longer than the job's remaining time.
    Paused(JobError),
    /// The job's session could not be opened.
    WithoutSession(NotOpened),
}

/// The sessions of a claim.
///
/// An attempt that begins with the stored cookies has a session of its own, so that what a site changed in an attempt
/// that was not accepted is dropped with it. The attempts that share the job's cookies share one.
#[derive(Debug, Default)]
pub(in crate::engine) struct ClaimSessions {
    /// The session of the attempts that share the job's cookies.
    shared_by_attempts: Option<Arc<JobSession>>,
    /// The session of the best page so far, as it was when that page arrived.
    of_best_page: Option<Arc<JobSession>>,
    last: LastSession,
}

/// The session that a claim used last. Clones share it.
#[derive(Clone, Debug, Default)]
pub(in crate::engine) struct LastSession(Arc<Mutex<Option<Arc<JobSession>>>>);

impl LastSession {
    fn set(&self, session: Option<Arc<JobSession>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = session;
    }

    /// Takes the session out.
    pub(in crate::engine) fn take(&self) -> Option<Arc<JobSession>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ClaimSessions {
    /// Returns the place in which the last session is found once the claim has ended.
    pub(in crate::engine) fn last(&self) -> LastSession {
        self.last.clone()
    }
}

/// Returns `true` if an attempt on `tier` begins with the cookies that the attempts before it left. Tier 1 forgets its cookies,
/// and the browser has a jar of its own for each page.
fn shares_cookies(tier: Tier) -> bool {
    !matches!(tier, Tier::Curl | Tier::Browser)
}

impl Ladder {
    /// Waits for the permit of a request, and opens the job's session under it.
    ///
    /// A page that waited for its turn is therefore sent with what the pages before it renewed. During an outage of the
    /// sessions the permit is given back, so that no other page waits for it.
    pub(in crate::engine) async fn permit(
        &mut self,
        site: &str,
        tier: Tier,
    ) -> Result<FetchPermit, NotAttempted> {
        let shared = Arc::clone(&self.shared);
        // A store that has responded without a permit is waited for under one.
        let mut is_slow = false;
        loop {
            let permits = &shared.scheduling.permits;
            let permit = permits.page(&self.job, site, tier, self.deadline()).await;
            let permit = permit.map_err(|it| NotAttempted::Paused(pause_too_long(it)))?;
            self.use_time(permit.paused());
            let opened = tokio::select! {
                biased;
                opened = self.open_session(tier) => opened,
                // Other pages of the site wait for the permit.
                () = shared.sleep(OPENING), if !is_slow => Err(NotOpened::Unavailable),
            };
            match opened {
                Ok(()) => return Ok(permit),
                Err(NotOpened::Unavailable) => drop(permit),
                Err(failed) => return Err(NotAttempted::WithoutSession(failed)),
            }
            self.wait_for_sessions().await.map_err(NotAttempted::WithoutSession)?;
            is_slow = true;
        }
    }

    /// Opens the session that the job names, if it names one, unless the attempt continues with that of an earlier one.
    async fn open_session(&mut self, tier: Tier) -> Result<(), NotOpened> {
        let Some(id) = self.job.request.advanced().session_id else { return Ok(()) };
        let kept = self.sessions.shared_by_attempts.clone().filter(|_| shares_cookies(tier));
        let session = match kept {
            Some(session) => session,
            None => match JobSession::open(&self.shared, &self.job, id).await {
                Ok(session) => Arc::new(session),
                Err(error) => {
                    // The site has not judged the session that cannot be used any more.
                    self.sessions.last.set(None);
                    return Err(error);
                }
            },
        };
        if shares_cookies(tier) {
            self.sessions.shared_by_attempts = Some(Arc::clone(&session));
        }
        self.use_session(session);
        Ok(())
    }

    fn use_session(&mut self, session: Arc<JobSession>) {
        self.sessions.last.set(Some(Arc::clone(&session)));
        self.session = Some(session);
    }

    /// Waits until the store of sessions can be reached.
    async fn wait_for_sessions(&self) -> Result<(), NotOpened> {
        let Some(id) = self.job.request.advanced().session_id else { return Ok(()) };
        let (shared, account) = (&self.shared, &self.job.account);
        let get = || shared.stored_session(account, id);
        match shared.wait_out("opening a session", SessionError::is_outage, get).await {
            Err(error) if error.is_outage() => Err(NotOpened::Unavailable),
            // The next attempt to open it finds any other error.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Keeps the session as it is now for the best page so far.
    pub(in crate::engine) fn keep_session_of_best(&mut self) {
        self.sessions.of_best_page = self.session.as_ref().map(|it| Arc::new(it.snapshot()));
    }

    /// Returns to the session of the best page: later attempts were not accepted.
    pub(in crate::engine) fn use_session_of_best(&mut self) {
        if let Some(session) = self.sessions.of_best_page.take() {
            self.use_session(session);
        }
    }
}
