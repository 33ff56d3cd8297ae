//! Claims jobs, runs each on its ladder and commits the result.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use crate::core::failure::{ErrorCode, JobError};
use crate::core::job::{Attempt, Fence, Job};
use crate::core::record::{Queue, Record};
use crate::core::step::{StepError, StepInput};
use crate::core::time::Timestamp;
use crate::engine::cache;
use crate::engine::changes::{Step, Stepped, asks_for_pause, error_code};
use crate::engine::error::EngineError;
use crate::engine::in_hand::InHand;
use crate::engine::ladder::{Ended, Ladder, LadderEnd};
use crate::engine::renew::Renew;
use crate::engine::shared::Shared;
use crate::engine::watch::ProgressEvent;

/// The longest sleep of the claim loop: another process may have put something into the store.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The time in which running jobs renew their leases after the clock jumped, before anything is claimed.
const RENEWAL_WAIT: Duration = Duration::from_secs(1);
/// The shortest time between two claims from a shared store that did not take all that they could.
const CLAIM_INTERVAL: Duration = Duration::from_millis(20);
/// Attempts to commit a result before the job is left to its lease.
const COMMIT_TRIES: u32 = 5;
/// The time for a write after the commit of a step while the engine stops.
const LAST_WRITE: Duration = Duration::from_secs(2);

/// Claims jobs until the engine stops. The jobs run as tasks of their own.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut next_due = None;
    while !shared.lifecycle.stopping.is_cancelled() {
        if let Err(error) = shared.set_clock_once().await {
            tracing::error!(%error, "reading the time of the store failed");
            shared.sleep_unless_stopping(POLL_INTERVAL).await;
            continue;
        }
        // A job that ends from here on makes room that this claim does not see.
        shared.scheduling.in_hand.wake_at_ends(true);
        let (now, limit) = (shared.now(), shared.scheduling.in_hand.room());
        let count = match claim_and_start(&shared, now, limit).await {
            Ok(count) => count,
            Err(error) => {
                tracing::error!(%error, "claiming jobs failed");
                shared.sleep(POLL_INTERVAL).await;
                continue;
            }
        };
        if count == limit && limit > 0 {
            // There may be more.
            continue;
        }
        // What is due now waits for room at its site or account, and room wakes the worker. A job that
        // falls due later does so at a known time, unless one was put back meanwhile.
        let was_put_back = shared.scheduling.job_put_back.swap(false, Ordering::AcqRel);
        if shared.peers.is_some() {
            // Many claims of few jobs would cost a shared store more than the jobs.
            shared.sleep_unless_stopping(CLAIM_INTERVAL).await;
        }
        if (count == 0 && shared.peers.is_none())
            || was_put_back
            || next_due.is_some_and(|it| it <= now)
        {
            next_due = next_due_after(&shared, now).await;
        }
        let resumes = shared.scheduling.permits.next_resume();
        let next = next_due.into_iter().chain(resumes).min();
        let wait = next.map_or(POLL_INTERVAL, |it| it.since(shared.now()).min(POLL_INTERVAL));
        shared.wait_for_work(&shared.scheduling.jobs_ready, wait).await;
    }
}

/// Returns when the next job falls due, after a claim at `now` that left what has no room.
async fn next_due_after(shared: &Shared, now: Timestamp) -> Option<Timestamp> {
    let store = &shared.adapters.store;
    if shared.peers.is_some() {
        // What is due now may be in the slots of others.
        return store.due(Queue::Jobs, now.after(CLAIM_INTERVAL)).await.ok().flatten();
    }
    let first = store.due(Queue::Jobs, Timestamp::default()).await.ok().flatten();
    let is_left = first.is_some_and(|it| it <= now);
    shared.scheduling.in_hand.wake_at_ends(is_left);
    if !is_left {
        return first;
    }
    store.due(Queue::Jobs, now.after(Duration::from_millis(1))).await.ok().flatten()
}

/// Claims jobs and starts them. Returns their number.
async fn claim_and_start(
    shared: &Arc<Shared>,
    now: Timestamp,
    limit: usize,
) -> Result<usize, EngineError> {
    let claimed = claim(shared, now, limit).await.map(|jobs| {
        let count = jobs.len();
        for job in jobs {
            start(shared, job);
        }
        count
    });
    // Only now: the jobs must count as in hand at all times.
    if let Some(peers) = &shared.peers {
        peers.end_claim();
    }
    claimed
}

/// Runs a claimed job in a task of its own. It counts as in hand until the task ends.
fn start(shared: &Arc<Shared>, job: Job) {
    let shared = Arc::clone(shared);
    let place = InHand::add(&shared, &job);
    let tasks = shared.lifecycle.tasks.clone();
    tasks.spawn(async move {
        let span = shared.config.traces.job_span(&job);
        run_job(&shared, job).instrument(span).await;
        drop(place);
    });
}

async fn claim(shared: &Shared, now: Timestamp, limit: usize) -> Result<Vec<Job>, EngineError> {
    if shared.clock_jumps.observe(now, shared.monotonic()) {
        tracing::warn!("the wall clock jumped: leases are renewed and deadlines moved");
        shared.sleep(RENEWAL_WAIT).await;
        return Ok(Vec::new());
    }
    if limit == 0 {
        // Without room there is no need to compute the shares.
        return Ok(Vec::new());
    }
    let claim = shared.claim(Queue::Jobs, shared.config.settings.lease, limit);
    let found = shared.claim_due(claim.with_shares(shared.shares())).await?;
    Ok(found
        .into_iter()
        .filter_map(|it| match &it.record {
            Record::Job(job) => {
                let job = job.clone();
                shared.writer.keep(it);
                Some(job)
            }
            _ => None,
        })
        .collect())
}

/// The end of a claim.
enum ClaimEnd {
    /// The ladder returned this end.
    Ended(Box<LadderEnd>),
    /// Another worker holds the job, or it has been canceled.
    Lost,
}

impl ClaimEnd {
    fn step(input: StepInput) -> Self {
        Self::Ended(Box::new(Ended::from(input).into()))
    }
}

/// Runs one claimed job until it ends or goes back into the queue.
async fn run_job(shared: &Arc<Shared>, job: Job) {
    let job = Arc::new(job);
    let running = shared.running_batches.enter(job.batch);
    shared.progress.publish(job.batch, || ProgressEvent::JobStarted { job: job.id });
    let end = tokio::select! {
        biased;
        () = running.canceled.cancelled() => ClaimEnd::Lost,
        end = run_ladder(shared, Arc::clone(&job)) => end,
        () = heartbeat(shared, &job) => ClaimEnd::Lost,
        () = shared.lifecycle.aborting.cancelled() => ClaimEnd::step(put_back(shared.now())),
        // Waiting for a permit is not an attempt, so nothing else ends that wait.
        () = shared.sleep(deadline(shared, &job).since(shared.now())) => {
            let error = out_of_time();
            ClaimEnd::step(StepInput::Fail { error, attempts: Vec::new() })
        }
    };
    match end {
        ClaimEnd::Lost => {
            tracing::warn!("the job was dropped: its lease was lost or its batch was canceled");
        }
        ClaimEnd::Ended(end) => commit(shared, &job, *end).await,
    }
}

/// Returns the time at which the job is given up.
fn deadline(shared: &Shared, job: &Job) -> Timestamp {
    shared.clock_jumps.moved(job.deadline, job.created_at)
}

fn put_back(now: Timestamp) -> StepInput {
    StepInput::Reschedule { ready_at: now, used: Duration::ZERO, attempts: Vec::new() }
}

/// Runs the ladder in its own task, so that a panic in an adapter of the application ends only this job.
async fn run_ladder(shared: &Arc<Shared>, job: Arc<Job>) -> ClaimEnd {
    if let Some(error) = give_up(shared, &job) {
        return ClaimEnd::step(StepInput::Fail { error, attempts: Vec::new() });
    }
    let running = Ladder::new(Arc::clone(shared), job).run();
    let task = AbortOnDropHandle::new(tokio::spawn(running.in_current_span()));
    ClaimEnd::Ended(Box::new(match task.await {
        Ok(ended) => ended,
        Err(error) => {
            let message = if error.is_panic() {
                "a fetcher or an extractor panicked: see the log of your application"
            } else {
                "the job was aborted: submit its URL again"
            };
            let error = JobError::new(ErrorCode::InternalError, message);
            Ended::from(StepInput::Fail { error, attempts: Vec::<Attempt>::new() }).into()
        }
    }))
}

/// Returns the error of a job that is not worth starting.
fn give_up(shared: &Shared, job: &Job) -> Option<JobError> {
    if job.lost > Job::MAX_LOST {
        let message = format!(
            "the worker was lost {} times during this job: the page may crash it",
            job.lost
        );
        return Some(JobError::new(ErrorCode::InternalError, message));
    }
    (shared.now() > deadline(shared, job)).then(out_of_time)
}

fn out_of_time() -> JobError {
    JobError::new(
        ErrorCode::Timeout,
        "no permit became free before the job's deadline: raise `job_deadline` or submit less at once",
    )
}

/// Renews the lease while the job runs. Returns when the lease is lost.
async fn heartbeat(shared: &Shared, job: &Job) {
    loop {
        tokio::select! {
            biased;
            () = shared.clock_jumps.jumped.notified() => {}
            () = shared.sleep(shared.config.settings.lease / 3) => {}
        }
        let lease = shared.config.settings.lease;
        let renew = Renew { job: job.id, fence: fence_of(shared, job), lease };
        match shared.writer.apply(renew).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::error!(%error, "renewing a lease failed"),
        }
    }
}

/// Returns the fence of the claim under which this process runs the job.
fn fence_of(shared: &Shared, job: &Job) -> Fence {
    Fence { worker: shared.worker, claim: job.claims }
}

fn step_of(shared: &Shared, job: &Job, input: StepInput) -> Step {
    Step {
        job: job.id,
        batch: job.batch,
        account: job.account.clone(),
        crawl: job.crawl.map(|it| it.crawl),
        day: job.created_at.day(),
        site: attempts_of(&input).iter().any(asks_for_pause).then(|| job.request.page().site()),
        longest_pause: shared.config.settings.retry.longest,
        fence: Some(fence_of(shared, job)),
        input,
        format: Arc::clone(&shared.adapters.notification_format),
        retention: shared.config.settings.retention,
    }
}

fn attempts_of(input: &StepInput) -> &[Attempt] {
    match input {
        StepInput::Succeed { attempts, .. }
        | StepInput::Fail { attempts, .. }
        | StepInput::Reschedule { attempts, .. } => attempts,
        StepInput::Renew { .. } | StepInput::Cancel => &[],
    }
}

/// Commits a step and publishes it.
async fn commit(shared: &Shared, job: &Job, end: LadderEnd) {
    let LadderEnd { ended: Ended { input, entry }, session } = end;
    for attempt in 1..=COMMIT_TRIES {
        match shared.writer.apply(step_of(shared, job, input.clone())).await {
            Ok(Ok(stepped)) => {
                if let Some(entry) = entry {
                    cache::store_entry(shared, entry).await;
                }
                if let Some(session) = session {
                    // A site may accept each cookie once: what it renewed is written also while the engine stops.
                    let too_late = async {
                        shared.lifecycle.aborting.cancelled().await;
                        shared.sleep(LAST_WRITE).await;
                    };
                    tokio::select! {
                        biased;
                        () = session.finish(shared, job, &input) => {}
                        () = too_late => {}
                    }
                }
                return publish(shared, stepped);
            }
            // The job was canceled or claimed by another worker, or an earlier try was written after all.
            Ok(Err(StepError::Stale)) => {
                return tracing::warn!("the result came too late: the claim is stale");
            }
            Ok(Err(refused)) => {
                tracing::error!(%refused, "the result does not fit the job");
                let error = JobError::new(ErrorCode::InternalError, refused.to_string());
                let fail = StepInput::Fail { error, attempts: Vec::new() };
                if let Ok(Ok(stepped)) = shared.writer.apply(step_of(shared, job, fail)).await {
                    publish(shared, stepped);
                }
                return;
            }
            Err(error) if error.is_unavailable() && shared.lifecycle.aborting.is_cancelled() => {
                return tracing::error!(%error, "the result was lost: its page is fetched again");
            }
            Err(error) => {
                tracing::error!(%error, attempt, "committing a result failed");
                shared.sleep(shared.config.settings.retry.exact(attempt, 2)).await;
            }
        }
    }
}

/// Publishes a committed step and wakes the tasks that act on it.
fn publish(shared: &Shared, stepped: Stepped) {
    let Stepped { job, ended, ends_crawl, has_item_event } = stepped;
    let batch = job.batch;
    if job.crawl.is_some() && job.state.is_ended() {
        shared.crawl_changed();
    }
    if job.state.is_ended() {
        let code = error_code(&job).map_or("", |it| it.as_str());
        tracing::info!(state = job.state.as_str(), code, "job ended");
        metrics::counter!("rungs_jobs_ended", "state" => job.state.as_str()).increment(1);
        shared.progress.publish(batch, || ProgressEvent::JobEnded { job: Box::new(job.clone()) });
        shared.scheduling.profiles.learn(job, shared.now());
    } else {
        shared.progress.publish(batch, || ProgressEvent::JobRescheduled { job: job.id });
        shared.scheduling.job_put_back.store(true, Ordering::Release);
        shared.scheduling.jobs_ready.notify_one();
    }
    if has_item_event || ends_crawl {
        shared.scheduling.notifications_ready.notify_one();
    }
    if let Some(status) = ended {
        tracing::info!(%batch, status = status.as_str(), "batch ended");
        shared.progress.publish_end(batch, status);
        shared.scheduling.notifications_ready.notify_one();
    }
}
