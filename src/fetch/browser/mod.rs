//! Tier 4: pages rendered in Chromium.
//!
//! Chromium runs as a child process and speaks the `DevTools` protocol over two pipes. Each page gets a
//! browser context of its own, so it shares no cookies or storage with other pages. The only route out of
//! the browser is a proxy on the loopback interface (`gateway`) that checks each address with the guard.
//!
//! # Invariants
//!
//! * Every attempt ends by its deadline. A page that takes too long, loads too much or uses too much memory
//!   fails with an error that names the limit.
//! * A browser that hangs or dies is replaced; its pages are rendered again in another browser.
//! * No browser outlives this process: the pipe closes with the process, even after a crash, and the browser exits.
//!
//! # Platforms
//!
//! The feature needs Unix, for process groups and inherited pipes. Two parts work on Linux only, because
//! they read `/proc`: the memory limit of renderer processes, and killing browsers left behind by a crashed
//! process.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::core::id::AccountId;
use crate::net::NetPolicy;
use crate::ports::BoxFuture;
use crate::ports::fetch::{BrowserFetcher, FetchError, FetchRequest, Rendered};

mod actions;
mod attempt;
mod capture;
mod chromium;
mod connection;
mod cookies;
mod error;
mod gateway;
#[cfg(feature = "headless_chrome")]
mod headless_chrome;
mod intercept;
mod isolated_page;
mod keys;
mod limits;
mod page_listener;
mod page_state;
mod pool;
mod process;
mod profile_dir;
mod render;
mod settle;
mod tab;

pub use chromium::Sandbox;
#[cfg(feature = "headless_chrome")]
pub use headless_chrome::HeadlessChrome;
pub use limits::ChromeLimits;

use gateway::Gateways;
use pool::{BrowserPool, LaunchOptions};

/// Renders pages in Chromium, Chrome or another browser built on Chromium.
///
/// The program is looked up when the first page is rendered; if it is missing, the error names the package
/// to install. Clones share the browsers, which end when the last clone is dropped or [`Chrome::close`] is
/// called.
///
/// # Example
///
/// ```
/// use rungs::fetch::Chrome;
/// use rungs::fetch::browser::ChromeLimits;
/// use rungs::net::NetPolicy;
///
/// let network = NetPolicy::new().allow_network("127.0.0.0/8")?;
/// let limits = ChromeLimits::default().with_max_tabs(4);
/// let chrome = Chrome::new().network(network).limits(limits);
/// # Ok::<(), rungs::net::ParseNetworkError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Chrome {
    network: NetPolicy,
    launch: LaunchOptions,
    inner: Arc<OnceLock<Inner>>,
}

/// The state shared by clones, built from the settings when the first page is rendered.
#[derive(Debug)]
struct Inner {
    network: NetPolicy,
    limits: ChromeLimits,
    gateways: Gateways,
    pool: Arc<BrowserPool>,
}

/// The installed browser, as reported by [`Chrome::installed`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstalledChromium {
    /// Path of the program.
    pub program: PathBuf,
    /// Output of `--version`, such as `Chromium 156.0.8078.79`.
    pub version: String,
    /// `false` if the browser would run without its sandbox: with [`Sandbox::Off`], or as root.
    pub is_sandboxed: bool,
}

impl Chrome {
    /// Creates a fetcher that uses the first known browser on the `PATH`, with private networks closed and no
    /// proxies.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a fetcher that uses the given program. A bare name is looked up on the `PATH`.
    pub fn at(program: impl Into<PathBuf>) -> Self {
        let launch = LaunchOptions { program: Some(program.into()), ..LaunchOptions::default() };
        Self { launch, ..Self::default() }
    }

    /// Sets the network policy: allowed networks, name resolution and proxies. Its extra root certificates are not
    /// used: the browser has its own.
    pub fn network(mut self, policy: NetPolicy) -> Self {
        self.network = policy;
        self.with_fresh_browsers()
    }

    /// Replaces the limits. Defaults to [`ChromeLimits::default`].
    pub fn limits(mut self, limits: ChromeLimits) -> Self {
        self.launch.limits = limits;
        self.with_fresh_browsers()
    }

    /// Selects how Chromium's sandbox is used. Defaults to [`Sandbox::Auto`].
    pub fn sandbox(mut self, sandbox: Sandbox) -> Self {
        self.launch.sandbox = sandbox;
        self.with_fresh_browsers()
    }

    /// Kills all browsers. Pages being rendered fail, and later ones fail as unavailable.
    pub fn close(&self) {
        if let Some(inner) = self.inner.get() {
            inner.pool.close();
        }
    }

    /// Returns the process ids of the running browsers, for monitoring.
    pub fn process_ids(&self) -> Vec<u32> {
        self.inner.get().map_or_else(Vec::new, |inner| inner.pool.process_ids())
    }

    /// Returns the path of the browser without starting it.
    ///
    /// # Errors
    ///
    /// Returns an error of kind `Unavailable` that names the package to install.
    pub fn find(&self) -> Result<PathBuf, FetchError> {
        chromium::find(self.launch.program.as_deref())
    }

    /// Runs the browser with `--version` and returns what is installed.
    ///
    /// # Errors
    ///
    /// Returns an error of kind `Unavailable` that names the package to install.
    pub async fn installed(&self) -> Result<InstalledChromium, FetchError> {
        let program = self.find()?;
        let version = chromium::version(&program).await?;
        Ok(InstalledChromium { program, version, is_sandboxed: !self.launch.sandbox.is_off() })
    }

    /// Detaches from browsers that were started with the previous settings.
    fn with_fresh_browsers(mut self) -> Self {
        self.inner = Arc::default();
        self
    }

    fn inner(&self) -> &Inner {
        self.inner.get_or_init(|| Inner {
            network: self.network.clone(),
            limits: self.launch.limits.clone(),
            gateways: Gateways::default(),
            pool: Arc::new(BrowserPool::new(self.launch.clone())),
        })
    }
}

impl BrowserFetcher for Chrome {
    fn render(&self, request: FetchRequest) -> BoxFuture<'_, Result<Rendered, FetchError>> {
        Box::pin(async move { attempt::run(self.inner(), &request).await })
    }

    fn max_pages(&self) -> Option<usize> {
        Some(self.launch.limits.max_tabs.max(1))
    }

    fn has_own_proxy(&self, account: &AccountId, id: Option<&str>) -> bool {
        self.network.has_own_proxy(account, id)
    }
}
