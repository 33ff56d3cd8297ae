//! The `rungs` program: one page, or any number of them, from the command line or over HTTP.

mod args;
mod batch;
mod driver;
mod input;
mod look;
mod scrape;
mod serve;
mod setup;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

/// Wrong usage, as clap itself says it.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("RUNGS_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("rungs: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(async {
        match cli.command {
            Command::Scrape(args) => scrape::run(args).await,
            Command::Batch(args) => batch::run(args).await,
            Command::Serve(args) => serve::run(args).await,
            Command::Key(args) => serve::key(&args),
            Command::Status(args) => look::status(args).await,
            Command::Estimate(args) => look::estimate(args).await,
            Command::Doctor => Ok(look::doctor().await),
        }
    });
    match done {
        Ok(code) => code,
        Err(Failure::Usage(why)) => {
            eprintln!("rungs: {why}");
            ExitCode::from(USAGE)
        }
        Err(Failure::Other(why)) => {
            eprintln!("rungs: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Why a command could not be carried out.
enum Failure {
    /// It was asked for wrongly.
    Usage(String),
    /// Something failed.
    Other(String),
}

impl Failure {
    /// Any error with its causes, in one line.
    fn of(error: &dyn std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        Self::Other(text)
    }
}

type Done = Result<ExitCode, Failure>;

/// Prints one line, and ends the program where nobody takes it: `head` that has seen enough is no
/// failure, a full disk is one.
fn say(line: impl std::fmt::Display) {
    let Err(why) = writeln!(std::io::stdout().lock(), "{line}") else { return };
    if why.kind() == std::io::ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    eprintln!("rungs: printing failed: {why}");
    std::process::exit(1);
}
