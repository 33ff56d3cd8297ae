//! A host's own fetcher, as a closure and as a type.
//!
//! Run it with `cargo run --example own_fetcher`.

use std::collections::HashMap;
use std::error::Error;

use rungs::Engine;
use rungs::core::failure::{ErrorCode, JobError};
use rungs::core::tier::Tier;
use rungs::ports::BoxFuture;
use rungs::ports::fetch::{FetchError, FetchErrorKind, FetchRequest, Fetched};
use rungs::ports::fetch::{HttpFetcher, fetcher_fn};
use rungs::stores::Memory;

/// Pages from an archive in memory: any status is a response, and only no response is an error.
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

async fn text(fetcher: impl HttpFetcher + 'static, url: &str) -> Result<String, Box<dyn Error>> {
    let mut settings = rungs::Settings::default();
    settings.retry.retries = 0;
    let builder = Engine::builder().store(Memory::default()).http(fetcher).settings(settings);
    let report = builder.build()?.scrape(url).await?;
    let page = report.outcome().ok_or("the job has ended")?.map_err(JobError::clone)?;
    Ok(page.extracted.text.clone())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let echo = fetcher_fn([Tier::Curl], |request| async move {
        let body = format!("<p>You asked for the page {}</p>", request.url.as_str());
        Ok(Fetched::new(200, body).header("content-type", "text/html"))
    });
    assert_eq!(text(echo, "http://a.test/x").await?, "You asked for the page http://a.test/x");

    let archive = || Archive(HashMap::from([("http://archive.test/1", "<p>The first page.</p>")]));
    assert_eq!(text(archive(), "http://archive.test/1").await?, "The first page.");
    for (url, code) in [
        ("http://archive.test/2", ErrorCode::NotFoundTarget),
        ("http://elsewhere.test/", ErrorCode::DnsError),
    ] {
        let error = text(archive(), url).await.err().ok_or("there is no such page")?;
        assert_eq!(error.downcast_ref::<JobError>().map(|it| it.code), Some(code), "{error}");
    }
    println!("a closure and a type served pages, and their failures were told apart");
    Ok(())
}
