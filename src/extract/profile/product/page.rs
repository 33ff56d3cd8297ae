//! What a product's page shows and its data does not say.

use serde_json::Value;

use crate::extract::data::Facts;
use crate::extract::doc::{Doc, Id};
use crate::extract::profile::label::Labels;
use crate::extract::profile::{Fields, Source};
use crate::extract::tag::Tag;

use super::{shipped, stock};

type Fits = fn(&str) -> Option<String>;

/// What a page calls its product's brand and numbers.
pub(super) const BRAND: [&str; 33] = [
    "brand",
    "marke",
    "marque",
    "marca",
    "merk",
    "manufacturer",
    "hersteller",
    "značka",
    "výrobca",
    "výrobce",
    "producent",
    "fabricante",
    "fabricant",
    "fabrikant",
    "produttore",
    "märke",
    "varumärke",
    "mærke",
    "merke",
    "tuotemerkki",
    "valmistaja",
    "kaubamärk",
    "tootja",
    "ražotājs",
    "gamintojas",
    "gyártó",
    "producător",
    "marka",
    "бренд",
    "производитель",
    "ブランド",
    "メーカー",
    "브랜드",
];
const GTIN: [&str; 6] = ["gtin", "ean", "upc", "isbn-13", "isbn13", "isbn"];
const SKU: [&str; 27] = [
    "sku",
    "item #",
    "item no",
    "item number",
    "item code",
    "item id",
    "asin",
    "product code",
    "product id",
    "product number",
    "product no",
    "product reference",
    "article no",
    "article number",
    "art. nr",
    "art.-nr",
    "art.nr",
    "artikelnummer",
    "artikelnr",
    "artikel-nr",
    "tuotenumero",
    "tootekood",
    "kód produktu",
    "katalogové číslo",
    "šifra",
    "ref.",
    "catalogue number",
];
/// What parts call themselves that hold a product's number and nothing else.
const NUMBERED: [&str; 11] = [
    "sku",
    "productsku",
    "productcode",
    "productnumber",
    "productreference",
    "productref",
    "catnumber",
    "articlenumber",
    "itemnumber",
    "itemcode",
    "prdcode",
];
/// Bytes of a part that holds a number.
const NUMBER_TEXT: usize = 60;
/// Nodes of such a part.
const NUMBER_NODES: usize = 100;

/// The number that the page shows for its product.
pub(super) fn number(doc: &Doc<'_>, labels: &Labels<'_, '_>) -> Option<String> {
    labels.value(&SKU, token).or_else(|| {
        (0..doc.len()).filter(|it| is_called_number(doc, *it)).find_map(|id| {
            let text = doc.folded_text(id);
            let text = text.rsplit([':', '#']).next().unwrap_or_default();
            // Such as `Art.1234`, whose parts stand in elements of their own.
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
                    NUMBERED.iter().any(|it| bare.ends_with(it))
                })
        })
}

/// Fills what is still missing from the page itself.
pub(super) fn fill(fields: &mut Fields, doc: &Doc<'_>, facts: &Facts, labels: &Labels<'_, '_>) {
    let heading = facts.heading.clone().map(Value::from);
    fields.offer("name", Source::Dom, "h1", heading);
    if !fields.has("availability") {
        let said = stock::said(labels).or_else(|| stock::has_cart(doc).then_some("InStock"));
        fields.offer("availability", Source::Dom, "stock", said.map(Value::from));
        if fields.has("price") {
            // Something is offered at a price, and nothing says that it cannot be had.
            fields.offer("availability", Source::Dom, "price", Some("InStock".into()));
        }
    }
    let labelled: [(&'static str, &[&str], Fits); 2] =
        [("gtin", &GTIN, digits), ("brand", &BRAND, super::brand)];
    for (field, names, fits) in labelled {
        if !fields.has(field) {
            let found = labels.value(names, fits).map(Value::from);
            fields.offer(field, Source::Dom, names[0], found);
        }
    }
    if !fields.has("brand") {
        let name = fields.0.get("name").and_then(|it| it.value.as_str());
        let mut names = name.into_iter().chain(facts.heading.as_deref());
        let found = names.find_map(|it| shipped::brand(doc, it));
        fields.offer("brand", Source::Dom, "script", found.map(Value::from));
    }
    if !fields.has("sku") {
        fields.offer("sku", Source::Dom, "url", in_address(facts).map(Value::from));
    }
}

/// The number in the product's own address.
fn in_address(facts: &Facts) -> Option<String> {
    let address = facts.canonical.as_deref().or(facts.address.as_deref())?;
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

/// The digits that a text begins with, if they are an article number.
fn digits(text: &str) -> Option<String> {
    let end = text.find(|it: char| !it.is_ascii_digit() && !matches!(it, '-' | ' '));
    super::gtin(text.get(..end.unwrap_or(text.len()))?)
}

/// One word with a digit in it.
fn token(text: &str) -> Option<String> {
    let text = text.trim_start_matches(|it: char| !it.is_alphanumeric());
    let word = text.split_whitespace().next()?;
    let word = word.trim_end_matches(|it: char| !it.is_alphanumeric());
    let fits = word.bytes().any(|it| it.is_ascii_digit())
        && (3..40).contains(&word.len())
        && word.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_./".contains(&it));
    fits.then(|| word.to_owned())
}
