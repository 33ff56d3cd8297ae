//! Page actions: fill in a form, submit it, and read the response.
//!
//! Run it with `cargo run --example actions --features browser,testkit`.

use rungs::prelude::*;
use rungs::testkit::site::{Site, SiteResponse};

const FORM: &str = "<!DOCTYPE html><title>Search</title><main><h1>Search</h1>\
    <form action=/found><input name=q><button>Search</button></form></main>";

#[tokio::main]
async fn main() -> Result<(), rungs::Error> {
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
    let item = Item::get(site.url("/"))
        .render_js(RenderJs::Yes)
        .action(Action::fill("input[name=q]", "ladders"))
        .action(Action::click("#no-such-button"))
        .action(Action::click("button"))
        .action(Action::wait_for("#found"))
        .action(Action::evaluate("document.title"));

    let report = engine.scrape(item).await?;

    let page = report.result()?;
    for action in &page.actions {
        println!("{:<10} {:<6} {}", action.kind, action.success, action.result);
    }
    let succeeded: Vec<bool> = page.actions.iter().map(|action| action.success).collect();
    assert_eq!(succeeded, [true, false, true, true, true], "a failed action is skipped");
    assert_eq!(page.actions[4].result, "Found");
    let text = page.text().expect("the page has text");
    assert!(text.contains("to be said about ladders"));
    println!("{}: {text}", page.final_url);
    engine.shutdown().await;
    Ok(())
}
