//! `rungs batch`: fetches any number of pages, and writes each result exactly once.

use std::process::ExitCode;

use rungs::core::request::Item;
use rungs::engine::Settings;
use rungs::stores::{Memory, Sled};
use rungs::{BatchHandle, Engine, ProgressEvent, SubmitError};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::args::BatchArgs;
use crate::error::{CliError, CommandResult};
use crate::results::Results;
use crate::{input, setup, stop};

/// URLs per batch.
const CHUNK: usize = 100;

/// Submits the input in batches and writes the results as they arrive.
pub(crate) async fn run(args: BatchArgs) -> CommandResult {
    let defaults = setup::item(&args.page)?;
    let items = input::items(&input::read(&args.file)?, &defaults)?;
    if items.is_empty() {
        let message = format!("{} has no URL: put one on each line", args.file.display());
        return Err(CliError::Usage(message));
    }
    let stopped = stop::signals();
    let engine = engine(&args)?;
    let mut results = Results::open(args.out.as_deref(), items.len())?;
    let done = tokio::select! {
        done = process(&engine, &args, &items, &mut results) => done.map(|()| None),
        signal = stopped => Ok(Some(signal)),
    };
    engine.shutdown().await;
    let signal = done?;
    results.print_table();
    if let Some(signal) = signal {
        let remedy = match args.store {
            Some(_) => "rerun the same command to resume",
            None => "use --store to be able to resume",
        };
        eprintln!("rungs: interrupted: {remedy}");
        return Ok(ExitCode::from(signal.exit_code()));
    }
    Ok(ExitCode::SUCCESS)
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

/// Submits each batch while the previous one is running.
async fn process(
    engine: &Engine,
    args: &BatchArgs,
    items: &[Item],
    results: &mut Results,
) -> Result<(), CliError> {
    let mut running: Option<BatchHandle> = None;
    for (number, chunk) in items.chunks(CHUNK).enumerate() {
        let key = idempotency_key(number, chunk);
        let batch = setup::batch(chunk.to_vec(), args.webhook.as_deref(), key);
        let handle = engine.submit(batch).await.map_err(|error| match error {
            SubmitError::Item { index, error } => {
                let position = number * CHUNK + index + 1;
                CliError::Usage(format!("{}: page {position}: {error}", args.file.display()))
            }
            error => CliError::failed(&error),
        })?;
        if let Some(previous) = running.replace(handle) {
            follow(engine, previous, results).await?;
        }
    }
    match running {
        Some(last) => follow(engine, last, results).await,
        None => Ok(()),
    }
}

/// Returns a chunk's idempotency key. The same chunk at the same position of the input is the same batch.
fn idempotency_key(number: usize, chunk: &[Item]) -> String {
    let digest = Sha256::digest(json!(chunk).to_string());
    format!("cli-{number}-{digest:x}")
}

/// Writes a batch's results as its jobs end.
async fn follow(
    engine: &Engine,
    mut handle: BatchHandle,
    results: &mut Results,
) -> Result<(), CliError> {
    let failed = |error| CliError::failed(&error);
    while let Some(event) = handle.next_event().await.map_err(failed)? {
        if let ProgressEvent::JobEnded { job } = event {
            results.deliver(engine, &job).await?;
        }
    }
    for job in engine.jobs(handle.id()).await.map_err(failed)? {
        results.count(&job);
        results.deliver(engine, &job).await?;
    }
    Ok(())
}
