//! `rungs estimate`: prices pages without fetching them.

use std::process::ExitCode;

use rungs::core::credits::Credits;
use rungs::engine::Settings;
use rungs::stores::Memory;

use crate::args::EstimateArgs;
use crate::error::{CliError, CommandResult};
use crate::{print, setup};

/// Prints the price of each page, and the credits that a batch of them would hold.
pub(crate) async fn run(args: EstimateArgs) -> CommandResult {
    let engine = setup::engine(&args.page.net, Settings::default(), Memory::default())?;
    let mut held = Credits::ZERO;
    for url in &args.urls {
        let mut item = setup::item(&args.page)?;
        item.url.clone_from(url);
        let estimate = engine
            .estimate(item)
            .await
            .map_err(|error| CliError::Usage(format!("{url}: {error}")))?;
        let tier = estimate.tier.map_or_else(|| "none".to_owned(), |it| it.to_string());
        print::line(format_args!(
            "{:>8} to {:>8} credits  starting on tier {tier}  {url}",
            estimate.credits.0, estimate.hold.0
        ));
        held = held.saturating_add(estimate.hold);
    }
    print::line(format_args!("{:>20} credits held at submission (1,000,000 = 1 dollar)", held.0));
    engine.shutdown().await;
    Ok(ExitCode::SUCCESS)
}
