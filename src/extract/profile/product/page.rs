//! Reads what a product's page shows and its data lacks.

use serde_json::Value;

use crate::extract::data::facts::Facts;
use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::labeled::LabeledValues;
use crate::extract::dom::tag::Tag;
use crate::extract::value::provenance::{Fields, Source};
use crate::extract::vocabulary::{BRAND_LABELS, GTIN_LABELS, SKU_LABELS, SKU_NAMES};

use super::{codes, scripts, stock};

type Fits = fn(&str) -> Option<String>;

/// Bytes of an element that holds a number.
const NUMBER_TEXT: usize = 60;
/// Nodes of such an element.
const NUMBER_NODES: usize = 100;

/// Returns the number that the page shows for its product.
pub(super) fn number(doc: &Doc<'_>, labeled: &LabeledValues<'_, '_>) -> Option<String> {
    labeled.value(SKU_LABELS, token).or_else(|| {
        (0..doc.len()).filter(|it| is_called_number(doc, *it)).find_map(|id| {
            let text = doc.folded_text(id);
            let text = text.rsplit([':', '#']).next().unwrap_or_default();
            // As in `Art.1234`, whose parts are elements of their own.
            let bare = text.split_once('.').filter(|it| it.0.chars().all(char::is_alphabetic));
            token(bare.map_or(text, |it| it.1))
        })
    })
}

fn is_called_number(doc: &Doc<'_>, id: Id) -> bool {
    let node = doc.node(id);
    node.tag != Tag::Text
        && (3..=NUMBER_TEXT).contains(&node.text)
        && node.end - id <= NUMBER_NODES
        && doc.attrs(id).any(|(name, value)| {
            let names = matches!(name, "class" | "id" | "itemprop") || name.starts_with("data-");
            names
                && value.len() < 200
                && value.split_whitespace().any(|it| {
                    let mut bare = it.to_ascii_lowercase();
                    bare.retain(|it| it.is_ascii_alphanumeric());
                    SKU_NAMES.iter().any(|it| bare.ends_with(it))
                })
        })
}

/// Fills the missing fields from the page itself.
pub(super) fn fill(
    fields: &mut Fields,
    doc: &Doc<'_>,
    facts: &Facts,
    labeled: &LabeledValues<'_, '_>,
) {
    let heading = facts.heading.clone().map(Value::from);
    fields.offer("name", Source::Dom, "h1", heading);
    if !fields.has("availability") {
        let found = stock::in_texts(labeled).or_else(|| stock::has_cart(doc).then_some("InStock"));
        fields.offer("availability", Source::Dom, "stock", found.map(Value::from));
        if fields.has("price") {
            // The page offers something at a price and does not call it unavailable.
            fields.offer("availability", Source::Dom, "price", Some("InStock".into()));
        }
    }
    let numbers: [(&'static str, &[&str], Fits); 2] =
        [("gtin", GTIN_LABELS, digits), ("brand", BRAND_LABELS, codes::short_brand)];
    for (field, names, fits) in numbers {
        if !fields.has(field) {
            let found = labeled.value(names, fits).map(Value::from);
            fields.offer(field, Source::Dom, names[0], found);
        }
    }
    if !fields.has("brand") {
        let name = fields.text("name");
        let mut names = name.into_iter().chain(facts.heading.as_deref());
        let found = names.find_map(|it| scripts::brand(doc, it));
        fields.offer("brand", Source::Dom, "script", found.map(Value::from));
    }
    if !fields.has("sku") {
        fields.offer("sku", Source::Dom, "url", in_address(facts).map(Value::from));
    }
}

/// Returns the number in the product's own address.
fn in_address(facts: &Facts) -> Option<String> {
    let address = facts.declared.canonical.as_deref().or(facts.declared.address.as_deref())?;
    let path = address.split("://").nth(1)?.split_once('/')?.1;
    let parts =
        path.split(['/', '?', '&', '=', '#', '.', ',', '_']).flat_map(|it| it.rsplit('-').take(2));
    let fits = |it: &&str| {
        let digits = it.bytes().filter(u8::is_ascii_digit).count();
        (5..=20).contains(&it.len())
            && digits >= 5
            && digits + 2 >= it.len()
            && it.bytes().all(|it| it.is_ascii_alphanumeric())
    };
    parts.filter(fits).last().map(str::to_owned)
}

/// Returns the digits at the beginning of a text if they are a GTIN.
fn digits(text: &str) -> Option<String> {
    let end = text.find(|it: char| !it.is_ascii_digit() && !matches!(it, '-' | ' '));
    codes::gtin(text.get(..end.unwrap_or(text.len()))?)
}

/// Reads one word with a digit in it.
fn token(text: &str) -> Option<String> {
    let text = text.trim_start_matches(|it: char| !it.is_alphanumeric());
    let word = text.split_whitespace().next()?;
    let word = word.trim_end_matches(|it: char| !it.is_alphanumeric());
    let fits = word.bytes().any(|it| it.is_ascii_digit())
        && (3..40).contains(&word.len())
        && word.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_./".contains(&it));
    fits.then(|| word.to_owned())
}
