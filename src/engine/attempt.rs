//! One job's ladder: plan, take a turn, try, judge, until there is a page or nothing left to try.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::core::failure::{ErrorCode, JobError};
use crate::core::job::{Attempt, BodyRef, Finding, Job};
use crate::core::ladder::{Plan, PlanInput, Reach, SiteProfile, plan};
use crate::core::price::AddOns;
use crate::core::record::{Key, Record};
use crate::core::request::{Produced, unmet_options};
use crate::core::step::StepInput;
use crate::core::tier::Tier;
use crate::core::time::{Timestamp, millis};
use crate::core::verdict::{DocumentKind, Judgment, Response, Verdict, judge};
use crate::engine::artifacts::{self, Brought};
use crate::engine::report::Page;
use crate::engine::watch::ProgressEvent;
use crate::engine::{Shared, cache, document, images, prompt, robots};
use crate::ports::extract::{Document, ExtractError, Extracted};
use crate::ports::fetch::{
    ActionResult, FetchError, FetchErrorKind, FetchRequest, Fetched, JobScratch,
};
use crate::ports::store::StoreError;

/// Waits up to this long are slept through; longer ones go back into the queue.
const INLINE_WAIT: Duration = Duration::from_secs(2);

/// A response, and what came with it.
#[derive(Debug, Default)]
struct InHand {
    page: Arc<Fetched>,
    rendered: bool,
    brought: Brought,
    actions: Vec<ActionResult>,
}

/// A job on its ladder.
pub(super) struct Ladder {
    shared: Arc<Shared>,
    job: Arc<Job>,
    reach: Reach,
    scratch: JobScratch,
    /// Every attempt: those of earlier claims, which the job's record has, and then this claim's.
    trail: Vec<Attempt>,
    /// Time used up in this claim: attempts and short waits, but no waiting for turns.
    used: Duration,
    /// The last response.
    hand: Option<InHand>,
    /// What was made of it, if anything.
    extracted: Option<Extracted>,
}

impl Ladder {
    pub(super) fn new(shared: Arc<Shared>, job: Arc<Job>) -> Self {
        let reach = Reach::of(&job.request, &shared.tools, &shared.prices);
        let (scratch, trail, used) = (JobScratch::default(), job.trail.clone(), Duration::ZERO);
        Self { shared, job, reach, scratch, trail, used, hand: None, extracted: None }
    }

    /// Climbs to the end.
    pub(super) async fn run(mut self) -> StepInput {
        if let Some(hit) = cache::hit(&self.shared, &self.job).await {
            return hit;
        }
        if let Some(error) = robots::forbids(&self.shared, self.job.request.page()).await {
            return self.fail(error);
        }
        let profile = self.profile().await;
        loop {
            let (now, draw) = (self.shared.clock.now(), self.shared.entropy.draw());
            let start = profile.as_ref().and_then(|it| it.start(self.reach.usable, now, draw));
            match self.plan(start, now, draw) {
                Plan::Stop(error) => return self.fail(error),
                Plan::Accept => match self.deliver().await {
                    Ok(input) => return input,
                    Err(error) => return self.fail(error),
                },
                Plan::Try { wait, .. } if wait > INLINE_WAIT => return self.later(now.after(wait)),
                Plan::Try { tier, wait } => {
                    if !wait.is_zero() {
                        self.shared.clock.sleep(wait).await;
                        self.used = self.used.saturating_add(wait);
                    }
                    self.attempt(tier).await;
                }
            }
        }
    }

    async fn profile(&self) -> Option<SiteProfile> {
        match self.shared.load(Key::Site(self.job.request.page().site())).await {
            Ok(Some(Record::Site(profile))) => Some(profile),
            // What is not known, or cannot be read now, is no reason to fail a page.
            _ => None,
        }
    }

    fn plan(&self, start: Option<Tier>, now: Timestamp, draw: u64) -> Plan {
        let ended =
            self.trail.last().map(|it| it.started_at.after(Duration::from_millis(it.duration_ms)));
        plan(&PlanInput {
            request: &self.job.request,
            reach: self.reach,
            trail: &self.trail,
            start,
            used: self.used.saturating_add(Duration::from_millis(self.job.used_ms)),
            since_last: ended.map_or(Duration::ZERO, |it| now.since(it)),
            backoff: self.shared.settings.retry,
            draw,
        })
    }

    fn fail(mut self, error: JobError) -> StepInput {
        StepInput::Fail { error, attempts: self.attempts() }
    }

    fn later(mut self, ready_at: Timestamp) -> StepInput {
        StepInput::Reschedule { ready_at, used: self.used, attempts: self.attempts() }
    }

    /// Takes out the attempts of this claim.
    fn attempts(&mut self) -> Vec<Attempt> {
        self.trail.split_off(self.job.trail.len().min(self.trail.len()))
    }

    /// One attempt on one tier, added to the trail.
    async fn attempt(&mut self, tier: Tier) {
        let site = self.job.request.page().site();
        let turn = self.shared.pace.turn(&site).await;
        let shared = Arc::clone(&self.shared);
        let place = shared.places.acquire().await;
        let started_at = shared.clock.now();
        let span = tracing::info_span!("attempt", tier = tier.name());
        let judged = tracing::Instrument::instrument(self.observe(tier), span).await;
        drop((turn, place));
        let took = shared.clock.now().since(started_at);
        self.used = self.used.saturating_add(took);
        let (finding, signal) = judged;
        if let Finding::Judged(Verdict::Transient { retry_after: Some(wait) }) = finding {
            shared.pace.quiet(&site, wait.min(shared.settings.retry.longest));
        }
        let status = self.hand.as_ref().map(|it| it.page.status);
        let duration_ms = millis(took);
        let attempt = Attempt { tier, finding, signal, status, started_at, duration_ms };
        metrics::histogram!("rungs_attempt_seconds", "tier" => tier.name())
            .record(took.as_secs_f64());
        let event = ProgressEvent::Attempted { job: self.job.id, attempt: attempt.clone() };
        shared.watchers.tell(self.job.batch, event);
        self.trail.push(attempt);
    }

    /// Gets a response, judges it, and reads it if it is worth reading.
    async fn observe(&mut self, tier: Tier) -> (Finding, String) {
        self.extracted = None;
        // The data that a page ships is in the page that an earlier rung got: no second request.
        let reuse = tier == Tier::LightJs && self.hand.as_ref().is_some_and(|it| !it.rendered);
        if !reuse {
            self.hand = None;
            match self.fetch(tier).await {
                Ok(hand) => self.hand = Some(hand),
                Err(error) => return transport(&error),
            }
        }
        let Some(hand) = &self.hand else { return transport(&unavailable(tier)) };
        let (page, rendered) = (Arc::clone(&hand.page), hand.rendered);
        let Judgment { verdict, signal } = judge(&Response {
            status: page.status,
            headers: &page.headers,
            body: &page.body,
            rendered,
        });
        let worth_reading = match &verdict {
            Verdict::Usable | Verdict::Other(DocumentKind::Json | DocumentKind::Text) => true,
            Verdict::NeedsRendering | Verdict::Thin => tier == Tier::LightJs,
            _ => false,
        };
        if !worth_reading {
            return (Finding::Judged(verdict), signal);
        }
        match self.extract(&page, tier).await {
            Ok(extracted) => {
                self.extracted = Some(extracted);
                match verdict {
                    Verdict::Other(_) => (Finding::Judged(verdict), signal),
                    _ => (Finding::Judged(Verdict::Usable), signal),
                }
            }
            Err(ExtractError::Empty) if tier == Tier::LightJs => {
                let signal = "the page ships no data of its own".to_owned();
                (Finding::Judged(Verdict::NeedsRendering), signal)
            }
            Err(ExtractError::Empty) => {
                (Finding::Judged(Verdict::Thin), "the page holds no text".to_owned())
            }
            Err(why) => {
                let code = ErrorCode::ExtractionFailed;
                (Finding::Transport { code, retryable: false }, why.to_string())
            }
        }
    }

    async fn fetch(&self, tier: Tier) -> Result<InHand, FetchError> {
        let deadline = self.deadline();
        let request = FetchRequest {
            deadline,
            scratch: self.scratch.clone(),
            ..FetchRequest::new(Arc::clone(&self.job.request), tier)
        };
        let fetchers = &self.shared.fetchers;
        let fetching = async {
            if tier == Tier::Browser {
                let js = fetchers.js.as_ref().ok_or_else(|| unavailable(tier))?;
                let seen = js.render(request).await?;
                let (page, actions) = (Arc::new(seen.page), seen.actions);
                let (screenshot, pdf, pictures) = (seen.screenshot, seen.pdf, seen.pictures);
                let brought = Brought { screenshot, pdf, pictures };
                return Ok(InHand { page, rendered: true, brought, actions });
            }
            let html = fetchers.html.as_ref().ok_or_else(|| unavailable(tier))?;
            let page = Arc::new(html.fetch(request).await?);
            Ok(InHand { page, ..InHand::default() })
        };
        // A fetcher owes us its deadline; this is for the one that forgets.
        tokio::select! {
            biased;
            fetched = fetching => fetched,
            () = self.shared.clock.sleep(deadline) => {
                let message = format!("no response within {} seconds", deadline.as_secs());
                Err(FetchError::new(FetchErrorKind::Timeout, message))
            }
        }
    }

    /// What is left of the ladder's time, for one attempt.
    fn deadline(&self) -> Duration {
        let used = self.used.saturating_add(Duration::from_millis(self.job.used_ms));
        let budget = self.job.request.cost_controls.time_budget.map(Duration::from_secs);
        let left = self.job.time_left(self.used);
        budget.map_or(left, |it| left.min(it.saturating_sub(used)))
    }

    /// Reads a page off the async threads, as many at once as there are processors.
    async fn extract(&self, page: &Arc<Fetched>, tier: Tier) -> Result<Extracted, ExtractError> {
        let _place = self.shared.extracting.acquire().await;
        let (page, job) = (Arc::clone(page), Arc::clone(&self.job));
        let extractor = Arc::clone(&self.shared.extractor);
        let (answer, answered) = tokio::sync::oneshot::channel();
        let read = move || {
            let content_type = page.headers.iter().find(|(name, _)| name == "content-type");
            extractor.extract(Document {
                body: &page.body,
                content_type: content_type.map(|(_, value)| value.as_str()),
                url: if page.final_url.is_empty() {
                    job.request.page().as_str()
                } else {
                    &page.final_url
                },
                tier,
                options: &job.request,
            })
        };
        let work = Box::new(move || {
            // Who no longer waits has lost the job, and the page with it.
            drop(answer.send(catch_unwind(AssertUnwindSafe(read))));
        });
        self.shared.threads.run(work).await;
        let failed = |what: &str| Err(ExtractError::Failed(what.to_owned()));
        match answered.await {
            Ok(Ok(extracted)) => extracted,
            Ok(Err(_)) => failed("the extractor panicked"),
            Err(_) => failed("the extractor was given up"),
        }
    }

    /// Turns the last response into a result, keeps it, and says what it costs.
    async fn deliver(&mut self) -> Result<StepInput, JobError> {
        let internal = |what: String| JobError::new(ErrorCode::InternalError, what);
        let last = self.trail.last().cloned();
        let (Some(last), Some(hand)) = (last, self.hand.take()) else {
            return Err(internal("there is no page to deliver".to_owned()));
        };
        let mut extracted = self.read(&last, &hand).await?;
        let could_read_images = match last.finding {
            // Its pages without text were read with it.
            Finding::Judged(Verdict::Other(DocumentKind::Pdf)) => {
                self.shared.fetchers.ocr.is_some()
            }
            _ => self.read_images(&mut extracted).await,
        };
        prompt::ask(&self.shared, &self.job, &hand.page.final_url, &mut extracted, self.deadline())
            .await;
        let came = Produced {
            rendered: hand.rendered,
            screenshot: hand.brought.screenshot.is_some(),
            pdf: hand.brought.pdf.is_some(),
            ocr: could_read_images,
        };
        extracted.warnings.extend(unmet_options(&self.job.request, came));
        extracted.warnings.extend(hand.page.warnings.iter().cloned());
        let came = AddOns {
            screenshot: came.screenshot,
            pdf: came.pdf,
            ocr: !extracted.ocr_results.is_empty(),
            proxy: hand.page.proxied,
            own_proxy: hand.page.own_proxy,
        };
        let add_ons = AddOns::asked(&self.job.request).and(came);
        let charged = self.shared.prices.quote(&self.job.request, last.tier, add_ons);
        let artifacts = match artifacts::keep(&self.shared, &self.job, hand.brought).await {
            Ok(artifacts) => artifacts,
            Err(error) => return Ok(self.unkept(&error)),
        };
        let page = Page {
            status_code: hand.page.status,
            final_url: hand.page.final_url.clone(),
            redirects: hand.page.redirects.clone(),
            headers: hand.page.headers.clone(),
            extracted,
            response_time_ms: last.duration_ms,
            size_bytes: hand.page.body.len() as u64,
            fetched_at: last.started_at,
            cached_until: cache::until(&self.job, last.started_at),
            proxied: hand.page.proxied,
            actions: hand.actions,
            artifacts,
        };
        let body = match keep(&self.shared, &self.job, &page).await {
            Ok(body) => body,
            Err(error) => return Ok(self.unkept(&error)),
        };
        let attempts = self.attempts();
        Ok(StepInput::Succeed { tier: last.tier, charged, body, cached: false, attempts })
    }

    /// A full disk is no fault of the page: it is got again when there may be room. The trail does
    /// not count the attempt, which would be taken for a page in hand; its time is used up, so that
    /// this ends with the job's own.
    fn unkept(&mut self, error: &StoreError) -> StepInput {
        tracing::error!(%error, "keeping a result failed");
        let ready_at = self.shared.clock.now().after(self.shared.settings.retry.longest);
        let mut attempts = self.attempts();
        attempts.pop();
        StepInput::Reschedule { ready_at, used: self.used, attempts }
    }

    /// Reads the page's images where the item asks for it; whether anything here could.
    async fn read_images(&mut self, extracted: &mut Extracted) -> bool {
        let urls = std::mem::take(&mut extracted.images);
        // An image that was asked for by itself has been read.
        if !self.job.request.advanced.ocr || !extracted.ocr_results.is_empty() {
            return true;
        }
        let (shared, deadline) = (&self.shared, self.deadline());
        let seen = images::read(shared, &self.job, &self.scratch, &urls, deadline).await;
        let could = seen.is_some();
        let seen = seen.unwrap_or_default();
        extracted.ocr_results = seen.read;
        extracted.warnings.extend(seen.warnings);
        could
    }

    /// What the last response says, by its kind.
    async fn read(&mut self, last: &Attempt, hand: &InHand) -> Result<Extracted, JobError> {
        if let Finding::Judged(Verdict::Other(kind)) = &last.finding
            && let Some(read) = document::read(&self.shared, &self.job, &hand.page, *kind).await
        {
            return read;
        }
        document::check_mode(&self.job, &last.finding)?;
        if let Some(extracted) = self.extracted.take() {
            return Ok(extracted);
        }
        let status = hand.page.status;
        let mut extracted = self.extract(&hand.page, last.tier).await.map_err(|why| {
            let code = match why {
                ExtractError::Empty => ErrorCode::EmptyContent,
                ExtractError::Unsupported(_) => ErrorCode::UnsupportedContentType,
                _ => ErrorCode::ExtractionFailed,
            };
            JobError::new(code, why.to_string()).with_status(status)
        })?;
        extracted.warnings.push(format!("thin content: {}", last.signal));
        Ok(extracted)
    }
}

/// Keeps a result durably.
pub(super) async fn keep(shared: &Shared, job: &Job, page: &Page) -> Result<BodyRef, StoreError> {
    let bytes = serde_json::to_vec(page)
        .map_err(|source| StoreError::Backend { store: "bodies", source: Box::new(source) })?;
    shared.bodies.put(job.batch, bytes).await
}

fn unavailable(tier: Tier) -> FetchError {
    let message = format!("nothing is installed for tier {tier} ({})", tier.name());
    FetchError::new(FetchErrorKind::Unavailable, message)
}

/// A failed attempt in the words of the trail.
fn transport(error: &FetchError) -> (Finding, String) {
    use ErrorCode as C;
    use FetchErrorKind as K;

    let (code, retryable) = match error.kind() {
        K::InvalidUrl => (C::InvalidUrl, false),
        K::Dns => (C::DnsError, true),
        K::Connect | K::Broken | K::Proxy => (C::ConnectionError, true),
        K::Tls => (C::TlsError, false),
        K::Timeout => (C::Timeout, true),
        K::TooLarge => (C::ContentTooLarge, false),
        K::Redirect => (C::TargetHttpError, false),
        K::PrivateAddress => (C::PrivateAddressBlocked, false),
        K::Unsupported => (C::UnsupportedContentType, false),
        K::Unavailable => (C::RenderFailed, false),
        K::Internal => (C::InternalError, false),
    };
    (Finding::Transport { code, retryable }, error.to_string())
}
