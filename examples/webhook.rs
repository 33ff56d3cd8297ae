//! One signed `batch.completed` with one id, whatever its deliveries meet.
//!
//! Run it with `cargo run --example webhook --features testkit`.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rungs::core::batch::NotificationState;
use rungs::fetch::http::Http;
use rungs::net::NetPolicy;
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteRequest, SiteResponse};
use rungs::webhook::Webhooks;
use rungs::{Batch, Engine, Settings};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let pages = Site::start(|_| SiteResponse::html("<p>A page that is long enough to read.</p>"));
    let seen = Arc::new(Mutex::new(Vec::<SiteRequest>::new()));
    let inbox = Arc::clone(&seen);
    let receiver = Site::start(move |request| {
        let mut inbox = inbox.lock().unwrap_or_else(PoisonError::into_inner);
        inbox.push(request.clone());
        // Busy the first time, so that there is a second.
        SiteResponse::status(if inbox.len() == 1 { 503 } else { 204 })
    });
    let mut settings = Settings::default();
    settings.webhook_retry.first = Duration::from_millis(20);
    let network = NetPolicy::new().allow_network("127.0.0.0/8")?;
    let engine = Engine::builder()
        .store(Memory::default())
        .http(Http::new().network(network.clone()))
        .webhooks(Webhooks::signed_with(SECRET).network(network))
        .settings(settings)
        .build()?;

    let batch = Batch::new([pages.url("/a"), pages.url("/b")]).webhook(receiver.url("/hook"));
    let mut handle = engine.submit(batch).await?;
    handle.wait().await?;
    let notice = loop {
        let notice = engine.batch_notification(handle.id()).await?.ok_or("the batch has ended")?;
        if notice.state != NotificationState::Pending {
            break notice;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };

    assert_eq!((notice.state, notice.attempts.len()), (NotificationState::Delivered, 2));
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let ids: BTreeSet<_> = seen.iter().filter_map(|it| it.header("webhook-id")).collect();
    assert_eq!((seen.len(), ids.len()), (2, 1), "two attempts with one delivery id");
    assert!(ids.contains(notice.id.to_string().as_str()));
    for request in &seen {
        let mut headers = http::HeaderMap::new();
        for (name, value) in &request.headers {
            headers.insert(http::HeaderName::try_from(name)?, http::HeaderValue::try_from(value)?);
        }
        standardwebhooks::Webhook::new(SECRET)?.verify(&request.body, &headers)?;
        let own = request.header("x-alterlab-signature").ok_or("it is signed")?;
        assert!(own.starts_with("sha256="), "{own}");
        let body: serde_json::Value = serde_json::from_slice(&request.body)?;
        assert_eq!(
            (&body["event"], &body["data"]["status"]),
            (&"batch.completed".into(), &"completed".into())
        );
    }
    println!("one event with the id {}, verified on both attempts", notice.id);
    Ok(())
}
