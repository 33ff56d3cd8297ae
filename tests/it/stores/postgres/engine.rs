//! Engines that share a database.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use rungs::core::batch::BatchStatus;
use rungs::core::credits::Credits;
use rungs::fetch::Http;
use rungs::net::NetPolicy;
use rungs::stores::Postgres;
use rungs::testkit::site::{Site, SiteResponse};
use rungs::{Batch, Engine, Settings};

use crate::support::postgres::{block_on, new_url};

async fn engine(url: &str) -> Engine {
    let store = Postgres::connect(url).await.expect("the server runs");
    let network = NetPolicy::new().allow_network("127.0.0.0/8").expect("a network");
    let settings = Settings::default().with_concurrency(4);
    let engine = Engine::builder().store(store).http(Http::new().network(network));
    engine.settings(settings).build().expect("all parts are there")
}

#[test]
fn engines_share_the_jobs_of_a_database() {
    let requested = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requested);
    let site = Site::start(move |request| {
        seen.lock().expect("no panic").push(request.path.clone());
        SiteResponse::html(format!(
            "<title>{0}</title><p>This is page {0} of the site.</p>",
            request.path
        ))
    });
    let url = new_url();

    block_on(async {
        let (first, second) = (engine(&url).await, engine(&url).await);
        let pages = (0..30).map(|it| site.url(&format!("/{it}")));
        let mut handle = first.submit(Batch::new(pages)).await.expect("accepted");
        let mut same = second.batch_handle(handle.id()).await.expect("the other engine has it");

        assert_eq!(handle.wait().await.expect("ended"), BatchStatus::Completed);
        assert_eq!(same.wait().await.expect("ended"), BatchStatus::Completed);
        let (own, theirs) =
            (handle.report().await.expect("read"), same.report().await.expect("read"));
        assert_eq!(same.job_ids().len(), 30);
        assert_eq!(format!("{own:?}"), format!("{theirs:?}"));
        assert!(same.batch().await.expect("read").charged > Credits(0));
        first.shutdown().await;
        second.shutdown().await;
    });

    let requested = requested.lock().expect("no panic");
    let pages: HashSet<_> = requested.iter().filter(|it| *it != "/robots.txt").collect();
    assert_eq!(pages.len(), 30, "{requested:?}");
}
