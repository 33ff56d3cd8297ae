//! The text of a page's images, where an item asks for it.

use std::sync::Arc;
use std::time::Duration;

use crate::core::job::Job;
use crate::core::request::{Item, JobRequest};
use crate::core::tier::Tier;
use crate::core::url::PageUrl;
use crate::core::verdict::{DocumentKind, sniff};
use crate::engine::{Shared, robots};
use crate::ports::fetch::{
    DocumentRequest, FetchError, FetchErrorKind, FetchRequest, Fetched, HttpFetcher, ImageText,
    JobScratch, OcrEngine,
};

/// Images read of one page.
const MAX_IMAGES: usize = 10;
/// The most bytes of one of them.
const MAX_IMAGE_BYTES: u64 = 5 * 1_024 * 1_024;

/// What came of a page's images.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) read: Vec<ImageText>,
    pub(super) warnings: Vec<String>,
}

/// Gets the images at `urls` and reads them, one after the other, within `deadline` in all.
///
/// An image that cannot be got or read is named in a warning and fails nothing. `None` where nothing
/// here reads images.
pub(super) async fn read(
    shared: &Shared,
    job: &Job,
    scratch: &JobScratch,
    urls: &[String],
    deadline: Duration,
) -> Option<Seen> {
    let reader = shared.fetchers.ocr.as_deref()?;
    let fetcher = shared.fetchers.html.as_deref()?;
    let mut seen = Seen::default();
    if urls.is_empty() {
        seen.warnings.push("advanced.ocr: the page has no image to read".to_owned());
    }
    if urls.len() > MAX_IMAGES {
        let over = urls.len() - MAX_IMAGES;
        seen.warnings.push(format!("advanced.ocr: {over} more images were not looked at"));
    }
    let began = shared.clock.now();
    for (number, url) in (1..).zip(urls.iter().take(MAX_IMAGES)) {
        let left = deadline.saturating_sub(shared.clock.now().since(began));
        let one = One { shared, job, scratch, fetcher, reader, url };
        match one.within(left).await {
            Ok(read) => seen.read.push(read),
            Err(why) => {
                seen.warnings.push(format!("advanced.ocr: image {number} was not read: {why}"));
                // What is not installed, and what has no time left, is so for the next one too.
                if left.is_zero() || why.kind() == FetchErrorKind::Unavailable {
                    break;
                }
            }
        }
    }
    Some(seen)
}

/// One image on its way.
struct One<'a> {
    shared: &'a Shared,
    job: &'a Job,
    scratch: &'a JobScratch,
    fetcher: &'a dyn HttpFetcher,
    reader: &'a dyn OcrEngine,
    url: &'a str,
}

impl One<'_> {
    async fn within(&self, deadline: Duration) -> Result<ImageText, FetchError> {
        tokio::select! {
            biased;
            read = self.read(deadline) => read,
            () = self.shared.clock.sleep(deadline) => {
                Err(FetchError::new(FetchErrorKind::Timeout, "the job's time is used up"))
            }
        }
    }

    async fn read(&self, deadline: Duration) -> Result<ImageText, FetchError> {
        let began = self.shared.clock.now();
        let document = Arc::new(self.get(deadline).await?);
        let broken = |why: String| FetchError::new(FetchErrorKind::Broken, why);
        if !(200..300).contains(&document.status) {
            return Err(broken(format!("the site answered {}", document.status)));
        }
        if sniff(&document.body) != Some(DocumentKind::Image) {
            return Err(broken("what came is no image of a format that can be read".to_owned()));
        }
        let options = Arc::clone(&self.job.request);
        let deadline = deadline.saturating_sub(self.shared.clock.now().since(began));
        let read = self.reader.recognize(DocumentRequest { document, options, deadline }).await?;
        Ok(ImageText { url: self.url.to_owned(), read })
    }

    /// A request as any other of the job: it takes its turn, and robots.txt binds it.
    async fn get(&self, deadline: Duration) -> Result<Fetched, FetchError> {
        let options = self.options()?;
        if let Some(error) = robots::forbids(self.shared, options.page()).await {
            return Err(FetchError::new(FetchErrorKind::Broken, error.message));
        }
        let _turn = self.shared.pace.turn(&options.page().site()).await;
        let _place = self.shared.places.acquire().await;
        let max_bytes = options.byte_limit().min(MAX_IMAGE_BYTES);
        let tier = self.fetcher.tiers().into_iter().find(|it| *it == Tier::Http);
        let request = FetchRequest {
            deadline,
            max_bytes,
            scratch: self.scratch.clone(),
            ..FetchRequest::new(Arc::new(options), tier.unwrap_or(Tier::Curl))
        };
        self.fetcher.fetch(request).await
    }

    /// The job's way to the image: its proxy, and on the page's own site its headers and cookies. They
    /// are no business of any other site.
    fn options(&self) -> Result<JobRequest, FetchError> {
        let refused = |why: Box<dyn std::error::Error + Send + Sync>| {
            let message = "its address cannot be fetched";
            FetchError::new(FetchErrorKind::InvalidUrl, message).with_source(why)
        };
        let page = &self.job.request;
        let mut item = Item::get(self.url);
        item.max_response_bytes = page.max_response_bytes;
        item.location = page.location.clone();
        let (from, to) = (&page.advanced, &mut item.advanced);
        to.use_proxy = from.use_proxy;
        to.use_own_proxy = from.use_own_proxy;
        to.proxy_integration_id.clone_from(&from.proxy_integration_id);
        to.proxy_country.clone_from(&from.proxy_country);
        let image = PageUrl::parse(self.url).map_err(|why| refused(why.into()))?;
        let at_home =
            image.site() == page.page().site() && image.is_https() == page.page().is_https();
        if at_home {
            to.cookies.clone_from(&from.cookies);
            to.session_headers.clone_from(&from.session_headers);
            item.headers.clone_from(&page.headers);
        }
        item.check(&self.shared.limits).map_err(|why| refused(why.into()))
    }
}
