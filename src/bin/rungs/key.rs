//! `rungs key`: generates an API key.

use std::process::ExitCode;

use rungs::core::id::AccountId;
use rungs::engine::SystemEntropy;
use rungs::service::{ApiKey, KeyScope};

use crate::args::KeyArgs;
use crate::error::{CliError, CommandResult};
use crate::print;

/// Prints a new key, and its entry for the file of `--api-keys`.
pub(crate) fn run(args: &KeyArgs) -> CommandResult {
    let account =
        AccountId::new(&args.account).map_err(|error| CliError::Usage(error.to_string()))?;
    let secret = ApiKey::random(&SystemEntropy);
    let key = ApiKey::new(&args.name, account, &secret)
        .map_err(|error| CliError::Usage(error.to_string()))?;
    let key = if args.metrics { key.with_scope(KeyScope::Metrics) } else { key };
    let entry = serde_json::to_string(&key).map_err(|error| CliError::failed(&error))?;
    print::line(format_args!("API key (not shown again): {secret}"));
    print::line("entry for the file of --api-keys:");
    print::line(entry);
    Ok(ExitCode::SUCCESS)
}
