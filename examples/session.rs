//! A stored session: encrypted at rest, sent to its site only, renewed by the site, and expired by a login page.
//!
//! Run it with `cargo run --example session --features testkit`.

use std::sync::Arc;

use rungs::prelude::*;
use rungs::{
    core::{failure::ErrorCode, session::SessionStatus},
    engine::{NewSession, SessionSecret},
    stores::{SealedSessions, SealingKey, SealingKeys},
    testkit::site::{Site, SiteResponse},
};

#[tokio::main]
async fn main() -> Result<(), rungs::Error> {
    let site = Site::start(|request| match request.header("cookie") {
        Some("sid=first") => SiteResponse::html("<p>Your orders: two loaves of bread.</p>")
            .header("set-cookie", "sid=second; Path=/"),
        Some("sid=second") => SiteResponse::html("<p>Your orders: three loaves of bread.</p>"),
        _ if request.path == "/login" => SiteResponse::html("<form><input type=password></form>"),
        _ => SiteResponse::redirect(302, "/login"),
    });
    let store = Arc::new(Memory::default());
    // An application reads its keys from a vault or a protected file.
    let keys = SealingKeys::new(SealingKey::from_bytes([7; 32]));
    let engine = Engine::builder()
        .store(Arc::clone(&store))
        .http(Http::new().allow_network("127.0.0.0/8")?)
        .sessions(SealedSessions::new(store, keys))
        .build()?;
    let (sessions, account) = (engine.sessions(), AccountId::default());

    let new = NewSession::new("my shop", site.url("/")).cookies([("sid", "first")]);
    let session = sessions.create(new).await?;
    for loaves in ["two", "three"] {
        let page = engine.scrape(Item::get(site.url("/orders")).session(session.id)).await?;
        let text = page.result()?.text().unwrap_or_default().to_owned();
        assert!(text.contains(loaves), "{text}");
        println!("{text}");
    }

    let over = SessionSecret::default().cookies([("sid", "logged-out")]);
    sessions.refresh(&account, session.id, over).await?;
    let failed = engine.scrape(Item::get(site.url("/orders")).session(session.id)).await?;
    let code = failed.into_result().err().map(|it| it.code);
    assert_eq!(code, Some(ErrorCode::LoginRequired));
    let session = sessions.get(&account, session.id).await?;
    assert_eq!(session.status, SessionStatus::Expired);
    println!("{}: {} after {} pages", session.name, session.status, session.total_requests);

    sessions.remove(&account, session.id).await?;
    engine.shutdown().await;
    Ok(())
}
