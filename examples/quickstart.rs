//! Two pages in one batch, as markdown and text.
//!
//! Run it with `cargo run --example quickstart --features testkit`.

use std::error::Error;

use rungs::core::batch::BatchStatus;
use rungs::core::failure::JobError;
use rungs::core::request::{Format, Item};
use rungs::fetch::http::Http;
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteRequest, SiteResponse};
use rungs::{Batch, Engine};

fn page(request: &SiteRequest) -> SiteResponse {
    let name = request.path.trim_start_matches('/');
    SiteResponse::html(format!(
        "<html><head><title>{name}</title></head><body><h1>All about {name}</h1>\
         <p>A few words on {name}, which is a fine thing to have in a kitchen.</p></body></html>"
    ))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let site = Site::start(page);
    let engine = Engine::builder()
        .store(Memory::default())
        // The guard keeps pages from private addresses; the fixture's is opened by hand.
        .http(Http::new().allow_network("127.0.0.0/8")?)
        .build()?;
    let items = ["/bread", "/salt"]
        .map(|path| Item::get(site.url(path)).formats([Format::Markdown, Format::Text]));

    let report = engine.submit(Batch::new(items)).await?.report().await?;

    assert_eq!(report.status(), BatchStatus::Completed);
    for (job, name) in report.jobs().iter().zip(["bread", "salt"]) {
        let page = job.outcome().ok_or("the batch has ended")?.map_err(JobError::clone)?;
        let markdown = page.extracted.content[&Format::Markdown].as_str().ok_or("a string")?;
        assert!(markdown.contains(&format!("# All about {name}")), "{markdown}");
        assert!(page.extracted.text.contains(&format!("A few words on {name}")));
        assert!(page.extracted.content.contains_key(&Format::Text));
        println!("{} for {}:\n{markdown}\n", job.url(), job.charged());
    }
    engine.shutdown().await;
    println!("two pages came back as markdown and text");
    Ok(())
}
