//! Crawls a site: the pages are found by its sitemap and its links, and fetched as batches under one budget.
//!
//! Run it with `cargo run --example crawl --features testkit`.

use rungs::prelude::*;
use rungs::testkit::site::{Site, SiteResponse};

/// A bakery's site: a start page, two pages of bread that it links to, and one that only the sitemap names.
fn bakery() -> Site {
    Site::start(|request| {
        let host = request.header("host").unwrap_or_default();
        let text = "<p>Flour, water, salt and time are all that a good loaf needs.</p>".repeat(4);
        let page = |title: &str, links: &str| {
            SiteResponse::html(format!("<title>{title}</title><main>{text}{links}</main>"))
        };
        match request.path.as_str() {
            "/" => page("Bakery", "<a href='/bread/rye'>Rye</a> <a href='/bread/spelt'>Spelt</a>"),
            "/bread/rye" => page("Rye", "<a href='/'>Home</a> <a href='/jobs'>Jobs</a>"),
            "/bread/spelt" => page("Spelt", "<a href='/bread/rye?utm_source=spelt'>Rye</a>"),
            "/bread/hidden" => page("Hidden", ""),
            "/sitemap.xml" => SiteResponse::status(200)
                .body(format!("<urlset><url><loc>http://{host}/bread/hidden</loc></url></urlset>")),
            _ => SiteResponse::status(404),
        }
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), rungs::Error> {
    let site = bakery();
    let http = Http::new().allow_network("127.0.0.0/8")?;
    let engine = Engine::builder().store(Memory::default()).http(http).build()?;

    let bread = Crawl::of(Item::get(site.url("/")).formats([Format::Markdown]))
        .max_pages(100)
        .include(["/bread/*"])
        .max_credits(Credits(100_000));
    let mut crawl = engine.crawl(bread).await?;
    let mut titles = Vec::new();
    while let Some(job) = crawl.next_page().await? {
        let report = engine.with_page(job).await?;
        titles.extend(report.page().and_then(Page::title).map(str::to_owned));
    }

    titles.sort();
    assert_eq!(titles, ["Bakery", "Hidden", "Rye", "Spelt"]);
    assert_eq!(crawl.record().status(), CrawlStatus::Completed);
    println!("{titles:?} for {}", crawl.record().charged);
    engine.shutdown().await;
    Ok(())
}
