//! What a shop ships about its product for its own scripts.

use serde_json::Value;

use crate::extract::doc::Doc;
use crate::extract::tag::Tag;

/// Bytes behind a product's name in which its object ends.
const OBJECT: usize = 400;
/// Places of one script where the name is looked at.
const MAX_PLACES: usize = 20;
/// What shops call the number.
const KEYS: [&str; 4] = ["\"sku\":", "\"productSKU\":", "\"product_sku\":", "\"productSku\":"];

/// The number in the same object as the product's name.
pub(super) fn sku(doc: &Doc<'_>, name: &str) -> Option<String> {
    let quoted = Value::from(name).to_string();
    (0..doc.len()).filter(|it| doc.tag(*it) == Tag::Script).find_map(|it| {
        let source = doc.source_text(it);
        let mut places = source.match_indices(&quoted).take(MAX_PLACES);
        places.find_map(|it| behind(&source, it.0 + quoted.len()))
    })
}

/// The number between a place and the end of the object that it is in.
fn behind(source: &str, from: usize) -> Option<String> {
    let rest = source.get(from..)?;
    let end = rest.find('}').unwrap_or(rest.len());
    let object = rest.get(..end).filter(|it| it.len() <= OBJECT)?;
    let at = KEYS.iter().find_map(|key| Some(object.find(key)? + key.len()))?;
    let mut values = serde_json::Deserializer::from_str(object.get(at..)?).into_iter::<Value>();
    match values.next()?.ok()? {
        Value::String(text) => Some(text).filter(|it| !it.is_empty() && !it.contains(' ')),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
