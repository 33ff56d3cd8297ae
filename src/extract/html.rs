//! HTML pages: the choice of the tree to read, and the order in which its outputs are made.

use std::borrow::Cow;
use std::cell::LazyCell;

use serde_json::{Value, json};

use crate::core::request::{Format, Profile};
use crate::core::tier::Tier;
use crate::extract::collections;
use crate::extract::data::declared::MarkupItems;
use crate::extract::data::facts::Facts;
use crate::extract::dom::address::Base;
use crate::extract::dom::doc::Doc;
use crate::extract::dom::selection::Selection;
use crate::extract::embedded::{self, EmbeddedPage};
use crate::extract::fill::{self, Layers};
use crate::extract::format::markdown::{self, Markdown};
use crate::extract::format::{chunks, html, json, links, sections, text};
use crate::extract::main_content::{self, BoilerplateMap};
use crate::extract::page_index::LazyIndex;
use crate::extract::profile;
use crate::extract::source::bound::bounded;
use crate::extract::source::tree::{parse, with_newlines};
use crate::extract::source::xhtml;
use crate::extract::value::provenance::Fields;
use crate::ports::extract::{Document, ExtractError, Extracted};

/// Bytes of visible text below which a page may hide its content, or keep it for readers without scripts.
const THIN: usize = 250;
/// The factor by which a hidden source must hold more text than the visible page to be read instead.
const MUCH_MORE: usize = 4;

/// Extracts a page from its source.
pub(super) fn extract(document: Document<'_>, source: &str) -> Result<Extracted, ExtractError> {
    let mut extracted = Extracted::default();
    let source = if xhtml::is_xhtml(document.content_type, source) {
        xhtml::closed(source)
    } else {
        Cow::Borrowed(source)
    };
    let source = with_newlines(&source);
    let source = bounded(&source, &mut extracted.warnings);
    let tree = parse(&source);
    let too_deep = |_| ExtractError::TooDeep;
    let doc = tree.doc().map_err(too_deep)?;
    if document.tier == Tier::LightJs
        && let Some(page) = embedded::page(&doc, document.url)
    {
        return from_state(document, &page, extracted);
    }
    let visible = doc.node(doc.body()).text;
    let is_enough = |bytes: usize| bytes >= THIN.max(visible * MUCH_MORE);
    if visible < THIN {
        let revealed = tree.revealed().map_err(too_deep)?;
        if is_enough(revealed.node(revealed.body()).text) {
            extracted.warnings.push(
                "the page has almost no visible text; hidden content was extracted instead"
                    .to_owned(),
            );
            return read(document, &revealed, &revealed, extracted);
        }
        let spare = bounded(&embedded::without_scripts(&doc), &mut extracted.warnings).into_owned();
        let spare = parse(&spare);
        let spare = spare.doc().map_err(too_deep)?;
        if is_enough(spare.node(0).text) {
            let note =
                "the page has almost no visible text; its noscript content was extracted instead";
            extracted.warnings.push(note.to_owned());
            return read(document, &doc, &spare, extracted);
        }
    }
    let extracted = read(document, &doc, &doc, extracted)?;
    if document.tier == Tier::LightJs && extracted.text.len() < embedded::ENOUGH {
        return Err(ExtractError::Empty);
    }
    Ok(extracted)
}

/// Extracts the page that the embedded state of another one makes.
fn from_state(
    document: Document<'_>,
    page: &EmbeddedPage,
    mut extracted: Extracted,
) -> Result<Extracted, ExtractError> {
    let source = bounded(&page.source, &mut extracted.warnings);
    let tree = parse(&source);
    let doc = tree.doc().map_err(|_| ExtractError::TooDeep)?;
    let mut extracted = read(document, &doc, &doc, extracted)?;
    extracted.metadata.insert("embedded_state".to_owned(), page.framework.into());
    Ok(extracted)
}

/// Makes every requested output of a page. Its data is in `doc`, its visible text in `visible`.
fn read(
    document: Document<'_>,
    doc: &Doc<'_>,
    visible: &Doc<'_>,
    mut extracted: Extracted,
) -> Result<Extracted, ExtractError> {
    let options = document.options;
    let base = Base::of(doc, Some(document.url));
    let is_named = options.profile() != Profile::Auto;
    let has_fields =
        is_named || options.formats().contains(&Format::Json) || options.schema().is_some();
    let markup_items = if has_fields { MarkupItems::Read } else { MarkupItems::Skip };
    let mut facts = Facts::read(doc, &base, markup_items);
    extracted.title.clone_from(&facts.title);
    extracted.author.clone_from(&facts.author);
    extracted.published_at.clone_from(&facts.published_at);
    extracted.description.clone_from(&facts.description);
    extracted.language.clone_from(&facts.language);
    extracted.metadata = facts.metadata();
    let boilerplate = BoilerplateMap::of(visible);
    // The heading's place is one in `doc`.
    let heading = facts.heading_at.filter(|_| std::ptr::eq(doc, visible));
    let language = facts.language.clone();
    let page = LazyIndex::new(visible, &boilerplate, &base, heading, language.as_deref());
    let fields = if has_fields {
        let names = options.schema().map(fill::requested_names).unwrap_or_default();
        profile::fields(doc, &page, &base, &facts, options.profile(), &names)
    } else {
        Fields::default()
    };
    let published = facts.published_at.as_deref();
    let reads_page = is_named || options.schema().is_some();
    if profile::dates_itself(&fields, published)
        || (reads_page && profile::is_other_day(page.get(), published))
    {
        facts.published_at = None;
        extracted.published_at = None;
        extracted.metadata = facts.metadata();
    }
    if is_named {
        let object = fields.0.iter().map(|(name, it)| ((*name).to_owned(), it.value.clone()));
        extracted.profile = Some(Value::Object(object.collect()));
    }
    let selection = main_content::find(visible, &boilerplate, &facts, &mut extracted.warnings);
    if options.advanced().explain_content {
        extracted.content_parts = main_content::parts(&selection);
    }
    extracted.text = text::render(&selection);
    if extracted.text.trim().is_empty() {
        return Err(ExtractError::Empty);
    }
    let formats = Formats { document, facts: &facts, fields: &fields, base: &base };
    formats.write(visible, &selection, &boilerplate, &mut extracted);
    if options.advanced().ocr {
        let hero = formats.hero();
        extracted.images = links::worth_reading(&selection, hero.as_deref(), &base);
    }
    if document.wants_links {
        extracted.links = links::addresses(doc, &base);
    }
    if options.schema().is_some() {
        let mut layers = Layers::of_page(&facts, options, fields, &extracted.text);
        let title = facts.heading.as_deref().or(facts.title.as_deref()).unwrap_or_default();
        let state =
            |names: &[String], missing: &[String]| embedded::described(doc, title, names, missing);
        let cards = || collections::cards(visible, &boilerplate, &base);
        let tables = || collections::tables(visible, &boilerplate, &base);
        let late = fill::LateData { state: &state, cards: &cards, tables: &tables };
        fill::fill(options, &mut layers, Some(page.get()), &late, &mut extracted);
    }
    Ok(extracted)
}

/// The parts of a page that its formats are made from.
struct Formats<'a> {
    document: Document<'a>,
    facts: &'a Facts,
    fields: &'a Fields,
    base: &'a Base,
}

impl Formats<'_> {
    /// Adds the requested formats.
    fn write(
        &self,
        visible: &Doc<'_>,
        selection: &Selection<'_, '_>,
        boilerplate: &BoilerplateMap,
        extracted: &mut Extracted,
    ) {
        let options = self.document.options;
        // Several formats are made from each of these, and the others should not pay for it.
        let markdown: LazyCell<Markdown, _> =
            LazyCell::new(|| markdown::render(selection, self.base));
        let links = LazyCell::new(|| links::links(visible, visible.body(), boilerplate, self.base));
        for &format in options.formats() {
            let value = match format {
                Format::Text => extracted.text.clone().into(),
                Format::Markdown => markdown.text.as_str().into(),
                Format::Html => html::render(selection, self.base).into(),
                Format::Json if options.filters_content() => {
                    json::json(self.facts, options, self.fields, &[])
                }
                Format::Json => json::json(self.facts, options, self.fields, &links),
                Format::JsonV2 => {
                    let (sections, tables) = self.sections(visible, selection);
                    json!({
                        "version": 2, "title": extracted.title, "sections": sections,
                        "tables": tables, "links": *links,
                    })
                }
                Format::Rag => chunks::rag(&markdown),
                Format::Content => {
                    let images = links::images(selection, self.hero().as_deref(), self.base);
                    let links = links::links(visible, selection.root, boilerplate, self.base);
                    chunks::content(&markdown.text, &images, &links)
                }
                Format::Raw => continue,
            };
            extracted.content.insert(format, value);
        }
    }

    /// The sections of the content or of the whole page, and its tables.
    fn sections(&self, visible: &Doc<'_>, selection: &Selection<'_, '_>) -> (Value, Value) {
        let options = self.document.options;
        let filter = &options.advanced().section_filter;
        if options.filters_content() || filter.content_only {
            return sections::sections(selection, self.base, filter);
        }
        sections::sections(&Selection::whole(visible, visible.body()), self.base, filter)
    }

    /// The image that the page shows for itself elsewhere.
    fn hero(&self) -> Option<String> {
        self.facts.declared.opengraph.get("image").and_then(|it| self.base.absolute(it))
    }
}
