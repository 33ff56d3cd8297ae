//! The `rungs` program: scrapes pages from the command line, runs the REST service, and serves agents.

mod args;
mod batch;
mod bodies;
mod crawl;
mod deliveries;
#[cfg(test)]
mod deployment;
mod doctor;
mod driver;
mod error;
mod estimate;
mod grant;
mod input;
mod key;
mod known;
mod mcp;
mod output;
mod print;
mod progress;
mod results;
mod scrape;
mod serve;
mod setup;
mod status;
mod stop;
mod store;
mod values;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use args::{Cli, Command};
use error::{CliError, CommandResult};

/// Environment variable with the log filter, such as `rungs=debug`. Without it, nothing is logged.
pub(crate) const LOG: &str = "RUNGS_LOG";

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = start_logging() {
        return error.report();
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return CliError::failed(&error).report(),
    };
    runtime.block_on(run(cli.command)).unwrap_or_else(|error| error.report())
}

fn start_logging() -> Result<(), CliError> {
    let filter = std::env::var(LOG).unwrap_or_default();
    if filter.is_empty() {
        return Ok(());
    }
    let filter = EnvFilter::try_new(&filter).map_err(|error| {
        CliError::Usage(format!("{LOG}: {error}: use a filter such as info or rungs=debug"))
    })?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    Ok(())
}

async fn run(command: Command) -> CommandResult {
    match command {
        Command::Scrape(args) => scrape::run(args).await,
        Command::Batch(args) => batch::run(args).await,
        Command::Map(args) => crawl::map(args).await,
        Command::Crawl(args) => crawl::crawl(args).await,
        Command::Serve(args) => serve::run(args).await,
        Command::Mcp(args) => mcp::run(args).await,
        Command::Key(args) => key::run(&args),
        Command::Grant(args) => grant::run(args).await,
        Command::Status(args) => status::run(args).await,
        Command::Estimate(args) => estimate::run(args).await,
        Command::Doctor(args) => doctor::run(args).await,
    }
}
