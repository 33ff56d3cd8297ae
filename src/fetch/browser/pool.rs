//! The browsers of one fetcher, and permits to open tabs in them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use super::chromium::{self, Sandbox};
use super::connection::Connection;
use super::error::{timed_out, unavailable};
use super::isolated_page::PrewarmedPage;
use super::limits::ChromeLimits;
use super::process::{self, BrowserProcess};
use super::profile_dir;
use crate::ports::fetch::FetchError;

/// Interval of the liveness check.
const LIVENESS_INTERVAL: Duration = Duration::from_secs(2);
/// Maximum number of launches for one browser: a second one if the first process is killed while it starts.
const MAX_LAUNCHES: u32 = 2;

/// Settings with which browsers are launched.
#[derive(Clone, Debug, Default)]
pub(super) struct LaunchOptions {
    pub(super) program: Option<PathBuf>,
    pub(super) sandbox: Sandbox,
    pub(super) limits: ChromeLimits,
}

/// One running browser.
#[derive(Debug)]
pub(super) struct Browser {
    pub(super) connection: Connection,
    pub(super) user_agent: String,
    pub(super) prewarmed: PrewarmedPage,
    process: BrowserProcess,
    /// Number of open tabs. The memory check runs only while there are any.
    tabs: watch::Sender<usize>,
    pages_served: AtomicU32,
    retired: AtomicBool,
}

impl Browser {
    /// Stops giving the browser new pages. It ends when its current pages are done.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::SeqCst);
    }

    /// Returns `true` if the browser gets no new pages.
    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::SeqCst)
    }

    /// Kills the browser.
    fn kill(&self) {
        self.retire();
        self.process.kill();
    }

    /// Returns `true` if a renderer was killed for its memory since the last call.
    pub(super) fn take_memory_exceeded(&self) -> bool {
        self.process.take_memory_exceeded()
    }

    fn process_id(&self) -> u32 {
        self.process.id()
    }

    fn tabs(&self) -> usize {
        *self.tabs.borrow()
    }

    fn is_usable(&self, limits: &ChromeLimits) -> bool {
        !self.is_retired()
            && !self.connection.has_ended()
            && self.pages_served.load(Ordering::SeqCst) < limits.max_pages_per_browser
    }
}

/// The other pages that a page allows in its browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sharing {
    /// As many as the limits allow.
    Shared,
    /// None, neither at the same time nor later.
    Exclusive,
}

/// Permission to open one tab in a browser. Dropping it releases the tab.
#[derive(Debug)]
pub(super) struct TabPermit {
    pub(super) browser: Arc<Browser>,
    pool: Arc<BrowserPool>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for TabPermit {
    fn drop(&mut self) {
        self.browser.tabs.send_modify(|tabs| *tabs -= 1);
        self.pool.kill_unused();
    }
}

/// The browsers of one fetcher.
#[derive(Debug)]
pub(super) struct BrowserPool {
    options: LaunchOptions,
    permits: Arc<Semaphore>,
    browsers: Mutex<Vec<Arc<Browser>>>,
    /// Held while a browser is launched, so that simultaneous pages launch one and not many.
    launching: Arc<tokio::sync::Mutex<()>>,
    is_prepared: AtomicBool,
}

impl BrowserPool {
    pub(super) fn new(options: LaunchOptions) -> Self {
        let tabs = options.limits.max_tabs.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            options,
            permits: Arc::new(Semaphore::new(tabs)),
            browsers: Mutex::default(),
            launching: Arc::default(),
            is_prepared: AtomicBool::new(false),
        }
    }

    /// Waits for a tab in a browser, and launches one if no browser has room.
    pub(super) async fn acquire(
        self: &Arc<Self>,
        sharing: Sharing,
    ) -> Result<TabPermit, FetchError> {
        let closed = |_| unavailable("the browser fetcher is closed");
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(closed)?;
        loop {
            if let Some(browser) = self.take_tab(sharing) {
                return Ok(TabPermit { browser, pool: Arc::clone(self), _permit: permit });
            }
            // A task of its own: if this caller gives up, the next one finds the browser running.
            let pool = Arc::clone(self);
            let launched = tokio::spawn(async move {
                let _guard = Arc::clone(&pool.launching).lock_owned().await;
                if pool.has_room(sharing) { Ok(()) } else { pool.add_browser().await }
            });
            launched.await.map_err(|_| unavailable("launching a browser was aborted"))??;
        }
    }

    /// Kills all browsers and refuses further permits.
    pub(super) fn close(&self) {
        let mut browsers = self.browsers();
        self.permits.close();
        for browser in browsers.drain(..) {
            browser.kill();
        }
    }

    /// Returns the process ids of the running browsers.
    pub(super) fn process_ids(&self) -> Vec<u32> {
        let browsers = self.browsers();
        let running = browsers.iter().filter(|browser| !browser.connection.has_ended());
        running.map(|browser| browser.process_id()).collect()
    }

    fn browsers(&self) -> MutexGuard<'_, Vec<Arc<Browser>>> {
        self.browsers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_room_in(&self, browser: &Browser, sharing: Sharing) -> bool {
        let limits = &self.options.limits;
        let max_tabs = match sharing {
            Sharing::Shared => limits.max_tabs_per_browser.max(1),
            Sharing::Exclusive => 1,
        };
        browser.is_usable(limits) && browser.tabs() < max_tabs
    }

    fn has_room(&self, sharing: Sharing) -> bool {
        self.browsers().iter().any(|browser| self.has_room_in(browser, sharing))
    }

    /// Takes a tab in the browser that has the fewest.
    fn take_tab(&self, sharing: Sharing) -> Option<Arc<Browser>> {
        let browsers = self.browsers();
        let with_room = browsers.iter().filter(|browser| self.has_room_in(browser, sharing));
        let browser = with_room.min_by_key(|browser| browser.tabs())?;
        // Counted under the lock of the list, so that two callers cannot take the same tab.
        browser.tabs.send_modify(|tabs| *tabs += 1);
        browser.pages_served.fetch_add(1, Ordering::SeqCst);
        if sharing == Sharing::Exclusive {
            browser.retire();
        }
        Some(Arc::clone(browser))
    }

    /// Kills browsers that get no new pages and have no tabs.
    fn kill_unused(&self) {
        let limits = &self.options.limits;
        self.browsers().retain(|browser| {
            let is_used = browser.is_usable(limits) || browser.tabs() > 0;
            if !is_used {
                browser.kill();
            }
            is_used
        });
    }

    async fn add_browser(&self) -> Result<(), FetchError> {
        let program = chromium::find(self.options.program.as_deref())?;
        if !self.is_prepared.swap(true, Ordering::SeqCst) {
            drop(tokio::task::spawn_blocking(profile_dir::clean_up).await);
            process::warn_if_memory_is_unlimited();
        }
        let sandbox = self.options.sandbox;
        if sandbox == Sandbox::Auto && sandbox.is_off() {
            tracing::warn!(
                "Chromium runs without its sandbox, because it has none for root: run as another user"
            );
        }
        let browser = Arc::new(self.launch(&program).await?);
        let unresponsive_timeout = self.options.limits.unresponsive_timeout;
        tokio::spawn(check_liveness(Arc::downgrade(&browser), unresponsive_timeout));
        self.kill_unused();
        let mut browsers = self.browsers();
        if self.permits.is_closed() {
            browser.kill();
            return Err(unavailable("the browser fetcher is closed"));
        }
        browsers.push(browser);
        Ok(())
    }

    async fn launch(&self, program: &Path) -> Result<Browser, FetchError> {
        let limits = &self.options.limits;
        let mut launches = 0;
        loop {
            let (tabs, tab_count) = watch::channel(0);
            let sandbox = self.options.sandbox;
            let (process, connection) =
                BrowserProcess::start(program, sandbox, limits.max_memory_bytes, tab_count)?;
            let version = connection.call(None, "Browser.getVersion", json!({}));
            let version = timeout(limits.launch_timeout, version.decode::<VersionInfo>()).await;
            launches += 1;
            match version.map_err(|_| timed_out())? {
                Ok(VersionInfo { user_agent }) => {
                    return Ok(Browser {
                        connection,
                        user_agent,
                        prewarmed: PrewarmedPage::default(),
                        process,
                        tabs,
                        pages_served: AtomicU32::new(0),
                        retired: AtomicBool::new(false),
                    });
                }
                Err(error) if launches < MAX_LAUNCHES => {
                    tracing::warn!(%error, "a browser did not start: retrying once");
                }
                Err(error) => {
                    let hint = "set RUST_LOG=rungs=debug to see its output";
                    let program = program.display();
                    return Err(unavailable(format!("{program} did not start: {error}; {hint}")));
                }
            }
        }
    }
}

impl Drop for BrowserPool {
    fn drop(&mut self) {
        self.close();
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VersionInfo {
    user_agent: String,
}

/// Calls a browser at intervals, and kills it if it does not respond.
async fn check_liveness(browser: Weak<Browser>, unresponsive_timeout: Duration) {
    loop {
        tokio::time::sleep(LIVENESS_INTERVAL).await;
        let Some(browser) = browser.upgrade() else { return };
        if browser.connection.has_ended() {
            return;
        }
        let response = browser.connection.call(None, "Browser.getVersion", json!({})).done();
        if timeout(unresponsive_timeout, response).await.is_err() {
            tracing::warn!(process = browser.process_id(), "killed a browser that did not respond");
            browser.kill();
            return;
        }
    }
}
