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

/// Returns a number of bytes in the unit that fits, such as `8 KiB` or `1.4 GiB`.
pub(crate) fn size(bytes: u64) -> String {
    let mut tenths = u128::from(bytes) * 10;
    for unit in ["bytes", "KiB", "MiB", "GiB"] {
        if tenths < 10_240 {
            return in_unit(tenths, unit);
        }
        tenths = (tenths + 512) / 1_024;
    }
    in_unit(tenths, "TiB")
}

fn in_unit(tenths: u128, unit: &str) -> String {
    match (tenths / 10, tenths % 10) {
        (whole @ 0..=9, tenth @ 1..=9) => format!("{whole}.{tenth} {unit}"),
        (whole, tenth) => format!("{} {unit}", whole + u128::from(tenth >= 5)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_the_unit_that_fits() {
        for (bytes, expected) in [
            (0, "0 bytes"),
            (1_023, "1023 bytes"),
            (8_192, "8 KiB"),
            (1_434, "1.4 KiB"),
            (10 << 20, "10 MiB"),
            (1_500 << 20, "1.5 GiB"),
            (25_700_000_000, "24 GiB"),
            (5_000 << 40, "5000 TiB"),
        ] {
            assert_eq!(size(bytes), expected, "{bytes}");
        }
    }
}
