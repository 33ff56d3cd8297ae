//! `rungs key`: generates an API key.

use std::process::ExitCode;

use rungs::core::id::AccountId;
use rungs::engine::SystemEntropy;
use rungs::service::{ApiKey, KeyScope};

use crate::args::KeyArgs;
use crate::error::{CliError, CommandResult};
use crate::print;

/// Prints a new key alone to standard output, so that it can be piped, and its entry for the file of `--api-keys` to
/// standard error.
pub(crate) fn run(args: &KeyArgs) -> CommandResult {
    let account =
        AccountId::new(&args.account).map_err(|error| CliError::Usage(error.to_string()))?;
    let secret = ApiKey::random(&SystemEntropy);
    let key = ApiKey::new(&args.name, account, &secret)
        .map_err(|error| CliError::Usage(error.to_string()))?;
    let scope = match (args.metrics, args.admin) {
        (true, _) => KeyScope::Metrics,
        (_, true) => KeyScope::Admin,
        _ => KeyScope::Api,
    };
    let key = key.with_scope(scope);
    let entry = serde_json::to_string(&key).map_err(|error| CliError::failed(&error))?;
    print::line(secret);
    eprintln!(
        "the key on standard output is not shown again; its entry for the file of --api-keys:"
    );
    eprintln!("{entry}");
    Ok(ExitCode::SUCCESS)
}
