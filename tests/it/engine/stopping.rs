//! Handles on batches when the engine stops or its store fails.

use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures_core::Stream;
use rungs::core::batch::BatchStatus;
use rungs::core::tier::Tier;
use rungs::engine::{EngineError, Settings};
use rungs::ports::fetch::{Fetched, fetcher_fn};
use rungs::stores::Memory;
use rungs::{Batch, BatchHandle, Engine, ProgressEvent};
use tokio::time::timeout;

use crate::support::PATIENCE;
use crate::support::failing::Failing;

/// A grace period that no test lives to see.
const ENDLESS: Duration = Duration::from_hours(24);

/// An engine on `store` whose pages never arrive.
fn silent(store: impl rungs::ports::store::Store + 'static, grace: Duration) -> Engine {
    Engine::builder()
        .store(store)
        .http(fetcher_fn([Tier::Curl], |_| std::future::pending()))
        .settings(Settings::default().with_grace(grace))
        .build()
        .expect("all parts")
}

async fn started(engine: &Engine) -> BatchHandle {
    let mut handle = engine.submit(Batch::new(["http://a.test/"])).await.expect("accepted");
    while !matches!(handle.next_event().await, Ok(Some(ProgressEvent::JobStarted { .. }))) {}
    handle
}

/// Returns the next item of a stream.
async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    std::future::poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}

#[tokio::test]
async fn a_shutdown_ends_events_and_streams_with_an_error_that_names_it() {
    let engine = silent(Memory::default(), ENDLESS);
    let mut handle = started(&engine).await;
    let mut events = engine.batch_handle(handle.id()).await.expect("known").into_events();
    let stopping = tokio::spawn(async move { engine.shutdown().await });

    let event = timeout(PATIENCE, async {
        loop {
            match handle.next_event().await {
                Ok(Some(_)) => {}
                end => break end,
            }
        }
    });
    let event = event.await.expect("it ends though the grace period does not");
    let streamed = timeout(PATIENCE, async {
        loop {
            match next(&mut events).await {
                Some(Ok(_)) => {}
                end => break (end, next(&mut events).await),
            }
        }
    });
    let (last, after) = streamed.await.expect("it ends though the grace period does not");

    assert!(matches!(event, Err(EngineError::Stopped)), "{event:?}");
    assert!(matches!(last, Some(Err(EngineError::Stopped))), "{last:?}");
    assert!(after.is_none(), "nothing follows the error");
    stopping.abort();
}

#[tokio::test]
async fn waiting_for_a_report_ends_with_the_shutdown() {
    let engine = silent(Memory::default(), Duration::ZERO);
    let mut handle = started(&engine).await;
    let waiting = tokio::spawn(async move { handle.report().await });

    engine.shutdown().await;

    let report = timeout(PATIENCE, waiting).await.expect("it ends").expect("no panic");
    assert!(matches!(report, Err(EngineError::Stopped)), "{report:?}");
}

#[tokio::test]
async fn a_page_that_ends_within_the_grace_period_is_reported() {
    let (go, wait) = tokio::sync::watch::channel(false);
    let fetcher = fetcher_fn([Tier::Curl], move |_| {
        let mut wait = wait.clone();
        async move {
            let _ = wait.wait_for(|go| *go).await;
            Ok(Fetched::new(200, "<p>Flour, water, salt and time make a good loaf of bread.</p>"))
        }
    });
    let settings = Settings::default().with_grace(ENDLESS);
    let engine = Engine::builder().store(Memory::default()).http(fetcher).settings(settings);
    let engine = engine.build().expect("all parts");
    let mut handle = started(&engine).await;

    let (report, ()) = tokio::join!(handle.report(), async {
        let shutdown = engine.shutdown();
        tokio::pin!(shutdown);
        assert!(
            std::future::poll_fn(|cx| Poll::Ready(shutdown.as_mut().poll(cx))).await.is_pending()
        );
        go.send(true).expect("the fetcher waits");
        shutdown.await;
    });

    assert!(report.expect("in time").jobs()[0].result().is_ok());
}

#[tokio::test]
async fn a_failed_store_ends_events_with_its_error() {
    let store = Failing::default();
    let engine = silent(store.clone(), ENDLESS);
    let mut handle = started(&engine).await;

    store.fail_reads(true);
    let event = timeout(PATIENCE, handle.next_event()).await.expect("it ends");
    let report = timeout(PATIENCE, handle.report()).await.expect("it ends");

    assert!(matches!(event, Err(EngineError::Store(_))), "{event:?}");
    assert!(matches!(report, Err(EngineError::Store(_))), "{report:?}");
}

#[cfg(feature = "server")]
#[tokio::test]
async fn a_server_with_an_open_event_stream_stops_within_its_grace_period() {
    use std::task::Context;

    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use rungs::engine::ProgressEvents;
    use rungs::service::{ConnectionLimits, serve};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_util::sync::CancellationToken;

    /// One line per event, as an application's endpoint streams them.
    struct Lines(ProgressEvents);

    impl Stream for Lines {
        type Item = Result<String, EngineError>;

        fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            let event = std::task::ready!(Pin::new(&mut self.0).poll_next(cx));
            Poll::Ready(event.map(|it| it.map(|event| format!("{event:?}\n"))))
        }
    }

    let engine = silent(Memory::default(), ENDLESS);
    let handle = started(&engine).await;
    let (of_handler, id) = (engine.clone(), handle.id());
    let router = Router::new().route(
        "/events",
        get(move || async move {
            let handle = of_handler.batch_handle(id).await.expect("known");
            Body::from_stream(Lines(handle.into_events()))
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, limits) = (CancellationToken::new(), ConnectionLimits::default());
    let limits = limits.with_shutdown_grace(ENDLESS);
    let serving = tokio::spawn(serve(listener, router, limits, stop.clone()));
    let mut client = TcpStream::connect(address).await.expect("it listens");
    client.write_all(b"GET /events HTTP/1.1\r\nhost: a.test\r\n\r\n").await.expect("sent");
    client.read_exact(&mut [0; 15]).await.expect("the response begins");

    stop.cancel();
    let stopping = tokio::spawn(async move { engine.shutdown().await });

    timeout(PATIENCE, serving).await.expect("the stream ends").expect("no panic");
    stopping.abort();
}

#[tokio::test]
async fn an_engine_goes_on_when_its_store_takes_writes_again() {
    let store = Failing::default();
    let page = "<p>Flour, water, salt and time make a good loaf of bread, every time.</p>";
    let http = fetcher_fn([Tier::Curl], move |_| async move { Ok(Fetched::new(200, page)) });
    let engine = Engine::builder().store(store.clone()).http(http).build().expect("all parts");
    let mut before = engine.submit(Batch::new(["http://a.test/"])).await.expect("accepted");
    before.wait().await.expect("it ends");

    store.fail_writes(true);
    let refused = engine.submit(Batch::new(["http://a.test/"])).await.map(drop);
    let report = before.report().await;
    store.fail_writes(false);
    let mut after = engine.submit(Batch::new(["http://a.test/"])).await.expect("accepted");
    let status = timeout(PATIENCE, after.wait()).await.expect("it ends");

    assert!(refused.is_err(), "nothing was written");
    assert!(report.expect("reads go on").jobs()[0].result().is_ok());
    assert_eq!(status.expect("it runs"), BatchStatus::Completed);
}
