//! Browsers and the places in them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use super::blank::Spare;
use super::error::{late, unavailable};
use super::limits::ChromeLimits;
use super::process::Process;
use super::profile;
use super::program::{self, Sandbox};
use super::wire::Wire;
use crate::ports::fetch::FetchError;

/// How often a browser is asked whether it is still there.
const BEAT: Duration = Duration::from_secs(2);
/// How often a browser is started that ends while it starts.
const MAX_LAUNCHES: u32 = 2;

/// What browsers are started with.
#[derive(Clone, Debug, Default)]
pub(super) struct Start {
    pub(super) program: Option<PathBuf>,
    pub(super) sandbox: Sandbox,
    pub(super) limits: ChromeLimits,
}

/// One browser and what it is doing.
#[derive(Debug)]
pub(super) struct Browser {
    pub(super) wire: Wire,
    pub(super) agent: String,
    /// An empty page that is ready.
    pub(super) spare: Spare,
    process: Process,
    /// How many pages it has, which its watch over memory waits for.
    active: watch::Sender<usize>,
    served: AtomicU32,
    retired: AtomicBool,
}

impl Browser {
    /// Takes no more pages, and ends when those that it has are done.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::SeqCst);
    }

    /// Whether it takes no more pages.
    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::SeqCst)
    }

    /// Ends it at once.
    pub(super) fn end(&self) {
        self.retire();
        self.process.end();
    }

    /// Whether a page of it was ended for its memory since this was last asked.
    pub(super) fn was_overfed(&self) -> bool {
        self.process.was_overfed()
    }

    /// The id of its first process.
    pub(super) fn process_id(&self) -> u32 {
        self.process.id()
    }

    fn pages(&self) -> usize {
        *self.active.borrow()
    }

    fn is_usable(&self, limits: &ChromeLimits) -> bool {
        !self.is_retired()
            && !self.wire.has_ended()
            && self.served.load(Ordering::SeqCst) < limits.pages_per_browser
    }
}

/// Who else may be in a page's browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Company {
    /// As many as have room.
    Others,
    /// Neither at the same time nor later.
    Nobody,
}

/// A page's place in a browser. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) browser: Arc<Browser>,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.browser.active.send_modify(|it| *it -= 1);
        self.pool.sweep();
    }
}

/// The browsers of one fetcher.
#[derive(Debug)]
pub(super) struct Pool {
    start: Start,
    places: Arc<Semaphore>,
    browsers: Mutex<Vec<Arc<Browser>>>,
    /// Held while one is started, so that a crowd starts one and not a crowd.
    starting: Arc<tokio::sync::Mutex<()>>,
    cleaned: AtomicBool,
}

impl Pool {
    pub(super) fn new(start: Start) -> Self {
        let tabs = start.limits.tabs.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            start,
            places: Arc::new(Semaphore::new(tabs)),
            browsers: Mutex::default(),
            starting: Arc::default(),
            cleaned: AtomicBool::new(false),
        }
    }

    /// A place in a browser, which is started if there is none to have it.
    pub(super) async fn place(self: &Arc<Self>, company: Company) -> Result<Place, FetchError> {
        let closed = |_| unavailable("the browsers are closed");
        let permit = Arc::clone(&self.places).acquire_owned().await.map_err(closed)?;
        loop {
            if let Some(browser) = self.take(company) {
                return Ok(Place { browser, pool: Arc::clone(self), _permit: permit });
            }
            // It goes on where the one who asked gives up: the next one finds it ready.
            let pool = Arc::clone(self);
            let started = tokio::spawn(async move {
                let _only = Arc::clone(&pool.starting).lock_owned().await;
                if pool.has_room(company) { Ok(()) } else { pool.add().await }
            });
            started.await.map_err(|_| unavailable("starting a browser was given up"))??;
        }
    }

    /// Ends all browsers and gives out no more places.
    pub(super) fn close(&self) {
        let mut browsers = self.browsers();
        self.places.close();
        for browser in browsers.drain(..) {
            browser.end();
        }
    }

    /// The ids of the browsers' processes.
    pub(super) fn processes(&self) -> Vec<u32> {
        let browsers = self.browsers();
        browsers.iter().filter(|it| !it.wire.has_ended()).map(|it| it.process_id()).collect()
    }

    fn browsers(&self) -> MutexGuard<'_, Vec<Arc<Browser>>> {
        self.browsers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn room(&self, browser: &Browser, company: Company) -> bool {
        let limits = &self.start.limits;
        let most = match company {
            Company::Others => limits.tabs_per_browser.max(1),
            Company::Nobody => 1,
        };
        browser.is_usable(limits) && browser.pages() < most
    }

    fn has_room(&self, company: Company) -> bool {
        self.browsers().iter().any(|it| self.room(it, company))
    }

    /// A place in the browser that has the fewest pages.
    fn take(&self, company: Company) -> Option<Arc<Browser>> {
        let browsers = self.browsers();
        let with_room = browsers.iter().filter(|it| self.room(it, company));
        let browser = with_room.min_by_key(|it| it.pages())?;
        // Under the lock of the list, so that no two take the same place.
        browser.active.send_modify(|it| *it += 1);
        browser.served.fetch_add(1, Ordering::SeqCst);
        if company == Company::Nobody {
            browser.retire();
        }
        Some(Arc::clone(browser))
    }

    /// Ends browsers that are to take no more pages and have none.
    fn sweep(&self) {
        let limits = &self.start.limits;
        self.browsers().retain(|it| {
            let keep = it.is_usable(limits) || it.pages() > 0;
            if !keep {
                it.end();
            }
            keep
        });
    }

    async fn add(&self) -> Result<(), FetchError> {
        if !self.cleaned.swap(true, Ordering::SeqCst) {
            drop(tokio::task::spawn_blocking(profile::clean_up).await);
        }
        let program = program::find(self.start.program.as_deref())?;
        let sandbox = self.start.sandbox;
        if sandbox == Sandbox::Auto && sandbox.is_off() {
            tracing::warn!("Chromium runs without its sandbox, because it has none for root");
        }
        let browser = Arc::new(self.launch(&program).await?);
        tokio::spawn(beat(Arc::downgrade(&browser), self.start.limits.silence));
        self.sweep();
        let mut browsers = self.browsers();
        if self.places.is_closed() {
            browser.end();
            return Err(unavailable("the browsers are closed"));
        }
        browsers.push(browser);
        Ok(())
    }

    async fn launch(&self, program: &Path) -> Result<Browser, FetchError> {
        let limits = &self.start.limits;
        let mut launches = 0;
        loop {
            let (active, pages) = watch::channel(0);
            let sandbox = self.start.sandbox;
            let (process, wire) = Process::start(program, sandbox, limits.memory, pages)?;
            let version = wire.call(None, "Browser.getVersion", json!({})).get::<Version>();
            let version = timeout(limits.launch, version).await.map_err(|_| late())?;
            launches += 1;
            match version {
                Ok(Version { user_agent: agent }) => {
                    let served = AtomicU32::new(0);
                    let retired = AtomicBool::new(false);
                    return Ok(Browser {
                        wire,
                        agent,
                        spare: Spare::default(),
                        process,
                        active,
                        served,
                        retired,
                    });
                }
                // One that was killed while it started is no reason to fail a page.
                Err(why) if launches < MAX_LAUNCHES => {
                    tracing::warn!(%why, "a browser did not start; once more");
                }
                Err(why) => {
                    let hint = "RUST_LOG=rungs=debug shows what it said";
                    let program = program.display();
                    return Err(unavailable(format!("{program} did not start: {why}; {hint}")));
                }
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    user_agent: String,
}

/// Asks a browser for a sign of life, and ends one that gives none.
async fn beat(browser: std::sync::Weak<Browser>, silence: Duration) {
    loop {
        tokio::time::sleep(BEAT).await;
        let Some(browser) = browser.upgrade() else { return };
        if browser.wire.has_ended() {
            return;
        }
        let sign = browser.wire.call(None, "Browser.getVersion", json!({})).done();
        if timeout(silence, sign).await.is_err() {
            tracing::warn!(process = browser.process_id(), "a browser hung and was ended");
            browser.end();
            return;
        }
    }
}
