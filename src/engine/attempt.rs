//! One attempt on one tier: waits for permits, fetches, judges, and extracts if the verdict allows it.
//!
//! The permits are held while the site is at work, and not while the page is read and stored.

use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument;

use crate::core::failure::ErrorCode;
use crate::core::job::{Attempt, Finding};
use crate::core::tier::Tier;
use crate::core::time::millis;
use crate::core::verdict::{
    DocumentKind, Judgment, Response, Verdict, content_type, is_stub, judge, visible_bytes,
};
use crate::engine::artifacts::BrowserFiles;
use crate::engine::cache::Confirmed;
use crate::engine::ladder::Ladder;
use crate::engine::pace::Health;
use crate::engine::robots;
use crate::engine::sessions::NotAttempted;
use crate::engine::watch::ProgressEvent;
use crate::ports::extract::{Document, ExtractError, Extracted};
use crate::ports::fetch::{ActionResult, FetchError, FetchErrorKind, FetchRequest, Fetched};

/// A response and everything that a browser added to it.
#[derive(Debug, Default)]
pub(super) struct FetchedPage {
    pub(super) response: Arc<Fetched>,
    pub(super) rendered: bool,
    pub(super) files: BrowserFiles,
    pub(super) actions: Vec<ActionResult>,
    /// `true` if one response over HTTP brought the whole page: it was not joined from several.
    pub(super) is_whole: bool,
    /// The page that the site declared unchanged.
    pub(super) confirmed: Option<Confirmed>,
}

/// An attempt that ended with a response.
#[derive(Debug)]
pub(super) struct Observed {
    pub(super) attempt: Attempt,
    pub(super) page: FetchedPage,
    /// The formats, if the verdict allows an extraction.
    pub(super) extracted: Option<Extracted>,
    /// The visible bytes of an imperfect page that may become the result when the time budget ends; 0 for any other.
    pub(super) visible_bytes: usize,
}

impl Observed {
    /// Returns the attempt with its response alone. A page that may be improved upon was not rendered, so it has no files.
    pub(super) fn without_files(&self) -> Self {
        let response = Arc::clone(&self.page.response);
        let page = FetchedPage { response, ..FetchedPage::default() };
        let (attempt, visible_bytes) = (self.attempt.clone(), self.visible_bytes);
        Self { attempt, page, extracted: None, visible_bytes }
    }
}

/// A response and the verdict on its bytes, before anything is extracted from it.
struct JudgedPage {
    page: FetchedPage,
    verdict: Verdict,
    signal: String,
    worth_extracting: bool,
    visible_bytes: usize,
}

/// The result of an attempt before it is timed.
struct Observation {
    finding: Finding,
    signal: String,
    page: Option<FetchedPage>,
    extracted: Option<Extracted>,
    visible_bytes: usize,
}

impl Observation {
    fn judged(verdict: Verdict, signal: impl Into<String>, page: FetchedPage) -> Self {
        let finding = Finding::Judged(verdict);
        Self { finding, signal: signal.into(), page: Some(page), extracted: None, visible_bytes: 0 }
    }
}

impl Ladder {
    /// Makes one attempt on `tier` and adds it to the trail. Returns the page if there was a response.
    ///
    /// `previous` is the attempt before it: tier 3.5 reads the embedded state of its page without a second
    /// request, and needs no permit.
    ///
    /// # Errors
    ///
    /// [`NotAttempted`] if the site requested a pause that is longer than the job's remaining time, or if the job's session
    /// cannot be opened.
    pub(super) async fn attempt(
        &mut self,
        tier: Tier,
        previous: Option<Observed>,
    ) -> Result<Option<Observed>, NotAttempted> {
        let shared = Arc::clone(&self.shared);
        let site = self.job.request.page().site();
        let permits = &shared.scheduling.permits;
        let previous = previous.filter(|it| tier == Tier::LightJs && !it.page.rendered);
        let permit = if previous.is_some() { None } else { Some(self.permit(&site, tier).await?) };
        let expected = shared.writer.expect_step();
        let (started_at, began) = (shared.now(), shared.monotonic());
        let span = tracing::info_span!("attempt", tier = tier.name());
        let judged = self.fetch_and_judge(tier, previous).instrument(span.clone()).await;
        let status = judged.as_ref().ok().map(|it| it.page.response.status);
        if permit.is_some() {
            permits.observe(&site, health(judged.as_ref()), started_at);
        }
        if let Ok(JudgedPage { verdict: Verdict::Transient { retry_after: Some(wait) }, .. }) =
            &judged
        {
            shared.pause_site(&site, *wait);
        }
        // The memory of fetched pages is bounded by the permits of both kinds.
        let _room = match &judged {
            Ok(_) => Some(shared.scheduling.page_room.acquire().await),
            Err(_) => None,
        };
        // Only now, or another request could start before the pause is known.
        drop(permit);
        let observation = self.observe(tier, judged).instrument(span).await;
        drop(expected);
        let took = shared.elapsed(began);
        self.use_time(took);
        let Observation { finding, signal, page, extracted, visible_bytes } = observation;
        let duration = Duration::from_millis(millis(took));
        let skipped = std::mem::take(&mut self.skipped);
        let attempt = Attempt { tier, finding, signal, status, started_at, duration, skipped };
        metrics::histogram!("rungs_attempt_seconds", "tier" => tier.name())
            .record(took.as_secs_f64());
        let job = self.job.id;
        let event = || ProgressEvent::Attempted { job, attempt: attempt.clone() };
        shared.progress.publish(self.job.batch, event);
        self.record(attempt.clone());
        Ok(page.map(|page| Observed { attempt, page, extracted, visible_bytes }))
    }

    /// Fetches and judges a page, or judges the page of `previous` again.
    async fn fetch_and_judge(
        &self,
        tier: Tier,
        previous: Option<Observed>,
    ) -> Result<JudgedPage, FetchError> {
        let page = match previous {
            // Its request was made on another tier.
            Some(previous) => FetchedPage { is_whole: false, ..previous.page },
            None => self.fetch(tier).await?,
        };
        if page.confirmed.is_some() {
            let (verdict, signal) = (Verdict::Usable, "status 304, not modified".to_owned());
            let (worth_extracting, visible_bytes) = (false, 0);
            return Ok(JudgedPage { page, verdict, signal, worth_extracting, visible_bytes });
        }
        let response = Response {
            status: page.response.status,
            headers: &page.response.headers,
            body: &page.response.body,
            rendered: page.rendered,
        };
        let session = self.session.as_ref();
        let login = session.and_then(|it| it.judge(&self.job, &page, tier, self.can_render()));
        let is_login = login.is_some();
        let Judgment { verdict, signal } = login.unwrap_or_else(|| judge(&response));
        let worth_extracting = match &verdict {
            _ if is_login => false,
            Verdict::Usable | Verdict::Other(DocumentKind::Json | DocumentKind::Text) => true,
            Verdict::NeedsRendering | Verdict::Thin => tier == Tier::LightJs && !is_stub(&response),
            _ => false,
        };
        if response_is_cut(&page) && matches!(verdict, Verdict::NeedsRendering | Verdict::Thin) {
            // No other tier brings what is behind the cut.
            return Err(cut_before_text(&page));
        }
        let has_budget = self.job.request.cost_controls().time_budget.is_some();
        let visible_bytes = match &verdict {
            Verdict::NeedsRendering | Verdict::Thin
                if has_budget && !is_login && !is_stub(&response) =>
            {
                visible_bytes(&response)
            }
            _ => 0,
        };
        Ok(JudgedPage { page, verdict, signal, worth_extracting, visible_bytes })
    }

    /// Extracts a page if its verdict allows it. The request's permit is free by then.
    async fn observe(&self, tier: Tier, judged: Result<JudgedPage, FetchError>) -> Observation {
        match judged {
            Ok(JudgedPage { page, verdict, signal, worth_extracting: true, visible_bytes }) => {
                // The job that got the permit sends its request first: otherwise it might wait on this thread for the
                // extraction.
                tokio::task::yield_now().await;
                let observed = self.observe_content(tier, verdict, signal, page).await;
                // A page without embedded state is still a page.
                let is_page = observed.finding == Finding::Judged(Verdict::NeedsRendering);
                Observation { visible_bytes: if is_page { visible_bytes } else { 0 }, ..observed }
            }
            Ok(JudgedPage { page, verdict, signal, visible_bytes, .. }) => {
                Observation { visible_bytes, ..Observation::judged(verdict, signal, page) }
            }
            Err(error) => no_response(&error),
        }
    }

    /// Extracts a page, which may change the verdict on its bytes.
    async fn observe_content(
        &self,
        tier: Tier,
        verdict: Verdict,
        signal: String,
        page: FetchedPage,
    ) -> Observation {
        match self.extract(&page.response, tier).await {
            Ok(extracted) => {
                let verdict = match verdict {
                    Verdict::Other(_) => verdict,
                    _ => Verdict::Usable,
                };
                let extracted = Some(extracted);
                Observation { extracted, ..Observation::judged(verdict, signal, page) }
            }
            Err(ExtractError::Empty) if response_is_cut(&page) => {
                no_response(&cut_before_text(&page))
            }
            Err(ExtractError::Empty) if tier == Tier::LightJs => {
                let signal = "the page has no embedded state";
                Observation::judged(Verdict::NeedsRendering, signal, page)
            }
            Err(ExtractError::Empty) => {
                Observation::judged(Verdict::Thin, "the page contains no text", page)
            }
            Err(error) => Observation {
                finding: Finding::Transport { code: ErrorCode::ExtractionFailed, retryable: false },
                signal: error.to_string(),
                page: Some(page),
                extracted: None,
                visible_bytes: 0,
            },
        }
    }

    /// Makes one request, within its deadline.
    pub(super) async fn fetch_once(
        &self,
        tier: Tier,
        request: FetchRequest,
    ) -> Result<FetchedPage, FetchError> {
        let deadline = request.deadline;
        let account = self.job.account.clone();
        let redirect_check = robots::redirect_check(&self.shared);
        let session = self.session.as_ref().and_then(|it| it.for_request(&request.options));
        let request = FetchRequest { account, redirect_check, session, ..request };
        // A fetcher has to keep its deadline; this is for one that does not.
        tokio::select! {
            biased;
            fetched = self.fetch_on(tier, request) => fetched,
            () = self.shared.sleep(deadline) => Err(timed_out(deadline)),
        }
    }

    async fn fetch_on(&self, tier: Tier, request: FetchRequest) -> Result<FetchedPage, FetchError> {
        let fetchers = &self.shared.adapters.fetchers;
        if tier == Tier::Browser {
            let browser = fetchers.browser.as_ref().ok_or_else(|| unavailable(tier))?;
            let check = request.redirect_check.clone();
            let rendered = browser.render(request).await?;
            if let Some(check) = check.filter(|_| !rendered.page.redirects.is_empty()) {
                // A browser follows redirects by itself, so a page that may not be fetched is dropped afterwards.
                check.check(&rendered.page.final_url).await?;
            }
            let files = BrowserFiles {
                screenshot: rendered.screenshot,
                pdf: rendered.pdf,
                pictures: rendered.pictures,
            };
            let response = Arc::new(rendered.page);
            let actions = rendered.actions;
            let page =
                FetchedPage { response, rendered: true, files, actions, ..FetchedPage::default() };
            return Ok(page);
        }
        let http = fetchers.http(tier).ok_or_else(|| unavailable(tier))?;
        let response = Arc::new(http.fetch(request).await?);
        Ok(FetchedPage { response, ..FetchedPage::default() })
    }

    /// Extracts a page on the blocking pool, at most one page per processor at the same time.
    ///
    /// A small page is done before a thread of the pool would wake up, so it may be extracted at once.
    pub(super) async fn extract(
        &self,
        page: &Arc<Fetched>,
        tier: Tier,
    ) -> Result<Extracted, ExtractError> {
        let (page, job) = (Arc::clone(page), Arc::clone(&self.job));
        let extractor = Arc::clone(&self.shared.adapters.extractor);
        let is_short = page.body.len() <= extractor.short_document_bytes();
        let extract = move || {
            let content_type = content_type(&page.headers);
            let url = match page.final_url.as_str() {
                "" => job.request.page().as_str(),
                url => url,
            };
            extractor.extract(Document {
                body: &page.body,
                content_type: content_type.as_deref(),
                url,
                tier,
                options: &job.request,
                wants_links: job.crawl.is_some(),
            })
        };
        self.shared.compute(is_short, extract).await?
    }
}

/// Returns what an attempt shows of the site's load.
fn health(judged: Result<&JudgedPage, &FetchError>) -> Health {
    Health::of(judged.map(|it| it.page.response.status).map_err(FetchError::kind))
}

fn response_is_cut(page: &FetchedPage) -> bool {
    page.response.truncation.is_some()
}

/// Returns the error of a page whose text is behind the place at which it was cut.
fn cut_before_text(page: &FetchedPage) -> FetchError {
    let length = page.response.body.len();
    let message = format!("the first {length} bytes contain no text: raise `max_response_bytes`");
    FetchError::new(FetchErrorKind::TooLarge, message)
}

pub(super) fn timed_out(deadline: Duration) -> FetchError {
    let message = format!("no response within {} seconds", deadline.as_secs());
    FetchError::new(FetchErrorKind::Timeout, message)
}

fn unavailable(tier: Tier) -> FetchError {
    let method = if tier == Tier::Browser { "browser" } else { "http" };
    let message =
        format!("no fetcher serves tier {tier} ({}): add one with `.{method}(...)`", tier.name());
    FetchError::new(FetchErrorKind::Unavailable, message)
}

fn no_response(error: &FetchError) -> Observation {
    use ErrorCode as C;
    use FetchErrorKind as K;

    let (code, retryable) = match error.kind() {
        K::InvalidUrl => (C::InvalidUrl, false),
        K::Dns => (C::DnsError, true),
        K::Connect | K::Broken | K::Proxy | K::Interrupted => (C::ConnectionError, true),
        K::Tls => (C::TlsError, false),
        K::Timeout => (C::Timeout, true),
        K::TooLarge => (C::ContentTooLarge, false),
        K::Redirect => (C::TargetHttpError, false),
        K::Disallowed => (C::RobotsDisallowed, false),
        K::PrivateAddress => (C::PrivateAddressBlocked, false),
        K::Unsupported => (C::UnsupportedContentType, false),
        K::Unavailable => (C::RenderFailed, false),
        K::Internal => (C::InternalError, false),
    };
    let finding = Finding::Transport { code, retryable };
    let signal = error.to_string();
    Observation { finding, signal, page: None, extracted: None, visible_bytes: 0 }
}
