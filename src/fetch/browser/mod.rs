//! Tier 4: pages in Chromium.
//!
//! Chromium runs as a child process on two pipes. Each page has a context of its own, whose cookies
//! and storage no other page sees, and its only way out is a proxy of ours on the loopback
//! interface that asks the address guard. A page that is too long, too large or too greedy ends
//! with a named error; a browser that hangs or dies is replaced. No browser outlives its host: its
//! pipe ends with the host, however that ends.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::net::NetPolicy;
use crate::ports::BoxFuture;
use crate::ports::fetch::{BrowserFetcher, FetchError, FetchRequest, Rendered};

mod actions;
mod blank;
mod capture;
mod error;
mod gateway;
#[cfg(feature = "headless_chrome")]
mod headless_chrome;
mod intercept;
mod keys;
mod limits;
mod pool;
mod process;
mod profile;
mod program;
mod state;
mod tab;
mod visit;
mod visits;
mod watched;
mod wire;

#[cfg(feature = "headless_chrome")]
pub use headless_chrome::HeadlessChrome;
pub use limits::ChromeLimits;
pub use program::Sandbox;

use gateway::Gateways;
use pool::{Pool, Start};

/// Renders pages in Chromium, or a browser of its kin.
///
/// The program is looked for when the first page is rendered; where it is missing, the error says
/// what to install. Clones share the browsers, which end with the last clone or with
/// [`Chrome::close`].
///
/// # Example
///
/// ```
/// use rungs::fetch::Chrome;
/// use rungs::fetch::browser::ChromeLimits;
/// use rungs::net::NetPolicy;
///
/// let network = NetPolicy::new().allow_network("127.0.0.0/8")?;
/// let limits = ChromeLimits { tabs: 4, ..ChromeLimits::default() };
/// let chrome = Chrome::new().network(network).limits(limits);
/// # Ok::<(), rungs::net::ParseNetworkError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Chrome {
    network: NetPolicy,
    start: Start,
    inner: Arc<OnceLock<Inner>>,
}

/// What is made of the settings when the first page is rendered.
#[derive(Debug)]
struct Inner {
    network: NetPolicy,
    limits: ChromeLimits,
    gateways: Gateways,
    pool: Arc<Pool>,
}

/// What is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// Where the program is.
    pub program: PathBuf,
    /// What it calls itself, such as `Chromium 156.0.8078.79`.
    pub version: String,
    /// Whether it will run without its sandbox.
    pub without_sandbox: bool,
}

impl Chrome {
    /// The first of the usual programs on the `PATH`, with a closed guard and no proxies.
    pub fn new() -> Self {
        Self::default()
    }

    /// The program at a path; a bare name is looked for on the `PATH`.
    pub fn at(program: impl Into<PathBuf>) -> Self {
        let start = Start { program: Some(program.into()), ..Start::default() };
        Self { start, ..Self::default() }
    }

    /// Sets the network policy: allowed networks, name resolution and proxies. Its extra root
    /// certificates are not used: the browser has its own.
    pub fn network(mut self, policy: NetPolicy) -> Self {
        self.network = policy;
        self.rebuilt()
    }

    /// Other limits.
    pub fn limits(mut self, limits: ChromeLimits) -> Self {
        self.start.limits = limits;
        self.rebuilt()
    }

    /// Whether Chromium's sandbox is used.
    pub fn sandbox(mut self, sandbox: Sandbox) -> Self {
        self.start.sandbox = sandbox;
        self.rebuilt()
    }

    /// Ends all browsers. Pages that are being rendered fail, and no more are.
    pub fn close(&self) {
        if let Some(inner) = self.inner.get() {
            inner.pool.close();
        }
    }

    /// The process ids of the browsers that run now, for a host that keeps an eye on them.
    pub fn processes(&self) -> Vec<u32> {
        self.inner.get().map_or_else(Vec::new, |it| it.pool.processes())
    }

    /// Where the program is. Nothing is started.
    ///
    /// # Errors
    ///
    /// One of kind `Unavailable` that says what to install.
    pub fn find(&self) -> Result<PathBuf, FetchError> {
        program::find(self.start.program.as_deref())
    }

    /// Looks what is installed, which runs the program.
    ///
    /// # Errors
    ///
    /// One of kind `Unavailable` that says what to install.
    pub async fn installed(&self) -> Result<Installed, FetchError> {
        let program = self.find()?;
        let version = program::version(&program).await?;
        Ok(Installed { program, version, without_sandbox: self.start.sandbox.is_off() })
    }

    /// Settings do not reach browsers that were started with others.
    fn rebuilt(mut self) -> Self {
        self.inner = Arc::default();
        self
    }

    fn inner(&self) -> &Inner {
        self.inner.get_or_init(|| Inner {
            network: self.network.clone(),
            limits: self.start.limits.clone(),
            gateways: Gateways::default(),
            pool: Arc::new(Pool::new(self.start.clone())),
        })
    }
}

impl BrowserFetcher for Chrome {
    fn render(&self, request: FetchRequest) -> BoxFuture<'_, Result<Rendered, FetchError>> {
        Box::pin(async move { visits::make(self.inner(), &request).await })
    }
}
