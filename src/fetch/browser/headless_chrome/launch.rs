//! Launches a browser that listens on a port, for one page.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::ChildStdin;
use tokio::sync::watch;

use super::super::chromium::arguments;
use super::super::error::{not_started, unavailable};
use super::super::gateway::Gateway;
use super::super::pool::LaunchOptions;
use super::super::process::{BrowserProcess, command, drain_stderr};
use super::super::profile_dir::ProfileDir;
use crate::ports::fetch::FetchError;

/// Shell script that leads the browser's process group. A browser that listens on a port does not end with this
/// process by itself, so the shell keeps running. It kills the group when the browser ends, and when its standard
/// input is closed, which happens when this process ends.
const SUPERVISE: &str = "ulimit -c 0; { \"$@\" </dev/null >/dev/null; kill -KILL 0; } & read -r end; \
     kill -KILL 0";
/// Text before the address in the browser's standard error.
const LISTENING: &str = "DevTools listening on ";
/// Maximum number of bytes of standard error before that line.
const MAX_PREAMBLE_BYTES: usize = 64 << 10;

/// A launched browser. Dropping it kills all its processes.
pub(super) struct LaunchedBrowser {
    process: BrowserProcess,
    /// The shell's standard input, whose end kills the browser.
    _stdin: ChildStdin,
    /// Counts one tab while this lives, for the memory check.
    _tabs: watch::Sender<usize>,
}

impl LaunchedBrowser {
    /// Returns `true` if a renderer was killed for its memory since the last call.
    pub(super) fn take_memory_exceeded(&self) -> bool {
        self.process.take_memory_exceeded()
    }
}

/// Launches `program` with `gateway` as its only route to the network. Returns the URL on which it listens.
pub(super) async fn launch(
    program: &Path,
    options: &LaunchOptions,
    gateway: &Gateway,
) -> Result<(LaunchedBrowser, String), FetchError> {
    let profile = ProfileDir::create().map_err(not_started)?;
    let mut arguments = arguments(profile.path(), options.sandbox);
    arguments.retain(|argument| {
        argument != "--remote-debugging-pipe" && !argument.starts_with("--proxy-server=")
    });
    arguments.push("--remote-debugging-port=0".to_owned());
    arguments.push(format!("--proxy-server={}", gateway.url()));
    let mut command = command(SUPERVISE, program, &profile, &arguments);
    let mut child = command.stdout(Stdio::null()).spawn().map_err(not_started)?;
    let (Some(stdin), Some(stderr)) = (child.stdin.take(), child.stderr.take()) else {
        return Err(unavailable("the browser was started without its pipes"));
    };
    let (tabs, tab_count) = watch::channel(1);
    let max_memory_bytes = options.limits.max_memory_bytes;
    let process = BrowserProcess::supervise(child, profile, max_memory_bytes, tab_count)?;
    let launched = LaunchedBrowser { process, _stdin: stdin, _tabs: tabs };
    let mut stderr = BufReader::new(stderr);
    let (mut line, mut total) = (String::new(), 0);
    loop {
        line.clear();
        let bytes = stderr.read_line(&mut line).await.map_err(not_started)?;
        total += bytes;
        if let Some(url) = line.trim().strip_prefix(LISTENING) {
            tokio::spawn(drain_stderr(stderr));
            return Ok((launched, url.to_owned()));
        }
        if bytes == 0 || total > MAX_PREAMBLE_BYTES {
            let program = program.display();
            return Err(unavailable(format!("{program} did not start: it printed no port")));
        }
    }
}
