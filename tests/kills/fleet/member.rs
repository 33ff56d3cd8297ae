//! One process of the fleet: `rungs serve` as a worker or an API server.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// The library that shifts the clock of a process, if it is installed.
const FAKETIME: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
];

/// Returns the library that shifts clocks.
pub(crate) fn faketime() -> Option<&'static str> {
    FAKETIME.into_iter().find(|it| Path::new(it).exists())
}

/// A running process. It is killed when this is dropped.
pub(crate) struct Member {
    child: Child,
    log: PathBuf,
    pub(crate) address: SocketAddr,
}

/// The common parts of all processes of a fleet.
pub(crate) struct Setup {
    pub(crate) store: String,
    pub(crate) config: PathBuf,
    /// The directory of the processes' logs.
    pub(crate) logs: PathBuf,
}

impl Setup {
    /// Starts a process whose clock is off by some seconds.
    pub(crate) fn start(&self, role: &str, number: usize, offset: i32) -> Member {
        let log = self.logs.join(format!("{number}-{role}"));
        let program = std::env::var_os("RUNGS_FLEET_PROGRAM");
        let mut command = Command::new(program.unwrap_or(env!("CARGO_BIN_EXE_rungs").into()));
        command
            .args(["serve", "--role", role, "--listen", "127.0.0.1:0", "--allow-private"])
            .args(["--store", &self.store])
            .arg("--config")
            .arg(&self.config)
            .env_remove("RUNGS_API_KEY")
            .env("RUNGS_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .env("RUNGS_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("a file"));
        if let (Some(library), true) = (faketime(), offset != 0) {
            command.env("LD_PRELOAD", library).env("FAKETIME", format!("{offset:+}s"));
            command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        let mut child = command.spawn().expect("the program starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("it prints its address");
        let address = line.trim().strip_prefix("listening on http://");
        let address = address.unwrap_or_else(|| panic!("no address: {}", read(&log)));
        Member { child, address: address.parse().expect("an address"), log }
    }
}

impl Member {
    /// Sends the process a signal, such as `-STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status().expect("kill runs");
        assert!(sent.success(), "{name}");
    }

    /// Waits for the end of the process. Panics if one of its threads did.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let status = self.child.wait().expect("it was started");
        let log = read(&self.log);
        assert!(!log.contains("panicked"), "a process panicked:\n{log}");
        status
    }

    /// Kills the process.
    pub(crate) fn kill(mut self) {
        let ended = self.child.try_wait().expect("it was started");
        assert!(ended.is_none(), "it ended by itself, {ended:?}:\n{}", read(&self.log));
        self.child.kill().expect("it runs");
        self.wait();
    }

    /// Asks the process to end, and waits until it has.
    pub(crate) fn end(mut self) {
        self.signal("-TERM");
        let status = self.wait();
        assert!(status.success(), "{status}:\n{}", read(&self.log));
    }

    /// Returns the end of the process's log.
    pub(crate) fn log(&self) -> String {
        read(&self.log)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the last lines of a log.
fn read(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}
