//! The profiles of sites in this process, and the lessons that are on their way into the store.
//!
//! A lesson counts at once for the pages of this process. It is written with others once a second: a popular site would
//! otherwise be a record that every commit of every account changes. A process that dies loses the lessons of its last
//! second, which cost an exploration and nothing else. Pauses that a site asked for are not lessons; they are committed
//! with the step that met them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::core::job::Job;
use crate::core::ladder::{PageKind, SiteProfile};
use crate::core::record::{Key, Record};
use crate::core::time::Timestamp;
use crate::engine::changes::Learn;
use crate::engine::shared::Shared;
use crate::ports::store::Versioned;

/// The time between two commits of lessons.
const INTERVAL: Duration = Duration::from_secs(1);
/// The time for which a profile is not read again. Another process may have changed it.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// The most lessons that wait for their commit; further ones are dropped.
const MAX_LESSONS: usize = 2_048;
/// The most profiles that are kept in memory.
const MAX_PROFILES: usize = 4_096;

/// A job that ended, and the time of its end.
#[derive(Clone, Debug)]
pub(super) struct Lesson {
    pub(super) site: String,
    pub(super) job: Arc<Job>,
    pub(super) at: Timestamp,
}

impl Lesson {
    /// Adds the lesson to a profile. Returns `false` if it changes nothing.
    pub(super) fn teach(&self, profile: &mut SiteProfile) -> bool {
        let kind = PageKind::of(&self.job.account, &self.job.request);
        profile.learn_job(kind, &self.job.request, &self.job.trail, self.at)
    }
}

/// The profiles that this process has read, with everything that it has learned.
#[derive(Debug, Default)]
pub(super) struct SiteProfiles {
    state: Mutex<State>,
    /// Wakes the task that commits lessons.
    learned: Notify,
}

#[derive(Debug, Default)]
struct State {
    profiles: HashMap<String, KnownProfile>,
    lessons: Vec<Lesson>,
    /// The lessons whose commit is running.
    committing: Vec<Lesson>,
}

/// The profile of a site is not kept, or was read too long ago.
struct NotKept;

#[derive(Debug)]
struct KnownProfile {
    profile: Option<Arc<SiteProfile>>,
    read_at: Timestamp,
}

impl State {
    /// Returns a profile with the lessons that are not in the store.
    fn with_lessons(&self, site: &str, read: Option<SiteProfile>) -> Option<SiteProfile> {
        let mut profile = read;
        let lessons = self.committing.iter().chain(&self.lessons);
        for lesson in lessons.filter(|it| it.site == site) {
            let mut changed = profile.clone().unwrap_or_else(|| SiteProfile::new(site, lesson.at));
            if lesson.teach(&mut changed) {
                profile = Some(changed);
            }
        }
        profile
    }
}

impl SiteProfiles {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a profile that is kept, or `Err` if the store must be asked.
    fn known(&self, site: &str, now: Timestamp) -> Result<Option<Arc<SiteProfile>>, NotKept> {
        let state = self.lock();
        let known = state.profiles.get(site).ok_or(NotKept)?;
        // While lessons are written, a profile from the store may or may not contain them.
        let is_fresh = !state.committing.is_empty() || now.since(known.read_at) < FRESH_FOR;
        if is_fresh { Ok(known.profile.clone()) } else { Err(NotKept) }
    }

    fn add(
        &self,
        site: &str,
        read: Option<SiteProfile>,
        now: Timestamp,
    ) -> Option<Arc<SiteProfile>> {
        let mut state = self.lock();
        if state.profiles.len() >= MAX_PROFILES {
            state.profiles.retain(|_, it| now.since(it.read_at) < FRESH_FOR);
        }
        let profile = state.with_lessons(site, read).map(Arc::new);
        if state.profiles.len() < MAX_PROFILES {
            let known = KnownProfile { profile: profile.clone(), read_at: now };
            state.profiles.insert(site.to_owned(), known);
        }
        profile
    }

    /// Learns from a job that has ended.
    pub(super) fn learn(&self, job: Job, at: Timestamp) {
        if job.trail.is_empty() {
            return;
        }
        let lesson = Lesson { site: job.request.page().site(), job: Arc::new(job), at };
        let mut state = self.lock();
        if let Some(known) = state.profiles.get_mut(&lesson.site) {
            let new = || Arc::new(SiteProfile::new(&lesson.site, at));
            let mut changed = known.profile.clone().unwrap_or_else(new);
            if lesson.teach(Arc::make_mut(&mut changed)) {
                known.profile = Some(changed);
            }
        }
        if state.lessons.len() < MAX_LESSONS {
            state.lessons.push(lesson);
            self.learned.notify_one();
        }
    }
}

impl Shared {
    /// Returns the profile of a site, read from the store at most once a second. A missing or unreadable profile
    /// must not fail a page.
    pub(super) async fn site_profile(&self, site: &str) -> Option<Arc<SiteProfile>> {
        let profiles = &self.scheduling.profiles;
        if let Ok(known) = profiles.known(site, self.now()) {
            return known;
        }
        self.read_profiles(vec![site.to_owned()]).await.remove(site)
    }

    /// Returns the profiles of sites, with one read of the store for those that are not kept.
    pub(super) async fn site_profiles(
        &self,
        sites: BTreeSet<String>,
    ) -> HashMap<String, Arc<SiteProfile>> {
        let (mut profiles, mut missing) = (HashMap::new(), Vec::new());
        for site in sites {
            match self.scheduling.profiles.known(&site, self.now()) {
                Ok(profile) => profiles.extend(profile.map(|it| (site, it))),
                Err(NotKept) => missing.push(site),
            }
        }
        if !missing.is_empty() {
            profiles.extend(self.read_profiles(missing).await);
        }
        profiles
    }

    /// Reads profiles from the store and keeps them.
    async fn read_profiles(&self, sites: Vec<String>) -> HashMap<String, Arc<SiteProfile>> {
        let keys = sites.iter().cloned().map(Key::Site).collect();
        let mut found = self.adapters.store.load(keys).await.unwrap_or_default();
        found.resize_with(sites.len(), || None);
        let add = |(site, found): (String, Option<Versioned>)| {
            let read = match found.map(|it| it.record) {
                Some(Record::Site(profile)) => Some(profile),
                _ => None,
            };
            let profile = self.scheduling.profiles.add(&site, read, self.now())?;
            Some((site, profile))
        };
        sites.into_iter().zip(found).filter_map(add).collect()
    }

    /// Commits the lessons that wait. They are dropped if the store fails.
    pub(super) async fn commit_lessons(&self) {
        let lessons = {
            let mut state = self.scheduling.profiles.lock();
            state.committing = std::mem::take(&mut state.lessons);
            state.committing.clone()
        };
        if !lessons.is_empty() {
            if let Err(error) = self.writer.apply(Learn(lessons)).await {
                tracing::warn!(%error, "storing what sites have shown failed");
            }
            self.scheduling.profiles.lock().committing.clear();
        }
    }
}

/// Commits lessons until the engine stops. Those of the last jobs are committed by the shutdown.
pub(super) async fn run(shared: Arc<Shared>) {
    let stopping = &shared.lifecycle.stopping;
    while !stopping.is_cancelled() {
        tokio::select! {
            biased;
            () = stopping.cancelled() => return,
            () = shared.scheduling.profiles.learned.notified() => {}
        }
        tokio::select! {
            biased;
            () = stopping.cancelled() => return,
            () = shared.sleep(INTERVAL) => {}
        }
        shared.commit_lessons().await;
    }
}
