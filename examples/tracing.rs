//! One trace over two processes: one submits a batch, the other fetches its pages. Both export their spans with
//! OpenTelemetry to a collector, for which a small server stands in.
//!
//! Run it with `cargo run --all-features --example tracing`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use rungs::testkit::site::{Site, SiteResponse};
use rungs::{
    core::trace::TraceContext, engine::EngineBuilder, prelude::*, testkit::store::SharedHandle,
};
use serde_json::Value;
use tokio::runtime::{Builder, Handle};
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;

/// Sends exports from a runtime, because the thread that exports has none.
#[derive(Debug)]
struct Sender(Handle);

#[async_trait::async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sending = async {
            let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
            let (head, body) = client.request(request.map(Full::new)).await?.into_parts();
            Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
        };
        self.0.spawn(sending).await?
    }
}

/// Runs the main function of a service, whose spans are exported to `collector`.
async fn service<F>(
    name: &'static str,
    collector: String,
    main: impl FnOnce() -> F + Send + 'static,
) where
    F: Future<Output = Result<(), rungs::Error>>,
{
    let sender = Sender(Handle::current());
    let process = std::thread::spawn(move || {
        let exporter = SpanExporter::builder().with_http().with_http_client(sender);
        let exporter = exporter.with_protocol(Protocol::HttpJson).with_endpoint(collector);
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter.build().expect("an exporter"))
            .with_resource(Resource::builder().with_service_name(name).build())
            .build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("rungs"));
        let subscriber = tracing_subscriber::registry().with(layer);
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        tracing::subscriber::with_default(subscriber, || runtime.block_on(main()))
            .expect("it runs");
        provider.shutdown().expect("all spans are exported");
    });
    tokio::task::spawn_blocking(|| process.join()).await.expect("it runs").expect("it ends");
}

/// Returns an engine whose spans join the traces of submissions.
fn engine(store: SharedHandle) -> Result<EngineBuilder, rungs::Error> {
    let http = Http::new().network(NetPolicy::new().allow_network("127.0.0.0/8")?);
    let engine = Engine::builder().store(store).http(http).join_traces(|span, context| {
        let mut headers = std::collections::HashMap::new();
        headers.insert("traceparent".to_owned(), context.to_string());
        headers.extend(context.state().map(|it| ("tracestate".to_owned(), it.to_owned())));
        let _ = span.set_parent(TraceContextPropagator::new().extract(&headers));
    });
    Ok(engine)
}

/// Returns the trace context of the current span.
fn current() -> Result<TraceContext, rungs::core::trace::ParseTraceError> {
    let mut headers = std::collections::HashMap::new();
    let context = tracing::Span::current().context();
    TraceContextPropagator::new().inject_context(&context, &mut headers);
    let state = headers.get("tracestate").map_or("", String::as_str);
    Ok(headers
        .get("traceparent")
        .map_or("", String::as_str)
        .parse::<TraceContext>()?
        .with_state(state))
}

async fn submit(store: SharedHandle, url: String) -> Result<(), rungs::Error> {
    let engine = engine(store)?.calls_only().build()?;
    let order = async {
        let context = current().expect("a span of a trace");
        let mut handle = engine.submit(Batch::new([url]).trace(context)).await?;
        handle.wait().await?;
        Ok::<_, rungs::Error>(())
    };
    order.instrument(tracing::info_span!("order")).await?;
    engine.shutdown().await;
    Ok(())
}

async fn work(
    store: SharedHandle,
    until: tokio::sync::oneshot::Receiver<()>,
) -> Result<(), rungs::Error> {
    let engine = engine(store)?.build()?;
    let _ = until.await;
    engine.shutdown().await;
    Ok(())
}

/// Returns the entries of a list in JSON.
fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

#[tokio::main]
async fn main() -> Result<(), rungs::Error> {
    let pages = Site::start(|request| {
        assert_eq!(request.header("traceparent"), None, "sites are not told of the trace");
        SiteResponse::html("<p>A page that is long enough to read.</p>")
    });
    let exported = Arc::new(Mutex::new(Vec::<Value>::new()));
    let exports = Arc::clone(&exported);
    let collector = Site::start(move |request| {
        let export = serde_json::from_slice(&request.body).expect("OTLP as JSON");
        exports.lock().unwrap_or_else(PoisonError::into_inner).push(export);
        SiteResponse::status(200).header("content-type", "application/json").body("{}")
    });
    let (store, endpoint) = (SharedHandle::new(Memory::default()), collector.url("/v1/traces"));
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let (here, there, url) = (store.open(), store, pages.url("/"));

    let worker = tokio::spawn(service("worker", endpoint.clone(), || work(there, stopped)));
    service("api", endpoint, || submit(here, url)).await;
    let _ = stop.send(());
    worker.await.expect("the worker ends");

    let (mut traces, mut spans) = (BTreeSet::new(), BTreeSet::new());
    let exported = exported.lock().unwrap_or_else(PoisonError::into_inner);
    for resource in exported.iter().flat_map(|it| list(it, "resourceSpans")) {
        let mut attributes = list(&resource["resource"], "attributes");
        let service = attributes.find(|it| it["key"] == "service.name").expect("a name");
        let service = service["value"]["stringValue"].as_str().unwrap_or_default();
        for span in list(resource, "scopeSpans").flat_map(|it| list(it, "spans")) {
            let name = span["name"].as_str().unwrap_or_default();
            if ["order", "submit", "job", "attempt"].contains(&name) {
                traces.insert(span["traceId"].to_string());
                spans.insert(format!("{service}: {name}"));
            }
        }
    }
    let all = ["api: order", "api: submit", "worker: attempt", "worker: job"];
    assert_eq!(Vec::from_iter(&spans), all);
    assert_eq!(traces.len(), 1, "one trace over both services: {traces:?}");
    println!("{} spans of two services belong to trace {traces:?}", spans.len());
    Ok(())
}
