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
mod chunks;
mod code;
mod data;
mod decode;
mod doc;
mod formula;
mod layout;
mod light;
mod links;
mod main_content;
mod markdown;
mod prescan;
mod profile;
mod raised;
mod readable;
mod schema;
mod sections;
mod shape;
mod streamed;
mod tag;
mod text;
mod unanswered;
mod view;

use std::cell::LazyCell;

use scraper::Html as Tree;
use serde_json::{Value, json};

use crate::core::request::Format;
use crate::core::tier::Tier;
use crate::core::verdict::{DocumentKind, sniff};
use crate::extract::address::Base;
use crate::extract::data::{Depth, Facts};
use crate::extract::doc::Doc;
use crate::extract::layout::Layout;
use crate::extract::light::Shipped;
use crate::extract::main_content::Kind;
use crate::extract::markdown::Rendered;
use crate::extract::profile::Fields;
use crate::extract::schema::Layers;
use crate::extract::view::View;
use crate::ports::extract::{Document, ExtractError, Extracted, Extractor};

pub use self::data::StructuredData;
pub use self::decode::{Decoded, decode};

/// Elements in elements that are read; what [`bound`] lets through stays well below.
const MAX_DEPTH: usize = 600;

/// A page that shows fewer bytes of text than this may hide it, or keep it for readers without scripts.
const THIN: usize = 250;
/// Symbols at the beginning that tell whether it is text.
const SNIFFED: usize = 1_024;

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
    read_with(html, url, |doc, base| markdown::render(&View::whole(doc, 0), base).text)
}

/// The structured data of a page as it stands there.
pub fn structured(html: &str, url: Option<&str>) -> StructuredData {
    read_with(html, url, StructuredData::of)
}

/// Reads a document by itself; one that nests too deep to be read gives nothing.
fn read_with<T: Default>(html: &str, url: Option<&str>, work: fn(&Doc<'_>, &Base) -> T) -> T {
    let bounded = bound::bounded(html, &mut Vec::new());
    let tree = parsed(&bounded);
    let Ok(doc) = Doc::of(&tree, MAX_DEPTH) else { return T::default() };
    work(&doc, &Base::of(&doc, url))
}

/// The tree of a page, its parts in their places.
fn parsed(bounded: &str) -> Tree {
    let mut tree = Tree::parse_document(bounded);
    if bounded.contains("id=\"S:") {
        streamed::put_in_place(&mut tree);
    }
    tree
}

/// The built-in extractor: HTML pages, JSON and plain text.
#[derive(Clone, Copy, Debug, Default)]
pub struct HtmlExtractor;

impl Extractor for HtmlExtractor {
    fn extract(&self, page: Document<'_>) -> Result<Extracted, ExtractError> {
        if page.body.iter().all(u8::is_ascii_whitespace) {
            return Err(ExtractError::Empty);
        }
        let media = media_type(page.content_type);
        let unsupported = |kind: &str| {
            let said = media.as_deref().filter(|it| !it.starts_with("text/"));
            Err(ExtractError::Unsupported(said.unwrap_or(kind).to_owned()))
        };
        match sniff(page.body) {
            Some(DocumentKind::Pdf) => return unsupported("application/pdf"),
            Some(DocumentKind::Image) => return unsupported("image"),
            Some(DocumentKind::Binary) => return unsupported("binary"),
            _ => {}
        }
        let text = decode(page.body, page.content_type).text;
        if is_binary(&text) {
            return unsupported("binary");
        }
        let (mut made, layers) = match media.as_deref() {
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
        made.warnings.extend(unanswered::unanswered(page.options));
        schema::fill(page.options, &layers, &mut made);
        shape::flatten(&mut made);
        Ok(made)
    }
}

/// Whether a text is none: controls that no writer puts there are a tenth of its beginning. A stray one
/// is what the parser makes of it.
fn is_binary(text: &str) -> bool {
    let is_control = |it: char| it.is_control() && !it.is_whitespace() && it != '\u{1b}';
    let (mut all, mut controls) = (0_usize, 0);
    for symbol in text.chars().take(SNIFFED) {
        all += 1;
        controls += usize::from(is_control(symbol));
    }
    controls * 10 > all
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
fn fill(page: Document<'_>, made: &mut Extracted, text: &str, data: &Value) {
    for &format in &page.options.formats {
        let value = match format {
            Format::Text | Format::Markdown => text.into(),
            Format::Json | Format::JsonV2 => data.clone(),
            Format::Html => format!("<pre>{}</pre>", readable::escaped(text)).into(),
            Format::Rag => chunks::rag(&Rendered::plain(text)),
            Format::Content => chunks::content(text, &[], &[]),
            Format::Raw => continue,
        };
        made.content.insert(format, value);
    }
    text.clone_into(&mut made.text);
}

fn from_json(page: Document<'_>, text: &str) -> (Extracted, Layers) {
    let mut made = Extracted::default();
    let data: Value = serde_json::from_str(text).unwrap_or_else(|why| {
        made.warnings.push(format!("the document calls itself JSON but is not: {why}"));
        Value::Null
    });
    let data = shape::as_object(data);
    fill(page, &mut made, text, &data);
    (made, Layers { rest: vec![("json", data)], ..Layers::default() })
}

fn plain(page: Document<'_>, text: &str) -> (Extracted, Layers) {
    let mut made = Extracted::default();
    let text = &text.replace('\0', "\u{fffd}");
    let data = json!({ "text": text });
    fill(page, &mut made, text, &data);
    (made, Layers { rest: vec![("text", data)], ..Layers::default() })
}

fn html(page: Document<'_>, text: &str) -> Result<(Extracted, Layers), ExtractError> {
    let mut made = Extracted::default();
    let bounded = bound::bounded(text, &mut made.warnings);
    let tree = parsed(&bounded);
    let too_deep = |_| ExtractError::Failed("it nests too deep".to_owned());
    let doc = Doc::of(&tree, MAX_DEPTH).map_err(too_deep)?;
    if page.tier == Tier::LightJs
        && let Some(shipped) = light::shipped(&doc, page.url)
    {
        return from_state(page, &shipped, made);
    }
    let shown = doc.node(doc.body()).text;
    if shown < THIN {
        let revealed = Doc::revealed(&tree, MAX_DEPTH).map_err(too_deep)?;
        if revealed.node(revealed.body()).text >= THIN.max(shown * 4) {
            made.warnings.push("next to nothing is shown; what the page hides is given".to_owned());
            return document(page, &revealed, &revealed, made);
        }
        let spare = light::without_scripts(&doc);
        let spare = bound::bounded(&spare, &mut made.warnings);
        let spare = parsed(&spare);
        let spare = Doc::of(&spare, MAX_DEPTH).map_err(too_deep)?;
        if spare.node(0).text >= THIN.max(shown * 4) {
            let note =
                "next to nothing is shown; what is meant for readers without scripts is given";
            made.warnings.push(note.to_owned());
            return document(page, &doc, &spare, made);
        }
    }
    let (made, layers) = document(page, &doc, &doc, made)?;
    if page.tier == Tier::LightJs && made.text.len() < light::ENOUGH {
        return Err(ExtractError::Empty);
    }
    Ok((made, layers))
}

/// The page that another one's state makes.
fn from_state(
    page: Document<'_>,
    shipped: &Shipped,
    mut made: Extracted,
) -> Result<(Extracted, Layers), ExtractError> {
    let bounded = bound::bounded(&shipped.source, &mut made.warnings);
    let tree = parsed(&bounded);
    let too_deep = |_| ExtractError::Failed("its state nests too deep".to_owned());
    let doc = Doc::of(&tree, MAX_DEPTH).map_err(too_deep)?;
    let (mut made, layers) = document(page, &doc, &doc, made)?;
    made.metadata.insert("embedded_state".to_owned(), shipped.framework.into());
    Ok((made, layers))
}

/// Everything that is asked of a page, whose words are in `shown` and whose data is in `doc`.
fn document(
    page: Document<'_>,
    doc: &Doc<'_>,
    shown: &Doc<'_>,
    mut made: Extracted,
) -> Result<(Extracted, Layers), ExtractError> {
    let base = Base::of(doc, Some(page.url));
    let wants = |it: Format| page.options.formats.contains(&it);
    let items = wants(Format::Json) || page.options.extraction_schema.is_some();
    let facts = Facts::read(doc, &base, if items { Depth::Items } else { Depth::Page });
    made.title.clone_from(&facts.title);
    made.author.clone_from(&facts.author);
    made.published_at.clone_from(&facts.published_at);
    made.description.clone_from(&facts.description);
    made.language.clone_from(&facts.language);
    made.metadata = facts.metadata();
    let layout = Layout::of(shown);
    let fields = if items {
        // What the page lists is read as its reader sees it, and what it is about from all of it.
        let of_shown = (shown, &layout);
        profile::shaped(doc, of_shown, &base, &facts, page.options.extraction_profile)
    } else {
        Fields::default()
    };
    let view = main_content::find(shown, &layout, Kind::of(doc, &facts), &mut made.warnings);
    made.text = text::render(&view);
    if made.text.trim().is_empty() {
        return Err(ExtractError::Empty);
    }
    // Several formats are made from each of these, and none of the others should pay for it.
    let rendered = LazyCell::new(|| markdown::render(&view, &base));
    let links = LazyCell::new(|| links::links(shown, shown.body(), &layout, &base));
    for &format in &page.options.formats {
        let value = match format {
            Format::Text => made.text.clone().into(),
            Format::Markdown => rendered.text.as_str().into(),
            Format::Html => readable::render(&view, &base).into(),
            Format::Json if page.options.filter_content => facts.json(page.options, &fields, &[]),
            Format::Json => facts.json(page.options, &fields, &links),
            Format::JsonV2 => {
                let filter = &page.options.advanced.section_filter;
                let content_only = page.options.filter_content || filter.content_only;
                let whole;
                let part = if content_only {
                    &view
                } else {
                    whole = View::whole(shown, shown.body());
                    &whole
                };
                let (sections, tables) = sections::sections(part, &base, filter);
                json!({
                    "version": 2, "title": made.title, "sections": sections, "tables": tables,
                    "links": *links,
                })
            }
            Format::Rag => chunks::rag(&rendered),
            Format::Content => {
                let images = links::images(&view, hero(&facts, &base).as_deref(), &base);
                let links = links::links(shown, view.root, &layout, &base);
                chunks::content(&rendered.text, &images, &links)
            }
            Format::Raw => continue,
        };
        made.content.insert(format, value);
    }
    made.images = images_to_read(page, &view, &facts, &base);
    let mut layers = facts.layers(page.options, fields, &made.text);
    if page.options.extraction_schema.as_ref().is_some_and(schema::asks_for_things) {
        layers.lists = profile::listed::lists(shown, &layout, &base);
    }
    Ok((made, layers))
}

/// The image that the page shows for itself elsewhere.
fn hero(facts: &Facts, base: &Base) -> Option<String> {
    facts.opengraph.get("image").and_then(|it| base.absolute(it))
}

/// The images whose text is asked for.
fn images_to_read(
    page: Document<'_>,
    view: &View<'_, '_>,
    facts: &Facts,
    base: &Base,
) -> Vec<String> {
    if !page.options.advanced.ocr {
        return Vec::new();
    }
    links::worth_reading(view, hero(facts, base).as_deref(), base)
}
