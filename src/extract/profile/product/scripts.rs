//! Reads what a shop ships about its product for its own scripts.

use serde_json::Value;

use crate::extract::dom::doc::Doc;
use crate::extract::dom::tag::Tag;

use super::codes;

/// Bytes behind a product's name in which its object ends.
const OBJECT: usize = 400;
/// Occurrences of the name in one script that are read.
const MAX_PLACES: usize = 20;
/// Different brands of a page that are read.
const MAX_BRANDS: usize = 20;
/// Keys of the number.
const NUMBERS: [&str; 4] = ["\"sku\":", "\"productSKU\":", "\"product_sku\":", "\"productSku\":"];
/// Keys of the brand.
const BRANDS: [&str; 3] = ["\"brand\":", "\"brandName\":", "\"brand_name\":"];

/// Returns the number in the same object as the product's name.
pub(super) fn sku(doc: &Doc<'_>, name: &str) -> Option<String> {
    beside(doc, name, &NUMBERS, |value| match value {
        Value::String(text) => Some(text).filter(|it| !it.is_empty() && !it.contains(' ')),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// Returns the brand in the same object as the product's name.
pub(super) fn brand(doc: &Doc<'_>, name: &str) -> Option<String> {
    beside(doc, name, &BRANDS, |value| match value {
        Value::String(text) => codes::brand(&text),
        Value::Object(of) => codes::brand(of.get("name")?.as_str()?),
        _ => None,
    })
}

/// Returns the different brands that the scripts of a page name, at most [`MAX_BRANDS`].
pub(super) fn brands(doc: &Doc<'_>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for id in (0..doc.len()).filter(|it| doc.tag(*it) == Tag::Script) {
        let source = doc.source_text(id);
        for key in BRANDS {
            for (at, _) in source.match_indices(key).take(MAX_PLACES) {
                let value = source.get(at + key.len()..).and_then(first_value);
                let name = match value {
                    Some(Value::String(text)) => codes::brand(&text),
                    Some(Value::Object(of)) => {
                        of.get("name").and_then(Value::as_str).and_then(codes::brand)
                    }
                    _ => None,
                };
                let Some(name) = name.filter(|it| !found.contains(it)) else { continue };
                found.push(name);
                if found.len() == MAX_BRANDS {
                    return found;
                }
            }
        }
    }
    found
}

/// Returns the value of a key in the same object as a name.
fn beside(
    doc: &Doc<'_>,
    name: &str,
    keys: &[&str],
    fits: fn(Value) -> Option<String>,
) -> Option<String> {
    let quoted = Value::from(name).to_string();
    // Scripts in a page escape the characters that could end them.
    let spellings = [quoted.clone(), quoted.replace('/', "\\/"), quoted.replace('/', "\\u002F")];
    let spellings = spellings.get(..if name.contains('/') { 3 } else { 1 })?;
    (0..doc.len()).filter(|it| doc.tag(*it) == Tag::Script).find_map(|it| {
        let source = doc.source_text(it);
        spellings.iter().find_map(|quoted| {
            let mut places = source.match_indices(quoted).take(MAX_PLACES);
            places.find_map(|it| behind(&source, it.0 + quoted.len(), keys).and_then(fits))
        })
    })
}

/// Returns the value of one of the keys between a place and the end of its object.
fn behind(source: &str, from: usize, keys: &[&str]) -> Option<Value> {
    let rest = source.get(from..)?;
    let end = rest.find('}').unwrap_or(rest.len());
    let object = rest.get(..end).filter(|it| it.len() <= OBJECT)?;
    let at = keys.iter().find_map(|key| Some(object.find(key)? + key.len()))?;
    first_value(rest.get(at..)?)
}

/// Returns the JSON value that a text begins with.
fn first_value(text: &str) -> Option<Value> {
    serde_json::Deserializer::from_str(text).into_iter::<Value>().next()?.ok()
}
