//! A browser on a port, for one page.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::ChildStdin;
use tokio::sync::watch;

use super::super::error::{unavailable, unstarted};
use super::super::gateway::Gateway;
use super::super::process::{Process, command, mind};
use super::super::profile::Profile;
use super::super::program::{Sandbox, arguments};
use crate::ports::fetch::FetchError;

/// A browser that listens on a port does not end with its host by itself. So the shell that leads its
/// group stays: it ends the group when its input does, as when the host dies, and when the browser
/// ends.
const STAY: &str = "ulimit -c 0; { \"$@\" </dev/null >/dev/null; kill -KILL 0; } & read -r end; \
     kill -KILL 0";
/// What it says before its address.
const LISTENS: &str = "DevTools listening on ";
/// The most bytes that it says before that.
const MAX_PREAMBLE: usize = 64 << 10;

/// A browser. Dropping it ends all its processes.
pub(super) struct Launched {
    process: Process,
    /// Its end is the browser's.
    _input: ChildStdin,
    /// Has one page as long as this lives.
    _page: watch::Sender<usize>,
}

impl Launched {
    /// Whether a page of it was ended for its memory.
    pub(super) fn was_overfed(&self) -> bool {
        self.process.was_overfed()
    }
}

/// Starts `program` with `gateway` as its only way out, and says where it listens.
pub(super) async fn launch(
    program: &Path,
    sandbox: Sandbox,
    memory: u64,
    gateway: &Gateway,
) -> Result<(Launched, String), FetchError> {
    let profile = Profile::make().map_err(unstarted)?;
    let mut arguments = arguments(profile.path(), sandbox);
    arguments.retain(|it| it != "--remote-debugging-pipe" && !it.starts_with("--proxy-server="));
    arguments.push("--remote-debugging-port=0".to_owned());
    arguments.push(format!("--proxy-server={}", gateway.url()));
    let mut command = command(STAY, program, &profile, &arguments);
    let mut child = command.stdout(Stdio::null()).spawn().map_err(unstarted)?;
    let (Some(input), Some(stderr)) = (child.stdin.take(), child.stderr.take()) else {
        return Err(unavailable("the browser was started without its pipes"));
    };
    let (page, pages) = watch::channel(1);
    let process = Process::kept(child, profile, memory, pages)?;
    let launched = Launched { process, _input: input, _page: page };
    let mut stderr = BufReader::new(stderr);
    let (mut line, mut said) = (String::new(), 0);
    loop {
        line.clear();
        let read = stderr.read_line(&mut line).await.map_err(unstarted)?;
        said += read;
        if let Some(url) = line.trim().strip_prefix(LISTENS) {
            tokio::spawn(mind(stderr));
            return Ok((launched, url.to_owned()));
        }
        if read == 0 || said > MAX_PREAMBLE {
            let program = program.display();
            return Err(unavailable(format!("{program} did not start: it names no port")));
        }
    }
}
