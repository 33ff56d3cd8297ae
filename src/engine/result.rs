//! Turns an accepted page into a stored result: collects its parts, prices them, and persists them.

use std::sync::Arc;

use crate::core::credits::Credits;
use crate::core::failure::{ErrorCode, JobError};
use crate::core::job::{Attempt, BodyRef, Finding, Job};
use crate::core::price::AddOns;
use crate::core::request::{Produced, unmet_options};
use crate::core::step::StepInput;
use crate::core::tier::Tier;
use crate::core::time::millis;
use crate::core::verdict::{DocumentKind, Verdict};
use crate::engine::artifacts::{self, BrowserFiles};
use crate::engine::attempt::Observed;
use crate::engine::ladder::Ladder;
use crate::engine::report::Page;
use crate::engine::shared::Shared;
use crate::engine::{cache, document, images, prompt};
use crate::ports::extract::{ExtractError, Extracted};
use crate::ports::fetch::Fetched;
use crate::ports::store::StoreError;

/// A result that is ready to be priced and stored.
struct Collected {
    tier: Tier,
    /// The page without its artifacts, which have no name before they are stored.
    page: Page,
    files: BrowserFiles,
    /// The add-ons that were delivered with the page.
    add_ons: AddOns,
    /// The price that the fetcher paid for it, if it reported one.
    cost: Option<Credits>,
}

impl Ladder {
    /// Ends the job with a page.
    pub(super) async fn finish(mut self, observed: Observed) -> StepInput {
        let mut collected = match self.collect(observed).await {
            Ok(collected) => collected,
            Err(error) => return self.fail(error),
        };
        let charged = self.price(&mut collected);
        let tier = collected.tier;
        match persist(&self.shared, &self.job, collected).await {
            Ok(body) => {
                let attempts = self.take_attempts();
                StepInput::Succeed { tier, charged, body, cached: false, attempts }
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "storing a result failed"
                );
                self.reschedule_unstored()
            }
        }
    }

    /// Collects the parts of the result.
    async fn collect(&self, observed: Observed) -> Result<Collected, JobError> {
        let Observed { attempt, page, extracted } = observed;
        let response = &page.response;
        let mut extracted = self.content(&attempt, response, extracted).await?;
        let can_read_images = match attempt.finding {
            // The images of a PDF's pages were read together with its text.
            Finding::Judged(Verdict::Other(DocumentKind::Pdf)) => {
                self.shared.adapters.fetchers.ocr.is_some()
            }
            _ => self.read_images(&mut extracted).await,
        };
        let (shared, job) = (&self.shared, &self.job);
        prompt::answer(shared, &job.request, &response.final_url, &mut extracted, self.deadline())
            .await;
        let produced = Produced {
            rendered: page.rendered,
            screenshot: page.files.screenshot.is_some(),
            pdf: page.files.pdf.is_some(),
            ocr: can_read_images,
        };
        extracted.warnings.extend(unmet_options(&job.request, produced));
        extracted.warnings.extend(response.warnings.iter().cloned());
        let add_ons = AddOns {
            screenshot: produced.screenshot,
            pdf: produced.pdf,
            ocr: !extracted.ocr_results.is_empty(),
            proxy: response.proxied,
            own_proxy: response.own_proxy,
        };
        let result = Page {
            status_code: response.status,
            final_url: response.final_url.clone(),
            redirects: response.redirects.clone(),
            headers: self.shown_headers(&response.headers),
            extracted,
            response_time_ms: millis(attempt.duration),
            size_bytes: response.body.len() as u64,
            fetched_at: attempt.started_at,
            cached_until: cache::expiry(job, attempt.started_at),
            proxied: response.proxied,
            actions: page.actions,
            artifacts: Vec::new(),
            session: self.session.as_ref().map(|it| it.name.clone()),
        };
        let (tier, files, cost) = (attempt.tier, page.files, response.cost);
        Ok(Collected { tier, page: result, files, add_ons, cost })
    }

    /// Returns the headers of a response as the result shows them: without cookies that renew a stored session.
    fn shown_headers(&self, headers: &[(String, String)]) -> Vec<(String, String)> {
        let is_secret = |name: &str| self.session.is_some() && name == "set-cookie";
        headers.iter().filter(|(name, _)| !is_secret(name)).cloned().collect()
    }

    /// Returns the charge for a result: the price of its tier or the cost that its fetcher reported, plus the
    /// requested add-ons that were delivered. A price above the hold is cut to it, with a warning in the result.
    fn price(&self, collected: &mut Collected) -> Credits {
        let request = &self.job.request;
        let add_ons = AddOns::asked(request).and(collected.add_ons);
        let prices = &self.shared.config.prices;
        let hold = self.job.hold;
        let charge = prices.charge(request, collected.tier, add_ons, collected.cost, hold);
        if charge.price > charge.charged {
            let (price, charged) = (charge.price, charge.charged);
            collected.page.extracted.warnings.push(format!(
                "the page cost {price}, but only {charged} were held: the charge was cut to the hold"
            ));
        }
        charge.charged
    }

    /// Returns the content of a response, from the reader for its kind of document.
    async fn content(
        &self,
        attempt: &Attempt,
        response: &Arc<Fetched>,
        extracted: Option<Extracted>,
    ) -> Result<Extracted, JobError> {
        if let Finding::Judged(Verdict::Other(kind)) = &attempt.finding
            && let Some(read) = document::read(&self.shared, &self.job, response, *kind).await
        {
            return read;
        }
        document::check_mode(&self.job, &attempt.finding)?;
        if let Some(extracted) = extracted {
            return Ok(extracted);
        }
        let status = response.status;
        let mut extracted = self.extract(response, attempt.tier).await.map_err(|error| {
            let code = match error {
                ExtractError::Empty => ErrorCode::EmptyContent,
                ExtractError::Unsupported(_) => ErrorCode::UnsupportedContentType,
                _ => ErrorCode::ExtractionFailed,
            };
            JobError::new(code, error.to_string()).with_status(status)
        })?;
        extracted.warnings.push(format!("thin content: {}", attempt.signal));
        Ok(extracted)
    }

    /// Reads the text of the page's images if the item requests OCR. Returns `false` if the engine has no OCR
    /// engine or no HTTP fetcher.
    async fn read_images(&self, extracted: &mut Extracted) -> bool {
        let urls = std::mem::take(&mut extracted.images);
        // A document that is itself an image has been read already.
        if !self.job.request.advanced().ocr || !extracted.ocr_results.is_empty() {
            return true;
        }
        let (shared, deadline) = (&self.shared, self.deadline());
        let kept = (&self.scratch, self.session.as_deref());
        let Some(texts) = images::read(shared, &self.job, kept, &urls, deadline).await else {
            extracted.ocr_results = Vec::new();
            return false;
        };
        extracted.ocr_results = texts.read;
        extracted.warnings.extend(texts.warnings);
        true
    }
}

/// Stores a result: its files first, because the page names them.
async fn persist(shared: &Shared, job: &Job, collected: Collected) -> Result<BodyRef, StoreError> {
    let Collected { mut page, files, .. } = collected;
    page.artifacts = artifacts::store(shared, job, files).await?;
    store_page(shared, job, page).await
}

/// Stores a page durably.
pub(super) async fn store_page(
    shared: &Shared,
    job: &Job,
    page: Page,
) -> Result<BodyRef, StoreError> {
    let bytes = page
        .into_stored()
        .map_err(|source| StoreError::Backend { store: "bodies", source: Box::new(source) })?;
    shared.put_body(job.batch, bytes).await
}
