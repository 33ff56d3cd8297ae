//! Writes a product of embedded state: its description for readers, and its facts as JSON-LD.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{JSON_LD, candidates, rich_text};
use crate::extract::dom::escape::escaped;

// The names of fields in shops' states, in order of preference.

const DESCRIPTION: [&str; 6] =
    ["descriptionHtml", "body_html", "description", "content", "body", "summary"];
const PRICE: [&str; 4] = ["price", "currentPrice", "salePrice", "finalPrice"];
/// Fields that hold offers, the first of which has the price that the product itself lacks.
const OFFERS: [&str; 3] = ["offers", "variants", "priceRange"];
/// Fields of a price that is an object.
const AMOUNT: [&str; 6] = ["amount", "value", "current", "price", "minVariantPrice", "min"];
const CURRENCY: [&str; 3] = ["currency", "priceCurrency", "currencyCode"];
/// Prices whose currency counts if the product itself has none.
const PRICE_WITH_CURRENCY: [&str; 3] = ["price", "priceRange", "currentPrice"];
const AVAILABILITY: [&str; 4] = ["availability", "inStock", "available", "availableForSale"];
const BRAND: [&str; 3] = ["brand", "vendor", "manufacturer"];
const GTIN: [&str; 4] = ["gtin", "gtin13", "ean", "barcode"];

/// See the module.
pub(super) fn write(object: &Map<String, Value>, out: &mut String) {
    let descriptions = DESCRIPTION.iter().filter_map(|it| object.get(*it));
    if let Some(longest) = descriptions.max_by_key(|it| rich_text::length(it)) {
        out.push_str(&rich_text::html(longest));
    }
    let price = price(object);
    let currency = currency(object);
    let data = json!({
        "@context": "https://schema.org", "@type": "Product", "name": candidates::title(object),
        "sku": first(object, &["sku"]), "gtin": first(object, &GTIN),
        "mpn": first(object, &["mpn"]), "brand": candidates::plain(&first(object, &BRAND)),
        "offers": {
            "@type": "Offer", "price": price, "priceCurrency": currency,
            "availability": availability(object),
        },
    });
    if !price.is_null() {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let currency = if currency.is_null() { String::new() } else { text(&currency) };
        let _ = write!(out, "<p>{} {}</p>", escaped(&text(&price)), escaped(&currency));
    }
    // A script ends at the first end tag, wherever that stands.
    out.extend([JSON_LD, &data.to_string().replace("</", "<\\/"), "</script>"]);
}

/// The first field with a value; null if there is none.
fn first(object: &Map<String, Value>, names: &[&str]) -> Value {
    let found = names.iter().find_map(|it| object.get(*it).filter(|it| !it.is_null()));
    found.cloned().unwrap_or_default()
}

fn price(object: &Map<String, Value>) -> Value {
    let own = amount(&first(object, &PRICE));
    if !own.is_null() {
        return own;
    }
    let offers = first(object, &OFFERS);
    amount(offers.get(0).unwrap_or(&offers))
}

/// Reads a price that may be wrapped in objects.
fn amount(value: &Value) -> Value {
    let inner = AMOUNT.iter().find_map(|it| value.get(*it)).unwrap_or(value);
    let inner = inner.get("amount").unwrap_or(inner);
    if inner.is_object() || inner.is_array() { Value::Null } else { inner.clone() }
}

fn currency(object: &Map<String, Value>) -> Value {
    let own = first(object, &CURRENCY);
    if !own.is_null() {
        return own;
    }
    let nested = PRICE_WITH_CURRENCY.iter().find_map(|it| {
        let price = object.get(*it)?;
        let price = price.get("minVariantPrice").unwrap_or(price);
        price.get("currency").or_else(|| price.get("currencyCode"))
    });
    nested.cloned().unwrap_or_default()
}

fn availability(object: &Map<String, Value>) -> Value {
    match first(object, &AVAILABILITY) {
        Value::Bool(true) => "https://schema.org/InStock".into(),
        Value::Bool(false) => "https://schema.org/OutOfStock".into(),
        other => other,
    }
}
