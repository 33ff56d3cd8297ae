//! Schemas filled from pages: a line with the schema, then the page.

use rungs::core::request::{Format, Item, Limits};
use rungs::extract::HtmlExtractor;
use rungs::ports::extract::{Document, ExtractError, Extractor};
use serde_json::Value;

use super::bytes::Bytes;

const URL: &str = "https://example.com/page.html";
/// The growth of a result with its evidence: a schema may request one value many times.
const MAX_GROWTH: usize = 64;
const MAX_ADDED: usize = 8 * 1_048_576;

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let Ok(schema) = serde_json::from_slice::<Value>(bytes.line()) else { return };
    let mut item = Item::get(URL).formats([Format::Json]).schema(schema);
    item.evidence = true;
    let Ok(options) = item.check(&Limits::default()) else { return };
    let body = bytes.rest();
    let page =
        Document::new(body, URL, &options).with_content_type(Some("text/html; charset=utf-8"));

    let made = HtmlExtractor.extract(page);

    assert_eq!(HtmlExtractor.extract(page), made, "the same page was read in two ways");
    match made {
        Ok(made) => {
            let filled = made.filtered_content.expect("a schema gives a result");
            let evidence = made.evidence.expect("evidence was requested");
            let bytes = filled.to_string().len() + evidence.to_string().len();
            assert!(
                bytes <= data.len() * MAX_GROWTH + MAX_ADDED,
                "{bytes} bytes from {}",
                data.len()
            );
            for note in evidence.as_object().into_iter().flat_map(|it| it.values()) {
                let sure = note["confidence"].as_f64().expect("a confidence");
                assert!((0.0..=1.0).contains(&sure), "{note}");
            }
        }
        Err(ExtractError::Empty | ExtractError::Unsupported(_) | ExtractError::TooDeep) => {}
        Err(other) => panic!("a new way to fail: {other}"),
    }
}
