//! Extractions from supplied documents.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rungs::Engine;
use rungs::core::credits::Credits;
use rungs::core::extraction::{ExtractionRecord, ExtractionState};
use rungs::core::id::{AccountId, ExtractionId};
use rungs::core::record::{Record, RecordKind};
use rungs::core::request::{ExtractionCache, Format, Item};
use rungs::core::tier::Tier;
use rungs::core::usage::{Budget, Period};
use rungs::engine::{EngineBuilder, EngineError, Extraction, ExtractionError, ExtractionReport};
use rungs::ports::BoxFuture;
use rungs::ports::extract::{Document, ExtractError, Extracted, Extractor};
use rungs::ports::fetch::{Fetched, fetcher_fn};
use rungs::ports::prompt::{PromptAnswer, PromptError, PromptExtractor, PromptRequest};
use rungs::ports::store::{ListQuery, Store, StoreError, Write};
use rungs::stores::Memory;
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::delegate::delegate;
use crate::support::paused::Paused;

const PAGE: &str = r#"<title>Lamp</title><script type="application/ld+json">
    {"@type": "Product", "name": "Brass lamp", "offers": {"price": "49.50", "priceCurrency": "EUR"}}
    </script><h1>Brass lamp</h1><p>It is made of brass, and <a href="/care">easy to care for</a>.</p>"#;

fn builder() -> EngineBuilder {
    let http = fetcher_fn([Tier::Curl], |_| async { Ok(Fetched::new(500, "")) });
    Engine::builder().store(Memory::default()).http(http)
}

/// An engine whose account has these credits.
async fn limited(builder: EngineBuilder, credits: u64) -> Engine {
    let settings = rungs::Settings::default().with_limited_accounts();
    let engine = builder.settings(settings).build().expect("all parts");
    engine.grant(&AccountId::default(), Credits(credits)).await.expect("granted");
    engine
}

/// The free, held and spent credits.
async fn books(engine: &Engine) -> (u64, u64, u64) {
    let account = engine.account(&AccountId::default()).await.expect("an account");
    (account.free().0, account.held().0, account.spent().0)
}

fn schema() -> Item {
    Item::get("https://shop.example/lamp")
        .formats([Format::Json, Format::Markdown])
        .schema(json!({ "name": "string", "price": "number" }))
}

#[tokio::test]
async fn a_supplied_page_is_read_for_a_flat_price() {
    let engine = limited(builder(), 10_000).await;

    let extraction = Extraction::html(PAGE).options(schema()).label("agent");
    let report = engine.extract(extraction).await.expect("read");

    let extracted = &report.extracted;
    assert_eq!(extracted.filtered_content, Some(json!({ "name": "Brass lamp", "price": 49.5 })));
    let markdown = extracted.content[&Format::Markdown].as_str().expect("text");
    assert!(markdown.contains("(https://shop.example/care)"), "{markdown}");
    assert_eq!((report.charged(), report.is_cached()), (Credits(2_500), false));
    assert_eq!(books(&engine).await, (7_500, 0, 2_500));
    let today = engine.now().day();
    let usage = engine.usage(&AccountId::default(), today).await.expect("usage").remove(0);
    assert_eq!((usage.of(Some("agent")).jobs, usage.total.spent), (1, Credits(2_500)));
    assert_eq!(usage.sites["shop.example"].spent, Credits(2_500));
    let listed = engine.extractions(&AccountId::default(), None, 10).await.expect("listed");
    assert_eq!(listed, [report.record]);
}

#[tokio::test]
async fn text_and_markdown_are_kept_as_they_are() {
    let engine = builder().build().expect("all parts");
    let text = "# Loaf\n\n* flour <b>\n* water";
    let all = [Format::Text, Format::Markdown];

    for kind in ["text", "markdown"] {
        let extraction = Extraction::new(text, kind.parse().expect("a type"));
        let options = Item::get("").formats(all);
        let report = engine.extract(extraction.options(options)).await.expect("read");

        for format in all {
            assert_eq!(report.extracted.content[&format], text, "{kind} as {format}");
        }
        assert_eq!(report.record.site, None);
    }
}

#[tokio::test]
async fn a_page_without_text_gives_the_data_of_its_scripts() {
    let engine = builder().build().expect("all parts");
    let state = json!({ "props": { "pageProps": { "article": {
        "title": "Bread", "body": "Flour, water, salt and time are all that a good loaf of bread needs. ".repeat(8),
    } } } });
    let page = format!(
        "<title>Bread</title><div id=\"__next\"></div><script id=\"__NEXT_DATA__\" type=\"application/json\">{state}</script>"
    );
    let options = Item::get("").formats([Format::Text]);

    let report = engine.extract(Extraction::html(page).options(options)).await.expect("read");

    assert!(report.extracted.text.contains("a good loaf"), "{:?}", report.extracted.text);
}

#[tokio::test]
async fn a_repeated_extraction_is_served_from_the_cache_at_no_charge() {
    let engine = limited(builder(), 100_000).await;
    let extract = |cache, key: Option<&str>, document: &str| {
        let mut extraction = Extraction::html(document).options(schema()).cache(cache);
        if let Some(key) = key {
            extraction = extraction.idempotency_key(key);
        }
        engine.extract(extraction)
    };
    let charged = |it: &ExtractionReport| (it.charged().0, it.is_cached());

    let missing = extract(ExtractionCache::Only, None, PAGE).await;
    assert!(matches!(missing, Err(ExtractionError::NotCached)), "{missing:?}");
    let first = extract(ExtractionCache::Auto, Some("order-1"), PAGE).await.expect("read");
    let hit = extract(ExtractionCache::Only, None, PAGE).await.expect("cached");
    let again = extract(ExtractionCache::Auto, Some("order-1"), PAGE).await.expect("repeated");
    let fresh = extract(ExtractionCache::Skip, None, PAGE).await.expect("read");
    let other = extract(ExtractionCache::Auto, None, "<p>Another page</p>").await.expect("read");
    let reused = extract(ExtractionCache::Auto, Some("order-1"), "<p>Another page</p>").await;

    assert_eq!(charged(&first), (2_500, false));
    assert_eq!((charged(&hit), &hit.extracted), ((0, true), &first.extracted));
    assert_eq!((again.record, again.extracted), (first.record, first.extracted));
    assert_eq!((charged(&fresh), charged(&other)), ((2_500, false), (2_500, false)));
    assert!(matches!(reused, Err(ExtractionError::KeyReused)), "{reused:?}");
    assert_eq!(books(&engine).await, (92_500, 0, 7_500));
}

/// A model that answers with the length of the text, and counts its questions.
#[derive(Clone, Debug, Default)]
struct Counting(Arc<AtomicUsize>);

impl PromptExtractor for Counting {
    fn answer(&self, request: PromptRequest) -> BoxFuture<'_, Result<PromptAnswer, PromptError>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let answer = PromptAnswer::new(json!({ "asked": request.prompt }), "openai", "small");
        Box::pin(async move { Ok(answer.with_tokens(120, 9)) })
    }
}

#[tokio::test]
async fn a_prompt_is_charged_only_if_a_model_answers_it() {
    let model = Counting::default();
    let with = limited(builder().prompts(model.clone()), 10_000).await;
    let without = limited(builder(), 10_000).await;
    let extraction = || Extraction::html(PAGE).options(schema().prompt("What is it made of?"));

    let answered = with.extract(extraction()).await.expect("read");
    let cached = with.extract(extraction()).await.expect("cached");
    let unanswered = without.extract(extraction()).await.expect("read");

    let answer = answered.extracted.prompted.as_ref().expect("an answer");
    assert_eq!(answer.value, json!({ "asked": "What is it made of?" }));
    assert_eq!((answered.charged(), cached.charged()), (Credits(3_500), Credits::ZERO));
    assert_eq!(model.0.load(Ordering::Relaxed), 1, "a cached answer asks no model");
    let ExtractionState::Succeeded { model: Some(used), .. } = &answered.record.state else {
        panic!("{:?}", answered.record)
    };
    assert_eq!((used.model.as_str(), used.input_tokens, used.output_tokens), ("small", 120, 9));
    assert_eq!(unanswered.charged(), Credits(2_500));
    let warnings = unanswered.extracted.warnings.join("\n");
    assert!(warnings.contains("extraction_prompt was not answered"), "{warnings}");
    assert_eq!(books(&without).await, (7_500, 0, 2_500));
}

#[tokio::test]
async fn an_extraction_that_is_refused_costs_nothing() {
    let engine = limited(builder(), 3_000).await;
    let huge = "x".repeat(5 * 1_024 * 1_024 + 1);
    let large = "word ".repeat(100_001);
    let field = |result: Result<ExtractionReport, ExtractionError>| match result {
        Err(ExtractionError::Invalid(error)) => error.field(),
        other => panic!("{other:?}"),
    };
    let page = || Extraction::html(PAGE);
    let options = |change: fn(&mut Item)| {
        let mut item = schema();
        change(&mut item);
        engine.extract(Extraction::html(PAGE).options(item))
    };

    assert_eq!(field(engine.extract(Extraction::html(" \n")).await), "content");
    assert_eq!(field(engine.extract(Extraction::html(huge)).await), "content");
    assert_eq!(field(engine.extract(page().cache_ttl(Duration::ZERO)).await), "cache_ttl");
    assert_eq!(field(options(|it| it.url = "ftp://a/".into()).await), "source_url");
    assert_eq!(field(options(|it| it.formats.clear()).await), "formats");
    let bad_key = engine.extract(page().idempotency_key("\n")).await;
    assert!(matches!(bad_key, Err(ExtractionError::BadKey)), "{bad_key:?}");
    let capped = options(|it| it.cost_controls.max_credits = Some(Credits(2_499))).await;
    assert!(matches!(capped, Err(ExtractionError::TooExpensive { .. })), "{capped:?}");
    let overdrawn = engine.extract(Extraction::html(large)).await;
    assert!(matches!(overdrawn, Err(ExtractionError::Overdrawn(_))), "{overdrawn:?}");
    let budget = Budget::new(Period::Daily).with_credits(Some(Credits(2_499)));
    let over = engine.extract(page().label("agent").budget(budget)).await;
    assert!(matches!(over, Err(ExtractionError::OverBudget(_))), "{over:?}");
    let pdf = engine.extract(Extraction::html("%PDF-1.7 and more").idempotency_key("k")).await;
    assert!(matches!(pdf, Err(ExtractionError::Failed(_))), "{pdf:?}");
    let again = engine.extract(page().idempotency_key("k")).await.expect("the key is free again");
    assert_eq!((again.charged(), books(&engine).await), (Credits(2_500), (500, 0, 2_500)));
}

/// An extractor that waits until it may go on, and then panics.
#[derive(Debug)]
struct Panicking;

impl Extractor for Panicking {
    fn extract(&self, _: Document<'_>) -> Result<Extracted, ExtractError> {
        panic!("a mistake of the extractor")
    }
}

#[tokio::test]
async fn a_panic_of_the_extractor_releases_the_hold() {
    let engine = limited(builder().extractor(Panicking), 5_000).await;

    let failed = engine.extract(Extraction::html(PAGE)).await;

    assert!(matches!(failed, Err(ExtractionError::Failed(ExtractError::Panicked))), "{failed:?}");
    assert_eq!(books(&engine).await, (5_000, 0, 0));
}

/// A memory store that fails the commit which ends the first extraction.
#[derive(Debug, Default)]
struct FirstEndFails {
    inner: Memory,
    /// `true` if the commit is applied nevertheless.
    applies: bool,
    has_failed: AtomicBool,
}

impl Store for FirstEndFails {
    delegate!(inner: load, list, claim, due, bodies);

    fn commit(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>> {
        let is_end = writes
            .iter()
            .any(|it| matches!(&it.record, Some(Record::Extraction(it)) if !it.is_running()));
        if !is_end || self.has_failed.swap(true, Ordering::SeqCst) {
            return self.inner.commit(writes);
        }
        Box::pin(async move {
            if self.applies {
                self.inner.commit(writes).await?;
            }
            let source = Box::new(io::Error::from(io::ErrorKind::StorageFull));
            Err(StoreError::Backend { store: "memory", source })
        })
    }
}

#[tokio::test]
async fn an_extraction_whose_end_is_refused_costs_nothing() {
    let engine = limited(builder().store(FirstEndFails::default()), 5_000).await;
    let extract = || {
        let extraction = Extraction::html(PAGE).options(schema());
        engine.extract(extraction.idempotency_key("k"))
    };

    let refused = extract().await;

    let is_of_store = matches!(refused, Err(ExtractionError::Engine(EngineError::Store(_))));
    assert!(is_of_store, "{refused:?}");
    assert_eq!(books(&engine).await, (5_000, 0, 0));
    let again = extract().await.expect("the key is free again");
    assert_eq!((again.is_cached(), books(&engine).await), (false, (2_500, 0, 2_500)));
}

#[tokio::test]
async fn an_extraction_whose_end_was_applied_is_returned() {
    let store = FirstEndFails { applies: true, ..FirstEndFails::default() };
    let engine = limited(builder().store(store), 5_000).await;

    let report = engine.extract(Extraction::html(PAGE).options(schema())).await.expect("ended");

    assert_eq!((report.charged(), books(&engine).await), (Credits(2_500), (2_500, 0, 2_500)));
}

/// A model that never answers.
#[derive(Debug)]
struct Silent;

impl PromptExtractor for Silent {
    fn answer(&self, _: PromptRequest) -> BoxFuture<'_, Result<PromptAnswer, PromptError>> {
        Box::pin(std::future::pending())
    }
}

/// A model that answers from the second question on.
#[derive(Debug, Default)]
struct Late(Counting);

impl PromptExtractor for Late {
    fn answer(&self, request: PromptRequest) -> BoxFuture<'_, Result<PromptAnswer, PromptError>> {
        if self.0.0.load(Ordering::Relaxed) == 0 {
            self.0.0.store(1, Ordering::Relaxed);
            return Box::pin(async {
                Err(PromptError::Refused {
                    provider: "openai".into(),
                    status: 503,
                    reason: "busy".into(),
                })
            });
        }
        self.0.answer(request)
    }
}

#[tokio::test]
async fn a_document_without_its_answer_is_not_cached() {
    let engine = limited(builder().prompts(Late::default()), 10_000).await;
    let extraction = || Extraction::html(PAGE).options(schema().prompt("What is it made of?"));

    let first = engine.extract(extraction()).await.expect("read");
    let second = engine.extract(extraction()).await.expect("read");
    let third = engine.extract(extraction()).await.expect("cached");

    assert_eq!((first.extracted.prompted, first.record.charged()), (None, Credits(2_500)));
    assert_eq!((second.is_cached(), second.charged()), (false, Credits(3_500)));
    assert_eq!((third.is_cached(), &third.extracted), (true, &second.extracted));
}

#[tokio::test(start_paused = true)]
async fn a_repetition_does_not_depend_on_the_cache() {
    let engine = limited(builder().clock(Paused::default()), 5_000).await;
    engine.extract(Extraction::html(PAGE).options(schema())).await.expect("read");
    let capped = || {
        let options = schema().max_credits(Credits(1));
        let extraction = Extraction::html(PAGE).options(options).cache(ExtractionCache::Only);
        engine.extract(extraction.idempotency_key("k"))
    };
    let first = capped().await.expect("cached");

    tokio::time::sleep(Duration::from_hours(2)).await;
    let again = capped().await.expect("repeated");

    assert_eq!((again.record, again.extracted), (first.record, first.extracted));
}

#[tokio::test(start_paused = true)]
async fn extractions_under_way_are_bounded() {
    let engine = builder().prompts(Silent).clock(Paused::default()).build().expect("all parts");
    let extract = |number: u64, timeout| {
        let options = schema().prompt(format!("Why {number}?")).timeout(timeout);
        let (engine, extraction) = (engine.clone(), Extraction::html(PAGE).options(options));
        async move { engine.extract(extraction).await }
    };
    engine.extract(Extraction::html(PAGE)).await.expect("read");
    // Their callers go away, and the model is still silent.
    let abandoned: JoinSet<_> = (0..64).map(|it| extract(it, Duration::from_mins(5))).collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(abandoned);

    let cached = engine.extract(Extraction::html(PAGE)).await.expect("read before");
    assert!(cached.is_cached(), "a cached result needs no room");
    let refused = extract(64, Duration::from_secs(30)).await;
    let later = extract(64, Duration::from_mins(5)).await;

    assert!(matches!(refused, Err(ExtractionError::Busy)), "{refused:?}");
    assert!(later.is_ok(), "{later:?}");
}

#[tokio::test(start_paused = true)]
async fn an_extraction_ends_although_its_caller_goes_away() {
    let engine = limited(builder().prompts(Silent).clock(Paused::default()), 5_000).await;
    let extraction =
        || Extraction::html(PAGE).options(schema().prompt("Why?")).idempotency_key("k");

    let given_up = tokio::time::timeout(Duration::from_secs(1), engine.extract(extraction())).await;
    assert!(given_up.is_err(), "the model is silent");
    let meanwhile = engine.extract(extraction()).await;
    assert!(matches!(meanwhile, Err(ExtractionError::InProgress)), "{meanwhile:?}");
    assert_eq!(books(&engine).await, (1_500, 3_500, 0));
    tokio::time::sleep(Duration::from_mins(5)).await;

    assert_eq!(books(&engine).await, (2_500, 0, 2_500));
    let repeated = engine.extract(extraction()).await.expect("the result of the first");
    assert!(repeated.extracted.warnings.iter().any(|it| it.contains("no answer within 90")));
}

#[tokio::test(start_paused = true)]
async fn an_expired_extraction_is_removed_and_a_lost_one_gets_its_hold_back() {
    let store = Memory::default();
    let clock = Paused::default();
    let engine = limited(builder().store(store.clone()).clock(clock), 10_000).await;
    let ended = engine.extract(Extraction::html(PAGE).idempotency_key("k")).await.expect("read");
    // The records that a process leaves which died after its first commit.
    let account = AccountId::default();
    let now = engine.now();
    let id = ExtractionId::new(now, 1, 7);
    let lost = ExtractionRecord::new(
        id,
        account.clone(),
        Credits(1_000),
        now,
        now.after(Duration::from_mins(1)),
    );
    let key = rungs::core::record::Key::Account(account.clone());
    let found = store.load(vec![key]).await.expect("loaded").remove(0).expect("an account");
    let Record::Account(mut held) = found.record else { panic!("no account") };
    held.hold(Credits(1_000)).expect("covered");
    let write =
        |record: Record, expected| Write { key: record.key(), expected, record: Some(record) };
    let held = write(Record::Account(held), Some(found.version));
    let writes = vec![held, write(Record::Extraction(lost), None)];
    store.commit(writes).await.expect("committed");
    assert_eq!(books(&engine).await, (6_500, 1_000, 2_500));

    tokio::time::sleep(Duration::from_mins(3)).await;
    assert_eq!(books(&engine).await, (7_500, 0, 2_500));
    let listed = engine.extractions(&account, None, 10).await.expect("listed");
    assert_eq!(listed, [ended.record]);
    tokio::time::sleep(Duration::from_hours(24)).await;

    assert_eq!(engine.extractions(&account, None, 10).await.expect("listed"), []);
    for kind in [RecordKind::Extraction, RecordKind::IdempotencyRecord, RecordKind::CacheEntry] {
        let left = store.list(ListQuery::new(kind, 9)).await.expect("listed");
        assert_eq!(left, [], "{kind:?}");
    }
}
