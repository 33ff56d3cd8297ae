//! The properties of an item of structured data, made into plain values.
//!
//! A profile names the properties it reads in a table of [`Property`]; [`read_properties`] fills its fields
//! from an item. Earlier rows win where two of them fill one field.

use serde_json::Value;

use crate::extract::data::json_ld::Graph;
use crate::extract::dom::address::Base;
use crate::extract::dom::folding::folded;
use crate::extract::source::tree::text_of;
use crate::extract::value::provenance::{Fields, Source};
use crate::extract::value::{date, duration};

/// Values read of one property.
const MAX_VALUES: usize = 100;
/// Rounds of decoding character references: some pages write them twice.
const DECODINGS: usize = 2;

/// A way to read the value of a property.
pub(crate) type Read = fn(&Value, PropertyContext<'_>) -> Option<Value>;

/// The page around an item: its other items for references, and its base for addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PropertyContext<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) base: &'a Base,
}

/// A property of an item and the field it fills.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Property {
    pub(crate) field: &'static str,
    /// The name of the property in schema.org.
    pub(crate) name: &'static str,
    /// The path that is reported for a value; the name, unless [`Property::at`] changes it.
    pub(crate) path: &'static str,
    pub(crate) read: Read,
}

impl Property {
    /// Reports the values under another path, for properties of objects inside the item.
    pub(crate) const fn at(self, path: &'static str) -> Self {
        Self { path, ..self }
    }
}

/// Builds a row of a table of properties.
pub(crate) const fn property(field: &'static str, name: &'static str, read: Read) -> Property {
    Property { field, name, path: name, read }
}

/// Fills fields from the properties of an item.
pub(crate) fn read_properties(
    fields: &mut Fields,
    source: Source,
    item: &Value,
    properties: &[Property],
    context: PropertyContext<'_>,
) {
    for it in properties {
        let value = item.get(it.name).filter(|value| !value.is_null());
        let read = value.and_then(|value| (it.read)(value, context));
        fields.offer(it.field, source, it.path, read);
    }
}

/// Reads a text.
pub(crate) fn as_text(value: &Value, _: PropertyContext<'_>) -> Option<Value> {
    text(value).map(Value::from)
}

/// Reads the names of people, brands or organizations.
pub(crate) fn as_name(value: &Value, context: PropertyContext<'_>) -> Option<Value> {
    name(value, context.graph).map(Value::from)
}

/// Reads a day or a timestamp.
pub(crate) fn as_date(value: &Value, _: PropertyContext<'_>) -> Option<Value> {
    date::timestamp(&text(value)?).map(Value::from)
}

/// Reads a duration as minutes.
pub(crate) fn as_minutes(value: &Value, _: PropertyContext<'_>) -> Option<Value> {
    duration::minutes(value)
}

/// Reads a list of texts.
pub(crate) fn as_strings(value: &Value, _: PropertyContext<'_>) -> Option<Value> {
    non_empty(strings(value))
}

/// Reads a list of addresses of images.
pub(crate) fn as_images(value: &Value, context: PropertyContext<'_>) -> Option<Value> {
    non_empty(images(value, context))
}

/// Builds a list, or `None` if it has no entries.
pub(crate) fn non_empty(all: Vec<String>) -> Option<Value> {
    (!all.is_empty()).then(|| all.into())
}

/// Reads the word behind the last slash of an address of schema.org: `EventScheduled`.
pub(crate) fn as_term(value: &Value, _: PropertyContext<'_>) -> Option<Value> {
    text(value).map(|it| term(&it).into())
}

/// Strips the markup of a text and decodes its character references. The result is one line.
pub(crate) fn plain(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..DECODINGS {
        if !text.contains('<') && !text.contains('&') {
            break;
        }
        text = text_of(&text);
    }
    folded(&text)
}

/// The first value of one or several.
pub(crate) fn first(value: &Value) -> Option<&Value> {
    match value {
        Value::Array(all) => all.iter().find(|it| !it.is_null()),
        Value::Null => None,
        one => Some(one),
    }
}

/// Every value of one or several.
pub(crate) fn several(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// Reads a string, a number or the name of an object as text. Of several values the first.
pub(crate) fn text(value: &Value) -> Option<String> {
    match first(value)? {
        Value::String(text) => Some(plain(text)).filter(|it| !it.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(of) => of.get("@value").or_else(|| of.get("name")).and_then(text),
        _ => None,
    }
}

/// Reads the name of a person or a brand and follows references. Several names are joined by commas.
pub(crate) fn name(value: &Value, graph: &Graph) -> Option<String> {
    let one = |it: &Value| text(graph.resolve(it));
    match value {
        Value::Array(all) => {
            let mut names: Vec<String> = all.iter().filter_map(one).collect();
            names.dedup();
            Some(names.join(", ")).filter(|it| !it.is_empty())
        }
        other => one(other),
    }
}

/// Reads the texts of one or several values. A single text is split at commas and semicolons.
pub(crate) fn strings(value: &Value) -> Vec<String> {
    let split = |it: String| -> Vec<String> {
        let parts = it.split([',', ';']).map(str::trim).filter(|it| !it.is_empty());
        parts.map(str::to_owned).collect()
    };
    match value {
        Value::Array(all) => all.iter().take(MAX_VALUES).filter_map(text).collect(),
        one => text(one).map(split).unwrap_or_default(),
    }
}

/// Reads the absolute addresses of one or several images.
fn images(value: &Value, context: PropertyContext<'_>) -> Vec<String> {
    let one = |it: &Value| {
        let address = match context.graph.resolve(it) {
            Value::String(_) => text(it),
            Value::Object(of) => {
                ["contentUrl", "url", "@id"].iter().find_map(|it| text(of.get(*it)?))
            }
            _ => None,
        };
        address.and_then(|it| context.base.absolute(&it))
    };
    match value {
        Value::Array(all) => all.iter().take(MAX_VALUES).filter_map(one).collect(),
        other => one(other).into_iter().collect(),
    }
}

/// Reads a place on one line: a text, or the parts of an address from the street to the country.
pub(crate) fn place(value: &Value, graph: &Graph) -> Option<String> {
    const PARTS: [&str; 5] =
        ["streetAddress", "addressLocality", "addressRegion", "postalCode", "addressCountry"];
    let of = graph.resolve(first(value)?);
    if of.is_string() {
        return text(of);
    }
    let address = of.get("address").and_then(first).map_or(of, |it| graph.resolve(it));
    if address.is_string() {
        return text(address);
    }
    let mut parts: Vec<String> =
        PARTS.iter().filter_map(|it| text(graph.resolve(address.get(*it)?))).collect();
    parts.dedup();
    Some(parts.join(", ")).filter(|it| !it.is_empty())
}

/// The word of schema.org in an address.
pub(crate) fn term(address: &str) -> &str {
    address.rsplit(['/', '#', ':']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_references_are_taken_off() {
        assert_eq!(plain("salt &amp;amp; <b>pepper</b>\n &#189; cup"), "salt & pepper ½ cup");
    }
}
