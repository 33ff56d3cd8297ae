//! Text recognition for the images of a page.

use std::sync::Arc;
use std::time::Duration;

use crate::core::job::Job;
use crate::core::tier::Tier;
use crate::core::verdict::{DocumentKind, sniff};
use crate::engine::sessions::JobSession;
use crate::engine::shared::Shared;
use crate::engine::{readers, robots, subrequest};
use crate::ports::fetch::{
    DocumentRequest, FetchError, FetchErrorKind, FetchRequest, Fetched, HttpFetcher, ImageText,
    JobScratch, OcrEngine,
};

/// Images that are read per page.
const MAX_IMAGES: usize = 10;
/// The size limit of one image.
const MAX_IMAGE_BYTES: u64 = 5 * 1_024 * 1_024;

/// The text of a page's images.
#[derive(Debug, Default)]
pub(super) struct ImageTexts {
    pub(super) read: Vec<ImageText>,
    pub(super) warnings: Vec<String>,
}

/// Fetches and reads the images at `urls`, one after the other and all within `deadline`. Each gets half of the time
/// that is left, and the last one all of it.
///
/// An image that cannot be fetched or read adds a warning and does not fail the job. Returns `None` if
/// the engine has no OCR engine or no HTTP fetcher.
pub(super) async fn read(
    shared: &Shared,
    job: &Job,
    kept: (&JobScratch, Option<&JobSession>),
    urls: &[String],
    deadline: Duration,
) -> Option<ImageTexts> {
    let reader = shared.adapters.fetchers.ocr.as_deref()?;
    let fetchers = &shared.adapters.fetchers;
    let fetcher = fetchers.http(Tier::Http).or_else(|| fetchers.lowest_http())?;
    let mut texts = ImageTexts::default();
    if urls.is_empty() {
        texts.warnings.push("advanced.ocr: the page has no image to read".to_owned());
    }
    if urls.len() > MAX_IMAGES {
        let over = urls.len() - MAX_IMAGES;
        texts.warnings.push(format!(
            "advanced.ocr: {over} more images were not read: the limit is {MAX_IMAGES}"
        ));
    }
    let began = shared.monotonic();
    let count = urls.len().min(MAX_IMAGES);
    for (number, url) in (1..).zip(urls.iter().take(MAX_IMAGES)) {
        let left = share(deadline.saturating_sub(shared.elapsed(began)), count - number);
        let image = ImageJob { shared, job, kept, fetcher, reader, url };
        match image.read_within(left).await {
            Ok(read) => texts.read.push(read),
            Err(error) => {
                texts.warnings.push(format!("advanced.ocr: image {number} was not read: {error}"));
                // Without an OCR program, or without time, the next image cannot be read either.
                if left.is_zero() || error.kind() == FetchErrorKind::Unavailable {
                    break;
                }
            }
        }
    }
    Some(texts)
}

/// Returns the time for one image of which `others` follow: half of what is left, so that one that hangs leaves the
/// others theirs.
pub(super) fn share(left: Duration, others: usize) -> Duration {
    if others == 0 { left } else { left / 2 }
}

/// One image to fetch and read.
struct ImageJob<'a> {
    shared: &'a Shared,
    job: &'a Job,
    /// The state of fetchers that the job keeps between its requests, and its session.
    kept: (&'a JobScratch, Option<&'a JobSession>),
    fetcher: &'a dyn HttpFetcher,
    reader: &'a dyn OcrEngine,
    url: &'a str,
}

impl ImageJob<'_> {
    async fn read_within(&self, deadline: Duration) -> Result<ImageText, FetchError> {
        tokio::select! {
            biased;
            read = self.read(deadline) => read,
            () = self.shared.sleep(deadline) => {
                let message = "the image's share of the job's timeout expired: raise `timeout`";
                Err(FetchError::new(FetchErrorKind::Timeout, message))
            }
        }
    }

    async fn read(&self, deadline: Duration) -> Result<ImageText, FetchError> {
        let began = self.shared.monotonic();
        let document = Arc::new(self.fetch(deadline).await?);
        let broken = |why: String| FetchError::new(FetchErrorKind::Broken, why);
        if !(200..300).contains(&document.status) {
            return Err(broken(format!("the site responded with HTTP {}", document.status)));
        }
        if sniff(&document.body) != Some(DocumentKind::Image) {
            return Err(broken("the response is not an image in a supported format".to_owned()));
        }
        let options = Arc::clone(&self.job.request);
        let deadline = deadline.saturating_sub(self.shared.elapsed(began));
        let request = DocumentRequest { document, options, deadline };
        let read = readers::recognize(self.shared, self.reader, request).await?;
        Ok(ImageText { url: self.url.to_owned(), read })
    }

    /// Fetches the image like any other page of the job: it waits for permits and obeys robots.txt.
    async fn fetch(&self, deadline: Duration) -> Result<Fetched, FetchError> {
        let options = subrequest::options(&self.job.request, self.url, &self.shared.config.limits)?;
        if let Err(error) = robots::check(self.shared, options.page(), deadline).await {
            return Err(FetchError::new(FetchErrorKind::Broken, error.message));
        }
        let site = options.page().site();
        let permit =
            self.shared.scheduling.permits.page(self.job, &site, Tier::Http, deadline).await;
        let permit = permit.map_err(|pause| {
            let message = format!("the site asks to wait {} s", pause.as_secs());
            FetchError::new(FetchErrorKind::Timeout, message)
        })?;
        let max_bytes = options.max_response_bytes().min(MAX_IMAGE_BYTES);
        let session = self.kept.1.and_then(|it| it.for_request(&options));
        let tier = self.fetcher.tiers().into_iter().find(|it| *it == Tier::Http);
        let request = FetchRequest {
            deadline,
            max_bytes,
            account: self.job.account.clone(),
            scratch: self.kept.0.clone(),
            session,
            ..FetchRequest::new(Arc::new(options), tier.unwrap_or(Tier::Curl))
        };
        let started_at = self.shared.now();
        let fetched = self.fetcher.fetch(request).await;
        subrequest::observe(self.shared, &site, fetched.as_ref(), started_at);
        drop(permit);
        fetched
    }
}
