//! `rungs status`: lists the batches, crawls and maps of a store, or the jobs of one batch.

use std::process::ExitCode;

use rungs::core::batch::{BatchRecord, Tally};
use rungs::core::credits::Credits;
use rungs::core::id::BatchId;
use rungs::core::job::Job;
use rungs::core::record::{Key, Record, RecordKind};
use rungs::ports::store::{ListQuery, Store, StoreError};

use crate::args::StatusArgs;
use crate::error::{CliError, CommandResult};
use crate::print;
use crate::store::{OpenError, StorePath};

/// Maximum number of batches, of crawls, and of maps, in the list.
const MAX_LISTED: usize = 100;

/// Prints the contents of a store. No engine is started, so nothing is fetched.
pub(crate) async fn run(args: StatusArgs) -> CommandResult {
    let store = StorePath::parse(&args.store).open_existing().await;
    let store = store.map_err(|error| match error {
        OpenError::Store(StoreError::InUse { .. }) => CliError::Failed(in_use(&args)),
        error => error.into(),
    })?;
    match args.batch {
        None => list(&*store).await,
        Some(id) => list_jobs(&*store, id).await,
    }
}

/// Explains how to get the status from the process that has the store open.
fn in_use(args: &StatusArgs) -> String {
    let path = match args.batch {
        None => "/api/v1/batches".to_owned(),
        Some(id) => format!("/api/v1/batch/{id}?include_results=false"),
    };
    format!(
        "the store in {} is in use: ask a running `rungs serve` with GET {path} at its address, for example \
         `curl -H \"X-API-Key: $RUNGS_API_KEY\" http://127.0.0.1:8080{path}`, or wait until a running `rungs batch` ends",
        args.store.display()
    )
}

async fn list(store: &dyn Store) -> CommandResult {
    let (batches, maps) = batches_and_maps(store).await?;
    print_title("batch");
    for it in batches {
        print_row(&it.id.to_string(), it.status().as_str(), it.tally, it.charged);
    }
    let crawls = page(store, RecordKind::Crawl, None).await?;
    if !crawls.is_empty() {
        print::line("");
        print_title("crawl");
    }
    for record in crawls {
        if let Record::Crawl(it) = record {
            print_row(&it.id.to_string(), it.status().as_str(), it.tally, it.charged);
        }
    }
    if !maps.is_empty() {
        print::line("");
        print::line(format_args!("{:<42} {:<11} {:>34}", "map", "status", "credits"));
    }
    for it in maps {
        let (id, status) = (it.id.to_string(), it.status().as_str());
        print::line(format_args!("{id:<42} {status:<11} {:>34}", it.charged.0));
    }
    Ok(ExitCode::SUCCESS)
}

/// Loads the newest batches that were submitted, and the newest maps. The batches of a crawl belong to it.
async fn batches_and_maps(
    store: &dyn Store,
) -> Result<(Vec<BatchRecord>, Vec<BatchRecord>), CliError> {
    let (mut batches, mut maps) = (Vec::new(), Vec::new());
    let mut after = None;
    loop {
        let found = page(store, RecordKind::Batch, after).await?;
        after = found.last().map(Record::key);
        let is_end = found.len() < MAX_LISTED;
        for record in found {
            match record {
                Record::Batch(it) if it.crawl.is_some() => {}
                Record::Batch(it) if is_map(&it) && maps.len() < MAX_LISTED => maps.push(it),
                Record::Batch(it) if !is_map(&it) && batches.len() < MAX_LISTED => batches.push(it),
                _ => {}
            }
        }
        if is_end || batches.len() == MAX_LISTED {
            return Ok((batches, maps));
        }
    }
}

/// Returns `true` for the record that books the price of a map: every batch has jobs.
fn is_map(batch: &BatchRecord) -> bool {
    batch.tally.total == 0
}

/// Loads the newest records of a kind, or those after a key.
async fn page(
    store: &dyn Store,
    kind: RecordKind,
    after: Option<Key>,
) -> Result<Vec<Record>, CliError> {
    let query = ListQuery::new(kind, MAX_LISTED).descending().after(after);
    let found = store.list(query).await.map_err(|error| CliError::failed(&error))?;
    Ok(found.into_iter().map(|it| it.record).collect())
}

fn print_title(of: &str) {
    print::line(format_args!(
        "{of:<42} {:<11} {:>9} {:>6} {:>6} {:>10}",
        "status", "succeeded", "failed", "total", "credits"
    ));
}

fn print_row(id: &str, status: &str, tally: Tally, charged: Credits) {
    print::line(format_args!(
        "{id:<42} {status:<11} {:>9} {:>6} {:>6} {:>10}",
        tally.succeeded, tally.failed, tally.total, charged.0,
    ));
}

async fn list_jobs(store: &dyn Store, id: BatchId) -> CommandResult {
    let failed = |error: StoreError| CliError::failed(&error);
    let found = store.load(vec![Key::Batch(id), Key::BatchJobs(id)]).await.map_err(failed)?;
    let found = found.into_iter().flatten().map(|it| it.record);
    let Some((batch, jobs)) = Record::into_batch_and_jobs(found) else {
        let message = format!(
            "batch {id} not found: it does not exist in this store or has expired; `rungs status` without an id \
             lists the batches"
        );
        return Err(CliError::Failed(message));
    };
    if is_map(&batch) {
        let credits = batch.charged.0;
        print::line(format_args!(
            "{id} is a map, charged {credits} credits: its list of URLs is not stored"
        ));
        return Ok(ExitCode::SUCCESS);
    }
    print::line(format_args!(
        "{}: {} of {} jobs ended",
        batch.status().as_str(),
        batch.tally.total - batch.tally.pending(),
        batch.tally.total
    ));
    print::line(format_args!(
        "{:>4} {:<10} {:>4} {:>8} {:<40} {}",
        "page", "status", "tier", "credits", "job", "url"
    ));
    let keys = jobs.into_iter().map(Key::Job).collect();
    for found in store.load(keys).await.map_err(failed)?.into_iter().flatten() {
        if let Record::Job(job) = found.record {
            print_job(&job);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a job's position in the batch, its state, tier, price, id and URL, and why it failed.
fn print_job(job: &Job) {
    let tier = job.tier().map_or_else(|| "-".to_owned(), |it| it.to_string());
    print::line(format_args!(
        "{:>4} {:<10} {tier:>4} {:>8} {} {}",
        job.index + 1,
        job.state.as_str(),
        job.charged().0,
        job.id,
        job.request.page()
    ));
    if let Some(error) = job.failure() {
        print::line(format_args!("     {error}"));
    } else if let (false, Some(last)) = (job.state.is_ended(), job.trail.last()) {
        print::line(format_args!("     last attempt on tier {}: {}", last.tier, last.signal));
    }
}
