//! Notifications of the items of a batch.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};

use rungs::core::batch::{ItemEvents, NotificationState};
use rungs::fetch::Http;
use rungs::net::NetPolicy;
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteRequest, SiteResponse};
use rungs::webhook::Webhooks;
use rungs::{Batch, BatchHandle, Engine};
use serde_json::{Value, json};

use crate::support::PATIENCE;

fn engine() -> Engine {
    let network = NetPolicy::new().allow_network("127.0.0.0/8").expect("a network");
    let builder =
        Engine::builder().store(Memory::default()).http(Http::new().network(network.clone()));
    builder.webhooks(Webhooks::unsigned().network(network)).build().expect("built")
}

/// A site with one page, and a receiver of webhooks.
fn sites() -> (Site, Site, Receiver<SiteRequest>) {
    let pages = Site::start(|request| match request.path.as_str() {
        "/gone" => SiteResponse::status(404),
        _ => {
            SiteResponse::html("<p>Flour, water, salt and time are all that a good loaf needs.</p>")
        }
    });
    let (sender, received) = channel();
    let sender = Mutex::new(sender);
    let hook = Site::start(move |request| {
        drop(sender.lock().expect("no panic").send(request.clone()));
        SiteResponse::status(204)
    });
    (pages, hook, received)
}

/// Returns the next `count` notifications as event, id and data, in the order of events and URLs.
fn next(received: &Receiver<SiteRequest>, count: usize) -> Vec<(String, String, Value)> {
    let mut all: Vec<_> = (0..count)
        .map(|_| {
            let request = received.recv_timeout(PATIENCE).expect("a notification");
            let body: Value = serde_json::from_slice(&request.body).expect("JSON");
            let id = request.header("webhook-id").expect("an id").to_owned();
            let event = body["event"].as_str().expect("a name").to_owned();
            assert_eq!(request.header("x-alterlab-event"), Some(event.as_str()));
            (event, id, body["data"].clone())
        })
        .collect();
    all.sort_by_key(|it| (it.0.clone(), it.2["url"].to_string()));
    all
}

async fn ended(engine: &Engine, batch: Batch) -> BatchHandle {
    let mut handle = engine.submit(batch).await.expect("accepted");
    handle.wait().await.expect("ends");
    handle
}

#[tokio::test(flavor = "multi_thread")]
async fn each_item_has_one_notification_of_its_own() {
    let (engine, (pages, hook, received)) = (engine(), sites());
    let urls = ["/a", "/b", "/gone"].map(|it| pages.url(it));
    let batch = Batch::new(urls.clone()).webhook(hook.url("/")).item_events(ItemEvents::ALL);

    let first = ended(&engine, batch).await;

    let all = next(&received, 4);
    let events: Vec<_> = all.iter().map(|it| (it.0.as_str(), &it.2["url"])).collect();
    let expected = [
        ("batch.completed", &Value::Null),
        ("job.completed", &json!(urls[0])),
        ("job.completed", &json!(urls[1])),
        ("job.failed", &json!(urls[2])),
    ];
    assert_eq!(events, expected);
    assert_eq!(all.iter().map(|it| &it.1).collect::<BTreeSet<_>>().len(), 4, "one id each");
    assert_eq!(all[3].2["error"], "NOT_FOUND_TARGET");
    let failed = first.job_ids()[2];
    assert_eq!(all[3].2["job_id"], failed.to_string());
    let notice = engine.job_notification(failed).await.expect("found").expect("one");
    assert_eq!((notice.id.to_string(), notice.batch), (all[3].1.clone(), first.id()));
    assert_ne!(notice.state, NotificationState::Unaddressed);

    let mut second = engine.retry(first.id()).await.expect("accepted");
    second.wait().await.expect("ends");
    let events: Vec<_> = next(&received, 2).into_iter().map(|it| it.0).collect();
    assert_eq!(events, ["batch.completed", "job.failed"], "a retry keeps the option");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_without_the_option_or_a_webhook_has_none() {
    let (engine, (pages, hook, received)) = (engine(), sites());
    let urls = || ["/a", "/gone"].map(|it| pages.url(it));

    let plain = ended(&engine, Batch::new(urls()).webhook(hook.url("/"))).await;
    let mute = ended(&engine, Batch::new(urls()).item_events(ItemEvents::ALL)).await;
    let batch = Batch::new(urls()).webhook(hook.url("/")).item_events(ItemEvents::FAILED);
    let failed = ended(&engine, batch).await;

    let events: Vec<_> = next(&received, 3).into_iter().map(|it| it.0).collect();
    assert_eq!(events, ["batch.completed", "batch.completed", "job.failed"]);
    for (handle, count) in [(plain, 0), (mute, 0), (failed, 1)] {
        let mut found = 0;
        for id in handle.job_ids() {
            found += usize::from(engine.job_notification(*id).await.expect("found").is_some());
        }
        assert_eq!(found, count);
    }
}
