//! `rungs doctor`: checks the programs that each tier and mode needs.

use std::process::ExitCode;
use std::time::Duration;

use rungs::core::tier::Tier;
use rungs::fetch::{Chrome, Pdf, Tesseract};

use crate::args::DoctorArgs;
use crate::error::{CliError, CommandResult};
use crate::print;
use crate::store::{StorePath, open_database};

/// The age from which an open transaction is a problem.
const OLD_TRANSACTION: Duration = Duration::from_mins(1);

/// The result of one check: the details if it passed, or the remedy.
type Check = Result<String, String>;

/// Prints one line per tier and mode, or the state of a database.
pub(crate) async fn run(args: DoctorArgs) -> CommandResult {
    if let Some(store) = args.store {
        return database(StorePath::parse(&store)).await;
    }
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
    Ok(ExitCode::SUCCESS)
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

/// Prints the state of a database: what slows claims down, and what fills the disk.
async fn database(store: StorePath) -> CommandResult {
    let StorePath::Postgres(url) = store else {
        let message =
            "--store: only a database is checked: use --store postgres://USER@HOST/DATABASE";
        return Err(CliError::Usage(message.to_owned()));
    };
    let store = open_database(&url).await?;
    let report = store.inspect().await.map_err(|error| CliError::failed(&error))?;
    print::line(format_args!("server              PostgreSQL {}", report.server));
    let connection = if report.is_direct {
        "direct"
    } else {
        "pooled by transactions: new work of other processes is seen within a second"
    };
    let tls = if report.is_encrypted { "with TLS" } else { "without TLS" };
    print::line(format_args!("connection          {connection}, {tls}"));
    print::line(format_args!("records             {}", report.records));
    print::line(format_args!("dead records        {}", report.dead_records));
    match report.oldest_transaction {
        None => print::line(format_args!(
            "oldest transaction  none open that this user may see (pg_read_all_stats shows all)"
        )),
        Some(age) => {
            let seconds = age.as_secs();
            let note = if age > OLD_TRANSACTION {
                ": end it, because vacuum cannot remove dead records meanwhile"
            } else {
                ""
            };
            print::line(format_args!("oldest transaction  {seconds} s{note}"));
        }
    }
    for relation in report.sizes {
        print::line(format_args!("{:<19} {}", relation.name, print::size(relation.bytes)));
    }
    Ok(ExitCode::SUCCESS)
}
