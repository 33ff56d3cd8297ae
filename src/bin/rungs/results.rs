//! The results of a batch: a file or standard output, and the table at the end.

use std::collections::{BTreeMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, IsTerminal, Seek, SeekFrom, Write};
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use rungs::Engine;
use rungs::core::credits::Credits;
use rungs::core::job::Job;
use rungs::engine::JobSnapshot;
use rungs::service::wire;

use crate::error::{CliError, io_reason};

/// Writes each job's result once.
pub(crate) struct Results {
    out: Option<File>,
    /// Ids of the jobs whose results are written.
    written: HashSet<String>,
    /// Jobs and credits, by state and tier.
    totals: BTreeMap<(&'static str, String), (u64, Credits)>,
    bar: Option<ProgressBar>,
}

impl Results {
    /// Opens the results file, or standard output without one, for this many jobs.
    pub(crate) fn open(out: Option<&Path>, total: usize) -> Result<Self, CliError> {
        let bar = std::io::stderr().is_terminal().then(|| progress_bar(total as u64));
        let mut results = Self { out: None, written: HashSet::new(), totals: BTreeMap::new(), bar };
        if let Some(path) = out {
            let failed = |error: std::io::Error| {
                let (path, reason) = (path.display(), io_reason(&error));
                CliError::Failed(format!("cannot open {path} ({reason}): check the path of --out"))
            };
            results.out = Some(results.resume(path).map_err(failed)?);
        }
        Ok(results)
    }

    /// Opens the results file, drops an incomplete last line that a crash left, and records the jobs that are in it.
    fn resume(&mut self, path: &Path) -> std::io::Result<File> {
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(path)?;
        let mut complete_bytes = 0;
        let mut reader = BufReader::new(&file);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            let Ok(value) = serde_json::from_slice(&line) else { break };
            if let Some(id) = wire::result_line_job(&value) {
                self.written.insert(id.to_owned());
            }
            complete_bytes += line.len() as u64;
            line.clear();
        }
        file.set_len(complete_bytes)?;
        file.seek(SeekFrom::End(0))?;
        Ok(file)
    }

    /// Writes the result of a job that has ended, unless it is written already.
    pub(crate) async fn deliver(&mut self, engine: &Engine, job: &Job) -> Result<(), CliError> {
        let id = job.id.to_string();
        if !job.state.is_ended() || self.written.contains(&id) {
            return Ok(());
        }
        let report = engine.job_snapshot(job.id).await.map_err(|error| CliError::failed(&error))?;
        self.write(&report)?;
        self.written.insert(id);
        Ok(())
    }

    fn write(&mut self, report: &JobSnapshot) -> Result<(), CliError> {
        let line = format!("{}\n", wire::result_line(report));
        let written = match &mut self.out {
            Some(file) => file.write_all(line.as_bytes()),
            None => std::io::stdout().write_all(line.as_bytes()),
        };
        written.map_err(|error| {
            let reason = io_reason(&error);
            CliError::Failed(format!("cannot write a result ({reason}): free space and rerun"))
        })?;
        match &self.bar {
            Some(bar) => bar.inc(1),
            None => log(report),
        }
        Ok(())
    }

    /// Adds a job to the table.
    pub(crate) fn count(&mut self, job: &Job) {
        let totals = self.totals.entry((job.state.as_str(), tier_word(job))).or_default();
        totals.0 += 1;
        totals.1 = totals.1.saturating_add(job.charged());
    }

    /// Prints the table to standard error.
    pub(crate) fn print_table(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        eprintln!("{:<10} {:>4} {:>8} {:>12}", "status", "tier", "jobs", "credits");
        for ((state, tier), (jobs, credits)) in &self.totals {
            eprintln!("{state:<10} {tier:>4} {jobs:>8} {:>12}", credits.0);
        }
    }
}

fn progress_bar(total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let template = "{bar:40} {pos}/{len} {per_sec} {eta} left {msg}";
    let style = ProgressStyle::with_template(template);
    bar.set_style(style.unwrap_or(ProgressStyle::default_bar()));
    bar
}

/// Prints one line about a job to standard error.
fn log(report: &JobSnapshot) {
    let job = report.job();
    let code = job.failure().map_or("", |it| it.code.as_str());
    eprintln!(
        "{} {} tier {} {} {code}",
        job.state.as_str(),
        job.request.page().as_str(),
        tier_word(job),
        job.charged(),
    );
}

/// The tier that the job succeeded on, or `-`.
fn tier_word(job: &Job) -> String {
    job.tier().map_or_else(|| "-".to_owned(), |it| it.to_string())
}
