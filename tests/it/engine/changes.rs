//! Pages that are fetched again: conditional requests, and results without content.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rungs::Batch;
use rungs::Engine;
use rungs::core::credits::Credits;
use rungs::core::failure::ErrorCode;
use rungs::core::id::AccountId;
use rungs::core::job::Outcome;
use rungs::core::request::{Cache, Item};
use rungs::engine::{BatchReport, JobReport, Page};
use rungs::fetch::Http;
use rungs::ports::BoxFuture;
use rungs::ports::prompt::{PromptAnswer, PromptError, PromptExtractor, PromptRequest};
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteRequest, SiteResponse};

const FRIDAY: &str = "Fri, 27 Nov 2026 09:00:00 GMT";
const SUNDAY: &str = "Sun, 29 Nov 2026 09:00:00 GMT";

/// The state of a site with one page.
#[derive(Clone, Default)]
struct State {
    words: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    /// The headers of a response 304; `None` if the site sends the page anyway.
    unchanged: Option<Vec<(&'static str, &'static str)>>,
}

/// A site whose page is at `/page`; `/old` redirects there or elsewhere.
struct World {
    site: Site,
    state: Arc<Mutex<State>>,
    /// The conditions of each request, empty without any.
    asked: Arc<Mutex<Vec<String>>>,
    engine: Engine,
}

fn page(words: &str) -> String {
    let text = format!("<p>Flour, water, {words} and time are all that a good loaf needs.</p>");
    format!("<title>Bread</title><article><h1>Bread</h1>{}</article>", text.repeat(4))
}

fn with(response: SiteResponse, headers: &[(&'static str, &'static str)]) -> SiteResponse {
    headers.iter().fold(response, |it, (name, value)| it.header(name, value))
}

fn answer(state: &State, request: &SiteRequest, conditions: &str) -> SiteResponse {
    match (request.path.as_str(), &state.unchanged) {
        ("/old", _) => {
            SiteResponse::redirect(302, if state.words == "moved" { "/new" } else { "/page" })
        }
        (_, Some(headers)) if !conditions.is_empty() => with(SiteResponse::status(304), headers),
        _ if state.words == "thin" => with(SiteResponse::html("<p>.</p>"), &state.headers),
        _ => with(SiteResponse::html(page(state.words)), &state.headers),
    }
}

/// A model that answers from the second question on.
#[derive(Debug, Default)]
struct Late(AtomicUsize);

impl PromptExtractor for Late {
    fn answer(&self, _: PromptRequest) -> BoxFuture<'_, Result<PromptAnswer, PromptError>> {
        let is_first = self.0.fetch_add(1, Ordering::Relaxed) == 0;
        let answer = PromptAnswer::new("flour".into(), "openai", "small");
        Box::pin(async move {
            if is_first {
                Err(PromptError::Refused {
                    provider: "openai".into(),
                    status: 503,
                    reason: "busy".into(),
                })
            } else {
                Ok(answer)
            }
        })
    }
}

impl World {
    fn new(headers: &[(&'static str, &'static str)]) -> Self {
        let state = State { words: "salt", headers: headers.to_vec(), unchanged: Some(Vec::new()) };
        let state = Arc::new(Mutex::new(state));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (shown, noted) = (Arc::clone(&state), Arc::clone(&asked));
        let site = Site::start(move |request| {
            let conditions = ["if-none-match", "if-modified-since"];
            let conditions = conditions.iter().filter_map(|it| request.header(it));
            let conditions = conditions.collect::<Vec<_>>().join(" & ");
            noted.lock().expect("no panic").push(conditions.clone());
            answer(&shown.lock().expect("no panic"), request, &conditions)
        });
        let http = Http::new().allow_network("127.0.0.0/8").expect("a network");
        let builder = Engine::builder().store(Memory::default()).http(http);
        let engine = builder.prompts(Late::default()).build().expect("built");
        Self { site, state, asked, engine }
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().expect("no panic"));
    }

    /// Returns the conditions of the requests since the last call.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("no panic"))
    }

    fn item(&self) -> Item {
        Item::get(self.site.url("/page"))
    }

    async fn scrape(&self, item: Item) -> JobReport {
        self.engine.scrape(item).await.expect("accepted")
    }

    async fn page(&self, item: Item) -> (Page, Credits, bool) {
        let report = self.scrape(item).await;
        let cached = matches!(report.job().outcome, Some(Outcome::Succeeded { cached: true, .. }));
        let charged = report.charged();
        (report.into_result().expect("a page"), charged, cached)
    }
}

fn hash_of(page: &Page) -> String {
    page.content_hash.clone().expect("every result has one")
}

#[tokio::test]
async fn a_page_that_its_site_declares_unchanged_is_a_hit() {
    let world = World::new(&[("etag", "W/\"1\""), ("last-modified", FRIDAY)]);
    let refreshed = || world.item().cache(Cache::enabled().with_force_refresh());
    let (first, charged, cached) = world.page(world.item().cached()).await;
    assert_eq!((charged, cached), (Credits(200), false));

    let (second, charged, cached) = world.page(refreshed()).await;

    assert_eq!((charged, cached), (Credits(100), true));
    assert_eq!((second.text(), second.status_code), (first.text(), 200));
    assert_eq!((second.fetched_at, hash_of(&second)), (first.fetched_at, hash_of(&first)));
    assert!(second.cached_until > first.cached_until && !second.unchanged);
    world.page(world.item().cached()).await;
    let conditions = format!("W/\"1\" & {FRIDAY}");
    assert_eq!(world.asked(), [String::new(), conditions.clone()], "the third is a hit alone");

    world.set(|it| (it.words, it.unchanged) = ("rye", None));
    let (third, charged, cached) = world.page(refreshed()).await;
    assert_eq!((charged, cached), (Credits(200), false));
    assert!(third.text().is_some_and(|it| it.contains("rye")));
    assert_eq!(world.asked(), [conditions]);
}

#[tokio::test]
async fn a_page_with_the_known_hash_carries_no_content() {
    let world = World::new(&[("etag", "\"1\"")]);
    let (first, _, _) = world.page(world.item().unless("")).await;
    let hash = hash_of(&first);
    assert!(!first.unchanged && first.text().is_some());

    let (same, charged, cached) = world.page(world.item().unless(hash.to_uppercase())).await;
    assert_eq!((charged, cached), (Credits(100), true));
    assert_eq!((same.unchanged, same.status_code, same.size_bytes), (true, 304, 0));
    assert_eq!((same.text(), same.extracted.content.len()), (None, 0));
    assert_eq!(hash_of(&same), hash);

    let (stored, charged, _) = world.page(world.item().unless("0".repeat(64))).await;
    assert_eq!((charged, stored.text()), (Credits(100), first.text()), "another hash was known");

    world.set(|it| (it.headers, it.unchanged) = (vec![("etag", "\"2\"")], None));
    let (equal, charged, cached) = world.page(world.item().unless(&hash)).await;
    assert_eq!((charged, cached), (Credits(200), false), "charged as fetched");
    assert_eq!((equal.unchanged, equal.status_code, equal.text()), (true, 200, None));
    assert!(equal.size_bytes > 0);

    world.set(|it| it.words = "rye");
    let (other, _, _) = world.page(world.item().unless(&hash)).await;
    assert!(!other.unchanged && other.text().is_some_and(|it| it.contains("rye")));
    assert_ne!(hash_of(&other), hash);
    let asked = ["", "\"1\"", "\"1\"", "\"1\"", "\"2\""];
    assert_eq!(world.asked(), asked);
}

#[tokio::test]
async fn a_fresh_entry_knows_that_its_page_is_unchanged() {
    let world = World::new(&[]);
    let (first, _, _) = world.page(world.item().cached()).await;

    let (same, charged, cached) = world.page(world.item().cached().unless(hash_of(&first))).await;

    assert_eq!((same.unchanged, same.text(), charged, cached), (true, None, Credits::ZERO, true));
    assert_eq!(world.asked(), [""]);
}

#[tokio::test]
async fn an_unchanged_page_has_the_address_at_which_it_was_found() {
    let world = World::new(&[]);
    let old = || Item::get(world.site.url("/old")).cached();
    let (first, _, _) = world.page(old()).await;

    let (same, _, cached) = world.page(old().unless(hash_of(&first))).await;

    assert!(same.unchanged && cached);
    assert_eq!((&same.final_url, &same.redirects), (&first.final_url, &first.redirects));
    assert!(same.final_url.ends_with("/page") && same.redirects.len() == 1);
}

#[tokio::test]
async fn an_unchanged_page_leaves_its_result_in_the_cache() {
    let world = World::new(&[]);
    let (first, _, _) = world.page(world.item().cached()).await;
    let refreshed = world.item().cache(Cache::enabled().with_force_refresh());

    let (same, charged, _) = world.page(refreshed.unless(hash_of(&first))).await;
    let (hit, free, cached) = world.page(world.item().cached()).await;

    assert_eq!((same.unchanged, charged), (true, Credits(200)));
    assert_eq!((hit.text(), free, cached), (first.text(), Credits::ZERO, true));
    assert_eq!(world.asked().len(), 2);
}

#[tokio::test]
async fn a_page_without_its_answer_is_fetched_again() {
    for has_cache in [true, false] {
        let world = World::new(&[("etag", "\"1\"")]);
        let item = || {
            let item = world.item().prompt("What is it made of?");
            if has_cache { item.cached() } else { item }
        };
        let (first, _, _) = world.page(item().unless("")).await;
        assert!(first.extracted.prompted.is_none() && first.cached_until.is_none());

        let (second, _, cached) = world.page(item().unless(hash_of(&first))).await;
        let (third, _, _) = world.page(item().unless(hash_of(&second))).await;

        assert!(!second.unchanged && !cached && second.extracted.prompted.is_some());
        assert!(third.unchanged, "{third:?}");
        assert_eq!(world.asked()[..2], ["", ""], "its validators are not kept");
    }
}

#[tokio::test]
async fn a_304_that_contradicts_itself_is_no_hit() {
    for lie in [("etag", "\"2\""), ("last-modified", SUNDAY)] {
        let world = World::new(&[("etag", "\"1\""), ("last-modified", FRIDAY)]);
        let (first, _, _) = world.page(world.item().unless("")).await;
        world.set(|it| (it.words, it.unchanged) = ("rye", Some(vec![lie])));

        let (second, charged, cached) = world.page(world.item().unless(hash_of(&first))).await;

        assert_eq!((charged, cached), (Credits(200), false), "{lie:?}");
        assert!(second.text().is_some_and(|it| it.contains("rye")), "{lie:?}");
        let condition = format!("\"1\" & {FRIDAY}");
        assert_eq!(world.asked(), [String::new(), condition, String::new()], "{lie:?}");
    }
}

#[tokio::test]
async fn a_304_that_nobody_asked_for_is_no_hit() {
    let world = World::new(&[("etag", "\"1\"")]);
    world.page(world.item().cached()).await;
    let own = world.item().cached().header("If-None-Match", "\"1\"");

    for _ in 0..2 {
        let report = world.scrape(own.clone()).await;

        let error = report.result().expect_err("no page");
        assert_eq!((error.code, error.status), (ErrorCode::TargetHttpError, Some(304)));
    }
    assert_eq!(world.asked(), ["", "\"1\"", "\"1\""]);
}

#[tokio::test]
async fn a_thin_page_has_no_validators() {
    let world = World::new(&[("etag", "\"1\"")]);
    world.set(|it| it.words = "thin");
    for _ in 0..2 {
        world.scrape(world.item().unless("")).await;
    }

    assert!(world.asked().iter().all(String::is_empty), "the next fetch may climb higher");
}

#[tokio::test]
async fn validators_are_sent_only_where_they_hold() {
    let world = World::new(&[("etag", "\"1\"")]);
    let item = || world.item().unless("");
    world.page(item()).await;
    assert_eq!(world.asked(), [""]);

    let acme = AccountId::new("acme").expect("a name");
    let batch = Batch::new([item()]).account(acme);
    let mut other = world.engine.submit(batch).await.expect("accepted");
    let report: BatchReport = other.report().await.expect("a report");
    assert!(report.jobs()[0].result().is_ok());
    world.page(item().header("x-variant", "b")).await;
    world.page(world.item().unless("").raw_html()).await;
    assert_eq!(world.asked(), ["", "", ""], "another account, header or format");

    let old = || Item::get(world.site.url("/old")).unless("");
    world.page(old()).await;
    let (kept, _, cached) = world.page(old()).await;
    assert!(cached && kept.final_url.ends_with("/page"));
    assert_eq!(world.asked(), ["", "", "", "\"1\""], "the redirect is asked without");
    world.set(|it| it.words = "moved");
    let (moved, _, cached) = world.page(old()).await;
    assert!(!cached && moved.final_url.ends_with("/new"));
    assert_eq!(world.asked(), ["", ""], "another URL has no validators");

    let anything = World::new(&[("etag", "\"1\""), ("vary", "*")]);
    for _ in 0..2 {
        anything.page(anything.item().unless("")).await;
    }
    assert_eq!(anything.asked(), ["", ""], "what the response depends on is not known");
}
