//! `rungs batch`: fetches any number of pages, and writes each result exactly once.

use std::collections::VecDeque;
use std::process::ExitCode;

use rungs::core::id::BatchId;
use rungs::core::request::Item;
use rungs::engine::Settings;
use rungs::stores::Memory;
use rungs::{BatchHandle, Engine, ProgressEvent};
use sha2::{Digest, Sha256};

use crate::args::BatchArgs;
use crate::error::{CliError, CommandResult};
use crate::input::{self, Input};
use crate::results::Results;
use crate::stop::StopSignal;
use crate::store::StorePath;
use crate::{setup, stop};

/// URLs per batch.
const CHUNK: usize = 100;

/// Submits the input in batches and writes the results as they arrive.
pub(crate) async fn run(args: BatchArgs) -> CommandResult {
    let defaults = setup::item(&args.page)?;
    let input = Input::parse(input::read(&args.file)?, defaults);
    if input.is_empty() {
        let message = format!("{} has no URL: put one on each line", args.file.display());
        return Err(CliError::Usage(message));
    }
    let stopped = stop::signals();
    let engine = engine(&args)?;
    check(&engine, &input).await?;
    let mut results = Results::open(&args, input.len())?;
    let mut run = Run { engine, running: VecDeque::new(), total: input.len() };
    let done = tokio::select! {
        done = run.process(&args, &input, &mut results) => done.map(|()| None),
        signal = stopped => Ok(Some(signal)),
    };
    run.shut_down(done.as_ref().is_ok_and(Option::is_some)).await;
    let signal = done?;
    run.finish(&mut results).await?;
    Ok(exit_code(&args, signal, &results))
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

fn engine(args: &BatchArgs) -> Result<Engine, CliError> {
    let mut settings = Settings::default().with_concurrency(args.concurrency);
    settings.pacing.per_host = args.per_host;
    settings.pacing.per_second = args.rate;
    settings.retention = args.retention.map_or(settings.retention, setup::hours);
    match &args.store {
        Some(dir) => {
            let store = StorePath::parse(dir).open()?;
            setup::engine(&args.page.net, settings, store)
        }
        None => setup::engine(&args.page.net, settings, Memory::default()),
    }
}

/// One run of the command.
struct Run {
    engine: Engine,
    /// The batches whose results are not all delivered, with their positions in the input.
    running: VecDeque<(usize, BatchId)>,
    /// Pages of the input.
    total: usize,
}

impl Run {
    /// Submits each batch while the previous one is running.
    async fn process(
        &mut self,
        args: &BatchArgs,
        input: &Input,
        results: &mut Results,
    ) -> Result<(), CliError> {
        let mut previous: Option<BatchHandle> = None;
        for (number, chunk) in input.chunks(CHUNK).enumerate() {
            let items = chunk.iter().map(|it| input.item(it)).collect::<Result<Vec<_>, _>>()?;
            let key = idempotency_key(number, &items);
            let batch = setup::batch(items, args.webhook.as_deref(), key);
            let submitted = self.engine.submit(batch).await;
            let handle = submitted.map_err(CliError::submission)?;
            self.running.push_back((number, handle.id()));
            if let Some(previous) = previous.replace(handle) {
                self.follow(previous, number - 1, results).await?;
            }
        }
        match previous {
            Some(last) => self.follow(last, input.len().div_ceil(CHUNK) - 1, results).await,
            None => Ok(()),
        }
    }

    /// Writes a batch's results as its jobs end.
    async fn follow(
        &mut self,
        mut handle: BatchHandle,
        number: usize,
        results: &mut Results,
    ) -> Result<(), CliError> {
        let failed = |error| CliError::failed(&error);
        while let Some(event) = handle.next_event().await.map_err(failed)? {
            if let ProgressEvent::JobEnded { job } = event {
                results.deliver(&self.engine, &job, number * CHUNK).await?;
            }
        }
        results.close(handle.id());
        self.running.retain(|(_, id)| *id != handle.id());
        Ok(())
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
                    results.deliver(&self.engine, job, number * CHUNK).await?;
                } else {
                    results.count(job);
                }
            }
        }
        results.print_table(self.total);
        Ok(())
    }
}

/// Returns a chunk's idempotency key. The same chunk at the same position of the input is the same batch.
fn idempotency_key(number: usize, chunk: &[Item]) -> String {
    let items = serde_json::to_vec(chunk).expect("the keys of every item are strings");
    let digest = Sha256::digest(items);
    format!("cli-{number}-{digest:x}")
}
