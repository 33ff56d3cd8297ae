//! One signed `batch.completed` notification with one id, however many delivery attempts it takes.
//!
//! Run it with `cargo run --example webhook --features testkit`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rungs::prelude::*;
use rungs::testkit::site::{Site, SiteRequest, SiteResponse};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Verifies a request as any receiver would: with a library for Standard Webhooks.
fn verify(request: &SiteRequest) {
    let mut headers = http::HeaderMap::new();
    for (name, value) in &request.headers {
        let name = http::HeaderName::try_from(name).expect("a header name");
        headers.insert(name, http::HeaderValue::try_from(value).expect("a header value"));
    }
    let webhook = standardwebhooks::Webhook::new(SECRET).expect("a secret");
    webhook.verify(&request.body, &headers).expect("the signature matches");
}

#[tokio::main]
async fn main() -> Result<(), rungs::Error> {
    let pages = Site::start(|_| SiteResponse::html("<p>A page that is long enough to read.</p>"));
    let received = Arc::new(Mutex::new(Vec::<SiteRequest>::new()));
    let inbox = Arc::clone(&received);
    let endpoint = Site::start(move |request| {
        let mut inbox = inbox.lock().unwrap_or_else(PoisonError::into_inner);
        inbox.push(request.clone());
        // The first attempt fails, so that there is a second.
        SiteResponse::status(if inbox.len() == 1 { 503 } else { 204 })
    });
    let retry = RetrySchedule::new(&[Duration::from_millis(20); 2]).expect("two waits");
    let settings = Settings::default().with_webhook_retry(retry);
    let network = NetPolicy::new().allow_network("127.0.0.0/8")?;
    let engine = Engine::builder()
        .store(Memory::default())
        .http(Http::new().network(network.clone()))
        .webhooks(Webhooks::signed_with(SECRET).network(network))
        .settings(settings)
        .build()?;

    let batch = Batch::new([pages.url("/a"), pages.url("/b")]).webhook(endpoint.url("/hook"));
    let mut handle = engine.submit(batch).await?;
    handle.wait().await?;
    let notification = loop {
        let notification =
            engine.batch_notification(handle.id()).await?.expect("the batch has ended");
        if notification.state != NotificationState::Pending {
            break notification;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };

    assert_eq!(notification.state, NotificationState::Delivered);
    assert_eq!(notification.attempts.len(), 2);
    let requests = received.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let ids: BTreeSet<_> = requests.iter().filter_map(|it| it.header("webhook-id")).collect();
    assert_eq!((requests.len(), ids.len()), (2, 1), "two attempts with one id");
    assert!(ids.contains(notification.id.to_string().as_str()));
    for request in &requests {
        verify(request);
        let body: serde_json::Value = serde_json::from_slice(&request.body)?;
        assert_eq!(
            (&body["event"], &body["data"]["status"]),
            (&"batch.completed".into(), &"completed".into())
        );
    }
    println!("notification {} was verified on both attempts", notification.id);
    Ok(())
}
