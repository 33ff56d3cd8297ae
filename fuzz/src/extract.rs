//! Decoding and extraction of any bytes, in every format.
//!
//! The input is four bytes of options and an optional fifth, an optional line with an extraction schema, and the
//! document.

use rungs::core::request::{BlockKind, Format, Item, JobRequest, Limits, Profile};
use rungs::core::tier::Tier;
use rungs::extract::HtmlExtractor;
use rungs::ports::extract::{Document, ExtractError, Extracted, Extractor};
use serde_json::Value;

use super::bytes::Bytes;
use super::made;

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

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let Some((tier, options, content_type)) = asked(&mut bytes) else { return };
    let body = bytes.rest();
    let page = Document::new(body, URL, &options).with_content_type(content_type).with_tier(tier);

    let made = HtmlExtractor.extract(page);

    assert_eq!(HtmlExtractor.extract(page), made, "the same page was read in two ways");
    match made {
        Ok(made) => check(&made, &options, body),
        Err(ExtractError::Empty | ExtractError::Unsupported(_) | ExtractError::TooDeep) => {}
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
    if set(7) {
        let more = bytes.byte();
        item.advanced.ocr = more & 1 == 1;
        let filter = &mut item.advanced.section_filter;
        filter.content_only = more & 2 == 2;
        filter.min_content_blocks = u32::from(more >> 2 & 3);
        let kinds = (4..).zip(BlockKind::ALL).filter(|(bit, _)| more >> (bit % 8) & 1 == 1);
        filter.exclude_content_types = kinds.map(|(_, it)| *it).collect();
    }
    if set(4) {
        item.extraction_schema = Some(serde_json::from_slice(bytes.line()).ok()?);
        item.evidence = set(5);
    }
    item.extraction_prompt = set(6).then(|| "What is it?".to_owned());
    let tier = if set(0) { Tier::LightJs } else { Tier::Curl };
    Some((tier, item.check(&Limits::default()).ok()?, content_type))
}

fn check(made: &Extracted, options: &JobRequest, body: &[u8]) {
    let mut formats = options.formats().to_vec();
    formats.sort_unstable();
    assert_eq!(made.content.keys().copied().collect::<Vec<_>>(), formats);
    for (format, value) in &made.content {
        // A schema may be that of a list.
        let is_list = value.is_array() && options.schema().is_some();
        let has_form = value.is_string() || value.is_object() || is_list;
        assert!(has_form, "{format} is neither text nor object");
    }
    assert_eq!(made.raw_html.is_some(), options.wants_raw_html());
    assert_eq!(made.filtered_content.is_some(), options.schema().is_some());
    if let Some(Value::String(html)) = made.content.get(&Format::Html) {
        made::is_harmless(html);
    }
    made::is_kept(made, body.len());
}
