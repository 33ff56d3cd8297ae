//! The parts that outlive the children: the site and the webhook receiver.

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rungs::testkit::site::{Site, SiteRequest, SiteResponse};

use crate::Seen;

/// The behavior of a page, named by the first part of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SitePage {
    /// The page is returned.
    Plain,
    /// The page is returned to browsers only.
    Guarded,
    /// The page is returned late.
    Slow,
    /// The page does not exist.
    Missing,
    /// The server fails.
    Broken,
}

impl SitePage {
    pub(crate) const ALL: [(Self, &str); 5] = [
        (Self::Plain, "plain"),
        (Self::Guarded, "guarded"),
        (Self::Slow, "slow"),
        (Self::Missing, "missing"),
        (Self::Broken, "broken"),
    ];

    /// The behaviour of the page at `url`, and the token that only this page holds.
    pub(crate) fn of(url: &str) -> (Self, &str) {
        let mut parts = url.rsplit('/');
        let (token, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let found = Self::ALL.into_iter().find(|(_, it)| *it == name);
        (found.unwrap_or_else(|| panic!("{url} is none of our pages")).0, token)
    }
}

/// Returns a number that decides what the batch of this key contains, the same in every process.
pub(crate) fn turn_of(key: &str) -> usize {
    key.bytes().map(usize::from).sum()
}

/// The prefix of the key of a retry, before the key of the batch that it retries.
const RETRY_OF: &str = "retry-of-";
/// The most batches of a chain: a batch, its retry, and the retry of that.
const MAX_CHAIN: usize = 3;

/// Returns the key of the retry of the batch with this key, or `None` at the end of the chain.
pub(crate) fn next_in_chain(key: &str) -> Option<String> {
    (key.matches(RETRY_OF).count() + 1 < MAX_CHAIN).then(|| format!("{RETRY_OF}{key}"))
}

/// Returns the key of the batch that the batch with this key retries, if it is a retry.
pub(crate) fn retried_key(key: &str) -> Option<&str> {
    key.strip_prefix(RETRY_OF)
}

/// Returns the URLs of `count` pages for the batch of this key. `site` returns the URL of the site of each.
pub(crate) fn page_urls(key: &str, count: usize, site: impl Fn(usize) -> String) -> Vec<String> {
    let pages = SitePage::ALL.iter().cycle().skip(turn_of(key) % 5).take(count).enumerate();
    pages.map(|(at, (_, name))| format!("{}/{name}/t{key}-{at}x", site(at))).collect()
}

fn answer(request: &SiteRequest) -> SiteResponse {
    let (page, token) = SitePage::of(&request.path);
    let body = SiteResponse::html(format!(
        "<title>{token}</title><h1>Page {token}</h1><p>This is the page {token}, and it has as many \
         words as a page must have that is worth being read by anybody at all.</p>"
    ));
    match page {
        SitePage::Guarded if request.header("sec-fetch-mode").is_none() => {
            SiteResponse::status(403)
        }
        SitePage::Plain | SitePage::Guarded => body,
        SitePage::Slow => body.delay(Duration::from_millis(40)),
        SitePage::Missing => SiteResponse::status(404),
        SitePage::Broken => SiteResponse::status(500),
    }
}

/// One delivery, as received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) id: String,
    pub(crate) body: String,
}

/// All deliveries, by the key in their path.
pub(crate) type Deliveries = BTreeMap<String, Vec<Delivery>>;

pub(crate) struct World {
    sites: Vec<Site>,
    receivers: Vec<Site>,
    deliveries: Arc<Mutex<Deliveries>>,
}

impl World {
    pub(crate) fn start(seen: &Sender<Seen>) -> Self {
        Self::start_many(seen, 1, 1)
    }

    /// Starts sites that all have the same pages, and receivers that share what they receive.
    pub(crate) fn start_many(seen: &Sender<Seen>, sites: usize, receivers: usize) -> Self {
        let deliveries = Arc::new(Mutex::new(Deliveries::new()));
        let site = || {
            let requests = seen.clone();
            Site::start(move |request| {
                let _ = requests.send(Seen::Request);
                answer(request)
            })
        };
        let receiver = || {
            let (told, kept) = (seen.clone(), Arc::clone(&deliveries));
            Site::start(move |request| {
                let count = keep(&kept, request);
                let _ = told.send(Seen::Delivery);
                match count {
                    // Refused at first, so that the outbox has something to repeat.
                    1 if request.path.len() % 2 == 0 => SiteResponse::status(503),
                    _ => SiteResponse::status(204).delay(Duration::from_millis(5)),
                }
            })
        };
        let sites = (0..sites).map(|_| site()).collect();
        let receivers = (0..receivers).map(|_| receiver()).collect();
        Self { sites, receivers, deliveries }
    }

    /// Returns the URLs of the first site and the first receiver.
    pub(crate) fn urls(&self) -> (String, String) {
        (self.site(0), self.receiver(0))
    }

    /// Returns the URL of a site. Numbers beyond the last site start again at the first.
    pub(crate) fn site(&self, number: usize) -> String {
        self.sites[number % self.sites.len()].url("")
    }

    /// Returns the URL of a receiver. Numbers beyond the last receiver start again at the first.
    pub(crate) fn receiver(&self, number: usize) -> String {
        self.receivers[number % self.receivers.len()].url("")
    }

    pub(crate) fn deliveries(&self) -> Deliveries {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Records a delivery and returns the number of deliveries for its batch.
fn keep(kept: &Mutex<Deliveries>, request: &SiteRequest) -> usize {
    let delivery = Delivery {
        id: request.header("webhook-id").unwrap_or_default().to_owned(),
        body: String::from_utf8_lossy(&request.body).into_owned(),
    };
    let key = request.path.trim_start_matches('/').to_owned();
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    let deliveries = kept.entry(key).or_default();
    deliveries.push(delivery);
    deliveries.len()
}
