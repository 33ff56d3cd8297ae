//! Runs the program with limits of memory, time and output.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout_at};

use super::error::{damaged, internal, interrupted, timed_out, too_large, unavailable};
use super::languages::Languages;
use crate::fetch::subprocess;
use crate::ports::fetch::FetchError;

/// Environment variables that the program inherits, because they locate its parts. It inherits no others.
const INHERITED_VARIABLES: [&str; 5] =
    ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "TESSDATA_PREFIX"];
/// Maximum number of bytes read from its standard error.
const MAX_STDERR_BYTES: u64 = 4_096;
/// Maximum number of characters of its standard error in an error message.
const MAX_QUOTE_CHARS: usize = 200;

/// Limits of one run.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunLimits {
    pub(super) deadline: Instant,
    /// Address space in bytes.
    pub(super) memory_bytes: u64,
    /// Bytes of standard output.
    pub(super) output_bytes: u64,
}

/// The installed program.
#[derive(Debug)]
pub(super) struct TesseractCommand(PathBuf);

impl TesseractCommand {
    /// Finds the program: a bare name on the `PATH`, anything else as a path.
    pub(super) fn find(name: &Path) -> Result<Self, FetchError> {
        subprocess::find_executable(name).map(Self).ok_or_else(|| {
            unavailable(format!(
                "the program {} is not installed: install it (on Debian: apt-get install tesseract-ocr)",
                name.display()
            ))
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the first line of `--version`.
    pub(super) async fn version(&self, limits: RunLimits) -> Result<String, FetchError> {
        let output = self.run(&["--version"], &[], limits).await?;
        let output = String::from_utf8_lossy(&output);
        Ok(output.lines().next().unwrap_or_default().trim().to_owned())
    }

    /// Returns the installed languages.
    pub(super) async fn languages(&self, limits: RunLimits) -> Result<Languages, FetchError> {
        let output = self.run(&["--list-langs"], &[], limits).await?;
        Ok(Languages::parse(&String::from_utf8_lossy(&output)))
    }

    /// Runs the program on `input`, given in parts, and returns its standard output.
    ///
    /// Dropping the future kills the process; the runtime reaps it.
    pub(super) async fn run(
        &self,
        arguments: &[&str],
        input: &[&[u8]],
        limits: RunLimits,
    ) -> Result<Vec<u8>, FetchError> {
        let mut command = limited(&self.0, limits);
        command
            .args(arguments)
            .env_clear()
            .envs(subprocess::inherited_environment(&INHERITED_VARIABLES))
            // Several threads for one image are slower as soon as there is more than one image.
            .env("OMP_THREAD_LIMIT", "1")
            .env("LC_ALL", "C.UTF-8")
            // A signal for this process's group, such as that of Ctrl-C, must not end the reading.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| {
            internal(format!("the program {} cannot be started", self.0.display()))
                .with_source(error)
        })?;
        let result = timeout_at(limits.deadline, exchange(&mut child, input, limits)).await;
        let result = result.unwrap_or_else(|_| Err(timed_out()));
        if result.is_err() {
            kill(&mut child).await;
        }
        result
    }
}

/// Builds the command of a shell that sets limits and then becomes the program, so that the child's id is the
/// program's. Existing lower hard limits stay.
///
/// The limit of CPU time enforces the deadline if this process is killed.
fn limited(program: &Path, limits: RunLimits) -> Command {
    // Complaints of the shell about limits that it cannot set are dropped: they do not concern the image.
    const SCRIPT: &str = "exec 3>&2 2>/dev/null; ulimit -c 0; ulimit -f 0; ulimit -v \"$1\"; \
        ulimit -t \"$2\"; shift 2; exec \"$@\" 2>&3 3>&-";
    let seconds = limits.deadline.saturating_duration_since(Instant::now()).as_secs() + 1;
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", SCRIPT, "sh"])
        .arg((limits.memory_bytes / 1_024).to_string())
        .arg(seconds.to_string())
        .arg(program);
    command
}

async fn exchange(
    child: &mut Child,
    input: &[&[u8]],
    limits: RunLimits,
) -> Result<Vec<u8>, FetchError> {
    let no_pipes = || internal("the program was started without its pipes");
    let mut stdin = child.stdin.take().ok_or_else(no_pipes)?;
    let stdout = child.stdout.take().ok_or_else(no_pipes)?;
    let mut stderr = child.stderr.take().ok_or_else(no_pipes)?;
    let (mut output, mut complaint) = (Vec::new(), Vec::new());
    let write_input = async {
        for part in input {
            // A program that ends early reports the reason by its status.
            if stdin.write_all(part).await.is_err() {
                break;
            }
        }
        drop(stdin);
    };
    let read_output = async {
        // The pipe is closed once the limit is exceeded, so that the program does not block on it.
        let mut stdout = stdout.take(limits.output_bytes + 1);
        stdout.read_to_end(&mut output).await.map(|_| ())
    };
    let read_complaint = async {
        (&mut stderr).take(MAX_STDERR_BYTES).read_to_end(&mut complaint).await?;
        // The rest is read and dropped, so that the program does not block on a full pipe.
        tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await.map(|_| ())
    };
    let ((), output_read, complaint_read) = tokio::join!(write_input, read_output, read_complaint);
    let status = child.wait().await;
    let status = output_read
        .and(complaint_read)
        .and(status)
        .map_err(|error| internal("the program's pipes cannot be read").with_source(error))?;
    if output.len() as u64 > limits.output_bytes {
        let limit = limits.output_bytes;
        return Err(too_large(format!(
            "tesseract printed more than {limit} bytes: raise `max_output_bytes`"
        )));
    }
    if status.success() {
        return Ok(output);
    }
    if subprocess::was_interrupted(status) {
        return Err(interrupted(format!("tesseract was ended from outside ({status})")));
    }
    let reason = quote(&String::from_utf8_lossy(&complaint));
    // A shell's statuses for a program that it cannot start.
    if matches!(status.code(), Some(126 | 127)) {
        return Err(unavailable(format!("tesseract cannot be started: {reason}")));
    }
    let memory = limits.memory_bytes >> 20;
    Err(damaged(format!("tesseract failed: {reason} ({status}, with {memory} MiB of memory)")))
}

/// Returns the first informative line of standard error, cut to its limit.
fn quote(complaint: &str) -> String {
    let mut lines = complaint
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("Estimating resolution"));
    lines.next().unwrap_or("it printed no reason").chars().take(MAX_QUOTE_CHARS).collect()
}

/// Kills the child and reaps it.
async fn kill(child: &mut Child) {
    if let Err(error) = child.kill().await {
        tracing::warn!(%error, "a process of tesseract could not be killed");
    }
}
