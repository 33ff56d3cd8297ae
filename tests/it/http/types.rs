//! Documents whose `Content-Type` is missing, odd or wrong, through the engine.

use rungs::Engine;
use rungs::core::request::{Format, Item};
use rungs::fetch::Http;
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteResponse};

const WORDS: &str = "The reading room opens at nine on weekdays and at ten on Saturdays. Bring a card and a \
    pencil; bags go into the lockers by the stairs, and drinks stay in front of the door, please.";

/// Returns the text of a document that comes with these `Content-Type` headers.
async fn text(types: &'static [&'static str], body: String) -> Result<String, String> {
    let site = Site::start(move |_| {
        let response = SiteResponse::status(200).body(body.as_str());
        types.iter().fold(response, |response, it| response.header("content-type", it))
    });
    let http = Http::new().allow_network("127.0.0.0/8").expect("a network");
    let engine = Engine::builder().store(Memory::default()).http(http).build().expect("an engine");
    let item = Item::get(site.url("/document")).formats([Format::Text]);
    let report = engine.scrape(item).await.expect("accepted");
    report.result().map(|it| it.extracted.text.clone()).map_err(ToString::to_string)
}

#[tokio::test]
async fn a_page_is_a_page_whatever_its_type_says() {
    let page = format!("<!DOCTYPE html><title>t</title><h1>Hours</h1><p>{WORDS}</p>");
    let xhtml = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<html xmlns=\"http://www.w3.org/1999/xhtml\">\
         <head><title>t</title></head><body><h1>Hours</h1><p>{WORDS}</p></body></html>"
    );
    for (types, body) in [
        (&["application/octet-stream"][..], format!("<!-- a remark -->\n{page}")),
        (&["application/octet-stream"], format!("<title>t</title><h1>Hours</h1><p>{WORDS}</p>")),
        (&["x/unknown"], format!("<div><h1>Hours</h1><p>{WORDS}</p></div>")),
        (&["application/octet-stream"], xhtml.clone()),
        (&["application/xml"], xhtml),
        (&["text/html charset=utf-8"], page.clone()),
        (&["text/plain", "text/html"], page.clone()),
        (&["text/html, text/html"], page),
    ] {
        let text = text(types, body).await.unwrap_or_else(|error| panic!("{types:?}: {error}"));
        assert!(
            text.contains("Hours") && text.contains("lockers by the stairs"),
            "{types:?}: {text}"
        );
        assert!(!text.contains('<'), "{types:?}: {text}");
    }
}

#[tokio::test]
async fn a_text_is_a_text_whatever_its_type_says() {
    for (types, body) in [
        (&["application/x-ndjson"][..], "{\"id\": 1}\n{\"id\": 2}\n"),
        (&["application/octet-stream"], "{\"id\": 1}\n{\"id\": 2}\n"),
        (&["application/csv"], "id,name\n1,Pier\n"),
        (&["application/x-javascript"], "const id = 1;\n"),
        (&["binary/octet-stream"], "User-agent: *\nDisallow: /private\n"),
        (&["application/sql"], "SELECT id FROM piers WHERE id < 10;\n"),
        (&["application/x-sh"], "#!/bin/sh\necho id\n"),
        (&["application/toml"], "[id]\nname = \"pier\"\n"),
        (&["application/yaml"], "id: 1\n"),
    ] {
        let text = text(types, body.to_owned()).await;
        let text = text.unwrap_or_else(|error| panic!("{types:?}: {error}"));
        assert_eq!(text.trim(), body.trim(), "{types:?}");
    }
}

#[tokio::test]
async fn json_is_json_under_any_name() {
    for types in [
        &["application/x-json"][..],
        &["application/json, application/json"],
        &["text/html"],
        &["application/octet-stream"],
    ] {
        let text = text(types, "{\"harbor\": \"open\"}".to_owned()).await;
        let text = text.unwrap_or_else(|error| panic!("{types:?}: {error}"));
        assert!(text.contains("harbor") && text.contains("open"), "{types:?}: {text}");
    }
}
