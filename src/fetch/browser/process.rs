//! One browser process: started on two pipes, watched, and killed with its whole group when dropped.

use std::fmt;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::chromium::{Sandbox, arguments};
use super::connection::Connection;
use super::error::{not_started, unavailable};
use super::profile_dir::ProfileDir;
use crate::fetch::subprocess;
use crate::ports::fetch::FetchError;

#[cfg_attr(target_os = "linux", path = "process/procfs.rs")]
#[cfg_attr(not(target_os = "linux"), path = "process/no_procfs.rs")]
pub(super) mod procfs;

/// Environment variables that the browser inherits, because they locate its parts. It inherits no others.
const INHERITED_VARIABLES: [&str; 7] =
    ["PATH", "LANG", "LC_ALL", "TZ", "FONTCONFIG_PATH", "FONTCONFIG_FILE", "LD_LIBRARY_PATH"];
/// Maximum number of bytes kept from the end of its standard error, for the log.
const MAX_STDERR_BYTES: usize = 8_192;
/// Interval of the memory check.
const MEMORY_CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// A running browser. Dropping it kills all its processes.
pub(super) struct BrowserProcess {
    group: Pid,
    ended: CancellationToken,
    /// A renderer was killed for its memory.
    memory_exceeded: Arc<AtomicBool>,
}

impl BrowserProcess {
    /// Starts `program`. The connection ends with the process, and the process with the connection. Its
    /// memory is checked while `tabs` is above zero.
    pub(super) fn start(
        program: &Path,
        sandbox: Sandbox,
        max_memory_bytes: u64,
        tabs: watch::Receiver<usize>,
    ) -> Result<(Self, Connection), FetchError> {
        let profile = ProfileDir::create().map_err(not_started)?;
        let arguments = arguments(profile.path(), sandbox);
        let mut child =
            command(MOVE_PIPES, program, &profile, &arguments).spawn().map_err(not_started)?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(unavailable("the browser was started without its pipes"));
        };
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(drain_stderr(stderr));
        }
        let process = Self::supervise(child, profile, max_memory_bytes, tabs)?;
        let connection = Connection::start(stdin, stdout, process.ended.clone());
        Ok((process, connection))
    }

    /// Takes over a child that leads a process group of its own.
    pub(super) fn supervise(
        child: Child,
        profile: ProfileDir,
        max_memory_bytes: u64,
        tabs: watch::Receiver<usize>,
    ) -> Result<Self, FetchError> {
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let group = group.ok_or_else(|| {
            unavailable("the browser ended at once: run it with --version to see why")
        })?;
        let ended = CancellationToken::new();
        let memory_exceeded = Arc::new(AtomicBool::new(false));
        tokio::spawn(reap(child, group, profile, ended.clone()));
        let check = check_memory(group, max_memory_bytes, tabs, Arc::clone(&memory_exceeded));
        let check_ended = ended.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = check_ended.cancelled() => {}
                () = check => {}
            }
        });
        Ok(Self { group, ended, memory_exceeded })
    }

    /// Kills all processes. The profile directory is removed once they have ended.
    pub(super) fn kill(&self) {
        if !self.ended.is_cancelled() {
            // The leader has not been reaped yet, so no other group can have its id.
            let _ = kill_process_group(self.group, Signal::KILL);
            self.ended.cancel();
        }
    }

    /// Returns `true` if a renderer was killed for its memory since the last call.
    pub(super) fn take_memory_exceeded(&self) -> bool {
        self.memory_exceeded.swap(false, Ordering::SeqCst)
    }

    /// The id of the group's leader.
    pub(super) fn id(&self) -> u32 {
        u32::try_from(self.group.as_raw_nonzero().get()).unwrap_or(0)
    }
}

impl Drop for BrowserProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

impl fmt::Debug for BrowserProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrowserProcess").field("id", &self.id()).finish_non_exhaustive()
    }
}

/// Shell script that moves the pipes to descriptors 3 and 4, where the browser expects them, and then becomes
/// the browser, so that the child's id is the browser's.
const MOVE_PIPES: &str = "exec 3<&0 4>&1 </dev/null >/dev/null; ulimit -c 0; exec \"$@\"";

/// Builds the command of a shell that runs `script` with the browser's command line as its arguments.
pub(super) fn command(
    script: &str,
    program: &Path,
    profile: &ProfileDir,
    arguments: &[String],
) -> Command {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", script, "sh"])
        .arg(program)
        .args(arguments)
        .env_clear()
        .envs(subprocess::inherited_environment(&INHERITED_VARIABLES))
        .env("HOME", profile.path())
        .env("TMPDIR", profile.path())
        .env("XDG_CONFIG_HOME", profile.path())
        .env("XDG_CACHE_HOME", profile.path())
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Waits for the browser to end, kills what is left of its group and removes its profile directory.
async fn reap(mut child: Child, group: Pid, profile: ProfileDir, ended: CancellationToken) {
    tokio::select! {
        _ = child.wait() => {}
        () = ended.cancelled() => {
            let _ = kill_process_group(group, Signal::KILL);
            let _ = child.wait().await;
        }
    }
    ended.cancel();
    // Removing files blocks on the disk.
    drop(tokio::task::spawn_blocking(move || drop(profile)).await);
}

/// Reads standard error, so that the browser never blocks on a full pipe, and logs the end of it.
pub(super) async fn drain_stderr(mut stderr: impl AsyncRead + Unpin) {
    let mut tail = Vec::new();
    let mut chunk = [0; 4_096];
    while let Ok(count @ 1..) = stderr.read(&mut chunk).await {
        tail.extend_from_slice(&chunk[..count]);
        if tail.len() > MAX_STDERR_BYTES {
            tail.drain(..tail.len() - MAX_STDERR_BYTES);
        }
        if String::from_utf8_lossy(&chunk[..count]).contains("No usable sandbox") {
            tracing::error!(
                "Chromium found no usable sandbox: allow unprivileged user namespaces, or use \
                 `Sandbox::Off` in a container that is itself a sandbox"
            );
        }
    }
    tracing::debug!(stderr = %String::from_utf8_lossy(&tail), "a browser ended");
}

/// Logs a warning where the memory limit is not enforced.
pub(super) fn warn_if_memory_is_unlimited() {
    if !procfs::IS_AVAILABLE {
        tracing::warn!(
            "ChromeLimits::max_memory_bytes is not enforced on this system: it needs Linux's /proc"
        );
    }
}

/// Kills each renderer of the group that uses more than `max_memory_bytes`, while there are tabs.
async fn check_memory(
    group: Pid,
    max_memory_bytes: u64,
    mut tabs: watch::Receiver<usize>,
    memory_exceeded: Arc<AtomicBool>,
) {
    while procfs::IS_AVAILABLE {
        if tabs.wait_for(|tabs| *tabs > 0).await.is_err() {
            return;
        }
        tokio::time::sleep(MEMORY_CHECK_INTERVAL).await;
        let check = move || procfs::kill_oversized_renderers(group, max_memory_bytes);
        if tokio::task::spawn_blocking(check).await.unwrap_or(false) {
            memory_exceeded.store(true, Ordering::SeqCst);
        }
    }
}
