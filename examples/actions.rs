//! Page actions: fill a form, send it, and read what comes.
//!
//! Run it with `cargo run --example actions --features browser,testkit`.

use rungs::Engine;
use rungs::core::failure::JobError;
use rungs::core::request::{Format, Item, RenderJs};
use rungs::fetch::Chrome;
use rungs::net::NetPolicy;
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteResponse};

const FORM: &str = "<!DOCTYPE html><title>Search</title><main><h1>Search</h1>\
    <form action=/found><input name=q><button>Search</button></form></main>";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let site = Site::start(|request| match request.path.split_once("?q=") {
        Some((_, word)) => SiteResponse::html(format!(
            "<!DOCTYPE html><title>Found</title><main id=found><h1>Found</h1>{}</main>",
            format!("<p>There is a good deal to be said about {word}, and here it is.</p>")
                .repeat(3)
        )),
        None => SiteResponse::html(FORM),
    });
    let engine = Engine::builder()
        .store(Memory::default())
        .browser(Chrome::new().network(NetPolicy::new().allow_network("127.0.0.0/8")?))
        .build()?;
    let mut item = Item::get(site.url("/")).formats([Format::Text]);
    item.advanced.render_js = RenderJs::Yes;
    item.advanced.actions = serde_json::from_value(serde_json::json!([
        {"type": "fill", "selector": "input[name=q]", "value": "ladders"},
        {"type": "click", "selector": "#no-such-button"},
        {"type": "click", "selector": "button"},
        {"type": "wait_for", "selector": "#found"},
        {"type": "evaluate", "script": "document.title"},
    ]))?;

    let report = engine.scrape(item).await?;

    let page = report.outcome().ok_or("it has ended")?.map_err(JobError::clone)?;
    for action in &page.actions {
        println!("{:<10} {:<6} {}", action.kind, action.success, action.result);
    }
    let done: Vec<bool> = page.actions.iter().map(|it| it.success).collect();
    assert_eq!(done, [true, false, true, true, true], "one that fails is passed over");
    assert_eq!(page.actions[4].result, "Found");
    assert!(page.extracted.text.contains("to be said about ladders"));
    println!("{}: {}", page.final_url, page.extracted.text);
    engine.shutdown().await;
    Ok(())
}
