//! Claiming jobs and carrying each through its ladder.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use crate::core::failure::{ErrorCode, JobError};
use crate::core::job::{Attempt, Fence, Job};
use crate::core::record::{Claim, Queue, Record};
use crate::core::step::{StepError, StepInput};
use crate::core::time::Timestamp;
use crate::engine::attempt::Ladder;
use crate::engine::changes::{Step, Stepped, error_code};
use crate::engine::error::EngineError;
use crate::engine::watch::ProgressEvent;
use crate::engine::{Shared, cache};

/// Jobs claimed at once for each page that may be fetched at once: so many can wait for their
/// site's turn while others go ahead.
const WINDOW: usize = 4;
/// The longest sleep of the claim loop: another process may have put something into the store.
const LOOK: Duration = Duration::from_secs(1);
/// Tries to commit an end before the job is left to its lease.
const COMMIT_TRIES: u32 = 5;

/// Claims jobs until the engine stops, then waits for those that run.
pub(super) async fn run(shared: Arc<Shared>) {
    let window = shared.settings.concurrency.saturating_mul(WINDOW);
    let free = Arc::new(Semaphore::new(window));
    while !shared.stopping.is_cancelled() {
        let Ok(place) = Arc::clone(&free).acquire_owned().await else { break };
        drop(place);
        let claimed = match claim(&shared, free.available_permits()).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::error!(%error, "claiming failed");
                shared.clock.sleep(LOOK).await;
                continue;
            }
        };
        let none = claimed.is_empty();
        for job in claimed {
            let Ok(place) = Arc::clone(&free).acquire_owned().await else { break };
            let shared = Arc::clone(&shared);
            let span =
                tracing::info_span!("job", id = %job.id, batch = %job.batch, claim = job.claims);
            let tasks = shared.tasks.clone();
            tasks.spawn(
                async move {
                    carry(&shared, job).await;
                    drop(place);
                }
                .instrument(span),
            );
        }
        if none {
            shared.rest(Queue::Jobs, &shared.jobs_ready, LOOK).await;
        }
    }
}

async fn claim(shared: &Shared, limit: usize) -> Result<Vec<Job>, EngineError> {
    let now = shared.clock.now();
    let until = now.after(shared.settings.lease);
    let claim = Claim { queue: Queue::Jobs, worker: shared.worker, now, until, limit };
    let found = shared.store.claim(claim).await?;
    Ok(found
        .into_iter()
        .filter_map(|it| match it.record {
            Record::Job(job) => Some(job),
            _ => None,
        })
        .collect())
}

/// What became of a claim.
enum End {
    /// The ladder came to this.
    Decided(StepInput),
    /// The claim is no longer ours.
    Lost,
}

/// Carries one claimed job to its end, or back into the queue.
async fn carry(shared: &Arc<Shared>, job: Job) {
    let job = Arc::new(job);
    shared.watchers.tell(job.batch, ProgressEvent::JobStarted { job: job.id });
    let decided = tokio::select! {
        biased;
        end = ladder(shared, Arc::clone(&job)) => end,
        () = heartbeat(shared, &job) => End::Lost,
        () = shared.aborting.cancelled() => End::Decided(put_back(shared.clock.now())),
        // A turn that does not come is no attempt, so nothing but this ends the wait for it.
        () = shared.clock.sleep(job.deadline.since(shared.clock.now())) => {
            let error = out_of_time();
            End::Decided(StepInput::Fail { error, attempts: Vec::new() })
        }
    };
    match decided {
        End::Lost => tracing::warn!("the lease was lost or the batch cancelled"),
        End::Decided(input) => conclude(shared, &job, input).await,
    }
}

fn put_back(now: Timestamp) -> StepInput {
    StepInput::Reschedule { ready_at: now, used: Duration::ZERO, attempts: Vec::new() }
}

/// Runs the ladder in a task of its own, so that a panic in a host's part ends this job and nothing
/// else.
async fn ladder(shared: &Arc<Shared>, job: Arc<Job>) -> End {
    if let Some(error) = hopeless(&job, shared.clock.now()) {
        return End::Decided(StepInput::Fail { error, attempts: Vec::new() });
    }
    let running = Ladder::new(Arc::clone(shared), job).run();
    let task = AbortOnDropHandle::new(tokio::spawn(running.in_current_span()));
    End::Decided(match task.await {
        Ok(input) => input,
        Err(died) => {
            let what = if died.is_panic() { "a fetcher or extractor panicked" } else { "aborted" };
            let error = JobError::new(ErrorCode::InternalError, what);
            StepInput::Fail { error, attempts: Vec::<Attempt>::new() }
        }
    })
}

/// Why a job is not even begun.
fn hopeless(job: &Job, now: Timestamp) -> Option<JobError> {
    if job.lost > Job::MAX_LOST {
        let message =
            format!("its worker was lost {} times; the page may be what kills it", job.lost);
        return Some(JobError::new(ErrorCode::InternalError, message));
    }
    (now > job.deadline).then(out_of_time)
}

fn out_of_time() -> JobError {
    JobError::new(ErrorCode::Timeout, "its turn did not come before its deadline")
}

/// Renews the lease while the job runs; returns when it is no longer ours.
async fn heartbeat(shared: &Shared, job: &Job) {
    loop {
        shared.clock.sleep(shared.settings.lease / 3).await;
        let until = shared.clock.now().after(shared.settings.lease);
        let renewed = shared.writer.apply(step_of(shared, job, StepInput::Renew { until })).await;
        match renewed {
            Ok(Err(_)) => return,
            Ok(Ok(_)) => {}
            Err(error) => tracing::error!(%error, "renewing a lease failed"),
        }
    }
}

fn step_of(shared: &Shared, job: &Job, input: StepInput) -> Step {
    Step {
        job: job.id,
        batch: job.batch,
        account: job.account.clone(),
        day: job.created_at.day(),
        site: (!matches!(input, StepInput::Renew { .. })).then(|| job.request.page().site()),
        fence: Some(Fence { worker: shared.worker, claim: job.claims }),
        input,
        format: Arc::clone(&shared.notification_format),
    }
}

/// Commits what the ladder came to, and tells whoever listens.
async fn conclude(shared: &Shared, job: &Job, input: StepInput) {
    let cached = cache::entry(job, &input, shared.clock.now());
    for attempt in 1..=COMMIT_TRIES {
        match shared.writer.apply(step_of(shared, job, input.clone())).await {
            Ok(Ok(stepped)) => {
                if let Some(record) = cached {
                    cache::keep_entry(shared, record).await;
                }
                return tell(shared, stepped);
            }
            // Cancelled or taken over meanwhile, or an earlier try was written after all.
            Ok(Err(StepError::Stale)) => return tracing::warn!("a late result was refused"),
            Ok(Err(refused)) => {
                tracing::error!(%refused, "a result was refused");
                let error = JobError::new(ErrorCode::InternalError, refused.to_string());
                let fail = StepInput::Fail { error, attempts: Vec::new() };
                if let Ok(Ok(stepped)) = shared.writer.apply(step_of(shared, job, fail)).await {
                    tell(shared, stepped);
                }
                return;
            }
            Err(error) => {
                tracing::error!(%error, attempt, "committing a result failed");
                shared.clock.sleep(shared.settings.retry.exact(attempt, 2)).await;
            }
        }
    }
}

fn tell(shared: &Shared, stepped: Stepped) {
    let Stepped { job, ended } = stepped;
    let batch = job.batch;
    if job.state.is_ended() {
        let code = error_code(&job).map_or("", |it| it.as_str());
        tracing::info!(state = job.state.as_str(), code, "ended");
        metrics::counter!("rungs_jobs_ended", "state" => job.state.as_str()).increment(1);
        shared.watchers.tell(batch, ProgressEvent::JobEnded { job: Box::new(job) });
    } else {
        shared.watchers.tell(batch, ProgressEvent::JobRescheduled { job: job.id });
        shared.jobs_ready.notify_one();
    }
    if let Some(status) = ended {
        tracing::info!(%batch, status = status.as_str(), "batch ended");
        shared.watchers.tell(batch, ProgressEvent::BatchEnded { status });
        shared.notifications_ready.notify_one();
    }
}
