//! One run of the program: bounded in memory, time and what it says, and gone when it ends.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout_at};

use super::error::{damaged, failed, late, too_large, unavailable};
use super::languages::Languages;
use crate::fetch::program;
use crate::ports::fetch::FetchError;

/// What of the environment the program sees: where its parts are, and nothing of the host's.
const KEPT: [&str; 5] = ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "TESSDATA_PREFIX"];
/// The most bytes of its complaints that are read.
const MAX_COMPLAINT: u64 = 4_096;
/// The most symbols of a complaint in an error.
const MAX_QUOTE: usize = 200;

/// The bounds of one run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) until: Instant,
    /// Bytes of address space.
    pub(super) memory: u64,
    /// Bytes on its standard output.
    pub(super) output: u64,
}

/// The program, found.
#[derive(Debug)]
pub(super) struct Program(PathBuf);

impl Program {
    /// Looks for it: a bare name on the `PATH`, anything else where it says.
    pub(super) fn find(name: &Path) -> Result<Self, FetchError> {
        program::find(name).map(Self).ok_or_else(|| {
            unavailable(format!(
                "the program {} is not installed; on Debian: apt-get install tesseract-ocr",
                name.display()
            ))
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// What it calls itself.
    pub(super) async fn version(&self, bounds: Bounds) -> Result<String, FetchError> {
        let said = self.run(&["--version"], &[], bounds).await?;
        let said = String::from_utf8_lossy(&said);
        Ok(said.lines().next().unwrap_or_default().trim().to_owned())
    }

    /// The languages it has.
    pub(super) async fn languages(&self, bounds: Bounds) -> Result<Languages, FetchError> {
        let said = self.run(&["--list-langs"], &[], bounds).await?;
        Ok(Languages::parse(&String::from_utf8_lossy(&said)))
    }

    /// Runs it on `input` and returns what it says.
    ///
    /// Dropping the future kills the process. It is reaped by the runtime then.
    pub(super) async fn run(
        &self,
        arguments: &[&str],
        input: &[&[u8]],
        bounds: Bounds,
    ) -> Result<Vec<u8>, FetchError> {
        let mut command = bounded(&self.0, bounds);
        command
            .args(arguments)
            .env_clear()
            .envs(program::environment(&KEPT))
            // More threads for one image are slower as soon as there is more than one image.
            .env("OMP_THREAD_LIMIT", "1")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|why| {
            failed(format!("the program {} cannot be started", self.0.display())).with_source(why)
        })?;
        match timeout_at(bounds.until, talk(&mut child, input, bounds)).await {
            Ok(Ok(said)) => Ok(said),
            Ok(Err(error)) => {
                end(&mut child).await;
                Err(error)
            }
            Err(_) => {
                end(&mut child).await;
                Err(late())
            }
        }
    }
}

/// The program below a shell that sets limits and then becomes it, so that the child's id is the
/// program's. Its own hard limits may be lower, which is as good.
///
/// The limit of CPU time is for a host that is killed: nobody is left then to keep the deadline.
#[cfg(unix)]
fn bounded(program: &Path, bounds: Bounds) -> Command {
    const SET: &str = "ulimit -c 0; ulimit -f 0; ulimit -v \"$1\"; ulimit -t \"$2\"; shift 2; \
        exec \"$@\" 2>&3 3>&-";
    let seconds = bounds.until.saturating_duration_since(Instant::now()).as_secs() + 1;
    let mut command = Command::new("/bin/sh");
    // What the shell says of limits that it cannot set is nothing that the image is to blame for.
    command.args(["-c", &format!("exec 3>&2 2>/dev/null; {SET}"), "sh"]);
    command.arg((bounds.memory / 1_024).to_string()).arg(seconds.to_string());
    command.arg(OsString::from(program));
    command
}

/// Elsewhere there is no portable limit of memory; the pixels, the time and the output still have
/// theirs.
#[cfg(not(unix))]
fn bounded(program: &Path, _: Bounds) -> Command {
    Command::new(program)
}

/// Gives the child its input and takes all that it says.
async fn talk(child: &mut Child, input: &[&[u8]], bounds: Bounds) -> Result<Vec<u8>, FetchError> {
    let broken = || failed("the program has no pipes");
    let mut stdin = child.stdin.take().ok_or_else(broken)?;
    let stdout = child.stdout.take().ok_or_else(broken)?;
    let mut stderr = child.stderr.take().ok_or_else(broken)?;
    let (mut said, mut complaint) = (Vec::new(), Vec::new());
    let give = async {
        for part in input {
            // A program that ends early says why by its status.
            if stdin.write_all(part).await.is_err() {
                break;
            }
        }
        drop(stdin);
    };
    let hear = async {
        // Dropped when the limit is passed, so that a program that goes on is told by its pipe.
        let mut stdout = stdout.take(bounds.output + 1);
        stdout.read_to_end(&mut said).await.map(|_| ())
    };
    let mind = async {
        (&mut stderr).take(MAX_COMPLAINT).read_to_end(&mut complaint).await?;
        // What is over must still be taken, or the program would wait for ever.
        tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await.map(|_| ())
    };
    let ((), heard, minded) = tokio::join!(give, hear, mind);
    let status = child.wait().await;
    let status = heard.and(minded).and(status);
    let status =
        status.map_err(|why| failed("the program could not be listened to").with_source(why))?;
    if said.len() as u64 > bounds.output {
        return Err(too_large(format!("tesseract said more than {} bytes", bounds.output)));
    }
    if status.success() {
        return Ok(said);
    }
    let why = quote(&String::from_utf8_lossy(&complaint));
    // The shell's own words for a program that it cannot start.
    if matches!(status.code(), Some(126 | 127)) {
        return Err(unavailable(format!("tesseract cannot be started: {why}")));
    }
    let memory = bounds.memory >> 20;
    Err(damaged(format!("tesseract failed: {why} ({status}, with {memory} MiB of memory)")))
}

/// The first complaint that says something, cut to a line.
fn quote(complaint: &str) -> String {
    let lines = complaint.lines().map(str::trim).filter(|it| !it.is_empty());
    let mut telling = lines.filter(|it| !it.starts_with("Estimating resolution"));
    telling.next().unwrap_or("it did not say why").chars().take(MAX_QUOTE).collect()
}

/// Kills the child by its id and reaps it.
async fn end(child: &mut Child) {
    if let Err(error) = child.kill().await {
        tracing::warn!(%error, "a process of tesseract could not be ended");
    }
}
