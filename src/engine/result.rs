//! Turns an accepted page into a stored result: collects its parts, prices them, and persists them.

use std::sync::Arc;

use crate::core::credits::Credits;
use crate::core::failure::{ErrorCode, JobError};
use crate::core::job::{Attempt, BodyRef, Finding, Job};
use crate::core::price::{AddOns, Charge, PriceList};
use crate::core::request::{Produced, unmet_options};
use crate::core::step::StepInput;
use crate::core::tier::Tier;
use crate::core::time::millis;
use crate::core::validators::Validators;
use crate::core::verdict::{DocumentKind, Verdict};
use crate::engine::artifacts::{self, BrowserFiles};
use crate::engine::attempt::{FetchedPage, Observed};
use crate::engine::cache::{self, Found};
use crate::engine::content_hash;
use crate::engine::ladder::{Ended, Ladder};
use crate::engine::page_labels::{OwnProxyDiscount, QualityWarning};
use crate::engine::report::Page;
use crate::engine::shared::Shared;
use crate::engine::{document, images, prompt};
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
    /// The validators with which the page can be requested again.
    validators: Option<Validators>,
}

impl Ladder {
    /// Ends the job with a page, or with `fallback` if the page has no content: its own error is reported by default.
    pub(super) async fn finish(mut self, observed: Observed, fallback: Option<JobError>) -> Ended {
        let mut collected = match self.collect(observed).await {
            Ok(collected) => collected,
            Err(error) => return self.fail(fallback.unwrap_or(error)).into(),
        };
        let charged = self.price(&mut collected);
        let (tier, fetched_at) = (collected.tier, collected.page.fetched_at);
        let (content_hash, is_unchanged) =
            (collected.page.content_hash.clone(), collected.page.unchanged);
        let cached_until = collected.page.cached_until;
        let validators = collected.validators.take();
        match persist(&self.shared, &self.job, collected).await {
            Ok(body) => {
                let found = Found {
                    tier,
                    body: (!is_unchanged).then(|| body.clone()),
                    fetched_at,
                    cached_until,
                    content_hash,
                    validators,
                };
                // Another item may have the time for a better page.
                let entry = (!self.is_out_of_time)
                    .then(|| cache::new_entry(&self.shared, &self.job, found))
                    .flatten();
                let attempts = self.take_attempts();
                let input = StepInput::Succeed { tier, charged, body, cached: false, attempts };
                Ended { input, entry }
            }
            Err(error) => self.unstored(&error).into(),
        }
    }

    /// Returns the job to the queue because its result could not be stored.
    pub(super) fn unstored(self, error: &StoreError) -> StepInput {
        tracing::error!(error = error as &dyn std::error::Error, "storing a result failed");
        self.reschedule_unstored()
    }

    /// Returns the validators with which the page can be requested again.
    ///
    /// A 304 counts as a page that was fetched well, so there are none for a page that is thin or damaged.
    fn validators(&self, attempt: &Attempt, page: &FetchedPage) -> Option<Validators> {
        let response = &page.response;
        let is_good =
            response.status == 200 && response.warnings.is_empty() && attempt.has_good_page();
        let is_kept = is_good && page.is_whole && cache::keeps_validators(&self.job.request);
        is_kept.then(|| Validators::of(&self.address(response), &response.headers))?
    }

    /// Collects the parts of the result. A page that still has the known content hash has no content.
    async fn collect(&self, observed: Observed) -> Result<Collected, JobError> {
        let Observed { attempt, mut page, extracted, .. } = observed;
        let response = Arc::clone(&page.response);
        let mut validators = self.validators(&attempt, &page);
        let mut extracted = self.content(&attempt, &response, extracted).await?;
        let links = std::mem::take(&mut extracted.links);
        let mut content_hash = content_hash::of(&attempt.finding, &extracted, &response.body);
        let is_pdf = attempt.finding == Finding::Judged(Verdict::Other(DocumentKind::Pdf));
        // The next fetch may give more from the same bytes.
        let mut is_incomplete = is_pdf && !extracted.warnings.is_empty();
        if is_incomplete {
            content_hash = content_hash::incomplete(&content_hash);
        }
        let unchanged = cache::is_known(&self.job.request, Some(&content_hash));
        let mut add_ons = AddOns::default();
        if unchanged {
            extracted = Extracted { warnings: extracted.warnings, ..Extracted::default() };
            (page.files, page.actions) = (BrowserFiles::default(), Vec::new());
        } else {
            add_ons = self.complete(&attempt, &page, &mut extracted).await;
        }
        let request = &self.job.request;
        let may_be_answered =
            !unchanged && prompt::may_be_answered_later(&self.shared, request, &extracted);
        if may_be_answered {
            content_hash = content_hash::incomplete(&content_hash);
        }
        is_incomplete |= !unchanged && prompt::is_unanswered(request, &extracted);
        if is_incomplete {
            validators = None;
        }
        extracted.warnings.extend(response.warnings.iter().cloned());
        let quality_warning = QualityWarning::of(&attempt, &extracted.text);
        add_ons.proxy = response.proxied;
        add_ons.own_proxy = response.own_proxy;
        let mut result = Page {
            extracted,
            actions: page.actions,
            content_hash: Some(content_hash),
            unchanged,
            links,
            quality_warning: quality_warning.filter(|_| !unchanged),
            ..self.response_page(&attempt, &response)
        };
        if may_be_answered {
            // The model may answer the next time.
            result.cached_until = None;
        }
        let (tier, files, cost) = (attempt.tier, page.files, response.cost);
        Ok(Collected { tier, page: result, files, add_ons, cost, validators })
    }

    /// Adds what is made of a page besides its formats: the text of its images and the answer to the prompt. Returns
    /// the add-ons that were delivered.
    async fn complete(
        &self,
        attempt: &Attempt,
        page: &FetchedPage,
        extracted: &mut Extracted,
    ) -> AddOns {
        let (shared, job) = (&self.shared, &self.job);
        let can_read_images = match attempt.finding {
            // The images of a PDF's pages were read together with its text.
            Finding::Judged(Verdict::Other(DocumentKind::Pdf)) => {
                shared.adapters.fetchers.ocr.is_some()
            }
            _ => self.read_images(extracted).await,
        };
        let url = &page.response.final_url;
        prompt::answer(shared, &job.request, url, extracted, self.deadline()).await;
        let produced = Produced {
            rendered: page.rendered,
            screenshot: page.files.screenshot.is_some(),
            pdf: page.files.pdf.is_some(),
            ocr: can_read_images,
        };
        extracted.warnings.extend(unmet_options(&job.request, produced));
        AddOns {
            screenshot: produced.screenshot,
            pdf: produced.pdf,
            ocr: !extracted.ocr_results.is_empty(),
            ..AddOns::default()
        }
    }

    /// Returns the page of a response, without content.
    pub(super) fn response_page(&self, attempt: &Attempt, response: &Fetched) -> Page {
        Page {
            status_code: response.status,
            final_url: response.final_url.clone(),
            redirects: response.redirects.clone(),
            headers: self.shown_headers(&response.headers),
            response_time_ms: millis(attempt.duration),
            size_bytes: response.body.len() as u64,
            fetched_at: attempt.started_at,
            cached_until: cache::expiry(&self.job, attempt.started_at)
                .filter(|_| !self.is_out_of_time),
            time_budget_expired: self.is_out_of_time,
            content_truncated: response.truncation,
            domain_difficulty: self.site_warnings.difficulty.clone(),
            tier_cap_warning: self.site_warnings.tier_cap.clone(),
            proxied: response.proxied,
            session: self.session.as_ref().map(|it| it.name.clone()),
            ..Page::default()
        }
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
        collected.page.own_proxy_discount = discount(prices, add_ons, charge);
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
        // Tier 3.5 found no embedded state in a page that was not accepted.
        let is_plain = self.is_out_of_time && attempt.tier == Tier::LightJs;
        let tier = if is_plain { Tier::Http } else { attempt.tier };
        let mut extracted = self.extract(response, tier).await.map_err(|error| {
            let code = match error {
                ExtractError::Empty => ErrorCode::EmptyContent,
                ExtractError::Unsupported(_) => ErrorCode::UnsupportedContentType,
                _ => ErrorCode::ExtractionFailed,
            };
            JobError::new(code, error.to_string()).with_status(status)
        })?;
        extracted.warnings.push(if self.is_out_of_time {
            format!("the time budget expired: this is the best page so far ({})", attempt.signal)
        } else {
            format!("thin content: {}", attempt.signal)
        });
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

/// Returns the discount for the account's own proxy that a charge contains.
pub(super) fn discount(
    prices: &PriceList,
    add_ons: AddOns,
    charge: Charge,
) -> Option<OwnProxyDiscount> {
    let (original, charged) = (charge.undiscounted, charge.charged);
    let nominal = prices.own_proxy_discount_per_mille();
    // A fetcher's own cost has no discount, and a hold may cut the charge.
    let is_nominal = charged == original.scaled(1_000 - nominal);
    let saved = u128::from(original.saturating_sub(charged).0) * 1_000;
    let effective = saved.checked_div(u128::from(original.0)).unwrap_or_default();
    let effective = u32::try_from(effective).unwrap_or_default();
    let per_mille = if is_nominal { nominal } else { effective };
    add_ons.own_proxy.then_some(OwnProxyDiscount { per_mille, original })
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
    let files = page.artifacts.iter().map(|it| it.body.clone()).collect();
    let bytes = page.into_stored().map_err(not_json)?;
    shared.put_naming(job.batch, bytes, files).await
}

/// Returns the error of a page that cannot be written as JSON or read from it.
pub(super) fn not_json(source: serde_json::Error) -> StoreError {
    StoreError::Backend { store: "bodies", source: Box::new(source) }
}
