//! Printing to standard output.

use std::io::{ErrorKind, Write};

/// Prints one line. Ends the program if that fails.
///
/// A closed pipe is not an error: a reader such as `head` has read enough. A full disk is an error.
pub(crate) fn line(line: impl std::fmt::Display) {
    let Err(error) = writeln!(std::io::stdout().lock(), "{line}") else { return };
    if error.kind() == ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    let reason = crate::error::io_reason(&error);
    eprintln!("rungs: cannot write to standard output ({reason}): free space and rerun");
    std::process::exit(1);
}
