//! What a product's page shows and its data does not say.

use serde_json::Value;

use crate::extract::data::Facts;
use crate::extract::doc::{Doc, Id};
use crate::extract::profile::label::Labels;
use crate::extract::profile::product::decimal;
use crate::extract::profile::{Fields, Source};
use crate::extract::schema::number;
use crate::extract::tag::Tag;

/// Signs and codes of currencies beside a price.
const CURRENCIES: [(&str, &str); 22] = [
    ("US$", "USD"),
    ("C$", "CAD"),
    ("A$", "AUD"),
    ("R$", "BRL"),
    ("€", "EUR"),
    ("£", "GBP"),
    ("₹", "INR"),
    ("₽", "RUB"),
    ("₩", "KRW"),
    ("₺", "TRY"),
    ("zł", "PLN"),
    ("Kč", "CZK"),
    ("¥", "JPY"),
    ("円", "JPY"),
    ("$", "USD"),
    ("EUR", "EUR"),
    ("USD", "USD"),
    ("GBP", "GBP"),
    ("CHF", "CHF"),
    ("SEK", "SEK"),
    ("kr", "SEK"),
    ("Rs", "INR"),
];
/// Bytes that a price takes on a page, with what stands beside it.
const PRICE_TEXT: usize = 60;

/// Fills what is still missing from the page itself.
pub(super) fn fill(fields: &mut Fields, doc: &Doc<'_>, facts: &Facts) {
    let heading = facts.heading.clone().map(Value::from);
    fields.offer("name", Source::Dom, "h1", heading);
    let start = (0..doc.len()).find(|it| doc.tag(*it) == Tag::H1).unwrap_or(0);
    if !fields.has("price") {
        // What stands behind the product's name is its price; before it are carts and banners.
        let found = price(doc, start, doc.len()).or_else(|| price(doc, 0, start));
        if let Some((value, currency)) = found {
            fields.offer("price", Source::Dom, "price", Some(decimal(value)));
            fields.offer("currency", Source::Dom, "price", currency.map(Value::from));
        }
    }
    let labels = Labels::of(doc);
    if !fields.has("availability") {
        let said = labels.says(&STOCK).or_else(|| has_cart(doc).then_some("InStock"));
        fields.offer("availability", Source::Dom, "stock", said.map(Value::from));
    }
    for (field, names, fits) in LABELS {
        if !fields.has(field) {
            let found = labels.value(names, fits).map(Value::from);
            fields.offer(field, Source::Dom, names[0], found);
        }
    }
    if !fields.has("sku") {
        fields.offer("sku", Source::Dom, "url", in_address(facts).map(Value::from));
    }
}

type Fits = fn(&str) -> Option<String>;

/// What a page calls its product's brand and numbers.
const LABELS: [(&str, &[&str], Fits); 3] = [
    (
        "sku",
        &[
            "sku",
            "item #",
            "item no",
            "item number",
            "asin",
            "product code",
            "product id",
            "article no",
            "art. nr",
            "artikelnummer",
            "ref.",
            "catalogue number",
        ],
        token,
    ),
    ("gtin", &["gtin", "ean", "upc", "isbn-13", "isbn13", "isbn"], digits),
    (
        "brand",
        &["brand", "marke", "marque", "marca", "merk", "manufacturer", "hersteller", "značka"],
        brand,
    ),
];

/// What short texts say of the stock; the first on the page counts.
const STOCK: [(&str, &str); 13] = [
    ("out of stock", "OutOfStock"),
    ("sold out", "OutOfStock"),
    ("currently unavailable", "OutOfStock"),
    ("no longer available", "OutOfStock"),
    ("nicht verfügbar", "OutOfStock"),
    ("ausverkauft", "OutOfStock"),
    ("agotado", "OutOfStock"),
    ("esgotado", "OutOfStock"),
    ("rupture de stock", "OutOfStock"),
    ("actuellement indisponible", "OutOfStock"),
    ("in stock", "InStock"),
    ("auf lager", "InStock"),
    ("en stock", "InStock"),
];

/// Whether something on the page puts the product into a cart.
fn has_cart(doc: &Doc<'_>) -> bool {
    const NAMES: [&str; 8] = [
        "addtocart",
        "addtobasket",
        "addtobag",
        "buynow",
        "btnbuy",
        "buybutton",
        "addcart",
        "addtotrolley",
    ];
    (0..doc.len()).any(|id| {
        doc.tag(id) != Tag::Text
            && doc.attr(id, "disabled").is_none()
            && doc.attrs(id).any(|(name, value)| {
                matches!(name, "class" | "id" | "name" | "data-testid" | "data-action") && {
                    let mut bare = value.to_ascii_lowercase();
                    bare.retain(|it| it.is_ascii_alphanumeric() || it == ' ');
                    NAMES.iter().any(|it| bare.contains(it))
                }
            })
    })
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

/// A text of digits, as long as an article number is.
fn digits(text: &str) -> Option<String> {
    let found: String = text
        .chars()
        .take_while(|it| it.is_ascii_digit() || matches!(it, '-' | ' '))
        .filter(char::is_ascii_digit)
        .collect();
    (8..=14).contains(&found.len()).then_some(found)
}

/// A short name.
fn brand(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = (2..=40).contains(&text.chars().count()) && text.split_whitespace().count() <= 4;
    fits.then(|| text.to_owned())
}

/// The first price of a part that calls itself one.
fn price(doc: &Doc<'_>, from: Id, to: Id) -> Option<(f64, Option<&'static str>)> {
    let mut loose = None;
    for id in from..to {
        let node = doc.node(id);
        if node.tag == Tag::Text || node.text == 0 || node.text > PRICE_TEXT || in_hidden(doc, id) {
            continue;
        }
        // The innermost part that is called so holds one price; those around it may hold several.
        let inner = (id + 1..node.end).any(|it| is_called_price(doc, it));
        if !is_called_price(doc, id) || inner || doc.around(id).take(3).any(|it| is_old(doc, it)) {
            continue;
        }
        let text = doc.folded_text(id);
        let sign = CURRENCIES.iter().find(|(sign, _)| text.contains(sign));
        let Some(value) = amount(&text) else { continue };
        match sign {
            Some((_, code)) => return Some((value, Some(code))),
            None if loose.is_none() => loose = Some((value, None)),
            None => {}
        }
    }
    loose
}

fn in_hidden(doc: &Doc<'_>, id: Id) -> bool {
    doc.around(id).any(|it| doc.node(it).hidden)
}

fn is_called_price(doc: &Doc<'_>, id: Id) -> bool {
    doc.tag(id) != Tag::Text
        && doc.attrs(id).any(|(name, value)| {
            matches!(name, "class" | "id" | "itemprop" | "data-testid")
                && value.to_ascii_lowercase().contains("price")
        })
}

/// Whether a price is one of the past, or of something else.
fn is_old(doc: &Doc<'_>, id: Id) -> bool {
    const OLD: [&str; 12] = [
        "old",
        "was",
        "strike",
        "regular",
        "compare",
        "list-price",
        "original",
        "crossed",
        "related",
        "recommend",
        "shipping",
        "unit",
    ];
    matches!(doc.tag(id), Tag::Del | Tag::S | Tag::Strike)
        || doc.attrs(id).any(|(name, value)| {
            let value = value.to_ascii_lowercase();
            matches!(name, "class" | "id") && OLD.iter().any(|it| value.contains(it))
        })
}

/// The first amount in a text such as `Now $12.50 (was $15)`.
fn amount(text: &str) -> Option<f64> {
    number(&Value::from(text)).filter(|it| *it > 0.0)
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
