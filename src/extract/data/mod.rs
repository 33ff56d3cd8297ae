//! What a page says of itself: meta elements, JSON-LD, microdata, RDFa, Open Graph.

mod byline;
mod dates;
mod facts;
mod item;
mod json_ld;
mod loose;
mod title;

pub(super) use self::dates::day;
pub(super) use self::facts::{Depth, Facts, fits, has_type, profile_of};
use self::item::Vocabulary;
use self::item::items;
use self::json_ld::Graph;
pub(super) use self::loose::parse as parse_loosely;

use serde_json::{Value, json};

use crate::extract::address::Base;
use crate::extract::doc::Doc;
use crate::extract::tag::Tag;

/// Items of one kind kept of a page.
const MAX_ITEMS: usize = 200;
/// Bytes that a value takes beside its strings.
const VALUE: usize = 16;

/// The structured data of a page as it stands there, nothing merged and nothing left out.
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

/// What `meta` elements say below names that begin so, in the order of the page.
fn pairs(doc: &Doc<'_>, spaces: &[&str]) -> Vec<Value> {
    let metas = (0..doc.len()).filter(|it| doc.tag(*it) == Tag::Meta);
    let said = metas.filter_map(|id| {
        let name = doc.attr(id, "name").or_else(|| doc.attr(id, "property"))?.trim();
        let lower = name.to_ascii_lowercase();
        let content = doc.attr(id, "content")?;
        spaces.iter().any(|it| lower.starts_with(it)).then(|| json!([name, content]))
    });
    said.take(MAX_ITEMS).collect()
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

/// About the bytes of a value.
pub(super) fn weight(value: &Value) -> usize {
    let (mut bytes, mut waiting) = (0, vec![value]);
    while let Some(value) = waiting.pop() {
        bytes += VALUE;
        match value {
            Value::String(text) => bytes += text.len(),
            Value::Array(all) => waiting.extend(all),
            Value::Object(fields) => {
                bytes += fields.keys().map(String::len).sum::<usize>();
                waiting.extend(fields.values());
            }
            _ => {}
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_weighs_its_strings_and_the_values_in_it() {
        for (value, bytes) in [
            (json!(null), VALUE),
            (json!(1.5), VALUE),
            (json!("three"), VALUE + 5),
            (json!([1, [2]]), VALUE * 4),
            (json!({ "ab": "c", "d": {} }), VALUE * 3 + 4),
        ] {
            assert_eq!(weight(&value), bytes, "{value}");
        }
    }
}
