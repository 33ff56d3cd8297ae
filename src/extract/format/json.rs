//! The `json` format: the item that the page is about at the top, everything else beside it.

use serde_json::{Map, Value, json};

use crate::core::request::JobRequest;
use crate::extract::data::facts::Facts;
use crate::extract::value::provenance::Fields;

/// Builds the object. With `filter_content` it holds neither `links` nor the raw items.
pub(crate) fn json(facts: &Facts, options: &JobRequest, fields: &Fields, links: &[Value]) -> Value {
    let declared = &facts.declared;
    let mut object = Map::new();
    if options.promotes_schema_org()
        && let Some((_, item)) = declared.about(options.profile())
        && let Value::Object(item) = declared.graph.expanded(item)
    {
        object = item;
    }
    for (name, field) in &fields.0 {
        object.entry(*name).or_insert_with(|| field.value.clone());
    }
    for (name, value) in facts.metadata() {
        object.entry(name).or_insert(value);
    }
    if !options.filters_content() {
        object.insert("jsonld".to_owned(), json!(declared.graph.items));
        object.insert("microdata".to_owned(), json!(declared.microdata));
        if !declared.rdfa.is_empty() {
            object.insert("rdfa".to_owned(), json!(declared.rdfa));
        }
        object.insert("links".to_owned(), json!(links));
    }
    Value::Object(object)
}
