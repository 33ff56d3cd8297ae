//! `rungs batch`: fetches any number of pages, and writes each result exactly once.

use std::collections::VecDeque;
use std::path::Path;
use std::process::ExitCode;

use rungs::core::id::BatchId;
use rungs::core::job::Job;
use rungs::core::request::Item;
use rungs::engine::{EngineError, Settings};
use rungs::{BatchHandle, Engine, ProgressEvent};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::args::BatchArgs;
use crate::deliveries::{self, Ended};
use crate::error::{CliError, CommandResult};
use crate::input::{self, Input};
use crate::known::KnownPages;
use crate::results::Results;
use crate::stop::StopSignal;
use crate::{bodies, setup, stop};

/// URLs per batch.
const CHUNK: usize = 100;
/// The maximum number of batches that have not ended. A slow page holds up its own batch and no other.
const MAX_OPEN: usize = 1_000;
/// The maximum number of ended jobs whose results wait to be written.
const MAX_PROGRESS: usize = 256;

/// Submits the input in batches and writes the results as they arrive.
pub(crate) async fn run(args: BatchArgs) -> CommandResult {
    let defaults = setup::item(&args.page)?;
    let known = known(&args)?;
    let input = Input::parse(input::read(&args.file)?, defaults, known);
    if input.is_empty() {
        let message = format!("{} has no URL: put one on each line", args.file.display());
        return Err(CliError::Usage(message));
    }
    let stopped = stop::signals();
    let engine = engine(&args).await?;
    check(&engine, &input).await?;
    let mut results = Results::open(args.out.as_deref(), args.out_dir.as_deref(), input.len())?;
    let total = input.len();
    let mut run = Run { engine, running: VecDeque::new(), ended: Vec::new(), total };
    let done = tokio::select! {
        done = run.process(&args, &input, &mut results) => done.map(|()| None),
        signal = stopped => Ok(Some(signal)),
    };
    run.shut_down(done.as_ref().is_ok_and(Option::is_some)).await;
    let signal = done?;
    run.finish(&mut results).await?;
    Ok(exit_code(&args, signal, &results))
}

/// Reads the results of the earlier run, if one is given.
fn known(args: &BatchArgs) -> Result<Option<KnownPages>, CliError> {
    let Some(path) = &args.unless_from else { return Ok(None) };
    let is_output = |out: &Path| match (out.canonicalize(), path.canonicalize()) {
        (Ok(out), Ok(path)) => out == path,
        _ => false,
    };
    if args.store.is_some() && args.out.as_deref().is_some_and(is_output) {
        let message = "--unless-from and --out are the same file, so that a rerun could not resume: use another for --out";
        return Err(CliError::Usage(message.to_owned()));
    }
    let known = KnownPages::read(path)?;
    known.print_counts();
    Ok(Some(known))
}

/// Reports how the command ended and returns its exit code.
fn exit_code(args: &BatchArgs, signal: Option<StopSignal>, results: &Results) -> ExitCode {
    if let Some(signal) = signal {
        let remedy = match args.store {
            Some(_) => "rerun the same command to resume",
            None => "use --store to be able to resume",
        };
        eprintln!("rungs: interrupted: {remedy}");
        return ExitCode::from(signal.exit_code());
    }
    let (failed, total) = results.failed_of_total();
    if failed == 0 || args.keep_going {
        return ExitCode::SUCCESS;
    }
    eprintln!(
        "rungs: {failed} of {total} pages failed: their results have the reasons; --keep-going exits with 0 anyway"
    );
    ExitCode::FAILURE
}

/// Checks every item before the first is submitted, so that wrong input costs nothing.
async fn check(engine: &Engine, input: &Input) -> Result<(), CliError> {
    for line in input.lines() {
        let checked = engine.estimate(input.item(line)?).await;
        checked.map_err(|error| CliError::Usage(format!("line {}: {error}", line.number)))?;
    }
    Ok(())
}

async fn engine(args: &BatchArgs) -> Result<Engine, CliError> {
    let mut settings = Settings::default().with_concurrency(args.concurrency);
    settings.pacing.per_host = args.per_host;
    settings.pacing.per_second = args.rate;
    settings.retention = args.retention.map_or(settings.retention, setup::hours);
    let builder = setup::builder(&args.page.net)?.settings(settings);
    let keys = setup::session_keys(args.session_keys.as_deref())?;
    let (store, url) = (args.store.as_deref(), args.bodies.as_deref());
    let builder = bodies::add_stores(builder, store, url, keys);
    builder.await?.build().map_err(setup::build_error)
}

/// Progress of a batch of the run.
enum Progress {
    JobEnded {
        job: Box<Job>,
        /// The position of its batch in the input.
        number: usize,
    },
    BatchEnded(BatchId),
    /// The batch cannot be followed.
    Failed(EngineError),
}

/// Reports the ends of a batch's jobs as they come, and then its own.
async fn follow(mut handle: BatchHandle, number: usize, progress: mpsc::Sender<Progress>) {
    loop {
        let next = match handle.next_event().await {
            Ok(Some(ProgressEvent::JobEnded { job })) => Progress::JobEnded { job, number },
            Ok(Some(_)) => continue,
            Ok(None) => Progress::BatchEnded(handle.id()),
            Err(error) => Progress::Failed(error),
        };
        let is_last = !matches!(next, Progress::JobEnded { .. });
        if progress.send(next).await.is_err() || is_last {
            return;
        }
    }
}

/// One run of the command.
struct Run {
    engine: Engine,
    /// The batches whose results are not all delivered, with their positions in the input.
    running: VecDeque<(usize, BatchId)>,
    /// The batches that have ended, if they have a webhook.
    ended: Vec<Ended>,
    /// Pages of the input.
    total: usize,
}

impl Run {
    /// Submits batches so far ahead that no fetch waits for a submission, and writes the results as jobs end.
    async fn process(
        &mut self,
        args: &BatchArgs,
        input: &Input,
        results: &mut Results,
    ) -> Result<(), CliError> {
        let most_waiting = args.concurrency.saturating_mul(2).saturating_add(CHUNK);
        let began = self.engine.now();
        let (sender, mut progress) = mpsc::channel(MAX_PROGRESS);
        // Dropping it ends the tasks.
        let mut followers = JoinSet::new();
        let mut chunks = input.chunks(CHUNK).enumerate();
        let mut waiting = 0;
        loop {
            while waiting < most_waiting && self.running.len() < MAX_OPEN {
                let Some((number, chunk)) = chunks.next() else { break };
                let items = chunk.iter().map(|it| input.item(it)).collect::<Result<Vec<_>, _>>()?;
                let key = idempotency_key(number, &items, input.known_digest());
                let batch = setup::batch(items, args.webhook.as_deref(), key);
                let submitted = self.engine.submit(batch).await;
                let handle = submitted.map_err(CliError::submission)?;
                self.running.push_back((number, handle.id()));
                waiting += chunk.len();
                followers.spawn(follow(handle, number, sender.clone()));
            }
            if self.running.is_empty() {
                deliveries::wait(&self.engine, &self.ended, began, args.store.is_some()).await;
                return Ok(());
            }
            match progress.recv().await {
                Some(Progress::JobEnded { job, number }) => {
                    results.deliver(&self.engine, &job, position(number, &job)).await?;
                    waiting = waiting.saturating_sub(1);
                }
                Some(Progress::BatchEnded(id)) => {
                    // The task that followed it has ended, or is about to.
                    followers.join_next().await;
                    results.close(id);
                    self.running.retain(|(_, it)| *it != id);
                    self.ended.extend(args.webhook.as_ref().map(|_| Ended::Batch(id)));
                }
                Some(Progress::Failed(error)) => return Err(CliError::failed(&error)),
                // Impossible: this function has a sender.
                None => return Ok(()),
            }
        }
    }

    /// Shuts the engine down. After a signal, a second one ends the wait for running pages.
    async fn shut_down(&self, is_interrupted: bool) {
        if !is_interrupted {
            return self.engine.shutdown().await;
        }
        let grace = self.engine.settings().grace.as_secs();
        eprintln!(
            "rungs: stopping: running pages have up to {grace} s to end; press Ctrl-C again to stop at once"
        );
        let again = stop::signals();
        tokio::select! {
            () = self.engine.shutdown() => {}
            _ = again => {}
        }
    }

    /// Writes the results that are not written yet, and prints the table of all pages as they are now.
    async fn finish(&self, results: &mut Results) -> Result<(), CliError> {
        for (number, id) in &self.running {
            let jobs = self.engine.jobs(*id).await.map_err(|error| CliError::failed(&error))?;
            for job in &jobs {
                if job.state.is_ended() {
                    results.deliver(&self.engine, job, position(*number, job)).await?;
                } else {
                    results.count(job);
                }
            }
        }
        results.print_table(self.total);
        Ok(())
    }
}

/// Returns the position of a page in the input, from 1. Its batch is chunk `number`.
fn position(number: usize, job: &Job) -> usize {
    number * CHUNK + job.index as usize + 1
}

/// Returns a chunk's idempotency key. The same chunk at the same position of the input is the same batch, unless another
/// earlier run is given: pages that are unchanged have the same items then, and have to be fetched again.
fn idempotency_key(number: usize, chunk: &[Item], known_digest: &[u8]) -> String {
    let items = serde_json::to_vec(chunk).expect("the keys of every item are strings");
    let digest = Sha256::new().chain_update(items).chain_update(known_digest).finalize();
    format!("cli-{number}-{digest:x}")
}
