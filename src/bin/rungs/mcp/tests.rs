//! Tools on a real engine, in states that a client does not bring about in time.

use std::sync::Arc;

use rungs::core::id::{BatchId, CrawlId};
use rungs::core::record::Key;
use rungs::engine::EngineBuilder;
use rungs::fetch::Http;
use rungs::net::NetPolicy;
use rungs::ports::BoxFuture;
use rungs::ports::prompt::{PromptAnswer, PromptError, PromptExtractor, PromptRequest};
use rungs::ports::store::{Store, Write};
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteResponse};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::*;

/// The tools of an engine, for the only client of the process.
fn tools(engine: EngineBuilder) -> (Engine, Server) {
    let engine = engine.build().expect("an engine");
    let secret = ApiKey::random(&SystemEntropy);
    let key = ApiKey::new(OWN_KEY, AccountId::default(), &secret).expect("a key");
    let keys = Keys::new([key]).expect("keys");
    let options = options(ServiceOptions::default());
    let service = Service::new(engine.clone()).keys(keys).options(options);
    let secret = HeaderValue::try_from(secret).expect("a header");
    let credentials = Credentials::Own { name: OWN_KEY.to_owned(), secret };
    let rest = Rest::new(service.router(), credentials);
    let tools = Server::new(engine.clone(), rest, 25_000, CancellationToken::new());
    (engine, tools)
}

/// The text of a result that is not an error.
async fn called(tools: &Server, tool: &str, arguments: Value) -> String {
    let result = tools.called(tool, arguments).await;
    let content = serde_json::to_value(&result.content).expect("plain data");
    let text = content[0]["text"].as_str().expect("a text").to_owned();
    assert_ne!(result.is_error, Some(true), "{text}");
    text
}

fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let value = text.lines().find_map(|it| it.strip_prefix(name)?.strip_prefix(": "));
    value.unwrap_or_else(|| panic!("{name}: {text}"))
}

async fn remove(store: &Memory, key: Key) {
    let found = store.load(vec![key.clone()]).await.expect("a record");
    let expected = found.into_iter().flatten().next().map(|it| it.version);
    assert!(expected.is_some(), "no {key:?}");
    let write = Write { key, expected, record: None };
    store.commit(vec![write]).await.expect("removed");
}

fn site() -> Site {
    Site::start(|request| match request.path.as_str() {
        "/robots.txt" | "/sitemap.xml" => SiteResponse::status(404),
        path => SiteResponse::html(format!(
            "<title>{path}</title><article><p>Flour, water, salt and time are all that a good loaf needs, and of these \
             time is the one that most people are least willing to give.</p></article>"
        )),
    })
}

fn engine(store: &Memory) -> EngineBuilder {
    let network = NetPolicy::new().allow_private();
    Engine::builder().store(store.clone()).http(Http::new().network(network))
}

#[tokio::test]
async fn a_list_names_pages_that_were_removed() {
    let (store, site) = (Memory::default(), site());
    let (engine, tools) = tools(engine(&store));
    let urls = [site.url("/a"), site.url("/b")];
    let all = called(&tools, "batch", json!({ "urls": urls, "wait_seconds": 45 })).await;
    let batch: BatchId = field(&all, "batch_id").parse().expect("an id");
    let gone = engine.job_ids(batch).await.expect("jobs")[0];
    remove(&store, Key::Job(gone)).await;

    let rest = called(&tools, "batch_status", json!({ "batch_id": batch.to_string() })).await;

    assert!(rest.contains(&format!("\n0: removed, job_id {gone}: it has expired\n")), "{rest}");
    assert!(rest.contains("\n1: succeeded, ") && rest.contains("good loaf"), "{rest}");
}

#[tokio::test]
async fn a_list_counts_the_batches_that_were_removed() {
    let (store, site) = (Memory::default(), site());
    let (engine, tools) = tools(engine(&store));
    let arguments = json!({ "url": site.url("/a"), "sitemap": "skip", "wait_seconds": 45 });
    let all = called(&tools, "crawl", arguments).await;
    let crawl: CrawlId = field(&all, "crawl_id").parse().expect("an id");
    let batches = engine.crawl_batches(crawl).await.expect("batches");
    for batch in &batches {
        remove(&store, Key::Batch(*batch)).await;
    }

    let arguments = json!({ "crawl_id": crawl.to_string(), "offset": 1 });
    let rest = called(&tools, "crawl_status", arguments).await;

    assert!(all.contains("1 pages found, 1 succeeded") && !all.contains("removed: "), "{all}");
    let removed = format!("\nremoved: {} batches of the crawl have expired", batches.len());
    assert!(rest.contains(&removed), "{rest}");
}

/// A model that answers once it may.
#[derive(Clone, Debug, Default)]
struct Slow(Arc<Notify>);

impl PromptExtractor for Slow {
    fn answer(&self, _: PromptRequest) -> BoxFuture<'_, Result<PromptAnswer, PromptError>> {
        Box::pin(async {
            self.0.notified().await;
            Ok(PromptAnswer::new(json!({ "price": 5 }), "test", "slow"))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_extraction_is_charged_once_for_its_repetitions() {
    let model = Slow::default();
    let (_, tools) = tools(engine(&Memory::default()).prompts(model.clone()));
    let extract = json!({
        "content": "The lamp costs 5.", "content_type": "text", "timeout": 300,
        "extraction_prompt": "What does it cost?",
    });

    let first = called(&tools, "extract", extract.clone()).await;
    let second = called(&tools, "extract", extract.clone()).await;
    model.0.notify_one();
    let third = called(&tools, "extract", extract.clone()).await;
    let fourth = called(&tools, "extract", extract).await;

    for text in [&first, &second] {
        assert!(
            text.contains("status: the extraction is not finished yet, and continues"),
            "{text}"
        );
        assert!(text.contains("next: call extract again with the same arguments later"), "{text}");
        assert!(text.contains("cost: charged once, when it ends"), "{text}");
        assert!(field(text, "budget").contains(" 0 credits spent"), "{text}");
    }
    assert!(third.contains(r#"{"price":5}"#), "{third}");
    assert_eq!(field(&fourth, "extract_id"), field(&third, "extract_id"));
    let cost = field(&third, "cost").split(' ').next().expect("a number");
    assert!(
        field(&fourth, "budget").contains(&format!(" {cost} credits spent and 0 reserved")),
        "{fourth}"
    );
}

/// Sends a message over HTTP, and returns the status and the body of the response.
async fn posted(tools: &Server, message: &str) -> (StatusCode, Value) {
    let request = Request::post(PATH)
        .header("content-type", "application/json; charset=utf-8")
        .header("accept", "application/json, text/event-stream")
        .header("host", "127.0.0.1");
    let request = request.body(Body::from(message.to_owned())).expect("a request");
    let mut endpoint = endpoint(tools.clone(), Duration::from_secs(30));
    let response = tower_service::Service::call(&mut endpoint, request).await.expect("infallible");
    let status = response.status();
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

#[tokio::test]
async fn a_malformed_message_over_http_has_an_error_of_the_protocol() {
    let (_engine, tools) = tools(engine(&Memory::default()));

    for (message, id, code) in [
        ("{bad", Value::Null, -32_700),
        ("[]", Value::Null, -32_600),
        (r#"{"jsonrpc":"2.0","id":9}"#, json!(9), -32_600),
    ] {
        let (status, body) = posted(&tools, message).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{message}");
        assert_eq!((&body["id"], &body["error"]["code"]), (&id, &json!(code)), "{body}");
    }
}

#[tokio::test]
async fn a_call_without_a_tool_or_with_a_list_of_arguments_has_invalid_parameters() {
    let (_engine, tools) = tools(engine(&Memory::default()));

    for params in [json!({ "name": "scrape", "arguments": [1] }), json!({ "arguments": {} })] {
        let call = json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": params });
        let (_, body) = posted(&tools, &call.to_string()).await;
        assert_eq!((&body["id"], &body["error"]["code"]), (&json!(3), &json!(-32_602)), "{body}");
    }
}
