//! A fetcher of your own, as a closure and as a type.
//!
//! Run it with `cargo run --example own_fetcher`.

use std::collections::HashMap;

use rungs::ports::{
    BoxFuture,
    fetch::{FetchError, FetchErrorKind, FetchRequest, Fetched, HttpFetcher, fetcher_fn},
};
use rungs::prelude::*;

/// Pages from an archive in memory. Any status is a response; only the lack of one is an error.
#[derive(Debug)]
struct Archive(HashMap<&'static str, &'static str>);

impl HttpFetcher for Archive {
    fn tiers(&self) -> Vec<Tier> {
        vec![Tier::Curl]
    }

    fn fetch(&self, request: FetchRequest) -> BoxFuture<'_, Result<Fetched, FetchError>> {
        Box::pin(async move {
            if !request.url.as_str().starts_with("http://archive.test/") {
                return Err(FetchError::new(FetchErrorKind::Dns, "only archive.test is here"));
            }
            Ok(match self.0.get(request.url.as_str()) {
                Some(page) => Fetched::new(200, *page).header("content-type", "text/html"),
                None => Fetched::new(404, "no such page"),
            })
        })
    }
}

async fn scrape(fetcher: impl HttpFetcher + 'static, url: &str) -> Result<JobReport, rungs::Error> {
    let settings = Settings::default().with_retries(0);
    let builder = Engine::builder().store(Memory::default()).http(fetcher).settings(settings);
    Ok(builder.build()?.scrape(url).await?)
}

#[tokio::main]
async fn main() -> Result<(), rungs::Error> {
    let echo = fetcher_fn([Tier::Curl], |request| async move {
        let body = format!("<p>You asked for the page {}</p>", request.url.as_str());
        Ok(Fetched::new(200, body).header("content-type", "text/html"))
    });
    let report = scrape(echo, "http://a.test/x").await?;
    assert_eq!(report.result()?.text(), Some("You asked for the page http://a.test/x"));

    let archive = || Archive(HashMap::from([("http://archive.test/1", "<p>The first page.</p>")]));
    let report = scrape(archive(), "http://archive.test/1").await?;
    assert_eq!(report.result()?.text(), Some("The first page."));
    for (url, code) in [
        ("http://archive.test/2", ErrorCode::NotFoundTarget),
        ("http://elsewhere.test/", ErrorCode::DnsError),
    ] {
        let report = scrape(archive(), url).await?;
        assert_eq!(report.result().expect_err("the archive does not have it").code, code);
    }
    println!("a closure and a type served pages, and their failures were told apart");
    Ok(())
}
