//! Which browser is started, and how.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::error::{unavailable, unstarted};
use crate::fetch::program;
use crate::ports::fetch::FetchError;

/// Names that Chromium and its kin go by, in the order of preference.
const NAMES: [&str; 6] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "chrome-headless-shell",
];

/// What every browser is started with.
///
/// A browser that is driven shows nothing, keeps nothing, calls nobody by itself, opens no window
/// that it was not told to, and treats a page in the background as one in front.
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
    // Frames of other sites stay in the page's process, so that one session sees all of them.
    "--disable-site-isolation-trials",
    "--disable-features=IsolateOrigins,site-per-process,Translate,MediaRouter,OptimizationHints,\
     AutofillServerCommunication,InterestFeedContentSuggestions,HttpsUpgrades",
    // Nothing may go round the proxy: no datagrams of QUIC and WebRTC, no look-ups, no loopback.
    "--disable-quic",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--proxy-bypass-list=<-loopback>",
    // Outside the contexts of jobs there is no way out at all: nobody listens on port 9 there.
    "--proxy-server=http://127.0.0.1:9",
    // A script that allocates without end ends its page early.
    "--js-flags=--max-old-space-size=512",
];

/// Whether Chromium's sandbox is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sandbox {
    /// Yes, but for the user root, for whom Chromium has none: then there is a warning.
    #[default]
    Auto,
    /// Yes; as root the browser does not start.
    Required,
    /// No. For containers that are themselves the sandbox.
    Off,
}

impl Sandbox {
    /// Whether the browser is started without one.
    pub(super) fn is_off(self) -> bool {
        match self {
            Self::Auto => rustix::process::geteuid().is_root(),
            Self::Required => false,
            Self::Off => true,
        }
    }
}

/// Looks for a browser: a bare name on the `PATH`, anything else where it says; without one, the
/// usual names.
pub(super) fn find(asked: Option<&Path>) -> Result<PathBuf, FetchError> {
    let found = match asked {
        Some(name) => program::find(name),
        None => NAMES.iter().find_map(|it| program::find(Path::new(it))),
    };
    found.ok_or_else(|| {
        let what = asked.map_or_else(|| "Chromium".to_owned(), |it| it.display().to_string());
        unavailable(format!("{what} is not installed; on Debian: apt-get install chromium"))
    })
}

/// What a program calls itself.
pub(super) async fn version(program: &Path) -> Result<String, FetchError> {
    /// Enough for a program that only speaks of itself.
    const LOOK: Duration = Duration::from_secs(10);
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let said = timeout(LOOK, command.output()).await;
    let said = said.map_err(|_| unavailable("the browser did not say its version"))?;
    let said = said.map_err(unstarted)?.stdout;
    Ok(String::from_utf8_lossy(&said).lines().next().unwrap_or_default().trim().to_owned())
}

/// The arguments for a browser that keeps its files in `profile`.
pub(super) fn arguments(profile: &Path, sandbox: Sandbox) -> Vec<String> {
    let mut arguments: Vec<String> = FLAGS.iter().map(|it| (*it).to_owned()).collect();
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
    fn what_is_not_there_is_said_with_its_remedy() {
        for it in ["no-such-browser", "/no/such/browser", "./no/such"] {
            let error = find(Some(Path::new(it))).expect_err("nobody made it");

            assert_eq!(error.kind(), FetchErrorKind::Unavailable);
            assert!(error.to_string().contains("apt-get install chromium"), "{error}");
        }
    }

    #[test]
    fn the_sandbox_is_left_out_only_where_it_must_or_may() {
        let off = |it| arguments(Path::new("/p"), it).contains(&"--no-sandbox".to_owned());

        assert!(off(Sandbox::Off));
        assert!(!off(Sandbox::Required));
        assert_eq!(off(Sandbox::Auto), rustix::process::geteuid().is_root());
    }
}
