//! The results of a batch: a file or standard output, files per page, and the table at the end.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use rungs::Engine;
use rungs::core::credits::Credits;
use rungs::core::failure::ErrorCode;
use rungs::core::id::{BatchId, JobId};
use rungs::core::job::{Job, JobState};
use rungs::engine::{Page, StoredResult};
use rungs::service::wire::{self, ResultLine};
use serde::de::IgnoredAny;

use crate::error::{CliError, io_reason};
use crate::output::{self, Selection};
use crate::progress;

/// The state of a page that succeeded, and has the content hash that its item named.
const UNCHANGED: &str = "unchanged";

/// Writes each job's result once.
pub(crate) struct Results {
    out: Option<File>,
    /// Directory for the files of pages.
    pages: Option<PathBuf>,
    /// Jobs whose results an earlier run wrote, and `true` for those whose pages were unchanged.
    written: HashMap<JobId, bool>,
    /// Jobs of the running batches whose results are written and counted.
    delivered: HashMap<BatchId, HashSet<JobId>>,
    failures: usize,
    /// `true` if a page was refused because its address is private.
    met_private: bool,
    /// Jobs and credits, by state and tier.
    totals: BTreeMap<(&'static str, String), (u64, Credits)>,
    bar: Option<ProgressBar>,
}

impl Results {
    /// Opens the results file, or standard output without one, for this many jobs.
    pub(crate) fn open(
        out: Option<&Path>,
        pages: Option<&Path>,
        total: usize,
    ) -> Result<Self, CliError> {
        let mut results = Self {
            out: None,
            pages: pages.map(Path::to_owned),
            written: HashMap::new(),
            delivered: HashMap::new(),
            failures: 0,
            met_private: false,
            totals: BTreeMap::new(),
            bar: None,
        };
        if let Some(path) = out {
            let failed = |error: std::io::Error| {
                let (path, reason) = (path.display(), io_reason(&error));
                CliError::Failed(format!("cannot open {path} ({reason}): check the path of --out"))
            };
            results.out = Some(results.resume(path).map_err(failed)?);
        }
        results.bar = progress::bar(total);
        Ok(results)
    }

    /// Opens the results file, drops an incomplete last line that a crash left, and records the jobs that are in it.
    fn resume(&mut self, path: &Path) -> std::io::Result<File> {
        let mut options = OpenOptions::new();
        if path.metadata().is_ok_and(|it| !it.is_file()) {
            // A device or a pipe, such as /dev/null, keeps nothing to resume and has no end to seek.
            return options.write(true).open(path);
        }
        let mut file = options.read(true).write(true).create(true).truncate(false).open(path)?;
        let mut complete_bytes = 0;
        let mut reader = BufReader::new(&file);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            let Ok(IgnoredAny) = serde_json::from_slice(&line) else { break };
            // Valid lines of another origin are kept.
            if let Ok(line) = ResultLine::parse(&line)
                && let Some(id) = line.job_id.as_deref().and_then(|it| it.parse().ok())
            {
                self.written.insert(id, line.is_unchanged());
            }
            complete_bytes += line.len() as u64;
            line.clear();
        }
        file.set_len(complete_bytes)?;
        file.seek(SeekFrom::End(0))?;
        Ok(file)
    }

    /// Writes the result of a job that has ended, unless it is written already, and counts it. `position` numbers the
    /// directory of its files, from 1; no two jobs of a run have the same one.
    pub(crate) async fn deliver(
        &mut self,
        engine: &Engine,
        job: &Job,
        position: usize,
    ) -> Result<(), CliError> {
        if self.delivered.get(&job.batch).is_some_and(|it| it.contains(&job.id)) {
            return Ok(());
        }
        let is_unchanged = if let Some(it) = self.written.remove(&job.id) {
            it
        } else {
            let write = |result: StoredResult<'_>| {
                let is_unchanged = matches!(result, Some(Ok(page)) if page.is_unchanged());
                self.write(job, result, position).map(|()| is_unchanged)
            };
            let written = engine.read_stored(job, write).await;
            written.map_err(|error| CliError::failed(&error))??
        };
        self.delivered.entry(job.batch).or_default().insert(job.id);
        let state = if is_unchanged { UNCHANGED } else { job.state.as_str() };
        self.add(job, state);
        self.show(job, state);
        Ok(())
    }

    /// Forgets the jobs of a batch whose results are all delivered.
    pub(crate) fn close(&mut self, batch: BatchId) {
        self.delivered.remove(&batch);
    }

    fn write(
        &mut self,
        job: &Job,
        result: StoredResult<'_>,
        position: usize,
    ) -> Result<(), CliError> {
        // The files first: a job whose line is written is not written again after a crash.
        let files = match (&self.pages, result) {
            (Some(_), Some(Ok(page))) if page.is_unchanged() => Some(Vec::new()),
            (Some(dir), Some(Ok(page))) => {
                let page = page.decode().map_err(|error| CliError::failed(&error))?;
                Some(write_files(dir, job, &page, position)?)
            }
            _ => None,
        };
        let mut line = wire::result_line(job, result, files.as_deref());
        line.push('\n');
        let out = &mut self.out;
        let mut write = || match out {
            Some(file) => file.write_all(line.as_bytes()),
            None => std::io::stdout().write_all(line.as_bytes()),
        };
        let written = match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        };
        written.map_err(|error| {
            let reason = io_reason(&error);
            CliError::Failed(format!("cannot write a result ({reason}): free space and rerun"))
        })
    }

    /// Counts a job in the progress bar, or prints a line about it if there is no bar.
    fn show(&mut self, job: &Job, state: &str) {
        let Some(bar) = &self.bar else { return log(job, state) };
        if job.state != JobState::Succeeded {
            self.failures += 1;
            bar.set_message(format!("{} failed", self.failures));
        }
        bar.inc(1);
    }

    /// Adds a job that has not ended to the table.
    pub(crate) fn count(&mut self, job: &Job) {
        self.add(job, job.state.as_str());
    }

    fn add(&mut self, job: &Job, state: &'static str) {
        self.met_private |=
            job.failure().is_some_and(|it| it.code == ErrorCode::PrivateAddressBlocked);
        let totals = self.totals.entry((state, tier_word(job))).or_default();
        totals.0 += 1;
        totals.1 = totals.1.saturating_add(job.charged());
    }

    /// Returns the number of pages in the table that failed, and of all.
    pub(crate) fn failed_of_total(&self) -> (u64, u64) {
        let of = |failed: bool| {
            let rows = self.totals.iter();
            let rows =
                rows.filter(|((state, _), _)| !failed || *state == JobState::Failed.as_str());
            rows.map(|(_, (jobs, _))| jobs).sum()
        };
        (of(true), of(false))
    }

    /// Prints the table to standard error. Pages of the `total` that are not counted are not in the store.
    pub(crate) fn print_table(&self, total: usize) {
        let (_, counted) = self.failed_of_total();
        let unsubmitted = (total as u64).saturating_sub(counted);
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        eprintln!("{:<13} {:>4} {:>8} {:>12}", "status", "tier", "jobs", "credits");
        for ((state, tier), (jobs, credits)) in &self.totals {
            eprintln!("{state:<13} {tier:>4} {jobs:>8} {:>12}", credits.0);
        }
        if unsubmitted > 0 {
            eprintln!("{:<13} {:>4} {unsubmitted:>8} {:>12}", "not submitted", "-", 0);
        }
        if self.met_private {
            eprintln!("rungs: pass --allow-private to allow addresses of your own network");
        }
    }
}

/// Writes the parts of a page to a directory of its own, named by its position and its host.
fn write_files(
    dir: &Path,
    job: &Job,
    page: &Page,
    position: usize,
) -> Result<Vec<PathBuf>, CliError> {
    let host = job.request.page().host();
    let is_plain = |it: char| it.is_ascii_alphanumeric() || it == '.' || it == '-';
    let host: String = host.chars().take(100).filter(|it| is_plain(*it)).collect();
    let dir = dir.join(format!("{position:05}-{host}"));
    let (parts, _) = Selection::of_item(job.request.item()).parts(page);
    output::write(&dir, &parts).map_err(|error| {
        let (path, reason) = (dir.display(), io_reason(&error));
        CliError::Failed(format!("cannot write to {path} ({reason}): check the path of --out-dir"))
    })
}

/// Prints one line about a job to standard error, without the query of its URL.
fn log(job: &Job, state: &str) {
    let code = job.failure().map_or_else(String::new, |it| format!(" {}", it.code.as_str()));
    eprintln!("{state} {} tier {} {}{code}", job.request.page(), tier_word(job), job.charged());
}

/// The tier that the job succeeded on, or `-`.
fn tier_word(job: &Job) -> String {
    job.tier().map_or_else(|| "-".to_owned(), |it| it.to_string())
}
