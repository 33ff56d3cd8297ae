//! Pages to outputs: decoding, text, markdown, HTML and structured data.
//!
//! A page is decoded once, bounded once, parsed once; every format is made from that one tree, which
//! never leaves the call.
//!
//! # Architecture invariants
//!
//! * Nothing unbounded reaches the parser: depth, formatting elements and tags are limited before.
//! * No network, no clock.

mod address;
mod bound;
mod data;
mod decode;
mod doc;
mod layout;
mod light;
mod links;
mod main_content;
mod markdown;
mod readable;
mod schema;
mod sections;
mod tag;
mod text;
mod view;

use std::cell::LazyCell;

use scraper::Html as Tree;
use serde_json::{Value, json};

use crate::core::request::Format;
use crate::core::tier::Tier;
use crate::extract::address::Base;
use crate::extract::data::{Depth, Facts};
use crate::extract::doc::Doc;
use crate::extract::layout::Layout;
use crate::ports::extract::{ExtractError, Extracted, Extractor, Page};

pub use self::data::Structured;
pub use self::decode::{Decoded, decode};

/// Elements in elements that are read; what [`bound`] lets through stays well below.
const MAX_DEPTH: usize = 600;

/// A whole document as markdown: nothing is selected, only what is hidden is left out.
///
/// Relative addresses are made absolute with `url`, the document's own; without it they stay as they
/// are written.
///
/// ```
/// let markdown = rungs::extract::convert("<h2>Tea</h2><p>Green <b>or</b> black.</p>", None);
///
/// assert_eq!(markdown, "## Tea\n\nGreen **or** black.");
/// ```
pub fn convert(html: &str, url: Option<&str>) -> String {
    read_with(html, url, |doc, base| markdown::render(&view::View::whole(doc, 0), base))
}

/// The structured data of a page as it stands there.
pub fn structured(html: &str, url: Option<&str>) -> Structured {
    read_with(html, url, |doc, base| Structured::of(doc, base))
}

/// Reads a document by itself; one that nests too deep to be read gives nothing.
fn read_with<T: Default>(html: &str, url: Option<&str>, work: fn(&Doc<'_>, &Base) -> T) -> T {
    let bounded = bound::bounded(html, &mut Vec::new());
    let tree = Tree::parse_document(&bounded);
    let Ok(doc) = Doc::of(&tree, MAX_DEPTH) else { return T::default() };
    work(&doc, &Base::of(&doc, url))
}

/// The built-in extractor: HTML pages, JSON and plain text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Html;

impl Extractor for Html {
    fn extract(&self, page: Page<'_>) -> Result<Extracted, ExtractError> {
        if page.body.iter().all(u8::is_ascii_whitespace) {
            return Err(ExtractError::Empty);
        }
        let media = media_type(page.content_type);
        let text = decode(page.body, page.content_type).text;
        if text.contains('\0') {
            return Err(ExtractError::Unsupported(media.unwrap_or_else(|| "binary".to_owned())));
        }
        let mut made = match media.as_deref() {
            Some(it) if it.ends_with("/json") || it.ends_with("+json") => from_json(page, &text),
            Some(it) if is_plain(it) => plain(page, &text),
            _ => html(page, &text)?,
        };
        if page.options.include_raw_html {
            made.raw_html = Some(text.to_string());
        }
        if page.options.formats.contains(&Format::Raw) {
            made.content.insert(Format::Raw, text.into());
        }
        if page.options.extraction_prompt.is_some() {
            let note = "extraction_prompt was not answered: no extractor for prompts is configured";
            made.warnings.push(note.to_owned());
        }
        schema::fill(page.options, &mut made);
        Ok(made)
    }
}

fn media_type(header: Option<&str>) -> Option<String> {
    let media = header?.split(';').next()?.trim().to_ascii_lowercase();
    (!media.is_empty()).then_some(media)
}

fn is_plain(media: &str) -> bool {
    let xml = media.ends_with("/xml") || (media.ends_with("+xml") && !media.contains("xhtml"));
    xml || (media.starts_with("text/") && media != "text/html")
}

/// The asked formats of a document that is data or text already.
fn fill(page: Page<'_>, made: &mut Extracted, text: &str, data: &Value) {
    for &format in &page.options.formats {
        let value = match format {
            Format::Text | Format::Markdown => text.into(),
            Format::Json | Format::JsonV2 => data.clone(),
            Format::Html => format!("<pre>{}</pre>", readable::escaped(text)).into(),
            Format::Rag => sections::chunks(text),
            Format::Content => content(text, &[]),
            Format::Raw => continue,
        };
        made.content.insert(format, value);
    }
    text.clone_into(&mut made.text);
}

fn from_json(page: Page<'_>, text: &str) -> Extracted {
    let mut made = Extracted::default();
    let data: Value = serde_json::from_str(text).unwrap_or_else(|why| {
        made.warnings.push(format!("the document calls itself JSON but is not: {why}"));
        Value::Null
    });
    fill(page, &mut made, text, &data);
    made
}

fn plain(page: Page<'_>, text: &str) -> Extracted {
    let mut made = Extracted::default();
    fill(page, &mut made, text, &json!({ "text": text }));
    made
}

/// The `content` format of a body in markdown.
fn content(body: &str, links: &[Value]) -> Value {
    json!({ "body_markdown": body, "word_count": body.split_whitespace().count(), "links": links })
}

fn html(page: Page<'_>, text: &str) -> Result<Extracted, ExtractError> {
    let mut made = Extracted::default();
    let bounded = bound::bounded(text, &mut made.warnings);
    let tree = Tree::parse_document(&bounded);
    let doc = Doc::of(&tree, MAX_DEPTH)
        .map_err(|_| ExtractError::Failed("it nests too deep".to_owned()))?;
    let base = Base::of(&doc, Some(page.url));
    let wants = |it: Format| page.options.formats.contains(&it);
    let items = wants(Format::Json) || page.options.extraction_schema.is_some();
    let facts = Facts::read(&doc, &base, if items { Depth::Items } else { Depth::Page });
    made.title.clone_from(&facts.title);
    made.author.clone_from(&facts.author);
    made.published_at.clone_from(&facts.published_at);
    made.description.clone_from(&facts.description);
    made.language.clone_from(&facts.language);
    made.metadata = facts.metadata();
    if page.tier == Tier::LightJs
        && let Some(shipped) = light::shipped(&doc)
    {
        made.title = made.title.or(shipped.title);
        fill(page, &mut made, &shipped.text, &facts.json(page.options, &[]));
        return Ok(made);
    }
    let layout = Layout::of(&doc);
    let view = main_content::find(&doc, &layout, &mut made.warnings);
    made.text = text::render(&view);
    if made.text.trim().is_empty() {
        return Err(ExtractError::Empty);
    }
    if page.tier == Tier::LightJs && made.text.len() < 200 {
        return Err(ExtractError::Empty);
    }
    // Four formats are made from it, and none of the others should pay for it.
    let rendered = LazyCell::new(|| markdown::render(&view, &base));
    let links = LazyCell::new(|| links::links(&doc, doc.body(), &layout, &base));
    for &format in &page.options.formats {
        let value = match format {
            Format::Text => made.text.clone().into(),
            Format::Markdown => rendered.as_str().into(),
            Format::Html => readable::render(&view, &base).into(),
            Format::Json if page.options.filter_content => facts.json(page.options, &[]),
            Format::Json => facts.json(page.options, &links),
            Format::JsonV2 => json!({
                "version": 2, "title": made.title, "links": *links,
                "sections": sections::sections(&rendered),
            }),
            Format::Rag => sections::chunks(&rendered),
            Format::Content => content(&rendered, &links),
            Format::Raw => continue,
        };
        made.content.insert(format, value);
    }
    Ok(made)
}
