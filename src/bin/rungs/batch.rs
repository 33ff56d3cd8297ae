//! `rungs batch`: any number of pages, exactly once each in the results.

use std::collections::{BTreeMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, IsTerminal, Seek, Write};
use std::path::Path;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use rungs::core::credits::Credits;
use rungs::core::job::Job;
use rungs::core::request::Item;
use rungs::engine::{JobReport, Pacing, Settings};
use rungs::service::wire;
use rungs::stores::{Memory, Sled};
use rungs::{BatchHandle, Engine, ProgressEvent, SubmitError};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::args::BatchArgs;
use crate::{Done, Failure, input, setup};

/// URLs of one batch.
const CHUNK: usize = 100;
/// What the shell says of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Submits the file in batches and writes each result as it comes.
pub(crate) async fn run(args: BatchArgs) -> Done {
    let defaults = setup::item(&args.page)?;
    let items = input::items(&input::read(&args.file)?, &defaults)?;
    if items.is_empty() {
        return Err(Failure::Usage("the file names no URL".to_owned()));
    }
    let pacing = Pacing { per_host: args.per_host, per_second: args.rate };
    let settings = Settings { concurrency: args.concurrency, pacing, ..Settings::default() };
    let engine = match &args.store {
        Some(dir) => {
            let store = Sled::open(dir).map_err(|error| Failure::of(&error))?;
            setup::engine(&args.page.net, settings, store)?
        }
        None => setup::engine(&args.page.net, settings, Memory::default())?,
    };
    let mut results = Results::open(args.out.as_deref(), items.len())?;
    let done = tokio::select! {
        done = deliver(&engine, &args, &items, &mut results) => done.map(|()| true),
        _ = tokio::signal::ctrl_c() => Ok(false),
    };
    engine.shutdown().await;
    let finished = done?;
    results.summary();
    if !finished {
        eprintln!("rungs: stopped; the same command goes on from here");
        return Ok(ExitCode::from(INTERRUPTED));
    }
    Ok(ExitCode::SUCCESS)
}

/// Batch after batch, the next one submitted while one is worked on.
async fn deliver(
    engine: &Engine,
    args: &BatchArgs,
    items: &[Item],
    results: &mut Results,
) -> Result<(), Failure> {
    let mut waiting: Option<BatchHandle> = None;
    for (number, chunk) in items.chunks(CHUNK).enumerate() {
        let batch = setup::batch(chunk.to_vec(), args.webhook.as_deref(), key(number, chunk));
        let handle = engine.submit(batch).await.map_err(|error| match error {
            SubmitError::Item { index, flaw } => {
                let at = number * CHUNK + index + 1;
                Failure::Usage(format!("URL number {at}: {flaw}"))
            }
            error => Failure::of(&error),
        })?;
        if let Some(earlier) = waiting.replace(handle) {
            follow(engine, earlier, results).await?;
        }
    }
    match waiting {
        Some(last) => follow(engine, last, results).await,
        None => Ok(()),
    }
}

/// The chunk's idempotency key: the same chunk at the same place of the file is the same batch.
fn key(number: usize, chunk: &[Item]) -> String {
    let digest = Sha256::digest(json!(chunk).to_string());
    format!("cli-{number}-{digest:x}")
}

/// Writes a batch's results as its jobs end.
async fn follow(
    engine: &Engine,
    mut handle: BatchHandle,
    results: &mut Results,
) -> Result<(), Failure> {
    while let Some(event) = handle.next_event().await {
        if let ProgressEvent::JobEnded { job } = event {
            results.deliver(engine, &job).await?;
        }
    }
    // The stream ends early where the store fails for a moment: nothing may be missing then.
    for job in engine.jobs(handle.id()).await.map_err(|error| Failure::of(&error))? {
        results.count(&job);
        results.deliver(engine, &job).await?;
    }
    Ok(())
}

/// The tier that worked, for a line or a table.
fn tier_word(job: &Job) -> String {
    job.tier().map_or_else(|| "-".to_owned(), |it| it.to_string())
}

/// Where results go, and which are there already.
struct Results {
    out: Option<File>,
    written: HashSet<String>,
    counts: BTreeMap<(&'static str, String), (u64, Credits)>,
    bar: Option<ProgressBar>,
}

impl Results {
    fn open(out: Option<&Path>, total: usize) -> Result<Self, Failure> {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total as u64);
            let style = "{bar:40} {pos}/{len} {per_sec} {eta} left {msg}";
            bar.set_style(
                ProgressStyle::with_template(style).unwrap_or(ProgressStyle::default_bar()),
            );
            bar
        });
        let mut results = Self { out: None, written: HashSet::new(), counts: BTreeMap::new(), bar };
        if let Some(path) = out {
            let wrong = |why: std::io::Error| Failure::Other(format!("{}: {why}", path.display()));
            results.out = Some(results.resume(path).map_err(wrong)?);
        }
        Ok(results)
    }

    /// Opens the results file, drops a last line that a crash cut off, and notes what is in it.
    fn resume(&mut self, path: &Path) -> std::io::Result<File> {
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(path)?;
        let mut whole = 0;
        let mut reader = BufReader::new(&file);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            let Ok(value) = serde_json::from_slice::<Value>(&line) else { break };
            if let Some(id) = value["job_id"].as_str() {
                self.written.insert(id.to_owned());
            }
            whole += line.len() as u64;
            line.clear();
        }
        file.set_len(whole)?;
        file.seek(std::io::SeekFrom::End(0))?;
        Ok(file)
    }

    /// Reads and writes one result, once: what is in the file already is not read again.
    async fn deliver(&mut self, engine: &Engine, job: &Job) -> Result<(), Failure> {
        let id = job.id.to_string();
        if !job.state.is_ended() || self.written.contains(&id) {
            return Ok(());
        }
        let report = engine.job_report(job.id).await.map_err(|error| Failure::of(&error))?;
        self.write(&id, &report)?;
        self.written.insert(id);
        Ok(())
    }

    fn write(&mut self, id: &str, report: &JobReport) -> Result<(), Failure> {
        let job = report.job();
        let mut line = json!({
            "job_id": id, "batch_id": job.batch.to_string(),
            "url": report.url(), "status": job.state.as_str(),
        });
        match report.outcome() {
            Some(Err(error)) => {
                line["error"] = json!(error.code.as_str());
                line["error_message"] = json!(error.message);
            }
            _ => line["result"] = wire::scrape_object(report).unwrap_or_default(),
        }
        let line = format!("{line}\n");
        let written = match &mut self.out {
            Some(file) => file.write_all(line.as_bytes()),
            None => std::io::stdout().write_all(line.as_bytes()),
        };
        written.map_err(|why| Failure::Other(format!("writing a result failed: {why}")))?;
        let code = report.outcome().and_then(Result::err).map(|it| it.code.as_str());
        match &self.bar {
            Some(bar) => bar.inc(1),
            None => eprintln!(
                "{} {} tier {} {} {}",
                job.state.as_str(),
                report.url(),
                tier_word(job),
                report.charged(),
                code.unwrap_or("")
            ),
        }
        Ok(())
    }

    fn count(&mut self, job: &Job) {
        let entry = self.counts.entry((job.state.as_str(), tier_word(job))).or_default();
        entry.0 += 1;
        entry.1 = entry.1.saturating_add(job.charged());
    }

    /// The table at the end.
    fn summary(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        eprintln!("{:<10} {:>4} {:>8} {:>12}", "status", "tier", "jobs", "credits");
        for ((state, tier), (jobs, credits)) in &self.counts {
            eprintln!("{state:<10} {tier:>4} {jobs:>8} {:>12}", credits.0);
        }
    }
}
