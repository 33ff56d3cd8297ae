//! Arranges the data of a document by how much its sources are trusted.

use std::cell::OnceCell;

use serde_json::{Value, json};

use crate::core::request::JobRequest;
use crate::extract::data::facts::Facts;
use crate::extract::value::provenance::Fields;

/// The data of a document by its sources, the best first.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    /// The fields of the profile.
    pub(crate) fields: Fields,
    /// Everything else, by the name of its source.
    pub(crate) rest: Vec<(&'static str, Value)>,
    /// The objects in the state of scripts that are about the page.
    pub(crate) state: Vec<Value>,
    /// The collections of repeated elements, if they were read.
    pub(super) cards: OnceCell<Vec<Vec<Value>>>,
    /// The tables, if they were read.
    pub(super) tables: OnceCell<Vec<Vec<Value>>>,
}

impl Layers {
    /// Builds the single layer of a document that is data or plain text.
    pub(crate) fn of_data(source: &'static str, data: Value) -> Self {
        Self { rest: vec![(source, data)], ..Self::default() }
    }

    /// Builds the layers of a page; they are empty without a schema.
    pub(crate) fn of_page(facts: &Facts, options: &JobRequest, fields: Fields, text: &str) -> Self {
        if options.schema().is_none() {
            return Self::default();
        }
        let declared = &facts.declared;
        let mut items: Vec<(&'static str, Value)> = Vec::new();
        if let Some((source, item)) = declared.about(options.profile()) {
            items.push((source.as_str(), declared.graph.expanded(item)));
        }
        items.extend([
            ("jsonld", json!(declared.graph.items)),
            ("microdata", json!(declared.microdata)),
            ("rdfa", json!(declared.rdfa)),
        ]);
        let mut metadata = facts.metadata();
        metadata.remove("opengraph");
        metadata.remove("meta");
        let page = [
            ("opengraph", json!(declared.opengraph)),
            ("meta", json!(metadata)),
            ("meta", json!(declared.meta)),
            ("dom", json!({ "text": text })),
        ];
        let (fields, rest) = if options.promotes_schema_org() {
            (fields, items.into_iter().chain(page).collect())
        } else {
            (fields.without_structured_data(), page.into_iter().chain(items).collect())
        };
        Self { fields, rest, ..Self::default() }
    }
}
