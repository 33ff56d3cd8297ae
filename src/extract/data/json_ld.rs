//! JSON-LD: the documents as they stand, and the graph that they make together.

use std::collections::HashMap;

use serde_json::Value;

use crate::extract::data::MAX_ITEMS;
use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::tag::Tag;
use crate::extract::value::lenient_json;
use crate::extract::value::weight::weight;

/// References followed from one item.
const MAX_REFERENCES: usize = 50;
/// Bytes that references may add to one item: each could lead to most of a page.
const MAX_GAIN: usize = 1_048_576;
/// References inside referenced items.
const MAX_DEPTH: usize = 3;

/// Every document of JSON-LD in a page, arrays laid flat.
pub(super) fn documents(doc: &Doc<'_>) -> Vec<Value> {
    let mut found = Vec::new();
    for id in (0..doc.len()).filter(|it| is_json_ld(doc, *it)) {
        match lenient_json::parse(&doc.source_text(id)) {
            Value::Array(all) => found.extend(all),
            one @ Value::Object(_) => found.push(one),
            _ => {}
        }
        found.truncate(MAX_ITEMS);
    }
    found
}

fn is_json_ld(doc: &Doc<'_>, id: Id) -> bool {
    let is = |it: &str| it.trim().to_ascii_lowercase().starts_with("application/ld+json");
    doc.tag(id) == Tag::Script && doc.attr(id, "type").is_some_and(is)
}

/// All items of a page, graphs laid flat.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) items: Vec<Value>,
}

impl Graph {
    pub(super) fn of(doc: &Doc<'_>) -> Self {
        let mut items = Vec::new();
        for document in documents(doc) {
            flatten(document, &mut items);
        }
        Self { items }
    }

    /// Follows a reference. Any other value is returned as it is.
    pub(crate) fn resolve<'g>(&'g self, value: &'g Value) -> &'g Value {
        let Some(id) = reference(value) else { return value };
        self.items
            .iter()
            .find(|it| reference(it).is_none() && id_of(it) == Some(id))
            .unwrap_or(value)
    }

    /// Returns an item with its references replaced by the items that they name.
    pub(crate) fn expanded(&self, item: &Value) -> Value {
        if !self.items.iter().any(|it| id_of(it).is_some()) {
            return item.clone();
        }
        let ids = self.items.iter().filter(|it| reference(it).is_none());
        let by_id: HashMap<&str, &Value> = ids.filter_map(|it| Some((id_of(it)?, it))).collect();
        let mut left = ReferenceBudget { references: MAX_REFERENCES, bytes: MAX_GAIN };
        expand(item, &by_id, &mut left, 0)
    }
}

fn id_of(item: &Value) -> Option<&str> {
    item.get("@id")?.as_str()
}

/// Returns the id of an object that holds nothing else but its type.
fn reference(value: &Value) -> Option<&str> {
    let object = value.as_object()?;
    let only = object.keys().all(|it| it == "@id" || it == "@type");
    if only { id_of(value) } else { None }
}

/// The budget for what references may add to an item.
#[derive(Debug)]
struct ReferenceBudget {
    references: usize,
    bytes: usize,
}

impl ReferenceBudget {
    /// Pays for a reference. Returns `false` if the budget is exhausted.
    fn pays(&mut self, value: &Value) -> bool {
        // Looking up a reference costs even if its item is too large.
        let Some(references) = self.references.checked_sub(1) else { return false };
        self.references = references;
        let Some(bytes) = self.bytes.checked_sub(weight(value)) else { return false };
        self.bytes = bytes;
        true
    }
}

fn expand(
    value: &Value,
    by_id: &HashMap<&str, &Value>,
    left: &mut ReferenceBudget,
    depth: usize,
) -> Value {
    if let Some(found) = reference(value).and_then(|it| by_id.get(it)) {
        if depth >= MAX_DEPTH || !left.pays(found) {
            return value.clone();
        }
        return expand(found, by_id, left, depth + 1);
    }
    match value {
        Value::Array(all) => all.iter().map(|it| expand(it, by_id, left, depth)).collect(),
        Value::Object(object) => {
            let of = |(name, it): (&String, &Value)| (name.clone(), expand(it, by_id, left, depth));
            Value::Object(object.iter().map(of).collect())
        }
        other => other.clone(),
    }
}

/// Collects the items of a document from its arrays and graphs.
fn flatten(value: Value, into: &mut Vec<Value>) {
    match value {
        Value::Array(all) => all.into_iter().for_each(|it| flatten(it, into)),
        Value::Object(mut object) => match object.remove("@graph") {
            Some(graph) => flatten(graph, into),
            None if into.len() < MAX_ITEMS => into.push(Value::Object(object)),
            None => {}
        },
        _ => {}
    }
}
