//! Whole documents, deeply nested or with repeated parts, converted to every format.
//!
//! The first byte selects the base URL and `filter_content`, the second the tags around the document, the third their
//! number, the fourth the number of repetitions inside. Repetition reveals output of quadratic size.

use std::panic::resume_unwind;
use std::thread;

use rungs::core::request::{Format, Item, JobRequest, Limits};
use rungs::extract::{HtmlExtractor, convert, structured};
use rungs::ports::extract::{Document, ExtractError, Extracted, Extractor};
use scraper::Html as Tree;
use serde_json::Value;

use super::bytes::Bytes;
use super::made;

/// The stack of a thread as the standard library starts it, and so of those that pages are read on.
const STACK: usize = 2 * 1_024 * 1_024;
/// Bytes of a document with all that is around and repeated in it.
const LONGEST: usize = 65_536;
/// Wraps that count in full.
const DEEP: usize = 192;
const URLS: [Option<&str>; 4] =
    [None, Some("https://example.com/shop/page.html?x=1#top"), Some("http://[::1]/a/"), Some("no")];
/// Tags that wrap a document.
const WRAPS: [(&str, &str); 14] = [
    ("<div>", "</div>"),
    ("<blockquote>", "</blockquote>"),
    ("<ul><li>", "</li></ul>"),
    ("<ol start=999999998><li>", "</li></ol>"),
    ("<dl><dt>a<dd>", "</dd></dl>"),
    ("<table><tr><td>", "</td></tr></table>"),
    ("<b><p>", "</p></b>"),
    ("<a href=x>", "</a>"),
    ("<span>", ""),
    ("<details><summary>a</summary>", "</details>"),
    ("<section><h2>a</h2>", "</section>"),
    ("<svg><foreignObject>", ""),
    ("<math><mtext>", "</mtext></math>"),
    ("<select><option>", "</select>"),
];

/// The largest ratio of Markdown to its document. The worst cases are a line in the deepest nested lists, each with a
/// mark of eleven characters, and a short row in a wide table.
const MAX_GROWTH: usize = 200;
const MAX_ADDED: usize = 4_096;
/// The bytes that a `base` may add to all URLs of a page.
const MAX_GAIN: usize = 16 * 1_024 * 1_024;

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let first = usize::from(bytes.byte());
    let (url, filter_content) = (URLS[first % URLS.len()], first / URLS.len() % 2 == 1);
    let (begin, end) = bytes.pick(&WRAPS);
    let wraps = usize::from(bytes.byte());
    // Deep ones are slow to parse, and rare enough to leave time for the others.
    let wraps = if wraps < DEEP { wraps % 8 } else { wraps };
    let times = usize::from(bytes.byte()) + 1;
    let source = String::from_utf8_lossy(bytes.rest()).into_owned();
    let times = times.min(LONGEST / source.len().max(1)).max(1);
    let wraps = wraps.min(LONGEST / (begin.len() + end.len()));
    let html = [begin.repeat(wraps), source.repeat(times), end.repeat(wraps)].concat();

    let work =
        thread::Builder::new().stack_size(STACK).spawn(move || check(&html, url, filter_content));

    if let Err(panic) = work.expect("a thread can be started").join() {
        resume_unwind(panic);
    }
}

fn check(html: &str, url: Option<&str>, filter_content: bool) {
    let markdown = convert(html, url);
    assert_eq!(convert(html, url), markdown, "the same page was written in two ways");
    // The growth of URLs has its own limit.
    let gain = if lower(html).contains("<base") { MAX_GAIN } else { 0 };
    let most = html.len() * MAX_GROWTH + MAX_ADDED + gain;
    assert!(markdown.len() <= most, "{} bytes of markdown from {}", markdown.len(), html.len());
    let _ = structured(html, url);

    let Some(url) = url else { return };
    match extract(html, url, &options(filter_content)) {
        Ok(made) => holds(&made, html, url),
        Err(ExtractError::Empty | ExtractError::Unsupported(_) | ExtractError::TooDeep) => {}
        Err(other) => panic!("a new way to fail: {other}"),
    }
}

fn options(filter_content: bool) -> JobRequest {
    let formats = Format::ALL.iter().copied();
    let mut item = Item::get("https://example.com/").formats(formats);
    item.filter_content = filter_content;
    item.check(&Limits::default()).expect("an item")
}

fn extract(html: &str, url: &str, options: &JobRequest) -> Result<Extracted, ExtractError> {
    let content_type = Some("text/html; charset=utf-8");
    let body = html.as_bytes();
    HtmlExtractor.extract(Document::new(body, url, options).with_content_type(content_type))
}

fn holds(made: &Extracted, html: &str, url: &str) {
    let Some(Value::String(readable)) = made.content.get(&Format::Html) else {
        panic!("no readable HTML");
    };
    made::is_harmless(readable);
    // A long base may use up the growth of URLs. The following URLs stay unchanged.
    let gains = lower(html).contains("<base") && html.len() > 4_096;
    if url.starts_with("http") && !gains {
        are_absolute(readable, made);
    }
    // Readable HTML can be extracted again and stays harmless.
    match extract(readable, url, &options(false)) {
        Ok(again) => match again.content.get(&Format::Html) {
            Some(Value::String(same)) if same == readable => {}
            Some(Value::String(readable)) => made::is_harmless(readable),
            _ => panic!("no readable HTML"),
        },
        // What was around a few controls in it may be gone.
        Err(ExtractError::Empty | ExtractError::Unsupported(_)) => {}
        Err(other) => panic!("readable HTML was refused: {other}"),
    }
}

/// Every address of the page works from anywhere.
fn are_absolute(readable: &str, made: &Extracted) {
    let tree = Tree::parse_fragment(readable);
    let elements = tree.tree.values().filter_map(|it| it.as_element());
    let written = elements.flat_map(|it| it.attrs());
    let addresses = written.filter(|(name, _)| ["href", "src"].contains(name)).map(|it| it.1);
    addresses.for_each(is_absolute);
    let lists = [
        made.content[&Format::JsonV2].get("links"),
        made.content[&Format::Json].get("links"),
        made.content[&Format::Content].get("links"),
        made.content[&Format::Content].get("images"),
    ];
    for entry in lists.into_iter().flatten().filter_map(Value::as_array).flatten() {
        if let Some(url) = entry.get("url").and_then(Value::as_str) {
            is_absolute(url);
        }
    }
}

fn is_absolute(address: &str) {
    let scheme = lower(address.split(':').next().unwrap_or_default());
    let known = ["http", "https", "mailto", "tel"].contains(&scheme.as_str());
    assert!(known && address.contains(':'), "{address:?} works from here only");
}

fn lower(text: &str) -> String {
    text.to_ascii_lowercase()
}
