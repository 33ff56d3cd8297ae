//! The jobs in hand: claimed, and not yet ended or back in the queue.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::core::claims::{JobsInHand, Shares};
use crate::core::id::AccountId;
use crate::core::job::Job;
use crate::core::slots::{Slot, Slots};
use crate::engine::shared::{Scheduling, Shared};

/// Jobs in hand per page permit. One account gets half of them: while some of its jobs are fetched, others
/// are claimed ahead, because a claim may wait for a flush.
const JOBS_PER_PERMIT: usize = 8;

/// The counts of jobs in hand.
#[derive(Debug)]
pub(super) struct JobCounts {
    jobs: Mutex<JobsInHand>,
    /// `true` if a job that ends makes room that another may be waiting for.
    wakes_at_ends: AtomicBool,
}

impl JobCounts {
    pub(super) fn new(concurrency: usize, weights: BTreeMap<AccountId, u32>) -> Self {
        let most = concurrency.saturating_mul(JOBS_PER_PERMIT);
        let jobs = Mutex::new(JobsInHand::new(most, weights));
        Self { jobs, wakes_at_ends: AtomicBool::new(true) }
    }

    /// Sets whether the end of a job wakes the worker.
    pub(super) fn wake_at_ends(&self, wakes: bool) {
        self.wakes_at_ends.store(wakes, Ordering::SeqCst);
    }

    /// Returns the room for more jobs.
    pub(super) fn room(&self) -> usize {
        self.lock().room()
    }

    /// Returns the slots of the sites that have jobs in hand.
    pub(super) fn slots(&self) -> Slots {
        self.lock().sites().map(|it| Slot::of(it.as_bytes())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, JobsInHand> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Returns the shares of the next claim.
    pub(super) fn shares(&self) -> Shares {
        let permits = &self.scheduling.permits;
        let in_hand = self.scheduling.in_hand.lock();
        in_hand.shares(permits.per_site(), permits.site_shares(in_hand.sites()))
    }
}

/// A job in hand, until it is dropped.
#[derive(Debug)]
pub(super) struct InHand {
    shared: Arc<Shared>,
    account: AccountId,
    site: String,
}

impl InHand {
    pub(super) fn add(shared: &Arc<Shared>, job: &Job) -> Self {
        let (account, site) = (job.account.clone(), job.request.page().site());
        shared.scheduling.in_hand.lock().add(&account, &site);
        Self { shared: Arc::clone(shared), account, site }
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        let Scheduling { in_hand, permits, jobs_ready, .. } = &self.shared.scheduling;
        let (left, is_worth_a_claim) = {
            let mut jobs = in_hand.lock();
            let left = jobs.remove(&self.account, &self.site);
            (left, jobs.is_worth_a_claim(&self.account))
        };
        if in_hand.wakes_at_ends.load(Ordering::SeqCst)
            && is_worth_a_claim
            && permits.wants_jobs(&self.site, left)
        {
            jobs_ready.notify_one();
        }
    }
}
