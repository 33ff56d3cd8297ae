//! The data of a page: what it declares in meta elements, JSON-LD, microdata, RDFa and Open Graph, and the
//! facts that follow from it.
//!
//! [`declared`] reads the declarations as they are, [`page_kind`] and [`facts`] conclude from them, and
//! [`property`] reads the values of single properties.

pub(crate) mod byline;
pub(crate) mod declared;
pub(crate) mod facts;
pub(crate) mod json_ld;
mod markup;
pub(crate) mod page_kind;
pub(crate) mod property;
mod published;
pub(crate) mod schema_org;
mod title;

use serde_json::{Value, json};

use crate::extract::dom::address::Base;
use crate::extract::dom::doc::Doc;
use crate::extract::dom::tag::Tag;

use self::markup::{Vocabulary, items};

/// Items of one kind kept of a page.
const MAX_ITEMS: usize = 200;

/// The structured data of a page as declared, unmerged and complete.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct StructuredData {
    /// The documents of JSON-LD.
    pub json_ld: Vec<Value>,
    /// Microdata items: `{"type", "id", "properties"}`.
    pub microdata: Vec<Value>,
    /// Open Graph: `{"namespace", "properties": [[name, content], ...]}`.
    pub opengraph: Vec<Value>,
    /// RDFa items, in the shape of microdata.
    pub rdfa: Vec<Value>,
    /// Dublin Core: `[name, content]`, the names as they are written.
    pub dublin_core: Vec<Value>,
    /// Twitter cards: `[name, content]`.
    pub twitter: Vec<Value>,
}

impl StructuredData {
    pub(super) fn of(doc: &Doc<'_>, base: &Base) -> Self {
        Self {
            json_ld: json_ld::documents(doc),
            microdata: items(doc, base, Vocabulary::Microdata),
            opengraph: opengraph(doc),
            rdfa: items(doc, base, Vocabulary::Rdfa),
            dublin_core: pairs(doc, &["dc.", "dc:", "dcterms.", "dcterms:"]),
            twitter: pairs(doc, &["twitter:"]),
        }
    }
}

/// Returns the `meta` elements whose names have one of some prefixes, in the order of the page.
fn pairs(doc: &Doc<'_>, spaces: &[&str]) -> Vec<Value> {
    let metas = (0..doc.len()).filter(|it| doc.tag(*it) == Tag::Meta);
    let found = metas.filter_map(|id| {
        let name = doc.attr(id, "name").or_else(|| doc.attr(id, "property"))?.trim();
        let lower = name.to_ascii_lowercase();
        let content = doc.attr(id, "content")?;
        spaces.iter().any(|it| lower.starts_with(it)).then(|| json!([name, content]))
    });
    found.take(MAX_ITEMS).collect()
}

/// The Open Graph properties in the order of the page, with the namespaces that they are from.
fn opengraph(doc: &Doc<'_>) -> Vec<Value> {
    const KNOWN: [&str; 8] =
        ["og", "music", "video", "article", "book", "profile", "product", "website"];
    let mut properties = Vec::new();
    let mut spaces = serde_json::Map::new();
    for id in (0..doc.len()).filter(|it| doc.tag(*it) == Tag::Meta) {
        let name = doc.attr(id, "property").or_else(|| doc.attr(id, "name"));
        let (Some(name), Some(content)) = (name, doc.attr(id, "content")) else { continue };
        let Some((space, _)) = name.split_once(':') else { continue };
        if !KNOWN.contains(&space) || properties.len() >= MAX_ITEMS {
            continue;
        }
        let address = if space == "og" {
            "http://ogp.me/ns#".into()
        } else {
            format!("http://ogp.me/ns/{space}#")
        };
        spaces.entry(space).or_insert_with(|| address.into());
        properties.push(json!([name, content]));
    }
    if properties.is_empty() {
        return Vec::new();
    }
    vec![json!({ "namespace": spaces, "properties": properties })]
}
