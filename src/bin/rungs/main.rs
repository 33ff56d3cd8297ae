//! The `rungs` program: scrapes pages from the command line, and runs the REST service.

mod args;
mod batch;
mod doctor;
mod driver;
mod error;
mod estimate;
mod input;
mod key;
mod print;
mod results;
mod scrape;
mod serve;
mod setup;
mod status;
mod stop;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use args::{Cli, Command};
use error::{CliError, CommandResult};

/// Environment variable with the log filter, such as `rungs=debug`. Defaults to `off`.
const LOG: &str = "RUNGS_LOG";

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env(LOG).unwrap_or_else(|_| EnvFilter::new("off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return CliError::failed(&error).report(),
    };
    runtime.block_on(run(cli.command)).unwrap_or_else(|error| error.report())
}

async fn run(command: Command) -> CommandResult {
    match command {
        Command::Scrape(args) => scrape::run(args).await,
        Command::Batch(args) => batch::run(args).await,
        Command::Serve(args) => serve::run(args).await,
        Command::Key(args) => key::run(&args),
        Command::Status(args) => status::run(args).await,
        Command::Estimate(args) => estimate::run(args).await,
        Command::Doctor => Ok(doctor::run().await),
    }
}
