//! Finds Chromium and builds its command line.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::error::{not_started, unavailable};
use crate::fetch::subprocess;
use crate::ports::fetch::FetchError;

/// Names of Chromium and browsers built on it, in order of preference.
const NAMES: [&str; 6] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "chrome-headless-shell",
];

/// Time that `--version` may take. A cold start from a slow disk takes a few seconds.
const VERSION_TIMEOUT: Duration = Duration::from_secs(10);

/// Arguments of every browser.
///
/// The browser shows no window, keeps no data, makes no requests of its own, lets pages open no windows, and
/// runs background pages at full speed.
const FLAGS: &[&str] = &[
    "--headless",
    "--remote-debugging-pipe",
    "--no-startup-window",
    "--no-first-run",
    "--no-default-browser-check",
    "--block-new-web-contents",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-breakpad",
    "--disable-client-side-phishing-detection",
    "--disable-component-update",
    "--disable-crash-reporter",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-ipc-flooding-protection",
    "--disable-notifications",
    "--disable-prompt-on-repost",
    "--disable-renderer-backgrounding",
    "--disable-search-engine-choice-screen",
    "--disable-sync",
    "--hide-scrollbars",
    "--metrics-recording-only",
    "--mute-audio",
    "--no-pings",
    "--password-store=basic",
    "--use-mock-keychain",
    "--window-size=1280,800",
    // Frames of other sites stay in the page's process, so that one session receives all events.
    "--disable-site-isolation-trials",
    "--disable-features=IsolateOrigins,site-per-process,Translate,MediaRouter,OptimizationHints,\
     AutofillServerCommunication,InterestFeedContentSuggestions,HttpsUpgrades",
    // Nothing may bypass the proxy: no QUIC or WebRTC datagrams, no DNS queries, no loopback.
    "--disable-quic",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--proxy-bypass-list=<-loopback>",
    // Outside the contexts of jobs nothing can be reached: nothing listens on the discard port.
    "--proxy-server=http://127.0.0.1:9",
    // A script that allocates without end crashes its renderer before it exhausts memory.
    "--js-flags=--max-old-space-size=512",
];

/// Use of Chromium's own sandbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sandbox {
    /// Used, except as root, for whom Chromium has no sandbox. A warning is logged then.
    #[default]
    Auto,
    /// Used always. As root the browser does not start.
    Required,
    /// Not used. Only for containers that are themselves a sandbox.
    Off,
}

impl Sandbox {
    /// Returns `true` if the browser is started without its sandbox.
    pub(super) fn is_off(self) -> bool {
        match self {
            Self::Auto => rustix::process::geteuid().is_root(),
            Self::Required => false,
            Self::Off => true,
        }
    }
}

/// Finds a browser: the given program, or the first of the known names on the `PATH`.
pub(super) fn find(program: Option<&Path>) -> Result<PathBuf, FetchError> {
    let found = match program {
        Some(name) => subprocess::find_executable(name),
        None => NAMES.iter().find_map(|name| subprocess::find_executable(Path::new(name))),
    };
    found.ok_or_else(|| {
        let name = program.map_or_else(|| "Chromium".to_owned(), |name| name.display().to_string());
        unavailable(format!(
            "{name} is not installed: install it (on Debian: apt-get install chromium)"
        ))
    })
}

/// Runs a browser with `--version` and returns the first line of its output.
pub(super) async fn version(program: &Path) -> Result<String, FetchError> {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = timeout(VERSION_TIMEOUT, command.output()).await;
    let output =
        output.map_err(|_| unavailable("the browser did not print its version within 10 s"))?;
    let stdout = output.map_err(not_started)?.stdout;
    Ok(String::from_utf8_lossy(&stdout).lines().next().unwrap_or_default().trim().to_owned())
}

/// Builds the arguments of a browser that keeps its files in `profile`.
pub(super) fn arguments(profile: &Path, sandbox: Sandbox) -> Vec<String> {
    let mut arguments: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
    arguments.push(format!("--user-data-dir={}", profile.display()));
    if sandbox.is_off() {
        arguments.push("--no-sandbox".to_owned());
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::fetch::FetchErrorKind;

    #[test]
    fn a_missing_browser_is_reported_with_its_package() {
        for name in ["no-such-browser", "/no/such/browser", "./no/such"] {
            let error = find(Some(Path::new(name))).expect_err("it does not exist");

            assert_eq!(error.kind(), FetchErrorKind::Unavailable);
            assert!(error.to_string().contains("apt-get install chromium"), "{error}");
        }
    }

    #[test]
    fn the_sandbox_is_off_only_for_root_or_on_request() {
        let off =
            |sandbox| arguments(Path::new("/p"), sandbox).contains(&"--no-sandbox".to_owned());

        assert!(off(Sandbox::Off));
        assert!(!off(Sandbox::Required));
        assert_eq!(off(Sandbox::Auto), rustix::process::geteuid().is_root());
    }
}
