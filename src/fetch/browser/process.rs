//! One browser as a process: started on two pipes, watched, and gone when it is dropped.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error::{unavailable, unstarted};
use super::profile::{Profile, contains, processes};
use super::program::{Sandbox, arguments};
use super::wire::Wire;
use crate::fetch::program;
use crate::ports::fetch::FetchError;

/// What of the environment the browser sees: where its parts are, and nothing of the host's.
const KEPT: [&str; 7] =
    ["PATH", "LANG", "LC_ALL", "TZ", "FONTCONFIG_PATH", "FONTCONFIG_FILE", "LD_LIBRARY_PATH"];
/// The last bytes of its complaints, for when it does not start.
const MAX_COMPLAINT: usize = 8_192;
/// How often the memory of its processes is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// A browser that runs. Dropping it ends it, with all its processes.
pub(super) struct Process {
    group: Pid,
    ended: CancellationToken,
    /// Whether one of its processes was ended for its memory.
    overfed: Arc<AtomicBool>,
}

impl Process {
    /// Starts `program`. The wire ends with the process, and the process with the wire. Its memory
    /// is watched while it has `pages`.
    pub(super) fn start(
        program: &Path,
        sandbox: Sandbox,
        memory: u64,
        pages: watch::Receiver<usize>,
    ) -> Result<(Self, Wire), FetchError> {
        let profile = Profile::make().map_err(unstarted)?;
        let arguments = arguments(profile.path(), sandbox);
        let mut child = command(MOVE, program, &profile, &arguments).spawn().map_err(unstarted)?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(unavailable("the browser was started without its pipes"));
        };
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(mind(stderr));
        }
        let process = Self::kept(child, profile, memory, pages)?;
        let wire = Wire::start(stdin, stdout, process.ended.clone());
        Ok((process, wire))
    }

    /// A child that leads a group of its own, from here on watched.
    pub(super) fn kept(
        child: Child,
        profile: Profile,
        memory: u64,
        pages: watch::Receiver<usize>,
    ) -> Result<Self, FetchError> {
        let group = child.id().and_then(|it| i32::try_from(it).ok()).and_then(Pid::from_raw);
        let group = group.ok_or_else(|| unavailable("the browser ended at once"))?;
        let (ended, overfed) = (CancellationToken::new(), Arc::new(AtomicBool::new(false)));
        tokio::spawn(keep(child, group, profile, ended.clone()));
        tokio::spawn(mind_memory(group, memory, pages, Arc::clone(&overfed), ended.clone()));
        Ok(Self { group, ended, overfed })
    }

    /// Ends it. Its files go when its last process has.
    pub(super) fn end(&self) {
        if !self.ended.is_cancelled() {
            // Before anyone has waited for the leader, the group's id is nobody else's.
            let _ = kill_process_group(self.group, Signal::KILL);
            self.ended.cancel();
        }
    }

    /// Whether a process was ended for its memory since this was last asked.
    pub(super) fn was_overfed(&self) -> bool {
        self.overfed.swap(false, Ordering::SeqCst)
    }

    /// The id of its first process.
    pub(super) fn id(&self) -> u32 {
        u32::try_from(self.group.as_raw_nonzero().get()).unwrap_or(0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("id", &self.id()).finish_non_exhaustive()
    }
}

/// Moves the pipes to where the browser looks for them and then becomes it, so that the child's id is
/// the browser's.
const MOVE: &str = "exec 3<&0 4>&1 </dev/null >/dev/null; ulimit -c 0; exec \"$@\"";

/// The browser below a shell that does `script`.
pub(super) fn command(
    script: &str,
    program: &Path,
    profile: &Profile,
    arguments: &[String],
) -> Command {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", script, "sh"])
        .arg(program)
        .args(arguments)
        .env_clear()
        .envs(program::environment(&KEPT))
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

/// Waits for its end, however it comes, and takes away what it leaves.
async fn keep(mut child: Child, group: Pid, profile: Profile, ended: CancellationToken) {
    tokio::select! {
        _ = child.wait() => {}
        () = ended.cancelled() => {
            let _ = kill_process_group(group, Signal::KILL);
            let _ = child.wait().await;
        }
    }
    ended.cancel();
    // Removing files waits for the disk.
    drop(tokio::task::spawn_blocking(move || drop(profile)).await);
}

/// Takes what it complains of, so that it never waits for a reader; the last of it goes to the log.
pub(super) async fn mind(mut stderr: impl AsyncRead + Unpin) {
    let mut last = Vec::new();
    let mut chunk = [0; 4_096];
    while let Ok(count @ 1..) = stderr.read(&mut chunk).await {
        last.extend_from_slice(&chunk[..count]);
        if last.len() > MAX_COMPLAINT {
            last.drain(..last.len() - MAX_COMPLAINT);
        }
        let said = String::from_utf8_lossy(&chunk[..count]);
        if said.contains("No usable sandbox") {
            tracing::error!(
                "Chromium finds no sandbox: allow unprivileged user namespaces, or take \
                 `Sandbox::Off` in a container that is itself one"
            );
        }
    }
    tracing::debug!(said = %String::from_utf8_lossy(&last), "a browser ended");
}

/// Ends each of its page processes that takes more than `memory`, while it has pages.
async fn mind_memory(
    group: Pid,
    memory: u64,
    mut pages: watch::Receiver<usize>,
    overfed: Arc<AtomicBool>,
    ended: CancellationToken,
) {
    loop {
        let due = async {
            let has_pages = pages.wait_for(|it| *it > 0).await.is_ok();
            tokio::time::sleep(LOOK).await;
            has_pages
        };
        tokio::select! {
            () = ended.cancelled() => return,
            has_pages = due => if !has_pages { return },
        }
        let look = tokio::task::spawn_blocking(move || end_the_overfed(group, memory));
        if look.await.unwrap_or(false) {
            overfed.store(true, Ordering::SeqCst);
        }
    }
}

fn end_the_overfed(group: Pid, memory: u64) -> bool {
    let mut any = false;
    for process in processes().filter(|it| group_of(*it) == Some(group)) {
        let is_page = fs::read(format!("/proc/{process}/cmdline"))
            .is_ok_and(|it| contains(&it, b"--type=renderer"));
        if is_page
            && resident(process).is_some_and(|it| it > memory)
            && let Some(pid) = Pid::from_raw(process)
        {
            tracing::warn!(process, "a page took more memory than it may, and was ended");
            any |= kill_process(pid, Signal::KILL).is_ok();
        }
    }
    any
}

fn group_of(process: i32) -> Option<Pid> {
    group_in(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

fn group_in(stat: &str) -> Option<Pid> {
    // State, parent, group: behind the name, which may hold anything.
    let group = stat.rsplit_once(')')?.1.split_whitespace().nth(2)?.parse().ok()?;
    // A process that is going has -1 for its group.
    Some(group).filter(|it| *it > 0).and_then(Pid::from_raw)
}

/// Bytes of memory that a process has to itself or shares.
fn resident(process: i32) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
    let mut pages = statm.split_whitespace().map(str::parse::<u64>);
    let (_, resident, shared) = (pages.next()?, pages.next()?.ok()?, pages.next()?.ok()?);
    Some(resident.saturating_sub(shared) * u64::try_from(rustix::param::page_size()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_going_is_of_no_group() {
        assert_eq!(group_in("7 (a) b) S 1 42 42 0"), Pid::from_raw(42));
        for going in ["7 (a) X 0 -1 -1 0", "7 (a) X 0 0 0 0", "7 (a) X", ""] {
            assert_eq!(group_in(going), None, "{going}");
        }
    }
}
