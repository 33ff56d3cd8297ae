//! Errors of commands, and their exit codes.

use std::process::ExitCode;

use rungs::SubmitError;

/// Exit code for wrong arguments, the same as clap's.
const USAGE: u8 = 2;

/// The reason why a command failed.
#[derive(Debug)]
pub(crate) enum CliError {
    /// Wrong arguments or input.
    Usage(String),
    /// Anything else.
    Failed(String),
}

/// The exit code of a command, or its error.
pub(crate) type CommandResult = Result<ExitCode, CliError>;

/// Returns the message of an I/O error in lower case, without the number of the operating system's error.
pub(crate) fn io_reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

impl CliError {
    /// Converts the error of a submission. A refused item, option or webhook is wrong input.
    pub(crate) fn submission(error: SubmitError) -> Self {
        match error {
            // The caller names the item; its index in a batch says nothing to a person.
            SubmitError::Item { error, .. } | SubmitError::Option(error) => {
                Self::Usage(error.to_string())
            }
            SubmitError::Webhook(error) => Self::Usage(format!("webhook: {error}")),
            error => Self::failed(&error),
        }
    }

    /// Converts an error with its causes.
    pub(crate) fn failed(error: &dyn std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        Self::Failed(text)
    }

    /// Prints the error and returns its exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let (Self::Usage(message) | Self::Failed(message)) = self;
        eprintln!("rungs: {message}");
        match self {
            Self::Usage(_) => ExitCode::from(USAGE),
            Self::Failed(_) => ExitCode::FAILURE,
        }
    }
}
