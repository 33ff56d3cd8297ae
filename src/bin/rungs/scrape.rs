//! `rungs scrape`: one page.

use std::process::ExitCode;

use rungs::SubmitError;
use rungs::core::failure::ErrorCode;
use rungs::core::job::Attempt;
use rungs::core::request::{Format, Item};
use rungs::engine::{JobReport, Page, Settings};
use rungs::service::wire;
use rungs::stores::Memory;

use crate::args::ScrapeArgs;
use crate::{Done, Failure, say, setup};

/// Gets the page and prints it.
pub(crate) async fn run(args: ScrapeArgs) -> Done {
    let mut item = setup::item(&args.page)?;
    if args.width.is_some() {
        request_layout(&mut item)?;
    }
    item.url.clone_from(&args.url);
    let engine = setup::engine(&args.page.net, Settings::default(), Memory::default())?;
    let report = match engine.scrape(item).await {
        Ok(report) => report,
        // There is one page, so its place in the batch says nothing.
        Err(SubmitError::Item { flaw, .. }) => return Err(Failure::Usage(flaw.to_string())),
        Err(error) => return Err(Failure::of(&error)),
    };
    engine.shutdown().await;
    match report.outcome() {
        Some(Ok(page)) => {
            match args.width {
                Some(width) => print_wrapped(page, width),
                None => print(&args, &report),
            }
            Ok(ExitCode::SUCCESS)
        }
        Some(Err(error)) => {
            eprintln!("rungs: {error}");
            if let Some(tier) = error.required_tier {
                eprintln!("  tier {tier} ({}) would be needed; see `rungs doctor`", tier.name());
            }
            if error.code == ErrorCode::PrivateAddressBlocked && !args.page.net.allow_private {
                eprintln!("  --allow-private opens addresses of your own network");
            }
            report.trail().iter().for_each(explain);
            Ok(ExitCode::FAILURE)
        }
        None => Err(Failure::Other("the page has neither a result nor an error".to_owned())),
    }
}

/// Requests the readable HTML that the layout is made from.
fn request_layout(item: &mut Item) -> Result<(), Failure> {
    if item.formats.first() != Some(&Format::Text) {
        let remedy = "--width lays out plain text: add `--formats text`";
        return Err(Failure::Usage(remedy.to_owned()));
    }
    if !item.formats.contains(&Format::Html) {
        item.formats.push(Format::Html);
    }
    Ok(())
}

fn print_wrapped(page: &Page, width: usize) {
    let plain = || page.extracted.text.clone();
    // Documents that are not HTML have no layout; their text is printed as it is.
    say(page.text_wrapped(width).unwrap_or_else(plain).trim_end());
    for warning in &page.extracted.warnings {
        eprintln!("rungs: {warning}");
    }
}

fn print(args: &ScrapeArgs, report: &JobReport) {
    let object = wire::scrape_object(report).unwrap_or_default();
    if args.json {
        say(format_args!("{object:#}"));
        return;
    }
    let first = args.page.formats.first().map_or("markdown", |it| it.as_str());
    match object.get("content").and_then(|it| it.get(first)) {
        Some(serde_json::Value::String(text)) => say(text.trim_end()),
        Some(value) => say(format_args!("{value:#}")),
        None => eprintln!("rungs: this kind of document has no format `{first}`; try --json"),
    }
    if let Some(warning) = object.get("warning").and_then(|it| it.as_str()) {
        eprintln!("rungs: {warning}");
    }
}

/// One line of the trail.
fn explain(attempt: &Attempt) {
    let status = attempt.status.map_or_else(|| "---".to_owned(), |it| it.to_string());
    let (tier, name) = (attempt.tier, attempt.tier.name());
    eprintln!(
        "  tier {tier:<3} {name:<8} {status} {:>6} ms  {}",
        attempt.duration.as_millis(),
        attempt.signal
    );
}
