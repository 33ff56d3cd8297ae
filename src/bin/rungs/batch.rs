//! `rungs batch`: fetches any number of pages, and writes each result exactly once.

use std::process::ExitCode;

use rungs::core::id::BatchId;
use rungs::core::request::Item;
use rungs::engine::Settings;
use rungs::stores::{Memory, Sled};
use rungs::{BatchHandle, Engine, ProgressEvent};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::args::BatchArgs;
use crate::error::{CliError, CommandResult};
use crate::input::{self, Input};
use crate::results::Results;
use crate::stop::StopSignal;
use crate::{setup, stop};

/// URLs per batch.
const CHUNK: usize = 100;

/// Submits the input in batches and writes the results as they arrive.
pub(crate) async fn run(args: BatchArgs) -> CommandResult {
    let defaults = setup::item(&args.page)?;
    let input = input::parse(&input::read(&args.file)?, &defaults)?;
    if input.items.is_empty() {
        let message = format!("{} has no URL: put one on each line", args.file.display());
        return Err(CliError::Usage(message));
    }
    let stopped = stop::signals();
    let engine = engine(&args)?;
    check(&engine, &input).await?;
    let mut results = Results::open(&args, input.items.len())?;
    let mut run = Run { engine, submitted: Vec::new(), total: input.items.len() };
    let done = tokio::select! {
        done = run.process(&args, &input.items, &mut results) => done.map(|()| None),
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
    for (item, line) in input.items.iter().zip(&input.lines) {
        let checked = engine.estimate(item.clone()).await;
        checked.map_err(|error| CliError::Usage(format!("line {line}: {error}")))?;
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
            let store = Sled::open(dir).map_err(|error| CliError::failed(&error))?;
            setup::engine(&args.page.net, settings, store)
        }
        None => setup::engine(&args.page.net, settings, Memory::default()),
    }
}

/// One run of the command.
struct Run {
    engine: Engine,
    /// The batches in the order of the input.
    submitted: Vec<BatchId>,
    /// Pages of the input.
    total: usize,
}

impl Run {
    /// Submits each batch while the previous one is running.
    async fn process(
        &mut self,
        args: &BatchArgs,
        items: &[Item],
        results: &mut Results,
    ) -> Result<(), CliError> {
        let mut running: Option<BatchHandle> = None;
        for (number, chunk) in items.chunks(CHUNK).enumerate() {
            let key = idempotency_key(number, chunk);
            let batch = setup::batch(chunk.to_vec(), args.webhook.as_deref(), key);
            let submitted = self.engine.submit(batch).await;
            let handle = submitted.map_err(CliError::submission)?;
            self.submitted.push(handle.id());
            if let Some(previous) = running.replace(handle) {
                self.follow(previous, number - 1, results).await?;
            }
        }
        match running {
            Some(last) => self.follow(last, self.submitted.len() - 1, results).await,
            None => Ok(()),
        }
    }

    /// Writes a batch's results as its jobs end.
    async fn follow(
        &self,
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
        let mut known = 0;
        for (number, id) in self.submitted.iter().enumerate() {
            let jobs = self.engine.jobs(*id).await.map_err(|error| CliError::failed(&error))?;
            known += jobs.len();
            for job in &jobs {
                results.count(job);
                results.deliver(&self.engine, job, number * CHUNK).await?;
            }
        }
        results.print_table(self.total.saturating_sub(known));
        Ok(())
    }
}

/// Returns a chunk's idempotency key. The same chunk at the same position of the input is the same batch.
fn idempotency_key(number: usize, chunk: &[Item]) -> String {
    let digest = Sha256::digest(json!(chunk).to_string());
    format!("cli-{number}-{digest:x}")
}
