//! `rungs scrape`: fetches one page and prints it.

use std::process::ExitCode;

use rungs::SubmitError;
use rungs::core::failure::{ErrorCode, JobError};
use rungs::core::job::{Attempt, Job};
use rungs::core::request::{Format, Item};
use rungs::engine::{JobReport, Page, Settings};
use rungs::service::wire;
use rungs::stores::Memory;
use serde_json::Value;

use crate::args::ScrapeArgs;
use crate::error::{CliError, CommandResult};
use crate::{print, setup};

/// Fetches the page and prints it.
pub(crate) async fn run(args: ScrapeArgs) -> CommandResult {
    let mut item = setup::item(&args.page)?;
    if args.width.is_some() {
        request_layout(&mut item)?;
    }
    item.url.clone_from(&args.url);
    let engine = setup::engine(&args.page.net, Settings::default(), Memory::default())?;
    let report = match engine.scrape(item).await {
        Ok(report) => report,
        // With one item, its index adds no information.
        Err(SubmitError::Item { error, .. }) => return Err(CliError::Usage(error.to_string())),
        Err(error) => return Err(CliError::failed(&error)),
    };
    engine.shutdown().await;
    match report.result() {
        Ok(page) => {
            print_page(&args, report.job(), page);
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            explain(&args, &report, error);
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Requests the readable HTML that the layout is made from.
fn request_layout(item: &mut Item) -> Result<(), CliError> {
    if item.formats.first() != Some(&Format::Text) {
        let message = "--width lays out plain text: add `--formats text`";
        return Err(CliError::Usage(message.to_owned()));
    }
    if !item.formats.contains(&Format::Html) {
        item.formats.push(Format::Html);
    }
    Ok(())
}

fn print_page(args: &ScrapeArgs, job: &Job, page: &Page) {
    if args.json {
        print::line(format_args!("{:#}", wire::scrape_object(job, page)));
        return;
    }
    let format = args.page.formats.first().copied().unwrap_or(Format::Markdown);
    // A named profile asks for its fields, unless another format is asked for.
    let fields = page.profile().filter(|_| matches!(format, Format::Markdown | Format::Json));
    let rendered = |page: &Page| match fields {
        Some(fields) => Some(format!("{fields:#}")),
        None => rendered(page, format, args.width),
    };
    match rendered(page) {
        Some(text) => print::line(text),
        None => eprintln!(
            "rungs: this document has no format `{}`: choose another one with --formats, or print all with --json",
            format.as_str()
        ),
    }
    let warnings = &page.extracted.warnings;
    if !warnings.is_empty() {
        eprintln!("rungs: {}", warnings.join("; "));
    }
}

/// Renders the page in one format for a terminal, at this width; `None` if the page does not have the format.
fn rendered(page: &Page, format: Format, width: Option<usize>) -> Option<String> {
    if let Some(width) = width {
        // Documents that are not HTML have no layout. Their text is printed as it is.
        let text = page.text_wrapped(width).unwrap_or_else(|| page.extracted.text.clone());
        return Some(text.trim_end().to_owned());
    }
    match page.extracted.content.get(&format)? {
        Value::String(text) => Some(text.trim_end().to_owned()),
        value => Some(format!("{value:#}")),
    }
}

/// Prints the page's error, the remedy, and every attempt.
fn explain(args: &ScrapeArgs, report: &JobReport, error: &JobError) {
    eprintln!("rungs: {error}");
    if let Some(tier) = error.required_tier {
        eprintln!("  requires tier {tier} ({}): see `rungs doctor`", tier.name());
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
