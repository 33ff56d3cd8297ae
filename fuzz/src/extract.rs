//! Decoding and extraction of any bytes, in every format.
//!
//! The input is four bytes of options, a line with an extraction schema if they say so, and the
//! document.

use rungs::core::request::{Format, Item, JobRequest, Limits, Profile};
use rungs::core::tier::Tier;
use rungs::extract::Html;
use rungs::ports::extract::{ExtractError, Extracted, Extractor, Page};
use scraper::Html as Tree;
use serde_json::Value;

use super::bytes::Bytes;

const URL: &str = "https://example.com/shop/page.html?x=1#top";
const TYPES: [Option<&str>; 10] = [
    None,
    Some("text/html"),
    Some("text/html; charset=windows-1252"),
    Some("text/html; charset=utf-16le"),
    Some("application/xhtml+xml; charset=\"Shift_JIS\""),
    Some("application/json"),
    Some("application/ld+json; charset=iso-2022-jp"),
    Some("text/plain"),
    Some("application/xml"),
    Some("image/png"),
];
/// What a result may be larger than its document: each format holds the page again, a link is
/// written with the address it is relative to, and a line in nested quotes with a mark for each.
const MAX_GROWTH: usize = 400;
const MAX_ADDED: usize = 65_536;

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let Some((tier, options, content_type)) = asked(&mut bytes) else { return };
    let body = bytes.rest();
    let page = Page { body, content_type, url: URL, tier, options: &options };

    let made = Html.extract(page);

    assert_eq!(Html.extract(page), made, "the same page was read in two ways");
    match made {
        Ok(made) => check(&made, &options, body),
        Err(ExtractError::Empty | ExtractError::Unsupported(_) | ExtractError::Failed(_)) => {}
        Err(other) => panic!("a new way to fail: {other}"),
    }
}

fn asked(bytes: &mut Bytes<'_>) -> Option<(Tier, JobRequest, Option<&'static str>)> {
    let flags = bytes.byte();
    let set = |bit: u8| flags >> bit & 1 == 1;
    let formats = bytes.byte();
    let mut item = Item::get(URL);
    item.formats = (0..)
        .zip(Format::ALL)
        .filter(|(bit, _)| formats == 0 || formats >> bit & 1 == 1)
        .map(|(_, it)| *it)
        .collect();
    item.extraction_profile = bytes.pick(Profile::ALL);
    let content_type = bytes.pick(&TYPES);
    item.include_raw_html = set(1);
    item.filter_content = set(2);
    item.promote_schema_org = set(3);
    if set(4) {
        item.extraction_schema = Some(serde_json::from_slice(bytes.line()).ok()?);
        item.evidence = set(5);
    }
    item.extraction_prompt = set(6).then(|| "What is it?".to_owned());
    let tier = if set(0) { Tier::LightJs } else { Tier::Curl };
    Some((tier, item.check(&Limits::default()).ok()?, content_type))
}

fn check(made: &Extracted, options: &JobRequest, body: &[u8]) {
    let mut formats = options.formats.clone();
    formats.sort_unstable();
    assert_eq!(made.content.keys().copied().collect::<Vec<_>>(), formats);
    for (format, value) in &made.content {
        assert!(value.is_string() || value.is_object(), "{format} is neither text nor object");
    }
    assert_eq!(made.raw_html.is_some(), options.include_raw_html);
    assert_eq!(made.filtered_content.is_some(), options.extraction_schema.is_some());
    if let Some(Value::String(html)) = made.content.get(&Format::Html) {
        is_harmless(html);
    }
    is_kept(made, body.len());
}

/// Nothing in readable HTML runs or loads by itself.
fn is_harmless(html: &str) {
    let tree = Tree::parse_fragment(html);
    for element in tree.tree.values().filter_map(|it| it.as_element()) {
        let name = element.name();
        let active = ["script", "style", "iframe", "object", "embed", "form", "base", "link"];
        assert!(!active.contains(&name), "<{name}> in readable HTML");
        for (attribute, value) in element.attrs() {
            assert!(
                !attribute.starts_with("on") && attribute != "style",
                "{attribute} in <{name}>"
            );
            let scheme: String =
                value.chars().filter(|it| !it.is_whitespace() && !it.is_control()).collect();
            let scheme = scheme.to_ascii_lowercase();
            let address = ["href", "src", "cite", "action"].contains(&attribute);
            assert!(!address || !scheme.starts_with("javascript:"), "{value} in <{name}>");
        }
    }
}

/// A result is stored inside others and read back later; if it cannot be, the page is lost.
fn is_kept(made: &Extracted, length: usize) {
    let wrapped = serde_json::json!({ "a": { "b": { "c": { "d": made } } } });
    let written = wrapped.to_string();
    let most = length * MAX_GROWTH + MAX_ADDED;
    assert!(written.len() <= most, "{} bytes made of {length}", written.len());
    let mut read: Value = serde_json::from_str(&written).expect("what was written can be read");
    let read: Extracted =
        serde_json::from_value(read["a"]["b"]["c"]["d"].take()).expect("it is one");
    assert_eq!(read, *made, "a result changed on its way through the store");
}
