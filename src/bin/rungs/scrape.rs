//! `rungs scrape`: fetches one page and prints it.

use std::path::Path;
use std::process::ExitCode;

use rungs::core::failure::{ErrorCode, JobError};
use rungs::core::job::{Attempt, Job};
use rungs::core::request::{Format, Item};
use rungs::core::url::PageUrl;
use rungs::engine::{JobReport, Page, Settings};
use rungs::service::wire;
use rungs::stores::Memory;
use rungs::{Batch, Engine, ProgressEvent};

use crate::args::ScrapeArgs;
use crate::error::{CliError, CommandResult, io_reason};
use crate::output::{self, Part, Selection};
use crate::{print, progress, setup};

/// Fetches the page and prints it.
pub(crate) async fn run(args: ScrapeArgs) -> CommandResult {
    let mut item = setup::item(&args.page)?;
    let selection = Selection::of_args(&args.page, &item, args.width);
    if args.width.is_some() {
        request_layout(&mut item)?;
    }
    item.url.clone_from(&args.url);
    item.advanced.if_changed_since_hash.clone_from(&args.unless);
    let engine = setup::engine(&args.page.net, Settings::default(), Memory::default())?;
    let report = fetch(&engine, item).await?;
    engine.shutdown().await;
    match report.result() {
        Ok(page) => print_page(&args, &selection, report.job(), page),
        Err(error) => {
            explain(&args, &report, error);
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Requests the readable HTML that the layout is made from.
fn request_layout(item: &mut Item) -> Result<(), CliError> {
    if !item.formats.contains(&Format::Text) {
        let message = "--width lays out plain text: add `--formats text`";
        return Err(CliError::Usage(message.to_owned()));
    }
    if !item.formats.contains(&Format::Html) {
        item.formats.push(Format::Html);
    }
    Ok(())
}

/// Fetches the page. A terminal shows the attempts that failed meanwhile.
async fn fetch(engine: &Engine, item: Item) -> Result<JobReport, CliError> {
    let url = PageUrl::parse(&item.url).map_or_else(|_| String::new(), |it| it.to_string());
    let submitted = engine.submit(Batch::scrape(item)).await;
    let mut handle = submitted.map_err(CliError::submission)?;
    let spinner = progress::spinner(format!("fetching {url}"));
    while let Some(event) = handle.next_event().await.map_err(|it| CliError::failed(&it))? {
        if let (ProgressEvent::Attempted { attempt, .. }, Some(spinner)) = (&event, &spinner) {
            let Attempt { tier, signal, .. } = attempt;
            spinner.set_message(format!("fetching {url} (tier {tier}: {signal})"));
        }
    }
    if let Some(spinner) = spinner {
        spinner.finish_and_clear();
    }
    let report = handle.report().await.map_err(|error| CliError::failed(&error))?;
    let job = report.into_jobs().into_iter().next();
    job.ok_or_else(|| CliError::Failed("the page has no result: rerun the command".to_owned()))
}

fn print_page(args: &ScrapeArgs, selection: &Selection, job: &Job, page: &Page) -> CommandResult {
    let warnings = &page.extracted.warnings;
    if !warnings.is_empty() {
        eprintln!("rungs: {}", warnings.join("; "));
    }
    if args.json {
        print::line(format_args!("{:#}", wire::scrape_object(job, page)));
        return Ok(ExitCode::SUCCESS);
    }
    if page.unchanged {
        eprintln!("rungs: the page is unchanged: it has the content hash of --unless");
        return Ok(ExitCode::SUCCESS);
    }
    let (parts, missing) = selection.parts(page);
    for name in missing {
        eprintln!(
            "rungs: this document has no `{name}`: choose another format with --formats, or print all with --json"
        );
    }
    match &args.out_dir {
        Some(dir) => write(dir, &parts)?,
        None if parts.is_empty() => {}
        None => print::line(output::joined(&parts)),
    }
    Ok(if parts.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn write(dir: &Path, parts: &[Part]) -> Result<(), CliError> {
    let written = output::write(dir, parts).map_err(|error| {
        let (path, reason) = (dir.display(), io_reason(&error));
        CliError::Failed(format!("cannot write to {path} ({reason}): check the path of --out-dir"))
    })?;
    for path in written {
        print::line(path.display());
    }
    Ok(())
}

/// Prints the page's error, the remedy, and every attempt.
fn explain(args: &ScrapeArgs, report: &JobReport, error: &JobError) {
    eprintln!("rungs: {error}");
    if let Some(tier) = error.required_tier {
        // An option that excludes the tier is in the message, and the doctor knows nothing of it.
        let is_missing = error.code == ErrorCode::RenderFailed || report.trail().is_empty();
        let hint = if is_missing { ": see `rungs doctor`" } else { "" };
        eprintln!("  requires tier {tier} ({}){hint}", tier.name());
    }
    if error.code == ErrorCode::PrivateAddressBlocked && !args.page.net.allow_private {
        eprintln!("  pass --allow-private to allow addresses of your own network");
    }
    report.trail().iter().for_each(print_attempt);
}

fn print_attempt(attempt: &Attempt) {
    let status = attempt.status.map_or_else(|| "---".to_owned(), |it| it.to_string());
    eprintln!(
        "  tier {:<3} {:<8} {status} {:>6} ms  {}",
        attempt.tier,
        attempt.tier.name(),
        attempt.duration.as_millis(),
        attempt.signal
    );
}
