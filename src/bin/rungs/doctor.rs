//! `rungs doctor`: checks the programs that each tier and mode needs.

use std::process::ExitCode;

use rungs::core::tier::Tier;
use rungs::fetch::{Chrome, Pdf, Tesseract};

use crate::print;

/// The result of one check: the details if it passed, or the remedy.
type Check = Result<String, String>;

/// Prints one line per tier and mode.
pub(crate) async fn run() -> ExitCode {
    for tier in Tier::ALL {
        let label = format!("tier {:<4} {:<8}", tier.number(), tier.name());
        match tier {
            Tier::Curl | Tier::Http | Tier::LightJs => print_line(&label, "ready", "built in"),
            Tier::Stealth => print_line(&label, "needs a proxy", "add one with --proxy URL"),
            Tier::Browser => print_check(&label, browser().await),
        }
    }
    print_check(&format!("mode pdf  {:<8}", ""), pdf().await);
    print_check(&format!("mode ocr  {:<8}", ""), ocr().await);
    ExitCode::SUCCESS
}

fn print_check(label: &str, check: Check) {
    match check {
        Ok(details) => print_line(label, "ready", &details),
        Err(error) => print_line(label, "not ready", &error),
    }
}

fn print_line(label: &str, status: &str, details: &str) {
    print::line(format_args!("{label} {status:<14} {details}"));
}

async fn browser() -> Check {
    let found = Chrome::new().installed().await.map_err(|error| error.to_string())?;
    let sandbox =
        if found.is_sandboxed { "" } else { "; no sandbox, because Chromium has none for root" };
    Ok(format!("{}, {}{sandbox}", found.version, found.program.display()))
}

async fn pdf() -> Check {
    Pdf::new().check().await.map_err(|error| error.to_string())?;
    Ok("built in, runs in a process of its own".to_owned())
}

async fn ocr() -> Check {
    let found = Tesseract::new().installed().await.map_err(|error| error.to_string())?;
    let languages = found.languages.join(", ");
    Ok(format!("{}, {}, languages: {languages}", found.version, found.program.display()))
}
