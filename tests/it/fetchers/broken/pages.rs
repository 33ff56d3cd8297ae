//! Page fetchers with one mistake each, built around a correct one.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rungs::core::request::Method;
use rungs::core::tier::Tier;
use rungs::core::url::PageUrl;
use rungs::ports::BoxFuture;
use rungs::ports::fetch::{
    BrowserFetcher, FetchError, FetchErrorKind as Kind, FetchRequest, Fetched, HttpFetcher,
    JobScratch, Rendered,
};
use tokio::sync::Mutex;

/// The mistake of a [`Bad`] fetcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    None,
    AsksTwice,
    TriesAgainAfterAnError,
    TriesAgainAfterAHangUp,
    TakesEveryStatusFor200,
    RefusesErrorStatuses,
    RefusesEmptyBodies,
    RefusesStrayRedirects,
    ReportsTheAskedUrl,
    ForgetsTheHops,
    CallsEveryErrorBroken,
    WritesNamesInCapitals,
    KeepsOneHeaderAName,
    LeavesBodiesPacked,
    TakesNoiseForAPage,
    PanicsAtNoise,
    KeepsHalfABody,
    AlwaysGets,
    SortsTheQuery,
    DropsTheHostsHeaders,
    SharesCookies,
    NamesABrowsersTier,
    MixesAnswersUp,
    WorksOneByOne,
    NeverRecovers,
    QuotesTheUrl,
    StopsAByteShort,
    IgnoresTheByteLimit,
    CutsWithoutAWord,
    IgnoresTheDeadline,
    GoesOnWhenDropped,
    RunsNoScripts,
    AlwaysPaints,
    NeverPaints,
    ShowsAPageOfItsOwn,
}

/// The result of either kind of fetcher; that of an HTTP fetcher has only the page.
type Answer = Result<Rendered, FetchError>;

/// A correct fetcher of either kind.
pub(crate) trait Right: std::fmt::Debug + Send + Sync + 'static {
    fn ask(&self, request: FetchRequest) -> BoxFuture<'_, Answer>;
}

impl Right for rungs::fetch::Http {
    fn ask(&self, request: FetchRequest) -> BoxFuture<'_, Answer> {
        Box::pin(async move { Ok(Rendered::new(self.fetch(request).await?)) })
    }
}

impl Right for crate::support::fetchers::Browser {
    fn ask(&self, request: FetchRequest) -> BoxFuture<'_, Answer> {
        self.render(request)
    }
}

#[derive(Debug)]
pub(crate) struct Bad {
    mistake: Mistake,
    right: Arc<dyn Right>,
    scratch: JobScratch,
    one_at_a_time: Mutex<()>,
    has_failed: AtomicBool,
    /// The previous response, for the mistake that confuses responses.
    before: std::sync::Mutex<Option<Fetched>>,
}

impl Bad {
    pub(crate) fn new(mistake: Mistake, right: impl Right) -> Self {
        Self {
            mistake,
            right: Arc::new(right),
            scratch: JobScratch::default(),
            one_at_a_time: Mutex::default(),
            has_failed: AtomicBool::new(false),
            before: std::sync::Mutex::default(),
        }
    }

    /// Applies the fetcher's mistake to a request.
    fn sent(&self, mut request: FetchRequest) -> FetchRequest {
        match self.mistake {
            Mistake::AlwaysGets => (request.method, request.body) = (Method::Get, None),
            Mistake::DropsTheHostsHeaders => request.headers.clear(),
            Mistake::SharesCookies => {
                (request.scratch, request.tier) = (self.scratch.clone(), Tier::Http);
            }
            Mistake::StopsAByteShort => request.max_bytes -= 1,
            Mistake::IgnoresTheByteLimit => request.max_bytes = u64::MAX,
            Mistake::IgnoresTheDeadline => request.deadline = Duration::from_mins(10),
            Mistake::LeavesBodiesPacked => request
                .headers
                .push(("Accept-Encoding".to_owned(), "gzip-but-not-really".to_owned())),
            Mistake::SortsTheQuery => {
                if let Some((path, query)) = request.url.as_str().split_once('?') {
                    let mut parts: Vec<_> = query.split('&').collect();
                    parts.sort_unstable();
                    let url = format!("{path}?{}", parts.join("&"));
                    request.url = PageUrl::parse(&url).expect("the parts are the same");
                }
            }
            _ => {}
        }
        request
    }

    async fn ask(&self, request: FetchRequest) -> Answer {
        let right = Arc::clone(&self.right);
        let again = self.sent(request.clone());
        let first = self.sent(request.clone());
        let answer = match self.mistake {
            Mistake::WorksOneByOne => {
                let _turn = self.one_at_a_time.lock().await;
                right.ask(first).await
            }
            Mistake::GoesOnWhenDropped => {
                let attempt = tokio::spawn(async move { right.ask(first).await });
                attempt.await.expect("nothing panics in it")
            }
            Mistake::NeverRecovers if self.has_failed.load(Ordering::SeqCst) => {
                Err(FetchError::new(Kind::Internal, "it failed before"))
            }
            _ => right.ask(first).await,
        };
        self.has_failed.fetch_or(answer.is_err(), Ordering::SeqCst);
        let is_tried_again = match (self.mistake, &answer) {
            (Mistake::AsksTwice, _) => true,
            (Mistake::TriesAgainAfterAnError, Ok(it)) => it.page.status >= 500,
            (Mistake::TriesAgainAfterAHangUp, Err(error)) => error.kind() == Kind::Broken,
            _ => false,
        };
        let answer = if is_tried_again { self.right.ask(again).await } else { answer };
        match answer {
            Ok(answer) => self.told(&request, answer),
            Err(error) => self.failed(&request, error),
        }
    }

    /// Applies the fetcher's mistake to a response.
    fn told(&self, request: &FetchRequest, mut answer: Rendered) -> Answer {
        let page = &mut answer.page;
        let refuse = || Err(FetchError::new(Kind::Broken, "the answer is not to be liked"));
        match self.mistake {
            Mistake::TakesEveryStatusFor200 => page.status = 200,
            Mistake::RefusesErrorStatuses if page.status >= 400 => return refuse(),
            Mistake::RefusesEmptyBodies if page.body.is_empty() => return refuse(),
            Mistake::RefusesStrayRedirects if (300..400).contains(&page.status) => return refuse(),
            Mistake::ReportsTheAskedUrl => request.url.as_str().clone_into(&mut page.final_url),
            Mistake::ForgetsTheHops => page.redirects.clear(),
            Mistake::WritesNamesInCapitals => {
                page.headers.iter_mut().for_each(|it| it.0.make_ascii_uppercase());
            }
            Mistake::KeepsOneHeaderAName => {
                let map: HashMap<_, _> = page.headers.drain(..).collect();
                page.headers.extend(map);
            }
            Mistake::LeavesBodiesPacked if page.body.len() > 1_000 => page.body.reverse(),
            Mistake::MixesAnswersUp => {
                let mut before = self.before.lock().expect("nothing panics under this lock");
                if let Some(before) = before.replace(page.clone()) {
                    *page = before;
                }
            }
            Mistake::AlwaysPaints => answer.screenshot = Some(b"\x89PNG\r\n\x1a\n".to_vec()),
            Mistake::NeverPaints => answer.screenshot = None,
            Mistake::RunsNoScripts => page.body = b"<p>Please enable JavaScript.</p>".to_vec(),
            _ => {}
        }
        Ok(answer)
    }

    /// Applies the fetcher's mistake to an error.
    fn failed(&self, request: &FetchRequest, error: FetchError) -> Answer {
        let empty = || {
            let body = vec![b'x'; usize::try_from(request.max_bytes).unwrap_or_default()];
            Ok(Rendered::new(Fetched::new(200, body)))
        };
        match (self.mistake, error.kind()) {
            (Mistake::TakesNoiseForAPage | Mistake::KeepsHalfABody, Kind::Broken)
            | (Mistake::CutsWithoutAWord, Kind::TooLarge)
            | (Mistake::ShowsAPageOfItsOwn, Kind::Broken | Kind::Connect) => empty(),
            (Mistake::PanicsAtNoise, Kind::Broken) => panic!("this cannot happen: {error}"),
            (Mistake::CallsEveryErrorBroken, _) => {
                Err(FetchError::new(Kind::Broken, error.to_string()))
            }
            (Mistake::QuotesTheUrl, kind) => {
                Err(FetchError::new(kind, format!("{} failed", request.url.as_str())))
            }
            _ => Err(error),
        }
    }
}

impl HttpFetcher for Bad {
    fn tiers(&self) -> Vec<Tier> {
        let mut tiers = vec![Tier::Curl, Tier::Http];
        if self.mistake == Mistake::NamesABrowsersTier {
            tiers.push(Tier::Browser);
        }
        tiers
    }

    fn fetch(&self, request: FetchRequest) -> BoxFuture<'_, Result<Fetched, FetchError>> {
        Box::pin(async move { Ok(self.ask(request).await?.page) })
    }
}

impl BrowserFetcher for Bad {
    fn render(&self, request: FetchRequest) -> BoxFuture<'_, Answer> {
        Box::pin(self.ask(request))
    }
}
